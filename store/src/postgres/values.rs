//! Values as JSON.

use serde_json::{Number, Value};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::{Decode, Postgres, Row, TypeInfo, ValueRef};

/// A value of one of the program's own statements. Yes and no are 1 and 0, as in SQLite.
pub(super) fn binary(row: &PgRow, at: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    decoded(raw, &kind).map_err(sqlx::Error::Decode)
}

fn decoded(raw: PgValueRef<'_>, kind: &str) -> Result<Value, BoxDynError> {
    Ok(match kind {
        "BOOL" => i64::from(<bool as Decode<'_, Postgres>>::decode(raw)?).into(),
        "INT2" => <i16 as Decode<'_, Postgres>>::decode(raw)?.into(),
        "INT4" => <i32 as Decode<'_, Postgres>>::decode(raw)?.into(),
        "INT8" => <i64 as Decode<'_, Postgres>>::decode(raw)?.into(),
        "FLOAT4" => fraction(f64::from(<f32 as Decode<'_, Postgres>>::decode(raw)?)),
        "FLOAT8" => fraction(<f64 as Decode<'_, Postgres>>::decode(raw)?),
        "TEXT" | "VARCHAR" | "NAME" | "BPCHAR" | "CHAR" | "UNKNOWN" | "JSON" => {
            String::from_utf8_lossy(raw.as_bytes()?).into()
        }
        other => return Err(format!("a statement of Rollcall's own answers with a {other}").into()),
    })
}

/// A value somebody asked for, which the server tells as text.
pub(super) fn text(row: &PgRow, at: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(told(raw.as_str().map_err(sqlx::Error::Decode)?, &kind))
}

fn told(text: &str, kind: &str) -> Value {
    let number = || match kind {
        "BOOL" => Some(i64::from(text == "t").into()),
        "INT2" | "INT4" | "INT8" | "OID" => text.parse::<i64>().ok().map(Value::from),
        "NUMERIC" => text.parse::<i64>().ok().map(Value::from).or_else(|| text.parse().ok().map(fraction)),
        "FLOAT4" | "FLOAT8" => text.parse().ok().map(fraction),
        "BYTEA" => text.strip_prefix("\\x").map(Value::from),
        _ => None,
    };
    number().unwrap_or_else(|| text.into())
}

fn fraction(number: f64) -> Value {
    // Infinities and what is no number have no place in JSON.
    Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

/// About how much room a value takes.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 8,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_tells_keeps_its_kind() {
        for (text, kind, value) in [
            ("t", "BOOL", json!(1)),
            ("f", "BOOL", json!(0)),
            ("-9223372036854775808", "INT8", json!(i64::MIN)),
            ("3", "NUMERIC", json!(3)),
            ("3.50", "NUMERIC", json!(3.5)),
            ("1.5", "FLOAT8", json!(1.5)),
            ("Infinity", "FLOAT8", json!("inf")),
            ("\\x00ff", "BYTEA", json!("00ff")),
            ("7", "TEXT", json!("7")),
            ("{1,2}", "INT4[]", json!("{1,2}")),
        ] {
            assert_eq!(told(text, kind), value, "{text} {kind}");
        }
    }
}
