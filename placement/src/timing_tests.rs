use super::*;
use crate::draws::Draws;

/// What a receiver makes of a sender at a constant period: the relative errors of the period, one after each message.
fn errors(period: f64, jitter: f64, loss: f64, delay: f64, seed: u64) -> Vec<f64> {
    let mut draws = Draws::new(seed);
    let mut queue = TimingQueue::default();
    let mut sent = 10.0;
    let mut found = Vec::new();
    for _ in 0..4000 {
        sent += period * (1.0 + jitter * (2.0 * draws.unit() - 1.0));
        if draws.unit() < loss {
            continue;
        }
        let heard = sent + delay * draws.unit();
        queue.push(Tick((heard * 1000.0) as u64), 0.1);
        found.extend(queue.estimate().map(|estimate| (estimate.period / period - 1.0).abs()));
    }
    found.sort_by(f64::total_cmp);
    found
}

#[test]
fn the_period_is_found_within_a_few_hundredths_despite_jitter_loss_and_delay() {
    for (jitter, loss, delay) in [(0.0, 0.0, 0.0), (0.1, 0.0, 0.02), (0.1, 0.05, 0.02), (0.1, 0.2, 0.05)] {
        let found = errors(2.0, jitter, loss, delay, 5);
        let (median, p95) = (found[found.len() / 2], found[found.len() * 95 / 100]);
        assert!(median < 0.05, "jitter {jitter} loss {loss}: {median}");
        assert!(p95 < if loss > 0.1 { 1.01 } else { 0.15 }, "jitter {jitter} loss {loss}: {p95}");
    }
}

#[test]
fn the_error_it_tells_is_about_the_error_it_makes() {
    let mut draws = Draws::new(11);
    let (mut told, mut made, mut number) = (0.0, 0.0, 0.0);
    for _ in 0..300 {
        let mut queue = TimingQueue::default();
        let mut at = 1000.0;
        for _ in 0..9 {
            at += 1000.0 * (1.0 + 0.1 * (2.0 * draws.unit() - 1.0));
            queue.push(Tick(at as u64), 0.1);
        }
        let estimate = queue.estimate().expect("nine messages");
        told += estimate.error.powi(2);
        made += (estimate.period - 1.0).powi(2);
        number += 1.0;
    }
    let (told, made) = ((told / number).sqrt(), (made / number).sqrt());
    assert!(told / made > 0.6 && told / made < 1.7, "told {told}, made {made}");
}

#[test]
fn a_change_is_believed_after_two_intervals() {
    let mut queue = TimingQueue::default();
    for at in [0, 1000, 2000, 3000, 4000, 5000, 6000] {
        queue.push(Tick(at), 0.1);
    }
    queue.push(Tick(6500), 0.1);
    queue.push(Tick(7000), 0.1);
    assert!((queue.estimate().expect("some").period - 0.5).abs() < 1e-9, "faster");
    queue.push(Tick(9500), 0.1);
    queue.push(Tick(12_000), 0.1);
    assert!((queue.estimate().expect("some").period - 2.5).abs() < 1e-9, "slower");
}

#[test]
fn duplicates_are_not_taken_and_a_loss_is_counted_as_sent() {
    let mut queue = TimingQueue::default();
    for at in [0, 1000, 1001, 2000, 4000, 5000] {
        queue.push(Tick(at), 0.5);
    }
    let estimate = queue.estimate().expect("some");
    assert!((estimate.period - 1.0).abs() < 1e-9 && estimate.intervals == 4, "{estimate:?}");
}

#[test]
fn a_long_pause_or_a_clock_that_goes_back_starts_anew() {
    let mut queue = TimingQueue::default();
    for at in [0, 1000, 2000, 60_000] {
        queue.push(Tick(at), 0.5);
    }
    assert_eq!(queue.estimate(), None, "one message since the pause");
    assert!(!queue.push(Tick(50), 0.5), "the past");
    assert_eq!(queue.last(), Some(Tick(60_000)));
}
