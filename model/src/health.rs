//! Health: 24 bits and the mask of what this node cannot measure.

use std::fmt;

use bitvec::prelude::{BitArray, Lsb0};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::NodeState;

/// How many indicators there are.
pub const INDICATORS: usize = 24;

/// Twenty-four bits, one per indicator; bit 0 is the lowest bit of the first byte.
///
/// In JSON it is the number `Σ bit·2^n`; on the wire three bytes, bit 0 the lowest of the *first*.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct HealthBits(BitArray<[u8; 3], Lsb0>);

impl HealthBits {
    /// No bit set.
    pub const NONE: Self = Self(BitArray::ZERO);

    /// Every bit set.
    #[must_use]
    pub fn all() -> Self {
        Self::from_bytes([0xff; 3])
    }

    /// From three bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 3]) -> Self {
        Self(BitArray { data: bytes, ..BitArray::ZERO })
    }

    /// The three bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 3] {
        self.0.data
    }

    /// From the number `Σ bit·2^n`; `None` when it has more than 24 bits.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        let [a, b, c, rest] = number.to_le_bytes();
        if rest == 0 { Some(Self::from_bytes([a, b, c])) } else { None }
    }

    /// The number `Σ bit·2^n`.
    #[must_use]
    pub const fn to_number(self) -> u32 {
        let [a, b, c] = self.0.data;
        u32::from_le_bytes([a, b, c, 0])
    }

    /// Whether bit `index` is set; `false` for an index past the last.
    #[must_use]
    pub fn get(self, index: usize) -> bool {
        self.0.get(index).is_some_and(|bit| *bit)
    }

    /// The same bits with `index` set to `value`; an index past the last changes nothing.
    #[must_use]
    pub fn with(mut self, index: usize, value: bool) -> Self {
        if index < INDICATORS {
            self.0.set(index, value);
        }
        self
    }

    /// The indices of the set bits, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..INDICATORS).filter(move |index| self.get(*index))
    }

    /// How many bits are set.
    #[must_use]
    pub fn count(self) -> u32 {
        self.to_number().count_ones()
    }

    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.to_number() == 0
    }

    /// Bits in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Bits in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Bits of `self` that are not in `other`.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Display for HealthBits {
    /// Highest bit first, as numbers are written: `000000000000000000000101` has bits 0 and 2 set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:024b}", self.to_number())
    }
}

impl fmt::Debug for HealthBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bits {self}")
    }
}

impl Serialize for HealthBits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.to_number())
    }
}

impl<'de> Deserialize<'de> for HealthBits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        Self::from_number(number)
            .ok_or_else(|| serde::de::Error::custom(format!("{number} has more than 24 health bits")))
    }
}

/// Bits and mask together. A masked bit is never set and never counts as healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawHealth")]
pub struct Health {
    bits: HealthBits,
    mask: HealthBits,
}

/// Bits that are set although the mask says they cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("health bits {overlap} are set and masked as not measurable at once")]
pub struct MaskedBitSet {
    /// The offending bits.
    pub overlap: HealthBits,
}

#[derive(Deserialize)]
struct RawHealth {
    bits: HealthBits,
    mask: HealthBits,
}

impl TryFrom<RawHealth> for Health {
    type Error = MaskedBitSet;
    fn try_from(raw: RawHealth) -> Result<Self, MaskedBitSet> {
        Self::new(raw.bits, raw.mask)
    }
}

impl Health {
    /// Nothing measured yet: every indicator masked.
    #[must_use]
    pub fn unmeasured() -> Self {
        Self { bits: HealthBits::NONE, mask: HealthBits::all() }
    }

    /// Bits and the mask of the unmeasurable.
    ///
    /// # Errors
    /// When a bit is set that the mask says cannot be measured.
    pub fn new(bits: HealthBits, mask: HealthBits) -> Result<Self, MaskedBitSet> {
        let overlap = bits.and(mask);
        if overlap.is_empty() { Ok(Self { bits, mask }) } else { Err(MaskedBitSet { overlap }) }
    }

    /// Indicators outside their thresholds.
    #[must_use]
    pub const fn bits(self) -> HealthBits {
        self.bits
    }

    /// Indicators this node cannot measure.
    #[must_use]
    pub const fn mask(self) -> HealthBits {
        self.mask
    }

    /// The state of a node that was just heard with this health.
    #[must_use]
    pub fn state(self) -> NodeState {
        if !self.bits.is_empty() {
            NodeState::Degraded
        } else if self.mask == HealthBits::all() {
            NodeState::Unknown
        } else {
            NodeState::Healthy
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn number_and_bytes_say_the_same(number in 0_u32..1 << 24) {
            let bits = HealthBits::from_number(number).unwrap();
            prop_assert_eq!(bits.to_number(), number);
            prop_assert_eq!(HealthBits::from_bytes(bits.to_bytes()), bits);
            prop_assert_eq!(bits.iter().map(|i| 1_u32 << i).sum::<u32>(), number);
            prop_assert_eq!(bits.count() as usize, bits.iter().count());
        }

        #[test]
        fn a_masked_bit_is_never_taken(bits in 0_u32..1 << 24, mask in 0_u32..1 << 24) {
            let health = Health::new(HealthBits::from_number(bits).unwrap(), HealthBits::from_number(mask).unwrap());
            prop_assert_eq!(health.is_ok(), bits & mask == 0);
        }
    }

    #[test]
    fn a_node_that_measures_nothing_is_not_healthy() {
        assert_eq!(Health::unmeasured().state(), NodeState::Unknown);
        assert_eq!(Health::new(HealthBits::NONE, HealthBits::NONE).unwrap().state(), NodeState::Healthy);
        let one = HealthBits::NONE.with(3, true);
        assert_eq!(Health::new(one, HealthBits::NONE).unwrap().state(), NodeState::Degraded);
    }

    #[test]
    fn more_than_24_bits_are_refused() {
        assert!(HealthBits::from_number(1 << 24).is_none());
        assert!(serde_json::from_str::<HealthBits>("16777216").is_err());
        assert_eq!(HealthBits::NONE.with(24, true), HealthBits::NONE);
    }
}
