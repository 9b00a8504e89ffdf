//! The zone's only loop: waits, feeds the core, carries out effects: save, then publish, then answer, then ack.

mod batch;
mod inputs;
mod pruning;
mod refusals;
mod saving;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use rand::random;
use rollcall_bus::audit::Refusal;
use rollcall_bus::{Bus, Consumer, Delivery, Outgoing, PacketError, PublishError, packet_of};
use rollcall_discovery::{Announced, Sighting};
use rollcall_model::wire::txt::Announcement;
use rollcall_model::{InstanceId, route};
use rollcall_startup::traces::{Handling, Kind, Stretch, Tracer};
use rollcall_startup::{Clock, Shutdown};
use rollcall_store::Store;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use self::batch::Batch;
pub use self::inputs::{Inputs, queues};
use self::inputs::{Woken, wait};
pub use self::pruning::keep_pruning;
pub use self::refusals::hear_refusals;
pub use self::saving::keep_trying;
use crate::RunError;
use crate::availability::Committed;
use crate::core::{Command, Effect, Event, Overview, PolicyProgress, Rejection, Settings, Zone};
use crate::leadership::Office;
use crate::trust::Trust;

/// Why a command was not carried out, or is not known to have been.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The zone refused it; nothing was changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The database failed; nothing was changed.
    #[error("it could not be saved: {0}")]
    NotSaved(String),
    /// The broker did not take what the command is about.
    #[error("it could not be sent: {0}; send it again")]
    NotSent(PublishError),
    /// The zone controller waits for its broker.
    #[error("the zone is not up: it waits for its broker; /readyz tells why")]
    NotUp,
}

/// What the API asks of the core.
#[derive(Debug)]
pub enum Ask {
    /// Counters and latest reports.
    Overview(oneshot::Sender<Overview>),
    /// Whether the loop turns.
    Alive(oneshot::Sender<()>),
    /// How far the groups have come with the policy.
    Progress(oneshot::Sender<Vec<PolicyProgress>>),
    /// To be decided, saved and only then answered.
    Command(Box<Command>, oneshot::Sender<Result<Value, CommandError>>),
}

/// The loop.
pub struct Driver {
    /// The core.
    pub zone: Zone,
    /// What it was started with, to start it anew from what is saved.
    pub settings: Settings,
    /// The bus.
    pub bus: Bus,
    /// The store.
    pub store: Store,
    /// Who receives RA messages is told what was committed.
    pub committed: Committed,
    /// The clock.
    pub clock: Clock,
    /// Who waits for the answer to a command.
    pub waiting: Waiting,
    /// Whether it may act.
    pub office: Office,
    /// What signs the hello, where the zone has an identity.
    pub trust: Option<Arc<Trust>>,
    /// Questions and commands from the API.
    pub asks: mpsc::Receiver<Ask>,
    /// Records what is handled of traces.
    pub tracer: Tracer,
    /// When to end.
    pub shutdown: Shutdown,
}

/// Who waits for the answer to a command, by its number.
#[derive(Debug, Default)]
pub struct Waiting {
    last: u64,
    asked: HashMap<u64, oneshot::Sender<Result<Value, CommandError>>>,
}

impl Waiting {
    fn answer(&mut self, request: u64, result: Result<Value, CommandError>) {
        if let Some(asker) = self.asked.remove(&request) {
            // The asker may have gone; then nobody misses the answer.
            let _ = asker.send(result);
        }
    }
}

impl Driver {
    /// Answers the API, and does nothing else, while the broker is waited for. Ends when nobody can ask any more.
    pub async fn answer(&mut self) {
        while let Some(ask) = self.asks.recv().await {
            match ask {
                Ask::Command(_, asker) => drop(asker.send(Err(CommandError::NotUp))),
                ask => self.tell(ask),
            }
        }
    }

    /// Answers a question that changes nothing.
    fn tell(&self, ask: Ask) {
        // The asker may have gone; then nobody misses the answer.
        match ask {
            Ask::Overview(asker) => drop(asker.send(self.zone.overview().clone())),
            Ask::Progress(asker) => drop(asker.send(self.zone.policy_progress())),
            Ask::Alive(asker) => drop(asker.send(())),
            Ask::Command(..) => {}
        }
    }

    /// Runs until asked to stop, and keeps the hello announced as long.
    ///
    /// # Errors
    /// When the store fails: nothing was acknowledged, everything is delivered again to the next run.
    pub async fn run(mut self, mut inputs: Inputs, mut hello: Announced) -> Result<(), RunError> {
        loop {
            let deadline = self.zone.next_deadline();
            let woken = wait(&mut inputs, &mut self.asks, deadline, self.clock, &self.shutdown).await;
            // What is decided while the lease has lapsed would be decided of what may not be so any more.
            if !self.until_entitled().await? {
                break;
            }
            match woken {
                Woken::Deliveries(which, deliveries) => self.handle(&mut inputs.consumers[which], deliveries).await?,
                Woken::Sighted(sighting) => self.sighted(sighting).await?,
                Woken::Asked(Ask::Command(command, asker)) => {
                    if self.command(*command, asker).await? == Restarted::Yes {
                        hello.update(self.announcement()).await?;
                    }
                }
                Woken::Resign => hello.update(self.announcement()).await?,
                Woken::Asked(ask) => self.tell(ask),
                Woken::Deadline => self.step(Event::Tick).await?,
                Woken::Stop => break,
            }
        }
        // Best effort: the record expires by itself.
        let _ = hello.withdraw().await;
        self.bus.close().await;
        self.tracer.flush().await;
        Ok(())
    }

    /// The hello as it is announced now.
    #[must_use]
    pub fn announcement(&self) -> Announcement {
        let hello = self.zone.hello();
        Announcement::Hello(match &self.trust {
            Some(trust) => trust.signed(hello, self.clock.now().wall),
            None => hello,
        })
    }

    async fn sighted(&mut self, sighting: Sighting) -> Result<(), RunError> {
        let event = match sighting {
            Sighting::Seen { announcement: Announcement::Ack(ack), .. } => Event::AckHeard(ack),
            Sighting::Seen { announcement: Announcement::Hello(hello), .. } => Event::HelloHeard(hello),
            Sighting::Distrusted { hello, distrust, .. } => Event::HelloRefused {
                reason: distrust.reason,
                from: hello.name.to_string(),
                message: distrust.to_string(),
            },
            Sighting::Refused { instance, error, .. } => {
                Event::AckRefused { reason: error.reason(), from: instance, message: error.to_string() }
            }
            Sighting::Seen { .. } | Sighting::Gone { .. } => return Ok(()),
        };
        self.step(event).await
    }

    async fn step(&mut self, event: Event) -> Result<(), RunError> {
        let effects = self.zone.step(self.clock.now(), event);
        self.carry_out(effects).await
    }

    /// One batch: all its saves in one transaction, then all its publishes, then one ack.
    async fn handle(&mut self, consumer: &mut Consumer, deliveries: Vec<Delivery>) -> Result<(), RunError> {
        if consumer.queue() == route::REFUSALS {
            return self.refused_by_the_broker(consumer, deliveries).await;
        }
        let mut effects = Vec::new();
        let mut settled = Vec::with_capacity(deliveries.len());
        let (mut parked, mut traced) = (Vec::new(), Vec::new());
        for delivery in deliveries {
            let handling = Handling::of(&self.tracer, delivery.trace(), &delivery.kind, consumer.queue());
            let event = match packet_of(&delivery, self.bus.checks_users()) {
                Ok(envelope) => Event::Delivered(envelope),
                Err(error) => {
                    parked.push((delivery, error.to_string()));
                    effects.extend(self.zone.step(self.clock.now(), refused(error)));
                    continue;
                }
            };
            let mut reason = None;
            let now = self.clock.now();
            for effect in Handling::within(handling.as_ref(), || self.zone.step(now, event)) {
                match effect {
                    Effect::Park(why) => reason = Some(why),
                    Effect::Publish(mut message) => {
                        message.trace = handling.as_ref().and_then(|it| it.carried_by(message.kind));
                        effects.push(Effect::Publish(message));
                    }
                    other => effects.push(other),
                }
            }
            match reason {
                Some(reason) => parked.push((delivery, reason)),
                None => settled.push(delivery),
            }
            traced.extend(handling);
        }
        self.carry_out_of(&traced, effects).await?;
        drop(traced);
        for (delivery, reason) in parked {
            tracing::warn!(queue = consumer.queue(), kind = delivery.kind, "parked: {reason}");
            consumer.park(delivery, &reason).await;
        }
        consumer.ack_all(settled).await;
        Ok(())
    }

    /// Lines of the broker's log, most of which tell of other things.
    async fn refused_by_the_broker(
        &mut self,
        consumer: &mut Consumer,
        deliveries: Vec<Delivery>,
    ) -> Result<(), RunError> {
        let now = self.clock.now();
        let refusal = |line: &Delivery| Refusal::of_line(&String::from_utf8_lossy(&line.body));
        let refusals = deliveries.iter().filter_map(refusal).map(Event::BrokerRefused);
        let effects = refusals.flat_map(|event| self.zone.step(now, event)).collect();
        self.carry_out(effects).await?;
        consumer.ack_all(deliveries).await;
        Ok(())
    }

    /// One command. When what it changes cannot be saved it is answered so, and the core starts anew from what is
    /// saved: it must not be ahead of the store.
    async fn command(
        &mut self,
        command: Command,
        asker: oneshot::Sender<Result<Value, CommandError>>,
    ) -> Result<Restarted, RunError> {
        if let Err(reason) = saving::possible(&self.store) {
            drop(asker.send(Err(CommandError::NotSaved(reason))));
            return Ok(Restarted::No);
        }
        self.waiting.last += 1;
        let request = self.waiting.last;
        self.waiting.asked.insert(request, asker);
        // Everything else is sent again until it is answered.
        let must_be_sent = matches!(command, Command::Send { .. });
        let effects = self.zone.command(self.clock.now(), request, command);
        let batch = Batch::of(effects);
        if let Err(error) = self.try_to_save(&batch.changes).await {
            if error.is_fenced() {
                return Err(RunError::unsaved(error));
            }
            tracing::error!("a command could not be saved: {error}; the zone starts anew from what is saved");
            self.waiting.answer(request, Err(CommandError::NotSaved(error.to_string())));
            self.start_anew().await?;
            return Ok(Restarted::Yes);
        }
        let (unroutable, failed) = self.publish(batch.messages).await?;
        let untaken = unroutable.first().map(|routing_key| PublishError::Unroutable {
            exchange: route::ZONE.into(),
            routing_key: routing_key.clone(),
        });
        if let Some(error) = failed.or(untaken).filter(|_| must_be_sent) {
            self.waiting.answer(request, Err(CommandError::NotSent(error)));
        }
        self.answer_all(batch.answers);
        self.told_unroutable(unroutable).await?;
        Ok(Restarted::No)
    }

    async fn start_anew(&mut self) -> Result<(), RunError> {
        let (saved, placed) = self.saved().await?;
        self.next_generation().await?;
        // The new core counts messages and orders from 1 again; their ids are made of the instance and that number.
        let settings = Settings { instance: InstanceId::from_bytes(random()), ..self.settings.clone() };
        let (mut zone, first) = Zone::start(self.clock.now(), settings, saved);
        zone.recall_places(placed);
        self.zone = zone;
        // Who asked something of a node will get no answer: the question is forgotten.
        self.waiting.asked.clear();
        self.carry_out(first).await
    }

    /// Saves, then publishes, then answers.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), RunError> {
        self.carry_out_of(&[], effects).await
    }

    /// The same, as a part of the steps of these traces.
    async fn carry_out_of(&mut self, traced: &[Handling], effects: Vec<Effect>) -> Result<(), RunError> {
        let batch = Batch::of(effects);
        let (is_saved, is_said) = (!batch.changes.is_empty(), !batch.messages.is_empty());
        let (saved, saving) = Stretch::until(self.save(&batch.changes)).await;
        saved.map_err(RunError::unsaved)?;
        let (said, saying) = Stretch::until(self.publish(batch.messages)).await;
        let (unroutable, _) = said?;
        traced.iter().filter(|_| is_saved).for_each(|it| it.part("save", Kind::Internal, saving));
        traced.iter().filter(|_| is_said).for_each(|it| it.part("publish", Kind::Producer, saying));
        self.answer_all(batch.answers);
        self.told_unroutable(unroutable).await
    }

    /// Publishes; says which messages nobody takes, and the first of any other failure.
    ///
    /// # Errors
    /// When the zone may not act any more: nothing was published.
    async fn publish(&mut self, messages: Vec<Outgoing>) -> Result<(Vec<String>, Option<PublishError>), RunError> {
        let (mut unroutable, mut failed) = (Vec::new(), None);
        if messages.is_empty() {
            return Ok((unroutable, failed));
        }
        if !self.until_entitled().await? {
            return Ok((unroutable, Some(PublishError::Disconnected)));
        }
        let keys: Vec<String> = messages.iter().map(|message| message.routing_key.clone()).collect();
        let results = pin!(self.bus.publish_all(messages)).await;
        for (routing_key, result) in keys.into_iter().zip(results) {
            match result {
                Ok(()) => {}
                // A lost answer is asked for again; the saved state gives the same one.
                Err(PublishError::Unroutable { .. }) => unroutable.push(routing_key),
                Err(error) => {
                    tracing::debug!(%routing_key, "not sent: {error}");
                    failed.get_or_insert(error);
                }
            }
        }
        Ok((unroutable, failed))
    }

    fn answer_all(&mut self, answers: Vec<(u64, Result<Value, Rejection>)>) {
        for (request, result) in answers {
            self.waiting.answer(request, result.map_err(CommandError::Rejected));
        }
    }

    /// Tells the core who takes nothing any more. What it wants done about that is done once: a message of that lot that
    /// nobody takes either is told with the next.
    async fn told_unroutable(&mut self, unroutable: Vec<String>) -> Result<(), RunError> {
        let now = self.clock.now();
        let events = unroutable.into_iter().map(|routing_key| Event::Unroutable { routing_key });
        let effects: Vec<Effect> = events.flat_map(|event| self.zone.step(now, event)).collect();
        let batch = Batch::of(effects);
        self.save(&batch.changes).await.map_err(RunError::unsaved)?;
        let (unroutable, _) = self.publish(batch.messages).await?;
        if !unroutable.is_empty() {
            tracing::debug!(?unroutable, "nobody takes these, either");
        }
        self.answer_all(batch.answers);
        Ok(())
    }
}

/// What the core is told of a packet that is put aside.
fn refused(error: PacketError) -> Event {
    match error {
        PacketError::Undecodable(error) => Event::Undecodable { reason: error.reason() },
        PacketError::Unentitled(error) => Event::Unentitled(error),
    }
}

/// Whether the core was started anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restarted {
    Yes,
    No,
}
