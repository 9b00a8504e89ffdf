//! Rows of the views, read as what a page shows of them.

use rollcall_store::Bind;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::api::Shared;
use crate::api::asking::rows;
use crate::api::errors::Problem;

/// Runs one of our own statements; columns that a `T` does not name are passed over.
///
/// # Errors
/// When the store does not answer, or in other columns than it should.
pub(super) async fn read<T: DeserializeOwned>(
    shared: &Shared,
    sql: &'static str,
    binds: &[Bind],
) -> Result<Vec<T>, Problem> {
    let found = rows(shared, sql, binds).await?;
    found.into_iter().map(|row| serde_json::from_value(row).map_err(Problem::store)).collect()
}

/// Yes and no: conditions in one database, numbers in the other.
pub(super) fn yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_bool().unwrap_or_else(|| value.as_i64().unwrap_or_default() != 0))
}

/// Text, empty where there is none.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::<String>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A number, 0 where there is none.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Option::<i64>::deserialize(deserializer).map(Option::unwrap_or_default)
}
