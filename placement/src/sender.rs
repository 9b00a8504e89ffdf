//! A node that speaks: from usage to messages, for all kinds that its policy wants (US 9,049,193, FIG. 18 and 19).
//!
//! A driver gives it each new measurement, wakes it when [`Sender::due`] says so, and asks it whenever a status packet
//! leaves anyway. A node that cannot measure itself says nothing.

use rollcall_model::Tick;

use crate::beat::{Beat, BeatConfig, BeatError};
use crate::budget::Kinds;
use crate::frequency::{Kind, Rates};
use crate::metric::{self, Full, Thresholds};
use crate::usage::Usage;

/// What a policy wants of a group's nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SendingPolicy {
    /// k, l and min; the receivers' [`crate::Config::rates`] are the same.
    pub rates: Rates,
    /// Which kinds are sent.
    pub kinds: Kinds,
    /// Above which a resource is penalised.
    pub thresholds: Thresholds,
    /// What a full node says for `power`.
    pub full: Full,
    /// Jitter and coalescing.
    pub beat: BeatConfig,
}

/// What is being said in one kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sent {
    /// The kind.
    pub kind: Kind,
    /// f_RA, in [min, 1].
    pub availability: f64,
    /// V, messages per second.
    pub rate: f64,
}

/// One kind, as it is being sent.
#[derive(Clone, Debug)]
struct Voice {
    kind: Kind,
    beat: Beat,
    availability: f64,
}

/// The sending side of one node in one group.
#[derive(Clone, Debug)]
pub struct Sender {
    policy: SendingPolicy,
    voices: Vec<Voice>,
    measured: bool,
}

impl Sender {
    /// Silent until the first measurement. `random` gives numbers uniform in [0, 1).
    ///
    /// # Errors
    /// The policy's jitter or window cannot work.
    pub fn new(now: Tick, policy: SendingPolicy, mut random: impl FnMut() -> f64) -> Result<Self, BeatError> {
        let voice = |kind: &Kind| {
            let beat = Beat::new(now, policy.rates.slowest(*kind), policy.beat, random())?;
            Ok(Voice { kind: *kind, beat, availability: policy.rates.min() })
        };
        let voices = policy.kinds.kinds().iter().map(voice).collect::<Result<_, _>>()?;
        Ok(Self { policy, voices, measured: false })
    }

    /// A new measurement; `None` where the node cannot measure itself. `share` is its capacity beside the largest node's
    /// ([`crate::capacity::Fleet::share`]), `alpha` what the schedule says now.
    pub fn measured(&mut self, now: Tick, usage: Option<&Usage>, share: f64, alpha: f64) {
        self.measured = usage.is_some();
        let Some(usage) = usage else { return };
        let SendingPolicy { rates, thresholds, full, .. } = &self.policy;
        let balance = metric::final_metric(metric::resource_metric(usage, thresholds) * share, rates.min());
        let power = metric::power_metric(usage, thresholds, *full, rates.min());
        for voice in &mut self.voices {
            let rate = match voice.kind {
                Kind::Balance => rates.balance(balance),
                Kind::Power => rates.power(power),
                // Each part of the mix by its own f_RA: the same one where all nodes are alike.
                Kind::Mixed => alpha * rates.balance(balance) + (1.0 - alpha) * rates.power(power),
            };
            voice.availability = if voice.kind == Kind::Power { power } else { balance };
            voice.beat.set_rate(now, rate);
        }
    }

    /// The way to the receivers is there again after an outage: goes on somewhere within a period.
    pub fn resume(&mut self, now: Tick, mut random: impl FnMut() -> f64) {
        self.voices.iter_mut().for_each(|voice| voice.beat.restart(now, random()));
    }

    /// When to wake up next; `None` while there is nothing to say.
    #[must_use]
    pub fn due(&self) -> Option<Tick> {
        if self.measured { self.voices.iter().map(|voice| voice.beat.due()).min() } else { None }
    }

    /// The kinds to send now.
    pub fn fire(&mut self, now: Tick, random: impl FnMut() -> f64) -> Vec<Kind> {
        self.leave(now, random, Beat::fire)
    }

    /// A status packet leaves now: the kinds that ride on it.
    pub fn ride(&mut self, now: Tick, random: impl FnMut() -> f64) -> Vec<Kind> {
        self.leave(now, random, Beat::ride)
    }

    fn leave(
        &mut self,
        now: Tick,
        mut random: impl FnMut() -> f64,
        how: impl Fn(&mut Beat, Tick, f64) -> bool,
    ) -> Vec<Kind> {
        if !self.measured {
            return Vec::new();
        }
        let leaves = |voice: &mut Voice| how(&mut voice.beat, now, random()).then_some(voice.kind);
        self.voices.iter_mut().filter_map(leaves).collect()
    }

    /// f_RA as it is being sent, for people.
    #[must_use]
    pub fn availability(&self, kind: Kind) -> Option<f64> {
        self.sent().find(|sent| sent.kind == kind).map(|sent| sent.availability)
    }

    /// Each kind as it is being sent, for people; none while the node says nothing.
    pub fn sent(&self) -> impl Iterator<Item = Sent> {
        let voices = self.voices.iter().filter(|_| self.measured);
        voices.map(|voice| Sent { kind: voice.kind, availability: voice.availability, rate: voice.beat.rate() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::Draws;
    use crate::frequency::Recovered;
    use crate::receiver::{Config, Eligibility, Receiver};

    fn policy(kinds: Kinds) -> SendingPolicy {
        SendingPolicy {
            rates: Rates::new(1.0, 1.0, 0.05).expect("possible"),
            kinds,
            thresholds: Thresholds::default(),
            full: Full::Loud,
            beat: BeatConfig::default(),
        }
    }

    #[test]
    fn a_node_that_cannot_measure_itself_says_nothing() {
        let mut draws = Draws::new(1);
        let mut sender = Sender::new(Tick(0), policy(Kinds::Both), || draws.unit()).expect("possible");
        assert_eq!((sender.due(), sender.availability(Kind::Balance)), (None, None));
        assert!(sender.fire(Tick(100_000), || 0.5).is_empty());
        sender.measured(Tick(100_000), Some(&Usage::new(0.5, 0.5, None)), 1.0, 1.0);
        assert!(sender.due().is_some() && !sender.fire(Tick(200_000), || 0.5).is_empty());
        sender.measured(Tick(200_000), None, 1.0, 1.0);
        assert_eq!(sender.due(), None);
    }

    /// Two nodes; one's processor begins to burn: it vanishes from balance and appears for power.
    #[test]
    fn a_burning_processor_moves_a_node_from_balance_to_power() {
        let mut draws = Draws::new(5);
        let policy = policy(Kinds::Both);
        let id = |node: usize| rollcall_model::NodeId::derived_from(&format!("node {node}"));
        let mut receiver = Receiver::new(Tick(0), Config::new(policy.rates, 2)).expect("possible");
        let mut senders: Vec<Sender> = (0..2)
            .map(|node| {
                receiver.insert(Tick(0), id(node)).expect("room");
                receiver.set_eligibility(Tick(0), id(node), Eligibility::GOOD).expect("known");
                Sender::new(Tick(0), policy, || draws.unit()).expect("possible")
            })
            .collect();
        let (mut found, targets) = (Vec::new(), receiver.targets());
        for now in 0..240_000 {
            let burning = now >= 120_000;
            for (node, sender) in senders.iter_mut().enumerate() {
                if now % 1000 == 0 {
                    let busy = if node == 0 && burning { 1.0 } else { 0.3 };
                    sender.measured(Tick(now), Some(&Usage::new(0.4, busy, None)), 1.0, 1.0);
                }
                for kind in sender.fire(Tick(now), || draws.unit()) {
                    receiver.heard(Tick(now), id(node), kind);
                }
            }
            if now % 100 == 0 {
                receiver.tick(Tick(now));
            }
            // From two periods after it began to burn.
            if now > 123_500 && now % 50 == 0 {
                found.push(targets.newest(Tick(now), Kind::Balance));
            }
        }
        let of_the_burning = found.iter().filter(|node| **node == Some(id(0))).count();
        assert!(of_the_burning * 10 < found.len(), "{of_the_burning} of {}", found.len());
        assert_eq!(targets.at_rank(Tick(240_000), Kind::Power, 0.0).expect("heard").node, id(0));
        let (frequency, _) = receiver.frequency(id(1), Kind::Balance).expect("heard");
        let Recovered::One(recovered) = policy.rates.recover(Kind::Balance, 1.0, frequency) else { panic!("possible") };
        let sent = senders[1].availability(Kind::Balance).expect("measured");
        assert!((recovered / sent - 1.0).abs() < 0.05, "sent {sent}, recovered {recovered}");
    }
}
