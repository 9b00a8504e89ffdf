//! How often something happens, from counters that are looked at now and then.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

/// Events of so long are counted, milliseconds.
const SPAN_MS: i64 = 10_000;
/// More moments than this are not remembered: a zone that does more is busy, and its rate is told as at least this.
const MOST: usize = 20_000;
/// Changes of a counter that are remembered.
const CHANGES: usize = 6;

/// Rates of a zone.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    counters: BTreeMap<String, Counter>,
    events: VecDeque<(i64, u32)>,
}

/// What a counter was at the moments it was seen to have changed, oldest first.
#[derive(Clone, Debug, Default)]
struct Counter {
    seen: VecDeque<(i64, u64)>,
    /// Whether the first of them was seen to change: what was there at the beginning was told at a time nobody knows.
    is_anchored: bool,
}

impl Counter {
    /// Between the first change that is remembered and the last: when a counter is looked at and when it is told do not
    /// fall together, which a longer time evens out.
    fn per_second(&self) -> Option<f64> {
        let ((from, was), (until, is)) = (self.seen.front()?, self.seen.back()?);
        let passed = until - from;
        (passed > 0).then(|| is.saturating_sub(*was) as f64 * 1_000.0 / passed as f64)
    }
}

impl Rates {
    /// A counter has this value now. It starts again when its owner does, and stands still between two reports.
    pub fn counted(&mut self, id: &str, value: u64, now: Timestamp) {
        let at_ms = now.as_millisecond();
        let counter = self.counters.entry(id.to_owned()).or_default();
        match counter.seen.back() {
            Some((_, known)) if value == *known => return,
            Some((_, known)) if value < *known || !counter.is_anchored => {
                counter.seen.clear();
                counter.is_anchored = true;
            }
            _ => {}
        }
        counter.seen.push_back((at_ms, value));
        while counter.seen.len() > CHANGES {
            counter.seen.pop_front();
        }
    }

    /// How often a counter counts, per second; nothing before it was seen to change twice.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<f64> {
        self.counters.get(id).and_then(Counter::per_second)
    }

    /// All counters together, per second.
    #[must_use]
    pub fn all(&self) -> Option<f64> {
        let known: Vec<f64> = self.counters.values().filter_map(Counter::per_second).collect();
        if known.is_empty() { None } else { Some(known.iter().sum()) }
    }

    /// So many events came.
    pub fn happened(&mut self, number: usize, now: Timestamp) {
        if self.events.len() < MOST && number > 0 {
            self.events.push_back((now.as_millisecond(), u32::try_from(number).unwrap_or(u32::MAX)));
        }
    }

    /// Events per second in the last ten seconds.
    #[must_use]
    pub fn events(&self, now: Timestamp) -> f64 {
        let since = now.as_millisecond() - SPAN_MS;
        let number: u64 = self.events.iter().filter(|(at, _)| *at > since).map(|(_, number)| u64::from(*number)).sum();
        number as f64 * 1_000.0 / SPAN_MS as f64
    }

    /// Forgets what is too long ago.
    pub fn age(&mut self, now: Timestamp) {
        let since = now.as_millisecond() - SPAN_MS;
        while self.events.front().is_some_and(|(at, _)| *at <= since) {
            self.events.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_once_a_counter_was_seen_to_change_twice_and_not_over_a_restart() {
        let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap();
        let mut rates = Rates::default();
        rates.counted("a", 100, at(0));
        assert_eq!(rates.of("a"), None);
        rates.counted("a", 100, at(1_000));
        rates.counted("a", 160, at(1_500));
        assert_eq!(rates.of("a"), None, "nobody knows when the first was told");
        rates.counted("a", 220, at(3_500));
        assert_eq!((rates.of("a"), rates.all()), (Some(30.0), Some(30.0)));
        rates.counted("a", 310, at(6_500));
        assert_eq!(rates.of("a"), Some(30.0));
        rates.counted("a", 5, at(7_000));
        assert_eq!(rates.of("a"), None, "it began anew");
    }

    #[test]
    fn events_are_counted_over_ten_seconds() {
        let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap();
        let mut rates = Rates::default();
        rates.happened(30, at(1_000));
        rates.happened(10, at(9_000));
        assert!((rates.events(at(10_000)) - 4.0).abs() < 1e-9);
        rates.age(at(12_000));
        assert!((rates.events(at(12_000)) - 1.0).abs() < 1e-9);
    }
}
