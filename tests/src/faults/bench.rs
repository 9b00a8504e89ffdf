//! A zone on emulated cables: broker, database, zone controller and check-in service on the hub; each group controller and
//! each agent on a host of its own.

mod writing;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::ear::wall;
use super::emulator::Emulator;
use super::fabric::Cable;
use super::holdings::{Held, Holdings};
use super::host::{CABLE, Host, PREFIX, run};
use super::schedule::{Size, Target};
use crate::stage::{Api, Broker, Daemon, Postgres, Site, Tmpfs, WallClock, free_tcp_port, rack_name, until};

/// The hub's address.
pub const HUB: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The emulator's port of the hub.
const HUB_PORT: usize = 0;
/// The longest that a fleet may take to be in, or back: reconnecting pauses for up to 15 s.
pub const SETTLES: Duration = Duration::from_secs(90);

/// Room on the disk of a group controller or an agent.
const DISK_MIB: u32 = 8;

/// A daemon and the host it runs on.
pub struct Member {
    /// The daemon. Dropped, and so ended, before its host.
    pub daemon: Daemon,
    /// Its host.
    pub host: Host,
    /// The wall clock it sees.
    pub clock: WallClock,
    /// What it keeps its own words on.
    pub disk: Tmpfs,
}

impl Member {
    /// Starts a daemon on a host, with a clock and a disk of its own.
    fn started(daemon: Daemon, host: Host, directory: &Path) -> Self {
        let clock = WallClock::of(directory, daemon.name());
        let disk = Tmpfs::mounted(&writing::state_of(directory, daemon.name()), DISK_MIB);
        Self { daemon: clock.shown_to(daemon).started(), host, clock, disk }
    }
}

/// A running zone.
pub struct Bench {
    /// The zone controller.
    pub zone: Daemon,
    /// The check-in service.
    pub checkin: Daemon,
    /// The group controllers.
    pub racks: Vec<Member>,
    /// The agents, those of the first rack first.
    pub agents: Vec<Member>,
    /// RabbitMQ.
    pub broker: Broker,
    /// PostgreSQL.
    pub database: Postgres,
    size: Size,
    api: Api,
    emulator: Emulator,
    site: Arc<Site>,
    directory: TempDir,
}

impl Bench {
    /// A zone that is up, with everybody in. The faults of its cables are drawn from the seed.
    ///
    /// # Panics
    /// When it does not come up; it wants root.
    pub async fn new(seed: u64, size: Size) -> Self {
        let directory = tempfile::Builder::new().prefix("rollcall-faults-").tempdir().expect("a temporary directory");
        let emulator =
            Emulator::start(seed, 1 + size.racks * (1 + size.agents)).await.expect("the link emulator starts");
        run(&format!("ip link set {} name {CABLE}", emulator.device(HUB_PORT)));
        run(&format!("ip address add {HUB}/{PREFIX} dev {CABLE}"));
        run(&format!("ip link set {CABLE} up"));
        let site = Arc::new(Site::new());
        let broker = Broker::start_at(Arc::clone(&site), Some(IpAddr::V4(HUB))).await;
        let database = Postgres::start();
        let trust = directory.path().join("trust");
        site.make_zone(writing::ZONE, &trust);
        let api = Api::at(SocketAddr::from((HUB, free_tcp_port())), trust.join("administrator"));
        let paper = writing::Paper { directory: directory.path(), site: &site, broker: &broker, api: &api };
        let zone = paper.zone(&database.url()).started();
        // A token is waited for less long than a broker on a busy machine may take to be used for the first time.
        until("the zone to be ready", SETTLES, async || (api.get("/readyz").await.ok()?.0 == 200).then_some(())).await;
        let checkin = paper.checkin().started();
        let (mut racks, mut agents, mut port) = (Vec::new(), Vec::new(), HUB_PORT);
        for rack in 0..size.racks {
            let host = async |name: &str, port, last: usize| {
                let (third, fourth) =
                    (u8::try_from(rack + 1).expect("few racks"), u8::try_from(last).expect("few agents"));
                Host::new(name, directory.path(), &emulator, port, Ipv4Addr::new(10, 77, third, fourth)).await
            };
            port += 1;
            let name = rack_name(rack);
            let on = host(&name, port, 1).await;
            racks.push(Member::started(paper.rack(&name, &on), on, directory.path()));
            for number in 0..size.agents {
                port += 1;
                let index = rack * size.agents + number;
                let on = host(&crate::stage::node_name(index), port, 10 + number).await;
                agents.push(Member::started(paper.agent(index, &name, &on), on, directory.path()));
            }
        }
        let bench = Self { zone, checkin, racks, agents, broker, database, size, api, emulator, site, directory };
        bench.all_in().await;
        bench
    }

    /// How large it is.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The zone's API.
    #[must_use]
    pub const fn api(&self) -> &Api {
        &self.api
    }

    /// The site it stands under.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Where everything lies.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The cables.
    #[must_use]
    pub const fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// From now on the cable of the hub, and with it everybody's way to everything, does this.
    pub async fn impair_hub(&self, cable: Cable) {
        self.emulator.set(HUB_PORT, cable).await;
    }

    /// From now on a host's cable does this.
    pub async fn impair(&self, host: &Host, cable: Cable) {
        self.emulator.set(host.port(), cable).await;
    }

    /// Group controllers and agents.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.racks.iter().chain(&self.agents)
    }

    /// The rack of each node.
    #[must_use]
    pub fn rack_of(&self) -> BTreeMap<String, String> {
        let pair =
            |(index, member): (usize, &Member)| (member.daemon.name().to_owned(), rack_name(index / self.size.agents));
        self.agents.iter().enumerate().map(pair).collect()
    }

    /// The daemon that a schedule means.
    pub fn daemon(&mut self, target: Target) -> Option<&mut Daemon> {
        match target {
            Target::Zone => Some(&mut self.zone),
            Target::Checkin => Some(&mut self.checkin),
            Target::Rack(index) => self.racks.get_mut(index).map(|member| &mut member.daemon),
            Target::Agent(index) => self.agents.get_mut(index).map(|member| &mut member.daemon),
            Target::Broker | Target::Database => None,
        }
    }

    /// Who has a cable, a clock and a disk of its own.
    #[must_use]
    pub fn member(&self, target: Target) -> Option<&Member> {
        match target {
            Target::Rack(index) => self.racks.get(index),
            Target::Agent(index) => self.agents.get(index),
            Target::Zone | Target::Checkin | Target::Broker | Target::Database => None,
        }
    }

    /// Has the zone sign the action `identify` off, and waits until every node knows.
    ///
    /// # Panics
    /// When the zone refuses.
    pub async fn allow_actions(&self) {
        let (code, answer) = self.api.set_policy("[actions]\nallowed = [\"identify\"]\n").await;
        assert!(code == 200 || code == 422, "{code} {answer}");
        const OBEYS: &str = "SELECT COUNT(*) FROM v_nodes WHERE policy_version > 0";
        let wanted = i64::try_from(self.agents.len()).unwrap_or(i64::MAX);
        until("every node to obey the policy", SETTLES, async || {
            (self.api.number(OBEYS).await.ok()? == wanted).then_some(())
        })
        .await;
    }

    /// Waits until every node is heard, each in its physical and its logical group.
    pub async fn all_in(&self) {
        const IN: &str = "SELECT COUNT(*) FROM v_nodes WHERE state IN ('healthy', 'degraded') \
                          AND physical_group IS NOT NULL AND logical_group IS NOT NULL";
        let wanted = i64::try_from(self.agents.len()).unwrap_or(i64::MAX);
        until(format!("{wanted} nodes in their groups"), SETTLES, async || {
            (self.api.number(IN).await.ok()? == wanted).then_some(())
        })
        .await;
    }

    /// Writes down what everybody who runs holds now.
    pub fn look_at_holdings(&self, holdings: &mut Holdings) {
        for daemon in self.daemons().filter(|daemon| daemon.is_running()) {
            holdings.add(daemon.name(), Held { at: wall(), pid: daemon.pid(), holds: daemon.holds() });
        }
    }

    fn daemons(&self) -> impl Iterator<Item = &Daemon> {
        [&self.zone, &self.checkin].into_iter().chain(self.members().map(|member| &member.daemon))
    }

    /// Checks that no daemon has ended.
    ///
    /// # Panics
    /// When one has.
    pub fn assert_alive(&self) {
        let dead: Vec<&str> = self.daemons().filter(|daemon| !daemon.is_running()).map(Daemon::name).collect();
        assert!(dead.is_empty(), "these daemons have ended: {dead:?}");
    }
}
