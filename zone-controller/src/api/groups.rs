//! Groups, and groups by rule.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use rollcall_model::{Millis, Name};
use rollcall_store::{Bind, GroupKind};
use serde::Deserialize;
use serde_json::json;

use super::Shared;
use super::asking::{Answer, command, listed, rows};
use super::caller::Author;
use super::errors::Problem;
use super::receiving::Body;
use crate::core::Command;

/// `GET /v1/groups`
pub async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    listed(&shared, "SELECT * FROM v_groups ORDER BY kind DESC, name", &[]).await
}

/// `GET /v1/groups/{name or id}`: the group, its rule where it has one, its members and open alerts.
pub async fn one(State(shared): State<Arc<Shared>>, Path(wanted): Path<String>) -> Answer {
    let by_name = [Bind::Text(wanted.clone())];
    let sql = "SELECT * FROM v_groups WHERE group_id = $1 OR name = $1 ORDER BY group_id LIMIT 2";
    let group = match rows(&shared, sql, &by_name).await?.as_slice() {
        [group] => group.clone(),
        [] => return Err(Problem::missing(format!("there is no group {wanted:?} in this zone"))),
        _ => return Err(Problem::bad_request(format!("{wanted:?} names more than one group; give its id"))),
    };
    let id = [Bind::Text(group["group_id"].as_str().unwrap_or_default().to_owned())];
    let rule = rows(&shared, "SELECT * FROM v_rule_groups WHERE group_id = $1", &id).await?;
    let members = "SELECT node_id, node, since, reason FROM v_memberships WHERE group_id = $1 ORDER BY node, node_id";
    let members = rows(&shared, members, &id).await?;
    let alerts = rows(&shared, "SELECT * FROM v_group_alerts WHERE group_id = $1 ORDER BY severity", &id).await?;
    Ok(Json(json!({ "group": group, "rule": rule.first(), "members": members, "alerts": alerts })))
}

/// Body of `POST /v1/groups`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleGroup {
    name: Name,
    /// `logical` (so without it) or `health`.
    #[serde(default)]
    kind: Option<GroupKind>,
    rule: String,
    #[serde(default = "enter_dwell_ms")]
    enter_dwell_ms: u64,
    #[serde(default = "leave_dwell_ms")]
    leave_dwell_ms: u64,
}

const fn enter_dwell_ms() -> u64 {
    5_000
}

const fn leave_dwell_ms() -> u64 {
    30_000
}

/// `POST /v1/groups {name, kind, rule, enter_dwell_ms, leave_dwell_ms}`: makes a group by rule, or changes its rule.
pub async fn set(State(shared): State<Arc<Shared>>, Author(by): Author, Body(group): Body<RuleGroup>) -> Answer {
    let RuleGroup { name, kind, rule, enter_dwell_ms, leave_dwell_ms } = group;
    let set = Command::SetRuleGroup {
        name,
        kind: kind.unwrap_or(GroupKind::Logical),
        rule,
        enter_dwell: Millis(enter_dwell_ms),
        leave_dwell: Millis(leave_dwell_ms),
        by,
    };
    command(&shared, set).await
}

/// `DELETE /v1/groups/{name or id}`: dissolves a group by rule.
pub async fn dissolve(State(shared): State<Arc<Shared>>, Author(by): Author, Path(group): Path<String>) -> Answer {
    command(&shared, Command::DissolveGroup { group, by }).await
}

/// Body of `POST /v1/rules/test`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    rule: String,
}

/// `POST /v1/rules/test {rule}`: who would be in a group of this rule. Changes nothing, so anybody may ask.
pub async fn test(State(shared): State<Arc<Shared>>, Body(asked): Body<RuleText>) -> Answer {
    command(&shared, Command::TestRule { rule: asked.rule }).await
}
