//! The agent's configuration: one TOML file, overlaid by `ROLLCALL_…` variables.

use std::net::IpAddr;

use rollcall_bus::RabbitSettings;
use rollcall_discovery::DiscoverySettings;
use rollcall_model::Name;
use serde::Deserialize;

use crate::probes::ProbeConfig;

/// All there is to configure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the zone to join.
    pub zone: Name,
    /// Host name to tell; empty means the machine's own.
    #[serde(default)]
    pub name: Option<Name>,
    /// Place of this node, e.g. `rack-a`; empty means its address decides.
    #[serde(default)]
    pub place: Option<Name>,
    /// Address to tell; empty means the first of this machine.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Name of the check-in service, needed only where mDNS is off.
    #[serde(default)]
    pub checkin: Option<Name>,
    /// Readings are taken this often, milliseconds; 200 to 60000.
    #[serde(default = "default_sample_period_ms")]
    pub sample_period_ms: u64,
    /// What the probes watch.
    #[serde(default)]
    pub probes: ProbeConfig,
    /// Stands for a machine that does not exist instead of this one: for demonstrations and tests, never in production.
    #[serde(default)]
    pub simulate: Option<SimulateConfig>,
    /// Credentials for the broker; host and vhost too where mDNS is off.
    #[serde(default)]
    pub broker: RabbitSettings,
    /// mDNS; where it is off, `broker.url` and `checkin` are the static seeds.
    #[serde(default)]
    pub discovery: DiscoverySettings,
}

/// Which machine that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateConfig {
    /// Seed of the fleet it belongs to; the same seed and index are the same machine.
    pub seed: u64,
    /// Its number in that fleet.
    pub index: u32,
    /// How likely a fault begins within a minute, 0 to 1.
    #[serde(default)]
    pub faults_per_minute: f64,
}

const fn default_sample_period_ms() -> u64 {
    5_000
}

impl Config {
    /// Refuses what cannot work, before anything binds.
    ///
    /// # Errors
    /// A text that names the key, what is wrong and what would do.
    pub fn validate(&self) -> Result<(), String> {
        if !(200..=60_000).contains(&self.sample_period_ms) {
            return Err(format!("sample_period_ms is {}; it must lie between 200 and 60000", self.sample_period_ms));
        }
        if let Some(mount) = self.probes.mounts.iter().find(|mount| !mount.is_absolute()) {
            return Err(format!("probes.mounts has {}, which is not an absolute path", mount.display()));
        }
        let deadline = self.probes.deadline_ms.0;
        if deadline < 50 || deadline * 2 > self.sample_period_ms.max(1_000) {
            return Err(format!(
                "probes.deadline_ms is {deadline}; it must be at least 50 and at most half of sample_period_ms ({})",
                self.sample_period_ms
            ));
        }
        if let Some(simulate) = self.simulate
            && !(0.0..=1.0).contains(&simulate.faults_per_minute)
        {
            let faults = simulate.faults_per_minute;
            return Err(format!("simulate.faults_per_minute is {faults}; it is a probability, 0 to 1"));
        }
        if !self.discovery.mdns && self.checkin.is_none() {
            return Err("discovery.mdns = false needs checkin, the name of the check-in service to ask".into());
        }
        self.broker.validate().map_err(|why| format!("broker: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../deploy/config/node-agent.toml");

    #[test]
    fn the_example_can_be_used_as_it_is() {
        let config: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        // (in the example, instead, part of the message; nothing when it is fine)
        for (from, to, expected) in [
            ("sample_period_ms = 5000", "sample_period_ms = 5", "sample_period_ms is 5"),
            ("mounts = [\"/\"]", "mounts = [\"data\"]", "not an absolute path"),
            ("mounts = [\"/\"]", "mounts = [\"/\"]\ndeadline_ms = 4000", "probes.deadline_ms is 4000"),
            ("mdns = true", "mdns = false", "needs checkin"),
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
