//! Kinds of resource-availability messages (A2, A4; US 9,049,193, FIG. 16), by themselves and as sets.

use serde::{Deserialize, Serialize};

/// A kind of RA message: what its frequency speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AvailabilityKind {
    /// Sent at V_balance: the freer, the more often.
    Balance,
    /// Sent at V_power: the fuller, the more often.
    Power,
    /// Sent at the mix of both that the schedule's α asks for (FIG. 15).
    Mixed,
}

impl AvailabilityKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Balance, Self::Power, Self::Mixed];

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Power => "power",
            Self::Mixed => "mixed",
        }
    }

    /// Its place in [`Self::ALL`], and its bit in [`AvailabilityKinds`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A set of kinds: what one message speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AvailabilityKinds(u8);

impl AvailabilityKinds {
    /// None.
    pub const EMPTY: Self = Self(0);
    /// All bits that mean something.
    const KNOWN: u8 = 0b111;

    /// These and one more.
    #[must_use]
    pub const fn with(self, kind: AvailabilityKind) -> Self {
        Self(self.0 | 1 << kind.index())
    }

    /// Whether a kind is among them.
    #[must_use]
    pub const fn contains(self, kind: AvailabilityKind) -> bool {
        self.0 & 1 << kind.index() != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those there are.
    pub fn iter(self) -> impl Iterator<Item = AvailabilityKind> {
        AvailabilityKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }

    /// As on the wire: bit 0 balance, 1 power, 2 mixed.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From the wire; `None` when a bit is set that means nothing.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::KNOWN == 0 { Some(Self(bits)) } else { None }
    }
}

impl FromIterator<AvailabilityKind> for AvailabilityKinds {
    fn from_iter<T: IntoIterator<Item = AvailabilityKind>>(kinds: T) -> Self {
        kinds.into_iter().fold(Self::EMPTY, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_no_bit_that_means_nothing() {
        let set = AvailabilityKinds::EMPTY.with(AvailabilityKind::Power).with(AvailabilityKind::Mixed);
        assert_eq!((set.bits(), set.is_empty()), (0b110, false));
        assert_eq!(set.iter().collect::<Vec<_>>(), [AvailabilityKind::Power, AvailabilityKind::Mixed]);
        assert!(!set.contains(AvailabilityKind::Balance));
        for bits in 0..=u8::MAX {
            let read = AvailabilityKinds::from_bits(bits);
            assert_eq!(read.map(AvailabilityKinds::bits), (bits < 8).then_some(bits), "{bits}");
            assert_eq!(read.map(|set| set.iter().collect()), read, "{bits}");
        }
    }
}
