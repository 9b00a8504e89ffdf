//! The node status packet (N3): 64 bytes, one cache line, network byte order.
//!
//! ```text
//!  0        1        2                 4        5                       8        9
//! ┌────────┬────────┬─────────────────┬────────┬───────────────────────┬────────┬──────────────────┐
//! │version │ flags  │ longest silence │ dictio-│ health bits           │ zero   │ mask of what can- │
//! │   1    │        │ (tenths of s)   │ nary   │ (bit 0 first byte lsb)│        │ not be measured   │
//! ├────────┴────────┴─────────────────┴────────┴───────────────────────┴────────┴──────────────────┤
//! │ 12: node id (16)                                          28: session epoch (4)  32: sequence (4)│
//! ├────────────────────────────────────────────────────────────────────────────────────────────────┤
//! │ 36: sealed capability tag (28): 12 bytes of digest and 16 of authentication; zero when absent    │
//! └────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Flags: bit 0 says that it is the last packet, bit 1 that there is a tag, bits 2 to 4 that an RA message of the kind
//! balance, power or mixed rides on it (A2; [`super::availability`]). Nodes set the latter only where a policy has them
//! speak, which controllers before that policy do not hand on.

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{AvailabilityKinds, Health, HealthBits, Millis, NodeId, SessionEpoch};

/// Bytes of a status packet.
pub const BYTES: usize = 64;
/// The AMQP `type` property of a status packet.
pub const KIND: &str = "status";
/// Version written by this program.
pub const VERSION: u8 = 1;

const FLAG_LEAVING: u8 = 0b01;
const FLAG_TAG: u8 = 0b10;
/// Where the kinds of a riding RA message begin.
const AVAILABILITY_SHIFT: u32 = 2;

/// The sealed capability tag: opaque here.
pub type SealedTag = [u8; 28];

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    version: u8,
    flags: u8,
    silence: U16,
    dictionary: u8,
    bits: [u8; 3],
    reserved: u8,
    mask: [u8; 3],
    node: [u8; 16],
    epoch: U32,
    sequence: U32,
    tag: SealedTag,
}

/// What a node says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Who.
    pub node: NodeId,
    /// Bits and mask.
    pub health: Health,
    /// Version of the indicator dictionary the bits belong to.
    pub dictionary: u8,
    /// The session; packets of older ones are dropped.
    pub epoch: SessionEpoch,
    /// Grows by one with each packet of a session.
    pub sequence: u32,
    /// The longest this node means to stay silent; on the wire in tenths of a second, rounded up.
    pub longest_silence: Millis,
    /// This is the last packet: a clean shutdown.
    pub leaving: bool,
    /// Sealed capability tag, where the session has a key.
    pub tag: Option<SealedTag>,
    /// The kinds of the RA message that rides on it.
    pub availability: AvailabilityKinds,
}

/// Why bytes are not a status packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// Not 64 bytes.
    #[error("status packet has {0} bytes, not {BYTES}")]
    Length(usize),
    /// From a later program.
    #[error("status packet has version {0}; this program reads version {VERSION}: upgrade it")]
    FutureVersion(u8),
    /// Reserved bits are set, or a bit is set and masked at once.
    #[error("status packet contradicts itself: {0}")]
    Contradiction(&'static str),
}

impl StatusError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Length(_) => "bad_length",
            Self::FutureVersion(_) => "future_version",
            Self::Contradiction(_) => "contradiction",
        }
    }
}

impl NodeStatus {
    /// The 64 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; BYTES] {
        let silence = u16::try_from(self.longest_silence.0.div_ceil(100)).unwrap_or(u16::MAX);
        let raw = Raw {
            version: VERSION,
            flags: if self.leaving { FLAG_LEAVING } else { 0 }
                | if self.tag.is_some() { FLAG_TAG } else { 0 }
                | self.availability.bits() << AVAILABILITY_SHIFT,
            silence: U16::new(silence),
            dictionary: self.dictionary,
            bits: self.health.bits().to_bytes(),
            reserved: 0,
            mask: self.health.mask().to_bytes(),
            node: *self.node.as_bytes(),
            epoch: U32::new(self.epoch.0),
            sequence: U32::new(self.sequence),
            tag: self.tag.unwrap_or_default(),
        };
        zerocopy::transmute!(raw)
    }

    /// Reads bytes from a stranger.
    ///
    /// # Errors
    /// See [`StatusError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StatusError> {
        let Ok(raw) = Raw::ref_from_bytes(bytes) else {
            // A longer or shorter packet of a later version is a future version, not a broken one.
            return Err(match bytes.first() {
                Some(version) if *version > VERSION => StatusError::FutureVersion(*version),
                _ => StatusError::Length(bytes.len()),
            });
        };
        if raw.version != VERSION {
            return Err(if raw.version == 0 {
                StatusError::Contradiction("version 0")
            } else {
                StatusError::FutureVersion(raw.version)
            });
        }
        let availability = AvailabilityKinds::from_bits(raw.flags >> AVAILABILITY_SHIFT).filter(|_| raw.reserved == 0);
        let availability = availability.ok_or(StatusError::Contradiction("reserved bits are set"))?;
        if raw.silence.get() == 0 {
            return Err(StatusError::Contradiction("longest silence is 0"));
        }
        let has_tag = raw.flags & FLAG_TAG != 0;
        if !has_tag && raw.tag != [0; 28] {
            return Err(StatusError::Contradiction("a tag without its flag"));
        }
        let health = Health::new(HealthBits::from_bytes(raw.bits), HealthBits::from_bytes(raw.mask))
            .map_err(|_| StatusError::Contradiction("a bit is set and masked at once"))?;
        Ok(Self {
            node: NodeId::from_bytes(raw.node),
            health,
            dictionary: raw.dictionary,
            epoch: SessionEpoch(raw.epoch.get()),
            sequence: raw.sequence.get(),
            longest_silence: Millis(u64::from(raw.silence.get()) * 100),
            leaving: raw.flags & FLAG_LEAVING != 0,
            tag: has_tag.then_some(raw.tag),
            availability,
        })
    }
}
