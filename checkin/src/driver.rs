//! The check-in service's only loop: waits, feeds the core, carries out effects: publish, then ack.

use rollcall_bus::{Bus, Consumer, Delivery, Link};
use rollcall_discovery::{Announced, Discovery, Sighting, Watch};
use rollcall_model::wire::txt::Announcement;
use rollcall_model::wire::v1::Envelope;
use rollcall_startup::{Clock, Shutdown};
use tokio::sync::watch;

use crate::core::{Checkin, Effect, Event};

/// Most deliveries handled in one go.
const BATCH: usize = 256;

/// The loop.
pub struct Driver {
    /// The core.
    pub core: Checkin,
    /// The clock.
    pub clock: Clock,
    /// The bus.
    pub bus: Bus,
    /// The state of the link.
    pub link: watch::Receiver<Link>,
    /// DNS-SD.
    pub discovery: Discovery,
    /// Hellos; a zone that restarts has a new table.
    pub hellos: Watch,
    /// Node subscriptions.
    pub subscriptions: Consumer,
    /// Answers of the zone.
    pub inbox: Consumer,
    /// Keeps the service announced.
    pub announced: Option<Announced>,
}

enum Woken {
    Subscriptions(Vec<Delivery>),
    Inbox(Vec<Delivery>),
    Event(Event),
    Nothing,
    Stop,
}

impl Driver {
    /// Runs until asked to stop.
    pub async fn run(mut self, shutdown: Shutdown) {
        if self.link.borrow_and_update().is_up() {
            self.step(Event::LinkUp).await;
        }
        loop {
            match self.wait(&shutdown).await {
                Woken::Stop => break,
                Woken::Nothing => {}
                Woken::Event(event) => self.step(event).await,
                Woken::Subscriptions(deliveries) => self.handle(true, deliveries).await,
                Woken::Inbox(deliveries) => self.handle(false, deliveries).await,
            }
        }
        if let Some(announced) = self.announced.take() {
            // Best effort: the record expires by itself.
            let _ = announced.withdraw().await;
        }
        self.bus.close().await;
    }

    async fn wait(&mut self, shutdown: &Shutdown) -> Woken {
        let pause = self.clock.until(self.core.next_deadline());
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let (count, woken) = tokio::select! {
            () = shutdown.requested() => return Woken::Stop,
            changed = self.link.changed() => return match changed {
                Ok(()) if self.link.borrow_and_update().is_up() => Woken::Event(Event::LinkUp),
                Ok(()) => Woken::Nothing,
                Err(_) => Woken::Stop,
            },
            Some(sighting) = self.hellos.next() => return match sighting {
                Sighting::Seen { announcement: Announcement::Hello(_), .. } => Woken::Event(Event::ZoneHeard),
                _ => Woken::Nothing,
            },
            () = tokio::time::sleep(pause) => return Woken::Event(Event::Tick),
            count = self.inbox.next_batch(&mut b, BATCH) => (count, Woken::Inbox(b)),
            count = self.subscriptions.next_batch(&mut a, BATCH) => (count, Woken::Subscriptions(a)),
        };
        if count == 0 { Woken::Stop } else { woken }
    }

    async fn step(&mut self, event: Event) {
        let effects = self.core.step(self.clock.now(), event);
        self.carry_out(effects).await;
    }

    async fn handle(&mut self, subscriptions: bool, deliveries: Vec<Delivery>) {
        let mut effects = Vec::new();
        let mut handled = Vec::with_capacity(deliveries.len());
        let mut parked = Vec::new();
        for delivery in deliveries {
            let now = self.clock.now();
            let mut reason = None;
            let followed = match Envelope::decode(&delivery.body) {
                Ok(envelope) => self.core.step(now, Event::Delivered(envelope)),
                Err(error) => {
                    reason = Some(error.to_string());
                    self.core.step(now, Event::Undecodable { reason: error.reason() })
                }
            };
            for effect in followed {
                match effect {
                    Effect::Park(why) => reason = Some(why),
                    other => effects.push(other),
                }
            }
            match reason {
                Some(reason) => parked.push((delivery, reason)),
                None => handled.push(delivery),
            }
        }
        self.carry_out(effects).await;
        let consumer = if subscriptions { &mut self.subscriptions } else { &mut self.inbox };
        for (delivery, reason) in parked {
            tracing::warn!(queue = consumer.queue(), kind = delivery.kind, "parked: {reason}");
            consumer.park(delivery, &reason).await;
        }
        consumer.ack_all(handled).await;
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut messages = Vec::new();
        for effect in effects {
            match effect {
                Effect::Publish(message) => messages.push(message),
                Effect::Announce(announcement) => {
                    match self.discovery.announce(Announcement::Checkin(announcement)).await {
                        Ok(announced) => self.announced = Some(announced),
                        Err(error) => tracing::warn!("the service cannot be announced over mDNS: {error}"),
                    }
                }
                Effect::Park(reason) => tracing::error!("nothing to park: {reason}"),
            }
        }
        if messages.is_empty() {
            return;
        }
        for result in self.bus.publish_all(messages).await {
            if let Err(error) = result {
                // The node asks again until it is answered; nothing is lost for good.
                tracing::debug!("not sent: {error}");
            }
        }
    }
}
