//! How a daemon gets its certificate from its zone, and keeps it fresh.
//!
//! The daemon makes its key, and asks the zone over HTTPS, pinned to the site's root, to be let in: with a join token, or
//! to wait until somebody approves. The zone sets the name. From then on the certificate is renewed unattended, long
//! before it ends; hours without the zone are survived. Everything lies in one directory, replaced file by file and at
//! once: `key.pem` (secret), `cert.pem`, `site.pem`.
//!
//! What an answer means and what is to be done when is decided in [`core`], without clock or network.

mod belief;
mod call;
mod checkin;
mod config;
pub mod core;
mod directory;
mod entrance;
mod error;
mod fresh;
mod identity;
mod join;
mod run_error;
mod settings;

pub use self::belief::believing;
pub use self::config::IdentityConfig;
pub use self::entrance::{Applicant, Entrance};
pub use self::error::EnrolError;
pub use self::fresh::keep_fresh;
pub use self::identity::{Credentials, Identity};
pub use self::join::{ensure, load};
pub use self::run_error::RunError;
pub use self::settings::Settings;

/// The wall clock.
fn now() -> rollcall_model::UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    rollcall_model::UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
