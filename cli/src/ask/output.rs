//! Standard output: text out, and readers that have seen enough.

use std::io::{self, ErrorKind, IsTerminal, Write};

use comfy_table::Table;
use jiff::Timestamp;
use rollcall_startup::Failure;
use serde_json::Value;

use super::look::Look;
use crate::settings::{Format, Settings};

/// Whether somebody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Yes.
    Listens,
    /// The pipe is closed (`| head`); nothing more need be written, and nothing is wrong.
    Gone,
}

/// Writes text and hands it on at once.
///
/// # Errors
/// When it cannot be written for another reason than that the reader is gone, such as a full disk.
pub fn write(out: &mut impl Write, text: &str) -> Result<Reader, Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::Listens),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Failure::other(format!("cannot write the answer: {error}"))),
    }
}

/// [`write`] to standard output.
///
/// # Errors
/// As [`write`].
pub fn print(text: &str) -> Result<Reader, Failure> {
    write(&mut io::stdout().lock(), text)
}

/// A JSON document for people and programs alike: indented, one line break at its end.
#[must_use]
pub fn document(value: &Value) -> String {
    format!("{value:#}\n")
}

/// A JSON document on one line.
#[must_use]
pub fn json_line(value: &Value) -> String {
    format!("{value}\n")
}

/// How this process's standard output looks. `clock` is the zone's, where it told. A wide table has all its columns on
/// any terminal.
#[must_use]
pub fn look(settings: &Settings, clock: Option<Timestamp>) -> Look {
    let terminal = io::stdout().is_terminal();
    Look {
        width: if terminal && settings.format != Format::Wide { Table::new().width() } else { None },
        colour: terminal && !settings.no_color && !colours_refused(|name| std::env::var(name).ok()),
        now: now(Timestamp::now(), clock),
    }
}

/// `NO_COLOR` set to anything, or a terminal that says it is dumb.
#[must_use]
pub fn colours_refused(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable("NO_COLOR").is_some_and(|value| !value.is_empty()) || variable("TERM").as_deref() == Some("dumb")
}

/// The zone's clock, so that ages are right on a machine whose clock is wrong; our own where they agree, since the
/// zone tells only seconds.
fn now(ours: Timestamp, zone: Option<Timestamp>) -> Timestamp {
    match zone {
        Some(zone) if (ours.as_second() - zone.as_second()).abs() > 2 => zone,
        _ => ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_error() {
        assert_eq!(write(&mut Broken(ErrorKind::BrokenPipe), "x"), Ok(Reader::Gone));
        let full = write(&mut Broken(ErrorKind::StorageFull), "x").unwrap_err();
        assert!(full.to_string().starts_with("error: cannot write the answer:"), "{full}");
    }

    #[test]
    fn colours_can_be_refused_by_variables() {
        let with = |name: &'static str, value: &'static str| {
            colours_refused(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert!(with("NO_COLOR", "1") && with("TERM", "dumb"));
        assert!(!with("NO_COLOR", "") && !with("TERM", "xterm-256color"));
    }

    #[test]
    fn ages_follow_the_zones_clock_where_ours_is_wrong() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let ours = at("2026-11-20T08:00:01.5Z");
        assert_eq!(now(ours, Some(at("2026-11-20T08:00:00Z"))), ours);
        assert_eq!(now(ours, None), ours);
        assert_eq!(now(ours, Some(at("2026-11-20T10:00:00Z"))), at("2026-11-20T10:00:00Z"));
    }
}
