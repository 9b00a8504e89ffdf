//! The zone's receiver in virtual time: what was committed decides who may be a target, whatever is heard.

use rollcall_model::packet::ActionState;
use rollcall_model::policy::SentKinds;
use rollcall_model::{
    ActionId, AvailabilityKind, AvailabilityKinds, Health, HealthBits, InstanceId, Name, NodeState, SessionEpoch,
    indicator, route,
};
use rollcall_placement::{Barrier, Want};

use super::*;

fn node(number: usize) -> NodeId {
    NodeId::derived_from(&format!("node {number}"))
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn rack(number: usize) -> GroupId {
    GroupId::derived_from(&format!("rack {number}"))
}

fn zone() -> ZoneId {
    ZoneId::derived_from("z")
}

/// About one message per second of a node that is free.
fn policy(kinds: SentKinds) -> Fact {
    let settings = AvailabilitySettings { kinds, messages_per_second: 12.0, nodes_per_group: 4, ..Default::default() };
    Fact::Policy(Some(Box::new(settings)))
}

fn joined(number: usize, epoch: u32, run: &str) -> Fact {
    Fact::Joined {
        node: node(number),
        name: name(&format!("n{number}")),
        epoch: SessionEpoch(epoch),
        instance: InstanceId::derived_from(run),
        logical: GroupId::derived_from("logical"),
        capacity: None,
    }
}

fn placed(number: usize, in_rack: usize) -> Fact {
    Fact::Placed { node: node(number), name: name(&format!("n{number}")), group: rack(in_rack) }
}

fn changed(number: usize, state: NodeState) -> Fact {
    let health = Health::new(HealthBits::NONE, HealthBits::NONE).expect("a health");
    Fact::Changed { node: node(number), epoch: SessionEpoch(1), state, health }
}

fn free(number: usize, epoch: u32) -> Spoken {
    let word = Word::Free(AvailabilityKinds::EMPTY.with(AvailabilityKind::Balance));
    Spoken { node: node(number), epoch: SessionEpoch(epoch), word }
}

/// Four nodes, two to a rack, that speak for balance; past the time in which nothing is held against them.
fn core() -> Core {
    let mut core = Core::new(zone());
    for number in 0..4 {
        for fact in [joined(number, 1, "run"), placed(number, number / 2), changed(number, NodeState::Healthy)] {
            core.learn(Tick(0), fact);
        }
    }
    core.learn(Tick(0), policy(SentKinds::Balance));
    run(&mut core, 100, 70_000, &[0, 1, 2, 3]);
    core
}

/// Time goes by, some speak every 1.1 s. Gives who was a target at any time.
fn run(core: &mut Core, from: u64, to: u64, speaking: &[usize]) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    for ms in (from..=to).step_by(100) {
        for number in speaking.iter().filter(|number| (ms + **number as u64 * 200).is_multiple_of(1_100)) {
            core.hear(Tick(ms), free(*number, 1));
        }
        core.tick(Tick(ms));
        if ms % 1_000 == 0 {
            core.look_again(Tick(ms));
        }
        found.extend(targets(core, None, ms));
    }
    found
}

/// Everybody who could be picked now, by all ways there are.
fn targets(core: &Core, group: Option<GroupId>, ms: u64) -> BTreeSet<NodeId> {
    let Some(targets) = core.targets(group) else { return BTreeSet::new() };
    let now = Tick(ms);
    let picks = (0..40_u64).filter_map(|draw| {
        let draw = draw.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        targets.explain(now, Kind::Balance, Want::default(), draw, |_| true).target.map(|target| target.node)
    });
    let ranks = (0..=4).filter_map(|rank| targets.at_rank(now, Kind::Balance, f64::from(rank) / 4.0));
    let ends = [targets.newest(now, Kind::Balance), targets.oldest(now, Kind::Balance)];
    picks.chain(ranks.map(|target| target.node)).chain(ends.into_iter().flatten()).collect()
}

fn all_but(numbers: &[usize]) -> BTreeSet<NodeId> {
    (0..4).filter(|number| !numbers.contains(number)).map(node).collect()
}

fn barriers(core: &mut Core, ms: u64, number: usize) -> Vec<Barrier> {
    let view = core.view(Tick(ms));
    let row = view.nodes.iter().find(|row| row.node == node(number)).expect("a row");
    row.barriers.iter().collect()
}

#[test]
fn whoever_is_not_well_is_no_target_at_once_though_it_speaks() {
    let mut core = core();
    assert_eq!(targets(&core, None, 70_000), all_but(&[]));
    for state in NodeState::ALL {
        core.learn(Tick(70_000), changed(1, state));
        let is_well = matches!(state, NodeState::Healthy | NodeState::Degraded);
        assert_eq!(targets(&core, None, 70_000).contains(&node(1)), is_well, "{state:?}");
        assert_eq!(barriers(&mut core, 70_000, 1).is_empty(), is_well, "{state:?}");
    }
    core.learn(Tick(70_000), changed(1, NodeState::Down));
    assert_eq!(run(&mut core, 70_100, 90_000, &[0, 1, 2, 3]), all_but(&[1]));
}

#[test]
fn whoever_checks_in_anew_is_no_target_before_its_rack_has_seen_it() {
    let mut core = core();
    core.learn(Tick(70_000), joined(1, 2, "another run"));
    core.hear(Tick(70_010), Spoken { epoch: SessionEpoch(2), ..free(1, 1) });
    assert_eq!(targets(&core, None, 70_020), all_but(&[1]));
    // What its rack told of the epoch before comes late.
    core.learn(Tick(70_030), changed(1, NodeState::Healthy));
    assert_eq!(targets(&core, None, 70_040), all_but(&[1]));
}

#[test]
fn whoever_cannot_be_measured_is_no_target() {
    let mut core = core();
    let memory = indicator::by_name("memory_available").expect("an indicator").bit;
    let masked = Health::new(HealthBits::NONE, HealthBits::NONE.with(memory, true)).expect("a health");
    for (number, health) in [(1, masked), (2, Health::unmeasured())] {
        let fact = Fact::Changed { node: node(number), epoch: SessionEpoch(1), state: NodeState::Healthy, health };
        core.learn(Tick(70_000), fact);
        assert_eq!(barriers(&mut core, 70_000, number), [Barrier::Unmeasured]);
    }
    assert_eq!(run(&mut core, 70_100, 80_000, &[0, 1, 2, 3]), all_but(&[1, 2]));
}

#[test]
fn a_drain_holds_until_it_came_to_nothing_or_the_agent_began_anew() {
    let mut core = core();
    let order = |text: &str| ActionId::derived_from(text);
    core.learn(Tick(70_000), Fact::DrainOrdered(node(1), order("a")));
    core.learn(Tick(70_000), Fact::DrainOrdered(node(2), order("b")));
    assert_eq!(targets(&core, None, 70_000), all_but(&[1, 2]));
    for state in [ActionState::Running, ActionState::Done] {
        core.learn(Tick(70_010), Fact::Moved(order("a"), state));
    }
    core.learn(Tick(70_010), Fact::Moved(order("b"), ActionState::Failed));
    core.learn(Tick(70_010), Fact::Moved(order("reboot"), ActionState::Failed));
    assert_eq!(targets(&core, None, 70_020), all_but(&[1]));
    assert_eq!(barriers(&mut core, 70_020, 1), [Barrier::Draining]);
    core.learn(Tick(70_030), joined(1, 1, "run"));
    core.learn(Tick(70_030), changed(1, NodeState::Healthy));
    assert_eq!(targets(&core, None, 70_040), all_but(&[1]), "the same run");
    core.learn(Tick(70_050), joined(1, 1, "another run"));
    core.learn(Tick(70_050), changed(1, NodeState::Healthy));
    assert_eq!(targets(&core, None, 70_060), all_but(&[]));
}

#[test]
fn an_order_that_a_new_run_carries_out_drains_and_one_that_fails_undoes_no_other() {
    let mut core = core();
    let order = |name: &str| ActionId::derived_from(name);
    core.learn(Tick(70_000), Fact::DrainOrdered(node(1), order("a")));
    core.learn(Tick(70_010), joined(1, 1, "a run begun after the order"));
    core.learn(Tick(70_010), changed(1, NodeState::Healthy));
    core.learn(Tick(70_020), Fact::Moved(order("a"), ActionState::Running));
    assert_eq!(targets(&core, None, 70_020), all_but(&[1]));
    core.learn(Tick(70_030), Fact::Moved(order("a"), ActionState::Done));
    core.learn(Tick(70_040), Fact::DrainOrdered(node(1), order("again")));
    core.learn(Tick(70_050), Fact::Moved(order("again"), ActionState::Failed));
    assert_eq!(targets(&core, None, 70_060), all_but(&[1]), "it was drained before");
}

#[test]
fn a_drain_that_lapsed_and_is_heard_of_later_holds_in_the_run_that_had_it() {
    let order = |name: &str| ActionId::derived_from(name);
    for (state, is_another_run, drained) in [
        (ActionState::Expired, false, true),
        (ActionState::Refused, false, true),
        (ActionState::Failed, false, false),
        (ActionState::Expired, true, false),
    ] {
        let mut core = core();
        core.learn(Tick(70_000), joined(1, 1, "a run"));
        core.learn(Tick(70_000), Fact::DrainOrdered(node(1), order("a")));
        core.learn(Tick(70_010), Fact::Moved(order("a"), state));
        if is_another_run {
            core.learn(Tick(70_020), joined(1, 2, "another run"));
        }
        core.learn(Tick(70_030), Fact::Moved(order("a"), ActionState::Done));
        core.learn(Tick(70_030), changed(1, NodeState::Healthy));
        let expected = if drained { vec![Barrier::Draining] } else { vec![] };
        let has = |barrier: &Barrier| *barrier == Barrier::Draining;
        let found: Vec<_> = barriers(&mut core, 70_040, 1).into_iter().filter(has).collect();
        assert_eq!(found, expected, "{state}, another run: {is_another_run}");
    }
}

#[test]
fn whoever_was_thrown_out_or_is_doubted_is_kept_apart() {
    let mut core = core();
    core.learn(Tick(70_000), Fact::Revoked(node(1)));
    let doubt = |of: usize, from: String| Fact::Doubted { node: node(of), from };
    core.learn(Tick(70_000), doubt(2, route::group_inbox(rack(1))));
    core.learn(Tick(70_000), doubt(3, route::zone_inbox(zone())));
    core.learn(Tick(70_000), doubt(0, route::group_inbox(rack(1))));
    assert_eq!(targets(&core, None, 70_000), all_but(&[1, 2, 3]), "another rack's word on n0 does not count");
    assert_eq!(barriers(&mut core, 70_000, 2), [Barrier::Quarantined]);
    core.learn(Tick(71_000), Fact::Lifted(node(1)));
    assert_eq!(run(&mut core, 71_000, 150_000, &[0, 1, 2, 3]), all_but(&[2, 3]));
    let later = run(&mut core, 150_100, 230_000, &[0, 1, 2, 3]);
    assert_eq!(later, all_but(&[]), "a doubt that is not told again is over");
    // Thrown out before it ever joined.
    core.learn(Tick(230_000), Fact::Revoked(node(9)));
    for fact in [joined(9, 1, "run"), placed(9, 0), changed(9, NodeState::Healthy)] {
        core.learn(Tick(230_000), fact);
    }
    core.hear(Tick(230_010), free(9, 1));
    assert!(!targets(&core, None, 230_020).contains(&node(9)));
}

#[test]
fn what_is_of_older_epochs_or_of_strangers_counts_for_nothing() {
    let mut core = core();
    core.learn(Tick(70_000), joined(1, 7, "another run"));
    let healthy = Health::new(HealthBits::NONE, HealthBits::NONE).expect("a health");
    let state = NodeState::Healthy;
    core.learn(Tick(70_000), Fact::Changed { node: node(1), epoch: SessionEpoch(7), state, health: healthy });
    // It is silent itself; all it ever said before is played again.
    let found = run(&mut core, 120_000, 150_000, &[0, 1, 2, 3]);
    assert_eq!(found, all_but(&[1]));
    core.hear(Tick(150_000), free(77, 1));
    let view = core.view(Tick(150_000));
    assert!(view.dropped["old_epoch"] >= 27, "{:?}", view.dropped);
    assert_eq!(view.dropped["unknown_node"], 1);
    let row = view.nodes.iter().find(|row| row.node == node(1)).expect("a row");
    assert_eq!((row.frequency, row.availability), (None, None), "nothing is said of who is silent");
    assert!(row.age.is_some_and(|age| age.0 > 70_000));
}

#[test]
fn a_pause_makes_no_silent_node_attractive_and_blames_nobody() {
    let mut core = core();
    run(&mut core, 70_100, 80_000, &[0, 1, 2]);
    // This task stood still for two minutes; what waited in the queue comes at once.
    core.held_up(Tick(200_000));
    for _ in 0..60 {
        (0..3).for_each(|number| core.hear(Tick(200_000), free(number, 1)));
    }
    assert!(!targets(&core, None, 200_010).contains(&node(3)));
    let found = run(&mut core, 200_100, 220_000, &[0, 1, 2]);
    assert_eq!(found, all_but(&[3]));
    let view = core.view(Tick(220_000));
    assert_eq!((view.flooding, view.tally.flooding), (0, 0));
    // A tick that does not grow, as of a clock that stood still, changes nothing either.
    for _ in 0..100 {
        core.tick(Tick(220_000));
    }
    assert_eq!(targets(&core, None, 220_000), all_but(&[3]));
}

#[test]
fn a_flood_bars_its_node_until_it_is_over() {
    let mut core = core();
    for step in 0..100 {
        core.hear(Tick(70_100 + step * 10), free(1, 1));
    }
    assert_eq!(barriers(&mut core, 71_200, 1), [Barrier::Capped]);
    assert_eq!((core.view(Tick(71_200)).flooding, targets(&core, None, 71_200)), (1, all_but(&[1])));
    run(&mut core, 71_300, 135_000, &[0, 2, 3]);
    assert!(barriers(&mut core, 135_000, 1).is_empty(), "also if it says nothing any more");
}

#[test]
fn each_group_has_its_own_targets_and_follows_its_members() {
    let mut core = core();
    let (rule, gone) = (GroupId::derived_from("rule"), GroupId::derived_from("gone"));
    core.learn(Tick(70_000), Fact::Entered(node(0), rule));
    core.learn(Tick(70_000), Fact::Entered(node(3), rule));
    core.learn(Tick(70_000), Fact::Entered(node(3), gone));
    run(&mut core, 70_100, 73_000, &[0, 1, 2, 3]);
    let of = |core: &Core, group, ms| targets(core, Some(group), ms);
    assert_eq!(of(&core, rack(0), 73_000), all_but(&[2, 3]));
    assert_eq!(of(&core, rule, 73_000), all_but(&[1, 2]));
    assert!(core.has_other_rings());
    assert!(core.view(Tick(73_000)).groups.contains_key(&gone) && !core.has_other_rings());
    core.learn(Tick(73_000), Fact::Left(node(0), rule));
    core.learn(Tick(73_000), placed(0, 1));
    core.learn(Tick(73_000), Fact::Dissolved(gone));
    assert_eq!(of(&core, rule, 73_000), BTreeSet::from([node(3)]));
    assert_eq!(of(&core, rack(0), 73_000), BTreeSet::from([node(1)]), "it stands elsewhere by now");
    assert!(core.targets(Some(gone)).is_none() && !core.view(Tick(73_000)).groups.contains_key(&gone));
    run(&mut core, 73_100, 76_000, &[0, 1, 2, 3]);
    assert_eq!(of(&core, rack(1), 76_000), all_but(&[1]));
}

#[test]
fn a_policy_says_what_is_heard_and_what_is_read_anew_is_the_same() {
    let mut core = core();
    core.learn(Tick(70_000), Fact::Named(rack(0), name("rack-a")));
    core.learn(Tick(70_000), policy(SentKinds::Power));
    core.hear(Tick(70_010), free(0, 1));
    assert!(targets(&core, None, 70_020).is_empty());
    assert_eq!(core.view(Tick(70_020)).dropped["not_asked_for"], 1);
    core.learn(Tick(70_030), Fact::Policy(None));
    assert!(core.targets(None).is_none() && core.view(Tick(70_030)).plan.is_none());

    let mut core = self::core();
    let mut facts: Vec<Fact> =
        (0..4).flat_map(|number| [joined(number, 1, "run"), placed(number, number / 2)]).collect();
    facts.extend((0..4).map(|number| changed(number, NodeState::Healthy)));
    facts.extend([Fact::Revoked(node(2)), policy(SentKinds::Balance)]);
    core.learn_anew(Tick(70_000), facts);
    assert_eq!(targets(&core, None, 70_010), all_but(&[2]), "what was heard stays heard");
}

#[test]
fn a_fleet_that_outgrows_its_receiver_is_heard_as_a_whole() {
    let mut core = core();
    for number in 4..1_500 {
        for fact in [joined(number, 1, "run"), placed(number, number / 40), changed(number, NodeState::Healthy)] {
            core.learn(Tick(70_000), fact);
        }
    }
    core.hear(Tick(70_100), free(1_499, 1));
    assert_eq!(targets(&core, None, 70_110), BTreeSet::from([node(1_499)]), "the others have to be heard anew");
    assert_eq!(core.view(Tick(70_120)).nodes.len(), 1_500);
    assert_eq!(run(&mut core, 70_200, 75_000, &[0, 1, 2, 3, 1_499]).len(), 5);
}
