//! The peer: a bare server of events, axum's own, behind TLS; one broadcast channel, no store, no rights.

use std::convert::Infallible;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::{get, post};
use futures::{Stream, StreamExt, stream};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rollcall_identity::tls::{Certified, Clients};
use rollcall_identity::{Key, TrustBundle, tls};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;

use super::ROLE;

/// What its TLS is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// Its certificate and the intermediate.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The site's bundle.
    pub bundle: PathBuf,
}

/// A running peer; it ends when this is dropped.
pub struct Peer {
    child: Child,
    /// Where it listens.
    pub address: std::net::SocketAddr,
}

impl Peer {
    /// Starts one in a process of its own.
    pub async fn start(certificate: &Certificate) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([ROLE, &serde_json::to_string(certificate)?]);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().context("cannot start the peer")?;
        let mut lines = BufReader::new(child.stdout.take().context("it says nothing")?).lines();
        let address = lines.next_line().await?.context("the peer ended at once")?.parse()?;
        Ok(Self { child, address })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }
}

type Told = broadcast::Sender<Arc<str>>;

/// What the peer's process does.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(certificate: &str) -> anyhow::Result<()> {
    let Certificate { chain, key, bundle } = serde_json::from_str(certificate)?;
    let (bundle, chain) = (TrustBundle::load(&bundle)?, std::fs::read_to_string(chain)?);
    let config = tls::server(Certified::new(&chain, &Key::load(&key)?)?, &bundle, Clients::MayBeStrangers)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let told: Told = broadcast::Sender::new(2_048);
    let router = Router::new().route("/events", get(events)).route("/tell", post(tell)).with_state(told);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut http = hyper::server::conn::http1::Builder::new();
            // Whoever goes, goes.
            let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn events(State(told): State<Told>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = stream::iter([Ok(Event::default().comment("here"))]);
    let events = stream::unfold(told.subscribe(), async |mut told| {
        let data = told.recv().await.ok()?;
        Some((Ok(Event::default().id("1").event("told").data(&*data)), told))
    });
    Sse::new(first.chain(events)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)).text(""))
}

async fn tell(State(told): State<Told>, body: String) {
    // Nobody may be there.
    let _ = told.send(body.into());
}
