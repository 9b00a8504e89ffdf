//! What a node says of how free and how large it is (A2, A7), from a delivery: the counterpart of [`crate::packet_of`] for
//! what has no envelope. For every receiver of availability: a group controller, the zone, a program of somebody else. Pure.

use rollcall_model::authority::{self, AuthorityError};
use rollcall_model::wire::availability::{CAPACITY_KIND, CapacityMessage, KIND, MessageError, RaMessage};
use rollcall_model::wire::status::{self, NodeStatus, StatusError};
use rollcall_model::{AvailabilityKinds, NodeId, SessionEpoch};

use crate::Delivery;

/// Something a node says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Who.
    pub node: NodeId,
    /// In which session; what is of an older one than is known counts for nothing.
    pub epoch: SessionEpoch,
    /// What.
    pub word: Word,
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It speaks, for these kinds: by an RA message, or on a status packet. The latter may be for none.
    Free(AvailabilityKinds),
    /// It is so large.
    Large {
        /// Hardware threads.
        threads: u16,
        /// Memory, MiB.
        memory_mib: u32,
    },
}

/// Why a delivery says nothing that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpokenError {
    /// Something else lies in this queue.
    #[error("a queue of availability takes no {0:?} packet")]
    Kind(String),
    /// A message that is none.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A status packet that is none.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// Not from the node that it names.
    #[error(transparent)]
    Unentitled(#[from] AuthorityError),
    /// The routing key names another node.
    #[error("routing key {key:?} is not that of node {node}")]
    Key {
        /// The key.
        key: String,
        /// The node in the message.
        node: NodeId,
    },
}

impl SpokenError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Kind(_) => "unexpected_kind",
            Self::Message(error) => error.reason(),
            Self::Status(error) => error.reason(),
            Self::Unentitled(error) => error.reason(),
            Self::Key { .. } => "wrong_sender",
        }
    }
}

/// What a node says in a delivery: an RA message, a capacity message, or a status packet that an RA message rides on.
/// `checks_users` as in [`crate::packet_of`]; without it anybody can speak for anybody.
///
/// # Errors
/// [`SpokenError`]; the delivery is to be dropped and counted.
pub fn spoken(delivery: &Delivery, checks_users: bool) -> Result<Spoken, SpokenError> {
    let (spoken, kind) = match delivery.kind.as_str() {
        KIND => {
            let RaMessage { node, epoch, kinds } = RaMessage::decode(&delivery.body)?;
            (Spoken { node, epoch, word: Word::Free(kinds) }, KIND)
        }
        CAPACITY_KIND => {
            let CapacityMessage { node, epoch, threads, memory_mib } = CapacityMessage::decode(&delivery.body)?;
            (Spoken { node, epoch, word: Word::Large { threads, memory_mib } }, CAPACITY_KIND)
        }
        status::KIND => (Spoken::of_status(&NodeStatus::decode(&delivery.body)?), status::KIND),
        other => return Err(SpokenError::Kind(other.chars().take(40).collect())),
    };
    if checks_users {
        authority::availability(delivery.user_id.as_deref(), spoken.node, kind)?;
    }
    if names_node(delivery, spoken.node) {
        Ok(spoken)
    } else {
        Err(SpokenError::Key { key: delivery.routing_key.chars().take(120).collect(), node: spoken.node })
    }
}

/// Whether the last word of the routing key is this node, as it is of everything that a node says.
#[must_use]
pub fn names_node(delivery: &Delivery, node: NodeId) -> bool {
    delivery.routing_key.rsplit_once('.').and_then(|(_, named)| named.parse().ok()) == Some(node)
}

impl Spoken {
    /// What rides on a status packet. One that says good-bye speaks for no kind.
    #[must_use]
    pub const fn of_status(status: &NodeStatus) -> Self {
        let kinds = if status.leaving { AvailabilityKinds::EMPTY } else { status.availability };
        Self { node: status.node, epoch: status.epoch, word: Word::Free(kinds) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rollcall_model::{AvailabilityKind, GroupId, Health, Millis, Principal, ZoneId, route};

    use super::*;
    use crate::Receipt;

    fn delivery(kind: &str, purpose: &str, named: NodeId, from: NodeId, body: &[u8]) -> Delivery {
        Delivery {
            exchange: route::GROUP.into(),
            routing_key: route::group_key(GroupId::derived_from("g"), purpose, named),
            body: body.to_vec(),
            kind: kind.into(),
            message_id: None,
            user_id: Some(Principal::Node(from).user_in(ZoneId::derived_from("z"))),
            reply_to: None,
            redelivered: false,
            headers: BTreeMap::new(),
            receipt: Receipt { lane: 0, tag: 0 },
        }
    }

    fn status(node: NodeId, leaving: bool) -> NodeStatus {
        NodeStatus {
            node,
            health: Health::unmeasured(),
            dictionary: 1,
            epoch: SessionEpoch(3),
            sequence: 1,
            longest_silence: Millis(3_500),
            leaving,
            tag: None,
            availability: AvailabilityKinds::EMPTY.with(AvailabilityKind::Power),
        }
    }

    #[test]
    fn all_three_ways_to_speak_are_understood() {
        let (node, epoch) = (NodeId::derived_from("n"), SessionEpoch(3));
        let kinds = AvailabilityKinds::EMPTY.with(AvailabilityKind::Balance);
        let ra = RaMessage { node, epoch, kinds }.encode();
        let large = CapacityMessage { node, epoch, threads: 8, memory_mib: 32_768 }.encode();
        let heard = |kind, body: &[u8]| spoken(&delivery(kind, route::AVAILABILITY, node, node, body), true);
        assert_eq!(heard(KIND, &ra), Ok(Spoken { node, epoch, word: Word::Free(kinds) }));
        let word = Word::Large { threads: 8, memory_mib: 32_768 };
        assert_eq!(heard(CAPACITY_KIND, &large), Ok(Spoken { node, epoch, word }));
        let riding = Word::Free(AvailabilityKinds::EMPTY.with(AvailabilityKind::Power));
        assert_eq!(heard(status::KIND, &status(node, false).encode()), Ok(Spoken { node, epoch, word: riding }));
        assert_eq!(Spoken::of_status(&status(node, true)).word, Word::Free(AvailabilityKinds::EMPTY));
    }

    #[test]
    fn nobody_speaks_for_another() {
        let (node, other) = (NodeId::derived_from("n"), NodeId::derived_from("other"));
        let kinds = AvailabilityKinds::EMPTY.with(AvailabilityKind::Balance);
        let ra = RaMessage { node, epoch: SessionEpoch(1), kinds }.encode();
        let reason = |delivery: &Delivery, checks| spoken(delivery, checks).map_err(|error| error.reason());
        let by_another = delivery(KIND, route::AVAILABILITY, node, other, &ra);
        assert_eq!(reason(&by_another, true), Err("wrong_sender"));
        assert!(spoken(&by_another, false).is_ok(), "where users are not principals nobody is asked");
        assert_eq!(reason(&delivery(KIND, route::AVAILABILITY, other, node, &ra), true), Err("wrong_sender"));
        let nobody = Delivery { user_id: None, ..delivery(KIND, route::AVAILABILITY, node, node, &ra) };
        assert_eq!(reason(&nobody, true), Err("no_user"));
    }

    #[test]
    fn what_is_no_message_is_refused_with_a_word_to_count_by() {
        let node = NodeId::derived_from("n");
        for (kind, body, word) in [
            (KIND, &[1_u8, 1, 0][..], "bad_length"),
            (KIND, &[9][..], "future_version"),
            (CAPACITY_KIND, &[][..], "bad_length"),
            (status::KIND, &[1][..], "bad_length"),
            ("presence", &[][..], "unexpected_kind"),
        ] {
            let error = spoken(&delivery(kind, route::AVAILABILITY, node, node, body), true).expect_err(kind);
            assert_eq!(error.reason(), word, "{kind}: {error}");
        }
    }
}
