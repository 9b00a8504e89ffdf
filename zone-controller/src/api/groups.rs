//! Groups, and groups by rule.

use std::sync::Arc;

use axum::extract::State;
use rollcall_model::{GroupId, Millis, Name};
use rollcall_store::{Bind, GroupKind, GroupRule};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Shared;
use super::asking::{Answer, Told, command, command_if, rows};
use super::caller::Author;
use super::conditions::{Conditions, Tag};
use super::errors::Problem;
use super::lists::catalogue::{GROUPS, RULES};
use super::lists::rows_of;
use super::receiving::{Body, InPath, one_line};
use crate::core::{Command, Expected};

/// Longest rule, characters.
const LONGEST_RULE: usize = 4_096;

/// `GET /v1/groups/{name or id}`: the group, its rule where it has one, its members and open alerts.
pub async fn one(State(shared): State<Arc<Shared>>, conditions: Conditions, InPath(wanted): InPath<String>) -> Told {
    let named = ("(r.group_id = ? OR r.name = ?)", wanted.clone());
    let group = match rows_of(&shared, &GROUPS, named, 2).await?.as_slice() {
        [group] => group.clone(),
        [] => return Err(Problem::missing(format!("there is no group {wanted:?} in this zone"))),
        _ => return Err(Problem::bad_request(format!("{wanted:?} names more than one group; give its id"))),
    };
    let id = [Bind::Text(group["group_id"].as_str().unwrap_or_default().to_owned())];
    let rule = rows(&shared, "SELECT * FROM v_rule_groups WHERE group_id = $1", &id).await?;
    let members = "SELECT node_id, node, since, reason FROM v_memberships WHERE group_id = $1 ORDER BY node, node_id";
    let members = rows(&shared, members, &id).await?;
    let alerts = rows(&shared, "SELECT * FROM v_group_alerts WHERE group_id = $1 ORDER BY severity", &id).await?;
    let state = rule.first().map_or(Value::Null, written);
    let answer = json!({ "group": group, "rule": rule.first(), "members": members, "alerts": alerts });
    Ok(conditions.answer(&Tag::of(&state, &answer), answer))
}

/// What a write of a group by rule overwrites.
fn written(rule: &Value) -> Value {
    json!([rule["group_id"], rule["kind"], rule["rule"], rule["enter_dwell_ms"], rule["leave_dwell_ms"]])
}

/// Whether a group by rule, by name or id, may be written, and how it has to be where that matters.
async fn allow(shared: &Shared, conditions: &Conditions, group: &str) -> Result<Option<Expected>, Problem> {
    if conditions.are_none() {
        return Ok(None);
    }
    let named = ("r.dissolved_at IS NULL AND (r.name = ? OR r.group_id = ?)", group.to_owned());
    let rule = rows_of(shared, &RULES, named, 1).await?.pop();
    conditions.allow(rule.as_ref().map(|rule| Tag::of(&written(rule), &Value::Null)).as_ref())?;
    let seen = rule.map(|rule| serde_json::from_value::<Seen>(rule).map_err(Problem::store)).transpose()?;
    Ok(Some(Expected::Rule { group: group.to_owned(), seen: seen.map(Seen::state) }))
}

/// What a write overwrites of a row.
#[derive(Deserialize)]
struct Seen {
    group_id: GroupId,
    kind: GroupKind,
    rule: String,
    enter_dwell_ms: Millis,
    leave_dwell_ms: Millis,
}

impl Seen {
    fn state(self) -> (GroupId, GroupKind, GroupRule) {
        let Self { group_id, kind, rule, enter_dwell_ms: enter_dwell, leave_dwell_ms: leave_dwell } = self;
        (group_id, kind, GroupRule { rule, enter_dwell, leave_dwell })
    }
}

/// Body of `POST /v1/groups`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleGroup {
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,63}$")]
    name: Name,
    /// `logical` (so without it) or `health`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(logical|health)$")]
    kind: Option<GroupKind>,
    #[schema(min_length = 1, max_length = 4096)]
    rule: String,
    #[serde(default = "enter_dwell_ms")]
    #[schema(maximum = 86_400_000)]
    enter_dwell_ms: u64,
    #[serde(default = "leave_dwell_ms")]
    #[schema(maximum = 86_400_000)]
    leave_dwell_ms: u64,
}

const fn enter_dwell_ms() -> u64 {
    5_000
}

const fn leave_dwell_ms() -> u64 {
    30_000
}

/// `POST /v1/groups {name, kind, rule, enter_dwell_ms, leave_dwell_ms}`: makes a group by rule, or changes its rule.
pub async fn set(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    conditions: Conditions,
    Body(group): Body<RuleGroup>,
) -> Answer {
    let RuleGroup { name, kind, rule, enter_dwell_ms, leave_dwell_ms } = group;
    one_line("rule", &rule, LONGEST_RULE)?;
    let _one_at_a_time = shared.writes.turn().await;
    let expected = allow(&shared, &conditions, name.as_str()).await?;
    let set = Command::SetRuleGroup {
        name,
        kind: kind.unwrap_or(GroupKind::Logical),
        rule,
        enter_dwell: Millis(enter_dwell_ms),
        leave_dwell: Millis(leave_dwell_ms),
        by,
    };
    command_if(&shared, expected, set).await
}

/// `DELETE /v1/groups/{name or id}`: dissolves a group by rule.
pub async fn dissolve(
    State(shared): State<Arc<Shared>>,
    Author(by): Author,
    conditions: Conditions,
    InPath(group): InPath<String>,
) -> Answer {
    let _one_at_a_time = shared.writes.turn().await;
    let expected = allow(&shared, &conditions, &group).await?;
    command_if(&shared, expected, Command::DissolveGroup { group, by }).await
}

/// Body of `POST /v1/rules/test`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    #[schema(min_length = 1, max_length = 4096)]
    rule: String,
}

/// `POST /v1/rules/test {rule}`: who would be in a group of this rule. Changes nothing, so anybody may ask.
pub async fn test(State(shared): State<Arc<Shared>>, Body(asked): Body<RuleText>) -> Answer {
    one_line("rule", &asked.rule, LONGEST_RULE)?;
    command(&shared, Command::TestRule { rule: asked.rule }).await
}
