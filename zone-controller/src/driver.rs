//! The zone's only loop: waits, feeds the core, carries out effects: save, then publish, then ack.

use std::pin::pin;

use rollcall_bus::{Bus, Consumer, Delivery, PublishError};
use rollcall_discovery::{Announced, Sighting, Watch};
use rollcall_model::route;
use rollcall_model::wire::txt::Announcement;
use rollcall_model::wire::v1::Envelope;
use rollcall_startup::{Clock, Shutdown};
use rollcall_store::{Change, Store};
use tokio::sync::{mpsc, oneshot};

use crate::RunError;
use crate::core::{Effect, Event, Overview, Zone};

/// Most deliveries handled in one transaction.
const BATCH: usize = 256;

/// A question to the core, from the API.
pub type Ask = oneshot::Sender<Overview>;

/// What the loop waits for.
pub struct Inputs {
    /// Joins, alerts, analytics and inbox.
    pub consumers: [Consumer; 4],
    /// ACKs over DNS-SD.
    pub acks: Watch,
    /// Hellos over DNS-SD.
    pub hellos: Watch,
    /// Questions from the API.
    pub asks: mpsc::Receiver<Ask>,
}

/// The loop.
pub struct Driver {
    /// The core.
    pub zone: Zone,
    /// The bus.
    pub bus: Bus,
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
}

enum Woken {
    Deliveries(usize, Vec<Delivery>),
    Sighted(Sighting),
    Asked(Ask),
    Stop,
}

impl Driver {
    /// Answers the API, and does nothing else, while the broker is waited for. Ends when nobody can ask any more.
    pub async fn answer(&self, asks: &mut mpsc::Receiver<Ask>) {
        while let Some(ask) = asks.recv().await {
            // The asker may have gone; then nobody misses the answer.
            let _ = ask.send(self.zone.overview().clone());
        }
    }

    /// Runs until asked to stop, and keeps the hello announced as long.
    ///
    /// # Errors
    /// When the store fails: nothing was acknowledged, everything is delivered again to the next run.
    pub async fn run(mut self, mut inputs: Inputs, hello: Announced, shutdown: &Shutdown) -> Result<(), RunError> {
        loop {
            let woken = wait(&mut inputs, shutdown).await;
            match woken {
                Woken::Deliveries(which, deliveries) => self.handle(&mut inputs.consumers[which], deliveries).await?,
                Woken::Sighted(sighting) => self.sighted(sighting).await?,
                Woken::Asked(ask) => {
                    // The asker may have gone; then nobody misses the answer.
                    let _ = ask.send(self.zone.overview().clone());
                }
                Woken::Stop => break,
            }
        }
        // Best effort: the record expires by itself.
        let _ = hello.withdraw().await;
        self.bus.close().await;
        Ok(())
    }

    async fn sighted(&mut self, sighting: Sighting) -> Result<(), RunError> {
        let event = match sighting {
            Sighting::Seen { announcement: Announcement::Ack(ack), .. } => Event::AckHeard(ack),
            Sighting::Seen { announcement: Announcement::Hello(hello), .. } => Event::HelloHeard(hello),
            Sighting::Refused { instance, error, .. } => {
                Event::AckRefused { reason: error.reason(), from: instance, message: error.to_string() }
            }
            Sighting::Seen { .. } | Sighting::Gone { .. } => return Ok(()),
        };
        let effects = self.zone.step(self.clock.now(), event);
        self.carry_out(effects).await
    }

    /// One batch: all its saves in one transaction, then all its publishes, then one ack.
    async fn handle(&mut self, consumer: &mut Consumer, deliveries: Vec<Delivery>) -> Result<(), RunError> {
        let mut effects = Vec::new();
        let mut settled = Vec::with_capacity(deliveries.len());
        let mut parked = Vec::new();
        for delivery in deliveries {
            let event = match Envelope::decode(&delivery.body) {
                Ok(envelope) => Event::Delivered(envelope),
                Err(error) => {
                    let reason = error.reason();
                    parked.push((delivery, error.to_string()));
                    effects.extend(self.zone.step(self.clock.now(), Event::Undecodable { reason }));
                    continue;
                }
            };
            let mut reason = None;
            for effect in self.zone.step(self.clock.now(), event) {
                match effect {
                    Effect::Park(why) => reason = Some(why),
                    other => effects.push(other),
                }
            }
            match reason {
                Some(reason) => parked.push((delivery, reason)),
                None => settled.push(delivery),
            }
        }
        self.carry_out(effects).await?;
        for (delivery, reason) in parked {
            tracing::warn!(queue = consumer.queue(), kind = delivery.kind, "parked: {reason}");
            consumer.park(delivery, &reason).await;
        }
        consumer.ack_all(settled).await;
        Ok(())
    }

    /// Saves, then publishes.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), RunError> {
        let (mut changes, mut messages): (Vec<Change>, Vec<_>) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Save(change) => changes.push(change),
                Effect::Publish(message) => messages.push(message),
                Effect::Park(reason) => tracing::error!("nothing to park: {reason}"),
            }
        }
        if !changes.is_empty() {
            self.store.commit(&changes).await.map_err(RunError::Commit)?;
        }
        if messages.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = messages.iter().map(|message| message.routing_key.clone()).collect();
        let results = pin!(self.bus.publish_all(messages)).await;
        let now = self.clock.now();
        for (routing_key, result) in keys.into_iter().zip(results) {
            match result {
                Ok(()) => {}
                // A lost answer is asked for again; the saved state gives the same one.
                Err(PublishError::Unroutable { .. }) => {
                    self.zone.step(now, Event::Unroutable { routing_key });
                }
                Err(error) => tracing::debug!(%routing_key, "not sent: {error}"),
            }
        }
        Ok(())
    }
}

async fn wait(inputs: &mut Inputs, shutdown: &Shutdown) -> Woken {
    let Inputs { consumers, acks, hellos, asks } = inputs;
    let [joins, alerts, analytics, inbox] = consumers;
    let (mut a, mut b, mut c, mut d) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (which, count) = tokio::select! {
        () = shutdown.requested() => return Woken::Stop,
        Some(ask) = asks.recv() => return Woken::Asked(ask),
        count = joins.next_batch(&mut a, BATCH) => (0, count),
        count = alerts.next_batch(&mut b, BATCH) => (1, count),
        count = inbox.next_batch(&mut d, BATCH) => (3, count),
        count = analytics.next_batch(&mut c, BATCH) => (2, count),
        Some(sighting) = acks.next() => return Woken::Sighted(sighting),
        Some(sighting) = hellos.next() => return Woken::Sighted(sighting),
    };
    if count == 0 {
        // The bus was closed under us: the process is ending.
        return Woken::Stop;
    }
    let deliveries = match which {
        0 => a,
        1 => b,
        2 => c,
        _ => d,
    };
    Woken::Deliveries(which, deliveries)
}

/// The queues the zone consumes, in the order of [`Inputs::consumers`].
#[must_use]
pub fn queues(inbox: &str) -> [String; 4] {
    [route::JOINS.into(), "zone.alerts".into(), "zone.analytics".into(), inbox.into()]
}
