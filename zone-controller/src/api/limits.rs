//! How often somebody may ask. Pure: the time is passed in, and memory is bounded however many strangers ask.
//!
//! Each key has a bucket that holds `burst` requests and fills at `per_second`. Kept is only when the bucket will be full
//! again (the generic cell rate algorithm, ITU-T I.371), so a key that has been quiet needs no memory at all.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use rollcall_model::{Millis, Tick};

/// A pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Requests each second in the long run; not 0.
    pub per_second: u32,
    /// Requests at once; not 0.
    pub burst: u32,
}

impl Pace {
    /// Microseconds one request costs.
    const fn cost(self) -> u64 {
        1_000_000 / self.per_second as u64
    }
}

/// Asked too often; nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOften {
    /// A request after so long is let through, if nobody takes its place.
    pub retry_after: Millis,
}

/// One bucket for each key, at most `most` of them; whoever comes when all are taken shares one with the others who do.
#[derive(Debug)]
pub struct Buckets<K> {
    most: usize,
    /// When each bucket is full again, microseconds.
    full_at: HashMap<K, u64>,
    /// The bucket of all who have none of their own.
    rest: u64,
}

impl<K: Hash + Eq> Buckets<K> {
    /// No bucket yet.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, full_at: HashMap::new(), rest: 0 }
    }

    /// Takes one request of `key` at `pace` out of its bucket.
    ///
    /// # Errors
    /// When the bucket is empty; then nothing is taken.
    pub fn take(&mut self, now: Tick, key: K, pace: Pace) -> Result<(), TooOften> {
        let now = now.0.saturating_mul(1_000);
        if self.full_at.len() >= self.most && !self.full_at.contains_key(&key) {
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        if self.full_at.len() >= self.most && !self.full_at.contains_key(&key) {
            return take(now, &mut self.rest, pace);
        }
        take(now, self.full_at.entry(key).or_insert(0), pace)
    }
}

fn take(now: u64, full_at: &mut u64, pace: Pace) -> Result<(), TooOften> {
    let after = (*full_at).max(now) + pace.cost();
    let latest = now + pace.cost() * u64::from(pace.burst);
    if after > latest {
        return Err(TooOften { retry_after: Millis((after - latest).div_ceil(1_000)) });
    }
    *full_at = after;
    Ok(())
}

/// Where somebody asks from, as far as it counts: an IPv4 address, or the /64 of an IPv6 address, since every host has as
/// many addresses of one as it likes.
#[must_use]
pub fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { per_second: 10, burst: 3 };

    #[test]
    fn a_burst_is_taken_then_the_pace_is_kept_and_the_wait_is_told() {
        let mut buckets = Buckets::new(8);
        for _ in 0..3 {
            assert_eq!(buckets.take(Tick(5), "a", PACE), Ok(()));
        }
        assert_eq!(buckets.take(Tick(5), "a", PACE), Err(TooOften { retry_after: Millis(100) }));
        assert_eq!(buckets.take(Tick(5), "b", PACE), Ok(()), "others are not concerned");
        assert_eq!(buckets.take(Tick(105), "a", PACE), Ok(()), "the wait that was told is enough");
        assert!(buckets.take(Tick(105), "a", PACE).is_err());
        let let_through = (105..=10_105).filter(|ms| buckets.take(Tick(*ms), "a", PACE).is_ok()).count();
        assert_eq!(let_through, 100, "the pace is kept under pressure");
    }

    #[test]
    fn a_bucket_that_was_left_alone_holds_no_more_than_its_burst() {
        let mut buckets = Buckets::new(8);
        buckets.take(Tick(0), "a", PACE).unwrap();
        let let_through = (0..10).filter(|_| buckets.take(Tick(1_000_000), "a", PACE).is_ok()).count();
        assert_eq!(let_through, 3);
    }

    #[test]
    fn a_flood_of_strangers_takes_no_memory_and_no_place_of_those_who_were_there() {
        let mut buckets = Buckets::new(100);
        for stranger in 0..100_000_u32 {
            let _ = buckets.take(Tick(1), stranger, PACE);
        }
        assert_eq!(buckets.full_at.len(), 100);
        assert_eq!(buckets.take(Tick(1), 7, PACE), Ok(()), "who was there goes on");
        assert!(buckets.take(Tick(1), 200_000, PACE).is_err(), "who comes now shares one bucket");
        assert_eq!(buckets.take(Tick(60_000), 200_000, PACE), Ok(()), "quiet buckets are given up");
        assert!(buckets.full_at.len() <= 100);
    }

    #[test]
    fn an_origin_is_an_ipv4_address_or_the_network_of_an_ipv6_host() {
        let origin = |text: &str| super::origin(text.parse().unwrap()).to_string();
        assert_eq!(origin("10.1.0.7"), "10.1.0.7");
        assert_eq!(origin("::ffff:10.1.0.7"), "10.1.0.7");
        assert_eq!(origin("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
