//! Epochs kept across restarts, and hardware that changes while the agent runs.

use rollcall_model::packet::NodeSubscription;

use super::*;

fn subscriptions(effects: &[Effect]) -> Vec<NodeSubscription> {
    let told = |(_, packet, _)| match packet {
        Packet::NodeSubscription(subscription) => Some(*subscription),
        _ => None,
    };
    packets(effects, "node_subscription").into_iter().filter_map(told).collect()
}

fn other_hardware(cores: u32) -> HardwareTopology {
    let mut hardware = HardwareTopology::default();
    hardware.cpu.cores = Some(cores);
    hardware
}

#[test]
fn the_latest_epoch_is_told_and_a_greater_one_is_kept() {
    let mut agent = Agent::new(Settings { epoch: SessionEpoch(9), ..settings() });
    agent.step(at(0), Event::CheckinFound(CheckinId::derived_from("c")));
    assert_eq!(subscriptions(&agent.step(at(0), Event::LinkUp))[0].epoch, SessionEpoch(9));
    let greater = assignment(&agent, "run", 10);
    assert!(agent.step(at(1), greater).contains(&Effect::Keep(SessionEpoch(10))));
    let repeated = assignment(&agent, "run", 10);
    assert!(agent.step(at(2), repeated).is_empty());
}

#[test]
fn other_hardware_is_subscribed_anew_and_the_old_epoch_serves_until_the_answer() {
    let mut agent = member();
    let effects = agent.step(at(100), Event::HardwareChanged(Box::new(other_hardware(8))));
    let told = &subscriptions(&effects)[0];
    assert_eq!((told.hardware.cpu.cores, told.epoch), (Some(8), SessionEpoch(4)));
    assert_eq!(told.instance, InstanceId::derived_from("run"), "the same run");
    // An answer to a question of before says nothing about the new hardware.
    let stale = assignment(&agent, "run", 4);
    agent.step(at(200), stale);
    let meanwhile = until(&mut agent, 3_000);
    assert!(meanwhile.iter().any(|(_, of)| !subscriptions(from_ref(of)).is_empty()), "it is asked again");
    let served: Vec<NodeStatus> = meanwhile.iter().flat_map(|(_, of)| statuses(from_ref(of))).collect();
    assert!(!served.is_empty() && served.iter().all(|status| status.epoch == SessionEpoch(4)));

    let answer = assignment(&agent, "run", 5);
    let effects = agent.step(at(3_100), answer);
    assert_eq!((statuses(&effects)[0].epoch, statuses(&effects)[0].sequence), (SessionEpoch(5), 1));
    assert!(until(&mut agent, 60_000).iter().all(|(_, of)| subscriptions(from_ref(of)).is_empty()));
}

#[test]
fn a_zone_that_sees_no_change_settles_the_question_too() {
    let mut agent = member();
    agent.step(at(100), Event::HardwareChanged(Box::new(other_hardware(8))));
    until(&mut agent, 10_200);
    let same = assignment(&agent, "run", 4);
    agent.step(at(10_200), same);
    assert!(until(&mut agent, 90_000).iter().all(|(_, of)| subscriptions(from_ref(of)).is_empty()));
}

#[test]
fn hardware_that_is_the_same_asks_nothing() {
    let mut agent = member();
    assert!(agent.step(at(100), Event::HardwareChanged(Box::default())).is_empty());
}
