//! What the client library runs on: tokio, with timers that spare the process's wake-ups where it wants that.
//!
//! The library's own use of timers is its heartbeat, a few seconds ahead all the time.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::time::{Duration, Instant};

use async_rs::Tokio;
use async_rs::traits::{Executor, Reactor, RuntimeKit};
use async_rs::util::Task;
use futures::Stream;
use futures::io::{AsyncRead, AsyncWrite};

use super::ear::{Ear, Overheard};

/// How much later than asked for the library may wake up. Its heartbeat goes out every half of the time that was agreed on, and
/// the broker gives a connection up that has been silent for twice that time: there is room for a second.
const SLACK: Duration = Duration::from_millis(1_200);

/// tokio, but for the way it sleeps.
#[derive(Clone, Debug)]
pub(super) struct Kit {
    tokio: Tokio,
    ear: Ear,
}

impl Kit {
    /// On the runtime this is called in; the ear hears what comes in on its connections.
    pub fn current(ear: Ear) -> Self {
        Self { tokio: Tokio::current(), ear }
    }
}

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.tokio.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, future: F) -> Task<Self::Task<T>> {
        self.tokio.spawn(future)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, work: F) -> Task<Self::Task<T>> {
        self.tokio.spawn_blocking(work)
    }
}

impl Reactor for Kit {
    type TcpStream = Overheard<<Tokio as Reactor>::TcpStream>;
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.tokio.register(socket)
    }

    fn sleep(&self, span: Duration) -> Self::Sleep {
        Box::pin(rollcall_alarm::roughly(span, SLACK.min(span)))
    }

    fn interval(&self, span: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.tokio.interval(span)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let (ear, connecting) = (self.ear.clone(), self.tokio.tcp_connect_addr(address));
        async move { Ok(ear.on(connecting.await?)) }
    }
}
