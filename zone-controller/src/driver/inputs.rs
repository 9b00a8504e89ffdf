//! What the loop waits for. Every source gets its turn: whoever has more to say than can be done does not keep the
//! others waiting, least of all the people at the API.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use rollcall_bus::{Consumer, Delivery};
use rollcall_discovery::{Sighting, Watch};
use rollcall_model::{Purpose, Tick, name, route};
use rollcall_startup::{Clock, Shutdown};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval};

use super::Ask;

/// Most deliveries handled in one transaction.
const BATCH: usize = 256;
/// From the beginning of one batch of a queue to that of its next: a transaction costs the same for one delivery as for many, so what
/// comes within this time goes together. What comes alone is not held up.
const PACE: Duration = Duration::from_millis(20);

/// What the loop waits for.
pub struct Inputs {
    /// In the order of [`queues`].
    pub consumers: Vec<Consumer>,
    /// When each of them may be looked at again.
    pub next: Vec<Instant>,
    /// Which of them is looked at first next time.
    pub turn: usize,
    /// ACKs over DNS-SD.
    pub acks: Watch,
    /// Hellos over DNS-SD.
    pub hellos: Watch,
    /// When the hello is to be signed anew.
    pub resign: Interval,
}

impl Inputs {
    /// Of queues in their order, and discovery.
    #[must_use]
    pub fn of(consumers: Vec<Consumer>, acks: Watch, hellos: Watch) -> Self {
        let next = vec![Instant::now(); consumers.len()];
        Self { consumers, next, turn: 0, acks, hellos, resign: resigning() }
    }
}

/// The hello is signed anew this often: half as long as it counts.
const RESIGNED: Duration = Duration::from_secs(rollcall_identity::hello::HELLO_LIVES / 2);

/// When the hello is to be signed anew; not at once.
fn resigning() -> Interval {
    tokio::time::interval_at(tokio::time::Instant::now() + RESIGNED, RESIGNED)
}

/// What it waited for.
pub(super) enum Woken {
    Deliveries(usize, Vec<Delivery>),
    Sighted(Sighting),
    Asked(Ask),
    Deadline,
    Resign,
    Stop,
}

/// The queues the zone consumes, with how many deliveries each may have under way: joins, the inbox, refusals, and one per channel.
#[must_use]
pub fn queues(inbox: &str, channels: &[Purpose]) -> Vec<(String, u16)> {
    let channels = channels.iter().map(|channel| {
        let under_way = if matches!(channel.as_str(), name::ALERTS | name::ANALYTICS) { 512 } else { 128 };
        (route::zone_queue(channel), under_way)
    });
    [(route::JOINS.to_owned(), 512), (inbox.to_owned(), 64), (route::REFUSALS.to_owned(), 128)]
        .into_iter()
        .chain(channels)
        .collect()
}

/// Waits for whatever comes first; `deadline` is the core's. Of several that are ready one is taken by chance, of
/// several queues the next in turn.
pub(super) async fn wait(
    inputs: &mut Inputs,
    asks: &mut mpsc::Receiver<Ask>,
    deadline: Option<Tick>,
    clock: Clock,
    shutdown: &Shutdown,
) -> Woken {
    let Inputs { consumers, next, turn, acks, hellos, resign } = inputs;
    let rung = async {
        match deadline {
            Some(deadline) => tokio::time::sleep(clock.until(deadline)).await,
            None => std::future::pending().await,
        }
    };
    let (which, deliveries) = tokio::select! {
        () = shutdown.requested() => return Woken::Stop,
        Some(ask) = asks.recv() => return Woken::Asked(ask),
        () = rung => return Woken::Deadline,
        _ = resign.tick() => return Woken::Resign,
        Some(sighting) = acks.next() => return Woken::Sighted(sighting),
        Some(sighting) = hellos.next() => return Woken::Sighted(sighting),
        delivered = next_batch(consumers, next, *turn) => delivered,
    };
    *turn = which + 1;
    next[which] = Instant::now() + PACE;
    if deliveries.is_empty() {
        // The bus was closed under us: the process is ending.
        return Woken::Stop;
    }
    Woken::Deliveries(which, deliveries)
}

/// The next batch of the first queue, from `turn` on, that has one. Safe to cancel, as the consumers are.
async fn next_batch(consumers: &mut [Consumer], next: &[Instant], turn: usize) -> (usize, Vec<Delivery>) {
    type Batch<'a> = Pin<Box<dyn Future<Output = Vec<Delivery>> + Send + 'a>>;
    let mut batches: Vec<(usize, Batch<'_>)> = Vec::with_capacity(consumers.len());
    for (which, (consumer, next)) in consumers.iter_mut().zip(next).enumerate() {
        let batch: Batch<'_> = Box::pin(async {
            tokio::time::sleep_until(*next).await;
            let mut deliveries = Vec::new();
            consumer.next_batch(&mut deliveries, BATCH).await;
            deliveries
        });
        batches.push((which, batch));
    }
    let count = batches.len();
    if count > 0 {
        batches.rotate_left(turn % count);
    }
    poll_fn(|context| {
        for (which, batch) in &mut batches {
            if let Poll::Ready(deliveries) = batch.as_mut().poll(context) {
                return Poll::Ready((*which, deliveries));
            }
        }
        Poll::Pending
    })
    .await
}
