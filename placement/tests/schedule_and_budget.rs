//! Whole fleets in virtual time: α crossing from power to balance, and the worst second of a budget.

use rollcall_model::policy::{AvailabilitySettings, SentKinds};
use rollcall_model::{NodeId, Tick};
use rollcall_placement::beat::{Beat, BeatConfig};
use rollcall_placement::budget::{Budget, Kinds};
use rollcall_placement::schedule::{Point, Schedule};
use rollcall_placement::usage::Usage;
use rollcall_placement::{Config, Eligibility, Kind, Rates, Receiver, Sender, plan};

/// Numbers that look random and are the same in every run.
struct Draws(u64);

impl Draws {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What part of the targets is the free half of a fleet, in each of ten parts of a night's end from 06:30 to 09:00.
#[test]
fn targets_shift_smoothly_from_the_full_to_the_free_as_alpha_rises() {
    let points = [(6 * 3600 + 1800, 0.0), (9 * 3600, 1.0), (16 * 3600, 1.0), (20 * 3600, 0.0)];
    let schedule = Schedule::new(points.map(|(second, alpha)| Point { second, alpha }).to_vec()).expect("possible");
    let rates = Rates::new(0.5, 0.5, 0.1).expect("possible");
    let mut receiver = Receiver::new(Tick(0), Config::new(rates, 20)).expect("possible");
    let (mut draws, start) = (Draws(7), 6 * 3600 + 1800);
    let id = |node: usize| NodeId::derived_from(&format!("node {node}"));
    let f = |node: usize| if node < 10 { 0.9 } else { 0.15 };
    let mut beats: Vec<Beat> = (0..20)
        .map(|node| {
            receiver.insert(Tick(0), id(node)).expect("room");
            receiver.set_eligibility(Tick(0), id(node), Eligibility::GOOD).expect("known");
            Beat::new(Tick(0), rates.mixed(0.0, f(node)), BeatConfig::default(), draws.unit()).expect("possible")
        })
        .collect();
    let targets = receiver.targets();
    let mut shares = Vec::new();
    for part in 0..10_u64 {
        let (mut of_free, mut all) = (0.0, 0.0);
        for now in (part * 900_000..(part + 1) * 900_000).step_by(50) {
            let alpha = schedule.alpha(f64::from(start) + now as f64 / 1000.0);
            for (node, beat) in beats.iter_mut().enumerate() {
                if now % 1000 == 0 {
                    beat.set_rate(Tick(now), rates.mixed(alpha, f(node)));
                }
                if beat.fire(Tick(now), draws.unit()) {
                    receiver.heard(Tick(now), id(node), Kind::Mixed);
                }
            }
            if now % 100 == 0 {
                receiver.tick(Tick(now));
            }
            let asked = (now % 500 == 0).then(|| targets.newest(Tick(now), Kind::Mixed)).flatten();
            if let Some(target) = asked {
                all += 1.0;
                of_free += f64::from(u8::from((0..10).any(|node| id(node) == target)));
            }
        }
        shares.push(of_free / all);
    }
    assert!(shares[0] < 0.2 && shares[9] > 0.8, "by power the full ones, by balance the free ones: {shares:?}");
    for pair in shares.windows(2) {
        assert!(pair[1] > pair[0] - 0.05 && pair[1] - pair[0] < 0.3, "without a jump: {shares:?}");
    }
}

/// After an outage of the broker every node would be overdue.
#[test]
fn a_fleet_that_is_heard_again_all_at_once_stays_within_its_budget() {
    let (nodes, allowed) = (64, 64.0);
    let settings = AvailabilitySettings { kinds: SentKinds::Both, ..AvailabilitySettings::default() };
    let plan = plan(&settings).expect("possible").expect("on");
    let mut draws = Draws(3);
    let mut senders: Vec<Sender> =
        (0..nodes).map(|_| Sender::new(Tick(0), plan.sending, || draws.unit()).expect("possible")).collect();
    let mut seconds = [0_u32; 60];
    for now in (0..60_000_u64).step_by(20) {
        let is_linked = !(20_000..40_000).contains(&now);
        for sender in &mut senders {
            if now % 1000 == 0 {
                sender.measured(Tick(now), Some(&Usage::new(0.0, 0.0, None)), 1.0, 1.0);
            }
            if now == 40_000 {
                sender.resume(Tick(now), || draws.unit());
            }
            if is_linked && !sender.fire(Tick(now), || draws.unit()).is_empty() {
                seconds[(now / 1000) as usize] += 1;
            }
        }
    }
    let most = f64::from(*seconds.iter().max().expect("seconds")) + f64::from(nodes) / 300.0;
    assert!(most <= allowed, "{most} in a second, {allowed} are allowed: {seconds:?}");
    assert!(seconds[42..].iter().all(|second| *second > 15), "and they are heard: {seconds:?}");
}

#[test]
fn a_fleet_that_becomes_free_at_once_stays_within_its_budget_in_every_second() {
    for (kinds, nodes, allowed) in [(Kinds::Balance, 200, 120.0), (Kinds::Both, 1000, 400.0), (Kinds::Mixed, 50, 60.0)]
    {
        let budget = Budget { messages_per_second: allowed, nodes, kinds, capacity_period: 300.0 };
        let rates = budget.rates(0.05).expect("enough");
        let (mut draws, alpha) = (Draws(u64::from(nodes)), 1.0);
        let mut beats: Vec<(Kind, Beat)> = (0..nodes)
            .flat_map(|_| kinds.kinds())
            .map(|kind| {
                let rate = rates.of(*kind, alpha, 0.05);
                (*kind, Beat::new(Tick(0), rate, BeatConfig::default(), draws.unit()).expect("possible"))
            })
            .collect();
        let mut seconds = vec![0_u32; 120];
        for now in (0..120_000_u64).step_by(20) {
            for (kind, beat) in &mut beats {
                if now == 60_000 {
                    beat.set_rate(Tick(now), rates.of(*kind, alpha, 1.0));
                }
                if beat.fire(Tick(now), draws.unit()) {
                    seconds[(now / 1000) as usize] += 1;
                }
            }
        }
        // Capacity messages take their part of the budget too.
        let capacity = f64::from(nodes) / budget.capacity_period;
        let most = f64::from(*seconds.iter().max().expect("seconds")) + capacity;
        assert!(most <= allowed, "{kinds:?}: {most} in a second, {allowed} are allowed");
        let after: u32 = seconds[61..].iter().sum();
        assert!(f64::from(after) / 59.0 > allowed * 0.5, "and the budget is used: {after}");
    }
}
