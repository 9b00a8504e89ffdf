//! A queue in front of the bus, for loops that must not wait for the broker's confirms.

use tokio::sync::mpsc;

use crate::{Bus, Outgoing, PublishError};

/// Most messages sent in one go.
const BATCH: usize = 256;

/// Publishes in the background, in order, and tells how each message ended. Bounded: a full outbox takes nothing.
#[derive(Debug)]
pub struct Outbox<T> {
    queue: mpsc::Sender<(T, Outgoing)>,
    results: mpsc::Receiver<(T, Result<(), PublishError>)>,
}

impl<T: Send + 'static> Outbox<T> {
    /// Starts the publisher, with room for so many messages. It ends when the outbox is dropped.
    #[must_use]
    pub fn start(bus: Bus, room: usize) -> Self {
        let (queue, mut waiting) = mpsc::channel::<(T, Outgoing)>(room);
        let (ended, results) = mpsc::channel(room);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, BATCH).await > 0 {
                let (tokens, messages): (Vec<T>, Vec<Outgoing>) = batch.drain(..).unzip();
                let outcomes = bus.publish_all(messages).await;
                for result in tokens.into_iter().zip(outcomes) {
                    if ended.send(result).await.is_err() {
                        return;
                    }
                }
            }
        });
        Self { queue, results }
    }

    /// Takes a message.
    ///
    /// # Errors
    /// The token, when the outbox is full: the broker does not keep up.
    pub fn send(&self, token: T, message: Outgoing) -> Result<(), T> {
        self.queue.try_send((token, message)).map_err(|error| match error {
            mpsc::error::TrySendError::Full((token, _)) | mpsc::error::TrySendError::Closed((token, _)) => token,
        })
    }

    /// The next message's end. Cancel-safe. Pending for ever when the publisher is gone.
    pub async fn ended(&mut self) -> (T, Result<(), PublishError>) {
        match self.results.recv().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// Waits until everything taken has been published, or given up.
    pub async fn drain(mut self) {
        drop(self.queue);
        while self.results.recv().await.is_some() {}
    }
}
