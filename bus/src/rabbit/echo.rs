//! The echo: a message to our own inbox that proves the way to the broker and back.
//!
//! Only a broker that routes, queues and delivers lets it come back; an open socket proves nothing. The
//! inbox's consumer may be busy and hold as many deliveries as it may: then the broker keeps the echo back and
//! its word that it took the message must do.
//!
//! A broker that says something else meanwhile, be it a heartbeat, lives and has not come to the echo yet. To leave it and come back
//! would only give it more to do, so it is given [`MOST_PATIENCE`] times as long.
//!
//! A broker of several nodes forgets queues by name that were on a node which is gone, each of the others for itself: one that was made
//! anew meanwhile, too, and whoever consumes it hears no more of it. So after each echo the process's own queues are asked for, and the
//! first echo comes soon after a connection that is not the first.

use std::time::Duration;

use rollcall_model::route;
use tokio::sync::watch;
use tokio::time::Instant;

use super::declare;
use super::ear::Ear;
use super::publisher::Extra;
use super::session::Session;
use super::shared::Shared;
use crate::delivery::ECHO;
use crate::{Assurance, Outgoing, PublishError};

/// How many deadlines a broker may take that is heard meanwhile.
const MOST_PATIENCE: u32 = 3;
/// When the first echo is sent on a connection that is not the first, unless echoes are more frequent.
const SOON: Duration = Duration::from_secs(2);

/// Which echo was heard last.
#[derive(Debug)]
pub(super) struct Echo(watch::Sender<u64>);

impl Echo {
    pub fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// An echo with this body came back.
    pub fn heard(&self, body: &[u8]) {
        if let Ok(number) = body.try_into().map(u64::from_be_bytes) {
            self.0.send_replace(number);
        }
    }

    async fn wait_for(&self, number: u64) {
        // The sender is ours, so this only ends by being heard.
        let _ = self.0.subscribe().wait_for(|heard| *heard >= number).await;
    }
}

/// Sends echoes for ever; returns why the connection cannot be trusted any more. None are sent while the broker takes no messages
/// (`held`): that it does not is its own word, and its heartbeats prove that it is there, else the client library ends the connection.
pub(super) async fn run(
    shared: &Shared,
    session: &Session,
    echo: &Echo,
    ear: &Ear,
    mut held: watch::Receiver<Option<String>>,
) -> String {
    let period = Duration::from_millis(shared.settings.echo_period_ms);
    let deadline = Duration::from_millis(shared.settings.echo_deadline_ms);
    let mut number = 0;
    // Together with what goes out anyway, and never later than promised.
    let slack = period.mul_f64(0.12);
    let first = if session.wire.generation > 1 { SOON.min(period) } else { period };
    loop {
        number += 1;
        let pause = if number == 1 { first } else { period };
        rollcall_alarm::roughly(pause.saturating_sub(slack), slack).await;
        let sent = Instant::now();
        tokio::select! {
            biased;
            // One that is under way is answered when the broker takes messages again.
            Ok(_) = held.wait_for(Option::is_some) => {}
            answer = once(shared, session, echo, number, deadline * MOST_PATIENCE) => match answer {
                Ok(()) => shared.tally.echoed(sent.elapsed()),
                Err(why) => return why,
            },
            () = ear.silence(deadline) => return silent(shared, deadline),
        }
        shared.proven();
    }
}

fn silent(shared: &Shared, span: Duration) -> String {
    format!("no echo through inbox {:?} within {} ms", shared.inbox, span.as_millis())
}

async fn once(shared: &Shared, session: &Session, echo: &Echo, number: u64, deadline: Duration) -> Result<(), String> {
    through_inbox(shared, session, echo, number, deadline).await?;
    let topology = shared.topology();
    let own: Vec<&str> = topology.own_queues().collect();
    if own.is_empty() {
        return Ok(());
    }
    // A broker that takes its time for this, or does not tell, has answered the echo all the same.
    match tokio::time::timeout(deadline, declare::forgotten(&session.wire.connection, &own)).await {
        Ok(Ok(Some(queue))) => Err(format!("the broker has no queue {queue:?} any more")),
        Ok(Ok(None) | Err(_)) | Err(_) => Ok(()),
    }
}

async fn through_inbox(
    shared: &Shared,
    session: &Session,
    echo: &Echo,
    number: u64,
    deadline: Duration,
) -> Result<(), String> {
    let until = Instant::now() + deadline;
    let message = Outgoing {
        exchange: route::DIRECT.into(),
        routing_key: shared.inbox.clone(),
        body: number.to_be_bytes().into(),
        kind: ECHO,
        message_id: None,
        assurance: Assurance::Confirmed,
        trace: None,
    };
    // It must not pile up in an inbox that nobody reads.
    let expires_ms = u64::try_from(deadline.as_millis()).ok();
    let extra = Extra { expires_ms, ..session.extra() };
    match session.publish(message, extra, until).await {
        Ok(()) => {}
        // A full inbox refuses it: that, too, is an answer.
        Err(PublishError::Refused { .. }) => return Ok(()),
        Err(PublishError::Unroutable { .. } | PublishError::NoExchange { .. }) => {
            return Err(format!("the broker has no inbox {:?} any more", shared.inbox));
        }
        Err(PublishError::Unconfirmed(_)) => return Err(silent(shared, deadline)),
        Err(error) => return Err(error.to_string()),
    }
    if !shared.inbox_listens() {
        return Ok(());
    }
    match tokio::time::timeout_at(until, echo.wait_for(number)).await {
        Ok(()) => Ok(()),
        Err(_) if !shared.inbox_listens() => Ok(()),
        Err(_) => Err(silent(shared, deadline)),
    }
}
