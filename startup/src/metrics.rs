//! What a daemon shows of itself over plain HTTP: figures for Prometheus (`/metrics`), whether its loop lives (`/healthz`),
//! and whether it does its work (`/readyz`).
//!
//! Figures only: no names of nodes, nothing of the topology, nothing to change. Off unless an address is configured. The
//! zone controller serves the same on its API and takes from here the [`Page`] alone.

mod config;
mod desk;
mod http;
mod page;
mod process;
mod window;

pub use config::MetricsConfig;
pub use desk::{Desk, Question, Questions};
pub use http::MetricsError;
pub use page::{Format, Labels, Page};
pub use process::Process;
pub use window::{About, Figures, open};
