//! How free nodes are, as the zone's receiver recovers it from how often they speak (A5), and as a node says it itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use rollcall_model::{GroupId, NodeId};
use rollcall_placement::Kind;
use rollcall_store::{Bind, Sql};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::asking::{Answer, Told, built, command, rows};
use super::errors::Problem;
use super::lists::{DEFAULT_LIMIT, MOST_LIMIT};
use super::nodes;
use super::receiving::{InPath, Params};
use crate::availability::{NodeAvailability, Plan};
use crate::core::Command;

/// What a policy in force makes of senders and receivers.
///
/// # Errors
/// 409 where none has nodes speak, with how to set one.
pub(crate) fn plan(shared: &Shared) -> Result<Arc<Plan>, Problem> {
    shared.availability.plan().ok_or_else(|| Problem::conflict(NO_POLICY).because("no_policy"))
}

/// How to have nodes speak.
pub(crate) const NO_POLICY: &str = "no policy has nodes tell how free they are, so nothing is known; put \
    `[settings.availability]` with `kinds = \"both\"` and `messages_per_second = 50` into the policy and set it with \
    `rollcall policy set FILE`";

/// A kind by its word.
pub(crate) fn kind_named(word: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
}

/// A number as it is told: what lies behind the fourth digit is noise.
pub(crate) fn number(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// What people know a node by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Known {
    pub node_id: String,
    pub name: String,
    #[serde(rename = "physical_group")]
    pub rack: Option<String>,
    #[serde(rename = "physical_group_id")]
    pub rack_id: Option<String>,
    pub address: Option<String>,
    pub state: Option<String>,
}

impl Known {
    /// One that the topology does not have any more.
    pub(crate) fn nobody(node: NodeId) -> Self {
        Self { node_id: node.to_string(), name: node.to_string(), ..Self::default() }
    }
}

/// What people know these nodes by.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn known(shared: &Shared, nodes: BTreeSet<NodeId>) -> Result<HashMap<NodeId, Known>, Problem> {
    if nodes.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql = Sql::new(
        "SELECT node_id, name, physical_group, physical_group_id, address, state FROM v_nodes WHERE node_id IN (",
    );
    for (at, node) in nodes.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " }).bind(node.to_string());
    }
    sql.push(")");
    let table = built(shared, &sql).await?;
    let object = |row: Vec<Value>| Value::Object(table.columns.iter().cloned().zip(row).collect());
    let read = |row| serde_json::from_value::<Known>(object(row)).ok();
    let found = table.rows.into_iter().filter_map(read);
    Ok(found.filter_map(|known| Some((known.node_id.parse().ok()?, known))).collect())
}

/// Query of `GET /v1/availability`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    #[serde(default)]
    group: String,
    #[serde(default)]
    kind: String,
    limit: Option<i64>,
    #[serde(default)]
    cursor: String,
}

/// `GET /v1/availability?group=&kind=&limit=&cursor=`: a row for each node and kind, in the order of node ids.
pub async fn list(State(shared): State<Arc<Shared>>, Params(narrowed): Params<Narrowed>, uri: Uri) -> Told {
    let limit = narrowed.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST_LIMIT).contains(&limit) {
        return Err(Problem::at("limit", format!("{limit} is no number of rows from 1 to {MOST_LIMIT}")));
    }
    let kind = match narrowed.kind.as_str() {
        "" => None,
        word => Some(
            kind_named(word)
                .ok_or_else(|| Problem::at("kind", format!("{word:?} is none of balance, power and mixed")))?,
        ),
    };
    let after = cursor(&narrowed.cursor)?;
    plan(&shared)?;
    let members = match narrowed.group.as_str() {
        "" => None,
        group => Some(members(&shared, group).await?),
    };
    let heard = shared.availability.nodes();
    let mut mine: Vec<&NodeAvailability> = heard
        .iter()
        .filter(|it| kind.is_none_or(|kind| it.kind == kind))
        .filter(|it| members.as_ref().is_none_or(|members| members.contains(&it.node)))
        .filter(|it| after.is_none_or(|after| (it.node, it.kind) > after))
        .collect();
    mine.sort_unstable_by_key(|it| (it.node, it.kind));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = mine.len() > limit;
    mine.truncate(limit);
    let known = known(&shared, mine.iter().map(|it| it.node).collect()).await?;
    let told: Vec<Value> = mine.iter().map(|it| row(it, known.get(&it.node))).collect();
    let next = mine.last().filter(|_| has_more).map(|last| format!("{}.{}", last.node, last.kind.as_str()));
    Ok(page(told, next.and_then(|next| link(&uri, &next))))
}

fn page(rows: Vec<Value>, link: Option<HeaderValue>) -> Response {
    let mut answer = Json(Value::Array(rows)).into_response();
    if let Some(link) = link {
        answer.headers_mut().insert(header::LINK, link);
    }
    answer
}

/// The row that a page begins behind.
fn cursor(text: &str) -> Result<Option<(NodeId, Kind)>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = || {
        let (node, kind) = text.split_once('.')?;
        Some((node.parse().ok()?, kind_named(kind)?))
    };
    read().map(Some).ok_or_else(|| Problem::at("cursor", "is none of this list; begin again without it"))
}

fn link(uri: &Uri, next: &str) -> Option<HeaderValue> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.filter(|(name, _)| name != "cursor")).append_pair("cursor", next);
    HeaderValue::from_str(&format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish())).ok()
}

/// Members of a group of any kind, by its name or id.
async fn members(shared: &Shared, group: &str) -> Result<BTreeSet<NodeId>, Problem> {
    let wanted = [Bind::Text(group.to_owned())];
    let groups = "SELECT group_id FROM v_groups WHERE group_id = $1 OR name = $1 LIMIT 1";
    if rows(shared, groups, &wanted).await?.is_empty() {
        return Err(Problem::missing(format!("there is no group {group:?} in this zone")).of("group"));
    }
    let sql = "SELECT node_id FROM v_memberships WHERE group_id = $1 OR group_name = $1";
    let found = rows(shared, sql, &wanted).await?;
    Ok(found.iter().filter_map(|row| row["node_id"].as_str()?.parse().ok()).collect())
}

/// A node as it was heard.
fn row(heard: &NodeAvailability, known: Option<&Known>) -> Value {
    let barred: Vec<&str> = heard.barriers.iter().map(|barrier| barrier.as_str()).collect();
    json!({
        "node_id": heard.node,
        "node": known.map(|known| &known.name),
        "rack": known.and_then(|known| known.rack.as_ref()),
        "rack_id": heard.group.map(|group: GroupId| group.to_string()),
        "state": known.and_then(|known| known.state.as_ref()),
        "kind": heard.kind.as_str(),
        "availability": heard.availability.map(number),
        "error": heard.frequency.map(|_| number(heard.error)),
        "messages_per_second": heard.frequency.map(number),
        "age_ms": heard.age,
        "share": number(heard.share),
        "barred": barred,
    })
}

/// `GET /v1/nodes/{node}/availability`: a node as it was heard, and as it says it speaks; asked of the node itself, so it
/// waits at most 2 s.
pub async fn of_node(State(shared): State<Arc<Shared>>, InPath(wanted): InPath<String>) -> Answer {
    let node = nodes::find(&shared, &wanted).await?;
    let plan = plan(&shared)?;
    let id = node["node_id"].as_str().unwrap_or_default().to_owned();
    let (sent, problem) = sent(&shared, &id).await;
    let known: Known = serde_json::from_value(node).map_err(Problem::store)?;
    let mut heard = heard(&shared, &id);
    heard.sort_unstable_by_key(|it| it.kind);
    let rates = plan.sending.rates;
    Ok(Json(json!({
        "node_id": id,
        "node": known.name,
        "heard": heard.iter().map(|it| row(it, Some(&known))).collect::<Vec<_>>(),
        "sent": sent,
        "problem": problem,
        "min": rates.min(),
        "kinds": plan.sending.kinds.kinds().iter().map(|kind| json!({
            "kind": kind.as_str(),
            "slowest": number(rates.slowest(*kind)),
            "fastest": number(rates.fastest(*kind)),
        })).collect::<Vec<_>>(),
    })))
}

/// A node as it was heard, of each kind.
pub(crate) fn heard(shared: &Shared, node_id: &str) -> Vec<NodeAvailability> {
    let Ok(id) = node_id.parse::<NodeId>() else { return Vec::new() };
    shared.availability.nodes().iter().filter(|it| it.node == id).cloned().collect()
}

/// What a node says of how it speaks, or why that is not known.
pub(crate) async fn sent(shared: &Shared, node_id: &str) -> (Value, Option<String>) {
    match command(shared, Command::Readings { node: node_id.to_owned() }).await {
        Ok(Json(mut readings)) => match readings["availability"].take() {
            Value::Null => (Value::Null, Some("the node answered, and says that it does not speak of it".into())),
            sent => (sent, None),
        },
        Err(problem) => (Value::Null, Some(problem.detail().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_behind_the_row_its_cursor_names() {
        let node = NodeId::derived_from("n1");
        assert_eq!(cursor("").unwrap(), None);
        assert_eq!(cursor(&format!("{node}.power")).unwrap(), Some((node, Kind::Power)));
        for bad in ["x", "x.power", &format!("{node}"), &format!("{node}.loud"), "..", "\u{0}"] {
            assert!(cursor(bad).is_err(), "{bad}");
        }
        let uri: Uri = "/v1/availability?kind=power&cursor=old&group=a%20b".parse().unwrap();
        let link = link(&uri, "new.power").unwrap();
        assert_eq!(link, "</v1/availability?kind=power&group=a+b&cursor=new.power>; rel=\"next\"");
    }
}
