//! Whether the broker says anything on a connection, be it a heartbeat: it lives, and what it does not answer it has not come to yet.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// When something came in last.
#[derive(Clone, Debug)]
pub(super) struct Ear {
    made: Instant,
    /// Milliseconds after `made`.
    heard: Arc<AtomicU64>,
}

impl Ear {
    pub fn new() -> Self {
        Self { made: Instant::now(), heard: Arc::default() }
    }

    fn hear(&self) {
        // Stale by a moment at worst, and nothing else depends on it.
        let millis = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(millis, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.made + Duration::from_millis(self.heard.load(Ordering::Relaxed))
    }

    /// Waits until nothing has come in for this long, counted from now at the earliest. Cancel-safe.
    pub async fn silence(&self, span: Duration) {
        let mut since = Instant::now();
        loop {
            tokio::time::sleep_until(since + span).await;
            let last = self.last();
            if last <= since {
                return;
            }
            since = last;
        }
    }

    /// The same stream, overheard.
    pub fn on<S>(&self, stream: S) -> Overheard<S> {
        Overheard { stream, ear: self.clone() }
    }
}

/// A stream that tells when something came in.
#[derive(Debug)]
pub(super) struct Overheard<S> {
    stream: S,
    ear: Ear,
}

impl<S> Overheard<S> {
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if matches!(read, Poll::Ready(Ok(1..))) {
            self.ear.hear();
        }
        read
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.stream).poll_read_vectored(cx, bufs);
        if matches!(read, Poll::Ready(Ok(1..))) {
            self.ear.hear();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::AsyncReadExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_what_came_in_last() {
        let (span, started) = (Duration::from_secs(10), Instant::now());
        let ear = Ear::new();
        let speaking = async {
            let mut stream = ear.on(&b"heartbeat"[..]);
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(5)).await;
                stream.read_exact(&mut [0; 3]).await.expect("something comes in");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(stream.read(&mut [0; 3]).await.expect("the end"), 0, "which is nothing said");
        };
        tokio::join!(ear.silence(span), speaking);
        assert_eq!(started.elapsed(), Duration::from_secs(25));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_before_does_not_shorten_it() {
        let ear = Ear::new();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let started = Instant::now();
        ear.silence(Duration::from_secs(10)).await;
        assert_eq!(started.elapsed(), Duration::from_secs(10));
    }
}
