//! Finding a node or a group by whatever somebody has in hand: a name, the serial number on the case, an address, an id.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use rollcall_store::Bind;
use serde::Deserialize;

use super::answer::Answer;
use super::ask::{read, text};
use super::condition::Condition;
use super::frame::Frame;
use super::page;
use crate::api::errors::Problem;
use crate::api::{Caller, Shared};

/// Most of each that are shown.
const MOST: usize = 50;
/// Longest text that is looked for, characters.
const LONGEST: usize = 100;

/// What is looked for.
#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    q: String,
}

#[derive(Deserialize)]
struct Found {
    node_id: String,
    name: String,
    #[serde(flatten)]
    condition: Condition,
    #[serde(deserialize_with = "text")]
    address: String,
    #[serde(deserialize_with = "text")]
    physical_group: String,
    #[serde(deserialize_with = "text")]
    serial: String,
}

#[derive(Deserialize)]
struct FoundGroup {
    group_id: String,
    name: String,
    kind: String,
    members: i64,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    wanted: String,
    nodes: Vec<Found>,
    groups: Vec<FoundGroup>,
    most: usize,
}

/// `GET /ui/search?q=`; where just one thing fits, it is shown at once.
pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Answer {
    let wanted: String = wish.q.trim().chars().take(LONGEST).collect();
    let (nodes, groups) = if wanted.is_empty() { (Vec::new(), Vec::new()) } else { find(&shared, &wanted).await? };
    let only = match (nodes.as_slice(), groups.as_slice()) {
        ([node], []) => Some(format!("/ui/nodes/{}", node.node_id)),
        ([], [group]) => Some(format!("/ui/groups/{}", group.group_id)),
        _ => None,
    };
    let is_part = headers.contains_key("hx-request");
    if let Some(path) = only.and_then(|path| HeaderValue::from_str(&path).ok()).filter(|_| !is_part) {
        return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response());
    }
    page::html(&SearchPage { frame: Frame::of(&shared, &caller, "").await?, wanted, nodes, groups, most: MOST })
}

async fn find(shared: &Shared, wanted: &str) -> Result<(Vec<Found>, Vec<FoundGroup>), Problem> {
    let nodes = "SELECT n.node_id, n.name, n.state, n.health_bits, n.address, n.physical_group, \
                 h.topology ->> '$.chassis.serial' AS serial FROM v_nodes AS n \
                 LEFT JOIN v_node_hardware AS h ON h.node_id = n.node_id \
                 WHERE lower(n.name) LIKE $1 ESCAPE '!' OR n.node_id LIKE $2 ESCAPE '!' OR n.address LIKE $2 ESCAPE '!' \
                 OR lower(h.topology ->> '$.chassis.serial') LIKE $1 ESCAPE '!' ORDER BY n.name, n.node_id LIMIT 50";
    let groups = "SELECT group_id, name, kind, members FROM v_groups WHERE lower(name) LIKE $1 ESCAPE '!' \
                  OR group_id LIKE $2 ESCAPE '!' ORDER BY kind DESC, name LIMIT 50";
    let binds = [Bind::Text(format!("%{}%", literal(wanted))), Bind::Text(format!("{}%", literal(wanted)))];
    Ok((read(shared, nodes, &binds).await?, read(shared, groups, &binds).await?))
}

/// The text as a pattern that fits itself alone.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_means_itself() {
        assert_eq!(literal("Web-1"), "web-1");
        assert_eq!(literal("100%_!"), "100!%!_!!");
    }
}
