//! Groups, and one of them: how its members are, what is set on them, how their readings are distributed, and its rule.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use rollcall_model::NodeState;
use rollcall_model::indicator::{INDICATORS, Indicator, by_name};
use rollcall_placement::Kind;
use rollcall_store::Bind;
use serde::Deserialize;

use super::alerts::{self, Alert};
use super::answer::Answer;
use super::ask::{read, text};
use super::condition::Condition;
use super::frame::Frame;
use super::free::{self, Heard};
use super::page;
use super::quantiles::{Chart, Period};
use super::state::{Look, look};
use crate::api::counted::States;
use crate::api::errors::Problem;
use crate::api::{Caller, Shared};

/// A group in force.
#[derive(Deserialize)]
struct Group {
    group_id: String,
    name: String,
    kind: String,
    #[serde(deserialize_with = "text")]
    place: String,
    #[serde(deserialize_with = "text")]
    capability: String,
    members: i64,
    #[serde(flatten)]
    counts: States,
    #[serde(deserialize_with = "text")]
    addresses: String,
    #[serde(deserialize_with = "text")]
    origin: String,
    created_at: String,
    #[serde(deserialize_with = "text")]
    joined_at: String,
    #[serde(deserialize_with = "text")]
    rule: String,
    threads: Option<i64>,
    memory_bytes: Option<i64>,
    obey: Option<i64>,
}

impl Group {
    /// Members by state, worst first, without states nobody is in.
    fn states(&self) -> Vec<(Look, &'static str, i64)> {
        let told = |(state, count): (NodeState, i64)| (look(state.as_str(), 0), state.as_str(), count);
        self.counts.worst_first().map(told).collect()
    }

    fn controllers(&self) -> String {
        serde_json::from_str::<Vec<String>>(&self.addresses).unwrap_or_default().join(", ")
    }

    fn memory(&self) -> String {
        self.memory_bytes.and_then(|it| u64::try_from(it).ok()).map_or_else(|| "–".into(), super::drawing::bytes_of)
    }
}

#[derive(Deserialize)]
struct Member {
    node_id: String,
    name: String,
    #[serde(deserialize_with = "text")]
    since: String,
    #[serde(flatten)]
    condition: Condition,
    #[serde(deserialize_with = "text")]
    reason: String,
}

/// Which chart is wanted.
#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    indicator: String,
}

#[derive(Template)]
#[template(path = "groups.html")]
struct GroupsPage {
    frame: Frame,
    groups: Vec<Group>,
}

#[derive(Template)]
#[template(path = "group.html")]
struct GroupPage {
    frame: Frame,
    group: Group,
    members: Vec<Member>,
    /// What its members are listened to for; empty where no policy has nodes speak.
    kind: &'static str,
    /// How free they are, by their ids.
    free: HashMap<String, Heard>,
    /// Set bits, most often set first, with on how many members.
    set: Vec<(&'static Indicator, usize)>,
    alerts: Vec<Alert>,
    chart: Option<String>,
    indicator: &'static str,
    indicators: [Indicator; INDICATORS.len()],
}

impl GroupPage {
    fn row(&self, alert: &Alert) -> String {
        alerts::row(&self.frame, alert)
    }

    /// How free a member is, or why it is no target.
    fn free(&self, member: &Member) -> String {
        self.free.get(&member.node_id).map_or_else(|| "–".into(), |heard| heard.free.clone())
    }

    fn why_not(&self, member: &Member) -> &str {
        self.free.get(&member.node_id).map_or("", |heard| heard.why_not.as_str())
    }
}

/// `GET /ui/groups`
pub(super) async fn list(State(shared): State<Arc<Shared>>, caller: Caller) -> Answer {
    let frame = Frame::of(&shared, &caller, "groups").await?;
    let sql = "SELECT * FROM v_groups ORDER BY kind DESC, name, group_id LIMIT 5000";
    page::html(&GroupsPage { frame, groups: read(&shared, sql, &[]).await? })
}

/// `GET /ui/groups/{group}?indicator=`, by name or id.
pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(wanted): Path<String>,
    Query(wish): Query<Wish>,
) -> Answer {
    let group = find(&shared, &wanted).await?;
    let frame = Frame::of(&shared, &caller, "groups").await?;
    let id = Bind::Text(group.group_id.clone());
    let members = "SELECT n.node_id, n.name, n.state, n.since, n.health_bits, n.unmeasurable, m.reason \
                   FROM v_memberships AS m JOIN v_nodes AS n ON n.node_id = m.node_id WHERE m.group_id = $1 \
                   ORDER BY n.concern, n.name LIMIT 1000";
    let members: Vec<Member> = read(&shared, members, std::slice::from_ref(&id)).await?;
    let indicator = by_name(&wish.indicator).unwrap_or(&INDICATORS[0]);
    let readings = "SELECT at_ms, at, p50, p99, max FROM v_group_metrics WHERE group_id = $1 AND indicator = $2 \
                    ORDER BY analytics_id DESC LIMIT 360";
    let mut periods: Vec<Period> = read(&shared, readings, &[id, Bind::Text(indicator.name.into())]).await?;
    periods.reverse();
    let page = GroupPage {
        set: set_bits(&members),
        kind: free::first_kind(&shared).map_or("", Kind::as_str),
        free: free_of(&shared, &members),
        alerts: alerts::of(&shared, &group.group_id, "").await?,
        chart: Chart::of(indicator, &periods, frame.present()).map(|chart| chart.element()),
        indicator: indicator.name,
        indicators: INDICATORS,
        frame,
        group,
        members,
    };
    page::html(&page)
}

/// How free members are, of the kind that nodes send first.
fn free_of(shared: &Shared, members: &[Member]) -> HashMap<String, Heard> {
    let Some(kind) = free::first_kind(shared) else { return HashMap::new() };
    let members: HashSet<&str> = members.iter().map(|member| member.node_id.as_str()).collect();
    let nodes = shared.availability.nodes();
    let mine = nodes.iter().filter(|it| it.kind == kind).map(|it| (it.node.to_string(), it));
    mine.filter(|(id, _)| members.contains(id.as_str())).map(|(id, it)| (id, Heard::of(it))).collect()
}

fn set_bits(members: &[Member]) -> Vec<(&'static Indicator, usize)> {
    let on = |indicator: &Indicator| members.iter().filter(|it| it.condition.bits() >> indicator.bit & 1 == 1).count();
    let mut set: Vec<_> = INDICATORS.iter().map(|it| (it, on(it))).filter(|(_, count)| *count > 0).collect();
    set.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    set
}

async fn find(shared: &Shared, wanted: &str) -> Result<Group, Problem> {
    let sql = "SELECT * FROM v_groups WHERE group_id = $1 OR name = $1 ORDER BY group_id LIMIT 2";
    let mut found: Vec<Group> = read(shared, sql, &[Bind::Text(wanted.to_owned())]).await?;
    match (found.len(), found.pop()) {
        (1, Some(group)) => Ok(group),
        (0, _) => Err(Problem::missing(format!("there is no group {wanted:?} in this zone"))),
        _ => Err(Problem::bad_request(format!("{wanted:?} names more than one group; find it on the list of groups"))),
    }
}
