//! The 24 bits as a small grid of 8 by 3, bit 0 first: set is a full square, clear a dot, unmeasured a box struck through.

use std::fmt::Write as _;

use askama::Template;
use rollcall_model::indicator::{INDICATORS, Severity};

/// From one cell to the next, in units of the drawing; a cell is one less.
const STEP: usize = 6;
/// Cells in a row.
const ROW: usize = 8;

/// The bits that put work at risk when they are set.
pub(super) const CRITICAL: u32 = critical();

const fn critical() -> u32 {
    let (mut bits, mut at) = (0, 0);
    while at < INDICATORS.len() {
        if matches!(INDICATORS[at].severity, Severity::Critical) {
            bits |= 1 << at;
        }
        at += 1;
    }
    bits
}

/// The grid as a drawing of three paths; hidden from readers of the page's text, who are told in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Template)]
#[template(
    source = r#"<svg class="bits" viewBox="0 0 47 17" aria-hidden="true"><path class="b0" d="{{ clear }}"/><path class="b1" d="{{ set }}"/><path class="bu" d="{{ unmeasured }}"/></svg>"#,
    ext = "html"
)]
pub(super) struct Grid {
    clear: String,
    set: String,
    unmeasured: String,
}

impl Grid {
    /// The grid of these bits and this mask of what is not measured.
    pub(super) fn of(bits: u32, mask: u32) -> Self {
        let mut grid = Self::default();
        for bit in 0..INDICATORS.len() {
            let (x, y) = (bit % ROW * STEP, bit / ROW * STEP);
            // Writing to a string cannot fail.
            let _ = match (mask >> bit & 1, bits >> bit & 1) {
                (1, _) => write!(grid.unmeasured, "M{x} {y}h5v5h-5zl5 5"),
                (_, 1) => write!(grid.set, "M{x} {y}h5v5h-5z"),
                _ => write!(grid.clear, "M{}.5 {}.5h2v2h-2z", x + 1, y + 1),
            };
        }
        grid
    }

    /// As an element of a page.
    pub(super) fn element(&self) -> String {
        self.render().unwrap_or_default()
    }
}

/// The names of the bits that are set, as people read them.
pub(super) fn names(bits: u32) -> String {
    let set = INDICATORS.iter().filter(|indicator| bits >> indicator.bit & 1 == 1);
    set.map(|indicator| indicator.name).collect::<Vec<_>>().join(", ")
}

/// What the store says of bits: never more than 24 of them.
pub(super) fn of_number(number: Option<i64>, otherwise: u32) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(otherwise) & ALL
}

/// Every bit.
pub(super) const ALL: u32 = (1 << INDICATORS.len()) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_clear_and_unmeasured_are_three_shapes() {
        let grid = Grid::of(0b1, 0b10);
        assert_eq!(grid.set, "M0 0h5v5h-5z");
        assert_eq!(grid.unmeasured, "M6 0h5v5h-5zl5 5");
        assert_eq!(grid.clear.matches('M').count(), 22);
        assert!(Grid::of(ALL, ALL).set.is_empty(), "unmeasured is never shown as anything else");
        assert_eq!(names(0b11), "cpu_temperature, cpu_throttled");
        assert_eq!(of_number(Some(-1), 7), 7);
        assert_eq!(of_number(None, ALL), ALL);
    }
}
