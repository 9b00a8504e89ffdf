//! The configuration files of a stage's daemons.

use std::path::PathBuf;

use super::{Api, Daemon, Namespace, Stage, Wish, ZONE, node_name};

/// The check-in service of a stage.
pub const CHECKIN: &str = "checkin-1";
/// Seed of the simulated machines.
pub(super) const SEED: u64 = 7;

impl Stage {
    /// How to reach the broker, quickly again after it was lost; and mDNS on loopback, on a port of its own.
    fn edges(&self) -> String {
        let Self { daemons_url, mdns_port, heartbeat_s, .. } = self;
        format!(
            "[broker]\nurl = {daemons_url:?}\nheartbeat_s = {heartbeat_s}\nreconnect_min_ms = 50\nreconnect_max_ms = 1000\n\
             [discovery]\ninterfaces = [\"lo\"]\nport = {mdns_port}\n"
        )
    }

    /// How a daemon proves who it is: under this name on the stage.
    fn identity(&self, name: &str) -> String {
        let (directory, bundle) = (self.identity_of(name), self.site().bundle());
        format!("[identity]\nbundle = {bundle:?}\ndirectory = {directory:?}\ntoken_file = {:?}\n", self.token_of(name))
    }

    /// Where a daemon keeps its key and certificate.
    #[must_use]
    pub fn identity_of(&self, name: &str) -> PathBuf {
        self.directory().join(format!("{name}.identity"))
    }

    fn token_of(&self, name: &str) -> PathBuf {
        self.directory().join(format!("{name}.token"))
    }

    /// Gives a node another token, as an administrator who lets it in again.
    pub fn let_in_again(&self, node: &str) {
        self.wish("node", node, node).fulfil();
    }

    /// A token for a daemon called `name` on the stage and `joins_as` by the zone.
    fn wish(&self, kind: &'static str, name: &str, joins_as: &str) -> Wish {
        let api = self.api();
        let (address, identity) = (api.address(), api.identity().to_owned());
        Wish { api: address, identity, kind, name: joins_as.to_owned(), file: self.token_of(name) }
    }

    /// A token for a daemon, asked of this API.
    #[must_use]
    pub fn wish_of(&self, api: &Api, kind: &'static str, name: &str) -> Wish {
        Wish { api: api.address(), ..self.wish(kind, name, name) }
    }

    /// The zone controller.
    #[must_use]
    pub fn zone(&self) -> Daemon {
        Daemon::new(self.directory(), "zone", "rollcall-zone-controller", &self.zone_config(ZONE))
    }

    /// Text of the zone controller's configuration.
    #[must_use]
    pub fn zone_config(&self, name: &str) -> String {
        let directory = self.directory().display();
        format!(
            "name = {name:?}\nsecret_file = \"{directory}/secret\"\nmachine_identifier = \"the stage's machine\"\n\
             database = \"sqlite:{directory}/zone.db\"\naddresses = [\"127.0.0.1\"]\n\
             [api]\nlisten = \"{}\"\n[admission]\ngroups = [\"rack-*\"]\n[identity]\ndirectory = {:?}\n\
             [broker_admin]\nurl = {:?}\nuser = {:?}\npassword_file = \"{directory}/broker-password\"\n{}",
            self.api().address(),
            self.trust(),
            self.management.url,
            self.management.user,
            self.edges()
        )
    }

    /// The check-in service, responsible for 127.0.0.0/8 and 10.0.0.0/8.
    #[must_use]
    pub fn checkin(&self) -> Daemon {
        let config = format!(
            "name = \"{CHECKIN}\"\nzone = \"{ZONE}\"\nranges = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\naddress = \"127.0.0.1\"\n\
             state_dir = \"{}/checkin\"\n{}{}",
            self.directory().display(),
            self.edges(),
            self.identity("checkin")
        );
        let wish = self.wish("checkin", "checkin", CHECKIN);
        Daemon::new(self.directory(), "checkin", "rollcall-checkin", &config).with_token(wish)
    }

    /// A group controller.
    #[must_use]
    pub fn rack(&self, name: &str) -> Daemon {
        let wish = self.wish("group", name, name);
        self.rack_called(name, name).with_token(wish)
    }

    /// A second controller of a rack that has its certificate: with a copy of its state and of its identity.
    ///
    /// # Panics
    /// When they cannot be copied.
    #[must_use]
    pub fn second_rack(&self, name: &str) -> Daemon {
        let other = format!("{name}-second");
        for (from, to) in [
            (self.directory().join(name), self.directory().join(&other)),
            (self.identity_of(name), self.identity_of(&other)),
        ] {
            let copied = std::process::Command::new("cp").arg("-a").arg(&from).arg(&to).status();
            assert!(copied.is_ok_and(|status| status.success()), "{} is copied", from.display());
        }
        self.rack_called(name, &other)
    }

    fn rack_called(&self, name: &str, on_stage: &str) -> Daemon {
        let directory = self.directory().display();
        let config = format!(
            "name = {name:?}\nzones = [\"{ZONE}\"]\nstate_dir = \"{directory}/{on_stage}\"\naddresses = [\"127.0.0.1\"]\n{}{}",
            self.edges(),
            self.identity(on_stage)
        );
        Daemon::new(self.directory(), on_stage, "rollcall-group-controller", &config)
    }

    /// The agent of a simulated machine without faults.
    #[must_use]
    pub fn agent(&self, index: usize, place: &str) -> Daemon {
        self.agent_at(index, place, &format!("10.0.0.{}", index + 1), &node_name(index))
    }

    /// The same at another address, and under another name on the stage.
    #[must_use]
    pub fn agent_at(&self, index: usize, place: &str, address: &str, name: &str) -> Daemon {
        let config = format!("{}{}{}", body(index, place, address), self.edges(), self.identity(name));
        let wish = self.wish("node", name, &node_name(index));
        Daemon::new(self.directory(), name, "rollcall-node-agent", &config).with_token(wish)
    }

    /// The agent of this very machine, with more of a configuration: top-level keys first, then tables.
    #[must_use]
    pub fn real_agent(&self, place: &str, keys: &str, tables: &str) -> Daemon {
        let directory = self.directory().display();
        let config = format!(
            "zone = \"{ZONE}\"\nname = \"real\"\nplace = {place:?}\naddress = \"10.0.9.9\"\nsample_period_ms = 1000\n\
             state_dir = \"{directory}/real\"\n{keys}\n{}{}{tables}\n",
            self.edges(),
            self.identity("real")
        );
        let wish = self.wish("node", "real", "real");
        Daemon::new(self.directory(), "real", "rollcall-node-agent", &config).with_token(wish)
    }

    /// An agent that is told by its configuration whom to ask, since it hears no mDNS.
    #[must_use]
    pub fn agent_without_mdns(&self, index: usize, place: &str, address: &str) -> Daemon {
        self.seeded(self.url(), index, place, address)
    }

    /// An agent in a network namespace: there is no multicast.
    #[must_use]
    pub fn agent_inside(&self, namespace: &Namespace, index: usize, place: &str) -> Daemon {
        let url = namespace.url_inside(self.url());
        self.seeded(&url, index, place, &format!("10.0.0.{}", index + 1)).inside(namespace.name())
    }

    fn seeded(&self, url: &str, index: usize, place: &str, address: &str) -> Daemon {
        let (heartbeat_s, name) = (self.heartbeat_s, node_name(index));
        let config = format!(
            "checkin = \"{CHECKIN}\"\n{}[broker]\nurl = {url:?}\nheartbeat_s = {heartbeat_s}\nreconnect_min_ms = 50\n\
             reconnect_max_ms = 1000\n[discovery]\nmdns = false\n{}api = \"{}\"\n",
            body(index, place, address),
            self.identity(&name),
            self.api().address()
        );
        let wish = self.wish("node", &name, &name);
        Daemon::new(self.directory(), &name, "rollcall-node-agent", &config).with_token(wish)
    }
}

fn body(index: usize, place: &str, address: &str) -> String {
    format!(
        "zone = \"{ZONE}\"\nplace = {place:?}\naddress = {address:?}\nsample_period_ms = 1000\n\
         [simulate]\nseed = {SEED}\nindex = {index}\n"
    )
}
