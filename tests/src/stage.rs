//! A stage for end-to-end tests: the four real daemons as processes of their own, on a RabbitMQ and an mDNS port of
//! their own, in a directory of their own. Nothing of it outlives the test, even when the test is killed.

mod api;
mod brokers;
mod clock;
mod cluster;
mod daemon;
mod namespace;
mod orders;
mod outsider;
mod postgres;
mod process;
mod programs;
mod site;
mod speaker;
mod stranger;
mod tmpfs;
mod token;
mod writing;

use std::fmt::Display;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rollcall_bus::private_broker::Management;
use rollcall_model::{Principal, ZoneId};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub use api::{Api, Dump};
pub use brokers::{Broker, Brokers};
pub use clock::WallClock;
pub use cluster::Cluster;
pub use daemon::Daemon;
pub use namespace::Namespace;
pub use orders::{every_order_ends, order_all_the_while, runs};
pub use outsider::Outsider;
pub use postgres::Postgres;
pub use process::{Holds, Process};
pub use programs::{previous, program};
pub use site::{Certified, Login, Site, now};
pub use speaker::Speaker;
pub use stranger::Stranger;
pub use tmpfs::Tmpfs;
pub use token::Wish;

/// Longest wait for something that usually takes a second or two.
pub const PATIENCE: Duration = Duration::from_secs(40);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The zone of a stage, unless it is told otherwise.
pub const ZONE: &str = "zone-1";

/// Where the daemons of one test play.
pub struct Stage {
    directory: TempDir,
    site: Arc<Site>,
    url: String,
    /// The broker as the daemons call it.
    daemons_url: String,
    management: Management,
    mdns_port: u16,
    api: Api,
    heartbeat_s: u16,
}

/// The daemons of a zone.
pub struct Fleet {
    /// The zone controller.
    pub zone: Daemon,
    /// The check-in service.
    pub checkin: Daemon,
    /// The group controllers, `rack-a`, `rack-b` …
    pub racks: Vec<Daemon>,
    /// The node agents, `sim-0000` …
    pub agents: Vec<Daemon>,
}

impl Stage {
    /// An empty stage on this broker. What an earlier stage left on it is removed.
    pub async fn new(broker: &Broker) -> Self {
        broker.sweep().await;
        Self::beside(broker, free_udp_port())
    }

    /// A stage whose daemons hear those of another one.
    #[must_use]
    pub fn beside(broker: &Broker, mdns_port: u16) -> Self {
        Self::with(broker.site(), broker.url(), broker.management().clone(), mdns_port)
    }

    /// A stage on a broker of three nodes. Who is none of the daemons comes to the last of them.
    #[must_use]
    pub fn on_cluster(cluster: &Cluster) -> Self {
        let stage = Self::with(cluster.site(), cluster.url_of(2), cluster.management(), free_udp_port());
        Self { daemons_url: cluster.url(), ..stage }
    }

    /// A stage without a broker: what it should be is a port that nobody listens on.
    pub async fn without_broker(brokers: &Brokers) -> Self {
        let url = format!("amqps://127.0.0.1:{}/rollcall", free_tcp_port());
        let management = Management {
            url: format!("https://127.0.0.1:{}", free_tcp_port()),
            user: "rollcall".into(),
            password: "secret".into(),
            vhost: "rollcall".into(),
        };
        Self::with(brokers.site().await, url, management, free_udp_port())
    }

    fn with(site: Arc<Site>, url: String, management: Management, mdns_port: u16) -> Self {
        let directory = tempfile::Builder::new().prefix("rollcall-e2e-").tempdir().expect("a temporary directory");
        let write = |name: &str, text: &str| {
            rollcall_identity::files::write_secret(&directory.path().join(name), text).expect("it is written");
        };
        write("secret", &format!("a secret of {}", directory.path().display()));
        write("broker-password", &management.password);
        let trust = directory.path().join("trust");
        site.make_zone(ZONE, &trust);
        let api = Api::on(free_tcp_port(), trust.join("administrator"));
        let daemons_url = url.clone();
        Self { directory, site, url, daemons_url, management, mdns_port, api, heartbeat_s: 3 }
    }

    /// Daemons with another heartbeat than the short one of a stage, seconds.
    #[must_use]
    pub fn with_heartbeat(self, heartbeat_s: u16) -> Self {
        Self { heartbeat_s, ..self }
    }

    /// The site it plays under.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The zone directory: authorities and announcer.
    #[must_use]
    pub fn trust(&self) -> PathBuf {
        self.directory.path().join("trust")
    }

    /// The zone's id.
    ///
    /// # Panics
    /// When the zone does not answer.
    pub async fn zone_id(&self) -> ZoneId {
        let rows = self.api.rows("SELECT zone_id FROM v_zones").await;
        rows[0][0].as_str().and_then(|id| id.parse().ok()).expect("a zone id")
    }

    /// Somebody at the broker who passes for the zone itself, and may do everything.
    ///
    /// # Panics
    /// When the zone does not answer.
    pub async fn outsider(&self) -> Outsider {
        let zone = self.zone_id().await;
        Outsider::attach(&self.url, &self.site.login(&self.trust(), &Principal::Zone(zone), zone)).await
    }

    /// Somebody at the broker who has the certificate of a node, and uses it for other things than the node does.
    ///
    /// # Panics
    /// When the zone does not answer, or knows no such node.
    pub async fn intruder(&self, node: &str) -> (String, Outsider) {
        let zone = self.zone_id().await;
        let rows = self.api.rows(&format!("SELECT node_id FROM v_nodes WHERE name = '{node}'")).await;
        let id = rows[0][0].as_str().and_then(|id| id.parse().ok()).expect("a node id");
        let login = self.site.login(&self.trust(), &Principal::Node(id), zone);
        (login.user.clone(), Outsider::attach(&self.url, &login).await)
    }

    /// Puts a certificate in place for a simulated node, as an installer might who reaches where the node does not.
    ///
    /// # Panics
    /// When it cannot be written, or the broker takes no user.
    pub async fn provide(&self, broker: &Broker, index: usize) {
        let zone = self.zone_id().await;
        let index = u32::try_from(index).expect("few nodes");
        let machine = rollcall_node_agent::simulated::Machine::generate(writing::SEED, index);
        let principal = Principal::Node(machine.identifier.node);
        let validity = rollcall_identity::Validity::leaf(now());
        let Certified { key, issued } = self.site.issue(&self.trust(), &principal, zone, validity);
        let directory = self.identity_of(machine.name.as_str());
        std::fs::create_dir_all(&directory).expect("a directory");
        key.save(&directory.join("key.pem")).expect("the key is written");
        std::fs::write(directory.join("cert.pem"), &issued.chain_pem).expect("the certificate is written");
        let rights = rollcall_bus::Rights::of(&principal, zone);
        broker.admin().admit(&[(issued.user, rights)]).await.expect("it is admitted");
    }

    /// Makes a daemon's certificate one of another age: same key, same serial number.
    ///
    /// # Panics
    /// When it has none from this zone.
    pub async fn age(&self, daemon: &str, validity: rollcall_identity::Validity) {
        let newest =
            format!("SELECT serial, principal FROM v_certificates WHERE name = '{daemon}' ORDER BY issued_at DESC");
        let rows = self.api.rows(&newest).await;
        let text = |column: usize| rows[0][column].as_str().expect("a text");
        let serial = text(0).parse().expect("a serial number");
        let principal: Principal = text(1).parse().expect("a principal");
        let (zone, directory) = (self.zone_id().await, self.identity_of(daemon));
        let key = rollcall_identity::Key::load(&directory.join("key.pem")).expect("its key");
        let issued = self.site.reissue(&self.trust(), (&principal, zone), &key, serial, validity);
        std::fs::write(directory.join("cert.pem"), &issued.chain_pem).expect("the certificate is written");
    }

    /// Changes something in the zone's database behind its back. The zone has to be down.
    ///
    /// # Panics
    /// When `sqlite3` refuses.
    pub fn in_the_database(&self, sql: &str) {
        let file = self.directory.path().join("zone.db");
        let done =
            std::process::Command::new("sqlite3").arg(file).arg(sql).stdout(std::process::Stdio::null()).status();
        assert!(done.expect("sqlite3 runs").success(), "sqlite3 refused {sql}");
    }

    /// The directory everything lies in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The broker's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The UDP port the daemons speak mDNS on.
    #[must_use]
    pub const fn mdns_port(&self) -> u16 {
        self.mdns_port
    }

    /// The zone's API.
    #[must_use]
    pub const fn api(&self) -> &Api {
        &self.api
    }

    /// Starts a zone of so many racks and agents (agent `i` in rack `i mod racks`) and waits until everybody is in.
    pub async fn fleet(&self, racks: usize, agents: usize) -> Fleet {
        // The zone first: it gives the others their tokens.
        self.fleet_of(self.zone().started(), racks, agents).await
    }

    /// The same with a zone controller that was started.
    pub async fn fleet_of(&self, zone: Daemon, racks: usize, agents: usize) -> Fleet {
        let fleet = Fleet {
            racks: (0..racks).map(|index| self.rack(&rack_name(index)).started()).collect(),
            agents: (0..agents).map(|index| self.agent(index, &rack_name(index % racks)).started()).collect(),
            checkin: self.checkin().started(),
            zone,
        };
        self.all_in(agents).await;
        fleet
    }

    /// Waits until the zone takes commands again.
    pub async fn is_up(&self) {
        until("the zone to be ready", PATIENCE, async || (self.api.get("/readyz").await.ok()?.0 == 200).then_some(()))
            .await;
    }

    /// Waits until exactly so many nodes are heard, each in its physical and its logical group.
    pub async fn all_in(&self, agents: usize) {
        const IN: &str = "SELECT COUNT(*) FROM v_nodes WHERE state IN ('healthy', 'degraded') \
                          AND physical_group IS NOT NULL AND logical_group IS NOT NULL";
        let wanted = i64::try_from(agents).unwrap_or(i64::MAX);
        until(format!("{agents} nodes in their groups"), PATIENCE, async || {
            (self.api.number(IN).await.ok()? == wanted).then_some(())
        })
        .await;
    }

    /// Waits until a node's state is this one.
    ///
    /// # Panics
    /// When it is not in time; tells what it was meanwhile.
    pub async fn state_is(&self, node: &str, state: &str) {
        // What it is now, and what it was, newest first.
        let query = format!(
            "SELECT n.state, h.at, h.state, h.cause FROM v_nodes n LEFT JOIN v_health_history h ON h.node = n.name \
             WHERE n.name = '{node}' ORDER BY h.history_id DESC LIMIT 8"
        );
        let deadline = Instant::now() + PATIENCE;
        loop {
            let known = self.api.sql(&query).await;
            if known.as_ref().is_ok_and(|rows| rows.first().is_some_and(|row| row[0] == state)) {
                return;
            }
            assert!(Instant::now() < deadline, "waited in vain for {node} to be {state}: {known:?}");
            sleep(LOOK).await;
        }
    }
}

impl Fleet {
    /// Every daemon.
    pub fn all(&self) -> impl Iterator<Item = &Daemon> {
        [&self.zone, &self.checkin].into_iter().chain(&self.racks).chain(&self.agents)
    }

    /// Checks that none has ended.
    ///
    /// # Panics
    /// When one has.
    pub fn assert_alive(&self) {
        self.assert_alive_but(0);
    }

    /// Checks that none has ended but so many that were killed.
    ///
    /// # Panics
    /// When others have.
    pub fn assert_alive_but(&self, killed: usize) {
        let dead: Vec<&str> = self.all().filter(|daemon| !daemon.is_running()).map(Daemon::name).collect();
        assert!(dead.len() == killed, "these daemons have ended: {dead:?}");
    }
}

/// `rack-a` for 0.
#[must_use]
pub fn rack_name(index: usize) -> String {
    format!("rack-{}", char::from(b'a' + u8::try_from(index).unwrap_or(0)))
}

/// `sim-0000` for 0.
#[must_use]
pub fn node_name(index: usize) -> String {
    format!("sim-{index:04}")
}

/// Waits until the look finds something.
///
/// # Panics
/// When it does not in time.
pub async fn until<T>(what: impl Display, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain for {what}", patience.as_secs());
        sleep(LOOK).await;
    }
}

/// A TCP port on 127.0.0.1 that nobody listened on a moment ago.
#[must_use]
pub fn free_tcp_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free TCP port");
    listener.local_addr().expect("its address").port()
}

fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free UDP port");
    socket.local_addr().expect("its address").port()
}
