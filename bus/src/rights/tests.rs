use regex::Regex;
use rollcall_model::{CheckinId, GroupId, Name, NodeId, Principal, ZoneId, route};

use super::{Rights, TOPIC_EXCHANGES};
use crate::{EVENT_EXCHANGE, QUEUE_DELETED};

/// Judges as RabbitMQ does; see the module's words.
struct Judge(Rights);

fn fits(pattern: &str, name: &str) -> bool {
    Regex::new(pattern).expect("a regular expression").is_match(name)
}

impl Judge {
    fn of(principal: &Principal) -> Self {
        Self(Rights::of(principal, zone()))
    }

    fn declares(&self, name: &str) -> bool {
        fits(&self.0.configure, name)
    }

    fn reads(&self, queue: &str) -> bool {
        fits(&self.0.read, queue)
    }

    fn publishes(&self, exchange: &str, key: &str) -> bool {
        fits(&self.0.write, exchange) && self.topic(exchange).is_none_or(|right| fits(&right.write, key))
    }

    fn binds(&self, queue: &str, exchange: &str, key: &str) -> bool {
        fits(&self.0.write, queue)
            && fits(&self.0.read, exchange)
            && self.topic(exchange).is_none_or(|right| fits(&right.read, key))
    }

    fn buries(&self, queue: &str, exchange: &str) -> bool {
        fits(&self.0.read, queue) && fits(&self.0.write, exchange)
    }

    fn topic(&self, exchange: &str) -> Option<&super::TopicRight> {
        self.0.topics.iter().find(|right| right.exchange == exchange)
    }
}

fn zone() -> ZoneId {
    ZoneId::derived_from("z")
}

fn node(name: &str) -> NodeId {
    NodeId::derived_from(&format!("node {name}"))
}

fn group(name: &str) -> GroupId {
    GroupId::derived_from(&format!("group {name}"))
}

fn checkin(name: &str) -> CheckinId {
    CheckinId::derived_from(&format!("checkin {name}"))
}

fn everybody() -> Vec<(&'static str, Principal)> {
    vec![
        ("zone", Principal::Zone(zone())),
        ("group a", Principal::Group(group("a"))),
        ("group b", Principal::Group(group("b"))),
        ("checkin a", Principal::Checkin(checkin("a"))),
        ("checkin b", Principal::Checkin(checkin("b"))),
        ("node a", Principal::Node(node("a"))),
        ("node b", Principal::Node(node("b"))),
        ("user", Principal::User(Name::new("ada").expect("a name"))),
    ]
}

/// Who passes, in the order above.
fn who(may: impl Fn(&Judge) -> bool) -> Vec<&'static str> {
    everybody().iter().filter(|(_, principal)| may(&Judge::of(principal))).map(|(name, _)| *name).collect()
}

#[test]
fn everyone_has_its_own_queues_and_the_zone_has_all() {
    for (queue, owners) in [
        (route::node_inbox(node("a")), vec!["zone", "node a"]),
        (route::clash_inbox(node("a")), vec!["zone", "node a"]),
        (route::group_inbox(group("a")), vec!["zone", "group a"]),
        (route::group_queue(group("a"), route::HEALTH), vec!["zone", "group a"]),
        (route::group_queue(group("b"), "presence"), vec!["zone", "group b"]),
        (route::checkin_inbox(checkin("a")), vec!["zone", "checkin a"]),
        (route::checkin_queue(checkin("a")), vec!["zone", "checkin a"]),
        (route::zone_inbox(zone()), vec!["zone"]),
        ("user.ada.1".into(), vec!["zone", "user"]),
        ("user.ada.pager".into(), vec!["zone"]),
        ("user.ada.1.2".into(), vec!["zone"]),
        ("user.ada".into(), vec!["zone"]),
        ("user.adam.1".into(), vec!["zone"]),
        ("user.ada.".into(), vec!["zone"]),
        (route::status_exchange(group("a")), vec!["zone", "group a"]),
        (route::JOINS.into(), vec!["zone"]),
        (route::PARKED_QUEUE.into(), vec!["zone"]),
        ("zone.alerts".into(), vec!["zone"]),
        ("anything".into(), vec!["zone"]),
        (format!("{}\n", route::node_inbox(node("a"))), vec!["zone"]),
        (route::node_inbox(node("a")).replace('.', "-"), vec!["zone"]),
        (format!("x{}", route::node_inbox(node("a"))), vec!["zone"]),
    ] {
        assert_eq!(who(|judge| judge.declares(&queue)), owners, "declares or deletes {queue:?}");
        assert_eq!(who(|judge| judge.reads(&queue)), owners, "consumes, gets or purges {queue:?}");
        let bound = who(|judge| judge.binds(&queue, "amq.topic", "x") || judge.binds(&queue, route::PRESENCE, ""));
        assert!(bound.iter().all(|who| owners.contains(who)), "binds {queue:?}: {bound:?}");
    }
}

#[test]
fn exchanges_are_the_zones() {
    let ours = [route::DIRECT, route::PRESENCE, route::GROUP, route::ZONE, route::PARKED, route::EVENTS];
    for exchange in ours.into_iter().chain([EVENT_EXCHANGE, "amq.topic", "amq.default", "x"]) {
        assert_eq!(who(|judge| judge.declares(exchange)), ["zone"], "declares or deletes {exchange}");
    }
    for exchange in [route::EVENTS, "amq.topic", "amq.direct", "amq.default", EVENT_EXCHANGE, "amq.rabbitmq.log", "x"] {
        assert_eq!(who(|judge| judge.publishes(exchange, QUEUE_DELETED)), ["zone"], "publishes to {exchange}");
    }
}

#[test]
fn every_node_may_send_status_packets_to_the_group_it_stands_in() {
    // Which group that is nobody knows beforehand; whose packet it is the group controller sees by the user.
    for name in ["a", "b"] {
        let exchange = route::status_exchange(group(name));
        let own = format!("group {name}");
        assert_eq!(who(|judge| judge.publishes(&exchange, "")), ["zone", &own, "node a", "node b"], "{exchange}");
        assert_eq!(who(|judge| judge.publishes(&format!("{exchange}x"), "")), ["zone", &own]);
    }
}

#[test]
fn keys_name_their_writers() {
    let (a, g, c) = (node("a"), group("a"), checkin("a"));
    let services = vec!["zone", "group a", "group b", "checkin a", "checkin b"];
    for (exchange, key, writers) in [
        (route::DIRECT, format!("{}.{a}", route::checkin_queue(c)), vec!["zone", "node a"]),
        (route::DIRECT, format!("clash.{a}"), vec!["zone", "node a"]),
        (route::DIRECT, format!("readings.{a}"), vec!["zone", "node a"]),
        (route::DIRECT, route::clash_inbox(a), vec!["zone", "node a"]),
        (route::DIRECT, route::node_inbox(a), [&services[..], &["node a"]].concat()),
        (route::DIRECT, route::JOINS.into(), services.clone()),
        (route::DIRECT, route::zone_inbox(zone()), services.clone()),
        (route::DIRECT, route::zone_inbox(ZoneId::derived_from("other")), vec!["zone"]),
        (route::DIRECT, route::group_inbox(g), vec!["zone", "group a"]),
        (route::DIRECT, route::checkin_inbox(c), vec!["zone", "checkin a"]),
        (route::DIRECT, format!("{}.{a}.x", route::checkin_queue(c)), vec!["zone"]),
        (route::DIRECT, format!("clash.{a}\n"), vec!["zone"]),
        (route::GROUP, route::group_key(g, route::HEALTH, a), vec!["zone", "node a"]),
        (route::GROUP, route::group_key(group("b"), route::METRICS, a), vec!["zone", "node a"]),
        (route::GROUP, route::group_key(g, route::HEALTH_ACTIONS, a), vec!["zone", "node a"]),
        (route::GROUP, route::group_key(g, route::AVAILABILITY, a), vec!["zone", "node a"]),
        (route::GROUP, route::group_key(group("b"), route::AUDIBLE, a), vec!["zone", "node a"]),
        (route::GROUP, format!("{g}.availability.{a}.x"), vec!["zone"]),
        (route::DIRECT, "targets.ada".into(), vec!["zone", "user"]),
        (route::DIRECT, "targets.adam".into(), vec!["zone"]),
        (route::DIRECT, "targets.ada.x".into(), vec!["zone"]),
        (route::DIRECT, "user.ada.1".into(), vec!["zone", "user"]),
        (route::DIRECT, "user.adam.1".into(), vec!["zone"]),
        (route::GROUP, format!("{g}.presence.{a}"), vec!["zone"]),
        (route::GROUP, format!("health.{a}"), vec!["zone"]),
        (route::ZONE, route::zone_key("alerts", g), vec!["zone", "group a"]),
        (route::ZONE, route::zone_key("x.alerts", g), vec!["zone"]),
        (route::ZONE, format!("analytics.{c}"), vec!["zone", "checkin a"]),
        (route::ZONE, format!("alerts.{c}"), vec!["zone"]),
        (route::PRESENCE, String::new(), vec!["zone", "node a", "node b"]),
        (route::PARKED, "anything".into(), services),
    ] {
        assert_eq!(who(|judge| judge.publishes(exchange, &key)), writers, "publishes {key:?} to {exchange}");
    }
}

#[test]
fn bindings_take_no_more_than_what_is_for_the_queue() {
    let (a, g, c) = (node("a"), group("a"), checkin("a"));
    let (inbox, rack, lobby) = (route::node_inbox(a), route::group_queue(g, route::HEALTH), route::checkin_queue(c));
    let program = "user.ada.1".to_owned();
    for (queue, exchange, key, binders) in [
        (&inbox, route::DIRECT, inbox.clone(), vec!["zone", "node a"]),
        (&inbox, route::DIRECT, "#".into(), vec!["zone"]),
        (&inbox, route::DIRECT, "inbox.node.*".into(), vec!["zone"]),
        (&inbox, route::DIRECT, route::node_inbox(node("b")), vec!["zone"]),
        (&inbox, route::DIRECT, format!("readings.{a}"), vec!["zone"]),
        (&inbox, route::GROUP, route::group_key(g, route::HEALTH, a), vec!["zone"]),
        (&inbox, route::PRESENCE, String::new(), vec!["zone"]),
        (&inbox, EVENT_EXCHANGE, QUEUE_DELETED.into(), vec!["zone"]),
        (&rack, route::GROUP, route::group_binding(g, route::HEALTH), vec!["zone", "group a"]),
        (&rack, route::GROUP, route::group_binding(g, route::AVAILABILITY), vec!["zone", "group a"]),
        (&rack, route::GROUP, route::group_binding(g, route::AUDIBLE), vec!["zone", "group a"]),
        (&rack, route::GROUP, route::AUDIBLE_BINDING.into(), vec!["zone"]),
        (&rack, route::GROUP, "#".into(), vec!["zone"]),
        (&rack, route::GROUP, format!("{g}.#"), vec!["zone"]),
        (&rack, route::GROUP, route::group_binding(group("b"), route::HEALTH), vec!["zone"]),
        (&rack, route::PRESENCE, String::new(), vec!["zone", "group a"]),
        (&rack, EVENT_EXCHANGE, QUEUE_DELETED.into(), vec!["zone", "group a"]),
        (&rack, EVENT_EXCHANGE, "user.#".into(), vec!["zone"]),
        (&rack, route::DIRECT, route::JOINS.into(), vec!["zone"]),
        (&rack, route::ZONE, route::zone_key("alerts", g), vec!["zone"]),
        (&program, route::EVENTS, "#".into(), vec!["zone", "user"]),
        (&program, route::EVENTS, "alert_raised.*".into(), vec!["zone", "user"]),
        (&program, route::GROUP, route::AVAILABILITY_BINDING.into(), vec!["zone", "user"]),
        (&program, route::GROUP, route::AUDIBLE_BINDING.into(), vec!["zone", "user"]),
        (&program, route::GROUP, route::group_binding(g, route::AVAILABILITY), vec!["zone", "user"]),
        (&program, route::GROUP, route::group_binding(g, route::AUDIBLE), vec!["zone", "user"]),
        (&program, route::GROUP, route::group_binding(g, route::HEALTH), vec!["zone"]),
        (&program, route::GROUP, "*.*.*".into(), vec!["zone"]),
        (&program, route::GROUP, "#".into(), vec!["zone"]),
        (&program, route::GROUP, "*.availability.#".into(), vec!["zone"]),
        (&program, route::GROUP, format!("{}x", route::AUDIBLE_BINDING), vec!["zone"]),
        (&program, route::DIRECT, "targets.ada".into(), vec!["zone"]),
        (&program, route::DIRECT, program.clone(), vec!["zone", "user"]),
        (&program, route::DIRECT, "user.adam.1".into(), vec!["zone"]),
        (&program, route::DIRECT, "user.ada.*".into(), vec!["zone"]),
        (&program, route::DIRECT, "#".into(), vec!["zone"]),
        (&program, route::ZONE, "alerts.*".into(), vec!["zone"]),
        (&program, route::PRESENCE, String::new(), vec!["zone"]),
        (&inbox, route::EVENTS, "#".into(), vec!["zone"]),
        (&rack, route::EVENTS, "#".into(), vec!["zone"]),
        (&lobby, route::DIRECT, format!("{lobby}.*"), vec!["zone", "checkin a"]),
        (&lobby, route::DIRECT, format!("{lobby}.#"), vec!["zone"]),
        (&lobby, route::DIRECT, "checkin.#".into(), vec!["zone"]),
        (&lobby, route::DIRECT, route::JOINS.into(), vec!["zone"]),
    ] {
        assert_eq!(who(|judge| judge.binds(queue, exchange, &key)), binders, "binds {queue} to {exchange} for {key:?}");
    }
}

#[test]
fn only_those_who_park_may_name_where_dead_letters_go() {
    let (rack, inbox) = (route::group_queue(group("a"), route::HEALTH_ALERTS), route::node_inbox(node("a")));
    assert_eq!(who(|judge| judge.buries(&rack, route::PARKED)), ["zone", "group a"]);
    assert_eq!(who(|judge| judge.buries(&inbox, route::PARKED)), ["zone"]);
}

#[test]
fn no_topic_exchange_is_left_open() {
    for (name, principal) in everybody() {
        let rights = Rights::of(&principal, zone());
        let named: Vec<&str> = rights.topics.iter().map(|right| right.exchange).collect();
        assert_eq!(named, TOPIC_EXCHANGES, "{name}");
    }
}
