//! Nodes that share a thread and a connection: the agents' real cores, driven by the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use rollcall_bus::{Bus, Outgoing};
use rollcall_model::packet::{Assigned, Assignment, Decision, Membership, NodePolicy, Packet};
use rollcall_model::policy::{Resolved, Settings as Policy};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::wire::{availability, status};
use rollcall_model::{
    Capability, CheckinId, InstanceId, MessageId, Millis, Name, NodeId, Now, Principal, SessionEpoch, Tick, UnixMillis,
    route,
};
use rollcall_node_agent::availability::Measured;
use rollcall_node_agent::core::{Agent, Effect, Event, Settings};
use rollcall_node_agent::simulated::Machine;
use rollcall_placement::usage::{ProcessorTime, Readings, Room};
use rollcall_startup::Clock;
use tokio::sync::mpsc;

use super::{NODES, Use, attach, group, settings};

/// The cores are looked at so often.
const STEP: Millis = Millis(5);
/// Of the readings' wholes.
const WHOLE: u64 = 1_000_000;

/// A message about availability left.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// When.
    pub at: Tick,
    /// Whether it rides on a status packet.
    pub rides: bool,
}

/// Some of the nodes.
pub struct Choir {
    numbers: Vec<u32>,
    in_use: Arc<AtomicU8>,
}

/// What a node has in use of its own: from 5 % to 85 %.
fn own(number: u32) -> f64 {
    0.05 + 0.8 * f64::from(number * 37 % NODES) / f64::from(NODES)
}

/// Every node of so many choirs, with its own share in use.
pub fn all(choirs: u32) -> impl Iterator<Item = (NodeId, f64)> {
    (0..choirs)
        .flat_map(move |choir| (choir..NODES).step_by(choirs as usize))
        .map(|number| (super::node(number), own(number)))
}

impl Choir {
    /// Those of one of so many choirs.
    pub fn new(choir: u32, choirs: u32, in_use: Arc<AtomicU8>) -> Self {
        Self { numbers: (choir..NODES).step_by(choirs as usize).collect(), in_use }
    }

    /// Who sings, with the share in use.
    pub fn members(&self) -> impl Iterator<Item = (NodeId, f64)> {
        self.numbers.iter().map(|number| (super::node(*number), own(*number)))
    }

    /// Begins, on a thread of its own that ends with this process.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn sing(self, url: String, clock: Clock, tell: mpsc::Sender<Sent>) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sing = async move {
            let bus = attach(&url, Principal::Node(super::node(self.numbers[0]))).await?;
            self.go_on(&bus, clock, &tell).await;
            anyhow::Ok(())
        };
        thread::Builder::new().name("choir".into()).spawn(move || runtime.block_on(sing))?;
        Ok(())
    }

    async fn go_on(&self, bus: &Bus, clock: Clock, tell: &mpsc::Sender<Sent>) {
        let mut agents: Vec<(Agent, f64)> =
            self.numbers.iter().map(|number| (joined(*number, clock.now()), own(*number))).collect();
        let mut measured = Tick::default();
        loop {
            let (now, mut messages) = (clock.now(), Vec::new());
            let measure = now.tick >= measured;
            if measure {
                measured = now.tick + Millis(1_000);
            }
            let in_use = Use::of(self.in_use.load(Ordering::Relaxed));
            for (agent, own) in &mut agents {
                if measure {
                    let measured = Measured { taken: now.tick, readings: readings(in_use.fraction(*own)) };
                    messages.extend(published(agent.step(now, Event::Measured(measured))));
                }
                if agent.next_deadline().is_some_and(|due| due <= now.tick) {
                    messages.extend(published(agent.step(now, Event::Tick)));
                }
            }
            for message in &messages {
                let rides = message.kind == status::KIND;
                if !rides || message.routing_key.contains(route::AUDIBLE) {
                    // The listener counts later; there is room for all.
                    let _ = tell.try_send(Sent { at: now.tick, rides });
                }
            }
            // What is lost is lost, as on any node.
            let _ = bus.publish_all(messages).await;
            tokio::time::sleep(STEP.duration()).await;
        }
    }
}

/// What concerns availability, and status packets.
fn published(effects: Vec<Effect>) -> impl Iterator<Item = Outgoing> {
    effects.into_iter().filter_map(|effect| match effect {
        Effect::Publish(message)
            if matches!(message.kind, status::KIND | availability::KIND | availability::CAPACITY_KIND) =>
        {
            Some(message)
        }
        _ => None,
    })
}

fn readings(used: f64) -> Readings {
    let left = (WHOLE as f64 * (1.0 - used)).round() as u64;
    Readings {
        memory: Some(Room { total_bytes: WHOLE, available_bytes: left }),
        disk: None,
        processor: Some(ProcessorTime { total: WHOLE, idle: left }),
        network: None,
    }
}

/// A node that has its session, its rack and its policy.
fn joined(number: u32, now: Now) -> Agent {
    let machine = Machine::generate(9, number);
    let (node, instance) = (machine.identifier.node, InstanceId::derived_from(&number.to_string()));
    let capability = Capability::of(&machine.hardware, &[]);
    let sample = machine.sample(now.tick, now.tick);
    let mut agent = Agent::new(Settings {
        identifier: machine.identifier,
        name: machine.name,
        address: [10, 0, 0, 1].into(),
        place: None,
        instance,
        hardware: machine.hardware,
        epoch: SessionEpoch(0),
        keep_alive: Millis(1_000),
        sample_period: Millis(5_000),
        unpoliced: Resolved::default(),
        allowed: rollcall_node_agent::core::actions::Allowed::default(),
        remembered: Vec::new(),
        untold: Vec::new(),
    });
    let (rack, channels) = (group(), Vec::new());
    let told = [
        Packet::Assignment(Assignment {
            zone: None,
            node,
            instance,
            decision: Decision::Accepted(Assigned {
                epoch: SessionEpoch(1),
                group: capability.group_id(),
                group_name: capability.group_name(),
                capability,
                channels: channels.clone(),
            }),
        }),
        Packet::Membership(Membership {
            node,
            instance,
            group: rack,
            group_name: Name::nearest("rack", "rack"),
            channels,
            keep_alive: Millis(1_000),
            seal: None,
        }),
        Packet::NodePolicy(NodePolicy {
            group: rack,
            version: 1,
            settings: Policy { availability: Some(settings()), ..Policy::default() },
            allowed_actions: Vec::new(),
        }),
    ];
    agent.step(now, Event::CheckinFound(CheckinId::derived_from("bench")));
    agent.step(now, Event::LinkUp);
    agent.step(now, Event::Sampled(sample));
    for packet in told {
        let envelope = Envelope::new(MessageId::derived_from("bench"), "inbox.bench", UnixMillis(0), packet);
        agent.step(now, Event::Delivered(envelope));
    }
    agent
}
