//! Who listens: a group controller's queues, and a receiver.

use std::time::Duration;

use rollcall_bus::{Bus, Consumer, Delivery, Word, spoken};
use rollcall_model::{NodeId, route};
use rollcall_placement::receiver::Heard;
use rollcall_placement::{Config, Eligibility, Plan, Receiver};
use rollcall_startup::Clock;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::{NODES, group};

/// The listener.
pub struct Ear {
    receiver: Receiver,
    clock: Clock,
    bus: Bus,
    words: Consumer,
    statuses: Consumer,
    /// When something was heard, milliseconds.
    times: Vec<u64>,
    not_taken: u64,
}

impl Ear {
    /// On the queues of the group, which are declared here.
    ///
    /// # Errors
    /// When the broker refuses them, or the plan's rates cannot be received.
    pub async fn open(bus: Bus, plan: &Plan, clock: Clock) -> anyhow::Result<Self> {
        bus.declare(rollcall_group_controller::topology::topology(group())).await?;
        let words = bus.consume(&route::group_queue(group(), route::AVAILABILITY), 512).await?;
        let statuses = bus.consume(&route::group_queue(group(), route::HEALTH), 512).await?;
        let receiver = Receiver::new(clock.now().tick, Config::new(plan.sending.rates, NODES))?;
        Ok(Self { receiver, clock, bus, words, statuses, times: Vec::new(), not_taken: 0 })
    }

    /// Knows a node that nothing bars.
    ///
    /// # Errors
    /// When there are too many.
    pub fn expect(&mut self, node: NodeId) -> anyhow::Result<()> {
        let now = self.clock.now().tick;
        self.receiver.insert(now, node)?;
        Ok(self.receiver.set_eligibility(now, node, Eligibility::GOOD)?)
    }

    /// Listens for so long.
    pub async fn listen(&mut self, span: Duration) {
        let end = Instant::now() + span;
        let mut ticks = interval(Duration::from_millis(100));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (mut words, mut statuses) = (Vec::new(), Vec::new());
            tokio::select! {
                _ = self.words.next_batch(&mut words, 512) => {
                    self.hear(&words);
                    self.words.ack_all(words).await;
                }
                _ = self.statuses.next_batch(&mut statuses, 512) => {
                    self.hear(&statuses);
                    self.statuses.ack_all(statuses).await;
                }
                _ = ticks.tick() => self.receiver.tick(self.clock.now().tick),
                () = sleep_until(end) => return,
            }
        }
    }

    fn hear(&mut self, deliveries: &[Delivery]) {
        let now = self.clock.now().tick;
        for delivery in deliveries {
            let Ok(word) = spoken(delivery, self.bus.checks_users()) else { continue };
            let Word::Free(kinds) = word.word else {
                self.times.push(now.0);
                continue;
            };
            if !kinds.is_empty() {
                self.times.push(now.0);
            }
            for kind in kinds.iter() {
                self.not_taken += u64::from(self.receiver.heard(now, word.node, kind) != Heard::Taken);
            }
        }
    }

    /// What it knows.
    pub const fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// When something was heard, milliseconds.
    pub fn times(&self) -> Vec<u64> {
        self.times.clone()
    }

    /// How many messages did not count.
    pub const fn not_taken(&self) -> u64 {
        self.not_taken
    }
}
