//! etcd from Debian, alone and with its data on a disk: what Kubernetes' node leases end in.

mod client;

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use self::client::Client;
use super::{Program, installed};

/// Connections, and calls that are under way at once on all of them, so that many writes share an fsync.
const CONNECTIONS: usize = 8;
const AT_ONCE: usize = 128;
/// Nodes that have a lease.
const NODES: usize = 1_000;
/// A Lease object as the API server stores it: 400 to 600 bytes of protobuf.
const LEASE: [u8; 500] = [b'x'; 500];
/// It serves by then.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// A server, and clients of it.
pub struct Etcd {
    /// Ends with it.
    _program: Program,
    port: u16,
    clients: Vec<Client>,
    leases: Vec<i64>,
}

impl Etcd {
    /// Starts one with its data below a directory.
    pub async fn start(directory: &Path) -> anyhow::Result<Self> {
        let place = installed("etcd-server", &["/usr/bin/etcd"])?;
        let [port, peers] = [free_port()?, free_port()?];
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let data = directory.join("etcd").display().to_string();
        let options = [
            ("--name", "bench".to_owned()),
            ("--data-dir", data),
            ("--listen-client-urls", url(port)),
            ("--advertise-client-urls", url(port)),
            ("--listen-peer-urls", url(peers)),
            ("--initial-advertise-peer-urls", url(peers)),
            ("--initial-cluster", format!("bench={}", url(peers))),
        ];
        let arguments: Vec<String> = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        let program = Program::start(&place, &arguments, &directory.join("etcd.log"))?;
        let begun = Instant::now();
        let mut clients = Vec::new();
        while clients.len() < CONNECTIONS {
            match Client::connect(port).await {
                Ok(client) => clients.push(client),
                Err(_) if begun.elapsed() < START_PATIENCE => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(failed) => return Err(failed.context(format!("etcd does not serve: {}", program.last_words()))),
            }
        }
        let mut etcd = Self { _program: program, port, clients, leases: Vec::new() };
        // The first write waits for the election.
        etcd.put(NODES).await.context("etcd takes no write")?;
        for _ in 0..AT_ONCE {
            etcd.leases.push(etcd.clients[0].grant().await?);
        }
        Ok(etcd)
    }

    /// TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Writes so many leases.
    pub async fn put(&self, count: usize) -> anyhow::Result<Duration> {
        let from = Instant::now();
        let writers = (0..AT_ONCE).map(|writer| async move {
            let client = &self.clients[writer % CONNECTIONS];
            for number in (writer..count).step_by(AT_ONCE) {
                client.put(&lease_key(number % NODES), &LEASE).await?;
            }
            anyhow::Ok(())
        });
        futures::future::try_join_all(writers).await?;
        Ok(from.elapsed())
    }

    /// Keeps leases alive so often, each on a stream of its own.
    pub async fn keep_alive(&self, count: usize) -> anyhow::Result<Duration> {
        let from = Instant::now();
        let keepers = self.leases.iter().enumerate().map(|(keeper, lease)| async move {
            let client = &self.clients[keeper % CONNECTIONS];
            client.keep_alive(*lease, count / AT_ONCE).await
        });
        futures::future::try_join_all(keepers).await?;
        Ok(from.elapsed())
    }

    /// What one fsync of its log has taken, on average since its start, milliseconds.
    pub async fn fsync_ms(&self) -> anyhow::Result<f64> {
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        let client = reqwest::Client::builder().no_proxy().build()?;
        let text = client.get(url).send().await?.text().await?;
        let number = |what: &str| {
            let name = format!("etcd_disk_wal_fsync_duration_seconds_{what} ");
            text.lines().find_map(|line| line.strip_prefix(name.as_str())?.parse::<f64>().ok())
        };
        let (sum, count) = number("sum").zip(number("count")).context("etcd tells nothing of its fsyncs")?;
        ensure!(count > 0.0, "etcd has not written anything to disk");
        Ok(1e3 * sum / count)
    }
}

fn lease_key(node: usize) -> String {
    format!("/registry/leases/kube-node-lease/node-{node:05}.example.net")
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
