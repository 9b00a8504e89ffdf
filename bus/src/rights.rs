//! What each principal may do on the broker: a pure function of who it is (design §5).
//!
//! RabbitMQ's rules, as they are read here: to declare or delete a queue or exchange takes the right to *configure* it; to
//! publish takes *write* on the exchange; to consume, get or purge takes *read* on the queue; to bind takes *write* on
//! the queue and *read* on the exchange; to name a dead-letter exchange takes *read* on the queue and *write* on that
//! exchange. On a topic exchange the routing key must fit as well: when publishing the topic's *write*, when binding its
//! *read* against the binding key. An exchange for which a user has no topic right at all is open to every key, so each of
//! [`TOPIC_EXCHANGES`] is always named. Asking passively whether a queue or exchange exists takes no right.
//!
//! What a node writes has its own id as the key's last word, so that a broken node can lie only about itself.

use rollcall_model::{CheckinId, GroupId, Name, NodeId, Principal, ZoneId, name, route};

use crate::EVENT_EXCHANGE;

#[cfg(test)]
mod tests;

/// The exchanges whose routing keys are bounded. [`route::EVENTS`] is none: the zone alone writes there.
pub const TOPIC_EXCHANGES: [&str; 4] = [route::DIRECT, route::GROUP, route::ZONE, EVENT_EXCHANGE];

/// The purposes a node writes with, and its group controller binds with.
const NODE_PURPOSES: [&str; 6] =
    [route::HEALTH, route::AUDIBLE, route::AVAILABILITY, route::METRICS, route::HEALTH_ALERTS, route::HEALTH_ACTIONS];
/// Any id, as it is written in names and keys.
const ANY_ID: &str = "[0-9a-f-]{36}";
/// Any channel or purpose.
const ANY_WORD: &str = "[a-z0-9_-]+";
/// The broker's word for "nothing": no name and no key used by us is empty.
const NOTHING: &str = "^$";
const EVERYTHING: &str = ".*";

/// What a user may do in one virtual host: anchored regular expressions over names of queues and exchanges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// What it may declare and delete.
    pub configure: String,
    /// What it may publish to, and which queues it may bind.
    pub write: String,
    /// What it may consume and purge, and which exchanges it may bind queues to.
    pub read: String,
    /// Which keys it may use on topic exchanges; one for each of [`TOPIC_EXCHANGES`].
    pub topics: Vec<TopicRight>,
}

/// Which routing keys a user may use on one topic exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRight {
    /// The exchange.
    pub exchange: &'static str,
    /// Keys it may publish with.
    pub write: String,
    /// Keys it may bind with.
    pub read: String,
}

impl Rights {
    /// The rights of a principal on its zone's broker.
    #[must_use]
    pub fn of(principal: &Principal, zone: ZoneId) -> Self {
        match principal {
            Principal::Zone(_) => Self::everything(),
            Principal::Group(group) => Self::of_group(*group, zone),
            Principal::Checkin(checkin) => Self::of_checkin(*checkin, zone),
            Principal::Node(node) => Self::of_node(*node),
            Principal::User(name) => Self::of_user(name),
        }
    }

    /// The zone controller owns its virtual host.
    fn everything() -> Self {
        let all = || EVERYTHING.to_owned();
        let topics = TOPIC_EXCHANGES.map(|exchange| TopicRight { exchange, write: all(), read: all() });
        Self { configure: all(), write: all(), read: all(), topics: topics.into() }
    }

    /// A user of the API, whose program listens to what happens, has queues of its own and binds them to that, and to the RA
    /// messages of one group or of all (A8); it says nothing to anybody but the zone, which it asks for targets, and to itself: one of
    /// the queues may be its inbox. The last word of the queues' names is a digit: ten queues, whose length and age the zone's operator
    /// policy bounds ([`crate::admin::Admin::ensure_vhost`]). What anybody may bind with on [`route::EVENTS`] need not be bounded:
    /// nobody else may read it.
    fn of_user(name: &Name) -> Self {
        let own = [format!(r"{}\.[0-9]", exact(&route::user_queues(name)))];
        let heard = format!(r"({ANY_ID}|\*)\.({}|{})\.\*", route::AVAILABILITY, route::AUDIBLE);
        Self {
            configure: one_of(&own),
            write: one_of(&with(&own, [route::DIRECT])),
            read: one_of(&with(&own, [route::DIRECT, route::EVENTS, route::GROUP])),
            topics: topics(&[
                (route::DIRECT, one_of(&[&own[..], &[exact(&route::targets_key(name))]].concat()), one_of(&own)),
                (route::GROUP, NOTHING.into(), one_of(&[heard])),
            ]),
        }
    }

    /// A node has its inbox. It parks nothing and binds nothing else.
    fn of_node(node: NodeId) -> Self {
        let inboxes = [exact(&route::node_inbox(node)), exact(&route::clash_inbox(node))];
        let purposes = NODE_PURPOSES.join("|");
        let told = [format!(r"checkin\.{ANY_ID}\.{node}"), format!(r"(clash|readings)\.{node}")];
        // Keys mean nothing there: the group controller holds the packet against the user, which the broker has checked.
        let status = format!(r"group\.{ANY_ID}\.status");
        Self {
            configure: one_of(&inboxes),
            write: one_of(&[&with(&inboxes, [route::DIRECT, route::GROUP, route::PRESENCE])[..], &[status]].concat()),
            read: one_of(&with(&inboxes, [route::DIRECT])),
            topics: topics(&[
                (route::DIRECT, one_of(&[&told[..], &inboxes].concat()), one_of(&inboxes)),
                (route::GROUP, one_of(&[format!(r"{ANY_ID}\.({purposes})\.{node}")]), NOTHING.into()),
            ]),
        }
    }

    /// A group controller has its inbox and its group's queues, speaks to nodes' inboxes and to the zone, parks, and hears
    /// from the broker whose inbox is gone.
    fn of_group(group: GroupId, zone: ZoneId) -> Self {
        let inbox = exact(&route::group_inbox(group));
        let own = [inbox.clone(), format!(r"group\.{group}\.{ANY_WORD}")];
        let purposes = NODE_PURPOSES.join("|");
        Self {
            configure: one_of(&own),
            write: one_of(&with(&own, [route::DIRECT, route::ZONE, route::PARKED])),
            read: one_of(&with(&own, [route::DIRECT, route::GROUP, route::PRESENCE, EVENT_EXCHANGE])),
            topics: topics(&[
                (route::DIRECT, services_write(&inbox, zone), one_of(&[inbox])),
                (route::GROUP, NOTHING.into(), one_of(&[format!(r"{group}\.({purposes})\.\*")])),
                (route::ZONE, one_of(&[format!(r"{ANY_WORD}\.{group}")]), NOTHING.into()),
                (EVENT_EXCHANGE, NOTHING.into(), one_of(&[exact(crate::QUEUE_DELETED)])),
            ]),
        }
    }

    /// A check-in service has its inbox and its queue, speaks to nodes' inboxes and to the zone, and parks.
    fn of_checkin(checkin: CheckinId, zone: ZoneId) -> Self {
        let inbox = exact(&route::checkin_inbox(checkin));
        let queue = exact(&route::checkin_queue(checkin));
        let own = [inbox.clone(), queue.clone()];
        Self {
            configure: one_of(&own),
            write: one_of(&with(&own, [route::DIRECT, route::ZONE, route::PARKED])),
            read: one_of(&with(&own, [route::DIRECT])),
            topics: topics(&[
                (route::DIRECT, services_write(&inbox, zone), one_of(&[inbox, format!(r"{queue}\.\*")])),
                (route::ZONE, one_of(&[format!(r"{}\.{checkin}", name::ANALYTICS)]), NOTHING.into()),
            ]),
        }
    }
}

/// Keys that services write: joins and what belongs to them, the zone's and any node's inbox, their own echo.
fn services_write(inbox: &str, zone: ZoneId) -> String {
    let zone = exact(&route::zone_inbox(zone));
    one_of(&[exact(route::JOINS), zone, format!(r"inbox\.node\.{ANY_ID}"), inbox.to_owned()])
}

/// A right for every topic exchange; those not named are closed.
fn topics(named: &[(&'static str, String, String)]) -> Vec<TopicRight> {
    let right = |exchange: &'static str| {
        let found = named.iter().find(|(name, ..)| *name == exchange);
        let (write, read) = found.map_or((NOTHING, NOTHING), |(_, write, read)| (write, read));
        TopicRight { exchange, write: write.to_owned(), read: read.to_owned() }
    };
    TOPIC_EXCHANGES.map(right).into()
}

fn with<const N: usize>(own: &[String], exchanges: [&str; N]) -> Vec<String> {
    own.iter().cloned().chain(exchanges.map(exact)).collect()
}

/// This name and no other. Names are made of words, digits, dots and dashes, of which only the dot means something else.
fn exact(name: &str) -> String {
    name.replace('.', r"\.")
}

/// Anchored; `\z`, because `$` would let a line feed follow.
fn one_of(alternatives: &[String]) -> String {
    format!(r"^({})\z", alternatives.join("|"))
}
