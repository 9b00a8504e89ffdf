//! Names on the broker: exchanges, queues and routing keys, all derived from ids (design: one vhost per zone).

use crate::{CheckinId, GroupId, Name, NodeId, Purpose, ZoneId};

/// Most bytes of a routing key (AMQP 0-9-1, a short string).
const LONGEST_KEY: usize = 255;

/// Topic exchange with complete keys: inboxes, check-in, joins. What a node writes there ends in its own id, so that
/// the broker can hold it to that.
pub const DIRECT: &str = "rollcall.direct";
/// Fanout exchange: "here I am".
pub const PRESENCE: &str = "rollcall.presence";
/// Topic exchange: `<group id>.<purpose>.<node id>`.
pub const GROUP: &str = "rollcall.group";
/// Topic exchange: `<channel>.<group id>`.
pub const ZONE: &str = "rollcall.zone";
/// Fanout exchange: what could not be handled, with its reason.
pub const PARKED: &str = "rollcall.parked";
/// Topic exchange: what happens, `<kind>.<subject>`, for programs of other people's.
pub const EVENTS: &str = "rollcall.events";
/// Queue of parked messages; bounded, for people to look at.
pub const PARKED_QUEUE: &str = "zone.parked";
/// Queue (and key on [`DIRECT`]) of everything that must reach the zone about joins.
pub const JOINS: &str = "zone.joins";
/// Queue of what the broker tells of operations it refused.
pub const REFUSALS: &str = "zone.refusals";

/// Binding on [`DIRECT`] that takes every node's [`clash_key`].
pub const CLASH_BINDING: &str = "clash.*";
/// Binding on [`DIRECT`] that takes every node's [`readings_key`].
pub const READINGS_BINDING: &str = "readings.*";

/// Binding on [`GROUP`] that takes every group's RA and capacity messages.
pub const AVAILABILITY_BINDING: &str = "*.availability.*";
/// Binding on [`GROUP`] that takes every group's status packets that an RA message rides on.
pub const AUDIBLE_BINDING: &str = "*.audible.*";
/// Queue of RA and capacity messages for the zone.
pub const AVAILABILITY_QUEUE: &str = "zone.availability";
/// Binding on [`DIRECT`] that takes every user's [`targets_key`]; a user's name may have dots.
pub const TARGETS_BINDING: &str = "targets.#";

/// Purpose of a group queue: health status packets.
pub const HEALTH: &str = "health";
/// Purpose of status packets that an RA message rides on; they go to the group's [`HEALTH`] queue, and to whoever hears RA
/// messages, so that plain keep-alives are never copied to those.
pub const AUDIBLE: &str = "audible";
/// Purpose of a group queue: RA messages and capacity messages.
pub const AVAILABILITY: &str = "availability";
/// Purpose of a group queue: metrics readings.
pub const METRICS: &str = "metrics";
/// Purpose of a group queue: urgent word from a node.
pub const HEALTH_ALERTS: &str = "alerts";
/// Purpose of a group queue: outcomes of health actions.
pub const HEALTH_ACTIONS: &str = "actions";

/// Inbox of the zone controller.
#[must_use]
pub fn zone_inbox(zone: ZoneId) -> String {
    format!("inbox.zone.{zone}")
}

/// A group's own fanout exchange, for its nodes' status packets, which have no routing key there: to route by the keys of a topic exchange
/// is half of what a packet costs the broker, and these come from every node every second. The group controller declares it and tells
/// its nodes of it.
#[must_use]
pub fn status_exchange(group: GroupId) -> String {
    format!("group.{group}.status")
}

/// The zone whose inbox this is; `None` for any other queue.
#[must_use]
pub fn zone_of_inbox(queue: &str) -> Option<ZoneId> {
    queue.strip_prefix("inbox.zone.")?.parse().ok()
}

/// Inbox of a group controller.
#[must_use]
pub fn group_inbox(group: GroupId) -> String {
    format!("inbox.group.{group}")
}

/// Inbox of a check-in service.
#[must_use]
pub fn checkin_inbox(checkin: CheckinId) -> String {
    format!("inbox.checkin.{checkin}")
}

/// Inbox of a node.
#[must_use]
pub fn node_inbox(node: NodeId) -> String {
    format!("inbox.node.{node}")
}

/// Inbox of a connection that a node opens only to tell that another holds its inbox.
#[must_use]
pub fn clash_inbox(node: NodeId) -> String {
    format!("inbox.node.{node}.clash")
}

/// The node whose inbox this is; `None` for any other queue.
#[must_use]
pub fn node_of_inbox(queue: &str) -> Option<NodeId> {
    queue.strip_prefix("inbox.node.")?.parse().ok()
}

/// Queue of a check-in service for node subscription packets.
#[must_use]
pub fn checkin_queue(checkin: CheckinId) -> String {
    format!("checkin.{checkin}")
}

/// Key on [`DIRECT`] of one node's subscription packets to a check-in service.
#[must_use]
pub fn checkin_key(checkin: CheckinId, node: NodeId) -> String {
    format!("checkin.{checkin}.{node}")
}

/// Binding on [`DIRECT`] that takes every node's subscription packets to a check-in service.
#[must_use]
pub fn checkin_binding(checkin: CheckinId) -> String {
    format!("checkin.{checkin}.*")
}

/// Key on [`DIRECT`] of a node's word that another has its identifier; reaches the zone's joins.
#[must_use]
pub fn clash_key(node: NodeId) -> String {
    format!("clash.{node}")
}

/// Key on [`EVENTS`] of an event. A subject that no key can hold is a dash.
#[must_use]
pub fn event_key(kind: &str, subject: &str) -> String {
    let is_held = !subject.is_empty() && kind.len() + 1 + subject.len() <= LONGEST_KEY;
    format!("{kind}.{}", if is_held { subject } else { "-" })
}

/// What the names of the queues begin with that a user of the API may have on the broker, a dot after it.
#[must_use]
pub fn user_queues(user: &Name) -> String {
    format!("user.{user}")
}

/// Key on [`DIRECT`] under which a user's program asks for targets.
#[must_use]
pub fn targets_key(user: &Name) -> String {
    format!("targets.{user}")
}

/// Key on [`DIRECT`] of a node's readings; reaches the zone's inbox.
#[must_use]
pub fn readings_key(node: NodeId) -> String {
    format!("readings.{node}")
}

/// Queue of a zone's channel.
#[must_use]
pub fn zone_queue(channel: &Purpose) -> String {
    format!("zone.{}", channel.as_str())
}

/// Key on [`ZONE`] of one group's channel.
#[must_use]
pub fn zone_key(channel: &str, group: GroupId) -> String {
    format!("{channel}.{group}")
}

/// Binding on [`ZONE`] that takes every group's messages of a channel.
#[must_use]
pub fn zone_binding(channel: &Purpose) -> String {
    format!("{}.*", channel.as_str())
}

/// Queue of a group for one purpose (G4).
#[must_use]
pub fn group_queue(group: GroupId, purpose: &str) -> String {
    format!("group.{group}.{purpose}")
}

/// Key on [`GROUP`] for one node's messages of one purpose.
#[must_use]
pub fn group_key(group: GroupId, purpose: &str, node: NodeId) -> String {
    format!("{group}.{purpose}.{node}")
}

/// Binding on [`GROUP`] that takes one purpose's messages from every node of the group.
#[must_use]
pub fn group_binding(group: GroupId, purpose: &str) -> String {
    format!("{group}.{purpose}.*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_read_back_from_its_inbox_and_from_nothing_else() {
        let node = NodeId::derived_from("x");
        assert_eq!(node_of_inbox(&node_inbox(node)), Some(node));
        assert_eq!(node_of_inbox(&group_inbox(GroupId::derived_from("x"))), None);
        assert_eq!(node_of_inbox("inbox.node.x"), None);
        assert_eq!(node_of_inbox(&clash_inbox(node)), None);
    }

    #[test]
    fn an_event_is_routed_by_what_it_is_about_as_far_as_a_key_can_tell() {
        let node = NodeId::derived_from("x").to_string();
        assert_eq!(event_key("node_joined", &node), format!("node_joined.{node}"));
        assert_eq!(event_key("note", ""), "note.-");
        assert_eq!(event_key("note", &"x".repeat(250)).len(), 255);
        assert_eq!(event_key("note", &"x".repeat(251)), "note.-");
    }

    #[test]
    fn what_a_node_writes_ends_in_its_id() {
        let node = NodeId::derived_from("x");
        let (checkin, group) = (CheckinId::derived_from("c"), GroupId::derived_from("g"));
        let keys = [
            checkin_key(checkin, node),
            clash_key(node),
            readings_key(node),
            node_inbox(node),
            group_key(group, HEALTH, node),
            group_key(group, AUDIBLE, node),
            group_key(group, AVAILABILITY, node),
        ];
        for key in keys {
            assert!(key.ends_with(&format!(".{node}")), "{key}");
        }
        let binding = checkin_binding(checkin);
        assert_eq!(binding.trim_end_matches('*'), checkin_key(checkin, node).trim_end_matches(&node.to_string()));
    }
}
