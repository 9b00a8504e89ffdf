//! What every daemon of Rollcall does before and after its work: configuration, log, signals, the
//! service manager's protocol, its state directory, exit codes.
//!
//! Knows nothing of zones, nodes or brokers. A `main.rs` made of it reads like this:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! use rollcall_startup::{Failure, LogFormat, Pulse, ServiceManager, Shutdown, finish, init_logging, load};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     name: String,
//! }
//!
//! async fn daemon() -> Result<(), Failure> {
//!     init_logging(LogFormat::Text, "info")?;
//!     let config: Config = load(Some("/etc/rollcall/zone.toml".as_ref()), "ROLLCALL", &[])?;
//!     let shutdown = Shutdown::on_signals()?;
//!     let pulse = Pulse::default();
//!     let stands = Duration::from_secs(20);
//!     let _told = ServiceManager::from_environment().attend_pulse(pulse, stands, config.name, shutdown.clone());
//!     shutdown.requested().await;
//!     Ok(())
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> ExitCode {
//!     finish(daemon().await)
//! }
//! ```

mod clock;
mod config;
mod failure;
mod generations;
mod logging;
pub mod metrics;
mod nearest;
mod pulse;
mod service_manager;
mod shutdown;
mod state_dir;
pub mod traces;

pub use clock::Clock;
pub use config::{ConfigError, Environment, Place, RESERVED, load, load_with};
pub use failure::{Exit, Failure, finish};
pub use generations::GenerationFile;
pub use logging::{LogError, LogFormat, init_logging};
pub use nearest::nearest;
pub use pulse::{Proven, Pulse};
pub use service_manager::{ServiceManager, Watchdog};
pub use shutdown::{Shutdown, SignalError};
pub use state_dir::{StateError, StateLock, lock_state_dir, read_or_create_id, state_dir, write_durably};
