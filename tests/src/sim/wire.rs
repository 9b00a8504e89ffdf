//! From a publisher to the broker and from the broker to a consumer: where messages are lost, doubled and late.

use rollcall_bus::local::{ConsumerId, SessionId};
use rollcall_bus::{Assurance, Delivery, Outgoing, PublishError};
use rollcall_group_controller::core::Token;

use super::chance::Fate;
use super::process::{Lane, Pid, Role};
use super::world::{Happening, World};

/// The connection's deadline for a confirm, milliseconds.
const CONFIRM_DEADLINE: u64 = 5_000;
/// Most deliveries taken at a time, as the drivers have it.
const BATCH: usize = 256;

/// What the publisher wants to know a publish by.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Token(Token),
    Key(String),
    Receipt(rollcall_node_agent::core::Receipt),
}

/// Who is to hear how a publish ended.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub pid: Pid,
    pub life: u32,
    pub mark: Mark,
}

impl World {
    /// A process publishes.
    pub(super) fn publish(&mut self, pid: Pid, mark: Option<Mark>, message: &Outgoing) {
        self.published(pid, message);
        let message = &self.really_sent(message);
        let process = &self.processes[pid];
        let life = process.life;
        let reply = mark.map(|mark| Reply { pid, life, mark });
        let Some(session) = process.session else {
            return self.reply(0, reply, Err(PublishError::Disconnected));
        };
        let mut fate = if process.mute {
            Fate { arrivals: Vec::new(), confirmed: false }
        } else if self.is_faulty() {
            self.chance.fate(&self.rates, message.assurance)
        } else {
            Fate::good()
        };
        self.count_fate(&fate, message.assurance);
        // An alarmed broker reads nothing: what is sent waits on the way, perhaps longer than its publisher.
        let held = self.blocked_until.saturating_sub(self.now());
        fate.arrivals.iter_mut().for_each(|after| *after += held);
        if held >= CONFIRM_DEADLINE && fate.confirmed && message.assurance != Assurance::Lossy {
            self.tally.count("confirms that came too late");
            fate.confirmed = false;
        }
        let mut reply = reply;
        if !fate.confirmed {
            // A lossy message is not awaited: its publisher hears nothing of its loss.
            let (after, result) = match message.assurance {
                Assurance::Confirmed | Assurance::Announced => {
                    (CONFIRM_DEADLINE, Err(PublishError::Unconfirmed(CONFIRM_DEADLINE)))
                }
                Assurance::Lossy => (1, Ok(())),
            };
            self.reply(after, reply.take(), result);
        }
        for after in fate.arrivals {
            let message = message.clone();
            self.soon(after, Happening::Arrive { from: pid, session, message, reply: reply.take() });
        }
    }

    fn count_fate(&mut self, fate: &Fate, assurance: Assurance) {
        let confirmed = assurance == Assurance::Confirmed;
        match (fate.arrivals.as_slice(), confirmed) {
            ([], true) => self.tally.count("confirmed messages lost"),
            ([], false) => self.tally.count("lossy messages lost"),
            ([1], _) => {}
            ([_], _) => self.tally.count("messages late"),
            _ => self.tally.count("messages doubled"),
        }
        if confirmed && !fate.confirmed && !fate.arrivals.is_empty() {
            self.tally.count("confirms lost");
        }
    }

    fn reply(&mut self, after: u64, reply: Option<Reply>, result: Result<(), PublishError>) {
        if let Some(Reply { pid, life, mark }) = reply {
            self.soon(after, Happening::Reply { pid, life, mark, result });
        }
    }

    /// A message reaches the broker.
    pub(super) fn arrive(&mut self, from: Pid, session: SessionId, message: Outgoing, reply: Option<Reply>) {
        // What was under way when the connection broke may have come to its end or not; nothing goes on from a node of the broker that is gone.
        let process = &self.processes[from];
        let (is_former, has_parted) = (process.session != Some(session), process.parted_at.is_some());
        if is_former && (has_parted || (self.is_faulty() && self.chance.happens(0.5))) {
            self.tally.count("messages lost with their connection");
            return self.reply(1, reply, Err(PublishError::Disconnected));
        }
        if !self.broker_up {
            self.tally.count("messages that found no broker");
            return self.reply(1, reply, Err(PublishError::Disconnected));
        }
        let now = rollcall_model::Tick(self.now());
        let result = self.broker.publish(self.wires[from], now, message);
        self.reply(1, reply, result);
        self.wake_consumers();
    }

    /// Whoever was given something looks at it a little later.
    pub(super) fn wake_consumers(&mut self) {
        for consumer in self.broker.take_ready() {
            let owner = self.processes.iter().enumerate().find_map(|(pid, process)| {
                let lane = process.consumers.iter().find(|(_, id)| *id == consumer)?.0;
                Some((pid, process.life, lane))
            });
            let Some((pid, life, lane)) = owner else { continue };
            let late = self.is_faulty() && self.chance.happens(self.rates.late);
            let after = if late { self.chance.between(5, 500) } else { 1 };
            self.soon(after, Happening::Deliver { pid, life, lane });
        }
    }

    /// A process looks into one of its queues.
    pub(super) fn deliver(&mut self, pid: Pid, lane: Lane) {
        let process = &self.processes[pid];
        // What the network does not carry now is looked at when it carries again.
        if process.deaf || !self.broker_up {
            return;
        }
        let Some(&(_, consumer)) = process.consumers.iter().find(|(known, _)| *known == lane) else { return };
        let most = if pid == self.zone_pid() { self.toil.batch(BATCH) } else { BATCH };
        let batch = self.take(consumer, most);
        if batch.is_empty() {
            return;
        }
        if batch.iter().any(|delivery| delivery.redelivered) {
            self.tally.count("batches redelivered");
        }
        match self.processes[pid].role {
            Role::Zone(_) => self.zone_delivered(pid, &batch),
            Role::Checkin(_) => self.checkin_delivered(pid, &batch),
            Role::Group(_) => self.group_delivered(pid, lane, &batch),
            Role::Node(_) => self.node_delivered(pid, &batch),
        }
        self.wake_consumers();
        // There may be more than one batch takes.
        if self.processes[pid].is_running() && batch.len() == most {
            let life = self.processes[pid].life;
            self.soon(1, Happening::Deliver { pid, life, lane });
        }
    }

    fn take(&mut self, consumer: ConsumerId, most: usize) -> Vec<Delivery> {
        std::iter::from_fn(|| self.broker.next(consumer)).take(most).collect()
    }

    /// A process cannot handle what it was given: it is put aside, or dropped.
    pub(super) fn not_taken(&mut self, pid: Pid, delivery: &Delivery, reason: &str) {
        if Self::is_of_the_liar(delivery) {
            return self.tally.count("lies refused");
        }
        if reason.starts_with("a packet of the zone is not obeyed") {
            return self.tally.count("packets of an older generation");
        }
        self.tally.count("messages parked");
        let name = &self.processes[pid].name;
        let why = super::invariants::nobody_gets_what_he_cannot_take::check(name, &delivery.kind, reason);
        self.watch.violations.extend(why);
    }

    /// Settles a batch: what is to be parked is parked, the rest acknowledged.
    pub(super) fn settle(&mut self, pid: Pid, batch: &[Delivery], parked: &[(usize, String)]) {
        self.settle_but(pid, batch, parked, &[]);
    }

    /// The same, but those in `kept` are acknowledged later.
    pub(super) fn settle_but(&mut self, pid: Pid, batch: &[Delivery], parked: &[(usize, String)], kept: &[usize]) {
        let now = rollcall_model::Tick(self.now());
        for (place, reason) in parked {
            let delivery = &batch[*place];
            self.not_taken(pid, delivery, reason);
            if !self.processes[pid].mute {
                self.broker.park(now, delivery, reason);
            }
        }
        // What a mute process acknowledges does not arrive: it is delivered again, to its next connection.
        if self.processes[pid].mute {
            return self.tally.count("acknowledgements lost");
        }
        for (place, delivery) in batch.iter().enumerate() {
            if parked.iter().all(|(other, _)| *other != place) && !kept.contains(&place) {
                self.broker.ack(delivery.receipt());
            }
        }
    }
}
