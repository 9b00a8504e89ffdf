//! The table `[metrics]` of a daemon's configuration.

use std::net::SocketAddr;

use serde::Deserialize;

/// Where a daemon shows its figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Address and port of `/metrics`, `/healthz` and `/readyz`, e.g. `127.0.0.1:7656`; empty switches them off. Plain
    /// HTTP: on another address than loopback whoever reaches it may read the figures.
    pub listen: Option<SocketAddr>,
}

impl MetricsConfig {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// What is wrong and what would do, for people.
    pub fn validate(&self) -> Result<(), String> {
        match self.listen {
            Some(listen) if listen.port() == 0 => {
                Err(format!("metrics.listen is {listen}; give it a port that Prometheus can be told, e.g. 7656"))
            }
            _ => Ok(()),
        }
    }
}
