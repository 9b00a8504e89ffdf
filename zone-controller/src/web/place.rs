//! Where to place something: which nodes would be taken now, every node that was looked at and why, and how free all are.
//! Looking places nothing.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use rollcall_model::NodeId;
use rollcall_placement::{Kind, Target};
use rollcall_store::Bind;
use serde::Deserialize;

use super::answer::Answer;
use super::ask::read;
use super::frame::Frame;
use super::free::{self, Heard, gauge};
use super::page;
use super::state::{Look, look};
use crate::api::availability::{Known, NO_POLICY, known};
use crate::api::errors::Problem;
use crate::api::targets::{Asking, Chosen, Look as Looked, Wish, choose};
use crate::api::{Caller, Shared};
use crate::availability::{NodeAvailability, Plan};

/// Most nodes in the table.
const MOST: usize = 200;

#[derive(Deserialize)]
struct GroupName {
    group_id: String,
    name: String,
    kind: String,
}

/// A node in the table of all.
struct Row {
    known: Known,
    heard: Heard,
}

impl Row {
    fn look(&self) -> Look {
        look(self.known.state.as_deref().unwrap_or_default(), 0)
    }
}

#[derive(Template)]
#[template(path = "place.html")]
struct PlacePage {
    frame: Frame,
    asking: Asking,
    /// The question as a query string, to ask it again.
    query: String,
    /// What is said of how nodes speak; empty where no policy has them speak.
    plan: String,
    kinds: Vec<&'static str>,
    groups: Vec<GroupName>,
    chosen: Option<Chosen>,
    /// What is wrong with the question, or that nobody speaks.
    problem: String,
    rows: Vec<Row>,
    is_cut: bool,
}

impl PlacePage {
    #[allow(clippy::unused_self, reason = "templates call methods of the page")]
    fn free(&self, target: &Target) -> String {
        gauge(target.availability, Some(target.error))
    }

    #[allow(clippy::unused_self, reason = "templates call methods of the page")]
    fn ago(&self, age: u64) -> String {
        free::ago(age)
    }

    #[allow(clippy::unused_self, reason = "templates call methods of the page")]
    fn look(&self, known: &Known) -> Look {
        look(known.state.as_deref().unwrap_or_default(), 0)
    }

    #[allow(clippy::unused_self, reason = "templates call methods of the page")]
    fn score(&self, looked: &Looked) -> String {
        looked.score().map_or_else(|| "–".into(), |score| format!("{score:.2}"))
    }
}

/// `GET /ui/place?for=&group=&size=&count=&rule=…`: as `GET /v1/targets` takes them.
pub(super) async fn page(State(shared): State<Arc<Shared>>, caller: Caller, RawQuery(asked): RawQuery) -> Answer {
    let mut asking = understood(asked.as_deref().unwrap_or_default());
    let frame = Frame::of(&shared, &caller, "place").await?;
    let plan = shared.availability.plan();
    let groups = "SELECT group_id, name, kind FROM v_groups ORDER BY kind DESC, name, group_id LIMIT 5000";
    let mut place = PlacePage {
        frame,
        query: query(&asking),
        plan: plan.as_deref().map(told).unwrap_or_default(),
        kinds: plan.as_deref().map(kinds).unwrap_or_default(),
        groups: read(&shared, groups, &[]).await?,
        chosen: None,
        problem: if plan.is_none() { NO_POLICY.into() } else { String::new() },
        rows: Vec::new(),
        is_cut: false,
        asking: asking.clone(),
    };
    if plan.is_some() {
        asking.explain = true;
        match look_around(&shared, asking, &mut place).await {
            Ok(()) => {}
            Err(problem) if problem.status().is_client_error() || problem.is_passing() => {
                place.problem = problem.detail().to_owned();
            }
            Err(problem) => return Err(problem.into()),
        }
    }
    page::html(&place)
}

async fn look_around(shared: &Shared, asking: Asking, place: &mut PlacePage) -> Result<(), Problem> {
    let wish = Wish::read(shared, asking).await?;
    place.asking.kind = wish.kind.as_str().to_owned();
    place.chosen = Some(choose(shared, &wish, false).await?);
    let members = match &wish.ring {
        None => None,
        Some(group) => Some(members(shared, &group.id.to_string()).await?),
    };
    (place.rows, place.is_cut) = all(shared, wish.kind, members.as_ref()).await?;
    Ok(())
}

#[derive(Deserialize)]
struct Member {
    node_id: String,
}

async fn members(shared: &Shared, group_id: &str) -> Result<BTreeSet<NodeId>, Problem> {
    let sql = "SELECT node_id FROM v_memberships WHERE group_id = $1";
    let found: Vec<Member> = read(shared, sql, &[Bind::Text(group_id.to_owned())]).await?;
    Ok(found.iter().filter_map(|member| member.node_id.parse().ok()).collect())
}

/// The nodes that are listened to, the best first, and whether there are more.
async fn all(shared: &Shared, kind: Kind, among: Option<&BTreeSet<NodeId>>) -> Result<(Vec<Row>, bool), Problem> {
    let nodes = shared.availability.nodes();
    let is_meant = |it: &&NodeAvailability| it.kind == kind && among.is_none_or(|members| members.contains(&it.node));
    let mut heard: Vec<&NodeAvailability> = nodes.iter().filter(is_meant).collect();
    heard.sort_unstable_by(|a, b| best_first(a, b));
    let is_cut = heard.len() > MOST;
    heard.truncate(MOST);
    let known = known(shared, heard.iter().map(|it| it.node).collect()).await?;
    let row = |it: &&NodeAvailability| Row {
        known: known.get(&it.node).cloned().unwrap_or_else(|| Known::nobody(it.node)),
        heard: Heard::of(it),
    };
    Ok((heard.iter().map(row).collect(), is_cut))
}

/// Who is no target comes last; for `power` the fuller ones come first, for the mixed kind those that speak most.
fn best_first(a: &NodeAvailability, b: &NodeAvailability) -> Ordering {
    let good = |it: &NodeAvailability| {
        let frequency = it.frequency.filter(|_| it.barriers.is_empty());
        frequency.unwrap_or(-1.0)
    };
    good(b).total_cmp(&good(a)).then_with(|| a.node.cmp(&b.node))
}

fn kinds(plan: &Plan) -> Vec<&'static str> {
    plan.sending.kinds.kinds().iter().map(|kind| kind.as_str()).collect()
}

/// How nodes speak, for people.
fn told(plan: &Plan) -> String {
    let rates = plan.sending.rates;
    let of = |kind: &Kind| {
        let (fast, slow) = (rates.fastest(*kind), 1.0 / rates.slowest(*kind));
        let (fastest, slowest) = match kind {
            Kind::Balance => ("an empty node", "a full one"),
            Kind::Power => ("a full node", "an empty one"),
            Kind::Mixed => ("the most wanted node", "the least wanted one"),
        };
        format!("for {} {fastest} speaks {fast:.2} times a second, {slowest} once in {slow:.0} s", kind.as_str())
    };
    let told: Vec<String> = plan.sending.kinds.kinds().iter().map(of).collect();
    format!("Nodes say how free they are by how often they speak: {}.", told.join("; "))
}

/// A query of a browser: what is not known is passed over, as on every page.
fn understood(query: &str) -> Asking {
    let mut asking = Asking::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let field = match name.as_ref() {
            "for" => &mut asking.kind,
            "group" => &mut asking.group,
            "size" => &mut asking.size,
            "count" => &mut asking.count,
            "choices" => &mut asking.choices,
            "capability" => &mut asking.capability,
            "min_units" => &mut asking.min_units,
            "rule" => &mut asking.rule,
            _ => continue,
        };
        *field = value.trim().to_owned();
    }
    asking
}

/// The question as it was asked.
fn query(asking: &Asking) -> String {
    let pairs = [
        ("for", &asking.kind),
        ("group", &asking.group),
        ("size", &asking.size),
        ("count", &asking.count),
        ("choices", &asking.choices),
        ("capability", &asking.capability),
        ("min_units", &asking.min_units),
        ("rule", &asking.rule),
    ];
    let said = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish()
}

#[cfg(test)]
mod tests {
    use rollcall_model::Millis;
    use rollcall_placement::{Barrier, Barriers};

    use super::*;

    #[test]
    fn a_question_is_asked_again_as_it_was() {
        let asking = Asking { kind: "power".into(), rule: "a == 'b' & c".into(), ..Asking::default() };
        assert_eq!(query(&asking), "for=power&rule=a+%3D%3D+%27b%27+%26+c");
        assert_eq!(query(&understood(&query(&asking))), query(&asking));
        assert_eq!(query(&understood("x=1&explain=perhaps&size=&group=")), "");
    }

    #[test]
    fn who_is_no_target_comes_last() {
        let node = |name: &str, frequency, barriers| NodeAvailability {
            node: NodeId::derived_from(name),
            group: None,
            kind: Kind::Balance,
            frequency,
            availability: None,
            error: 0.1,
            age: Some(Millis(1)),
            barriers,
            share: 1.0,
        };
        let barred = Barriers::default().with(Barrier::Draining, true);
        let mut nodes = [
            node("barred", Some(0.9), barred),
            node("slow", Some(0.1), Barriers::default()),
            node("silent", None, Barriers::default()),
            node("fast", Some(0.4), Barriers::default()),
        ];
        nodes.sort_by(best_first);
        let order: Vec<NodeId> = nodes[..2].iter().map(|it| it.node).collect();
        assert_eq!(order, [NodeId::derived_from("fast"), NodeId::derived_from("slow")]);
    }
}
