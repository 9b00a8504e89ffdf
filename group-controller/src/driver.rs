//! One zone's loop: waits, feeds the core, carries out effects. One such loop per zone, each with a
//! connection and a core of its own.
//!
//! What is delivered here is acknowledged at once: every packet that matters is kept by its sender until
//! it is answered, and the core tells the zone each change until it is confirmed.

use rollcall_bus::{Bus, Consumer, Delivery, Link, Outbox, PublishError};
use rollcall_discovery::{Announced, Discovery};
use rollcall_model::packet::Ack;
use rollcall_model::wire::status::{self, NodeStatus};
use rollcall_model::wire::txt::{Announcement, Hello};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{Millis, Name, Tick, route};
use rollcall_startup::{Clock, Shutdown};
use tokio::sync::{mpsc, watch};

use crate::RunError;
use crate::core::{Effect, Event, Group, Settings, Token};
use crate::topology::{self, BROKER_EVENTS, PRESENCE};

/// A zone that has not answered the ACK by then may never do so.
const UNANSWERED: Millis = Millis(10_000);
/// That is said this often.
const SAID_AGAIN: Millis = Millis(60_000);
/// Most status packets handled before anything else is looked at.
pub const BATCH: usize = 512;
/// Most status packets delivered and not yet acknowledged.
pub const HEALTH_PREFETCH: u16 = 2_048;
/// Messages waiting to be sent.
const OUTBOX: usize = 8_192;

/// The loop of one zone.
pub struct Session {
    core: Group,
    clock: Clock,
    bus: Bus,
    outbox: Outbox<Token>,
    link: watch::Receiver<Link>,
    discovery: Discovery,
    announced: Option<Announced>,
    complaint: Complaint,
    consumers: Consumers,
    /// Status packets at hand; kept for its room.
    statuses: Vec<Delivery>,
}

/// Says that the zone does not answer.
struct Complaint {
    zone: Name,
    group: Name,
    due: Tick,
}

struct Consumers {
    inbox: Consumer,
    presence: Consumer,
    health: Consumer,
    events: Consumer,
}

enum Woken {
    Hello(Hello),
    Link,
    Control(Which, Vec<Delivery>),
    Health,
    Events(Vec<Delivery>),
    Published(Token, Result<(), PublishError>),
    Deadline,
    Stop,
}

enum Which {
    Inbox,
    Presence,
}

impl Complaint {
    /// A zone answers whom it admits and nobody else, so this side has to say what is probably wrong.
    fn look(&mut self, now: Tick, content: bool) {
        if content {
            self.due = now + UNANSWERED;
        } else if now >= self.due {
            self.due = now + SAID_AGAIN;
            let Self { zone, group, .. } = self;
            tracing::warn!(
                "zone {zone} does not answer the ACK: is its controller up, and does its configuration admit {group} \
                 (admission.groups)? What it ignored, and why, is in its `rollcall status`"
            );
        }
    }
}

impl Session {
    /// Declares the group's queues and begins to consume them. Waits for the broker.
    ///
    /// # Errors
    /// When the broker refuses what the group declares.
    pub async fn open(settings: Settings, bus: Bus, discovery: Discovery, clock: Clock) -> Result<Self, RunError> {
        let health = route::group_queue(settings.group, route::HEALTH);
        Self::open_on(settings, bus, discovery, clock, &health).await
    }

    /// The same, but takes the status packets from another queue, which is there already: the benchmarks measure this
    /// very loop on a queue without bounds.
    ///
    /// # Errors
    /// When the broker refuses what the group declares, or that queue.
    pub async fn open_on(
        settings: Settings,
        bus: Bus,
        discovery: Discovery,
        clock: Clock,
        health: &str,
    ) -> Result<Self, RunError> {
        let group = settings.group;
        let declared = bus.declare(topology::topology(group)).await?;
        if !declared.missing.is_empty() {
            tracing::warn!(
                "the broker has no event exchange (plugin rabbitmq_event_exchange): a killed agent is noticed by its \
                 silence, after about 2 s, instead of at once"
            );
        }
        let queue = |purpose: &str| route::group_queue(group, purpose);
        let consumers = Consumers {
            inbox: bus.consume(&route::group_inbox(group), 256).await?,
            presence: bus.consume(&queue(PRESENCE), 512).await?,
            health: bus.consume(health, HEALTH_PREFETCH).await?,
            events: bus.consume(&queue(BROKER_EVENTS), 512).await?,
        };
        let (outbox, link) = (Outbox::start(bus.clone(), OUTBOX), bus.link());
        let due = clock.now().tick + UNANSWERED;
        let complaint = Complaint { zone: settings.zone_name.clone(), group: settings.name.clone(), due };
        Ok(Self {
            core: Group::new(settings),
            clock,
            bus,
            outbox,
            link,
            discovery,
            announced: None,
            complaint,
            consumers,
            statuses: Vec::new(),
        })
    }

    /// Runs until asked to stop.
    pub async fn run(mut self, mut hellos: mpsc::Receiver<Hello>, shutdown: Shutdown) {
        if self.link.borrow_and_update().is_up() {
            self.step(Event::LinkUp).await;
        }
        loop {
            match self.wait(&mut hellos, &shutdown).await {
                Woken::Stop => break,
                Woken::Hello(hello) => self.step(Event::HelloHeard(hello)).await,
                Woken::Link => {
                    let up = self.link.borrow_and_update().is_up();
                    self.step(if up { Event::LinkUp } else { Event::LinkDown }).await;
                }
                Woken::Control(which, deliveries) => self.control(which, deliveries).await,
                Woken::Health => self.health().await,
                Woken::Events(deliveries) => self.events(deliveries).await,
                Woken::Published(token, result) => self.step(Event::Published { token, result }).await,
                Woken::Deadline => {
                    self.step(Event::Tick).await;
                    self.complaint
                        .look(self.clock.now().tick, self.core.is_subscribed() || !self.link.borrow().is_up());
                }
            }
        }
        if let Some(announced) = self.announced.take() {
            // Best effort: the record expires by itself.
            let _ = announced.withdraw().await;
        }
        self.bus.close().await;
    }

    async fn wait(&mut self, hellos: &mut mpsc::Receiver<Hello>, shutdown: &Shutdown) -> Woken {
        let pause = self.clock.until(self.core.next_deadline());
        let Consumers { inbox, presence, health, events } = &mut self.consumers;
        let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
        let (count, woken) = tokio::select! {
            () = shutdown.requested() => return Woken::Stop,
            changed = self.link.changed() => return if changed.is_ok() { Woken::Link } else { Woken::Stop },
            Some(hello) = hellos.recv() => return Woken::Hello(hello),
            (token, result) = self.outbox.ended() => return Woken::Published(token, result),
            () = tokio::time::sleep(pause) => return Woken::Deadline,
            count = health.next_batch(&mut self.statuses, BATCH) => (count, Woken::Health),
            count = events.next_batch(&mut c, BATCH) => (count, Woken::Events(c)),
            count = inbox.next_batch(&mut a, BATCH) => (count, Woken::Control(Which::Inbox, a)),
            count = presence.next_batch(&mut b, BATCH) => (count, Woken::Control(Which::Presence, b)),
        };
        if count == 0 { Woken::Stop } else { woken }
    }

    async fn control(&mut self, which: Which, deliveries: Vec<Delivery>) {
        let mut handled = Vec::with_capacity(deliveries.len());
        let mut parked = Vec::new();
        for delivery in deliveries {
            let effects = match Envelope::decode(&delivery.body) {
                Ok(envelope) => self.core.step(self.clock.now(), Event::Delivered(envelope)),
                Err(error) => {
                    let mut effects = self.core.step(self.clock.now(), Event::Undecodable { reason: error.reason() });
                    effects.push(Effect::Park(error.to_string()));
                    effects
                }
            };
            match self.carry_out(effects).await {
                Some(reason) => parked.push((delivery, reason)),
                None => handled.push(delivery),
            }
        }
        let consumer = match which {
            Which::Inbox => &mut self.consumers.inbox,
            Which::Presence => &mut self.consumers.presence,
        };
        park(consumer, parked).await;
        consumer.ack_all(handled).await;
    }

    /// The hot path: one reading of the clock and one ack per batch, and no delivery is moved.
    async fn health(&mut self) {
        let now = self.clock.now();
        let mut effects = Vec::new();
        let mut refused = Vec::new();
        for (index, delivery) in self.statuses.iter().enumerate() {
            match decode(delivery) {
                Ok(status) => effects.append(&mut self.core.step(now, Event::Status(status))),
                Err((reason, message)) => {
                    effects.append(&mut self.core.step(now, Event::Undecodable { reason }));
                    refused.push((index, message));
                }
            }
        }
        self.carry_out(effects).await;
        // From the last one on, so that what takes a place is not itself to be taken out.
        let taken_out = refused.into_iter().rev().map(|(index, message)| (self.statuses.swap_remove(index), message));
        let parked = taken_out.collect();
        park(&mut self.consumers.health, parked).await;
        self.consumers.health.ack_and_clear(&mut self.statuses).await;
    }

    async fn events(&mut self, deliveries: Vec<Delivery>) {
        for delivery in &deliveries {
            if let Some(node) = delivery.headers.get("name").and_then(|queue| route::node_of_inbox(queue)) {
                self.step(Event::ConnectionClosed(node)).await;
            }
        }
        self.consumers.events.ack_all(deliveries).await;
    }

    async fn step(&mut self, event: Event) {
        let effects = self.core.step(self.clock.now(), event);
        self.carry_out(effects).await;
    }

    /// Carries effects out; says why the delivery at hand is to be parked, if it is.
    async fn carry_out(&mut self, effects: Vec<Effect>) -> Option<String> {
        let mut park = None;
        for effect in effects {
            match effect {
                Effect::Park(reason) => park = Some(reason),
                Effect::Announce(ack) => self.announce(ack).await,
                Effect::Publish(token, message) => {
                    if let Err(token) = self.outbox.send(token, message) {
                        let result = Err(PublishError::Disconnected);
                        // A full outbox: the core sends again what matters. Its answer brings no new effects but those.
                        self.core.step(self.clock.now(), Event::Published { token, result });
                    }
                }
            }
        }
        park
    }

    async fn announce(&mut self, ack: Ack) {
        let announcement = Announcement::Ack(ack);
        let told = match &mut self.announced {
            Some(announced) => announced.update(announcement).await,
            None => self.discovery.announce(announcement).await.map(|announced| self.announced = Some(announced)),
        };
        if let Err(error) = told {
            tracing::warn!("the ACK cannot be announced over mDNS, the broker will carry it: {error}");
        }
    }
}

/// A status packet whose routing key names another node than its body is somebody lying about somebody else.
fn decode(delivery: &Delivery) -> Result<NodeStatus, (&'static str, String)> {
    if delivery.kind != status::KIND {
        return Err(("unexpected_kind", format!("a health queue takes no {:?} packet", delivery.kind)));
    }
    let status = NodeStatus::decode(&delivery.body).map_err(|error| (error.reason(), error.to_string()))?;
    let key_names_sender = delivery
        .routing_key
        .rsplit_once('.')
        .and_then(|(_, node)| node.parse().ok())
        .is_some_and(|node: rollcall_model::NodeId| node == status.node);
    if key_names_sender {
        Ok(status)
    } else {
        Err(("wrong_sender", format!("routing key {:?} is not that of node {}", delivery.routing_key, status.node)))
    }
}

async fn park(consumer: &mut Consumer, parked: Vec<(Delivery, String)>) {
    for (delivery, reason) in parked {
        tracing::warn!(queue = consumer.queue(), kind = delivery.kind, "parked: {reason}");
        consumer.park(delivery, &reason).await;
    }
}
