//! Events for programs of other people's: every row of `v_events` goes to the exchange `rollcall.events`, in order.
//!
//! A message is published again until the broker took it. While the broker is away the feed keeps the place, and what
//! happened meanwhile is read from the store. What a queue of a program refuses because it is full is that program's loss;
//! where nobody listens the broker drops the message at once.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use rollcall_bus::{Assurance, Bus, Link, Outgoing, PublishError};
use rollcall_model::route;
use rollcall_startup::Shutdown;
use tokio::time::sleep;

use super::{Entry, Subscription, Told};

/// Events that may be under way at once: as many may come a second time after the connection was lost.
const UNDER_WAY: usize = 64;
/// How often the broker may leave the same unconfirmed.
const SILENCES: u32 = 3;
/// Pause before the same is published or read again.
const BREATH: Duration = Duration::from_millis(500);

/// Publishes what `events` tells, until `shutdown`.
pub async fn keep_publishing(events: Subscription, bus: Bus, shutdown: Shutdown) {
    tokio::select! {
        () = publish(events, bus) => {}
        () = shutdown.requested() => {}
    }
}

async fn publish(mut events: Subscription, bus: Bus) {
    loop {
        match batch(&mut events).await {
            Ok(batch) if batch.is_empty() => return,
            Ok(batch) => send(&bus, batch.iter().map(|entry| message(entry)).collect()).await,
            Err(error) => {
                tracing::debug!("events are published later, they cannot be read: {error}");
                sleep(BREATH).await;
            }
        }
    }
}

/// The next event, and those that are there already; none at the end of the feed.
async fn batch(events: &mut Subscription) -> Result<Vec<Arc<Entry>>, rollcall_store::QueryError> {
    let mut batch = Vec::new();
    let mut told = events.next().await?;
    while let Some(next) = told {
        if let Told::Entry(entry) = next {
            batch.push(entry);
        }
        if batch.len() >= UNDER_WAY {
            break;
        }
        // What is told already must not be lost by an error: that one comes again with the next.
        told = match events.next().now_or_never() {
            Some(Ok(told)) => told,
            _ if batch.is_empty() => events.next().await?,
            _ => break,
        };
    }
    Ok(batch)
}

/// Publishes all of them, those from the first that failed on again. What the broker does not confirm for some queue's sake is
/// let go after a few times: the others who listen have it.
async fn send(bus: &Bus, mut messages: Vec<Outgoing>) {
    let (mut link, mut silences) = (bus.link(), 0);
    while !messages.is_empty() {
        if link.wait_for(|link| matches!(link, Link::Up { .. })).await.is_err() {
            return;
        }
        let results = bus.publish_all(messages.clone()).await;
        let taken = results.iter().take_while(|result| !is_passing(result)).count();
        silences =
            if taken == 0 && matches!(results[..], [Err(PublishError::Unconfirmed(_)), ..]) { silences + 1 } else { 0 };
        if silences == SILENCES {
            tracing::warn!(
                "the broker does not confirm {} events: a queue of somebody who listens is not well",
                messages.len()
            );
            return;
        }
        messages.drain(..taken);
        if !messages.is_empty() {
            sleep(BREATH).await;
        }
    }
}

/// Whether the same may be taken later. What AMQP cannot carry never is; a full queue is its owner's affair.
const fn is_passing(result: &Result<(), PublishError>) -> bool {
    matches!(result, Err(PublishError::Disconnected | PublishError::Unconfirmed(_) | PublishError::NoExchange { .. }))
}

fn message(entry: &Entry) -> Outgoing {
    Outgoing {
        exchange: route::EVENTS.into(),
        routing_key: route::event_key(&entry.kind, entry.text("subject_id")),
        body: entry.json().to_vec(),
        kind: "event",
        message_id: Some(entry.id.to_string()),
        assurance: Assurance::Announced,
        trace: None,
    }
}
