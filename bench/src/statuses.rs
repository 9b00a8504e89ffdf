//! The fleet that is simulated: who they are, and what they say next.

use rollcall_identity::seal;
use rollcall_model::wire::status::{BYTES, NodeStatus};
use rollcall_model::{AvailabilityKinds, CapabilityDigest, Health, HealthBits, Millis, NodeId, SealKey, SessionEpoch};

/// How many nodes.
pub const NODES: usize = 1_000;
/// The session all of them are in.
pub const EPOCH: SessionEpoch = SessionEpoch(1);
/// What all of them are made of, as the zone says and their tags repeat.
pub const HARDWARE: CapabilityDigest = CapabilityDigest([7; 12]);
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
    let availability = AvailabilityKinds::EMPTY;
    NodeStatus {
        node,
        health,
        dictionary: 1,
        epoch: EPOCH,
        sequence,
        longest_silence,
        leaving: false,
        tag: None,
        availability,
    }
}

/// All nodes, speaking in turn.
#[derive(Clone, Debug)]
pub struct Fleet {
    nodes: Vec<NodeId>,
    /// The keys that the nodes were given, in their order; none where no tags are asked for.
    seals: Vec<SealKey>,
    next: usize,
}

impl Fleet {
    /// Nobody has spoken yet.
    #[must_use]
    pub fn new(seals: Vec<SealKey>) -> Self {
        Self { nodes: (0..NODES).map(node).collect(), seals, next: 0 }
    }

    /// The next status and the number of the node whose it is; with the mark if it is the last of a run.
    pub fn speak(&mut self, last: bool) -> (usize, [u8; BYTES]) {
        let index = self.next % NODES;
        let sequence = u32::try_from(self.next / NODES + 1).unwrap_or(u32::MAX);
        self.next += 1;
        let plain = status(self.nodes[index], sequence, if last { marked() } else { healthy() });
        // A tag that could not be made is found missing by who takes the packet.
        let tag = self.seals.get(index).and_then(|key| seal::seal(key, &plain, HARDWARE).ok());
        (index, NodeStatus { tag, ..plain }.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(seals: Vec<SealKey>) -> Vec<NodeStatus> {
        let mut fleet = Fleet::new(seals);
        (0..2 * NODES).map(|i| NodeStatus::decode(&fleet.speak(i == 2 * NODES - 1).1).expect("a status")).collect()
    }

    #[test]
    fn every_node_speaks_in_turn_with_a_growing_sequence() {
        let spoken = spoken(Vec::new());
        assert_eq!((spoken[0].node, spoken[0].sequence), (node(0), 1));
        assert_eq!((spoken[NODES].node, spoken[NODES].sequence), (node(0), 2));
        assert_eq!(spoken[0].health, healthy());
        assert_eq!(spoken[2 * NODES - 1].health, marked());
        assert!(spoken.iter().all(|status| status.tag.is_none()));
    }

    #[test]
    fn each_seals_with_its_own_key() {
        let key = |index: usize| SealKey::from_bytes([u8::try_from(index % 251).unwrap_or_default(); 32]);
        for (index, status) in spoken((0..NODES).map(key).collect()).iter().enumerate() {
            assert_eq!(seal::open(&key(index % NODES), status), Ok(HARDWARE));
        }
    }
}
