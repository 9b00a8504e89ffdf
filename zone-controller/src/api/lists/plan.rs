//! The statement that answers a list. Pure: the program's own text, and binds for everything that came from outside.

use rollcall_store::{Bind, Sql};
use serde_json::Value;

use super::List;
use super::asked::{Asked, Term};

/// A condition on the rows of a list that its path makes: each `?` is the value.
pub type Scope = (&'static str, String);

/// One row more than the page has tells that there is another page. The told columns come first, then what the rows are
/// sorted by. `after` is what the last row of the page before was sorted by.
pub fn statement(list: &List, asked: &Asked, scope: Option<&Scope>, after: Option<&[Value]>) -> Sql {
    let mut sql = Sql::new("SELECT ");
    for column in &asked.columns {
        sql.push("r.\"").push(column.name).push("\", ");
    }
    listed(&mut sql, asked.terms.iter().map(|term| term.order));
    let Some(narrow) = list.found_in else {
        sql.push(" FROM ").push(list.view).push(" AS r");
        chosen(&mut sql, asked, scope, after);
        return sql;
    };
    let is_enough = asked.terms.iter().all(|term| narrow.orders.contains(&term.order));
    sql.push(" FROM (SELECT ");
    for (at, key) in list.key.iter().enumerate() {
        sql.push(if at == 0 { "r." } else { ", r." }).push(key).push(" AS found_").push(key);
    }
    sql.push(" FROM ").push(if is_enough { narrow.source } else { list.view }).push(" AS r");
    chosen(&mut sql, asked, scope, after);
    sql.push(") AS found JOIN ").push(list.view).push(" AS r ON ");
    for (at, key) in list.key.iter().enumerate() {
        sql.push(if at == 0 { "r." } else { " AND r." }).push(key).push(" = found.found_").push(key);
    }
    ordered(&mut sql, asked);
    sql
}

fn listed(sql: &mut Sql, texts: impl Iterator<Item = &'static str>) {
    for (at, text) in texts.enumerate() {
        sql.push(if at == 0 { "" } else { ", " }).push(text);
    }
}

/// Which rows, in their order, and how many of them.
fn chosen(sql: &mut Sql, asked: &Asked, scope: Option<&Scope>, after: Option<&[Value]>) {
    sql.push(" WHERE 1 = 1");
    if let Some((condition, value)) = scope {
        sql.push(" AND ").push_with(condition, value.as_str());
    }
    for ways in &asked.filters {
        sql.push(" AND (");
        for (at, way) in ways.iter().enumerate() {
            sql.push(if at == 0 { "" } else { " OR " });
            match &way.value {
                Some(value) => sql.push_with(way.sql, value.clone()),
                None => sql.push(way.sql),
            };
        }
        sql.push(")");
    }
    if let Some(values) = after {
        behind(sql, &asked.terms, values);
    }
    ordered(sql, asked);
    sql.push(" LIMIT ").bind(asked.limit + 1);
}

fn ordered(sql: &mut Sql, asked: &Asked) {
    for (at, term) in asked.terms.iter().enumerate() {
        sql.push(if at == 0 { " ORDER BY " } else { ", " }).push(term.order);
        sql.push(if term.is_descending { " DESC" } else { "" });
    }
}

/// Rows behind the one with these values. That the first term is not before it follows from the rest, and lets an index
/// begin there.
fn behind(sql: &mut Sql, terms: &[Term], values: &[Value]) {
    let (Some(first), Some(value)) = (terms.first(), values.first()) else { return };
    sql.push(" AND ").push(first.order).push(if first.is_descending { " <= " } else { " >= " }).bind(bound(value));
    sql.push(" AND (");
    let count = terms.len().min(values.len());
    for (at, (term, value)) in terms.iter().zip(values).enumerate() {
        sql.push(term.order).push(if term.is_descending { " < " } else { " > " }).bind(bound(value));
        if at + 1 < count {
            sql.push(" OR (").push(term.order).push(" = ").bind(bound(value)).push(" AND (");
        }
    }
    for _ in 1..count {
        sql.push("))");
    }
    sql.push(")");
}

fn bound(value: &Value) -> Bind {
    match value {
        Value::String(text) => Bind::Text(text.clone()),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Bind::Real(number.as_f64().unwrap_or_default()), Bind::Integer)
        }
        _ => Bind::Null,
    }
}
