//! The nouns of Rollcall: ids, packets, their wire forms, health bits, hardware and capabilities.
//!
//! Pure: nothing here opens a socket or a file, reads a clock or draws a random number. Daemons meet
//! in this crate's packets and nowhere else; `docs/protocol.md` describes the same forms for people
//! who write an agent in another language.

pub mod authority;
pub mod availability;
pub mod capability;
pub mod figures;
pub mod generation;
pub mod hardware;
pub mod health;
pub mod id;
pub mod identifier;
pub mod indicator;
pub mod name;
pub mod packet;
pub mod policy;
pub mod principal;
pub mod route;
pub mod seal_key;
pub mod state;
pub mod threshold;
pub mod time;
pub mod trace;
pub mod trust;
pub mod turnaround;
pub mod wire;

pub use availability::{AvailabilityKind, AvailabilityKinds};
pub use capability::{Capability, CapabilityDigest};
pub use figures::{Durations, LinkFigures};
pub use generation::{GenerationGate, OldGeneration, ZoneFence};
pub use hardware::HardwareTopology;
pub use health::{Health, HealthBits};
pub use id::{ActionId, CheckinId, GroupId, InstanceId, JoinId, MessageId, NodeId, SessionEpoch, ZoneId};
pub use identifier::NodeIdentifier;
pub use name::{Name, Purpose};
pub use principal::Principal;
pub use seal_key::SealKey;
pub use state::NodeState;
pub use time::{Millis, Now, Tick, UnixMillis};
pub use trace::{TRACEPARENT, TraceContext};
pub use trust::{Role, Serial, Sha256, TokenKind};
pub use turnaround::Turnaround;
