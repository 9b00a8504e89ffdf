//! A time in the past as people write it. Always UTC, as all times here.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::arguments::span::span;

/// `03:12` or `03:12:30` for the latest one that has passed, `2026-11-20 03:12`, `2026-11-20`, RFC 3339, or how long ago,
/// `15m`.
///
/// # Errors
/// A text that says what was expected.
pub(super) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    let utc =
        |moment: DateTime| moment.to_zoned(TimeZone::UTC).map(|it| it.timestamp()).map_err(|error| error.to_string());
    if let Ok(at) = text.parse::<Timestamp>() {
        return past(at, now);
    }
    for pattern in ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"] {
        if let Ok(moment) = DateTime::strptime(pattern, text) {
            return past(utc(moment)?, now);
        }
    }
    if let Ok(moment) = text.parse::<DateTime>() {
        return past(utc(moment)?, now);
    }
    let time = text.parse::<Time>().or_else(|_| Time::strptime("%H:%M", text));
    if let Some(time) = time.ok().filter(|_| text.contains(':') && !text.contains('-')) {
        let today = now.to_zoned(TimeZone::UTC).date();
        let at = utc(today.to_datetime(time))?;
        let day = SignedDuration::from_hours(24);
        return if at <= now { Ok(at) } else { at.checked_sub(day).map_err(|error| error.to_string()) };
    }
    match span(text) {
        Ok(ago) => {
            let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
            now.checked_sub(ago).map_err(|_| "that is before all time".into())
        }
        Err(_) => {
            Err("expected e.g. 03:12, 2026-11-20 03:12, 2026-11-20T03:12:00Z, or 15m for a quarter of an hour ago"
                .into())
        }
    }
}

fn past(at: Timestamp, now: Timestamp) -> Result<Timestamp, String> {
    if at > now { Err(format!("{at} is yet to come")) } else { Ok(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_understood_as_people_write_it() {
        let now: Timestamp = "2026-11-20T08:15:33Z".parse().unwrap();
        for (text, expected) in [
            ("03:12", "2026-11-20T03:12:00Z"),
            ("09:00", "2026-11-19T09:00:00Z"),
            ("03:12:30", "2026-11-20T03:12:30Z"),
            ("2026-11-18 22:01", "2026-11-18T22:01:00Z"),
            ("2026-11-18 22:01:30", "2026-11-18T22:01:30Z"),
            ("2026-11-18", "2026-11-18T00:00:00Z"),
            ("2026-11-18T22:01:00+02:00", "2026-11-18T20:01:00Z"),
            ("15m", "2026-11-20T08:00:33Z"),
        ] {
            assert_eq!(parse(text, now).map(|at| at.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for wrong in ["", "yesterday", "25:00", "2026-11-21", "2026-11-20T09:00:00Z"] {
            assert!(parse(wrong, now).is_err(), "{wrong}");
        }
    }
}
