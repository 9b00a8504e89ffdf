//! Taking targets from a receiver. No node is taken twice for one answer.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use axum::Json;
use axum::http::StatusCode;
use rollcall_model::{Millis, NodeId, Tick};
use rollcall_placement::targets::{Outcome, Source};
use rollcall_placement::{Kind, Target, Targets, Want};
use serde_json::{Value, json};

use super::shortage;
use super::wish::{Size, Wish};
use crate::api::Shared;
use crate::api::asking::command;
use crate::api::availability::{Known, known, number};
use crate::api::errors::Problem;
use crate::core::Command;

/// What came of a wish.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Whether the targets count as fuller until they have spoken again.
    pub placed: bool,
    /// Best first where they were compared; each once.
    pub targets: Vec<(Target, Known)>,
    /// Why there are fewer than were asked for.
    pub missing: Option<String>,
    /// The same, one by one.
    pub details: Vec<String>,
    /// Every node that was looked at, in that order, each once.
    pub looks: Vec<Look>,
}

impl Chosen {
    /// There is no target.
    pub(super) fn none(self) -> Problem {
        let detail = self.missing.unwrap_or_default();
        Problem::new(StatusCode::CONFLICT, detail).because("no_target").with_details(self.details)
    }
}

/// A node that was looked at, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub node: NodeId,
    pub known: Known,
    pub source: Source,
    pub outcome: Outcome,
    pub is_chosen: bool,
    /// For people.
    pub why: String,
}

impl Look {
    /// The word for what became of it.
    pub(crate) const fn word(&self) -> &'static str {
        match self.outcome {
            _ if self.is_chosen => "chosen",
            Outcome::Compared { .. } => "compared",
            Outcome::Barred(_) => "barred",
            Outcome::Expired => "silent",
            Outcome::NoRoom => "no_room",
            Outcome::NotAccepted => "not_accepted",
        }
    }

    /// How good it is; higher is better. None where nothing was compared.
    pub(crate) fn score(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Compared { score } => Some(score),
            _ => None,
        }
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "node_id": self.node,
            "node": self.known.name,
            "rack": self.known.rack,
            "source": match self.source { Source::Recent => "recent", Source::Ranked => "ranked" },
            "outcome": self.word(),
            "score": self.score().map(number),
            "why": self.why,
        })
    }
}

/// Why a node does not fulfil what is asked beyond room; `None` of one that does. Without demands there is nothing here.
type Verdicts = HashMap<NodeId, Option<String>>;

/// What was seen of a node on the way.
pub(super) type Seen = (NodeId, Source, Outcome);

/// A receiver's end, and what is wanted of it.
struct Drawing<'a> {
    audience: &'a Targets,
    kind: Kind,
    size: Size,
    want: Want,
}

/// What was drawn.
#[derive(Default)]
struct Drawn {
    targets: Vec<Target>,
    seen: Vec<Seen>,
}

/// Takes targets; what is taken counts there when `place`.
///
/// # Errors
/// 503 while nobody is listened to yet, 422 where the rule is none.
pub(crate) async fn choose(shared: &Shared, wish: &Wish, place: bool) -> Result<Chosen, Problem> {
    let ring = wish.ring.as_ref().map(|group| group.id);
    let (drawn, verdicts) = match shared.availability.targets(ring) {
        Some(audience) => drawn(shared, wish, &audience, place).await?,
        // Nobody is in the group.
        None if shared.availability.targets(None).is_some() => (Drawn::default(), None),
        None => {
            let why = "the zone does not listen to its nodes yet; ask again in a moment";
            return Err(Problem::full(Millis(1_000), why).because("not_listening"));
        }
    };
    let known = known(shared, drawn.nodes()).await?;
    let looks = looks(wish, &drawn, verdicts.as_ref(), &known);
    let whose = |node: &NodeId| known.get(node).cloned().unwrap_or_else(|| Known::nobody(*node));
    let targets: Vec<_> = drawn.targets.iter().map(|target| (*target, whose(&target.node))).collect();
    let (missing, details) = match targets.len() == wish.count {
        true => (None, Vec::new()),
        false => shortage::why(shared, wish, targets.len(), &looks).await?,
    };
    // The rank of a sorted list is read and not placed on.
    let placed = place && !matches!(wish.size, Size::Rank(..)) && !targets.is_empty();
    Ok(Chosen { placed, targets, missing, details, looks })
}

async fn drawn(
    shared: &Shared,
    wish: &Wish,
    audience: &Targets,
    place: bool,
) -> Result<(Drawn, Option<Verdicts>), Problem> {
    let drawing = Drawing::of(audience, wish.kind, wish.size, wish.choices);
    let draws: Vec<u64> = (0..wish.count).map(|_| rand::random()).collect();
    let verdicts = if wish.demands.are_none() {
        None
    } else {
        let candidates = drawing.candidates(shared.availability.now(), &draws);
        Some(judged(shared, wish, candidates).await?)
    };
    let drawn = drawing.draw(shared.availability.now(), &draws, verdicts.as_ref(), place);
    Ok((drawn, verdicts))
}

/// Has the core judge the candidates: at most the receiver's recent and first-ranked ones, however large the fleet is.
async fn judged(shared: &Shared, wish: &Wish, candidates: BTreeSet<NodeId>) -> Result<Verdicts, Problem> {
    let nodes = candidates.into_iter().collect();
    let judge = Command::JudgeCandidates { nodes, demands: wish.demands.clone() };
    let Json(answer) = command(shared, judge).await?;
    serde_json::from_value(answer).map_err(Problem::store)
}

impl<'a> Drawing<'a> {
    const fn of(audience: &'a Targets, kind: Kind, size: Size, choices: usize) -> Self {
        let part = if let Size::Of(part) = size { part } else { 0.0 };
        Self { audience, kind, size, want: Want { size: part, choices } }
    }

    /// Who may come up with these draws.
    fn candidates(&self, now: Tick, draws: &[u64]) -> BTreeSet<NodeId> {
        let met = RefCell::new(BTreeSet::new());
        let note = |node| {
            met.borrow_mut().insert(node);
            false
        };
        for draw in draws {
            match self.size {
                Size::Rank(_, rank) => drop(self.audience.at_rank_where(now, self.kind, rank, note)),
                _ => drop(self.audience.explain(now, self.kind, self.want, *draw, note)),
            }
        }
        met.into_inner()
    }

    fn draw(&self, now: Tick, draws: &[u64], verdicts: Option<&Verdicts>, place: bool) -> Drawn {
        let mut drawn = Drawn::default();
        for draw in draws {
            let taken: Vec<NodeId> = drawn.targets.iter().map(|target| target.node).collect();
            let accept = |node: NodeId| {
                let fits = verdicts.is_none_or(|verdicts| verdicts.get(&node).is_some_and(Option::is_none));
                fits && !taken.contains(&node)
            };
            match self.one(now, *draw, place, accept, &mut drawn.seen) {
                Some(target) => drawn.targets.push(target),
                None => break,
            }
        }
        drawn
    }

    /// One target. What was seen is told where nothing is placed, or nobody found.
    fn one(
        &self,
        now: Tick,
        draw: u64,
        place: bool,
        accept: impl Fn(NodeId) -> bool,
        seen: &mut Vec<Seen>,
    ) -> Option<Target> {
        if let Size::Rank(_, rank) = self.size {
            if let Some(target) = self.audience.at_rank_where(now, self.kind, rank, &accept) {
                return Some(target);
            }
        } else if place && let Some(target) = self.audience.pick_where(now, self.kind, self.want, draw, &accept) {
            return Some(target);
        }
        let told = self.audience.explain(now, self.kind, self.want, draw, &accept);
        seen.extend(told.considered.iter().map(|it| (it.node, it.source, it.outcome)));
        // By rank nobody was found near it, and a better one elsewhere is not what was asked for.
        told.target.filter(|_| !matches!(self.size, Size::Rank(..)))
    }
}

impl Drawn {
    fn nodes(&self) -> BTreeSet<NodeId> {
        let seen = self.seen.iter().map(|(node, ..)| *node);
        self.targets.iter().map(|target| target.node).chain(seen).collect()
    }
}

/// What was seen, each node once: as a target where it is one, else as it was seen first.
fn looks(wish: &Wish, drawn: &Drawn, verdicts: Option<&Verdicts>, known: &HashMap<NodeId, Known>) -> Vec<Look> {
    let mut met = BTreeSet::new();
    let mut looks = Vec::new();
    for (node, source, outcome) in &drawn.seen {
        if !met.insert(*node) {
            continue;
        }
        let is_chosen = drawn.targets.iter().any(|target| target.node == *node);
        let outcome = if is_chosen { compared(drawn, *node).unwrap_or(*outcome) } else { *outcome };
        let verdict = verdicts.and_then(|verdicts| verdicts.get(node)?.clone());
        looks.push(Look {
            node: *node,
            known: known.get(node).cloned().unwrap_or_else(|| Known::nobody(*node)),
            source: *source,
            outcome,
            is_chosen,
            why: shortage::of_one(wish, outcome, is_chosen, verdict),
        });
    }
    looks
}

/// A node that was full or taken in one draw may have been compared in another.
fn compared(drawn: &Drawn, wanted: NodeId) -> Option<Outcome> {
    let compared = drawn.seen.iter().filter(|(node, ..)| *node == wanted).map(|(.., outcome)| *outcome);
    compared.into_iter().find(|outcome| matches!(outcome, Outcome::Compared { .. }))
}

#[cfg(test)]
mod tests {
    use rollcall_placement::frequency::Rates;
    use rollcall_placement::{Config, Eligibility, Receiver};

    use super::*;

    /// Nodes of which each is freer than the one before, heard for a while.
    fn heard(nodes: u64) -> (Receiver, Tick) {
        let mut receiver = Receiver::new(Tick(0), Config::new(Rates::new(1.0, 1.0, 0.05).unwrap(), 64)).unwrap();
        for number in 0..nodes {
            receiver.insert(Tick(0), node(number)).unwrap();
            receiver.set_eligibility(Tick(0), node(number), Eligibility::GOOD).unwrap();
        }
        for now in (0..60_000).step_by(100) {
            for number in (0..nodes).filter(|number| now % (1_000 * nodes / (number + 1)) < 100) {
                receiver.heard(Tick(now), node(number), Kind::Balance);
            }
            receiver.tick(Tick(now));
        }
        (receiver, Tick(60_000))
    }

    fn node(number: u64) -> NodeId {
        NodeId::derived_from(&format!("n{number}"))
    }

    fn drawing(audience: &Targets, size: Size) -> Drawing<'_> {
        Drawing::of(audience, Kind::Balance, size, 2)
    }

    #[test]
    fn no_node_is_taken_twice_and_when_there_are_no_more_it_ends() {
        let (receiver, now) = heard(4);
        let audience = receiver.targets();
        for size in [Size::Unknown, Size::Rank("large", 0.0)] {
            let drawn = drawing(&audience, size).draw(now, &[7; 6], None, false);
            let nodes: BTreeSet<NodeId> = drawn.targets.iter().map(|target| target.node).collect();
            assert_eq!((drawn.targets.len(), nodes.len()), (4, 4), "{size:?}");
            assert!(drawn.seen.iter().any(|(.., outcome)| *outcome == Outcome::NotAccepted), "and why is told");
        }
    }

    #[test]
    fn only_who_was_judged_and_found_fitting_is_taken() {
        let (receiver, now) = heard(4);
        let audience = receiver.targets();
        for size in [Size::Unknown, Size::Of(0.0), Size::Rank("median", 0.5)] {
            let drawing = drawing(&audience, size);
            let met = drawing.candidates(now, &[1, 2]);
            assert_eq!(met, (0..4).map(node).collect(), "all of so few are met");
            let verdict = |id: &NodeId| (*id != node(1)).then(|| "is another".to_owned());
            let verdicts: Verdicts = met.iter().map(|id| (*id, verdict(id))).collect();
            let drawn = drawing.draw(now, &[1, 2], Some(&verdicts), true);
            let taken: Vec<NodeId> = drawn.targets.iter().map(|target| target.node).collect();
            assert_eq!(taken, [node(1)], "{size:?}");
            assert_eq!(
                drawing.draw(now, &[1], Some(&Verdicts::new()), true).targets,
                [],
                "who was not judged is not taken"
            );
        }
    }

    #[test]
    fn what_is_taken_counts_there_and_what_is_looked_at_does_not() {
        let (receiver, now) = heard(2);
        let audience = receiver.targets();
        let drawing = drawing(&audience, Size::Of(0.6));
        for _ in 0..3 {
            assert_eq!(drawing.draw(now, &[3], None, false).targets.len(), 1, "looking places nothing");
        }
        assert_eq!(drawing.draw(now, &[3], None, true).targets[0].node, node(1));
        let full = drawing.draw(now, &[3], None, true);
        assert!(full.targets.is_empty() && full.seen.iter().all(|(.., it)| *it == Outcome::NoRoom), "{:?}", full.seen);
    }
}
