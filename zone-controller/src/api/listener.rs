//! The door of the API: takes connections, over TLS where the zone has an identity, and hands each request who is at the
//! other end.
//!
//! A peer that is slow, silent or hostile costs one bounded slot and nobody else's time: every handshake runs in a task of
//! its own, has a deadline and one of a few places; connections are bounded for each origin and in all; headers and
//! bodies have their time. What does not speak TLS at a TLS port is told so and let go.

mod patience;
mod slots;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rollcall_startup::Shutdown;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::server::TlsStream;
use tower_service::Service;

use self::patience::Patience;
use self::slots::{Slot, Slots};
use super::notices::Notices;

/// Time for a TLS handshake, and for the first byte of one.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Time to wait for a place: those who came before may be silent, and take theirs twice over.
const PLACE: Duration = Duration::from_secs(12);
/// Handshakes at once.
const HANDSHAKES: usize = 64;
/// Time to send the head of a request, and to keep a connection without asking anything.
const HEAD: Duration = Duration::from_secs(30);
/// How long a peer may take nothing of an answer, or not be heard of while something is sent to it.
const TAKING: Duration = Duration::from_secs(30);
/// Longest head of a request, bytes; hyper takes no less than 8 KiB.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long connections have to end when the zone controller does.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Pause after the system had no descriptor left for a connection.
const BREATH: Duration = Duration::from_millis(100);

/// Bounds on connections.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// In all.
    pub connections: usize,
    /// From one origin.
    pub of_one_origin: usize,
}

/// How the API is served; `None` for plain HTTP. The certificate in it is exchanged from behind when it is renewed.
pub type Tls = Option<Arc<ServerConfig>>;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// From where.
    pub address: SocketAddr,
    /// Whether the connection is encrypted, and to us.
    pub tls: bool,
    /// The certificates the peer showed, its own first, proved against the site's root; empty for none.
    pub chain: Arc<[CertificateDer<'static>]>,
}

struct Door {
    router: Router,
    tls: Tls,
    handshakes: Semaphore,
    notices: Arc<Notices>,
    shutdown: Shutdown,
}

/// Serves until `shutdown`, then lets connections end for [`LAST_WORDS`].
pub async fn serve(
    listener: TcpListener,
    (tls, bounds): (Tls, Bounds),
    router: Router,
    notices: Arc<Notices>,
    shutdown: Shutdown,
) {
    let door = Arc::new(Door { router, tls, handshakes: Semaphore::new(HANDSHAKES), notices, shutdown });
    let slots = Slots::new(bounds);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = door.shutdown.requested() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => match slots.take(address.ip()) {
                Some(slot) => drop(connections.spawn(connection(Arc::clone(&door), stream, address, slot))),
                None => door.notices.turned_away(address.ip(), "too many connections"),
            },
            Err(error) => {
                tracing::debug!("no connection: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(LAST_WORDS, all).await.is_err() {
        tracing::debug!("connections that did not end in time are cut");
    }
}

async fn connection(door: Arc<Door>, stream: TcpStream, address: SocketAddr, _slot: Slot) {
    // Answers are small and waited for.
    let _ = stream.set_nodelay(true);
    // Of a peer that lost its power the system would think well for a quarter of an hour.
    let _ = set_tcp_user_timeout(&stream, u32::try_from(TAKING.as_millis()).unwrap_or(0));
    let Some(config) = door.tls.clone() else {
        return talk(&door, stream, Peer { address, tls: false, chain: Arc::new([]) }).await;
    };
    match shake_hands(&door, stream, config).await {
        Ok(Some(stream)) => {
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
            talk(&door, stream, Peer { address, tls: true, chain }).await;
        }
        // Somebody only looked whether the port is open.
        Ok(None) => {}
        Err(why) => door.notices.turned_away(address.ip(), &why),
    }
}

/// `None` where the peer leaves without a word; `Err` says what else is wrong.
async fn shake_hands(
    door: &Door,
    stream: TcpStream,
    config: Arc<ServerConfig>,
) -> Result<Option<TlsStream<TcpStream>>, String> {
    let late = |_| "no handshake in time".to_owned();
    let mut first = [0];
    let peeked = timeout(HANDSHAKE, stream.peek(&mut first)).await.map_err(late)?;
    if peeked.map_err(|error| error.to_string())? == 0 {
        return Ok(None);
    }
    if first[0].is_ascii_alphabetic() {
        timeout(HANDSHAKE, tell_plain(stream)).await.map_err(late)?;
        return Err("it speaks plain HTTP".into());
    }
    // Whoever waited for others has all the time for itself.
    let place = timeout(PLACE, door.handshakes.acquire()).await.map_err(late)?;
    let _place = place.map_err(|error| error.to_string())?;
    // An expired or foreign certificate is told here, and to the peer by an alert.
    let shaken = timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await.map_err(late)?;
    shaken.map(Some).map_err(|error| error.to_string())
}

/// Somebody speaks HTTP without TLS: a helpful word, and no more.
async fn tell_plain(mut stream: TcpStream) {
    let body = "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"reason\":\"https_only\",\
                \"detail\":\"this port speaks HTTPS only: ask https://…\"}";
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    if stream.write_all(head.as_bytes()).await.is_ok() && stream.write_all(body.as_bytes()).await.is_ok() {
        let _ = stream.shutdown().await;
        // What the peer still says is taken, or the reset that closing brings could overtake the answer.
        let _ = tokio::io::copy(&mut tokio::io::AsyncReadExt::take(stream, 64 * 1024), &mut tokio::io::sink()).await;
    }
}

async fn talk<S>(door: &Door, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = door.router.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        // A router is always ready.
        router.clone().call(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(LONGEST_HEAD);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(Patience::new(stream, TAKING)), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = door.shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}
