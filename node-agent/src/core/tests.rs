//! The agent's decisions, as tables of events and effects.

use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::packet::PresenceRequest;
use rollcall_model::{Capability, GroupId, HealthBits, MessageId, UnixMillis, ZoneId};

use super::*;

fn at(ms: u64) -> Now {
    Now { tick: Tick(ms), wall: UnixMillis(1_700_000_000_000 + ms) }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn delivered(packet: Packet) -> Event {
    Event::Delivered(Envelope::new(MessageId::derived_from("m"), "inbox.x", UnixMillis(0), packet))
}

fn agent() -> Agent {
    let evidence = Evidence {
        source: EvidenceSource::Simulated,
        product_uuid: Some("n".into()),
        board_serial: None,
        cpu: None,
        machine_id: None,
        mac: None,
    };
    Agent::new(Settings {
        identifier: NodeIdentifier::from_evidence(evidence).unwrap(),
        name: name("n"),
        address: [10, 1, 0, 9].into(),
        place: None,
        instance: InstanceId::derived_from("run"),
        hardware: HardwareTopology::default(),
        keep_alive: Millis(1_000),
    })
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
    }))
}

fn health(bits: u32) -> Health {
    Health::new(HealthBits::from_number(bits).unwrap(), HealthBits::NONE).unwrap()
}

fn kinds(effects: &[Effect]) -> Vec<&'static str> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Publish(message) = effect { Some(message.kind) } else { None })
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

/// An agent that speaks, at 0 ms.
fn member() -> Agent {
    let mut agent = agent();
    agent.step(at(0), Event::CheckinFound(CheckinId::derived_from("c")));
    agent.step(at(0), Event::LinkUp);
    let (assignment, membership) = (assignment(&agent, "run", 4), membership(&agent));
    agent.step(at(0), assignment);
    agent.step(at(0), membership);
    assert_eq!(statuses(&agent.step(at(0), Event::Sampled(health(0)))).len(), 1);
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
    assert!(statuses(&agent.step(at(500), Event::Sampled(health(0)))).is_empty());
    let changed = statuses(&agent.step(at(600), Event::Sampled(health(8))));
    assert_eq!((changed[0].health, changed[0].epoch, changed[0].sequence), (health(8), SessionEpoch(4), 2));
    assert_eq!(changed[0].longest_silence, Millis(7_000), "3.5 keep-alives of 2 s");
    assert_eq!(agent.next_deadline(), Some(Tick(2_600)));
    assert_eq!(statuses(&agent.step(at(2_600), Event::Tick))[0].sequence, 3);
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
    assert!(agent.step(at(9_000), Event::Sampled(health(1))).is_empty());
    assert_eq!(agent.next_deadline(), None, "no wake-up for nothing");
    let back = agent.step(at(10_000), Event::LinkUp);
    assert_eq!(kinds(&back), ["status"], "neither question is open");
    assert_eq!(statuses(&back)[0].epoch, SessionEpoch(4));
}

#[test]
fn a_rack_that_does_not_know_the_node_is_told_again_and_the_epoch_is_asked_for_once() {
    let mut agent = member();
    let epoch = agent.assigned().unwrap().epoch;
    let request = || delivered(Packet::PresenceRequest(PresenceRequest { group: GroupId::derived_from("rack-a") }));
    // A former run's join may have overtaken this one's epoch: only the zone knows.
    assert_eq!(kinds(&agent.step(at(10), request())), ["presence", "node_subscription"]);
    assert_eq!(kinds(&agent.step(at(20), request())), ["presence"]);
    let same = assignment(&agent, "run", epoch.0);
    agent.step(at(30), same);
    assert!(agent.next_deadline() > Some(Tick(500)), "the same epoch again: no doubt is left");
    assert_eq!(kinds(&agent.step(at(40), request())), ["presence", "node_subscription"]);
    let newer = assignment(&agent, "run", epoch.0 + 2);
    agent.step(at(50), newer);
    assert_eq!(agent.assigned().unwrap().epoch, SessionEpoch(epoch.0 + 2));
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
