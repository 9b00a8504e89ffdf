//! RA messages at the rack, in virtual time: health and availability meet, and nobody who may not be a target is one.

use rollcall_bus::{Spoken, Word};
use rollcall_model::packet::{Action, ActionOrder, ActionOutcome, ActionState, ChannelMessage, PolicyUpdate};
use rollcall_model::policy::{AvailabilitySettings, SentKinds, Settings as Wanted};
use rollcall_model::{ActionId, AvailabilityKind, AvailabilityKinds};
use rollcall_placement::{Kind, Want};

use super::*;

/// About one message per second and kind of a node that is free.
pub(super) fn availability(kinds: SentKinds, nodes_per_group: u32) -> AvailabilitySettings {
    AvailabilitySettings { kinds, messages_per_second: 12.0, nodes_per_group, ..AvailabilitySettings::default() }
}

pub(super) fn update(version: u64, availability: AvailabilitySettings) -> Event {
    delivered(Packet::PolicyUpdate(PolicyUpdate {
        group: GroupId::derived_from("rack-a"),
        session: 1,
        version,
        settings: Wanted { availability: Some(availability), ..Wanted::default() },
        nodes: vec![],
        allowed_actions: vec![],
        summary_period_ms: 30_000,
    }))
}

/// A group whose policy has four nodes speak for balance, once a minute has gone by in which nothing is held against them.
fn hearing() -> Group {
    let mut group = group(4);
    group.step(at(1_000), update(1, availability(SentKinds::Balance, 4)));
    run(&mut group, 1_100, 70_000, &[0, 1, 2, 3], &[0, 1, 2, 3]);
    group
}

pub(super) fn speaks(number: u32, epoch: u32, kind: AvailabilityKind) -> Event {
    let word = Word::Free(AvailabilityKinds::EMPTY.with(kind));
    Event::Spoken(Spoken { node: node(number), epoch: SessionEpoch(epoch), word })
}

/// Time goes by: some say that they live, some (others, perhaps) say that they are free, each every 1.1 s. Gives who was a
/// target at any time.
fn run(group: &mut Group, from: u64, to: u64, alive: &[u32], free: &[u32]) -> BTreeSet<NodeId> {
    let (mut found, mut sequence) = (BTreeSet::new(), 10_000 + u32::try_from(from).unwrap());
    for ms in (from..=to).step_by(100) {
        if ms % 1_000 == 0 {
            sequence += 1;
            for number in alive {
                group.step(at(ms), Event::Status(status(*number, sequence, 0)));
            }
        }
        for number in free.iter().filter(|number| (ms + u64::from(**number) * 200).is_multiple_of(1_100)) {
            group.step(at(ms), speaks(*number, 1, Kind::Balance));
        }
        tick(group, ms);
        if group.inflight.is_some() {
            confirm(group, ms);
        }
        found.extend(targets(group, ms));
    }
    found
}

/// Everybody who could be picked now, by all ways there are.
pub(super) fn targets(group: &Group, ms: u64) -> BTreeSet<NodeId> {
    let Some(targets) = group.targets() else { return BTreeSet::new() };
    let now = Tick(ms);
    let picks = (0..40_u64).filter_map(|draw| {
        let found =
            targets.explain(now, Kind::Balance, Want::default(), draw.wrapping_mul(0x9E37_79B9_7F4A_7C15), |_| true);
        found.target.map(|target| target.node)
    });
    let ranks = (0..=4).filter_map(|rank| targets.at_rank(now, Kind::Balance, f64::from(rank) / 4.0));
    let ends = [targets.newest(now, Kind::Balance), targets.oldest(now, Kind::Balance)];
    picks.chain(ranks.map(|target| target.node)).chain(ends.into_iter().flatten()).collect()
}

fn warnings(effects: &[Effect]) -> Vec<ChannelMessage> {
    let packets = effects.iter().filter_map(|effect| match effect {
        Effect::Publish(_, message) => Some(Envelope::decode(&message.body).unwrap().packet),
        _ => None,
    });
    packets.filter_map(|it| if let Packet::ChannelMessage(message) = it { Some(message) } else { None }).collect()
}

/// What is told of one thing, without the repetitions until it is confirmed.
fn of(what: &str, told: &[ChannelMessage]) -> Vec<ChannelMessage> {
    let mut once: Vec<ChannelMessage> = Vec::new();
    for message in told.iter().filter(|message| message.what == what) {
        if !once.contains(message) {
            once.push(message.clone());
        }
    }
    once
}

#[test]
fn nobody_is_a_target_before_a_policy_has_nodes_speak_nor_after() {
    let mut group = group(2);
    group.step(at(1_100), speaks(0, 1, Kind::Balance));
    assert!(group.targets().is_none());
    assert_eq!(group.availability().messages["not_asked_for"], 1);
    group.step(at(1_200), update(1, availability(SentKinds::Balance, 4)));
    let found = run(&mut group, 1_300, 9_000, &[0, 1], &[0, 1]);
    assert_eq!(found, BTreeSet::from([node(0), node(1)]));
    group.step(at(9_050), speaks(0, 1, Kind::Power));
    assert_eq!(group.availability().messages["not_asked_for"], 2, "power is not sent");
    group.step(at(9_100), update(2, availability(SentKinds::Off, 4)));
    assert!(group.targets().is_none() && !group.availability().on);
}

#[test]
fn a_node_that_falls_silent_is_no_target_from_the_moment_it_is_suspect() {
    let mut group = hearing();
    // It says that it is free, and no more that it lives: a broken agent.
    run(&mut group, 70_100, 71_800, &[0, 2, 3], &[0, 1, 2, 3]);
    let found = run(&mut group, 71_900, 80_000, &[0, 2, 3], &[0, 1, 2, 3]);
    assert_eq!(group.roster().get(node(1)).unwrap().state, NodeState::Down);
    assert_eq!(found, BTreeSet::from([node(0), node(2), node(3)]));
    assert_eq!(group.availability().eligible, 3);
    let back = run(&mut group, 80_100, 90_000, &[0, 1, 2, 3], &[0, 1, 2, 3]);
    assert!(back.contains(&node(1)), "it is one again once it lives again");
}

#[test]
fn a_rack_in_doubt_has_no_targets_among_the_nodes_that_fell_silent() {
    let mut group = hearing();
    run(&mut group, 70_100, 75_000, &[0], &[0, 1, 2, 3]);
    assert_eq!(group.roster().get(node(1)).unwrap().state, NodeState::Unknown);
    assert_eq!(run(&mut group, 75_100, 80_000, &[0], &[0, 1, 2, 3]), BTreeSet::from([node(0)]));
}

#[test]
fn leaving_and_unmeasured_nodes_are_no_targets_at_once() {
    let mut group = hearing();
    group.step(at(70_010), Event::Status(NodeStatus { leaving: true, ..status(1, 900_000, 0) }));
    let memory = rollcall_model::indicator::by_name("memory_available").unwrap().bit;
    let masked = Health::new(HealthBits::NONE, HealthBits::NONE.with(memory, true)).unwrap();
    group.step(at(70_020), Event::Status(NodeStatus { health: masked, ..status(2, 900_000, 0) }));
    assert_eq!(targets(&group, 70_030), BTreeSet::from([node(0), node(3)]));
    group.roster.forget(Tick(0), node(3));
    group.match_availability(Tick(70_040));
    assert_eq!(targets(&group, 70_050), BTreeSet::from([node(0)]), "it stands elsewhere by now");
}

#[test]
fn a_node_to_be_drained_takes_no_work_until_the_order_came_to_nothing_or_its_agent_began_anew() {
    let mut group = hearing();
    let order = |action: Action, number: u32| ActionOrder {
        action_id: ActionId::derived_from(&format!("{action:?} {number}")),
        group: GroupId::derived_from("rack-a"),
        node: node(number),
        action,
        automatic: false,
        deadline: at(900_000).wall,
        time_limit_ms: 1_000,
    };
    let outcome = |of: &ActionOrder, state| {
        let ActionOrder { action_id, node, .. } = *of;
        delivered(Packet::ActionOutcome(ActionOutcome { action_id, node, state, message: "x".into(), at: at(0).wall }))
    };
    let (refused, done) = (order(Action::Drain, 1), order(Action::Drain, 2));
    for order in [refused.clone(), done.clone(), order(Action::Reboot, 3)] {
        group.step(at(70_010), delivered(Packet::ActionOrder(order)));
    }
    assert_eq!(targets(&group, 70_020), BTreeSet::from([node(0), node(3)]));
    group.step(at(70_030), outcome(&refused, ActionState::Refused));
    group.step(at(70_030), outcome(&done, ActionState::Running));
    group.step(at(70_030), outcome(&done, ActionState::Done));
    assert_eq!(targets(&group, 70_040), BTreeSet::from([node(0), node(1), node(3)]));
    assert!(!run(&mut group, 70_100, 90_000, &[0, 1, 2, 3], &[0, 1, 2, 3]).contains(&node(2)), "it stays drained");
    group.roster.place(at(90_010), node(2), None, InstanceId::derived_from("another run"), SessionEpoch(1));
    assert!(run(&mut group, 90_100, 99_000, &[0, 1, 2, 3], &[0, 1, 2, 3]).contains(&node(2)), "it is back in service");
}

#[test]
fn what_rides_on_status_packets_counts_and_what_is_of_old_epochs_does_not() {
    let mut group = hearing();
    group.step(at(70_000), Event::Status(NodeStatus { epoch: SessionEpoch(5), ..status(1, 1, 0) }));
    let riding = AvailabilityKinds::EMPTY.with(Kind::Balance);
    // Node 0 speaks on its status packets alone; node 1 is replayed from the epoch before; the others are silent.
    let (mut sequence, taken) = (1_000_000, group.availability().messages["taken"]);
    for ms in (71_000..=110_000).step_by(100) {
        if ms % 1_000 == 0 {
            sequence += 1;
            group.step(at(ms), Event::Status(NodeStatus { availability: riding, ..status(0, sequence, 0) }));
            let alive = NodeStatus { epoch: SessionEpoch(5), ..status(1, sequence, 0) };
            group.step(at(ms), Event::Status(alive));
            group.step(at(ms), speaks(1, 1, Kind::Balance));
            group.step(at(ms), Event::Status(NodeStatus { availability: riding, ..status(1, sequence, 0) }));
        }
        group.step(at(ms), Event::Tick);
    }
    let heard = group.availability();
    assert_eq!((heard.messages["old_epoch"], heard.messages["taken"] - taken), (40, 40));
    assert_eq!(
        targets(&group, 110_100),
        BTreeSet::from([node(0)]),
        "who is silent is none, whoever speaks in its name"
    );
}

#[test]
fn a_pause_of_the_controller_makes_no_silent_node_attractive_and_blames_nobody() {
    let mut group = hearing();
    run(&mut group, 70_100, 80_000, &[0, 1, 2, 3], &[0, 1, 2]);
    // A minute in which this process stood still; then what waited comes at once.
    let mut effects = Vec::new();
    for _ in 0..40 {
        for number in 0..3 {
            effects.extend(group.step(at(140_000), speaks(number, 1, Kind::Balance)));
        }
    }
    for number in 0..4 {
        group.step(at(140_000), Event::Status(status(number, 2_000_000, 0)));
    }
    assert!(!targets(&group, 140_010).contains(&node(3)));
    assert!(warnings(&effects).is_empty() && group.availability().flooding == 0);
    let found = run(&mut group, 140_100, 160_000, &[0, 1, 2, 3], &[0, 1, 2]);
    assert_eq!(found, BTreeSet::from([node(0), node(1), node(2)]), "the silent one stays out");
    assert!(group.availability().pauses > 0);
}

#[test]
fn a_flood_is_told_of_once_and_once_more_when_it_is_over() {
    let mut group = hearing();
    let mut told = Vec::new();
    for step in 0..100 {
        told.extend(warnings(&group.step(at(70_100 + step * 10), speaks(1, 1, Kind::Balance))));
    }
    let told = of("availability_flood", &told);
    let [flood] = &told.iter().filter(|it| it.subject == "n1").collect::<Vec<_>>()[..] else { panic!("{told:?}") };
    assert_eq!((flood.channel.as_str(), flood.detail["raised"].as_bool()), ("alerts", Some(true)));
    assert!(flood.message.contains("n1") && flood.message.contains("no target"), "{}", flood.message);
    assert!(!targets(&group, 71_200).contains(&node(1)));
    assert_eq!(group.availability().flooding, 1);
    let mut over = Vec::new();
    for ms in (71_200..140_000).step_by(100) {
        if ms % 1_000 == 0 {
            group.step(at(ms), Event::Status(status(1, 3_000_000 + u32::try_from(ms).unwrap(), 0)));
        }
        over.extend(warnings(&group.step(at(ms), Event::Tick)));
    }
    let over = of("availability_flood", &over);
    let later: Vec<&ChannelMessage> = over.iter().filter(|it| it.at > at(71_200).wall).collect();
    assert!(matches!(later[..], [one] if one.detail["raised"] == false), "{over:?}");
    assert_eq!(group.availability().flooding, 0);
}

#[test]
fn a_group_larger_than_its_budget_says_what_to_set() {
    let mut group = group(4);
    let told = warnings(&group.step(at(1_100), update(1, availability(SentKinds::Balance, 3))));
    let [size] = &of("availability_budget", &told)[..] else { panic!("{told:?}") };
    assert_eq!(size.detail["raised"].as_bool(), Some(true));
    assert!(size.message.contains("has 4 nodes") && size.message.contains("nodes_per_group to 4"), "{}", size.message);
    let told = warnings(&group.step(at(1_300), update(2, availability(SentKinds::Balance, 4))));
    assert!(told.iter().any(|it| it.what == "availability_budget" && it.detail["raised"] == false), "{told:?}");
}

#[test]
fn a_larger_node_counts_for_more_and_a_group_that_grows_is_heard_as_a_whole() {
    let mut group = group(2);
    let sizes = AvailabilitySettings { largest_units: Some(8.0), ..availability(SentKinds::Balance, 400) };
    group.step(at(1_000), update(1, AvailabilitySettings { messages_per_second: 500.0, ..sizes }));
    let word = Word::Large { threads: 4, memory_mib: 16_384 };
    group.step(at(1_010), Event::Spoken(Spoken { node: node(1), epoch: SessionEpoch(1), word }));
    assert_eq!(group.availability.receiver.as_ref().unwrap().share(node(1)), Some(0.5));
    for number in 2..400 {
        arrive(&mut group, 1_020, number);
        group.step(at(1_030), Event::Status(status(number, 1, 0)));
    }
    run(&mut group, 1_100, 2_000, &[0, 1], &[]);
    assert!(group.availability().eligible >= 390, "{:?}", group.availability());
}
