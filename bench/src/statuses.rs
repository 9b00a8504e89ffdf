//! The fleet that is simulated: who they are, and what they say next.

use rollcall_model::wire::status::NodeStatus;
use rollcall_model::{GroupId, Health, HealthBits, Millis, NodeId, SessionEpoch, route};

/// How many nodes.
pub const NODES: usize = 1_000;
/// The session all of them are in.
pub const EPOCH: SessionEpoch = SessionEpoch(1);
/// Set in the last status of a run only, so that the group controller has something to tell when it has come that far.
const MARK: usize = 4;

/// One of the nodes.
#[must_use]
pub fn node(index: usize) -> NodeId {
    NodeId::derived_from(&format!("bench node {index}"))
}

/// The health of every node but for the mark.
#[must_use]
pub fn healthy() -> Health {
    with_bits(HealthBits::default())
}

/// The health of the last node of a run.
#[must_use]
pub fn marked() -> Health {
    with_bits(HealthBits::default().with(MARK, true))
}

fn with_bits(bits: HealthBits) -> Health {
    // Bits without a mask never contradict it.
    Health::new(bits, HealthBits::default()).unwrap_or_else(|_| Health::unmeasured())
}

/// What a node says. It means to stay silent for an hour and a half, so that nobody is blamed while others are measured.
#[must_use]
pub fn status(node: NodeId, sequence: u32, health: Health) -> NodeStatus {
    let longest_silence = Millis(6_000_000);
    NodeStatus { node, health, dictionary: 1, epoch: EPOCH, sequence, longest_silence, leaving: false, tag: None }
}

/// The nodes of one group, speaking in turn.
#[derive(Clone, Debug)]
pub struct Fleet {
    keys: Vec<(NodeId, String)>,
    next: usize,
}

impl Fleet {
    /// Nobody has spoken yet.
    #[must_use]
    pub fn new(group: GroupId) -> Self {
        let key = |index| (node(index), route::group_key(group, route::HEALTH, node(index)));
        Self { keys: (0..NODES).map(key).collect(), next: 0 }
    }

    /// The next status and its routing key; with the mark if it is the last of a run.
    pub fn speak(&mut self, last: bool) -> (&str, [u8; rollcall_model::wire::status::BYTES]) {
        let (node, key) = &self.keys[self.next % NODES];
        let sequence = u32::try_from(self.next / NODES + 1).unwrap_or(u32::MAX);
        self.next += 1;
        (key, status(*node, sequence, if last { marked() } else { healthy() }).encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_speaks_in_turn_with_a_growing_sequence() {
        let mut fleet = Fleet::new(GroupId::derived_from("x"));
        let spoken: Vec<NodeStatus> =
            (0..2 * NODES).map(|i| NodeStatus::decode(&fleet.speak(i == 2 * NODES - 1).1).expect("a status")).collect();
        assert_eq!((spoken[0].node, spoken[0].sequence), (node(0), 1));
        assert_eq!((spoken[NODES].node, spoken[NODES].sequence), (node(0), 2));
        assert_eq!(spoken[0].health, healthy());
        assert_eq!(spoken[2 * NODES - 1].health, marked());
    }
}
