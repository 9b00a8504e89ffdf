//! The configuration files of a bench's daemons. Where they say nothing of times, the daemons have what they have in production.

use std::path::{Path, PathBuf};

use super::HUB;
use crate::faults::host::{CABLE, Host};
use crate::stage::{Api, Broker, Daemon, Site, Wish, node_name};

/// The zone.
pub const ZONE: &str = "zone-1";
const CHECKIN: &str = "checkin-1";
/// Seed of the simulated machines.
const SEED: u64 = 7;

/// Where a daemon keeps its own words.
pub fn state_of(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.state"))
}

/// What all files have in common.
pub struct Paper<'a> {
    pub directory: &'a Path,
    pub site: &'a Site,
    pub broker: &'a Broker,
    pub api: &'a Api,
}

impl Paper<'_> {
    fn edges(&self) -> String {
        let url = self.broker.url().replace("127.0.0.1", &HUB.to_string());
        format!("[broker]\nurl = {url:?}\n[discovery]\ninterfaces = [\"{CABLE}\"]\n")
    }

    fn of(&self, name: &str, program: &'static str, kind: &'static str, config: &str) -> Daemon {
        let (directory, bundle) = (self.directory.join(format!("{name}.identity")), self.site.bundle());
        let token = self.directory.join(format!("{name}.token"));
        let identity = format!("[identity]\nbundle = {bundle:?}\ndirectory = {directory:?}\ntoken_file = {token:?}\n");
        let wish = Wish {
            api: self.api.address(),
            identity: self.api.identity().to_owned(),
            kind,
            name: name.to_owned(),
            file: token,
        };
        Daemon::new(self.directory, name, program, &format!("{config}{}{identity}", self.edges())).with_token(wish)
    }

    pub fn zone(&self, database: &str) -> Daemon {
        let directory = self.directory.display();
        let write = |name: &str, text: &str| {
            rollcall_identity::files::write_secret(&self.directory.join(name), text).expect("it is written");
        };
        let management = self.broker.management();
        write("secret", "a secret of the fault bench, long enough");
        write("broker-password", &management.password);
        let config = format!(
            "name = \"{ZONE}\"\nsecret_file = \"{directory}/secret\"\nmachine_identifier = \"the bench's machine\"\n\
             database = {database:?}\naddresses = [\"{HUB}\"]\n[api]\nlisten = \"{}\"\n[admission]\ngroups = [\"rack-*\"]\n\
             [identity]\ndirectory = \"{directory}/trust\"\n[broker_admin]\nurl = {:?}\nuser = {:?}\n\
             password_file = \"{directory}/broker-password\"\n{}",
            self.api.address(),
            management.url,
            management.user,
            self.edges()
        );
        Daemon::new(self.directory, "zone", "rollcall-zone-controller", &config)
    }

    pub fn checkin(&self) -> Daemon {
        let config = format!(
            "name = \"{CHECKIN}\"\nzone = \"{ZONE}\"\nranges = [\"10.77.0.0/16\"]\naddress = \"{HUB}\"\nstate_dir = {:?}\n",
            state_of(self.directory, CHECKIN)
        );
        self.of(CHECKIN, "rollcall-checkin", "checkin", &config)
    }

    pub fn rack(&self, name: &str, host: &Host) -> Daemon {
        let (state, address) = (state_of(self.directory, name), host.address());
        let config =
            format!("name = {name:?}\nzones = [\"{ZONE}\"]\nstate_dir = {state:?}\naddresses = [\"{address}\"]\n");
        self.of(name, "rollcall-group-controller", "group", &config).through(host.enter())
    }

    pub fn agent(&self, index: usize, rack: &str, host: &Host) -> Daemon {
        let (name, address) = (node_name(index), host.address());
        let state = state_of(self.directory, &name);
        let config = format!(
            "zone = \"{ZONE}\"\nplace = {rack:?}\naddress = \"{address}\"\nstate_dir = {state:?}\n\
             [actions]\nidentify = true\n[simulate]\nseed = {SEED}\nindex = {index}\n"
        );
        self.of(&name, "rollcall-node-agent", "node", &config).through(host.enter())
    }
}
