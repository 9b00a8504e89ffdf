//! How a node is, as the rows of the views have it and pages show it.

use serde::Deserialize;

use super::bits::{self, Grid};
use super::state::{Look, look};

/// The columns that say how a node is; a part of larger rows.
#[derive(Deserialize)]
pub(super) struct Condition {
    state: String,
    health_bits: Option<i64>,
    unmeasurable: Option<i64>,
}

impl Condition {
    /// The bits that are set.
    pub(super) fn bits(&self) -> u32 {
        bits::of_number(self.health_bits, 0)
    }

    /// How its state looks.
    pub(super) fn look(&self) -> Look {
        look(&self.state, self.bits())
    }

    /// The grid of its bits, as an element of a page.
    pub(super) fn grid(&self) -> String {
        Grid::of(self.bits(), bits::of_number(self.unmeasurable, bits::ALL)).element()
    }

    /// The names of the bits that are set.
    pub(super) fn set(&self) -> String {
        bits::names(self.bits())
    }
}
