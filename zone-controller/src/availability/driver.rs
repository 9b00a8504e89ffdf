//! The receiver's only loop: waits for RA messages, questions and what was committed; carries out no decision of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::random;
use rollcall_bus::{Bus, Consumer, Delivery, Link, spoken};
use rollcall_model::{ZoneId, route};
use rollcall_startup::{Clock, Shutdown};
use rollcall_store::{Change, Snapshot, Store};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use super::answers::answer;
use super::core::Core;
use super::facts::{Fact, drains, load};
use super::{Availability, View};
use crate::topology;

/// Commits that may wait to be looked at; when there are more, everything is read anew.
const COMMITS: usize = 1_024;
/// Most deliveries handled before anything else is looked at.
const BATCH: usize = 512;
const PREFETCH: u16 = 2_048;
/// Most questions under way.
const QUESTIONS: u16 = 64;
/// Batches of answers on their way to the broker.
const ANSWERING: usize = 4;
/// As the receiver wants it.
const TICK: Duration = Duration::from_millis(100);
/// Readers see what is new at least every so many ticks.
const SHOWN_EVERY: u32 = 10;
/// Pause after the store could not be read.
const BREATH: Duration = Duration::from_secs(1);

/// The end at which the zone's loop tells what it committed. Never waits.
#[derive(Clone, Debug)]
pub struct Committed {
    facts: mpsc::Sender<Vec<Fact>>,
    /// Something could not be told.
    missed: Arc<AtomicBool>,
}

impl Committed {
    /// These were committed.
    pub fn tell(&self, changes: &[Change]) {
        let facts: Vec<Fact> = changes.iter().filter_map(Fact::of).collect();
        if !facts.is_empty() && self.facts.try_send(facts).is_err() {
            self.missed.store(true, Ordering::Release);
        }
    }

    /// For tests of what is not about availability: nobody listens.
    #[must_use]
    pub fn nobody() -> Self {
        Self { facts: mpsc::channel(1).0, missed: Arc::default() }
    }
}

/// The task that receives.
#[derive(Debug)]
pub struct Ear {
    core: Core,
    clock: Clock,
    bus: Bus,
    store: Store,
    facts: mpsc::Receiver<Vec<Fact>>,
    missed: Arc<AtomicBool>,
    view: watch::Sender<View>,
    answered: BTreeMap<&'static str, u64>,
    ticks: u32,
    answering: Arc<Semaphore>,
}

/// The receiver, with its readers' end and the end at which it is told what was committed since `saved` was. It hears nothing
/// until [`Ear::listen`] runs.
#[must_use]
pub fn open(
    zone: ZoneId,
    clock: Clock,
    (bus, store): (Bus, Store),
    saved: &Snapshot,
) -> (Ear, Availability, Committed) {
    let (sender, facts) = mpsc::channel(COMMITS);
    let (missed, view) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(View::default()));
    let availability = Availability { view: view.subscribe(), clock };
    let committed = Committed { facts: sender, missed: Arc::clone(&missed) };
    let (mut core, answered, answering) = (Core::new(zone), BTreeMap::new(), Arc::new(Semaphore::new(ANSWERING)));
    // Read once for the whole zone: a large topology takes its time.
    core.learn_anew(clock.now().tick, Fact::of_snapshot(saved));
    (Ear { core, clock, bus, store, facts, missed, view, answered, ticks: 0, answering }, availability, committed)
}

enum Woken {
    Heard(Vec<Delivery>),
    Asked(Vec<Delivery>),
    Committed(Vec<Fact>),
    Link,
    Tick,
    End,
}

impl Ear {
    /// Receives until `shutdown`. Waits for the broker, and again after each outage.
    pub async fn listen(mut self, shutdown: Shutdown) {
        tokio::select! {
            () = self.run() => {}
            () = shutdown.requested() => {}
        }
    }

    async fn run(&mut self) {
        let (mut words, mut questions) = match self.consumers().await {
            Ok(consumers) => consumers,
            Err(error) => return tracing::error!("how free nodes are is not heard by this zone: {error}"),
        };
        self.begin().await;
        let (mut link, mut ticks) = (self.bus.link(), ticking());
        loop {
            match self.wait(&mut words, &mut questions, &mut link, &mut ticks).await {
                Woken::Heard(deliveries) => self.hear(&mut words, deliveries).await,
                Woken::Asked(deliveries) => self.answer(&mut questions, deliveries).await,
                Woken::Committed(facts) => self.learn(facts),
                // What waited for the link comes all at once: its times are not the nodes'.
                Woken::Link => self.core.held_up(self.clock.now().tick),
                Woken::Tick => self.tick().await,
                Woken::End => return,
            }
        }
    }

    async fn consumers(&self) -> Result<(Consumer, Consumer), crate::RunError> {
        self.bus.declare(topology::availability()).await?;
        let words = self.bus.consume(route::AVAILABILITY_QUEUE, PREFETCH).await?;
        Ok((words, self.bus.consume(topology::TARGETS_QUEUE, QUESTIONS).await?))
    }

    async fn wait(
        &mut self,
        words: &mut Consumer,
        questions: &mut Consumer,
        link: &mut watch::Receiver<Link>,
        ticks: &mut Interval,
    ) -> Woken {
        let (mut heard, mut asked) = (Vec::new(), Vec::new());
        tokio::select! {
            // Who may be no target any more is known before anybody is told of one.
            biased;
            Some(facts) = self.facts.recv() => Woken::Committed(facts),
            changed = link.changed() => {
                link.mark_unchanged();
                if changed.is_ok() { Woken::Link } else { Woken::End }
            }
            _ = ticks.tick() => Woken::Tick,
            count = words.next_batch(&mut heard, BATCH) => if count > 0 { Woken::Heard(heard) } else { Woken::End },
            count = questions.next_batch(&mut asked, BATCH) => if count > 0 { Woken::Asked(asked) } else { Woken::End },
        }
    }

    async fn hear(&mut self, consumer: &mut Consumer, deliveries: Vec<Delivery>) {
        let (now, checks_users) = (self.clock.now().tick, self.bus.checks_users());
        for delivery in &deliveries {
            match spoken(delivery, checks_users) {
                Ok(spoken) => self.core.hear(now, spoken),
                Err(error) => self.core.unspoken(&error),
            }
        }
        consumer.ack_all(deliveries).await;
    }

    async fn answer(&mut self, consumer: &mut Consumer, deliveries: Vec<Delivery>) {
        let (now, checks_users) = (self.clock.now().tick, self.bus.checks_users());
        // A broker that takes nothing holds up nobody here; whoever gets no answer asks again.
        let Ok(turn) = Arc::clone(&self.answering).try_acquire_owned() else {
            *self.answered.entry("busy").or_default() += deliveries.len() as u64;
            return consumer.ack_all(deliveries).await;
        };
        let mut messages = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            let word = match answer(now, &self.core, delivery, checks_users, random) {
                Ok(answered) => {
                    messages.push(answered.message);
                    answered.word
                }
                Err(refused) => {
                    tracing::debug!("{refused}");
                    refused.word()
                }
            };
            *self.answered.entry(word).or_default() += 1;
        }
        consumer.ack_all(deliveries).await;
        let bus = self.bus.clone();
        tokio::spawn(async move {
            let _turn = turn;
            let _ = bus.publish_all(messages).await;
        });
    }

    fn learn(&mut self, facts: Vec<Fact>) {
        let now = self.clock.now().tick;
        for fact in facts {
            self.core.learn(now, fact);
        }
    }

    async fn tick(&mut self) {
        let now = self.clock.now().tick;
        self.core.tick(now);
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(SHOWN_EVERY) {
            if self.missed.swap(false, Ordering::AcqRel) {
                self.read_anew().await;
            }
            self.core.look_again(now);
            self.show();
        } else if self.core.has_other_rings() {
            // Who left a group is no target of it from that moment on; a new group may wait for a tick.
            self.view.send_modify(|view| self.core.show_rings(view));
        }
    }

    fn show(&mut self) {
        let mut view = self.core.view(self.clock.now().tick);
        view.answered = Arc::new(self.answered.clone());
        self.view.send_replace(view);
    }

    /// What was saved is known already, but for who is to be drained.
    async fn begin(&mut self) {
        match drains(&self.store).await {
            Ok(drains) => self.learn(drains),
            Err(_) => return self.read_anew().await,
        }
        self.show();
    }

    /// Takes all that is committed. What is told from here on is in it already, or comes after it.
    async fn read_anew(&mut self) {
        loop {
            while self.facts.try_recv().is_ok() {}
            match load(&self.store).await {
                Ok(facts) => {
                    self.core.learn_anew(self.clock.now().tick, facts);
                    return self.show();
                }
                Err(error) => {
                    tracing::warn!("who may be a target is known later, the topology cannot be read: {error}");
                    sleep(BREATH).await;
                }
            }
        }
    }
}

fn ticking() -> Interval {
    let mut ticks = interval(TICK);
    // One that comes late is no reason for two.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
