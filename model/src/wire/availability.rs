//! RA messages and capacity messages (A2, A7): bytes of a fixed length, network byte order.
//!
//! ```text
//!  RA message, 24 bytes: who speaks, and for which kinds; how free it is, only the frequency tells
//!  0        1        2                 4                    20
//! ┌────────┬────────┬─────────────────┬────────────────────┬───────────────────┐
//! │version │ kinds  │ zero (2)        │ node id (16)       │ session epoch (4) │
//! └────────┴────────┴─────────────────┴────────────────────┴───────────────────┘
//!  Capacity message, 32 bytes: how large a node is
//!  0        1        2                 4                    8              24                28
//! ┌────────┬────────┬─────────────────┬────────────────────┬──────────────┬─────────────────┬──────────┐
//! │version │ zero   │ threads (2)     │ memory in MiB (4)  │ node id (16) │session epoch (4)│ zero (4) │
//! └────────┴────────┴─────────────────┴────────────────────┴──────────────┴─────────────────┴──────────┘
//! ```
//!
//! Where a status packet leaves at the same time, the RA message rides on it instead ([`super::status`]).

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{AvailabilityKinds, NodeId, SessionEpoch};

/// The AMQP `type` property of an RA message.
pub const KIND: &str = "availability";
/// Bytes of an RA message.
pub const BYTES: usize = 24;
/// The AMQP `type` property of a capacity message.
pub const CAPACITY_KIND: &str = "capacity";
/// Bytes of a capacity message.
pub const CAPACITY_BYTES: usize = 32;
/// Version written by this program.
pub const VERSION: u8 = 1;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    version: u8,
    kinds: u8,
    reserved: [u8; 2],
    node: [u8; 16],
    epoch: U32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawCapacity {
    version: u8,
    reserved: u8,
    threads: U16,
    memory_mib: U32,
    node: [u8; 16],
    epoch: U32,
    end: [u8; 4],
}

/// A node speaks (A2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaMessage {
    /// Who.
    pub node: NodeId,
    /// The session; messages of older ones are dropped.
    pub epoch: SessionEpoch,
    /// For which kinds; at least one.
    pub kinds: AvailabilityKinds,
}

/// How large a node is (A7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityMessage {
    /// Who.
    pub node: NodeId,
    /// The session; messages of older ones are dropped.
    pub epoch: SessionEpoch,
    /// Hardware threads; at least one.
    pub threads: u16,
    /// Memory in MiB; at least one.
    pub memory_mib: u32,
}

/// Why bytes are no RA message, or no capacity message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Not as long as it must be.
    #[error("the message has {got} bytes, not {expected}")]
    Length {
        /// Bytes there are.
        got: usize,
        /// Bytes there must be.
        expected: usize,
    },
    /// From a later program.
    #[error("the message has version {0}; this program reads version {VERSION}: upgrade it")]
    FutureVersion(u8),
    /// It says what cannot be.
    #[error("the message contradicts itself: {0}")]
    Contradiction(&'static str),
}

impl MessageError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Length { .. } => "bad_length",
            Self::FutureVersion(_) => "future_version",
            Self::Contradiction(_) => "contradiction",
        }
    }
}

impl RaMessage {
    /// The 24 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; BYTES] {
        zerocopy::transmute!(Raw {
            version: VERSION,
            kinds: self.kinds.bits(),
            reserved: [0; 2],
            node: *self.node.as_bytes(),
            epoch: U32::new(self.epoch.0),
        })
    }

    /// Reads bytes from a stranger.
    ///
    /// # Errors
    /// See [`MessageError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let raw = read::<Raw>(bytes, BYTES, |raw| raw.version)?;
        if raw.reserved != [0; 2] {
            return Err(MessageError::Contradiction("reserved bytes are set"));
        }
        let kinds = AvailabilityKinds::from_bits(raw.kinds).filter(|kinds| !kinds.is_empty());
        let kinds = kinds.ok_or(MessageError::Contradiction("it speaks for no kind, or for one there is not"))?;
        Ok(Self { node: NodeId::from_bytes(raw.node), epoch: SessionEpoch(raw.epoch.get()), kinds })
    }
}

impl CapacityMessage {
    /// The 32 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; CAPACITY_BYTES] {
        zerocopy::transmute!(RawCapacity {
            version: VERSION,
            reserved: 0,
            threads: U16::new(self.threads),
            memory_mib: U32::new(self.memory_mib),
            node: *self.node.as_bytes(),
            epoch: U32::new(self.epoch.0),
            end: [0; 4],
        })
    }

    /// Reads bytes from a stranger.
    ///
    /// # Errors
    /// See [`MessageError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let raw = read::<RawCapacity>(bytes, CAPACITY_BYTES, |raw| raw.version)?;
        if raw.reserved != 0 || raw.end != [0; 4] {
            return Err(MessageError::Contradiction("reserved bytes are set"));
        }
        let (threads, memory_mib) = (raw.threads.get(), raw.memory_mib.get());
        if threads == 0 || memory_mib == 0 {
            return Err(MessageError::Contradiction("a node without a thread, or without memory"));
        }
        Ok(Self { node: NodeId::from_bytes(raw.node), epoch: SessionEpoch(raw.epoch.get()), threads, memory_mib })
    }
}

/// The bytes as they lie, once their length and version are right.
fn read<T: FromBytes + Immutable + KnownLayout + Unaligned>(
    bytes: &[u8],
    expected: usize,
    version: impl Fn(&T) -> u8,
) -> Result<&T, MessageError> {
    let Ok(raw) = T::ref_from_bytes(bytes) else {
        // A longer or shorter message of a later version is a future version, not a broken one.
        return Err(match bytes.first() {
            Some(version) if *version > VERSION => MessageError::FutureVersion(*version),
            _ => MessageError::Length { got: bytes.len(), expected },
        });
    };
    match version(raw) {
        VERSION => Ok(raw),
        0 => Err(MessageError::Contradiction("version 0")),
        later => Err(MessageError::FutureVersion(later)),
    }
}
