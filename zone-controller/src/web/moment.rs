//! Moments as a page shows them. Always UTC: fleets span time zones.

use askama::Template;
use jiff::Timestamp;
use rollcall_model::UnixMillis;
use rollcall_startup::Clock;

/// The present, by which everything on one page is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present(Timestamp);

#[derive(Template)]
#[template(source = r#"<time datetime="{{ iso }}" title="{{ iso }}">{{ said }}</time>"#, ext = "html")]
struct Said<'a> {
    iso: &'a str,
    said: &'a str,
}

#[derive(Template)]
#[template(source = r#"<time datetime="{{ iso }}" title="{{ iso }}" data-ago>{{ said }}</time>"#, ext = "html")]
struct Ago<'a> {
    iso: &'a str,
    said: &'a str,
}

impl Present {
    /// Now.
    pub(super) fn now() -> Self {
        Self::at(Clock::start().now().wall)
    }

    /// That moment.
    pub(super) fn at(UnixMillis(ms): UnixMillis) -> Self {
        Self(
            i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::UNIX_EPOCH),
        )
    }

    /// Milliseconds since 1970.
    pub(super) fn ms(self) -> i64 {
        self.0.as_millisecond()
    }

    /// A moment as an element of a page: the time of day, with the day where it is another one.
    pub(super) fn clock(self, at: &str) -> String {
        let said = match at.parse::<Timestamp>() {
            Ok(moment) if moment.strftime("%F").to_string() == self.0.strftime("%F").to_string() => {
                moment.strftime("%T").to_string()
            }
            Ok(moment) => moment.strftime("%F %H:%M").to_string(),
            Err(_) => at.to_owned(),
        };
        element(&Said { iso: at, said: &said })
    }

    /// How long ago it was, as an element of a page, which a script keeps true.
    pub(super) fn ago(self, at: &str) -> String {
        let said =
            at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), |moment| span(self.ms() - moment.as_millisecond()));
        element(&Ago { iso: at, said: &said })
    }

    /// Both: since when, and for how long.
    pub(super) fn since(self, at: &str) -> String {
        if at.is_empty() {
            "–".into()
        } else {
            format!("{} <span class=ago>({})</span>", self.clock(at), self.ago(at))
        }
    }
}

/// The text of a moment as the store writes it.
pub(super) fn iso(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%FT%T.%3fZ").to_string()
}

/// A template without a loop that writes into memory cannot fail.
fn element(template: &impl Template) -> String {
    template.render().unwrap_or_default()
}

/// A span in its one most telling unit.
pub(super) fn span(ms: i64) -> String {
    match ms / 1_000 {
        ..120 => format!("{} s", (ms / 1_000).max(0)),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_by_the_clock_and_by_how_long_it_is_ago() {
        let present = Present("2026-11-20T12:00:00Z".parse().unwrap());
        let since = present.since("2026-11-20T11:41:05.250Z");
        assert!(since.contains(">11:41:05</time>") && since.contains("data-ago>18 min</time>"), "{since}");
        assert!(present.clock("2026-11-19T11:41:05Z").contains(">2026-11-19 11:41</time>"));
        assert_eq!(present.since(""), "–");
        assert_eq!(iso(1_795_161_600_250), "2026-11-20T08:00:00.250Z");
        let hostile = present.since("\"><script>");
        assert!(!hostile.contains("<script>"), "{hostile}");
    }

    #[test]
    fn a_span_has_one_unit() {
        for (ms, said) in
            [(-5, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (7_200_000, "2 h"), (172_800_000, "2 days")]
        {
            assert_eq!(span(ms), said);
        }
    }
}
