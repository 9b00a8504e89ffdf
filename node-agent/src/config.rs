//! The agent's configuration: one TOML file, overlaid by `ROLLCALL_…` variables.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rollcall_bus::RabbitSettings;
use rollcall_discovery::DiscoverySettings;
use rollcall_enrolment::IdentityConfig;
use rollcall_model::Name;
use rollcall_startup::metrics::MetricsConfig;
use rollcall_startup::traces::TracesConfig;
use serde::Deserialize;

use crate::core::actions::Allowed;
use crate::place::PlaceFrom;
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
    /// What tells the place where `place` does not: `chassis`, the serial number of the case, or `lldp`, the name of the
    /// switch.
    #[serde(default)]
    pub place_from: Option<PlaceFrom>,
    /// Address to tell; empty means the first of this machine.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Name of the check-in service, needed only where mDNS is off.
    #[serde(default)]
    pub checkin: Option<Name>,
    /// Readings are taken this often, milliseconds; 200 to 60000.
    #[serde(default = "default_sample_period_ms")]
    pub sample_period_ms: u64,
    /// Where the latest epoch and the journal of actions are kept; empty means that a restart forgets them, and that
    /// no action can be switched on.
    #[serde(default)]
    pub state_dir: Option<PathBuf>,
    /// What the probes watch.
    #[serde(default)]
    pub probes: ProbeConfig,
    /// What may be done to this server; nothing unless switched on here, and by the zone's policy as well.
    #[serde(default)]
    pub actions: ActionsConfig,
    /// Stands for a machine that does not exist instead of this one: for demonstrations and tests, never in production.
    #[serde(default)]
    pub simulate: Option<SimulateConfig>,
    /// How this agent proves who it is, and whom it believes.
    #[serde(default)]
    pub identity: Option<IdentityConfig>,
    /// How the broker is reached; host and vhost too where mDNS is off.
    #[serde(default)]
    pub broker: RabbitSettings,
    /// mDNS; where it is off, `broker.url` and `checkin` are the static seeds.
    #[serde(default)]
    pub discovery: DiscoverySettings,
    /// Where figures are shown; nowhere unless it is said.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// Where traces go; nowhere unless it is said here or in the environment.
    #[serde(default)]
    pub traces: TracesConfig,
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

/// What may be done to this server (N7).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActionsConfig {
    /// The identify LED may blink.
    pub identify: bool,
    /// The command that makes this server take no new work, and its arguments; empty switches draining off. It runs
    /// without a shell, as the agent's user, with `PATH` and `LC_ALL` and nothing else in its environment.
    pub drain_command: Vec<String>,
    /// Services that may be restarted, by unit name, e.g. `nginx.service`.
    pub restart_services: Vec<String>,
    /// The server may be restarted.
    pub reboot: bool,
    /// The command that restarts it, and its arguments.
    pub reboot_command: Vec<String>,
}

impl Default for ActionsConfig {
    fn default() -> Self {
        Self {
            identify: false,
            drain_command: Vec::new(),
            restart_services: Vec::new(),
            reboot: false,
            reboot_command: ["/usr/bin/systemctl", "reboot"].map(str::to_owned).to_vec(),
        }
    }
}

impl ActionsConfig {
    /// What is switched on.
    #[must_use]
    pub fn allowed(&self) -> Allowed {
        Allowed {
            identify: self.identify,
            drain: !self.drain_command.is_empty(),
            services: self.restart_services.clone(),
            reboot: self.reboot,
        }
    }

    fn validate(&self) -> Result<(), String> {
        let absolute = |program: &String| Path::new(program).is_absolute();
        for (key, command) in [("drain_command", &self.drain_command), ("reboot_command", &self.reboot_command)] {
            if let Some(program) = command.first().filter(|program| !absolute(program)) {
                return Err(format!("actions.{key} begins with {program:?}; give the program's absolute path"));
            }
        }
        if self.reboot && self.reboot_command.is_empty() {
            return Err("actions.reboot is on, but actions.reboot_command is empty".into());
        }
        match self.restart_services.iter().find(|service| !is_service(service)) {
            Some(service) => Err(format!(
                "actions.restart_services has {service:?}, which is no unit name of a service such as \"nginx.service\""
            )),
            None => Ok(()),
        }
    }
}

/// Whether a text is the unit name of a service: letters, digits and `:-_.\@`, ending in `.service`.
fn is_service(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    text.len() <= 255
        && !text.starts_with('-')
        && text.strip_suffix(".service").is_some_and(|name| !name.is_empty() && name.chars().all(letters))
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
        if let (Some(place), Some(_)) = (&self.place, self.place_from) {
            return Err(format!("place is {place:?}, so place_from says nothing; take one of them out"));
        }
        self.actions.validate()?;
        if self.actions.allowed() != Allowed::default() && self.state_dir.is_none() && self.simulate.is_none() {
            return Err("actions switches something on, but there is no state_dir: the journal that keeps an action \
                        from being carried out twice needs one, e.g. /var/lib/rollcall/node-agent"
                .into());
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

    const EXAMPLE: &str = include_str!("../../deploy/config/node-agent.toml");

    #[test]
    fn the_example_can_be_used_as_it_is() {
        let config: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn nothing_is_done_to_a_server_unless_its_owner_says_so_and_gives_the_journal_a_place() {
        let config: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(config.actions.allowed(), Allowed::default());
        let homeless = EXAMPLE.replace("state_dir = ", "# ").replace("identify = false", "identify = true");
        let config: Config = toml::from_str(&homeless).unwrap();
        assert!(config.validate().unwrap_err().contains("there is no state_dir"));
        let unknown = EXAMPLE.replace("identify = false", "explode = true");
        assert!(toml::from_str::<Config>(&unknown).unwrap_err().to_string().contains("explode"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        // (in the example, instead, part of the message; nothing when it is fine)
        for (from, to, expected) in [
            ("# listen = \"127.0.0.1:7658\"", "listen = \"127.0.0.1:0\"", "metrics.listen is 127.0.0.1:0"),
            ("# listen = \"127.0.0.1:7658\"", "listen = \"[::]:7658\"", ""),
            ("sample_period_ms = 5000", "sample_period_ms = 5", "sample_period_ms is 5"),
            ("mounts = [\"/\"]", "mounts = [\"data\"]", "not an absolute path"),
            ("mounts = [\"/\"]", "mounts = [\"/\"]\ndeadline_ms = 4000", "probes.deadline_ms is 4000"),
            ("mdns = true", "mdns = false", "needs checkin"),
            ("# place = \"rack-a\"", "place = \"rack-a\"\nplace_from = \"lldp\"", "take one of them out"),
            ("# place_from = \"chassis\"", "place_from = \"chassis\"", ""),
            ("identify = false", "identify = true", ""),
            (
                "drain_command = []",
                "drain_command = [\"drain\", \"now\"]",
                "actions.drain_command begins with \"drain\"",
            ),
            ("reboot = false", "reboot = true\nreboot_command = []", "actions.reboot_command is empty"),
            ("restart_services = []", "restart_services = [\"nginx.service\", \"a@1.service\"]", ""),
            ("restart_services = []", "restart_services = [\"nginx\"]", "actions.restart_services has \"nginx\""),
            ("restart_services = []", "restart_services = [\"--all.service\"]", "actions.restart_services has"),
            ("state_dir = \"/var/lib/rollcall/node-agent\"", "", "identity.directory"),
            ("bundle = \"/etc/rollcall/site.pem\"", "bundle = \"/etc/rollcall/site.pem\"\napi = \"zone\"", "host:port"),
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
