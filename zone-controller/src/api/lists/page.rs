//! Pages, and single rows, as answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use rollcall_store::{Sql, Table};
use serde_json::{Map, Value};

use super::plan::{Scope, statement};
use super::{Column, Kind, List, asked, cursor};
use crate::api::Shared;
use crate::api::asking::{Told, built};
use crate::api::errors::Problem;

/// A handler that answers with a list.
pub fn listed(
    list: &'static List,
) -> impl Fn(State<Arc<Shared>>, Uri) -> BoxFuture<'static, Told> + Clone + Send + Sync + 'static {
    move |State(shared), uri| async move { page(&shared, list, None, &uri).await }.boxed()
}

/// A page of a list, with `Link: <…>; rel="next"` (RFC 8288) where there is another.
///
/// # Errors
/// 400 where the query string cannot be read, with the parameter at fault.
pub async fn page(shared: &Shared, list: &'static List, scope: Option<Scope>, uri: &Uri) -> Result<Response, Problem> {
    let query = uri.query().unwrap_or_default();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let asked = asked::read(list, &pairs)?;
    // Keyed, so that only what the zone wrote itself reaches the database.
    let zone = shared.sessions.tag("cursor", &shared.zone.to_string());
    let of = scope.as_ref().map_or("", |(_, value)| value.as_str());
    let question = [zone.as_str(), list.name, of, asked.question.as_str()];
    let after = match &asked.cursor {
        None => None,
        Some(shown) => {
            let values = cursor::read(&question, shown).filter(|values| values.len() == asked.terms.len());
            let why = "was not made for this list with these filters in this order; begin again without it";
            Some(values.ok_or_else(|| Problem::at("cursor", why))?)
        }
    };
    let sql = statement(list, &asked, scope.as_ref(), after.as_deref());
    let mut rows = built(shared, &sql).await?.rows;
    let has_more = rows.len() > usize::try_from(asked.limit).unwrap_or(usize::MAX);
    let mut next = None;
    if has_more {
        rows.pop();
        next = rows.last().map(|last| cursor::write(&question, &last[asked.columns.len()..]));
    }
    let told: Vec<Value> = rows.into_iter().map(|row| object(&asked.columns, row)).collect();
    let mut answer = Json(Value::Array(told)).into_response();
    if let Some(link) = next.and_then(|next| link(uri, &pairs, &next)) {
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}

fn link(uri: &Uri, pairs: &[(String, String)], next: &str) -> Option<HeaderValue> {
    let kept = pairs.iter().filter(|(name, _)| name != "cursor");
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("cursor", next).finish();
    HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())).ok()
}

/// A row as an object; JSON in text is told as what it says.
fn object(columns: &[&'static Column], row: Vec<Value>) -> Value {
    let value = |column: &Column, value: Value| match (&value, column.kind) {
        (Value::String(text), Kind::Json) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    };
    let pairs = columns.iter().zip(row).map(|(column, found)| (column.name.to_owned(), value(column, found)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// Every row of a list that fulfils a condition, with every column, at most `most` of them in the list's order.
///
/// # Errors
/// When the store does not answer.
pub async fn rows_of(shared: &Shared, list: &'static List, scope: Scope, most: i64) -> Result<Vec<Value>, Problem> {
    let mut asked = asked::read(list, &[])?;
    asked.limit = most;
    asked.columns = list.columns.iter().collect();
    let sql: Sql = statement(list, &asked, Some(&scope), None);
    let Table { mut rows, .. } = built(shared, &sql).await?;
    rows.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(rows.into_iter().map(|row| object(&asked.columns, row)).collect())
}

/// The one row of a list that fulfils a condition, with every column.
///
/// # Errors
/// 404 with `missing` where there is none.
pub async fn one(
    shared: &Shared,
    list: &'static List,
    scope: Scope,
    missing: impl FnOnce() -> String,
) -> Result<Value, Problem> {
    let found = rows_of(shared, list, scope, 1).await?.pop();
    found.ok_or_else(|| Problem::missing(missing()))
}
