//! Carries deliveries of one queue from one connection to their consumer, for as long as both live.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Error};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::classify::{is_locked, is_not_found, is_refusal, words};
use super::echo::Echo;
use super::feed::{Feed, Lane};
use super::session::Wire;
use crate::delivery::{Delivery, ECHO, Receipt};
use crate::{ConsumeError, DownCause};

/// Longest pause before a queue that stopped being served is consumed again.
const RETRY: Duration = Duration::from_secs(3);

/// The same complaint about a queue at most once in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Why a queue could not be consumed.
#[derive(Debug)]
pub(super) enum Refusal {
    Consume(ConsumeError),
    Lost(String, DownCause),
}

/// What one attempt on the queue came to.
pub(super) type First = oneshot::Sender<Result<(), Refusal>>;

/// Serves a feed until the connection is over or the consumer dropped. `first` hears how the first attempt
/// went; with `once`, a refused first attempt is the last.
pub(super) async fn run(wire: Arc<Wire>, feed: Arc<Feed>, echo: Arc<Echo>, first: First, once: bool) {
    let mut over = wire.over();
    let (mut first, mut complaint) = (Some(first), Complaint::default());
    while let Some(sender) = feed.sender() {
        let opened = tokio::select! {
            () = over.wait() => return,
            opened = open(&wire, &feed) => opened,
        };
        let why = match opened {
            Ok((channel, deliveries)) => {
                let lane = feed.open_lane(channel);
                tell(&mut first, Ok(()));
                let end = tokio::select! {
                    () = over.wait() => None,
                    () = sender.closed() => None,
                    why = pump(deliveries, &lane, &feed, &sender, &echo) => Some(why),
                };
                feed.close_lane();
                let Some(why) = end else { return };
                why
            }
            Err(error) => {
                let refused = first.is_some() && once;
                tell(&mut first, Err(refusal(&feed.queue, &error)));
                if refused {
                    return;
                }
                words(&error)
            }
        };
        if !wire.connection.status().connected() {
            // Not the queue: the whole connection ends, or is lost. Its supervisor knows, and says so where need be.
            return over.wait().await;
        }
        let pause = RETRY.mul_f64(rand::random::<f64>());
        if complaint.is_due(&why) {
            tracing::warn!(queue = feed.queue, why, "the queue is not served; consuming it again until it is");
        }
        tokio::select! {
            () = over.wait() => return,
            () = sender.closed() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What was complained of, and when: a node of the broker that has the queue may be away for long.
#[derive(Default)]
struct Complaint(Option<(String, Instant)>);

impl Complaint {
    fn is_due(&mut self, why: &str) -> bool {
        let is_known = self.0.as_ref().is_some_and(|(known, at)| known == why && at.elapsed() < COMPLAIN_EVERY);
        if !is_known {
            self.0 = Some((why.to_owned(), Instant::now()));
        }
        !is_known
    }
}

fn tell(first: &mut Option<First>, result: Result<(), Refusal>) {
    if let Some(first) = first.take() {
        // Whoever asked may have given up.
        let _ = first.send(result);
    }
}

fn refusal(queue: &str, error: &Error) -> Refusal {
    let queue = queue.to_owned();
    if is_not_found(error) {
        Refusal::Consume(ConsumeError::NoQueue { queue })
    } else if is_locked(error) {
        Refusal::Consume(ConsumeError::Locked { queue })
    } else if is_refusal(error) {
        Refusal::Consume(ConsumeError::Refused { queue, why: words(error) })
    } else {
        Refusal::Lost(words(error), DownCause::Lost)
    }
}

async fn open(wire: &Wire, feed: &Feed) -> Result<(Channel, lapin::Consumer), Error> {
    let channel = wire.connection.create_channel().await?;
    channel.basic_qos(feed.prefetch, BasicQosOptions::default()).await?;
    let (queue, tag) = (feed.queue.as_str().into(), "rollcall".into());
    let consumer = channel.basic_consume(queue, tag, BasicConsumeOptions::default(), FieldTable::default()).await?;
    Ok((channel, consumer))
}

/// Returns why no more deliveries come.
async fn pump(
    mut deliveries: lapin::Consumer,
    lane: &Lane,
    feed: &Feed,
    sender: &mpsc::Sender<Delivery>,
    echo: &Echo,
) -> String {
    loop {
        // While there is more at once, the waiting below with its timers and wakers is not needed.
        let next = match deliveries.next().now_or_never() {
            Some(next) => next,
            None => deliveries.next().await,
        };
        let delivery = match next {
            Some(Ok(delivery)) => delivery,
            Some(Err(error)) => return words(&error),
            None => return "the broker ended the consumer; the queue may have been deleted".into(),
        };
        lane.arrived(delivery.delivery_tag);
        let delivery = convert(delivery, lane.id);
        if feed.is_inbox && delivery.kind == ECHO {
            lane.ack(&[delivery.receipt.tag]);
            echo.heard(&delivery.body);
            continue;
        }
        if let Err(refused) = sender.try_send(delivery)
            && let mpsc::error::TrySendError::Full(delivery) = refused
            && sender.send(delivery).await.is_err()
        {
            return "the consumer is gone".into();
        }
    }
}

fn convert(delivery: lapin::message::Delivery, lane: u64) -> Delivery {
    let properties = &delivery.properties;
    let text = |field: &Option<lapin::types::ShortString>| field.as_ref().map(|text| text.as_str().to_owned());
    Delivery {
        kind: text(properties.kind()).unwrap_or_default(),
        message_id: text(properties.message_id()),
        user_id: text(properties.user_id()),
        reply_to: text(properties.reply_to()),
        headers: properties.headers().as_ref().map(text_headers).unwrap_or_default(),
        redelivered: delivery.redelivered,
        receipt: Receipt { lane, tag: delivery.delivery_tag },
        exchange: delivery.exchange.into(),
        routing_key: delivery.routing_key.into(),
        body: delivery.data,
    }
}

fn text_headers(table: &FieldTable) -> std::collections::BTreeMap<String, String> {
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    };
    table.into_iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect()
}
