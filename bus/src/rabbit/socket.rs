//! The TCP connection, with a handle to cut it off.
//!
//! A broker that accepts connections but no longer answers would hold the client library's thread for
//! ever, in the handshake as well as in an orderly close. Shutting the socket down ends it at once.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_rs::traits::AsyncToSocketAddrs;
use lapin::tcp::RustlsConnector;
use lapin::uri::AMQPUri;
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use rustix::net::sockopt::{set_socket_linger, set_tcp_thin_linear_timeouts};
use rustls::ClientConfig;
use tokio::sync::watch;

use super::ear::Ear;
use super::runtime::Kit;
use crate::nodes::beginning_with;

/// Cuts a connection off; on drop, too.
#[derive(Clone, Debug, Default)]
pub(super) struct Cutter(Arc<Mutex<Socket>>);

#[derive(Debug, Default)]
struct Socket {
    stream: Option<TcpStream>,
    cut: bool,
}

impl Cutter {
    /// Ends the connection without a word to the broker.
    pub fn cut(&self) {
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        socket.cut = true;
        if let Some(stream) = socket.stream.take() {
            end(&stream);
        }
    }

    fn hold(&self, stream: TcpStream) {
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if socket.cut {
            end(&stream);
        } else {
            socket.stream = Some(stream);
        }
    }
}

/// What the kernel has not sent by now is not to be sent any more: on a way that was cut and is mended it would come minutes later, and
/// tell of a life that is over. A reset also tells the broker at its next heartbeat that nobody is there.
fn end(stream: &TcpStream) {
    // Neither is possible on one that is closed already.
    let _ = set_socket_linger(stream, Some(Duration::ZERO));
    let _ = stream.shutdown(Shutdown::Both);
}

/// Connects, over TLS if there is a configuration for it, and logs in. Tells when a step of that is done. Cancelling it may
/// leave a thread behind until the [`Cutter`] is used.
///
/// Of a broker of several nodes `turn` says with which address to begin ([`beginning_with`]).
#[allow(clippy::too_many_arguments, reason = "each is one thing that a connection needs")]
pub(super) async fn connect(
    uri: AMQPUri,
    tls: Option<Arc<ClientConfig>>,
    client_name: &str,
    timeout: Duration,
    cutter: Cutter,
    steps: watch::Sender<()>,
    ear: Ear,
    turn: usize,
) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name(client_name.into());
    let runtime = async_rs::Runtime::new(Kit::current(ear));
    Connection::connector(
        uri,
        runtime,
        async move |uri: AMQPUri, runtime| {
            // The library's own way to TLS would trust whom the operating system trusts.
            let host = runtime.to_socket_addrs((uri.authority.host.clone(), uri.authority.port));
            let connecting = async {
                let addresses = beginning_with(turn, host.to_socket_addrs().await?);
                AsyncTcpStream::connect(&runtime, addresses).await
            };
            // In the library's own thread, which nobody else would end.
            let stream = match tokio::time::timeout(timeout, connecting).await {
                Ok(stream) => stream?,
                Err(_) => return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
            };
            steps.send_replace(());
            if let AsyncTcpStream::Plain(plain) = &stream {
                let socket = plain.get_ref().get_ref();
                // Status packets are small and must not wait for each other.
                socket.set_nodelay(true)?;
                // Few are under way at a time: what is lost is sent again at an even pace, and not twice as late each time, or a third
                // of all packets lost would look like a dead node. A kernel that cannot do that is no reason not to connect.
                let _ = set_tcp_thin_linear_timeouts(socket.as_fd(), true);
                cutter.hold(TcpStream::from(socket.as_fd().try_clone_to_owned()?));
            }
            let Some(tls) = &tls else { return Ok(stream) };
            let stream = stream.into_rustls(&RustlsConnector::from(Arc::clone(tls)), &uri.authority.host).await?;
            steps.send_replace(());
            Ok(stream)
        },
        properties,
    )
    .await
}
