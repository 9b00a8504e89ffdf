//! A connection and the nodes that it carries: waits, hands them what happens, sends what they say.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use rollcall_bus::{Attachment, Bus, Connector, Consumer, Delivery, Link, Outbox, Topology, packet_of};
use rollcall_model::{Millis, NodeId, Principal, Tick, route};
use rollcall_node_agent::core::{Effect, Event, Receipt};
use rollcall_startup::{Clock, Exit, Failure, Shutdown};
use tokio::sync::watch;

use super::node::{Fleet, Node};

/// Messages that may wait for each node: more means that the broker does not keep up.
const OUTBOX: usize = 64;
/// Most that may wait on a connection, however many nodes it carries.
const LARGEST_OUTBOX: usize = 8_192;
const PREFETCH: u16 = 256;
/// Nodes that share a connection are looked at together, at most once in so many microseconds for each of them: a process, and a
/// broker, that woke for each keep-alive of ten thousand nodes on two cores would be what is measured.
const PACE_US: u64 = 200;
/// And this often at least.
const SLOWEST: Millis = Millis(100);

/// A connection and its nodes.
pub struct Carrier {
    fleet: Arc<Fleet>,
    nodes: Vec<Node>,
    by_id: HashMap<NodeId, usize>,
    /// When each wants to be woken, soonest first; entries that are not the newest of their node count for nothing.
    alarms: BinaryHeap<Reverse<(Tick, usize)>>,
    newest: Vec<Option<Tick>>,
    /// No alarm rings before.
    rests_until: Tick,
    clock: Clock,
    bus: Bus,
    inbox: Consumer,
    link: watch::Receiver<Link>,
    outbox: Outbox<(usize, Option<Receipt>)>,
}

/// The inbox of a connection that nodes share.
fn shared_inbox(number: usize) -> String {
    format!("inbox.simulated.{number}")
}

impl Carrier {
    /// Connects for these nodes. Several share an inbox, to which each one's address leads; the broker then cannot tell of
    /// the death of one.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn attach(
        fleet: &Arc<Fleet>,
        nodes: Vec<Node>,
        number: usize,
        connector: &Connector,
        clock: Clock,
    ) -> Result<Self, Failure> {
        let refused = |error: &(dyn std::error::Error + 'static)| Failure::caused_by(Exit::Unreachable, error);
        let ids: Vec<NodeId> = nodes.iter().map(Node::id).collect();
        let first = ids.first().copied().ok_or_else(|| Failure::other("a connection without nodes"))?;
        let name = if ids.len() == 1 { route::node_inbox(first) } else { shared_inbox(number) };
        let attachment = Attachment {
            principal: Principal::Node(first),
            inbox: name.clone(),
            client_name: format!("rollcall simulated nodes {number}"),
            endpoint: None,
        };
        let bus = connector.attach(attachment).await.map_err(|error| refused(&error))?;
        if ids.len() > 1 {
            let bind = |all: Topology, id: &NodeId| all.bind(route::DIRECT, &name, &route::node_inbox(*id));
            let topology = ids.iter().fold(Topology::default().expect_exchange(route::DIRECT), bind);
            bus.declare(topology).await.map_err(|error| refused(&error))?;
        }
        let inbox = bus.consume(&name, PREFETCH).await.map_err(|error| refused(&error))?;
        let room = (OUTBOX * ids.len()).min(LARGEST_OUTBOX);
        let mut carrier = Self {
            fleet: Arc::clone(fleet),
            by_id: ids.into_iter().zip(0..).collect(),
            alarms: BinaryHeap::new(),
            newest: vec![None; nodes.len()],
            rests_until: Tick::default(),
            nodes,
            clock,
            link: bus.link(),
            outbox: Outbox::start(bus.clone(), room),
            bus,
            inbox,
        };
        for slot in 0..carrier.nodes.len() {
            carrier.set_alarm(slot);
        }
        Ok(carrier)
    }

    /// Carries them until all their lives are over, or one life is if that is what it is `for_one_life`, or the end is
    /// asked for. Gives them back.
    pub async fn run(mut self, shutdown: &Shutdown, for_one_life: bool) -> Vec<Node> {
        let mut deliveries = Vec::new();
        self.link.mark_unchanged();
        let ended = |nodes: &[Node]| nodes.iter().map(Node::ended).sum::<u64>();
        let before = ended(&self.nodes);
        let is_over = |nodes: &[Node]| nodes.iter().all(Node::is_over) || (for_one_life && ended(nodes) > before);
        while !is_over(&self.nodes) {
            let alarm = self.alarms.peek().map(|Reverse((at, _))| self.clock.until((*at).max(self.rests_until)));
            let due = async {
                match alarm {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.requested() => break,
                changed = self.link.changed() => match changed {
                    Ok(()) => self.linked(),
                    Err(_) => break,
                },
                count = self.inbox.next_batch(&mut deliveries, usize::from(PREFETCH)) => {
                    if count == 0 {
                        break;
                    }
                    for delivery in &deliveries {
                        self.deliver(delivery);
                    }
                    self.inbox.ack_and_clear(&mut deliveries).await;
                }
                ((slot, receipt), end) = self.outbox.ended() => {
                    // A message that did not go out is said again by the core.
                    if let Some(receipt) = receipt.filter(|_| end.is_ok()) {
                        self.step(slot, Event::Confirmed(receipt));
                    }
                }
                () = due => self.wake(),
            }
        }
        let Self { nodes, bus, outbox, .. } = self;
        // What was said last goes out, but nothing is waited for that nobody confirms.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), outbox.drain()).await;
        bus.close().await;
        nodes
    }

    fn wake(&mut self) {
        let now = self.clock.now();
        if self.nodes.len() > 1 {
            let pace = Millis(self.nodes.len() as u64 * PACE_US / 1_000);
            self.rests_until = now.tick + pace.min(SLOWEST);
        }
        while let Some(Reverse((at, slot))) = self.alarms.peek().copied()
            && at <= now.tick
        {
            self.alarms.pop();
            if self.newest.get(slot).copied().flatten() != Some(at) {
                continue;
            }
            let linked = self.link.borrow().is_up();
            let effects = self.nodes[slot].due(now, linked);
            self.carry_out(slot, effects);
            self.newest[slot] = None;
            self.set_alarm(slot);
        }
    }

    fn set_alarm(&mut self, slot: usize) {
        let wanted = self.nodes[slot].deadline();
        if wanted != self.newest[slot] {
            self.newest[slot] = wanted;
            self.alarms.extend(wanted.map(|at| Reverse((at, slot))));
        }
    }

    fn step(&mut self, slot: usize, event: Event) {
        let effects = self.nodes[slot].step(self.clock.now(), event);
        self.carry_out(slot, effects);
        self.set_alarm(slot);
    }

    fn linked(&mut self) {
        let event = if self.link.borrow_and_update().is_up() { Event::LinkUp } else { Event::LinkDown };
        for slot in 0..self.nodes.len() {
            self.step(slot, event.clone());
        }
    }

    fn deliver(&mut self, delivery: &Delivery) {
        let Some(slot) = route::node_of_inbox(&delivery.routing_key).and_then(|id| self.by_id.get(&id).copied()) else {
            return;
        };
        let event = packet_of(delivery, self.bus.checks_users()).map_or(Event::Undecodable, Event::Delivered);
        self.step(slot, event);
    }

    fn carry_out(&mut self, slot: usize, effects: Vec<Effect>) {
        for effect in effects {
            let (receipt, message) = match effect {
                Effect::Publish(message) => (None, message),
                Effect::Assure(receipt, message) => (Some(receipt), message),
                // The node keeps its epoch itself; nothing is ever done to a machine that does not exist, and a packet it
                // does not take is none of ours.
                Effect::Keep(_) | Effect::Drop(_) | Effect::Act(_) | Effect::Record(_) => continue,
            };
            let kind = message.kind;
            let taken = self.outbox.send((slot, receipt), message).is_ok();
            self.fleet.tally.sent(kind, taken);
        }
    }
}
