//! Where to place something: nodes from the zone's receiver, in constant time (A3, A6), and why these and no others.
//!
//! What is asked for beyond room (a combination, a size of the machine, a rule) is judged of the few candidates that the
//! receiver draws, and not of the fleet; a combination alone has a group with a ring of its own, and is not judged at all.

mod choosing;
mod shortage;
mod wish;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use rollcall_model::Role;
use serde_json::{Value, json};

pub(crate) use self::choosing::{Chosen, Look, choose};
pub(crate) use self::wish::{Asking, Wish};
use super::asking::Answer;
use super::availability::{Known, number};
use super::receiving::Params;
use super::{Caller, Shared};

/// Most nodes of one answer.
pub(crate) const MOST_TARGETS: usize = 32;

/// `GET /v1/targets?for=&group=&size=&count=&choices=&capability=&min_units=&rule=&explain=`: nodes to place something on.
/// What is taken counts there until the node has spoken again, if whoever asks may change something, and does not only
/// want it explained.
pub async fn targets(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: HeaderMap,
    Params(asking): Params<Asking>,
) -> Answer {
    let explain = asking.explain;
    let wish = Wish::read(&shared, asking).await?;
    let may_place = caller.role >= Some(Role::Operator) && !is_of_a_page(&headers);
    let chosen = choose(&shared, &wish, may_place && !explain).await?;
    if chosen.targets.is_empty() && !explain {
        return Err(chosen.none());
    }
    Ok(Json(told(&wish, &chosen, explain)))
}

/// Browsers say so of every request, and any page can have them ask: those change nothing.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    ["sec-fetch-site", "origin", "referer"].iter().any(|name| headers.contains_key(*name))
}

fn told(wish: &Wish, chosen: &Chosen, explain: bool) -> Value {
    let mut answer = json!({
        "for": wish.kind.as_str(),
        "group": wish.group.as_ref().map(|group| json!({ "group_id": group.id, "name": group.name })),
        "size": wish.size.as_json(),
        "placed": chosen.placed,
        "targets": chosen.targets.iter().map(|(target, known)| target_of(target, known)).collect::<Vec<_>>(),
        "missing": chosen.missing,
    });
    if explain {
        answer["considered"] = chosen.looks.iter().map(Look::as_json).collect();
    }
    answer
}

fn target_of(target: &rollcall_placement::Target, known: &Known) -> Value {
    json!({
        "node_id": target.node,
        "node": known.name,
        "rack": known.rack,
        "rack_id": known.rack_id,
        "address": known.address,
        "state": known.state,
        "availability": target.availability.map(number),
        "error": target.availability.map(|_| number(target.error)),
        "age_ms": target.age,
    })
}
