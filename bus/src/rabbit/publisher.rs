//! The only task that publishes on its channel, and has the broker confirm what it takes.
//!
//! One task, because the client library counts confirms in the order of calls: two tasks on one channel
//! could have theirs exchanged. It also hands a returned message to whichever confirm comes next, so
//! returned messages are told apart here by a number each message carries in `correlation-id`.
//!
//! A refusal may be the channel's and not the queue's: in a broker of several nodes a channel that first publishes to a quorum queue while
//! the node of its leader is gone refuses everything for that queue until the node is back (RabbitMQ 3.10, `rabbit_fifo_client`). So a
//! refused message is followed by a new channel, now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Confirmation, Error};
use rollcall_model::{TRACEPARENT, TraceContext};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::classify::names_exchange;
use super::session::{Over, Wire};
use crate::{Assurance, Outgoing, PublishError};

/// Most messages sent and not yet confirmed.
pub(super) const WINDOW: usize = 1024;
/// Most messages waiting for a place in the window.
pub(super) const BACKLOG: usize = 256;

/// Least time between two channels because of refusals, twice as long each time: a queue that is full refuses whatever the channel.
const RENEWED_AFTER: Duration = Duration::from_secs(1);
/// At most so long.
const LEAST_RENEWED: Duration = Duration::from_secs(30);

/// A message to publish and whom to tell.
pub(super) struct Job {
    pub message: Outgoing,
    pub extra: Extra,
    pub reply: oneshot::Sender<Result<(), PublishError>>,
}

/// What only this crate's own messages have.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub headers: BTreeMap<String, String>,
    /// Dropped from the queue after so many milliseconds.
    pub expires_ms: Option<u64>,
    /// An AMQP `type` in place of the message's.
    pub kind: Option<String>,
    /// A user id is part of every message, and the broker checks it.
    pub user: Arc<str>,
}

/// The end to hand jobs to.
pub(super) type Publisher = mpsc::Sender<Job>;

/// Opens the channel and starts the task; it ends with the connection or with its [`Publisher`].
pub(super) async fn start(wire: Arc<Wire>) -> Result<Publisher, Error> {
    let channel = open(&wire).await?;
    let (publisher, jobs) = mpsc::channel(BACKLOG);
    tokio::spawn(run(wire, channel, jobs));
    Ok(publisher)
}

async fn open(wire: &Wire) -> Result<Channel, Error> {
    let channel = wire.connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

async fn run(wire: Arc<Wire>, mut channel: Channel, mut jobs: mpsc::Receiver<Job>) {
    let mut over = wire.over();
    let mut flight = FuturesUnordered::new();
    let mut returned = BTreeSet::new();
    let mut number = 0_u64;
    let (mut doubted, mut opened_at, mut least) = (false, Instant::now(), RENEWED_AFTER);
    loop {
        tokio::select! {
            () = over.wait() => return,
            job = jobs.recv(), if flight.len() < WINDOW => {
                let Some(first) = job else { break };
                if doubted || !channel.status().connected() {
                    tokio::select! {
                        () = over.wait() => return,
                        // On failure the old channel stays and answers every job with an error.
                        opened = open(&wire) => if let Ok(opened) = opened {
                            // What is under way on the old one lands by itself, however long that takes.
                            let former = std::mem::replace(&mut channel, opened);
                            let under_way = (std::mem::take(&mut flight), std::mem::take(&mut returned));
                            tokio::spawn(land_all(wire.over(), under_way.0, under_way.1, former));
                        },
                    }
                    if doubted {
                        least = (least * 2).min(LEAST_RENEWED);
                    }
                    (doubted, opened_at) = (false, Instant::now());
                }
                let mut next = Some(first);
                while let Some(job) = next.take() {
                    number += 1;
                    flight.push(fly(channel.clone(), number, job));
                    if flight.len() < WINDOW {
                        next = jobs.try_recv().ok();
                    }
                }
            }
            Some(first) = flight.next(), if !flight.is_empty() => {
                let refused = land(first, &mut flight, &mut returned, &channel);
                if opened_at.elapsed() > LEAST_RENEWED {
                    least = RENEWED_AFTER;
                }
                doubted |= refused && opened_at.elapsed() >= least;
            }
        }
    }
    // Nobody can ask for more; what is under way still gets its answer.
    land_all(over, flight, returned, channel).await;
}

async fn land_all<F: Future<Output = Flown>>(
    mut over: Over,
    mut flight: FuturesUnordered<F>,
    mut returned: BTreeSet<u64>,
    channel: Channel,
) {
    while let Some(first) = tokio::select! { () = over.wait() => None, first = flight.next() => first } {
        land(first, &mut flight, &mut returned, &channel);
    }
}

/// A message whose fate is known.
struct Flown {
    number: u64,
    job: Job,
    fate: Result<Confirmation, Error>,
}

async fn fly(channel: Channel, number: u64, mut job: Job) -> Flown {
    let fate = send(&channel, Some(number), &mut job.message, &mut job.extra).await;
    Flown { number, job, fate }
}

/// Publishes. With a number the message can be told apart when it is returned; the channel is then a confirming one.
pub(super) async fn send(
    channel: &Channel,
    number: Option<u64>,
    message: &mut Outgoing,
    extra: &mut Extra,
) -> Result<Confirmation, Error> {
    let kind = extra.kind.take();
    let mut properties = BasicProperties::default()
        .with_user_id((&*extra.user).into())
        .with_type(kind.map_or_else(|| message.kind.into(), Into::into));
    if let Some(id) = message.message_id.take() {
        properties = properties.with_message_id(id.into());
    }
    if let Some(number) = number {
        // Confirmed means: on disk where the queue is on disk.
        properties = properties.with_delivery_mode(2).with_correlation_id(number.to_string().into());
    }
    if let Some(expires) = extra.expires_ms {
        properties = properties.with_expiration(expires.to_string().into());
    }
    if !extra.headers.is_empty() || message.trace.is_some() {
        properties = properties.with_headers(table(&extra.headers, message.trace));
    }
    let options = BasicPublishOptions { mandatory: message.assurance == Assurance::Confirmed, immediate: false };
    let body = std::mem::take(&mut message.body);
    let key = message.routing_key.as_str().into();
    channel.basic_publish(message.exchange.as_ref().into(), key, options, &body, properties).await?.await
}

fn table(headers: &BTreeMap<String, String>, trace: Option<TraceContext>) -> FieldTable {
    let mut table = FieldTable::default();
    if let Some(trace) = trace {
        table.insert(TRACEPARENT.into(), AMQPValue::LongString(trace.to_string().into()));
    }
    for (name, value) in headers {
        table.insert(name.as_str().into(), AMQPValue::LongString(value.as_str().into()));
    }
    table
}

/// Answers all whose fate is known by now. `returned` are numbers of messages that came back and are not confirmed yet:
/// a returned message comes with the next confirm, which may be long before its own. Tells whether one was refused.
fn land<F: Future<Output = Flown>>(
    first: Flown,
    flight: &mut FuturesUnordered<F>,
    returned: &mut BTreeSet<u64>,
    channel: &Channel,
) -> bool {
    let (mut flown, mut refused) = (vec![first], false);
    gather(flight, &mut flown);
    // A confirm of many messages is still being spread when its first message is seen here. This call takes the
    // lock that is held meanwhile, so afterwards all of them are known, and with them every returned message.
    let _ = channel.wait_for_confirms().now_or_never();
    gather(flight, &mut flown);
    for one in &mut flown {
        let Ok(Confirmation::Ack(message) | Confirmation::Nack(message)) = &mut one.fate else { continue };
        let number = message.take().and_then(|m| m.properties.correlation_id().as_ref()?.as_str().parse::<u64>().ok());
        returned.extend(number);
    }
    for Flown { number, job, fate } in flown {
        let (exchange, routing_key) = (job.message.exchange.into_owned(), job.message.routing_key);
        let came_back = returned.remove(&number);
        let answer = match fate {
            Ok(_) if came_back => Err(PublishError::Unroutable { exchange, routing_key }),
            Ok(Confirmation::Ack(_) | Confirmation::NotRequested) => Ok(()),
            Ok(Confirmation::Nack(_)) => Err(PublishError::Refused { exchange, routing_key }),
            Err(error) if names_exchange(&error, &exchange) => Err(PublishError::NoExchange { exchange }),
            Err(_) => Err(PublishError::Disconnected),
        };
        refused |= matches!(answer, Err(PublishError::Refused { .. }));
        // Whoever gave up waiting does not hear it.
        let _ = job.reply.send(answer);
    }
    refused
}

/// Takes all that are over. "Nothing yet" is an answer only if nobody called meanwhile: the set also says it when it
/// meets a confirm that the connection's thread is just about to enter, and behind that one there may be others.
fn gather<F: Future<Output = Flown>>(flight: &mut FuturesUnordered<F>, flown: &mut Vec<Flown>) {
    let called = Arc::new(Called::default());
    let waker = Waker::from(Arc::clone(&called));
    let mut context = Context::from_waker(&waker);
    loop {
        match flight.poll_next_unpin(&mut context) {
            Poll::Ready(Some(one)) => flown.push(one),
            Poll::Ready(None) => return,
            Poll::Pending if called.0.swap(false, Ordering::AcqRel) => std::thread::yield_now(),
            Poll::Pending => return,
        }
    }
}

/// Whether somebody asked to be looked at again.
#[derive(Default)]
struct Called(AtomicBool);

impl Wake for Called {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
