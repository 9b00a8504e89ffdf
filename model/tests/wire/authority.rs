//! Who may send what: for every kind of packet the right sender passes, and nobody else does.

use proptest::prelude::*;
use rollcall_model::authority::{self, AuthorityError};
use rollcall_model::packet::{ActionOutcome, Packet};
use rollcall_model::wire::status::NodeStatus;
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    ActionId, AvailabilityKinds, CheckinId, GroupId, Health, MessageId, Millis, Name, NodeId, Principal, SessionEpoch,
    UnixMillis, ZoneId,
};

use crate::examples;

/// Kinds of senders, and the packets each sends. `action_order` and `action_outcome` are passed on, and stand twice.
const OFFICES: [(&str, &[&str]); 4] = [
    (
        "node",
        &[
            "node_subscription",
            "presence",
            "identity_clash",
            "node_policy_ack",
            "metrics",
            "readings",
            "action_outcome",
        ],
    ),
    ("checkin", &["join_request", "table_request", "checkin_report", "assignment"]),
    (
        "group",
        &[
            "ack",
            "hello_request",
            "arrival",
            "membership",
            "presence_request",
            "alerts",
            "group_alarm",
            "summary",
            "node_policy",
            "policy_report",
            "checkin_placed",
            "action_order",
            "action_outcome",
            "channel_message",
        ],
    ),
    (
        "zone",
        &[
            "zone_subscriber",
            "roster",
            "join_decision",
            "arrival_decision",
            "group_table",
            "hello",
            "policy_update",
            "readings_request",
            "checkin_order",
            "action_order",
            "channel_message",
        ],
    ),
];

/// What has no id of its sender in it: anybody of the right kind may say it in its own name.
const NAMELESS: [(&str, &str); 11] = [
    ("checkin", "assignment"),
    ("group", "hello_request"),
    ("group", "action_outcome"),
    ("group", "channel_message"),
    ("zone", "roster"),
    ("zone", "join_decision"),
    ("zone", "arrival_decision"),
    ("zone", "policy_update"),
    ("zone", "readings_request"),
    ("zone", "checkin_order"),
    ("zone", "action_order"),
];

/// The principals whom the examples are about.
fn named() -> [Principal; 5] {
    [
        Principal::Node(examples::node()),
        Principal::Checkin(examples::checkin()),
        Principal::Group(examples::group()),
        Principal::Zone(examples::zone()),
        Principal::User(Name::new("ada").unwrap()),
    ]
}

fn others(seed: &str) -> [Principal; 4] {
    [
        Principal::Node(NodeId::derived_from(seed)),
        Principal::Checkin(CheckinId::derived_from(seed)),
        Principal::Group(GroupId::derived_from(seed)),
        Principal::Zone(ZoneId::derived_from(seed)),
    ]
}

fn from(principal: &Principal, packet: Packet) -> Envelope {
    let id = MessageId::derived_from("message");
    Envelope::new(id, principal.inbox().unwrap_or_else(|| "inbox.user.ada".into()), UnixMillis(0), packet)
}

fn check(principal: &Principal, packet: &Packet) -> Result<Principal, &'static str> {
    let user = principal.user_in(examples::zone());
    authority::check(&from(principal, packet.clone()), Some(&user)).map_err(|error| error.reason())
}

fn sends(principal: &Principal, kind: &str) -> bool {
    OFFICES.iter().any(|(sender, kinds)| *sender == principal.kind() && kinds.contains(&kind))
}

#[test]
fn every_kind_has_a_sender_and_no_other_kind_of_principal_may_send_it() {
    for (name, packet) in examples::all() {
        let kind = packet.kind();
        assert!(OFFICES.iter().any(|(_, kinds)| kinds.contains(&kind)), "nobody sends {kind}");
        for principal in named() {
            let expected = match principal {
                Principal::User(_) => Err("wrong_sender"),
                _ if sends(&principal, kind) => Ok(principal.clone()),
                _ => Err("not_entitled"),
            };
            assert_eq!(check(&principal, &packet), expected, "{name} from {principal}");
        }
    }
}

#[test]
fn nobody_speaks_under_anothers_inbox() {
    for (name, packet) in examples::all() {
        for principal in named().iter().filter(|principal| sends(principal, packet.kind())) {
            let envelope = from(principal, packet.clone());
            for other in others("another").iter().chain(named().iter().filter(|other| *other != principal)) {
                let user = other.user_in(examples::zone());
                let error = authority::check(&envelope, Some(&user)).unwrap_err();
                assert_eq!(error.reason(), "wrong_sender", "{name} of {principal} from {other}");
                assert_eq!(error.sender(), other.to_string());
            }
        }
    }
}

#[test]
fn without_a_user_or_with_one_that_is_nobody_nothing_passes() {
    for (name, packet) in examples::all() {
        let envelope = from(&named()[0], packet);
        assert_eq!(authority::check(&envelope, None), Err(AuthorityError::NoUser), "{name}");
        for stranger in ["", "guest", "node", "node.x", "@", "root@z", &"x".repeat(300)] {
            let error = authority::check(&envelope, Some(stranger)).unwrap_err();
            assert_eq!(error.reason(), "not_entitled", "{name} {stranger}");
            assert!(error.to_string().len() < 120);
        }
    }
}

fn status_of(node: NodeId) -> NodeStatus {
    NodeStatus {
        node,
        health: Health::unmeasured(),
        dictionary: 1,
        epoch: SessionEpoch(1),
        sequence: 1,
        longest_silence: Millis(3_500),
        leaving: false,
        tag: None,
        availability: AvailabilityKinds::EMPTY,
    }
}

#[test]
fn an_ra_message_is_the_nodes_own() {
    let node = examples::node();
    let reason = |user: Option<&str>| authority::availability(user, node, "availability").map_err(|it| it.reason());
    assert_eq!(reason(Some(&Principal::Node(node).user_in(examples::zone()))), Ok(()));
    assert_eq!(reason(Some(&Principal::Node(NodeId::derived_from("another")).to_string())), Err("wrong_sender"));
    assert_eq!(reason(Some(&Principal::User(Name::new("ada").unwrap()).to_string())), Err("not_entitled"));
    assert_eq!(reason(None), Err("no_user"));
}

#[test]
fn a_status_packet_is_the_nodes_own() {
    let node = examples::node();
    let status = status_of(node);
    let reason = |user: Option<&str>| authority::status(user, &status).map_err(|error| error.reason());
    let mine = Principal::Node(node);
    assert_eq!(reason(Some(&mine.to_string())), Ok(()));
    assert_eq!(reason(Some(&mine.user_in(examples::zone()))), Ok(()));
    assert_eq!(reason(None), Err("no_user"));
    assert_eq!(reason(Some("")), Err("not_entitled"));
    assert_eq!(reason(Some(&mine.to_string().to_uppercase())), Err("not_entitled"));
    assert_eq!(reason(Some(&Principal::Node(NodeId::derived_from("x")).to_string())), Err("wrong_sender"));
    for other in &named()[1..] {
        assert_eq!(reason(Some(&other.to_string())), Err("not_entitled"), "{other}");
    }
}

#[test]
fn an_outcome_is_the_nodes_own_or_its_groups_word() {
    let (node, group) = (examples::node(), examples::group());
    let packet = Packet::ActionOutcome(ActionOutcome {
        action_id: ActionId::derived_from("a"),
        node,
        state: rollcall_model::packet::ActionState::Done,
        message: String::new(),
        at: UnixMillis(0),
    });
    assert!(check(&Principal::Node(node), &packet).is_ok());
    assert!(check(&Principal::Group(group), &packet).is_ok());
    assert_eq!(check(&Principal::Node(NodeId::derived_from("x")), &packet), Err("wrong_sender"));
}

proptest! {
    /// A foreign id inside is refused, whoever it is, unless there is no id of the sender in such a packet.
    #[test]
    fn a_foreign_id_is_refused(which in any::<prop::sample::Index>(), seed in "[a-z]{1,12}") {
        let all = examples::all();
        let (name, packet) = which.get(&all);
        for principal in others(&seed) {
            let expected = match (sends(&principal, packet.kind()), principal.kind()) {
                (true, kind) if NAMELESS.contains(&(kind, packet.kind())) => Ok(principal.clone()),
                (true, "zone") if packet.kind() == "channel_message" => Ok(principal.clone()),
                (true, _) => Err("wrong_sender"),
                (false, _) => Err("not_entitled"),
            };
            prop_assert_eq!(check(&principal, packet), expected, "{} from {}", name, principal);
        }
    }

    #[test]
    fn a_status_packet_under_another_name_is_refused(node in any::<[u8; 16]>(), user in any::<[u8; 16]>()) {
        let (node, user) = (NodeId::from_bytes(node), NodeId::from_bytes(user));
        let name = Principal::Node(user).user_in(examples::zone());
        prop_assert_eq!(authority::status(Some(&name), &status_of(node)).is_ok(), node == user);
    }

    #[test]
    fn any_user_is_read_or_refused_and_never_panics(user in ".{0,100}") {
        let status = status_of(examples::node());
        prop_assert!(authority::status(Some(&user), &status).is_err());
    }
}
