//! What changed when, drawn over time. Health is steps: it is as it is until a change says otherwise; and before the first
//! change nothing is known, and nothing is drawn.

use std::fmt::Write as _;

use serde::Deserialize;

use super::bits;
use super::state::look;

/// Width of every drawing, in its own units.
pub(super) const WIDTH: i64 = 1_000;

/// A change of a node's state or health, as the history has it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Change {
    pub at_ms: i64,
    pub state: String,
    health_bits: Option<i64>,
    unmeasurable: Option<i64>,
}

impl Change {
    /// The bits that were set from then on.
    pub(super) fn bits(&self) -> u32 {
        bits::of_number(self.health_bits, 0)
    }

    fn mask(&self) -> u32 {
        bits::of_number(self.unmeasurable, bits::ALL)
    }
}

/// A span of time that is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub from: i64,
    pub to: i64,
}

impl Window {
    /// Where a moment lies in the drawing.
    pub(super) fn x(self, ms: i64) -> i64 {
        let span = (self.to - self.from).max(1);
        (ms.clamp(self.from, self.to) - self.from) * WIDTH / span
    }

    /// The spans between the changes, oldest first, and what holds in each.
    fn spans(self, changes: &[Change]) -> impl Iterator<Item = (i64, i64, &Change)> {
        changes.iter().enumerate().filter_map(move |(at, change)| {
            let until = changes.get(at + 1).map_or(self.to, |next| next.at_ms);
            let (x, end) = (self.x(change.at_ms), self.x(until));
            (until > self.from && change.at_ms < self.to).then_some((x, (end - x).max(2), change))
        })
    }
}

/// One bit over time: paths of what it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Strip {
    pub set: String,
    pub clear: String,
    pub unmeasured: String,
}

impl Strip {
    /// A bit within a window; a height of 16 units.
    pub(super) fn of(bit: usize, changes: &[Change], window: Window) -> Self {
        let mut strip = Self::default();
        for (kind, x, width) in merged(window.spans(changes).map(|(x, width, change)| (kind(change, bit), x, width))) {
            // Writing to a string cannot fail.
            let _ = match kind {
                Kind::Set => write!(strip.set, "M{x} 2h{width}v12h-{width}z"),
                Kind::Clear => write!(strip.clear, "M{x} 13h{width}"),
                Kind::Unmeasured => write!(strip.unmeasured, "M{x} 8h{width}"),
            };
        }
        strip
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Set,
    Clear,
    Unmeasured,
}

fn kind(change: &Change, bit: usize) -> Kind {
    match (change.mask() >> bit & 1, change.bits() >> bit & 1) {
        (1, _) => Kind::Unmeasured,
        (_, 1) => Kind::Set,
        _ => Kind::Clear,
    }
}

/// What follows itself is one span.
fn merged<K: PartialEq + Copy>(spans: impl Iterator<Item = (K, i64, i64)>) -> Vec<(K, i64, i64)> {
    let mut merged: Vec<(K, i64, i64)> = Vec::new();
    for (kind, x, width) in spans {
        match merged.last_mut() {
            Some((last, from, length)) if *last == kind => *length = x + width - *from,
            _ => merged.push((kind, x, width)),
        }
    }
    merged
}

/// A part of the band of states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub class: &'static str,
    pub word: &'static str,
    pub x: i64,
    pub width: i64,
}

/// The states within a window, as a band.
pub(super) fn band(changes: &[Change], window: Window) -> Vec<Part> {
    let looks = window.spans(changes).map(|(x, width, change)| {
        let look = look(&change.state, change.bits());
        ((look.class, look.word), x, width)
    });
    merged(looks).into_iter().map(|((class, word), x, width)| Part { class, word, x, width }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at_ms: i64, state: &str, bits: i64, mask: i64) -> Change {
        Change { at_ms, state: state.into(), health_bits: Some(bits), unmeasurable: Some(mask) }
    }

    #[test]
    fn a_bit_is_drawn_as_it_was_and_nothing_before_the_first_change() {
        let changes = [change(100, "healthy", 0, 2), change(500, "degraded", 1, 2), change(750, "healthy", 0, 2)];
        let window = Window { from: 0, to: 1_000 };
        let strip = Strip::of(0, &changes, window);
        assert_eq!(strip.clear, "M100 13h400M750 13h250");
        assert_eq!(strip.set, "M500 2h250v12h-250z");
        assert!(strip.unmeasured.is_empty());
        assert_eq!(Strip::of(1, &changes, window).unmeasured, "M100 8h900", "what follows itself is one span");
        let band = band(&changes, window);
        assert_eq!(band.iter().map(|part| part.class).collect::<Vec<_>>(), ["h", "c", "h"]);
    }

    #[test]
    fn what_was_before_the_window_holds_from_its_beginning() {
        let changes = [change(-5_000, "healthy", 0, 0), change(-4_000, "down", 1, 0), change(500, "healthy", 0, 0)];
        let window = Window { from: 0, to: 1_000 };
        assert_eq!(Strip::of(0, &changes, window).set, "M0 2h500v12h-500z");
        assert_eq!(band(&changes, window)[0].x, 0);
        assert!(band(&[], window).is_empty());
    }
}
