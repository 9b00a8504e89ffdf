//! All that belongs to one connection and goes with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lapin::{Connection, Error};
use tokio::sync::{OnceCell, oneshot, watch};
use tokio::time::Instant;

use super::echo::Echo;
use super::lossy;
use super::publisher::{self, Extra, Job, Publisher};
use super::socket::Cutter;
use crate::{Assurance, Outgoing, PublishError};

/// The connection itself, for the tasks that live on it.
pub(super) struct Wire {
    pub connection: Connection,
    pub generation: u64,
    cutter: Cutter,
    over: watch::Sender<bool>,
}

impl Wire {
    pub fn new(connection: Connection, generation: u64, cutter: Cutter) -> Self {
        Self { connection, generation, cutter, over: watch::Sender::new(false) }
    }

    /// Tells when the connection is over.
    pub fn over(&self) -> Over {
        Over(self.over.subscribe())
    }

    /// Ends everything on the connection.
    pub fn end(&self) {
        self.over.send_replace(true);
        self.cutter.cut();
    }

    /// Closes in order, waiting no longer than this for the broker's word.
    pub async fn close(&self, patience: Duration) {
        // Whether the broker answers or not, the connection ends.
        let _ = tokio::time::timeout(patience, self.connection.close(200, "closed".into())).await;
        self.end();
    }
}

/// Waits for the end of a connection.
#[derive(Clone)]
pub(super) struct Over(watch::Receiver<bool>);

impl Over {
    pub async fn wait(&mut self) {
        // An error means that the wire itself is gone.
        let _ = self.0.wait_for(|over| *over).await;
    }

    pub fn is(&self) -> bool {
        *self.0.borrow()
    }
}

/// The connection with its publishers: what a caller publishes on.
pub(super) struct Session {
    pub wire: Arc<Wire>,
    pub echo: Arc<Echo>,
    confirmed: Publisher,
    /// A window of its own: what other people's queues do not confirm holds up nothing else. Few processes need it.
    announced: OnceCell<Publisher>,
    lossy: Publisher,
    user: Arc<str>,
    deadline: Duration,
}

impl Session {
    pub async fn start(wire: Arc<Wire>, echo: Arc<Echo>, user: Arc<str>, deadline: Duration) -> Result<Self, Error> {
        let confirmed = publisher::start(Arc::clone(&wire)).await?;
        let lossy = lossy::start(Arc::clone(&wire)).await?;
        Ok(Self { wire, echo, confirmed, announced: OnceCell::new(), lossy, user, deadline })
    }

    pub fn extra(&self) -> Extra {
        Extra { user: Arc::clone(&self.user), ..Extra::default() }
    }

    /// When the broker has to have confirmed what is published now.
    pub fn confirmed_by(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// Publishes one message, to be confirmed by `deadline`.
    pub async fn publish(&self, message: Outgoing, extra: Extra, deadline: Instant) -> Result<(), PublishError> {
        match tokio::time::timeout_at(deadline, self.hand_over(message, extra)).await {
            Ok(Ok(answer)) => self.answer(answer, deadline).await,
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.unconfirmed()),
        }
    }

    /// Publishes many under one deadline.
    pub async fn publish_all(&self, messages: Vec<Outgoing>) -> Vec<Result<(), PublishError>> {
        let deadline = self.confirmed_by();
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            let handed = tokio::time::timeout_at(deadline, self.hand_over(message, self.extra())).await;
            answers.push(handed.unwrap_or_else(|_| Err(self.unconfirmed())));
        }
        let mut results = Vec::with_capacity(answers.len());
        for answer in answers {
            results.push(match answer {
                Ok(answer) => self.answer(answer, deadline).await,
                Err(error) => Err(error),
            });
        }
        results
    }

    async fn hand_over(&self, message: Outgoing, extra: Extra) -> Result<Answer, PublishError> {
        message.check()?;
        let publisher = match message.assurance {
            Assurance::Confirmed => &self.confirmed,
            Assurance::Announced => {
                let opened = self.announced.get_or_try_init(|| publisher::start(Arc::clone(&self.wire)));
                opened.await.map_err(|_| PublishError::Disconnected)?
            }
            Assurance::Lossy => &self.lossy,
        };
        let (reply, answer) = oneshot::channel();
        publisher.send(Job { message, extra, reply }).await.map_err(|_| PublishError::Disconnected)?;
        Ok(answer)
    }

    async fn answer(&self, answer: Answer, deadline: Instant) -> Result<(), PublishError> {
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(PublishError::Disconnected),
            Err(_) => Err(self.unconfirmed()),
        }
    }

    fn unconfirmed(&self) -> PublishError {
        PublishError::Unconfirmed(u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX))
    }

    /// Headers for a message of this crate's own.
    pub fn with_headers(&self, headers: BTreeMap<String, String>, kind: String) -> Extra {
        Extra { headers, kind: Some(kind), ..self.extra() }
    }
}

type Answer = oneshot::Receiver<Result<(), PublishError>>;
