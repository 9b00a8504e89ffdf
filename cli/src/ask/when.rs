//! Moments as people say them. Always UTC: fleets span time zones.

use jiff::Timestamp;

/// A clock that runs ahead of the zone's by less than this is not worth a word, seconds.
const SKEW: i64 = 5;

/// `3 s ago`, `5 min ago`, `7 h ago`, `12 days ago`; the text itself where it is no time.
#[must_use]
pub fn age(at: &str, now: Timestamp) -> String {
    match at.parse::<Timestamp>() {
        Ok(moment) => said(now.as_second() - moment.as_second()),
        Err(_) => at.to_owned(),
    }
}

fn said(seconds: i64) -> String {
    match seconds {
        ..0 if seconds < -SKEW => format!("in {}", span(-seconds)),
        ..1 => "just now".into(),
        _ => format!("{} ago", span(seconds)),
    }
}

/// A span in its one most telling unit.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `2026-11-20 08:15:30 UTC`; the text itself where it is no time.
#[must_use]
pub fn moment(at: &str) -> String {
    match at.parse::<Timestamp>() {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => at.to_owned(),
    }
}

/// `2026-11-20 08:15:30 UTC (3 s ago)`.
#[must_use]
pub fn moment_and_age(at: &str, now: Timestamp) -> String {
    match at.parse::<Timestamp>() {
        Ok(_) => format!("{} ({})", moment(at), age(at, now)),
        Err(_) => at.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_most_telling_unit() {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        for (at, expected) in [
            ("2026-11-20T11:59:59.999Z", "1 s ago"),
            ("2026-11-20T12:00:00.000Z", "just now"),
            ("2026-11-20T11:58:01Z", "119 s ago"),
            ("2026-11-20T11:58:00Z", "2 min ago"),
            ("2026-11-20T10:00:01Z", "119 min ago"),
            ("2026-11-20T09:00:00Z", "3 h ago"),
            ("2026-11-08T09:00:00Z", "12 days ago"),
            ("2026-11-20T12:00:03Z", "just now"),
            ("2026-11-20T12:10:00Z", "in 10 min"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(age(at, now), expected, "{at}");
        }
    }

    #[test]
    fn a_moment_is_utc_and_says_so() {
        let now = "2026-11-20T08:15:33Z".parse().unwrap();
        assert_eq!(moment_and_age("2026-11-20T08:15:30.250Z", now), "2026-11-20 08:15:30 UTC (3 s ago)");
        assert_eq!(moment_and_age("", now), "");
    }
}
