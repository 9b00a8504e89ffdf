//! Why there is no target, or fewer than were asked for, in words: what became of those that were looked at, and how all
//! stand who could have been.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::NodeId;
use rollcall_placement::targets::Outcome;
use rollcall_placement::{Barriers, Kind};
use rollcall_store::Bind;

use super::choosing::Look;
use super::wish::{Size, Wish};
use crate::api::Shared;
use crate::api::asking::rows;
use crate::api::errors::Problem;
use crate::availability::NodeAvailability;

/// How many are told by name.
const NAMED: usize = 3;

/// Why, in one text and one by one.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn why(
    shared: &Shared,
    wish: &Wish,
    found: usize,
    looks: &[Look],
) -> Result<(Option<String>, Vec<String>), Problem> {
    let members = members(shared, wish).await?;
    let nodes = shared.availability.nodes();
    let mine: Vec<&NodeAvailability> = nodes
        .iter()
        .filter(|it| it.kind == wish.kind && members.as_ref().is_none_or(|members| members.contains(&it.node)))
        .collect();
    let details = [stand(&mine, wish), became(looks, found > 0)].into_iter().flatten().collect::<Vec<_>>();
    let text = [headline(wish, found)].iter().chain(&details).cloned().collect::<Vec<_>>().join("; ");
    Ok((Some(text), details))
}

/// Who is in the group, where there is one.
async fn members(shared: &Shared, wish: &Wish) -> Result<Option<BTreeSet<NodeId>>, Problem> {
    let Some(ring) = &wish.ring else { return Ok(None) };
    let sql = "SELECT node_id FROM v_memberships WHERE group_id = $1";
    let found = rows(shared, sql, &[Bind::Text(ring.id.to_string())]).await?;
    Ok(Some(found.iter().filter_map(|row| row["node_id"].as_str()?.parse().ok()).collect()))
}

fn headline(wish: &Wish, found: usize) -> String {
    let (kind, among) = (wish.kind.as_str(), wish.ring.as_ref());
    let among = among.map_or_else(String::new, |group| format!(" in group {}", group.name));
    match found {
        0 => format!("no node is a target for {kind}{among} now"),
        1 => format!("only 1 target for {kind}{among} of the {} that are asked for", wish.count),
        _ => format!("only {found} targets for {kind}{among} of the {} that are asked for", wish.count),
    }
}

/// How all stand who could have been.
fn stand(nodes: &[&NodeAvailability], wish: &Wish) -> Option<String> {
    let all = nodes.len();
    if all == 0 {
        return Some(match &wish.ring {
            Some(_) => "nobody is in that group".into(),
            None => "the zone listens to nobody yet".into(),
        });
    }
    let barred: Vec<Barriers> = nodes.iter().map(|it| it.barriers).filter(|barriers| !barriers.is_empty()).collect();
    let unheard = nodes.iter().filter(|it| it.barriers.is_empty() && it.age.is_none()).count();
    let mut parts = Vec::new();
    if !barred.is_empty() {
        parts.push(format!("{} barred ({})", barred.len(), reasons(&barred)));
    }
    let silent = nodes.iter().filter(|it| it.barriers.is_empty() && it.age.is_some() && it.frequency.is_none()).count();
    if silent > 0 {
        parts.push(format!("{silent} silent for too long, or heard once"));
    }
    if unheard > 0 {
        let slowest = 1.0 / wish.plan.sending.rates.slowest(wish.kind);
        parts.push(format!(
            "{unheard} not heard yet (they speak once they obey the policy, {} every {slowest:.0} s)",
            if wish.kind == Kind::Balance { "a full one" } else { "the slowest" }
        ));
    }
    (!parts.is_empty()).then(|| format!("of {all} {}: {}", if all == 1 { "node" } else { "nodes" }, parts.join(", ")))
}

fn reasons(barred: &[Barriers]) -> String {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for barrier in barred.iter().flat_map(|barriers| barriers.iter()) {
        *counts.entry(barrier).or_default() += 1;
    }
    counts.iter().map(|(barrier, count)| format!("{count} {}", barrier.as_str())).collect::<Vec<_>>().join(", ")
}

/// What became of those that were looked at.
fn became(looks: &[Look], some_found: bool) -> Option<String> {
    let others: Vec<&Look> = looks.iter().filter(|look| !look.is_chosen).collect();
    if others.is_empty() {
        return some_found.then(|| "nobody else was heard lately".into());
    }
    let mut whys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for look in &others {
        whys.entry(look.why.as_str()).or_default().push(look.known.name.as_str());
    }
    let told = whys.iter().map(|(why, names)| {
        let more = names.len().saturating_sub(NAMED);
        let names = names[..names.len().min(NAMED)].join(", ");
        if more > 0 { format!("{names} and {more} more: {why}") } else { format!("{names}: {why}") }
    });
    Some(format!("looked at {}: {}", others.len(), told.collect::<Vec<_>>().join("; ")))
}

/// What became of one node.
pub(super) fn of_one(wish: &Wish, outcome: Outcome, is_chosen: bool, verdict: Option<String>) -> String {
    match outcome {
        Outcome::Compared { .. } if is_chosen => "the best of those compared".into(),
        Outcome::Compared { .. } => "another one is better".into(),
        Outcome::Barred(barriers) => barriers.iter().map(|barrier| barrier.as_str()).collect::<Vec<_>>().join(", "),
        Outcome::Expired => "silent for too long".into(),
        Outcome::NoRoom => match wish.size {
            Size::Of(size) => format!("has no room for {size} of the largest node"),
            _ => "has no room".into(),
        },
        Outcome::NotAccepted => verdict.unwrap_or_else(|| "is in this answer already, or came up too late".into()),
    }
}
