//! The task that publishes what the broker does not confirm, on a channel of its own.
//!
//! Its callers hear as soon as the connection has taken a message. That it was written to the socket is looked at with the
//! next one, and waited for only when too many are on their way: nobody is woken up to hear that a keep-alive went out.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use futures::FutureExt;
use lapin::{Channel, Error};
use tokio::sync::mpsc;

use super::classify::names_exchange;
use super::publisher::{BACKLOG, Job, Publisher, WINDOW, send};
use super::session::Wire;
use crate::PublishError;

/// A message on its way to the socket.
type Writing = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Opens the channel and starts the task; it ends with the connection or with its [`Publisher`].
pub(super) async fn start(wire: Arc<Wire>) -> Result<Publisher, Error> {
    let channel = wire.connection.create_channel().await?;
    let (publisher, jobs) = mpsc::channel(BACKLOG);
    tokio::spawn(run(wire, channel, jobs));
    Ok(publisher)
}

async fn run(wire: Arc<Wire>, mut channel: Channel, mut jobs: mpsc::Receiver<Job>) {
    let mut over = wire.over();
    let mut writing = VecDeque::new();
    loop {
        let next = tokio::select! {
            () = over.wait() => return,
            // Written in order: when the first one is out there is room.
            _ = first(&mut writing), if writing.len() >= WINDOW => None,
            job = jobs.recv(), if writing.len() < WINDOW => match job {
                Some(job) => Some(job),
                None => return,
            },
        };
        let Some(job) = next else {
            writing.pop_front();
            written(&mut writing);
            continue;
        };
        if !channel.status().connected() {
            tokio::select! {
                () = over.wait() => return,
                // On failure the old channel stays and answers every job with an error.
                opened = wire.connection.create_channel() => if let Ok(opened) = opened { channel = opened },
            }
        }
        written(&mut writing);
        // All that wait, one after the other: the connection's thread finds them together and writes them as one.
        let mut next = Some(job);
        while let Some(job) = next.take() {
            publish(&channel, job, &mut writing);
            if writing.len() < WINDOW {
                next = jobs.try_recv().ok();
            }
        }
    }
}

/// Waits until the first one is written. Cancel-safe.
async fn first(writing: &mut VecDeque<Writing>) {
    if let Some(first) = writing.front_mut() {
        // If it failed the channel is gone, which the next message notices.
        let _ = first.await;
    }
}

/// Forgets those that are written.
fn written(writing: &mut VecDeque<Writing>) {
    while writing.front_mut().is_some_and(|first| first.now_or_never().is_some()) {
        writing.pop_front();
    }
}

fn publish(channel: &Channel, job: Job, writing: &mut VecDeque<Writing>) {
    let (channel, exchange) = (channel.clone(), job.message.exchange.clone());
    let Job { mut message, mut extra, reply } = job;
    let mut sending: Writing =
        Box::pin(async move { send(&channel, None, &mut message, &mut extra).await.map(|_| ()) });
    // Queued with the first poll, or refused by it.
    let answer = match sending.as_mut().now_or_never() {
        Some(Err(error)) if names_exchange(&error, &exchange) => {
            Err(PublishError::NoExchange { exchange: exchange.into_owned() })
        }
        Some(Err(_)) => Err(PublishError::Disconnected),
        Some(Ok(())) => Ok(()),
        None => {
            writing.push_back(sending);
            Ok(())
        }
    };
    // Whoever gave up waiting does not hear it.
    let _ = reply.send(answer);
}
