//! Who may send what: one rule for every receiver.
//!
//! A broker that checks `user-id` lets nobody publish under another's name. This module holds a packet against that
//! name: the envelope comes from the sender's own inbox, its kind is one that such a sender sends, and the ids in it
//! that stand for the sender are the sender's. What a service may say about *others* (a check-in service about a node,
//! the zone about everybody) is its office and not judged here.

use crate::packet::Packet;
use crate::wire::status::NodeStatus;
use crate::wire::v1::Envelope;
use crate::{CheckinId, GroupId, NodeId, Principal, ZoneId};

/// Why a packet is refused whatever is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// The broker does not say who published it.
    #[error("a message without user-id")]
    NoUser,
    /// The user is nobody of Rollcall.
    #[error("user {0:?} is no principal")]
    Stranger(String),
    /// It pretends to come from, or to speak for, somebody else.
    #[error("{user} speaks for another in a {kind} packet")]
    WrongSender {
        /// Who published it.
        user: Principal,
        /// The packet's kind.
        kind: &'static str,
    },
    /// That kind of sender sends no such packet.
    #[error("{user} may send no {kind} packet")]
    NotEntitled {
        /// Who published it.
        user: Principal,
        /// The packet's kind.
        kind: &'static str,
    },
}

impl AuthorityError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoUser => "no_user",
            Self::WrongSender { .. } => "wrong_sender",
            Self::Stranger(_) | Self::NotEntitled { .. } => "not_entitled",
        }
    }

    /// Who sent it, as far as the broker says; for people.
    #[must_use]
    pub fn sender(&self) -> String {
        match self {
            Self::NoUser => "unknown".into(),
            Self::Stranger(user) => user.clone(),
            Self::WrongSender { user, .. } | Self::NotEntitled { user, .. } => user.to_string(),
        }
    }
}

/// How a sender stands to a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It may send it.
    Entitled,
    /// Its kind may, but this one is another's.
    Another,
    /// Its kind may not.
    Not,
}

/// Holds a packet against the user the broker says it is from; gives who that is.
///
/// # Errors
/// See [`AuthorityError`]; the packet must not be handled.
pub fn check(envelope: &Envelope, user: Option<&str>) -> Result<Principal, AuthorityError> {
    let user = principal(user)?;
    let kind = envelope.packet.kind();
    if user.inbox().as_ref() != Some(&envelope.from) {
        return Err(AuthorityError::WrongSender { user, kind });
    }
    match standing(&user, &envelope.packet) {
        Standing::Entitled => Ok(user),
        Standing::Another => Err(AuthorityError::WrongSender { user, kind }),
        Standing::Not => Err(AuthorityError::NotEntitled { user, kind }),
    }
}

/// The same of a status packet, which has no envelope: a node speaks for itself.
///
/// # Errors
/// See [`AuthorityError`].
pub fn status(user: Option<&str>, status: &NodeStatus) -> Result<(), AuthorityError> {
    speaks_for_itself(user, status.node, crate::wire::status::KIND)
}

/// The same of an RA message or a capacity message; `kind` is its AMQP `type`.
///
/// # Errors
/// See [`AuthorityError`].
pub fn availability(user: Option<&str>, node: NodeId, kind: &'static str) -> Result<(), AuthorityError> {
    speaks_for_itself(user, node, kind)
}

fn speaks_for_itself(user: Option<&str>, node: NodeId, kind: &'static str) -> Result<(), AuthorityError> {
    let text = user.unwrap_or_default();
    // The hot path: compared as text, nothing is allocated.
    let mut name = [0; 36];
    let expected: &str = node.0.hyphenated().encode_lower(&mut name);
    let said = text.split_once('@').map_or(text, |(principal, _)| principal);
    if said.strip_prefix("node.") == Some(expected) {
        return Ok(());
    }
    let user = principal(user)?;
    Err(match user {
        Principal::Node(_) => AuthorityError::WrongSender { user, kind },
        _ => AuthorityError::NotEntitled { user, kind },
    })
}

fn principal(user: Option<&str>) -> Result<Principal, AuthorityError> {
    let user = user.ok_or(AuthorityError::NoUser)?;
    Principal::of_user(user).map_err(|_| AuthorityError::Stranger(user.chars().take(80).collect()))
}

/// Without a wildcard: a new kind of packet does not compile until somebody decides who may send it.
fn standing(user: &Principal, packet: &Packet) -> Standing {
    match packet {
        Packet::NodeSubscription(it) => node(user, it.identifier.node),
        Packet::Presence(it) => node(user, it.node),
        Packet::IdentityClash(it) => node(user, it.identifier.node),
        Packet::NodePolicyAck(it) => node(user, it.node),
        Packet::Metrics(it) => node(user, it.node),
        Packet::Readings(it) => node(user, it.node),
        Packet::JoinRequest(it) => checkin(user, it.checkin),
        Packet::TableRequest(it) => checkin(user, it.checkin),
        Packet::CheckinReport(it) => checkin(user, it.checkin),
        Packet::Assignment(_) => any(matches!(user, Principal::Checkin(_))),
        Packet::Ack(it) => group(user, it.group),
        Packet::HelloRequest(_) => any(matches!(user, Principal::Group(_))),
        Packet::Arrival(it) => group(user, it.group),
        Packet::Membership(it) => group(user, it.group),
        Packet::PresenceRequest(it) => group(user, it.group),
        Packet::Alerts(it) => group(user, it.group),
        Packet::GroupAlarm(it) => group(user, it.group),
        Packet::Summary(it) => group(user, it.group),
        Packet::NodePolicy(it) => group(user, it.group),
        Packet::PolicyReport(it) => group(user, it.group),
        Packet::CheckinPlaced(it) => group(user, it.group),
        Packet::ZoneSubscriber(it) => zone(user, it.zone),
        Packet::GroupTable(it) => zone(user, it.zone),
        Packet::Hello(it) => zone(user, it.zone),
        Packet::Roster(_)
        | Packet::JoinDecision(_)
        | Packet::ArrivalDecision(_)
        | Packet::PolicyUpdate(_)
        | Packet::ReadingsRequest(_)
        | Packet::CheckinOrder(_) => any(matches!(user, Principal::Zone(_))),
        // From the zone to the group, and on from there to the node.
        Packet::ActionOrder(it) => either(any(matches!(user, Principal::Zone(_))), group(user, it.group)),
        // From the node to its group, and on from there to the zone: a group speaks for its nodes.
        Packet::ActionOutcome(it) => either(node(user, it.node), any(matches!(user, Principal::Group(_)))),
        Packet::ChannelMessage(_) => any(matches!(user, Principal::Zone(_) | Principal::Group(_))),
    }
}

const fn any(entitled: bool) -> Standing {
    if entitled { Standing::Entitled } else { Standing::Not }
}

const fn either(one: Standing, other: Standing) -> Standing {
    match (one, other) {
        (Standing::Entitled, _) | (_, Standing::Entitled) => Standing::Entitled,
        (Standing::Another, _) | (_, Standing::Another) => Standing::Another,
        (Standing::Not, Standing::Not) => Standing::Not,
    }
}

fn own<T: PartialEq>(mine: &T, named: &T) -> Standing {
    if mine == named { Standing::Entitled } else { Standing::Another }
}

fn node(user: &Principal, named: NodeId) -> Standing {
    if let Principal::Node(id) = user { own(id, &named) } else { Standing::Not }
}

fn group(user: &Principal, named: GroupId) -> Standing {
    if let Principal::Group(id) = user { own(id, &named) } else { Standing::Not }
}

fn checkin(user: &Principal, named: CheckinId) -> Standing {
    if let Principal::Checkin(id) = user { own(id, &named) } else { Standing::Not }
}

fn zone(user: &Principal, named: ZoneId) -> Standing {
    if let Principal::Zone(id) = user { own(id, &named) } else { Standing::Not }
}
