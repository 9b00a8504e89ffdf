//! One zone's loop: waits, feeds the core, carries out effects. One such loop per zone, each with a
//! connection and a core of its own.
//!
//! What is delivered here is acknowledged at once: every packet that matters is kept by its sender until
//! it is answered, and the core tells the zone each change until it is confirmed. Only outcomes of actions
//! stay in the queue until the zone's own queue has them.

mod complaint;
mod intake;
mod rest;
mod services;
mod spooling;
mod welcome;

use std::collections::HashMap;
use std::sync::Arc;

use rollcall_bus::{Bus, Delivery, DownCause, Link, Outbox, PublishError, spoken};
use rollcall_discovery::{Announced, Discovery, Distrust};
use rollcall_enrolment::Entrance;
use rollcall_model::packet::Ack;
use rollcall_model::wire::txt::{Announcement, Hello};
use rollcall_model::{Name, route};
use rollcall_startup::metrics::{Question, Questions};
use rollcall_startup::traces::{Handling, Span, Tracer};
use rollcall_startup::{Clock, Shutdown};
use tokio::sync::{mpsc, watch};

use self::complaint::Complaint;
use self::intake::{Arrived, Consumers, park};
pub use self::intake::{HEALTH_PREFETCH, Refusal, Which, broker_events, control_packet, status_packet};
use self::rest::{REST, Stream};
use self::services::Services;
use self::spooling::Spooling;
use self::welcome::{Welcome, carry_on};
use crate::RunError;
use crate::core::{Effect, Event, Group, Settings, Token};
use crate::figures::Figures;
use crate::launcher::Launcher;
use crate::spool::{Kept, Spool};
use crate::topology;

/// Most status packets handled before anything else is looked at.
pub const BATCH: usize = 512;
/// Messages waiting to be sent.
const OUTBOX: usize = 8_192;

/// The loop of one zone.
pub struct Session {
    core: Group,
    clock: Clock,
    bus: Bus,
    outbox: Outbox<Token>,
    asking: Outbox<Token>,
    link: watch::Receiver<Link>,
    discovery: Discovery,
    announced: Option<Announced>,
    complaint: Complaint,
    consumers: Consumers,
    /// Status packets at hand; kept for its room.
    statuses: Vec<Delivery>,
    stream: Stream,
    /// Deliveries that are not done with, by the core's numbers.
    kept: HashMap<u64, (Which, Delivery)>,
    services: Services,
    spooling: Spooling,
    questions: Questions<Figures>,
    welcome: Welcome,
}

/// Why a loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to, or the bus was closed.
    Asked,
    /// Another controller of this group has its inbox, and serves.
    Superseded,
}

/// A hello over DNS-SD.
pub enum Heard {
    /// To be answered.
    Hello(Hello),
    /// Not believed; to be told of, nothing else.
    Distrusted(Hello, Distrust),
}

enum Woken {
    Hello(Heard),
    Link,
    Asked(Question<Figures>),
    Arrived(Arrived),
    Published(Token, Result<(), PublishError>),
    CheckinEnded(Name, String),
    Deadline,
    Stop,
}

/// What becomes of the delivery at hand.
enum Fate {
    Done,
    Kept(u64),
    Parked(String),
}

impl Session {
    /// Declares the group's queues and begins to consume them. Waits for the broker.
    ///
    /// # Errors
    /// When the broker refuses what the group declares.
    pub async fn open(settings: Settings, bus: Bus, discovery: Discovery, clock: Clock) -> Result<Self, RunError> {
        let health = route::group_queue(settings.group, route::HEALTH);
        bus.declare(topology::health(settings.group)).await?;
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
        let declared = bus.declare(topology::without_health(group)).await?;
        if !declared.missing.is_empty() {
            tracing::warn!(
                "the broker has no event exchange (plugin rabbitmq_event_exchange): a killed agent is noticed by its \
                 silence, after about 2 s, instead of at once"
            );
        }
        let consumers = Consumers::open(&bus, group, health).await?;
        let (outbox, asking) = (Outbox::start(bus.clone(), OUTBOX), Outbox::start(bus.clone(), OUTBOX));
        let link = bus.link();
        let services = Services::new(settings.zone_name.clone(), settings.addresses.first().copied());
        let complaint = Complaint::new(clock.now().tick, settings.zone_name.clone(), settings.name.clone());
        Ok(Self {
            core: Group::new(settings),
            clock,
            bus,
            outbox,
            asking,
            link,
            discovery,
            announced: None,
            complaint,
            consumers,
            statuses: Vec::new(),
            stream: Stream::default(),
            kept: HashMap::new(),
            services,
            spooling: Spooling::default(),
            questions: Questions::none(),
            welcome: Welcome::default(),
        })
    }

    /// Check-in services are run this way, with certificates got through this entrance. Without a launcher, the zone is told that none can be.
    #[must_use]
    pub fn with_launcher(mut self, launcher: Arc<dyn Launcher>, entrance: Option<Arc<Entrance>>) -> Self {
        self.services.use_launcher(launcher, entrance);
        self
    }

    /// Words on channels that the broker does not take lie here meanwhile. `left` is what a former run left.
    #[must_use]
    pub fn spooling(mut self, spool: Spool, left: Vec<(u64, Kept)>) -> Self {
        self.spooling = Spooling::begin(spool, left, &mut self.core);
        self
    }

    /// Whoever wants to know how it stands asks here.
    #[must_use]
    pub(crate) fn asked(mut self, questions: Questions<Figures>) -> Self {
        self.questions = questions;
        self
    }

    /// Goes on with the trace that began with the hello.
    #[must_use]
    pub(crate) fn traced(mut self, tracer: Tracer, root: Span) -> Self {
        self.welcome = Welcome::new(tracer, root);
        self
    }

    fn figures(&self) -> Figures {
        let (zone, spool) = (self.complaint.zone.clone(), self.spooling.standing());
        let spool_is_written = self.spooling.is_written();
        Figures { zone, link: self.bus.figures(), standing: self.core.standing(), spool, spool_is_written }
    }

    /// Runs until asked to stop, or until another controller of the group is found to have its inbox.
    pub async fn run(mut self, hellos: &mut mpsc::Receiver<Heard>, shutdown: &Shutdown) -> Ended {
        if self.link.borrow_and_update().is_up() {
            self.step(Event::LinkUp).await;
        }
        let ended = loop {
            match self.wait(hellos, shutdown).await {
                Woken::Stop => break Ended::Asked,
                Woken::Hello(Heard::Hello(hello)) => self.step(Event::HelloHeard(hello)).await,
                Woken::Hello(Heard::Distrusted(hello, why)) => self.step(Event::Distrusted(hello, why)).await,
                Woken::Asked(question) => question.answer(self.figures()),
                Woken::Link => {
                    let link = self.link.borrow_and_update().clone();
                    self.step(if link.is_up() { Event::LinkUp } else { Event::LinkDown }).await;
                    if matches!(link, Link::Down { refused: DownCause::StandsBy, .. }) {
                        break Ended::Superseded;
                    }
                }
                Woken::Arrived(Arrived::Health) => self.health().await,
                Woken::Arrived(Arrived::Events(deliveries)) => self.events(deliveries).await,
                Woken::Arrived(Arrived::Availability(deliveries)) => self.availability(deliveries).await,
                Woken::Arrived(Arrived::Control(which, deliveries)) => self.control(which, deliveries).await,
                Woken::Arrived(Arrived::Nothing) => break Ended::Asked,
                Woken::Published(token, result) => self.step(Event::Published { token, result }).await,
                Woken::CheckinEnded(name, why) => self.step(Event::CheckinEnded { name, why }).await,
                Woken::Deadline => {
                    self.step(Event::Tick).await;
                    self.consumers.health.settle_rest().await;
                    self.complaint
                        .look(self.clock.now().tick, self.core.is_subscribed() || !self.link.borrow().is_up());
                }
            }
        };
        let effects = self.core.leave_behind();
        self.carry_out(effects).await;
        self.consumers.health.settle_rest().await;
        if let Some(announced) = self.announced.take() {
            // Best effort: the record expires by itself.
            let _ = announced.withdraw().await;
        }
        self.services.end_all().await;
        self.bus.close().await;
        self.welcome.flush().await;
        ended
    }

    async fn wait(&mut self, hellos: &mut mpsc::Receiver<Heard>, shutdown: &Shutdown) -> Woken {
        let pause = self.clock.until(self.core.next_deadline());
        tokio::select! {
            () = shutdown.requested() => Woken::Stop,
            changed = self.link.changed() => if changed.is_ok() { Woken::Link } else { Woken::Stop },
            question = self.questions.next() => Woken::Asked(question),
            Some(hello) = hellos.recv() => Woken::Hello(hello),
            (token, result) = self.outbox.ended() => Woken::Published(token, result),
            (token, result) = self.asking.ended() => Woken::Published(token, result),
            (name, why) = self.services.ended() => Woken::CheckinEnded(name, why),
            () = tokio::time::sleep(pause) => Woken::Deadline,
            arrived = self.consumers.next(&mut self.statuses) => Woken::Arrived(arrived),
        }
    }

    async fn control(&mut self, which: Which, deliveries: Vec<Delivery>) {
        let mut handled = Vec::with_capacity(deliveries.len());
        let mut parked = Vec::new();
        let checks_users = self.bus.checks_users();
        let queue = self.consumers.of(which).queue().to_owned();
        for delivery in deliveries {
            let effects = match control_packet(which, &delivery, checks_users) {
                Ok(envelope) => {
                    let (handling, now) = (self.welcome.hear(&delivery, &queue), self.clock.now());
                    let event = Event::Delivered(envelope);
                    let mut effects = Handling::within(handling.as_ref(), || self.core.step(now, event));
                    if let Some(handling) = handling {
                        carry_on(handling, &mut effects);
                    }
                    effects
                }
                Err(refusal) => {
                    let message = refusal.to_string();
                    let mut effects = self.core.step(self.clock.now(), refusal.event());
                    effects.push(Effect::Park(message));
                    effects
                }
            };
            match self.carry_out(effects).await {
                Fate::Done => handled.push(delivery),
                Fate::Parked(reason) => parked.push((delivery, reason)),
                Fate::Kept(number) => {
                    self.kept.insert(number, (which, delivery));
                }
            }
        }
        if self.core.is_settled() {
            self.welcome.settled();
        }
        let consumer = self.consumers.of(which);
        park(consumer, parked).await;
        consumer.ack_all(handled).await;
    }

    /// The hot path: one reading of the clock per batch, one ack for many, and no delivery is moved.
    async fn health(&mut self) {
        let (now, taken) = (self.clock.now(), self.statuses.len());
        let checks_users = self.bus.checks_users();
        let mut effects = Vec::new();
        let mut refused = Vec::new();
        for (index, delivery) in self.statuses.iter().enumerate() {
            match status_packet(delivery, checks_users) {
                Ok(status) => {
                    let mut followed = self.core.step(now, Event::Status(status));
                    if let Some(handling) = self.welcome.hear(delivery, self.consumers.health.queue()) {
                        carry_on(handling, &mut followed);
                    }
                    effects.append(&mut followed);
                }
                Err(refusal) => {
                    refused.push((index, refusal.to_string()));
                    effects.append(&mut self.core.step(now, refusal.event()));
                }
            }
        }
        self.carry_out(effects).await;
        // From the last one on, so that what takes a place is not itself to be taken out.
        let taken_out = refused.into_iter().rev().map(|(index, message)| (self.statuses.swap_remove(index), message));
        let parked = taken_out.collect();
        park(&mut self.consumers.health, parked).await;
        self.consumers.health.settle_many(&mut self.statuses, BATCH).await;
        if self.stream.is_time_to_rest(now.tick, taken) {
            // Of the thread, not of this task: see there.
            std::thread::sleep(REST);
        }
    }

    async fn events(&mut self, deliveries: Vec<Delivery>) {
        for event in broker_events(&deliveries) {
            self.step(event).await;
        }
        self.consumers.events.ack_all(deliveries).await;
    }

    /// RA messages are dropped where they say nothing: they are worth no place among what is parked.
    async fn availability(&mut self, deliveries: Vec<Delivery>) {
        let (now, checks_users) = (self.clock.now(), self.bus.checks_users());
        let mut effects = Vec::new();
        for delivery in &deliveries {
            let event = spoken(delivery, checks_users).map_or_else(Event::Unspoken, Event::Spoken);
            effects.append(&mut self.core.step(now, event));
        }
        self.carry_out(effects).await;
        self.consumers.availability.ack_all(deliveries).await;
    }

    async fn step(&mut self, event: Event) {
        let effects = self.core.step(self.clock.now(), event);
        self.carry_out(effects).await;
    }

    /// Carries effects out; says what becomes of the delivery at hand.
    async fn carry_out(&mut self, effects: Vec<Effect>) -> Fate {
        let mut fate = Fate::Done;
        for effect in effects {
            match effect {
                Effect::Park(reason) => fate = Fate::Parked(reason),
                Effect::Keep(number) => fate = Fate::Kept(number),
                Effect::Settle(number) => {
                    if let Some((which, delivery)) = self.kept.remove(&number) {
                        self.consumers.of(which).ack(delivery).await;
                    }
                }
                Effect::Spool(number, message) => self.spooling.keep(number, message),
                Effect::Unspool(number) => self.spooling.taken(number),
                Effect::Announce(ack) => self.announce(ack).await,
                Effect::StartCheckin { name, ranges } => self.services.start(name, ranges),
                Effect::EndCheckin(name) => self.services.end(&name),
                Effect::Publish(token, mut message) => {
                    self.welcome.send(&mut message);
                    let outbox = if token.is_question() { &self.asking } else { &self.outbox };
                    if let Err(token) = outbox.send(token, message) {
                        let result = Err(PublishError::Disconnected);
                        // A full outbox: the core sends again what matters. Its answer brings no new effects but those.
                        self.core.step(self.clock.now(), Event::Published { token, result });
                    }
                }
            }
        }
        self.spooling.write();
        fate
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
