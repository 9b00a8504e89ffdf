//! The agent's only loop: waits, feeds the core, carries out effects.

use std::time::Duration;

use rollcall_alarm::Alarm;
use rollcall_bus::{Bus, Consumer, Delivery, DownCause, Link, Outbox, Outgoing, packet_of};
use rollcall_discovery::{Sighting, Watch};
use rollcall_model::wire::txt::Announcement;
use rollcall_model::{HardwareTopology, Millis, Name, Tick};
use rollcall_startup::metrics::{Question, Questions};
use rollcall_startup::traces::Handling;
use rollcall_startup::{Clock, Shutdown};
use tokio::sync::watch;

use crate::actions::Runner;
use crate::availability::Measuring;
use crate::checkins::Checkins;
use crate::clash::Clash;
use crate::core::{Agent, Effect, Event, Receipt};
use crate::figures::Figures;
use crate::intake::Dropped;
use crate::journey::Journey;
use crate::probes::Sampler;
use crate::rereading::Rereading;
use crate::state::EpochFile;

/// Messages waiting to be sent. An agent says little; more waiting means that the broker does not keep up.
pub const OUTBOX: usize = 64;
/// A check-in service is found within a few seconds; after this its absence is worth a line in the log.
const UNFOUND: Millis = Millis(8_000);
/// Then the line is repeated this often.
const SAID_AGAIN: Millis = Millis(60_000);
/// A clean shutdown waits this long for the good-bye to be confirmed.
const GOODBYE: Duration = Duration::from_secs(2);

/// The loop.
pub struct Driver {
    /// The core.
    pub core: Agent,
    /// The clock.
    pub clock: Clock,
    /// The bus.
    pub bus: Bus,
    /// Messages on their way, with what is to be said when the broker has them.
    pub outbox: Outbox<Option<Receipt>>,
    /// The state of the link.
    pub link: watch::Receiver<Link>,
    /// The inbox.
    pub inbox: Consumer,
    /// What came into it and could not be handled.
    pub dropped: Dropped,
    /// Check-in services over DNS-SD.
    pub sightings: Watch,
    /// Wakes the loop at the next deadline.
    pub alarm: Alarm,
    /// Readings.
    pub sampling: Sampling,
    /// How much of the machine is in use.
    pub measuring: Measuring,
    /// Carries out actions.
    pub runner: Runner,
    /// Looks at the hardware again; `None` for a machine that does not exist.
    pub rereading: Option<Rereading>,
    /// Where the epoch is kept; `None` without a state directory.
    pub epoch: Option<EpochFile>,
    /// Who wants to know how it stands.
    pub questions: Questions<Figures>,
    /// The trace of its joining.
    pub journey: Journey,
    /// Who this is, for choosing a check-in service and for reporting a clash.
    pub place: Place,
}

/// What the loop must know of where it runs.
pub struct Place {
    /// The zone.
    pub zone: Name,
    /// The node's address.
    pub address: std::net::IpAddr,
    /// The check-in services heard of.
    pub checkins: Checkins,
    /// When it is to be said that none is responsible for this node; `None` once one is.
    pub complaint: Option<Tick>,
    /// Notices another agent with this node's identifier.
    pub clash: Clash,
}

impl Place {
    /// The time of the first complaint.
    #[must_use]
    pub fn patient_until(now: Tick) -> Tick {
        now + UNFOUND
    }

    fn look(&mut self, now: Tick, linked: bool) {
        if linked && self.complaint.is_some_and(|due| now >= due) {
            self.complaint = Some(now + SAID_AGAIN);
            let Self { zone, address, checkins, .. } = self;
            tracing::warn!(
                "no check-in service of zone {zone} is responsible for {address} ({}): give one that range, or tell this \
                 agent its right address (address)",
                checkins.heard_of(zone)
            );
        }
    }
}

/// Taking readings.
pub struct Sampling {
    /// Takes them.
    pub sampler: Sampler,
    /// How often.
    pub period: Millis,
    /// When next.
    pub next: Tick,
}

impl Sampling {
    /// Asks for a sample when it is time, and says by when to ask for the next. Another period counts from now, so that
    /// nothing seems to be late. It is asked for by whoever is awake around that time: a node that speaks once a second does
    /// not wake up for its readings as well.
    fn ask(&mut self, now: Tick, period: Millis) -> Tick {
        if period != self.period {
            self.period = period;
            self.next = self.next.min(now + period);
        }
        let latest = self.next + around(period);
        if now + around(period) < self.next {
            return latest;
        }
        self.sampler.request(now, latest);
        self.next = now + period;
        self.next + around(period)
    }
}

/// How much sooner or later than after a period a sample may be asked for: at the defaults, the two together are as long as
/// a node is silent.
const fn around(period: Millis) -> Millis {
    Millis(period.0 / 10)
}

enum Woken {
    Event(Event),
    Deliveries(Vec<Delivery>),
    Sighting(Sighting),
    Link(Link),
    Asked(Question<Figures>),
    Nothing,
    Stop,
}

impl Driver {
    /// Runs until asked to stop, then says good-bye.
    pub async fn run(mut self, shutdown: Shutdown) {
        let link = self.link.borrow_and_update().clone();
        self.linked(&link, &shutdown).await;
        loop {
            self.place.look(self.clock.now().tick, self.link.borrow().is_up());
            match self.wait(&shutdown).await {
                Woken::Stop => break,
                Woken::Nothing => {}
                Woken::Asked(question) => question.answer(self.figures()),
                Woken::Event(event) => self.step(event),
                Woken::Link(link) => self.linked(&link, &shutdown).await,
                Woken::Deliveries(deliveries) => self.deliver(deliveries).await,
                Woken::Sighting(sighting) => self.sighted(sighting),
            }
        }
        for event in self.runner.stop().await {
            self.step(event);
        }
        self.step(Event::Leave);
        // Whether or not the good-bye was confirmed in time, the broker closes the inbox and the rack learns it.
        let _ = tokio::time::timeout(GOODBYE, self.outbox.drain()).await;
        self.bus.close().await;
    }

    async fn wait(&mut self, shutdown: &Shutdown) -> Woken {
        let now = self.clock.now().tick;
        let sample = self.sampling.ask(now, self.core.sample_period());
        let measure = self.measuring.ask(now, self.core.wants_usage());
        let deadline = [self.core.next_deadline(), measure].into_iter().flatten().fold(sample, Tick::min);
        let deadline = self.clock.instant(deadline);
        let mut deliveries = Vec::new();
        tokio::select! {
            () = shutdown.requested() => Woken::Stop,
            changed = self.link.changed() => match changed {
                Ok(()) => Woken::Link(self.link.borrow_and_update().clone()),
                Err(_) => Woken::Stop,
            },
            count = self.inbox.next_batch(&mut deliveries, 64) => {
                if count == 0 { Woken::Stop } else { Woken::Deliveries(deliveries) }
            }
            question = self.questions.next() => Woken::Asked(question),
            sample = self.sampling.sampler.next() => Woken::Event(Event::Sampled(sample)),
            measured = self.measuring.next() => Woken::Event(Event::Measured(measured)),
            event = self.runner.next() => Woken::Event(event),
            hardware = next_hardware(&mut self.rereading) => Woken::Event(Event::HardwareChanged(Box::new(hardware))),
            Some(sighting) = self.sightings.next() => Woken::Sighting(sighting),
            // A message that did not go out is said again by the core.
            (receipt, result) = self.outbox.ended() => match receipt.filter(|_| result.is_ok()) {
                Some(receipt) => Woken::Event(Event::Confirmed(receipt)),
                None => Woken::Nothing,
            },
            () = self.alarm.at(Some(deadline)) => Woken::Event(Event::Tick),
        }
    }

    fn figures(&self) -> Figures {
        Figures {
            zone: self.place.zone.clone(),
            link: self.bus.figures(),
            standing: self.core.standing(self.clock.now()),
            dropped: self.dropped.counts().clone(),
            probes: self.sampling.sampler.figures(),
        }
    }

    fn step(&mut self, event: Event) {
        for effect in self.core.step(self.clock.now(), event) {
            self.carry_out(effect);
        }
    }

    /// Carries out an effect; gives back the reason why a delivered message is dropped.
    fn carry_out(&mut self, effect: Effect) -> Option<String> {
        match effect {
            Effect::Publish(message) => self.send(None, message),
            Effect::Assure(receipt, message) => self.send(Some(receipt), message),
            Effect::Drop(reason) => return Some(reason),
            Effect::Keep(epoch) => {
                if let Some(kept) = &self.epoch {
                    kept.keep(epoch);
                }
            }
            Effect::Act(order) => self.runner.act(order),
            Effect::Record(outcome) => self.runner.record(outcome),
        }
        None
    }

    fn send(&mut self, receipt: Option<Receipt>, mut message: Outgoing) {
        self.journey.send(&mut message);
        if self.outbox.send(receipt, message).is_err() {
            tracing::debug!("the broker does not keep up: a message was dropped, its successor will be sent");
        }
    }

    async fn deliver(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let (event, mut dropped) = match packet_of(&delivery, self.bus.checks_users()) {
                Ok(envelope) => (Event::Delivered(envelope), None),
                Err(error) => (Event::Undecodable, Some((error.reason(), error.to_string()))),
            };
            let (handling, now) = (self.journey.hear(&delivery, self.inbox.queue()), self.clock.now());
            for effect in Handling::within(handling.as_ref(), || self.core.step(now, event)) {
                dropped = self.carry_out(effect).map(|why| ("unexpected_kind", why)).or(dropped);
            }
            if let Some((reason, why)) = dropped {
                self.dropped.note(&delivery.kind, reason, &why);
            }
            self.inbox.ack(delivery).await;
        }
    }

    fn sighted(&mut self, sighting: Sighting) {
        let checkins = &mut self.place.checkins;
        match sighting {
            Sighting::Seen { announcement: Announcement::Checkin(service), instance, .. } => {
                checkins.heard(instance, service);
            }
            Sighting::Gone { instance } => checkins.gone(&instance),
            Sighting::Seen { .. } | Sighting::Refused { .. } | Sighting::Distrusted { .. } => return,
        }
        if let Some(checkin) = checkins.responsible(&self.place.zone, self.place.address) {
            self.place.complaint = None;
            self.step(Event::CheckinFound(checkin));
        }
    }

    async fn linked(&mut self, link: &Link, shutdown: &Shutdown) {
        match link {
            Link::Up { .. } => self.step(Event::LinkUp),
            Link::Connecting => {}
            Link::Down { refused, .. } => {
                self.step(Event::LinkDown);
                if *refused == DownCause::InboxTaken {
                    self.settle_clash(shutdown).await;
                }
            }
        }
    }

    /// The inbox is held by another connection: nothing else can be done until it is free.
    async fn settle_clash(&mut self, shutdown: &Shutdown) {
        let (mut link, standing) = (self.link.clone(), self.figures());
        let Self { place, bus, clock, core, questions, .. } = self;
        let answering = async {
            loop {
                let link = bus.figures();
                questions.next().await.answer(Figures { link, ..standing.clone() });
            }
        };
        tokio::select! {
            // An error means that the bus is closed.
            () = place.clash.watched(bus, async { drop(link.wait_for(Link::is_up).await) }, clock, core) => {}
            () = answering => {}
            () = shutdown.requested() => {}
        }
    }
}

async fn next_hardware(rereading: &mut Option<Rereading>) -> HardwareTopology {
    match rereading {
        Some(rereading) => rereading.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::Machine;

    #[tokio::test]
    async fn readings_are_asked_for_by_whoever_is_awake_around_that_time_and_are_then_not_late() {
        let sampler = Sampler::simulated(Machine::generate(1, 1));
        let mut sampling = Sampling { sampler, period: Millis(5_000), next: Tick::default() };
        // (when somebody is awake, whether readings are taken, by when somebody has to be awake)
        let table = [
            (0, true, 5_500),
            (4_400, false, 5_500),
            (4_600, true, 10_100),
            (10_100, true, 15_600),
            (14_599, false, 15_600),
            (15_101, true, 20_601),
        ];
        for (now, taken, latest) in table {
            assert_eq!(sampling.ask(Tick(now), Millis(5_000)), Tick(latest), "at {now}");
            let sample = tokio::time::timeout(Duration::from_millis(1), sampling.sampler.next()).await.ok();
            assert_eq!(sample.as_ref().map(|sample| sample.taken), taken.then_some(Tick(now)));
            let late = sample.and_then(|sample| sample.readings[crate::probes::bit::AGENT_QUALITY]);
            assert!(late.is_none_or(|late| late == 0.0), "{late:?}");
        }
    }
}
