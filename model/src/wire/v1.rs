//! Version 1 of the envelope around control packets.
//!
//! ```json
//! {"v":1,"id":"<message id>","from":"inbox.node.<node id>","sent":1700000000000,"kind":"presence","body":{…}}
//! ```

use serde::{Deserialize, Serialize};

use crate::packet::Packet;
use crate::{MessageId, UnixMillis};

/// The version this module reads and writes.
pub const VERSION: u64 = 1;

/// Longest control packet taken, bytes. A roster part of 500 nodes is about 120 KiB.
pub const MAX_BYTES: usize = 1 << 20;

/// A control packet with its envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Format version.
    v: u64,
    /// Unique per message; the same on every repetition.
    pub id: MessageId,
    /// Inbox of the sender.
    pub from: String,
    /// Sender's wall clock.
    pub sent: UnixMillis,
    /// The generation a zone controller speaks in; nobody else, and no zone controller before 0.9, has one. A receiver that
    /// heard of a later one does not obey ([`crate::ZoneFence`]).
    #[serde(default, rename = "gen", skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The packet.
    #[serde(flatten)]
    pub packet: Packet,
}

/// Why bytes are not a control packet. The word of [`DecodeError::reason`] is what is counted.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than any packet has.
    #[error("control packet of {bytes} bytes is over the limit of {MAX_BYTES}")]
    Oversized {
        /// How many came.
        bytes: usize,
    },
    /// Not JSON, or cut short.
    #[error("control packet is not an envelope: {source}")]
    NotAnEnvelope {
        /// Where it broke.
        source: serde_json::Error,
    },
    /// From a later program.
    #[error("control packet has version {version}; this program reads version {VERSION}: upgrade it")]
    FutureVersion {
        /// The version it has.
        version: u64,
    },
    /// An envelope of our version with a kind or a body that does not fit.
    #[error("control packet of kind {kind:?} does not decode: {source}")]
    BadBody {
        /// The kind it claims.
        kind: String,
        /// Where it broke.
        source: serde_json::Error,
    },
}

impl DecodeError {
    /// A short word to count by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Oversized { .. } => "oversized",
            Self::NotAnEnvelope { .. } => "not_an_envelope",
            Self::FutureVersion { .. } => "future_version",
            Self::BadBody { .. } => "bad_body",
        }
    }
}

#[derive(Deserialize)]
struct Head {
    v: u64,
    #[serde(default)]
    kind: String,
}

impl Envelope {
    /// Wraps a packet.
    #[must_use]
    pub fn new(id: MessageId, from: impl Into<String>, sent: UnixMillis, packet: Packet) -> Self {
        Self { v: VERSION, id, from: from.into(), sent, generation: None, packet }
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Cannot fail: every map key in a packet is a string, a state or a number, and nothing else errs in serde_json.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads bytes from a stranger.
    ///
    /// # Errors
    /// See [`DecodeError`]; nothing panics and nothing beyond the body's size is allocated.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_BYTES {
            return Err(DecodeError::Oversized { bytes: bytes.len() });
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|source| DecodeError::NotAnEnvelope { source })?;
        if head.v != VERSION {
            return Err(DecodeError::FutureVersion { version: head.v });
        }
        serde_json::from_slice(bytes).map_err(|source| DecodeError::BadBody { kind: head.kind, source })
    }
}
