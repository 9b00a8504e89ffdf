//! A network of its own for one agent, whose cable can be pulled.
//!
//! The private broker listens on loopback only, so a relay on the namespace's gateway carries its connections there.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Networks for measurements between machines (RFC 2544); nobody routes them.
const NETWORK: u32 = u32::from_be_bytes([198, 18, 0, 0]);

/// Most namespaces of one process.
const MOST: u32 = 4;

/// Four addresses each, of the 131,072 there are.
fn base(number: u32) -> u32 {
    NETWORK + ((std::process::id() * MOST + number) * 4) % 131_072
}

/// Where the relays of this process's namespaces listen, made or not.
pub(super) fn gateways() -> impl Iterator<Item = Ipv4Addr> {
    (0..MOST).map(|number| Ipv4Addr::from(base(number) + 1))
}

/// A network namespace with one cable to this machine.
pub struct Namespace {
    name: String,
    outside: String,
    gateway: SocketAddr,
    relay: JoinHandle<()>,
}

impl Namespace {
    /// Makes one, from which the broker at this URL can be reached. Wants root.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn new(url: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        assert!(number < MOST, "the broker's certificate names {MOST} gateways");
        let name = format!("rollcall-{process}-{number}");
        let (outside, inside) = (format!("rc{process}o{number}"), format!("rc{process}i{number}"));
        let [gateway, node] = [1, 2].map(|host| Ipv4Addr::from(base(number) + host));
        ip(&format!("netns add {name}"));
        ip(&format!("link add {outside} type veth peer name {inside} netns {name}"));
        ip(&format!("address add {gateway}/30 dev {outside}"));
        ip(&format!("link set {outside} up"));
        ip(&format!("-n {name} address add {node}/30 dev {inside}"));
        ip(&format!("-n {name} link set {inside} up"));
        ip(&format!("-n {name} link set lo up"));
        let listener = TcpListener::bind((gateway, 0)).await.expect("the relay listens");
        let gateway = listener.local_addr().expect("its address");
        let relay = tokio::spawn(carry(listener, place(url).to_owned()));
        Self { name, outside, gateway, relay }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The broker's URL as it is inside.
    #[must_use]
    pub fn url_inside(&self, url: &str) -> String {
        url.replace(place(url), &self.gateway.to_string())
    }

    /// Pulls the cable: nobody is told.
    pub fn cut(&self) {
        ip(&format!("link set {} down", self.outside));
    }

    /// Plugs it in again.
    pub fn mend(&self) {
        ip(&format!("link set {} up", self.outside));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.relay.abort();
        // Whatever fails here, the next line is tried all the same.
        for words in [format!("link del {}", self.outside), format!("netns del {}", self.name)] {
            let _ = Command::new("ip").args(words.split(' ')).status();
        }
    }
}

/// `127.0.0.1:5671` of `amqps://127.0.0.1:5671/vhost`.
fn place(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    after.split_once('/').map_or(after, |(place, _)| place)
}

async fn carry(listener: TcpListener, to: String) {
    while let Ok((mut near, _)) = listener.accept().await {
        let to = to.clone();
        tokio::spawn(async move {
            if let Ok(mut far) = TcpStream::connect(to).await {
                // However it ends, both ends are closed with it.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}

fn ip(words: &str) {
    let done = Command::new("ip").args(words.split(' ')).status().expect("ip runs; it is in the package iproute2");
    assert!(done.success(), "`ip {words}` failed; network namespaces want root");
}
