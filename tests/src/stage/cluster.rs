//! One RabbitMQ of three nodes, under one name, so that one may fail.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_bus::private_broker::{Management, PrivateBroker};
use tempfile::TempDir;

use super::Daemon;
use super::site::Site;

/// The name that stands for all nodes.
pub const NAME: &str = "mq.test";
/// How many nodes there are.
pub const NODES: usize = 3;

/// A RabbitMQ of three nodes.
pub struct Cluster {
    // The first has what the others need, and is dropped last.
    nodes: Vec<PrivateBroker>,
    site: Arc<Site>,
    directory: TempDir,
}

impl Cluster {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(site: Arc<Site>) -> Self {
        let directory = tempfile::Builder::new().prefix("rollcall-e2e-cluster-").tempdir().expect("a directory");
        let at: Vec<IpAddr> = (0..NODES).map(|node| address(node).into()).collect();
        let certificate = site.broker_certificate(&site.fresh_directory(), &at);
        let nodes: Vec<(Ipv4Addr, PathBuf)> =
            (0..NODES).map(|node| (address(node), directory.path().join(format!("mq{}", node + 1)))).collect();
        let nodes = PrivateBroker::start_cluster(&nodes, &certificate).await.expect("three RabbitMQs become one");
        Self { nodes, site, directory }
    }

    /// The site it stands under.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site)
    }

    /// How the daemons reach it: by the name of all nodes.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(0).replace(&address(0).to_string(), NAME)
    }

    /// How one node is reached.
    #[must_use]
    pub fn url_of(&self, node: usize) -> String {
        self.nodes[node].url()
    }

    /// How it is administered, by the name of all nodes.
    ///
    /// # Panics
    /// Never: it is a secured one.
    #[must_use]
    pub fn management(&self) -> Management {
        let first = self.nodes[0].management().expect("a secured broker is administered");
        Management { url: first.url.replace(&address(0).to_string(), NAME), ..first }
    }

    /// The daemon as one for which this node of the broker is the nearest: where it runs, the name stands for that node first.
    ///
    /// # Panics
    /// When the hosts file cannot be written.
    #[must_use]
    pub fn nearest(&self, node: usize, daemon: Daemon) -> Daemon {
        let hosts = self.directory.path().join(format!("hosts-{node}"));
        let lines = (0..NODES).map(|step| format!("{} {NAME}\n", address((node + step) % NODES)));
        std::fs::write(&hosts, format!("127.0.0.1 localhost\n{}", lines.collect::<String>())).expect("it is written");
        daemon.through(with_hosts(&hosts))
    }

    /// Kills a node.
    pub async fn kill(&mut self, node: usize) {
        self.nodes[node].kill().await;
    }

    /// After how many seconds of silence the nodes take one of them for gone, a minute unless this was told.
    ///
    /// # Panics
    /// When a node does not answer.
    pub fn misses_after(&self, seconds: u32) {
        for node in &self.nodes {
            let told = node.ctl(&["eval", &format!("net_kernel:set_net_ticktime({seconds}, 0).")]);
            assert!(told.expect("rabbitmqctl is started").success(), "a node cannot be told how long to wait");
        }
    }

    /// Halts a node, with its sockets open.
    pub fn halt(&self, node: usize) {
        self.nodes[node].pause();
    }

    /// Has it go on.
    pub fn resume(&self, node: usize) {
        self.nodes[node].resume();
    }

    /// Stops a node in order, as its service manager does.
    pub async fn stop(&mut self, node: usize) {
        self.nodes[node].shut_down().await;
    }

    /// Makes a node ready to be drained, as before maintenance, and waits until it is: it takes no new connections then, and closes those it
    /// has.
    ///
    /// # Panics
    /// When the node does not answer.
    #[must_use]
    pub fn ready_to_drain(&self, node: usize) -> Drain {
        let order = self.directory.path().join(format!("drain-{node}"));
        // `rabbitmqctl` takes seconds to start, which are not to be those that count.
        let waiting = format!(
            "spawn(fun Wait() -> case filelib:is_file(\"{}\") of true -> rabbit_maintenance:drain(); \
             false -> timer:sleep(20), Wait() end end).",
            order.display()
        );
        let status = self.nodes[node].ctl(&["eval", &waiting]).expect("rabbitmqctl is started");
        assert!(status.success(), "node {node} cannot be told to wait for an order");
        Drain(order)
    }

    /// Starts a node again that was killed or stopped, and waits until it serves.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self, node: usize) {
        self.nodes[node].restart().await.expect("the node starts again");
    }
}

/// A node that is drained once it is told so.
#[derive(Debug)]
pub struct Drain(PathBuf);

impl Drain {
    /// Tells it.
    ///
    /// # Panics
    /// When the order cannot be written.
    pub fn begin(self) {
        std::fs::write(&self.0, "").expect("the order is written");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        while self.nodes.pop().is_some() {}
    }
}

/// Each as far from 127.0.0.1 as the others: the resolver sorts addresses by what they have in common with our own.
fn address(node: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, u8::try_from(node + 4).expect("few nodes"))
}

/// What a command line begins with to see this file as `/etc/hosts`. Wants root.
fn with_hosts(hosts: &Path) -> Vec<String> {
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    let hosts = hosts.display().to_string();
    ["unshare", "--mount", "sh", "-c", script, &hosts].map(str::to_owned).to_vec()
}
