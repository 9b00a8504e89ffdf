//! How answers look: width, colours, and what a terminal must not be sent.

use jiff::Timestamp;

/// From this many columns on, tables show everything they have.
const WIDE: u16 = 140;

/// What the reader's side is like.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of the terminal; `None` where the reader is a file or a pipe: nothing is wrapped or left out.
    pub width: Option<u16>,
    /// Whether to colour.
    pub colour: bool,
    /// The present, for ages.
    pub now: Timestamp,
}

/// What a colour says. The words always say it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// All is well.
    Good,
    /// Worth a look.
    Warning,
    /// Worth getting up.
    Bad,
    /// Less important, or not known.
    Faint,
    /// A title.
    Title,
}

impl Tone {
    /// Of a node state.
    #[must_use]
    pub fn of_state(state: &str) -> Self {
        match state {
            "healthy" => Self::Good,
            "degraded" | "suspect" => Self::Warning,
            "down" => Self::Bad,
            "joining" | "unknown" | "left" => Self::Faint,
            _ => Self::Plain,
        }
    }

    /// Of a severity.
    #[must_use]
    pub fn of_severity(severity: &str) -> Self {
        match severity {
            "critical" => Self::Bad,
            "warning" => Self::Warning,
            _ => Self::Plain,
        }
    }

    /// Parameters of the terminal's "select graphic rendition"; `None` for plain text.
    const fn rendition(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Warning => Some("33"),
            Self::Bad => Some("31"),
            Self::Faint => Some("2"),
            Self::Title => Some("1"),
        }
    }
}

impl Look {
    /// Whether tables show everything they have.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.width.is_none_or(|width| width >= WIDE)
    }

    /// The text on as many lines as the terminal asks for, broken at spaces; those after the first are indented by as much
    /// as stands before the text. A word longer than a line is left to the terminal.
    #[must_use]
    pub fn wrapped(&self, text: &str, indent: usize) -> String {
        let room = self.width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(indent).max(20));
        let mut lines = String::new();
        let mut filled = 0;
        for word in text.split(' ') {
            let length = shown(word);
            if filled > 0 && filled + 1 + length > room {
                let kept = lines.trim_end().len();
                lines.truncate(kept);
                lines.push('\n');
                lines.extend(std::iter::repeat_n(' ', indent));
                filled = length;
            } else {
                lines.push_str(if lines.is_empty() { "" } else { " " });
                filled += length + usize::from(filled > 0);
            }
            lines.push_str(word);
        }
        lines
    }

    /// The text in its colour, where there are colours.
    #[must_use]
    pub fn paint(&self, text: &str, tone: Tone) -> String {
        match tone.rendition() {
            Some(code) if self.colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            _ => text.to_owned(),
        }
    }
}

/// How many characters of a word are seen: a colour's are not.
fn shown(word: &str) -> usize {
    let mut hidden = false;
    word.chars()
        .filter(|c| {
            let begins = *c == '\u{1b}';
            let seen = !hidden && !begins;
            hidden = (hidden || begins) && *c != 'm';
            seen
        })
        .count()
}

/// Text from elsewhere without what would command the terminal: control characters and changes of direction.
#[must_use]
pub fn clean(text: &str) -> String {
    let commands = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if commands(c) { '\u{fffd}' } else { c }).collect()
}

/// The first eight digits of an id.
#[must_use]
pub fn short(id: &str) -> String {
    clean(id).chars().take(8).collect()
}

/// `1 node`, `2 nodes`.
#[must_use]
pub fn counted(number: i64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(colour: bool) -> Look {
        Look { width: Some(80), colour, now: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn colours_come_only_where_there_are_colours() {
        assert_eq!(look(false).paint("down", Tone::Bad), "down");
        assert_eq!(look(true).paint("down", Tone::of_state("down")), "\u{1b}[31mdown\u{1b}[0m");
        assert_eq!(look(true).paint("plain", Tone::Plain), "plain");
    }

    #[test]
    fn a_long_text_goes_on_below_itself_and_a_pipe_gets_it_whole() {
        let narrow = Look { width: Some(30), ..look(true) };
        for (text, expected) in [
            ("rack-a  97bcd9bf", "rack-a  97bcd9bf"),
            ("a-long-name  97bcd9bf-f88e", "a-long-name\n      97bcd9bf-f88e"),
            ("one two three four five six", "one two three four five\n      six"),
            ("with-no-place-to-be-broken-anywhere x", "with-no-place-to-be-broken-anywhere\n      x"),
            ("", ""),
        ] {
            assert_eq!(narrow.wrapped(text, 6), expected);
            assert_eq!(Look { width: None, ..narrow }.wrapped(text, 6), text);
        }
        let painted = narrow.paint("one two three four fives", Tone::Bad);
        assert_eq!(narrow.wrapped(&painted, 6), painted, "colours take no room");
    }

    #[test]
    fn what_would_command_the_terminal_is_not_sent() {
        assert_eq!(clean("rack\u{1b}]0;owned\u{7}\nb\u{202e}"), "rack\u{fffd}]0;owned\u{fffd}\u{fffd}b\u{fffd}");
        assert_eq!(clean("web-3 → down"), "web-3 → down");
    }

    #[test]
    fn no_state_but_healthy_looks_good() {
        for state in rollcall_model::NodeState::ALL {
            let good = Tone::of_state(state.as_str()) == Tone::Good;
            assert_eq!(good, state == rollcall_model::NodeState::Healthy, "{state}");
        }
    }
}
