//! The group controller's configuration: one TOML file, overlaid by `ROLLCALL_…` variables.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use ipnet::IpNet;
use rollcall_bus::RabbitSettings;
use rollcall_discovery::DiscoverySettings;
use rollcall_enrolment::IdentityConfig;
use rollcall_model::{GroupId, Name};
use rollcall_startup::metrics::MetricsConfig;
use rollcall_startup::traces::TracesConfig;
use serde::Deserialize;

/// All there is to configure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the group, e.g. `rack-a`; the zone admits by it.
    pub name: Name,
    /// The place this controller manages; nodes that name it belong here. Empty means the name.
    #[serde(default)]
    pub place: Option<Name>,
    /// Nodes that name no place belong here when their address lies in one of these.
    #[serde(default)]
    pub ranges: Vec<IpNet>,
    /// Names of the zones to join; several at once are fine.
    pub zones: Vec<Name>,
    /// Where the group id is kept.
    pub state_dir: PathBuf,
    /// How the group id is made.
    #[serde(default)]
    pub group_id: GroupIdSource,
    /// Addresses told in the ACK; empty means those of this machine.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// How this controller proves who it is, and whom it believes.
    #[serde(default)]
    pub identity: Option<IdentityConfig>,
    /// How the brokers are reached; host and vhost too where mDNS is off.
    #[serde(default)]
    pub broker: RabbitSettings,
    /// mDNS; where it is off, `broker.url` is the only zone's static seed.
    #[serde(default)]
    pub discovery: DiscoverySettings,
    /// Where figures are shown; nowhere unless it is said.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// Where traces go; nowhere unless it is said here or in the environment.
    #[serde(default)]
    pub traces: TracesConfig,
    /// Check-in services the zone has run at this place.
    #[serde(default)]
    pub checkin: CheckinSettings,
}

/// How check-in services are run (Z7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckinSettings {
    /// The program `rollcall-checkin`; empty means the one beside this program.
    pub program: Option<PathBuf>,
}

/// How the group id is made (G1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupIdSource {
    /// Drawn once and kept.
    #[default]
    Random,
    /// From the first 24 bits of the first IPv4 address; then kept.
    Ipv4Prefix,
}

impl Config {
    /// The place.
    #[must_use]
    pub fn place(&self) -> Name {
        self.place.clone().unwrap_or_else(|| self.name.clone())
    }

    /// Makes a group id; called once in the life of a state directory.
    #[must_use]
    pub fn make_group_id(&self, addresses: &[IpAddr], random: [u8; 16]) -> GroupId {
        let first: Option<Ipv4Addr> = addresses.iter().find_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        match (self.group_id, first) {
            (GroupIdSource::Ipv4Prefix, Some(address)) => GroupId::from_ipv4_prefix(address),
            _ => GroupId::random_from(random),
        }
    }

    /// Refuses what cannot work, before anything binds.
    ///
    /// # Errors
    /// A text that names the key, what is wrong and what would do.
    pub fn validate(&self) -> Result<(), String> {
        let mut zones = self.zones.clone();
        zones.sort();
        if zones.is_empty() {
            return Err("zones is empty: name at least one zone to join, e.g. [\"demo\"]".into());
        }
        if let Some(pair) = zones.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("zones has {:?} twice", pair[0]));
        }
        if !self.discovery.mdns && self.zones.len() > 1 {
            return Err(format!(
                "zones names {} zones, but discovery.mdns = false leaves one way to find them, broker.url: \
                 switch mDNS on, or run one group controller per zone",
                self.zones.len()
            ));
        }
        let ipv4 = self.addresses.iter().any(IpAddr::is_ipv4);
        if self.group_id == GroupIdSource::Ipv4Prefix && !self.addresses.is_empty() && !ipv4 {
            return Err("group_id = \"ipv4_prefix\" needs an IPv4 address in addresses".into());
        }
        if let Some(program) = self.checkin.program.as_ref().filter(|program| !program.is_absolute()) {
            let program = program.display();
            return Err(format!("checkin.program is {program}: give the whole path, e.g. /usr/bin/rollcall-checkin"));
        }
        self.metrics.validate()?;
        self.traces.validate()?;
        let identity = self.identity.as_ref();
        IdentityConfig::demand(identity, Some(&self.state_dir), self.discovery.mdns, &self.broker.url)?;
        self.broker.validate().map_err(|why| format!("broker: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../deploy/config/group-controller.toml");

    #[test]
    fn the_example_can_be_used_as_it_is() {
        let config: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        // (in the example, instead, part of the message; nothing when it is fine)
        for (from, to, expected) in [
            ("# listen = \"127.0.0.1:7656\"", "listen = \"127.0.0.1:0\"", "metrics.listen is 127.0.0.1:0"),
            ("# listen = \"127.0.0.1:7656\"", "listen = \"[::]:7656\"", ""),
            ("zones = [\"hall-1\"]", "zones = []", "zones is empty"),
            ("zones = [\"hall-1\"]", "zones = [\"a\", \"a\"]", "twice"),
            ("mdns = true", "mdns = false", "identity.api"),
            ("amqps://", "amqp://", "amqps://host:port/vhost"),
            ("# program = \"/usr/bin/rollcall-checkin\"", "program = \"/opt/rollcall-checkin\"", ""),
            ("# program = \"/usr/bin/rollcall-checkin\"", "program = \"rollcall-checkin\"", "give the whole path"),
            ("zones = [\"hall-1\"]", "zones = [\"a\", \"b\"]\naddresses = [\"fd00::1\"]", ""),
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
