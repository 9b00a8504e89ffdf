//! The check-in service's only loop: waits, feeds the core, carries out effects: save, then publish, then ack.

use rollcall_bus::{Bus, Consumer, Delivery, Link, Outgoing, PacketError, PublishError, packet_of};
use rollcall_discovery::{Announced, Discovery, Sighting, Watch};
use rollcall_model::Name;
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint, Hello};
use rollcall_startup::metrics::{Question, Questions};
use rollcall_startup::traces::{Handling, Kind, Stretch, Tracer};
use rollcall_startup::{Clock, Shutdown, StateError};
use tokio::sync::watch;

use crate::core::{Checkin, Effect, Event};
use crate::figures::Figures;
use crate::journal::Journal;
use crate::memory::Record;

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
    /// Name of the zone, and the broker that is used.
    pub zone: (Name, BrokerEndpoint),
    /// What outlives the process; without it nothing does.
    pub journal: Option<Journal>,
    /// Node subscriptions.
    pub subscriptions: Consumer,
    /// Answers of the zone.
    pub inbox: Consumer,
    /// Keeps the service announced.
    pub announced: Option<Announced>,
    /// Who wants to know how it stands.
    pub questions: Questions<Figures>,
    /// Records what is handled of traces.
    pub tracer: Tracer,
}

/// How the loop ended.
pub enum Ended {
    /// It was asked to, or the bus is closed.
    Stopped,
    /// The zone is at another broker than it was: begin anew there.
    Moved(BrokerEndpoint, Parts),
}

/// What a loop that begins anew goes on with.
pub struct Parts {
    /// Hellos.
    pub hellos: Watch,
    /// What outlives the process.
    pub journal: Option<Journal>,
}

enum Woken {
    Subscriptions(Vec<Delivery>),
    Inbox(Vec<Delivery>),
    Event(Event),
    Hello(Hello),
    Asked(Question<Figures>),
    Nothing,
    Stop,
}

impl Driver {
    /// Runs until asked to stop.
    ///
    /// # Errors
    /// When what was decided cannot be saved: nobody has heard of it, and the deliveries come again to the next run.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<Ended, StateError> {
        let ended = self.serve(&shutdown).await;
        if let Some(announced) = self.announced.take() {
            // Best effort: the record expires by itself.
            let _ = announced.withdraw().await;
        }
        self.bus.close().await;
        Ok(match ended? {
            Some(broker) => Ended::Moved(broker, Parts { hellos: self.hellos, journal: self.journal }),
            None => Ended::Stopped,
        })
    }

    async fn serve(&mut self, shutdown: &Shutdown) -> Result<Option<BrokerEndpoint>, StateError> {
        if self.link.borrow_and_update().is_up() {
            self.step(Event::LinkUp).await?;
        }
        loop {
            match self.wait(shutdown).await {
                Woken::Stop => return Ok(None),
                Woken::Nothing => {}
                Woken::Hello(hello) if self.is_elsewhere(&hello) => return Ok(Some(hello.broker)),
                Woken::Asked(question) => question.answer(self.figures()),
                Woken::Hello(_) => self.step(Event::ZoneHeard).await?,
                Woken::Event(event) => self.step(event).await?,
                Woken::Subscriptions(deliveries) => self.handle(true, deliveries).await?,
                Woken::Inbox(deliveries) => self.handle(false, deliveries).await?,
            }
        }
    }

    fn figures(&self) -> Figures {
        Figures { zone: self.zone.0.clone(), link: self.bus.figures(), standing: self.core.standing() }
    }

    /// Whether the zone calls from another broker, while nobody has answered at this one.
    fn is_elsewhere(&self, hello: &Hello) -> bool {
        let (name, broker) = &self.zone;
        let same_zone = self.core.zone().is_some_and(|zone| zone == hello.zone) && hello.name == *name;
        same_zone && hello.broker != *broker && !self.core.is_confirmed()
    }

    async fn wait(&mut self, shutdown: &Shutdown) -> Woken {
        let pause = self.clock.until(self.core.next_deadline());
        let (mut a, mut b) = (Vec::new(), Vec::new());
        // In this order: what the zone has answered already is heard before its silence is judged.
        let (count, woken) = tokio::select! {
            biased;
            () = shutdown.requested() => return Woken::Stop,
            changed = self.link.changed() => return match changed {
                Ok(()) if self.link.borrow_and_update().is_up() => Woken::Event(Event::LinkUp),
                Ok(()) => Woken::Event(Event::LinkDown),
                Err(_) => Woken::Stop,
            },
            question = self.questions.next() => return Woken::Asked(question),
            Some(sighting) = self.hellos.next() => return match sighting {
                Sighting::Seen { announcement: Announcement::Hello(hello), .. } => Woken::Hello(hello),
                _ => Woken::Nothing,
            },
            count = self.inbox.next_batch(&mut b, BATCH) => (count, Woken::Inbox(b)),
            () = tokio::time::sleep(pause) => return Woken::Event(Event::Tick),
            count = self.subscriptions.next_batch(&mut a, BATCH) => (count, Woken::Subscriptions(a)),
        };
        if count == 0 { Woken::Stop } else { woken }
    }

    async fn step(&mut self, event: Event) -> Result<(), StateError> {
        let effects = self.core.step(self.clock.now(), event);
        self.carry_out(effects, &[]).await
    }

    async fn handle(&mut self, subscriptions: bool, deliveries: Vec<Delivery>) -> Result<(), StateError> {
        let mut effects = Vec::new();
        let mut handled = Vec::with_capacity(deliveries.len());
        let (mut parked, mut traced) = (Vec::new(), Vec::new());
        let queue = if subscriptions { &self.subscriptions } else { &self.inbox }.queue().to_owned();
        for delivery in deliveries {
            let now = self.clock.now();
            let handling = Handling::of(&self.tracer, delivery.trace(), &delivery.kind, &queue);
            let mut reason = None;
            let followed = match packet_of(&delivery, self.bus.checks_users()) {
                Ok(envelope) => Handling::within(handling.as_ref(), || self.core.step(now, Event::Delivered(envelope))),
                Err(error) => {
                    reason = Some(error.to_string());
                    self.core.step(now, refused(error))
                }
            };
            for effect in followed {
                match effect {
                    Effect::Park(why) => reason = Some(why),
                    Effect::Publish(mut message) => {
                        message.trace = handling.as_ref().and_then(|it| it.carried_by(message.kind));
                        effects.push(Effect::Publish(message));
                    }
                    other => effects.push(other),
                }
            }
            traced.extend(handling);
            match reason {
                Some(reason) => parked.push((delivery, reason)),
                None => handled.push(delivery),
            }
        }
        self.carry_out(effects, &traced).await?;
        drop(traced);
        let consumer = if subscriptions { &mut self.subscriptions } else { &mut self.inbox };
        for (delivery, reason) in parked {
            tracing::warn!(queue = consumer.queue(), kind = delivery.kind, "parked: {reason}");
            consumer.park(delivery, &reason).await;
        }
        consumer.ack_all(handled).await;
        Ok(())
    }

    /// Saves, then publishes. What the broker's answers lead to is carried out too. `traced` are the messages at hand that are
    /// of a trace.
    async fn carry_out(&mut self, effects: Vec<Effect>, traced: &[Handling]) -> Result<(), StateError> {
        let mut effects = effects;
        while !effects.is_empty() {
            let (mut records, mut announcements, mut messages) = (Vec::new(), Vec::new(), Vec::new());
            for effect in effects {
                match effect {
                    Effect::Save(record) => records.push(record),
                    Effect::Publish(message) => messages.push(message),
                    Effect::Announce(announcement) => announcements.push(announcement),
                    Effect::Park(reason) => tracing::error!("nothing to park: {reason}"),
                }
            }
            let is_saving = !records.is_empty() && self.journal.is_some();
            let (saved, saving) = Stretch::until(self.save(records)).await;
            saved?;
            traced.iter().filter(|_| is_saving).for_each(|it| it.part("save", Kind::Internal, saving));
            for announcement in announcements {
                match self.discovery.announce(Announcement::Checkin(announcement)).await {
                    Ok(announced) => self.announced = Some(announced),
                    Err(error) => tracing::warn!("the service cannot be announced over mDNS: {error}"),
                }
            }
            let is_said = !messages.is_empty();
            let (next, saying) = Stretch::until(self.publish(messages)).await;
            traced.iter().filter(|_| is_said).for_each(|it| it.part("publish", Kind::Producer, saying));
            effects = next;
        }
        Ok(())
    }

    async fn save(&mut self, records: Vec<Record>) -> Result<(), StateError> {
        if records.is_empty() {
            return Ok(());
        }
        let Some(mut journal) = self.journal.take() else { return Ok(()) };
        // A disk may take its time; the connection goes on breathing meanwhile.
        let saved = tokio::task::spawn_blocking(move || (journal.save(records), journal)).await;
        match saved {
            Ok((result, journal)) => {
                self.journal = Some(journal);
                result
            }
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    async fn publish(&mut self, messages: Vec<Outgoing>) -> Vec<Effect> {
        if messages.is_empty() {
            return Vec::new();
        }
        let keys: Vec<String> = messages.iter().map(|message| message.routing_key.clone()).collect();
        let results = self.bus.publish_all(messages).await;
        let now = self.clock.now();
        let mut effects = Vec::new();
        for (routing_key, result) in keys.into_iter().zip(results) {
            match result {
                Ok(()) => {}
                Err(
                    PublishError::Unroutable { .. } | PublishError::Refused { .. } | PublishError::NoExchange { .. },
                ) => {
                    effects.extend(self.core.step(now, Event::Unroutable { routing_key }));
                }
                // The node asks again until it is answered; what was granted is told again.
                Err(error) => tracing::debug!("not sent: {error}"),
            }
        }
        effects
    }
}

/// What the core is told of a packet that is put aside.
fn refused(error: PacketError) -> Event {
    match error {
        PacketError::Undecodable(error) => Event::Undecodable { reason: error.reason() },
        PacketError::Unentitled(error) => Event::Unentitled(error),
    }
}
