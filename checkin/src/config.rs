//! The check-in service's configuration: one TOML file, overlaid by `ROLLCALL_…` variables.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use rollcall_bus::RabbitSettings;
use rollcall_discovery::DiscoverySettings;
use rollcall_enrolment::IdentityConfig;
use rollcall_model::Name;
use rollcall_startup::metrics::MetricsConfig;
use rollcall_startup::traces::TracesConfig;
use serde::Deserialize;

/// All there is to configure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the service, unique in the site; its id follows from it.
    pub name: Name,
    /// Name of its zone.
    pub zone: Name,
    /// The addresses it is responsible for, e.g. `["10.1.0.0/16"]`.
    pub ranges: Vec<IpNet>,
    /// Its own address; empty means the first of this machine.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Where the group table and the epochs it gave are kept. Without it the service keeps nothing: after a restart it
    /// waits for its zone, and while the zone is away it serves nobody.
    #[serde(default)]
    pub state_dir: Option<PathBuf>,
    /// How this service proves who it is, and whom it believes.
    #[serde(default)]
    pub identity: Option<IdentityConfig>,
    /// How the broker is reached; host and vhost too where mDNS is off.
    #[serde(default)]
    pub broker: RabbitSettings,
    /// mDNS; where it is off, `broker.url` is the static seed.
    #[serde(default)]
    pub discovery: DiscoverySettings,
    /// Where figures are shown; nowhere unless it is said.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// Where traces go; nowhere unless it is said here or in the environment.
    #[serde(default)]
    pub traces: TracesConfig,
}

impl Config {
    /// Refuses what cannot work, before anything binds.
    ///
    /// # Errors
    /// A text that names the key, what is wrong and what would do.
    pub fn validate(&self) -> Result<(), String> {
        if self.ranges.is_empty() {
            return Err("ranges is empty: the service would refuse every node; e.g. [\"10.1.0.0/16\"]".into());
        }
        if let Some(range) = self.ranges.iter().find(|range| range.addr() != range.network()) {
            return Err(format!("ranges has {range}, whose host part is not zero; did you mean {}?", range.trunc()));
        }
        if self.state_dir.as_ref().is_some_and(|directory| directory.as_os_str().is_empty()) {
            return Err("state_dir is empty; name a directory of the service's own, or leave the key out".into());
        }
        self.metrics.validate()?;
        self.traces.validate()?;
        let identity = self.identity.as_ref();
        IdentityConfig::demand(identity, self.state_dir.as_deref(), self.discovery.mdns, &self.broker.url)?;
        self.broker.validate().map_err(|why| format!("broker: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../deploy/config/checkin.toml");

    #[test]
    fn the_example_can_be_used_as_it_is() {
        let config: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        // (in the example, instead, part of the message; nothing when it is fine)
        for (from, to, expected) in [
            ("# listen = \"127.0.0.1:7657\"", "listen = \"127.0.0.1:0\"", "metrics.listen is 127.0.0.1:0"),
            ("# listen = \"127.0.0.1:7657\"", "listen = \"[::]:7657\"", ""),
            ("ranges = [\"10.1.0.0/16\"]", "ranges = []", "ranges is empty"),
            ("ranges = [\"10.1.0.0/16\"]", "ranges = [\"10.1.2.0/16\"]", "did you mean 10.1.0.0/16?"),
            ("state_dir = \"/var/lib/rollcall/checkin\"", "state_dir = \"\"", "state_dir is empty"),
            ("state_dir = \"/var/lib/rollcall/checkin\"", "", "identity.directory"),
        ] {
            assert!(EXAMPLE.contains(from), "{from}");
            let config: Config = toml::from_str(&EXAMPLE.replace(from, to)).unwrap();
            match config.validate() {
                Ok(()) => assert_eq!(expected, "", "{to} was taken"),
                Err(message) => assert!(!expected.is_empty() && message.contains(expected), "{to}: {message}"),
            }
        }
    }
}
