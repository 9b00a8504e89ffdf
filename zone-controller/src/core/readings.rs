//! Readings on demand: what a node measures right now, asked of the node itself and answered when it answers.

use std::collections::BTreeMap;

use rollcall_model::packet::{Packet, Readings, ReadingsRequest};
use rollcall_model::{Millis, NodeId, Now, Tick, route};
use serde_json::json;

use super::{Effect, Rejection, RejectionKind, Zone};

/// A node has this long to answer.
const PATIENCE: Millis = Millis(2_000);
/// Most questions under way.
const MOST_ASKED: usize = 256;

/// The questions that wait for a node.
#[derive(Debug, Default)]
pub(super) struct Asked {
    last: u64,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// The request to be answered.
    request: u64,
    node: NodeId,
    until: Tick,
}

impl Asked {
    /// When [`Zone::tick_asked`] is wanted at the latest. Questions wait equally long, so the first is the next.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.waiting.first_key_value().map(|(_, waiting)| waiting.until)
    }
}

impl Zone {
    /// The node meant by a name, an id, or the beginning of an id.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub(super) fn find_node(&self, wanted: &str) -> Result<NodeId, Rejection> {
        if let Some(node) = wanted.parse::<NodeId>().ok().filter(|node| self.nodes.contains_key(node)) {
            return Ok(node);
        }
        let named = self.nodes.values().filter(|node| node.name.as_str() == wanted).map(|node| node.node);
        let mut found: Vec<NodeId> = named.collect();
        if found.is_empty() && !wanted.is_empty() {
            let beginning = wanted.to_ascii_lowercase();
            found = self.nodes.keys().copied().filter(|node| node.to_string().starts_with(&beginning)).collect();
        }
        found.sort_unstable();
        match found[..] {
            [node] => Ok(node),
            [] => Err(Rejection::missing(format!("there is no node {wanted:?} in this zone")).at("node")),
            [first, second, ..] => Err(Rejection::conflict(format!(
                "{wanted:?} means {} nodes, {first} and {second} among them; give more of the id of one",
                found.len()
            ))),
        }
    }

    /// Asks a node; [`Self::on_readings`] answers, or [`Self::tick_asked`] when it does not.
    ///
    /// # Errors
    /// When there is no such node, or too many questions are under way.
    pub(super) fn ask_readings(
        &mut self,
        now: Now,
        request: u64,
        node: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejection> {
        let node = self.find_node(node)?;
        if self.asked.waiting.len() >= MOST_ASKED {
            return Err(Rejection::conflict(format!("{MOST_ASKED} questions are under way already; ask again")));
        }
        self.asked.last += 1;
        let number = self.asked.last;
        self.asked.waiting.insert(number, Waiting { request, node, until: now.tick + PATIENCE });
        let question = Packet::ReadingsRequest(ReadingsRequest { request: number });
        effects.push(self.tell(now, route::node_inbox(node), question));
        Ok(())
    }

    pub(super) fn on_readings(&mut self, readings: &Readings, effects: &mut Vec<Effect>) {
        let Some(waiting) = self.asked.waiting.get(&readings.request).copied() else {
            return self.count("readings", "late");
        };
        if waiting.node != readings.node {
            return self.count("readings", "not_asked");
        }
        self.asked.waiting.remove(&readings.request);
        let name = self.nodes.get(&readings.node).map(|node| node.name.clone());
        let answer = json!({
            "node_id": readings.node,
            "name": name,
            "age_ms": readings.age_ms,
            "policy_version": readings.policy,
            "indicators": readings.indicators,
            "availability": readings.availability,
        });
        effects.push(Effect::Answer { request: waiting.request, result: Ok(answer) });
    }

    pub(super) fn tick_asked(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(first) = self.asked.waiting.first_entry() {
            if first.get().until > now.tick {
                break;
            }
            let waiting = first.remove();
            effects.push(self.silent(waiting, &format!("did not answer within {} s", PATIENCE.0 / 1_000)));
        }
    }

    /// The broker said that nobody takes what is sent to this node.
    pub(super) fn node_gone(&mut self, node: NodeId, effects: &mut Vec<Effect>) {
        let gone: Vec<u64> =
            self.asked.waiting.iter().filter(|(_, waiting)| waiting.node == node).map(|(number, _)| *number).collect();
        for waiting in gone.into_iter().filter_map(|number| self.asked.waiting.remove(&number)).collect::<Vec<_>>() {
            effects.push(self.silent(waiting, "is not connected"));
        }
    }

    fn silent(&self, waiting: Waiting, how: &str) -> Effect {
        let name = self.nodes.get(&waiting.node).map_or_else(|| waiting.node.to_string(), |node| node.name.to_string());
        let message = format!("node {name} {how}; what was last saved of it is in /v1/nodes/{name}");
        let rejection = Rejection {
            kind: RejectionKind::Silent,
            message,
            details: Vec::new(),
            reason: None,
            field: None,
            retry_after: None,
        };
        Effect::Answer { request: waiting.request, result: Err(rejection) }
    }
}
