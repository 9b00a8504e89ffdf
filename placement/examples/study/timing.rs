//! How well f_RA is recovered from timing alone, by loss, jitter and delay.

use rollcall_model::Tick;
use rollcall_placement::{Kind, Rates, Recovered, TimingQueue};

use crate::draws::Draws;

/// What happens to the messages of one sender.
#[derive(Clone, Copy)]
pub struct Way {
    /// Of a period, either way.
    pub jitter: f64,
    /// Of messages.
    pub loss: f64,
    /// Milliseconds, from 0 to this.
    pub delay: f64,
    /// Of messages that come twice.
    pub twice: f64,
}

/// The relative error of f_RA at a random moment: median and 95th percentile over senders of any f_RA, with k = 0.5.
pub fn error(way: Way, seed: u64) -> (f64, f64) {
    let rates = Rates::new(0.5, 0.5, 0.05).expect("rates that work");
    let mut draws = Draws::new(seed, 9);
    let mut errors = Vec::new();
    for _ in 0..200 {
        let f = draws.between(0.05, 1.0);
        let period = 1.0 / rates.balance(f);
        let mut queue = TimingQueue::default();
        let mut arrivals = Vec::new();
        let mut sent = 0.0;
        for _ in 0..60 {
            sent += period * (1.0 + way.jitter * (2.0 * draws.unit() - 1.0));
            let lost = draws.unit() < way.loss;
            let heard = sent * 1000.0 + way.delay * draws.unit();
            if !lost {
                arrivals.push(heard);
            }
            if !lost && draws.unit() < way.twice {
                arrivals.push(heard + 5.0);
            }
        }
        arrivals.sort_by(f64::total_cmp);
        for (number, at) in arrivals.iter().enumerate() {
            queue.push(Tick(*at as u64), 1.0 / rates.fastest(Kind::Balance));
            let Some(estimate) = queue.estimate().filter(|_| number >= 10) else { continue };
            let found = match rates.recover(Kind::Balance, 1.0, 1.0 / estimate.period) {
                Recovered::One(found) => found,
                // Faster than k or slower than k·min by its error: the end of the range.
                _ if 1.0 / estimate.period > 0.5 => 1.0,
                _ => 0.05,
            };
            errors.push((found / f - 1.0).abs());
        }
    }
    errors.sort_by(f64::total_cmp);
    let at = |part: f64| errors[((errors.len() - 1) as f64 * part) as usize];
    (at(0.5), at(0.95))
}
