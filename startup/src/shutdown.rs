//! An orderly end: asked for once, heard by every task.
//!
//! A `watch` of one flag, and not tokio-util's token: nothing here needs a tree of tokens, and a flag
//! that is only ever raised cannot be missed by who starts to listen late.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Asks for an orderly end, and lets tasks wait for it. Clones are the same request.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

/// Signals cannot be listened to.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen to SIGINT and SIGTERM: {0}")]
pub struct SignalError(#[source] std::io::Error);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Not yet asked for.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Asked for by the first SIGINT or SIGTERM. The second ends the process at once, with 130 or 143.
    /// To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn on_signals() -> Result<Self, SignalError> {
        let shutdown = Self::new();
        let interrupt = signal(SignalKind::interrupt()).map_err(SignalError)?;
        let terminate = signal(SignalKind::terminate()).map_err(SignalError)?;
        tokio::spawn(listen(shutdown.clone(), interrupt, terminate));
        Ok(shutdown)
    }

    /// Asks for the end when `lifeline` ends, or cannot be read: a pipe whose other end is held by the process that is
    /// not to be outlived. The kernel closes it however that process ends. What is read is dropped.
    ///
    /// # Errors
    /// When there can be no thread that reads.
    pub fn when_ends(&self, mut lifeline: impl Read + Send + 'static) -> Result<(), std::io::Error> {
        let shutdown = self.clone();
        // A thread of its own and not one of the runtime's, which would wait for it at the end.
        thread::Builder::new().name("lifeline".into()).stack_size(64 * 1024).spawn(move || {
            let mut dropped = [0; 64];
            loop {
                match lifeline.read(&mut dropped) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
            tracing::info!("whoever started this is gone: ending in order");
            shutdown.request();
        })?;
        Ok(())
    }

    /// Asks for the end. Asking again changes nothing.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the end is asked for; at once if it was before. May be cancelled and called again.
    pub async fn requested(&self) {
        // Cannot fail: the sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}

async fn listen(shutdown: Shutdown, mut interrupt: Signal, mut terminate: Signal) {
    loop {
        let (name, code) = tokio::select! {
            Some(()) = interrupt.recv() => ("SIGINT", 130),
            Some(()) = terminate.recv() => ("SIGTERM", 143),
            else => return,
        };
        if shutdown.is_requested() {
            tracing::warn!(signal = name, "asked a second time: ending at once");
            std::process::exit(code);
        }
        tracing::info!(signal = name, "ending in order; a second signal ends at once");
        shutdown.request();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_request_is_heard_by_early_and_late_listeners_and_by_clones() {
        let shutdown = Shutdown::new();
        let early = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        tokio::task::yield_now().await;
        assert!(!early.is_finished() && !shutdown.is_requested());
        shutdown.request();
        early.await.unwrap();
        shutdown.clone().requested().await;
        assert!(shutdown.is_requested());
    }

    #[tokio::test]
    async fn the_end_of_a_lifeline_asks_for_the_end_and_what_comes_over_it_does_not() {
        let (lifeline, mut held) = std::io::pipe().unwrap();
        let shutdown = Shutdown::new();
        shutdown.when_ends(lifeline).unwrap();
        held.write_all(b"still here").unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!shutdown.is_requested());
        drop(held);
        tokio::time::timeout(Duration::from_secs(20), shutdown.requested()).await.unwrap();
    }
}
