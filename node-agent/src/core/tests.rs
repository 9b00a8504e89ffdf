//! The agent's decisions, as tables of events and effects.

use std::slice::from_ref;

use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::packet::{ActionKind, Assignment, Decision, NodePolicy, PresenceRequest};
use rollcall_model::policy::IndicatorSetting;
use rollcall_model::wire::status::{self, NodeStatus};
use rollcall_model::{Capability, GroupId, Health, HealthBits, MessageId, UnixMillis, ZoneId};

use super::question::LAST_PAUSE;
use super::*;
use crate::simulated::{at_once, showing};

mod actions;
mod availability;
mod hardware;
mod policy;
mod telling;

fn at(ms: u64) -> Now {
    Now { tick: Tick(ms), wall: UnixMillis(1_700_000_000_000 + ms) }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn delivered(packet: Packet) -> Event {
    Event::Delivered(Envelope::new(MessageId::derived_from("m"), "inbox.x", UnixMillis(1_700_000_000_000), packet))
}

fn settings() -> Settings {
    let evidence = Evidence {
        source: EvidenceSource::Simulated,
        product_uuid: Some("n".into()),
        board_serial: None,
        cpu: None,
        machine_id: None,
        mac: None,
    };
    Settings {
        identifier: NodeIdentifier::from_evidence(evidence).unwrap(),
        name: name("n"),
        address: [10, 1, 0, 9].into(),
        place: None,
        instance: InstanceId::derived_from("run"),
        hardware: HardwareTopology::default(),
        epoch: SessionEpoch(0),
        keep_alive: Millis(1_000),
        sample_period: Millis(5_000),
        unpoliced: at_once(),
        allowed: Allowed::default(),
        remembered: Vec::new(),
        untold: Vec::new(),
    }
}

fn agent() -> Agent {
    Agent::new(settings())
}

fn sampled(bits: u32) -> Event {
    Event::Sampled(showing(health(bits), Tick(0)))
}

fn assignment(agent: &Agent, instance: &str, epoch: u32) -> Event {
    let capability = Capability::of(&HardwareTopology::default(), &[]);
    delivered(Packet::Assignment(Assignment {
        zone: Some(ZoneId::derived_from("z")),
        node: agent.settings.identifier.node,
        instance: InstanceId::derived_from(instance),
        decision: Decision::Accepted(Assigned {
            epoch: SessionEpoch(epoch),
            group: capability.group_id(),
            group_name: capability.group_name(),
            capability,
            channels: vec![],
        }),
    }))
}

fn membership(agent: &Agent) -> Event {
    delivered(Packet::Membership(Membership {
        node: agent.settings.identifier.node,
        instance: agent.settings.instance,
        group: GroupId::derived_from("rack-a"),
        group_name: name("rack-a"),
        channels: vec![],
        keep_alive: Millis(2_000),
        seal: None,
    }))
}

fn health(bits: u32) -> Health {
    Health::new(HealthBits::from_number(bits).unwrap(), HealthBits::NONE).unwrap()
}

fn kinds(effects: &[Effect]) -> Vec<&'static str> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Publish(message) | Effect::Assure(_, message) => Some(message.kind),
            _ => None,
        })
        .collect()
}

fn statuses(effects: &[Effect]) -> Vec<NodeStatus> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Publish(message) if message.kind == status::KIND => NodeStatus::decode(&message.body).ok(),
            _ => None,
        })
        .collect()
}

/// The packets of a kind, with where they go and what is wanted when they are confirmed.
fn packets(effects: &[Effect], kind: &str) -> Vec<(String, Packet, Option<Receipt>)> {
    let packet = |effect: &Effect| {
        let (message, receipt) = match effect {
            Effect::Publish(message) => (message, None),
            Effect::Assure(receipt, message) => (message, Some(*receipt)),
            _ => return None,
        };
        (message.kind == kind).then(|| {
            let packet = Envelope::decode(&message.body).expect("a control packet").packet;
            (message.routing_key.clone(), packet, receipt)
        })
    };
    effects.iter().filter_map(packet).collect()
}

/// Lets time pass until then, tick by tick; what was wanted in between.
fn until(agent: &mut Agent, end: u64) -> Vec<(u64, Effect)> {
    let mut effects = Vec::new();
    while let Some(due) = agent.next_deadline().filter(|due| due.0 <= end) {
        let fresh = agent.step(at(due.0), Event::Tick);
        assert!(!fresh.is_empty(), "woken at {} for nothing", due.0);
        effects.extend(fresh.into_iter().map(|effect| (due.0, effect)));
    }
    effects
}

/// An agent that speaks, at 0 ms.
fn member() -> Agent {
    joined(agent())
}

/// An agent that was told its group and epoch, at 0 ms.
fn joined(mut agent: Agent) -> Agent {
    agent.step(at(0), Event::CheckinFound(CheckinId::derived_from("c")));
    agent.step(at(0), Event::LinkUp);
    let (assignment, membership) = (assignment(&agent, "run", 4), membership(&agent));
    agent.step(at(0), assignment);
    agent.step(at(0), membership);
    assert_eq!(statuses(&agent.step(at(0), sampled(0))).len(), 1);
    agent
}

#[test]
fn both_questions_are_asked_at_once_and_repeated_with_growing_pauses() {
    let mut agent = agent();
    assert!(
        agent.step(at(0), Event::CheckinFound(CheckinId::derived_from("c"))).is_empty(),
        "not before the link is up"
    );
    assert_eq!(kinds(&agent.step(at(0), Event::LinkUp)), ["node_subscription", "presence"]);
    let (mut now, mut times) = (0, Vec::new());
    while times.len() < 8 {
        now = agent.next_deadline().expect("a deadline").0.max(now + 1);
        if kinds(&agent.step(at(now), Event::Tick)).contains(&"node_subscription") {
            times.push(now);
        }
    }
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((500..=1_000).contains(&times[0]), "{times:?}");
    assert!((1_000..=2_000).contains(&pauses[0]), "{pauses:?}");
    assert!(
        pauses.iter().all(|pause| *pause <= LAST_PAUSE.0) && *pauses.last().unwrap() >= LAST_PAUSE.0 / 2,
        "{pauses:?}"
    );
}

#[test]
fn a_status_is_sent_at_once_when_health_changes_and_else_at_the_pace_it_was_told() {
    let mut agent = member();
    assert!(statuses(&agent.step(at(500), sampled(0))).is_empty());
    let changed = statuses(&agent.step(at(600), sampled(8)));
    assert_eq!((changed[0].health, changed[0].epoch, changed[0].sequence), (health(8), SessionEpoch(4), 2));
    assert_eq!(changed[0].longest_silence, Millis(7_000), "3.5 keep-alives of 2 s");
    let after: Vec<u64> = until(&mut agent, 4_600)
        .into_iter()
        .filter(|(_, of)| !statuses(from_ref(of)).is_empty())
        .map(|(at, _)| at)
        .collect();
    assert_eq!(after, [2_600, 4_600]);
}

#[test]
fn answers_to_another_run_and_older_epochs_are_ignored() {
    let mut agent = member();
    let (other, older) = (assignment(&agent, "another run", 9), assignment(&agent, "run", 3));
    agent.step(at(1), other);
    agent.step(at(1), older);
    assert_eq!(agent.assigned().map(|assigned| assigned.epoch), Some(SessionEpoch(4)));
}

#[test]
fn a_refusal_is_not_argued_with() {
    let mut agent = agent();
    agent.step(at(0), Event::CheckinFound(CheckinId::derived_from("c")));
    agent.step(at(0), Event::LinkUp);
    let refused = Assignment {
        zone: None,
        node: agent.settings.identifier.node,
        instance: agent.settings.instance,
        decision: Decision::Refused { reason: "out_of_range".into(), message: "m".into() },
    };
    agent.step(at(10), delivered(Packet::Assignment(refused)));
    for ms in (20..30_000).step_by(100) {
        assert!(!kinds(&agent.step(at(ms), Event::Tick)).contains(&"node_subscription"), "at {ms}");
    }
    assert!(
        kinds(&agent.step(at(30_010), Event::Tick)).contains(&"node_subscription"),
        "but asked again after a while"
    );
}

#[test]
fn after_a_lost_link_the_node_keeps_its_epoch_and_speaks_at_once() {
    let mut agent = member();
    agent.step(at(500), Event::LinkDown);
    assert!(agent.step(at(9_000), sampled(1)).is_empty());
    assert_eq!(agent.next_deadline(), None, "no wake-up for nothing");
    let back = agent.step(at(10_000), Event::LinkUp);
    let (first, rest) = (kinds(&back)[0], &kinds(&back)[1..]);
    assert_eq!(first, "status");
    assert!(rest.iter().all(|kind| *kind == "metrics"), "neither question is open: {rest:?}");
    assert_eq!(statuses(&back)[0].epoch, SessionEpoch(4));
}

#[test]
fn a_rack_that_does_not_know_the_node_is_told_again_and_the_epoch_is_asked_for_once() {
    let mut agent = member();
    let epoch = agent.assigned().unwrap().epoch;
    let request = || asked(false);
    // A former run's join may have overtaken this one's epoch: only the zone knows.
    assert_eq!(kinds(&agent.step(at(10), request())), ["presence", "node_subscription"]);
    assert_eq!(kinds(&agent.step(at(20), request())), ["presence"]);
    let same = assignment(&agent, "run", epoch.0);
    agent.step(at(30), same);
    assert!(agent.doubt.is_none(), "the same epoch again");
    assert_eq!(kinds(&agent.step(at(40), request())), ["presence", "node_subscription"]);
    let newer = assignment(&agent, "run", epoch.0 + 2);
    agent.step(at(50), newer);
    assert_eq!(agent.assigned().unwrap().epoch, SessionEpoch(epoch.0 + 2));
}

#[test]
fn a_rack_that_only_has_not_heard_it_for_a_while_hears_it_and_nobody_else_is_asked() {
    let mut agent = member();
    agent.step(at(10), Event::Tick);
    let answer = agent.step(at(20), asked(true));
    assert_eq!(statuses(&answer).len(), 1);
    assert!(kinds(&answer).iter().all(|kind| ["status", "metrics"].contains(kind)), "{answer:?}");
    assert!(agent.doubt.is_none());
    // Who has nothing to say yet, since no rack has answered it, says where it is.
    let mut newcomer = super::tests::agent();
    newcomer.step(at(0), Event::LinkUp);
    assert!(kinds(&newcomer.step(at(5), asked(true))).contains(&"presence"));
}

fn asked(sign_of_life: bool) -> Event {
    delivered(Packet::PresenceRequest(PresenceRequest { group: GroupId::derived_from("rack-a"), sign_of_life }))
}

#[test]
fn a_clean_shutdown_says_good_bye_once_and_falls_silent() {
    let mut agent = member();
    let bye = agent.step(at(10), Event::Leave);
    assert!(matches!(&bye[..], [Effect::Publish(message)] if message.assurance == Assurance::Confirmed));
    assert!(statuses(&bye)[0].leaving);
    assert!(agent.step(at(9_000), Event::Tick).is_empty());
}

#[test]
fn a_clash_of_identifiers_is_reported_once_a_minute() {
    let mut agent = agent();
    let reports: usize =
        (0..130_000).step_by(5_000).map(|ms| kinds(&agent.step(at(ms), Event::InboxTaken)).len()).sum();
    assert_eq!(reports, 3);
}
