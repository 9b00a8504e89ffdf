//! Clients of a stream of server-sent events, each on a connection of its own: TLS 1.3, no session resumed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use rollcall_identity::tls::Certified;
use rollcall_identity::{TrustBundle, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::MARK;

/// Handshakes under way at once.
const AT_ONCE: usize = 32;
/// Time for a client to be let in.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause after the server said that somebody comes too often.
const TOO_OFTEN: Duration = Duration::from_millis(500);

/// A server, and who asks it.
#[derive(Clone)]
pub struct Target {
    /// Where it is.
    pub address: SocketAddr,
    /// Where the stream is.
    pub path: &'static str,
    /// Bearer tokens, taken in turn; each may open so many streams a second.
    pub tokens: Arc<[String]>,
    connector: TlsConnector,
}

/// Open streams; they end when this is dropped.
pub struct Listeners {
    heard: mpsc::Receiver<(u64, Instant)>,
    ended: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Target {
    /// A server whose certificate leads to the bundle's root.
    pub fn new(
        address: SocketAddr,
        path: &'static str,
        tokens: Vec<String>,
        bundle: &TrustBundle,
    ) -> anyhow::Result<Self> {
        let own: Option<Arc<Certified>> = None;
        let connector = TlsConnector::from(Arc::new(tls::client(bundle, own)?));
        Ok(Self { address, path, tokens: tokens.into(), connector })
    }

    /// Opens so many streams.
    pub async fn listen(&self, many: usize) -> anyhow::Result<Listeners> {
        let opened = stream::iter(0..many).map(|number| self.open(number)).buffer_unordered(AT_ONCE);
        let streams: Vec<TlsStream<TcpStream>> = opened.try_collect().await?;
        let (told, heard) = mpsc::channel(2 * many);
        let (ended, mut tasks) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        for stream in streams {
            let (told, ended) = (told.clone(), Arc::clone(&ended));
            tasks.spawn(async move {
                // However it ends, it is one that listens no more.
                let _ = listen(stream, told).await;
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        Ok(Listeners { heard, ended, _tasks: tasks })
    }

    async fn open(&self, number: usize) -> anyhow::Result<TlsStream<TcpStream>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(stream) = self.knock(number).await? {
                return Ok(stream);
            }
            ensure!(Instant::now() < deadline, "client {number} was not let in");
            tokio::time::sleep(TOO_OFTEN).await;
        }
    }

    /// `None` where it is to come later.
    async fn knock(&self, number: usize) -> anyhow::Result<Option<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = self.address.ip().into();
        let mut stream = self.connector.connect(name, stream).await.context("no handshake")?;
        let bearer = match self.tokens.get(number % self.tokens.len().max(1)) {
            Some(token) => format!("authorization: Bearer {token}\r\n"),
            None => String::new(),
        };
        let (path, address) = (self.path, self.address);
        let asked = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n{bearer}\r\n");
        stream.write_all(asked.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            ensure!(stream.read_buf(&mut head).await? > 0, "closed before an answer");
        }
        let head = String::from_utf8_lossy(&head);
        match head.split(' ').nth(1) {
            Some("200") => Ok(Some(stream)),
            Some("429") => Ok(None),
            _ => bail!("refused: {head}"),
        }
    }
}

/// Tells of each event with a mark.
async fn listen(mut stream: TlsStream<TcpStream>, told: mpsc::Sender<(u64, Instant)>) -> anyhow::Result<()> {
    let mut read = Vec::with_capacity(2_048);
    loop {
        ensure!(stream.read_buf(&mut read).await? > 0, "the end");
        while let Some(end) = read.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = read.drain(..end + 2).collect();
            if let Some(mark) = mark_of(&String::from_utf8_lossy(&event)) {
                told.send((mark, Instant::now())).await?;
            }
        }
    }
}

fn mark_of(event: &str) -> Option<u64> {
    let rest = event.split(MARK).nth(1)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

impl Listeners {
    /// When the first and the last of so many heard of a mark, each counted once.
    pub async fn hear(&mut self, mark: u64, many: usize) -> anyhow::Result<(Instant, Instant)> {
        let mut when = Vec::with_capacity(many);
        while when.len() < many {
            let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await;
            let heard = heard.with_context(|| format!("{} of {many} heard of event {mark}", when.len()))?;
            let (of, at) = heard.context("nobody listens any more")?;
            if of == mark {
                when.push(at);
            }
        }
        let first = when.iter().min().context("nobody listens")?;
        Ok((*first, when.iter().max().copied().unwrap_or(*first)))
    }

    /// How many streams have ended by themselves.
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_wherever_it_stands() {
        assert_eq!(mark_of("id: 1\ndata: {\"detail\":\"{\\\"name\\\":\\\"bench-17\\\"}\"}\n\n"), Some(17));
        assert_eq!(mark_of("data: bench-4"), Some(4));
        assert_eq!(mark_of(":\n\n"), None);
    }
}
