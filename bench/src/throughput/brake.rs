//! A thread with a runtime of its own that can be held still, so that a queue fills up before its consumer.

use std::sync::mpsc;
use std::thread;

use tokio::runtime::Handle;

/// A runtime of one thread, as the daemons have.
pub struct Brake {
    runtime: Handle,
}

/// Holds the thread until it is dropped.
#[must_use]
pub struct Held(#[allow(dead_code, reason = "its end is what counts")] mpsc::Sender<()>);

impl Brake {
    /// Starts the thread. It ends with the process.
    pub fn start(name: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new().name(name.into()).spawn(move || runtime.block_on(std::future::pending::<()>()))?;
        Ok(Self { runtime: handle })
    }

    /// Runs something on the thread and waits for what comes of it.
    pub async fn run<T: Send + 'static>(
        &self,
        what: impl Future<Output = anyhow::Result<T>> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.runtime.spawn(what).await?
    }

    /// Holds everything on the thread still.
    pub async fn hold(&self) -> anyhow::Result<Held> {
        let (held, holds) = mpsc::channel::<()>();
        let (still, stands_still) = tokio::sync::oneshot::channel();
        self.runtime.spawn(async move {
            // Blocking the thread is what it is for; an error is the release.
            let _ = still.send(());
            let _ = holds.recv();
        });
        stands_still.await?;
        Ok(Held(held))
    }
}
