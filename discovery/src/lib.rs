//! Finding each other on the local network (Z2, G2, C1): announcements over mDNS and DNS-SD.
//!
//! Discovery locates and never admits. A listener that was given a [`HelloTrust`] is told of hellos that are not believed
//! as [`Sighting::Distrusted`]. What it hears is a stranger's claim about where something is:
//! read, checked for form, handed on with the sender's address. It keeps no roster and judges no liveness:
//! a process that is killed without a good-bye is noticed after two minutes or not at all.
//!
//! Everything is announced as `_rollcall._tcp`, under the subtype of its [`Tag`]. One [`Discovery`] serves
//! a whole process; clones share it, and any number of announcements and watches may live in it.
//!
//! ```no_run
//! # async fn example() -> Result<(), rollcall_discovery::DiscoveryError> {
//! use rollcall_discovery::{Discovery, DiscoverySettings, Sighting, Tag};
//!
//! let discovery = Discovery::start(&DiscoverySettings::default())?;
//! let mut zones = discovery.watch(Tag::Zone);
//! while let Some(sighting) = zones.next().await {
//!     if let Sighting::Seen { announcement, .. } = sighting {
//!         println!("{announcement:?}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod announced;
mod discovery;
mod error;
mod host;
mod hub;
mod interfaces;
mod mdns;
mod settings;
mod sighting;
mod trust;
mod zone;

pub use announced::Announced;
pub use discovery::Discovery;
pub use error::DiscoveryError;
pub use host::host_addresses;
pub use hub::{MAX_INSTANCES, Watch};
pub use settings::{DiscoverySettings, MDNS_PORT};
pub use sighting::{Sighting, Tag};
pub use trust::{Distrust, HelloTrust};
pub use zone::Patience;
