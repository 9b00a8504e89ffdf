//! A program of somebody else that receives availability by itself (A8): it takes targets without asking anybody.
//!
//! ```text
//! receiver amqps://broker:5671/<vhost> <user> <directory> <policy.toml> [<group id>]
//! ```
//!
//! `<user>` is the common name of the user's certificate, such as `user.ci@1a2b3c4d`, and the directory what `rollcall user add ci
//! --certificate DIR` made: `cert.pem`, `key.pem` and `site.pem`. The policy is what `rollcall policy get` prints, so that this
//! program knows k, l and min. With `amqp://` there is no certificate and nobody proves who speaks: for tests.
//!
//! It hears all that a node says to everybody: RA messages, capacities, and status packets that an RA message rides on. From the
//! latter it knows how a node is. A node that is drained falls silent. It does not know what only the zone knows, such as who was
//! thrown out: whoever has to respect that asks the zone for targets (docs/placement.md).

#![allow(clippy::print_stdout, reason = "what it finds is for people")]

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rand::random;
use rollcall_bus::{
    Attachment, Connector, Credentials, Delivery, Overflow, Queue, QueueClass, RabbitSettings, TlsIdentity, Topology,
    Word, spoken,
};
use rollcall_model::policy::PolicyDocument;
use rollcall_model::wire::status::{self, NodeStatus};
use rollcall_model::{NodeId, NodeState, Principal, SessionEpoch, Tick, route};
use rollcall_placement::capacity::Capacity;
use rollcall_placement::plan::{Plan, plan};
use rollcall_placement::{Config, Eligibility, Receiver, Want};
use rollcall_startup::Clock;

/// The most nodes it can know.
const NODES: u32 = 10_000;

/// The receiver, and the newest session of each node.
struct Program {
    plan: Plan,
    receiver: Receiver,
    epochs: HashMap<NodeId, SessionEpoch>,
}

impl Program {
    fn take(&mut self, now: Tick, delivery: &Delivery, checks_users: bool) {
        // What is no message, or another's, counts for nothing.
        let Ok(spoken) = spoken(delivery, checks_users) else { return };
        let newest = self.epochs.entry(spoken.node).or_default();
        if spoken.epoch < *newest || self.receiver.insert(now, spoken.node).is_err() {
            return;
        }
        *newest = spoken.epoch;
        if delivery.kind == status::KIND
            && let Ok(status) = NodeStatus::decode(&delivery.body)
        {
            let state = if status.leaving { NodeState::Left } else { status.health.state() };
            // It was inserted a moment ago.
            let _ = self.receiver.set_eligibility(now, spoken.node, Eligibility::of(state, status.health));
        }
        match spoken.word {
            Word::Free(kinds) => {
                for kind in self.plan.sending.kinds.kinds().iter().filter(|kind| kinds.contains(**kind)) {
                    let _ = self.receiver.heard(now, spoken.node, *kind);
                }
            }
            Word::Large { threads, memory_mib } => {
                let own = Capacity::of_message(threads, memory_mib);
                let _ = self.receiver.set_share(spoken.node, self.plan.share(own));
            }
        }
    }

    fn show(&self, now: Tick) {
        let targets = self.receiver.targets();
        for kind in self.plan.sending.kinds.kinds() {
            match targets.pick(now, *kind, Want::default(), random()) {
                Some(target) => println!(
                    "{}: {}, f_RA {}, heard {} ms ago",
                    kind.as_str(),
                    target.node,
                    target
                        .availability
                        .map_or_else(|| "unknown".into(), |f| format!("{f:.2} ± {:.0} %", target.error * 100.0)),
                    target.age
                ),
                None => println!("{}: nobody", kind.as_str()),
            }
        }
    }
}

/// RA messages never queue up: the newest wins, and what is two seconds old says nothing any more.
fn topology(queue: &str, group: &str) -> Topology {
    let bound = |topology: Topology, purpose: &str| topology.bind(route::GROUP, queue, &format!("{group}.{purpose}.*"));
    let topology = Topology::default().expect_exchange(route::GROUP).queue(Queue {
        name: queue.into(),
        class: QueueClass::Classic,
        max_length: 10_000,
        overflow: Overflow::DropHead,
        max_age_ms: Some(2_000),
        dead_letter: None,
    });
    bound(bound(topology, route::AVAILABILITY), route::AUDIBLE)
}

fn connector(url: &str, user: &str, directory: &Path) -> anyhow::Result<Connector> {
    let settings = RabbitSettings { url: url.into(), ..RabbitSettings::default() };
    if !url.starts_with("amqps://") {
        return Ok(Connector::Rabbit(settings));
    }
    let read = |name: &str| {
        let path = directory.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
    };
    let (chain, key, roots) = (read("cert.pem")?, read("key.pem")?, read("site.pem")?);
    let identity = TlsIdentity::new(Credentials { user, chain: &chain, key: &key, roots: &roots })?;
    Ok(Connector::Secure { settings, identity })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, user, directory, policy, group @ ..] = &arguments[..] else {
        bail!("say: receiver <amqp or amqps URL> <user> <directory> <policy.toml> [<group id>]");
    };
    let document: PolicyDocument = toml::from_str(&std::fs::read_to_string(policy)?)?;
    let settings = document.settings.availability.context("the policy has no [settings.availability]")?;
    let plan = plan(&settings)?.context("the policy has nobody speak: its kinds are \"off\"")?;

    let principal = Principal::of_user(user)?;
    let Principal::User(name) = &principal else { bail!("{user} is no user of the API") };
    let own = route::user_queues(name);
    let (inbox, heard) = (format!("{own}.0"), format!("{own}.1"));
    let attachment =
        Attachment { principal: principal.clone(), inbox, client_name: format!("receiver of {name}"), endpoint: None };
    let bus = connector(url, user, Path::new(directory))?.attach(attachment).await?;
    bus.declare(topology(&heard, group.first().map_or("*", String::as_str))).await?;
    let mut consumer = bus.consume(&heard, 1_024).await?;

    let clock = Clock::start();
    let receiver = Receiver::new(clock.now().tick, Config::new(plan.sending.rates, NODES))?;
    let mut program = Program { plan, receiver, epochs: HashMap::new() };
    let (mut ticks, mut link, mut count) = (tokio::time::interval(Duration::from_millis(100)), bus.link(), 0_u32);
    loop {
        let mut deliveries = Vec::new();
        tokio::select! {
            taken = consumer.next_batch(&mut deliveries, 512) => if taken == 0 { return Ok(()) },
            // What waited for the link says nothing of frequencies.
            changed = link.changed() => { changed?; program.receiver.held_up(clock.now().tick) }
            _ = ticks.tick() => {
                program.receiver.tick(clock.now().tick);
                count += 1;
                if count.is_multiple_of(10) {
                    program.show(clock.now().tick);
                }
            }
        }
        let now = clock.now().tick;
        deliveries.iter().for_each(|delivery| program.take(now, delivery, bus.checks_users()));
        consumer.ack_all(deliveries).await;
    }
}
