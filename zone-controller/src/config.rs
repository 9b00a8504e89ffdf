//! The zone controller's configuration: one TOML file, overlaid by `ROLLCALL_…` variables.

mod api;

use std::net::IpAddr;
use std::path::PathBuf;

use rollcall_bus::RabbitSettings;
use rollcall_discovery::DiscoverySettings;
use rollcall_model::capability::Attribute;
use rollcall_model::name::NameError;
use rollcall_model::{Capability, Millis, Name, Purpose};
use rollcall_startup::traces::TracesConfig;
use rollcall_store::Retention;
use serde::Deserialize;

pub use self::api::ApiConfig;
use crate::core::CheckinPlace;

/// All there is to configure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the zone.
    pub name: Name,
    /// File with the administrator's secret; with the machine's identifier it makes the zone id.
    pub secret_file: PathBuf,
    /// Stands in for the machine's product identifier, where there is none (containers).
    #[serde(default)]
    pub machine_identifier: Option<String>,
    /// Where the topology is kept: `sqlite:/var/lib/rollcall/zone.db`, or
    /// `postgres://rollcall:password@db.example.org/rollcall?sslrootcert=/etc/rollcall/db-root.crt`.
    pub database: String,
    /// Addresses announced in the hello; empty means those of this machine.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Pace of keep-alives in the zone, milliseconds; 200 to 60000.
    #[serde(default = "default_keep_alive_ms")]
    pub keep_alive_ms: u64,
    /// The broker.
    #[serde(default)]
    pub broker: RabbitSettings,
    /// How the broker's users are made; belongs to `identity`.
    #[serde(default)]
    pub broker_admin: Option<BrokerAdminConfig>,
    /// mDNS.
    #[serde(default)]
    pub discovery: DiscoverySettings,
    /// Keys and certificates. Without them nothing is encrypted and nobody is known.
    #[serde(default)]
    pub identity: Option<IdentityConfig>,
    /// The REST API.
    #[serde(default)]
    pub api: ApiConfig,
    /// Who may join as a group.
    pub admission: AdmissionConfig,
    /// Channels beyond alerts, policies and analytics.
    #[serde(default)]
    pub channels: ChannelsConfig,
    /// Logical groups.
    #[serde(default)]
    pub logical_groups: LogicalGroupsConfig,
    /// Check-in services the zone has run.
    #[serde(default)]
    pub checkin: CheckinConfig,
    /// What this zone controller is called, where several stand by for one zone.
    #[serde(default)]
    pub replica: ReplicaConfig,
    /// How long history is kept.
    #[serde(default)]
    pub retention: Retention,
    /// Where traces go; nowhere unless it is said here or in the environment.
    #[serde(default)]
    pub traces: TracesConfig,
}

/// Keys and certificates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// The zone directory that `rollcall ca init` made.
    pub directory: PathBuf,
}

/// A zone controller among several of one zone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplicaConfig {
    /// Its name, which no other zone controller of the zone has; that of this machine where it is not said.
    pub name: Option<Name>,
}

impl ReplicaConfig {
    /// Its name.
    ///
    /// # Errors
    /// When it has none, and what this machine is called cannot stand for it.
    pub fn name(&self) -> Result<Name, NameError> {
        let host = || Name::new(rustix::system::uname().nodename().to_string_lossy());
        self.name.clone().map_or_else(host, Ok)
    }
}

/// How the broker's users are made: through RabbitMQ's management API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerAdminConfig {
    /// Where it is, e.g. `https://10.1.0.10:15671`; its certificate has to lead to the site's root.
    pub url: String,
    /// A user of RabbitMQ with the tag `administrator`.
    pub user: String,
    /// File with its password.
    pub password_file: PathBuf,
}

/// Who may join as a group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionConfig {
    /// Names of group controllers; a trailing `*` stands for any rest.
    pub groups: Vec<String>,
}

/// Channels beyond the standard three.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelsConfig {
    /// e.g. `["security", "power"]`.
    pub extra: Vec<Purpose>,
}

/// Logical groups.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogicalGroupsConfig {
    /// Whether a combination of hardware nobody foresaw makes a new group; otherwise its nodes are refused. A policy's
    /// `checkin.unknown_combinations` wins over it.
    pub create_unknown: bool,
    /// Characteristics that matter beyond CPU, memory and NIC.
    pub attributes: Vec<Attribute>,
    /// Groups made in advance.
    pub known: Vec<KnownGroup>,
}

impl Default for LogicalGroupsConfig {
    fn default() -> Self {
        Self { create_unknown: true, attributes: Vec::new(), known: Vec::new() }
    }
}

/// A group made in advance.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownGroup {
    /// The combination.
    pub capability: Capability,
    /// Its name.
    pub name: Name,
}

/// Check-in services the zone has run (Z7).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckinConfig {
    /// Where.
    pub places: Vec<PlaceConfig>,
}

/// A check-in service at a place.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceConfig {
    /// The place; the group controller that manages it starts the service.
    pub place: Name,
    /// Name of the service.
    pub name: Name,
    /// The addresses it is responsible for, e.g. `["10.1.0.0/16"]`.
    pub ranges: Vec<ipnet::IpNet>,
}

impl PlaceConfig {
    /// As the core knows it.
    #[must_use]
    pub fn place(&self) -> CheckinPlace {
        CheckinPlace { place: self.place.clone(), name: self.name.clone(), ranges: self.ranges.clone() }
    }
}

const fn default_keep_alive_ms() -> u64 {
    1_000
}

impl Config {
    /// Refuses what cannot work, before anything binds.
    ///
    /// # Errors
    /// A text that names the key, what is wrong and what would do.
    pub fn validate(&self) -> Result<(), String> {
        self.traces.validate()?;
        if !(200..=60_000).contains(&self.keep_alive_ms) {
            return Err(format!("keep_alive_ms is {}; it must lie between 200 and 60000", self.keep_alive_ms));
        }
        if self.admission.groups.is_empty() {
            return Err("admission.groups is empty: no group could ever join; name them, e.g. [\"rack-*\"]".into());
        }
        if let Some(bad) =
            self.admission.groups.iter().find(|p| Name::new(p.trim_end_matches('*')).is_err() && *p != "*")
        {
            return Err(format!(
                "admission.groups has {bad:?}, which no group can be named; expected rack-a or rack-*"
            ));
        }
        let mut seen = self.purposes();
        seen.sort();
        if let Some(pair) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("channels.extra has {:?} twice, or repeats a standard channel", pair[0].as_str()));
        }
        if let Some(bad) = self.channels.extra.iter().find(|purpose| matches!(purpose.as_str(), "joins" | "parked")) {
            return Err(format!("channels.extra has {:?}, which Rollcall uses itself", bad.as_str()));
        }
        self.checkin.validate()?;
        self.api.validate()?;
        self.retention.validate()?;
        self.validate_identity()?;
        self.broker.validate().map_err(|why| format!("broker: {why}"))
    }

    /// Certificates need a broker that takes them, and somebody who makes its users.
    fn validate_identity(&self) -> Result<(), String> {
        let is_secure = self.broker.url.starts_with("amqps://");
        match (&self.identity, &self.broker_admin) {
            (None, _) => {
                Err("identity.directory is missing: `rollcall ca init` makes the zone's authorities and announcer, \
                              without which nobody could join"
                    .into())
            }
            (Some(_), _) if !is_secure => {
                Err("broker.url cannot be used: it has to look like amqps://host:port/vhost; the \
                                               zone logs in there by its certificate"
                    .into())
            }
            (Some(_), None) => Err("broker_admin is missing: it says how users are made at the broker: url, user, \
                                    password_file"
                .into()),
            (Some(_), Some(admin)) if !admin.url.starts_with("https://") => {
                Err(format!("broker_admin.url is {:?}; it has to look like https://host:15671", admin.url))
            }
            (Some(_), Some(_)) => Ok(()),
        }
    }

    /// Every channel: the standard three and the configured ones.
    #[must_use]
    pub fn purposes(&self) -> Vec<Purpose> {
        Purpose::standard().into_iter().chain(self.channels.extra.iter().cloned()).collect()
    }

    /// The pace of keep-alives.
    #[must_use]
    pub const fn keep_alive(&self) -> Millis {
        Millis(self.keep_alive_ms)
    }
}

impl CheckinConfig {
    fn validate(&self) -> Result<(), String> {
        for (at, here) in self.places.iter().enumerate() {
            let key = format!("checkin.places[{at}] ({})", here.name);
            if here.ranges.is_empty() {
                return Err(format!("{key} has no ranges: it would be responsible for nobody; e.g. [\"10.1.0.0/16\"]"));
            }
            for other in &self.places[..at] {
                if other.name == here.name {
                    return Err(format!("{key} has the name of an earlier one; each service needs a name of its own"));
                }
                let overlap = here.ranges.iter().find_map(|range| {
                    let other = other.ranges.iter().find(|other| other.contains(range) || range.contains(*other))?;
                    Some((range, other))
                });
                if let Some((range, taken)) = overlap {
                    return Err(format!(
                        "{key} has {range}, which overlaps {taken} of {}: who is to answer?",
                        other.name
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../deploy/config/zone-controller.toml");

    const CHECKIN_B: &str = "name = \"checkin-rack-b\"";
    const RANGE_B: &str = "ranges = [\"10.1.2.0/24\"]";

    #[test]
    fn the_example_can_be_used_as_it_is() {
        let config: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        // (in the example, instead, part of the message; nothing when it is fine)
        for (from, to, expected) in [
            ("keep_alive_ms = 1000", "keep_alive_ms = 50", "keep_alive_ms is 50"),
            ("groups = [\"rack-*\"]", "groups = []", "admission.groups is empty"),
            ("groups = [\"rack-*\"]", "groups = [\"ra ck\"]", "\"ra ck\""),
            ("extra = [\"security\", \"power\"]", "extra = [\"alerts\"]", "repeats a standard channel"),
            ("extra = [\"security\", \"power\"]", "extra = [\"joins\"]", "uses itself"),
            (CHECKIN_B, "name = \"checkin-rack-a\"", "has the name of an earlier one"),
            (RANGE_B, "ranges = [\"10.1.1.0/28\"]", "10.1.1.0/28, which overlaps 10.1.1.0/24 of checkin-rack-a"),
            (RANGE_B, "ranges = [\"10.0.0.0/8\"]", "overlaps"),
            (RANGE_B, "ranges = []", "checkin.places[1] (checkin-rack-b) has no ranges"),
            ("public_names = []", "public_names = [\"a b\"]", "api.announce has \"a b\""),
            ("# announce = ", "announce = \"zone\" #", "api.announce is \"zone\""),
            ("# announce = ", "announce = \"z n:7655\" #", "api.announce has \"z n\""),
            ("max_connections = 1024", "max_connections = 4", "api.max_connections is 4"),
            ("_per_origin = 256", "_per_origin = 2000", "max_connections_per_origin is 2000; 1 to 1024"),
            ("max_streams = 512", "max_streams = 2000", "api.max_streams is 2000; 1 to 1024"),
            ("per_caller = 128", "per_caller = 600", "api.max_streams_per_caller is 600; 1 to 512"),
            ("analytics_days = 14", "analytics_days = 99999", "retention.analytics_days is 99999"),
            ("open_per_second = 50", "open_per_second = 0", "api.open_per_second is 0"),
            ("[identity]\ndirectory = \"/etc/rollcall/zone\"", "", "identity.directory is missing"),
            ("amqps://10.1.0.10:5671", "amqp://me:pw@10.1.0.10:5672", "amqps://host:port/vhost"),
            ("url = \"https://10.1.0.10:15671\"", "url = \"http://10.1.0.10:15672\"", "https://host:15671"),
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
