use super::*;
use crate::draws::Draws;

fn beat(rate: f64, random: f64) -> Beat {
    Beat::new(Tick(0), rate, BeatConfig::default(), random).expect("possible")
}

/// Runs until `end`, a timer at each deadline, a status packet every `status` milliseconds; the times of messages.
fn run(beat: &mut Beat, draws: &mut Draws, end: u64, status: Option<u64>) -> Vec<u64> {
    let mut sent = Vec::new();
    let mut next_status = status.unwrap_or(u64::MAX);
    loop {
        let due = beat.due().0;
        let now = due.min(next_status);
        if now >= end {
            return sent;
        }
        let leaves = if next_status <= due {
            next_status += status.unwrap_or(0);
            beat.ride(Tick(now), draws.unit())
        } else {
            beat.fire(Tick(now), draws.unit())
        };
        if leaves {
            sent.push(now);
        }
    }
}

#[test]
fn the_mean_frequency_is_v_with_and_without_a_status_packet_to_ride_on() {
    for status in [None, Some(1000), Some(700)] {
        for rate in [0.05, 0.4, 1.0, 3.0] {
            let mut draws = Draws::new(7);
            let sent = run(&mut beat(rate, 0.3), &mut draws, 20_000_000, status);
            let observed = sent.len() as f64 / 20_000.0;
            assert!((observed / rate - 1.0).abs() < 0.01, "{rate} {status:?}: {observed}");
        }
    }
}

#[test]
fn messages_ride_where_both_are_due() {
    let mut draws = Draws::new(7);
    let sent = run(&mut beat(0.2, 0.3), &mut draws, 3_600_000, Some(500));
    let riding = sent.iter().filter(|at| at.is_multiple_of(500)).count();
    assert!(
        riding * 10 >= sent.len() * 9,
        "a window of half a second, a status every half: {riding} of {}",
        sent.len()
    );
}

#[test]
fn a_faster_rate_takes_effect_at_once() {
    let mut slow = beat(0.01, 0.0);
    assert_eq!(slow.due(), Tick(100_000));
    slow.set_rate(Tick(50_000), 1.0);
    assert_eq!(slow.due(), Tick(50_500), "half of the period was left, and takes half of the new one");
}

#[test]
fn a_fleet_that_becomes_free_at_once_does_not_speak_at_once() {
    let mut draws = Draws::new(3);
    let mut fleet: Vec<Beat> = (0..1000).map(|_| beat(0.01, draws.unit())).collect();
    for node in &mut fleet {
        node.set_rate(Tick(1), 0.5);
    }
    let mut seconds = [0_u32; 20];
    for node in &mut fleet {
        for at in run(node, &mut draws, 20_000, None) {
            seconds[(at / 1000) as usize] += 1;
        }
    }
    let most = seconds.iter().max().expect("seconds");
    assert!(*most < 500 + 4 * 23, "500 a second are expected: {seconds:?}");
}

#[test]
fn a_pause_makes_no_burst() {
    let mut node = beat(1.0, 0.0);
    assert!(node.fire(Tick(3_600_000), 0.5), "one after the pause");
    assert!(!node.fire(Tick(3_600_000), 0.5), "and not another");
    assert_eq!(node.due(), Tick(3_601_000));
}

#[test]
fn a_clock_that_goes_back_sends_nothing() {
    let mut node = beat(1.0, 0.0);
    assert!(node.fire(Tick(1000), 0.5));
    assert!(!node.fire(Tick(10), 0.5));
    assert_eq!(node.due(), Tick(2000));
}

#[test]
fn nonsense_is_refused_or_made_sane() {
    assert!(Beat::new(Tick(0), 1.0, BeatConfig { jitter: 0.9, window: 0.0 }, 0.5).is_err());
    let mut node = beat(f64::NAN, 0.0);
    node.set_rate(Tick(0), f64::INFINITY);
    assert!(node.due() > Tick(0));
}
