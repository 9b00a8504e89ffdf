//! The local time of day: by a time zone's rules as they are known to this program, nothing is read from the machine.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use rollcall_model::UnixMillis;

/// A time zone that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone {0:?}: give a name of the IANA database, such as UTC or Europe/Berlin")]
pub struct TimeZoneError(String);

/// The days of a time zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Day(TimeZone);

impl Day {
    /// By the zone's name in the IANA database, of which this program has a copy.
    pub(crate) fn of(name: &str) -> Result<Self, TimeZoneError> {
        let found = TimeZoneDatabase::bundled().get(name);
        found.map(Self).map_err(|_| TimeZoneError(name.chars().take(64).collect()))
    }

    /// Seconds since local midnight, by the clock on the wall: in [0, 86400), also on days with another number of hours.
    pub(crate) fn second(&self, wall: UnixMillis) -> f64 {
        let millis = i64::try_from(wall.0).unwrap_or(i64::MAX);
        let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
        let time = self.0.to_datetime(time).time();
        let whole = i32::from(time.hour()) * 3_600 + i32::from(time.minute()) * 60 + i32::from(time.second());
        f64::from(whole) + f64::from(time.millisecond()) / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since 1970 of 2026-03-29T00:59:59Z; at 01:00 UTC clocks in Berlin go from 02:00 to 03:00.
    const BEFORE_SUMMER: u64 = 1_774_745_999;

    #[test]
    fn the_clock_on_the_wall_is_told_over_a_change_to_summer_time() {
        let berlin = Day::of("Europe/Berlin").expect("a time zone");
        assert_eq!(berlin.second(UnixMillis(BEFORE_SUMMER * 1_000)), 7_199.0);
        assert_eq!(berlin.second(UnixMillis((BEFORE_SUMMER + 1) * 1_000 + 250)), 10_800.25);
        let utc = Day::of("UTC").expect("a time zone");
        assert_eq!(utc.second(UnixMillis(BEFORE_SUMMER * 1_000)), 3_599.0);
        assert!((0.0..86_400.0).contains(&berlin.second(UnixMillis(u64::MAX))));
    }

    #[test]
    fn a_time_zone_that_does_not_exist_is_refused_by_name() {
        for bad in ["", "Europe/Berlm", "../etc/passwd", "+25:00"] {
            let error = Day::of(bad).expect_err("refused").to_string();
            assert!(error.contains(bad), "{error}");
        }
    }
}
