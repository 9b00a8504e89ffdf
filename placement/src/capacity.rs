//! How big a node is beside the others (A7; US 9,049,193, FIG. 25 and columns 19 and 20).
//!
//! f_RA is a fraction of the node's own capacity: half of a small node is less than a quarter of a large one. The patent
//! multiplies RA and RM by the node's share of the fleet's total, cᵢ/Σc. In a fleet of n nodes that is about 1/n, below
//! any useful `min`. Here the metric is multiplied by cᵢ/c_max, the share of the *largest* node: the same up to the factor
//! Σc/c_max that is equal for all nodes and belongs into k, and f_RA stays in [min, 1].
//!
//! Only `balance` is normalised. `power` asks how full a node is, not how much is left on it: normalised, an empty small
//! node would sound like a large one that is almost full, and would be woken first.

use std::collections::BTreeMap;

use rollcall_model::{HardwareTopology, Millis, NodeId, Tick};

/// A node's capacity in units that mean the same on every node.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Capacity(f64);

impl Capacity {
    /// From a number of units.
    ///
    /// Returns `None` for what is not a positive, finite number.
    #[must_use]
    pub fn new(units: f64) -> Option<Self> {
        (units.is_finite() && units > 0.0).then_some(Self(units))
    }

    /// From the hardware: the geometric mean of hardware threads and a quarter of the GiB of memory. One unit is a thread
    /// with 4 GiB; a node with many threads and little memory is not as large as its threads say.
    #[must_use]
    pub fn of_hardware(threads: u32, memory_gib: f64) -> Option<Self> {
        Self::new((f64::from(threads) * memory_gib / 4.0).sqrt())
    }

    /// The same, from a topology map; `None` where threads or memory are not known.
    #[must_use]
    pub fn of_topology(hardware: &HardwareTopology) -> Option<Self> {
        let memory_gib = hardware.memory.total_bytes? as f64 / f64::from(1_u32 << 30);
        Self::of_hardware(hardware.cpu.threads?, memory_gib)
    }

    /// The same, from what a capacity message says.
    #[must_use]
    pub fn of_message(threads: u16, memory_mib: u32) -> Option<Self> {
        Self::of_hardware(threads.into(), f64::from(memory_mib) / 1024.0)
    }

    /// The number of units.
    #[must_use]
    pub const fn units(self) -> f64 {
        self.0
    }
}

/// The capacities of the fleet as far as they are known: what capacity messages said.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    known: BTreeMap<NodeId, Capacity>,
}

impl Fleet {
    /// A capacity message came.
    pub fn set(&mut self, node: NodeId, capacity: Capacity) {
        self.known.insert(node, capacity);
    }

    /// The node left.
    pub fn remove(&mut self, node: NodeId) {
        self.known.remove(&node);
    }

    /// The capacity of a node, where it is known.
    #[must_use]
    pub fn get(&self, node: NodeId) -> Option<Capacity> {
        self.known.get(&node).copied()
    }

    /// The largest known capacity.
    #[must_use]
    pub fn largest(&self) -> Option<Capacity> {
        self.known.values().copied().max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Σc (A7), those unknown taken as average, for a fleet of `nodes`.
    #[must_use]
    pub fn total(&self, nodes: usize) -> f64 {
        let sum: f64 = self.known.values().map(|capacity| capacity.0).sum();
        if self.known.is_empty() { 0.0 } else { sum / self.known.len() as f64 * nodes.max(self.known.len()) as f64 }
    }

    /// What [`crate::metric::resource_metric`] of a node is multiplied by: cᵢ/c_max, in (0, 1].
    ///
    /// Approximate while some are unknown (column 20): a node larger than all known ones has the share 1 until a larger
    /// one is heard of; a node that does not know its own capacity counts as an average one, and as 1 while none is known.
    #[must_use]
    pub fn share(&self, own: Option<Capacity>) -> f64 {
        let Some(largest) = self.largest() else { return 1.0 };
        let own = own.map_or_else(|| self.total(0) / self.known.len() as f64, Capacity::units);
        (own / largest.0).min(1.0)
    }
}

/// When a node says how large it is: when that changed, and slowly (FIG. 25B).
#[derive(Clone, Debug)]
pub struct CapacityBeat {
    period: Millis,
    sent: Option<(Tick, Capacity)>,
}

impl CapacityBeat {
    /// Repeats every `period`, at least a second.
    #[must_use]
    pub fn new(period: Millis) -> Self {
        Self { period: Millis(period.0.max(1000)), sent: None }
    }

    /// Whether to send now; then it is taken as sent. `random` in [0, 1) spreads the repetitions over a tenth of a period.
    /// A change counts from 1 % on, and is told at most once a second.
    pub fn fire(&mut self, now: Tick, capacity: Capacity, random: f64) -> bool {
        let send = match self.sent {
            None => true,
            Some((at, told)) => {
                let since = now.since(at);
                let changed = (capacity.0 / told.0 - 1.0).abs() >= 0.01;
                let early = Millis((self.period.0 as f64 * 0.1 * random.clamp(0.0, 1.0)) as u64);
                since >= Millis(self.period.0 - early.0) || changed && since >= Millis(1000)
            }
        };
        if send {
            self.sent = Some((now, capacity));
        }
        send
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(index: usize) -> NodeId {
        NodeId::derived_from(&format!("node {index}"))
    }

    fn units(units: f64) -> Capacity {
        Capacity::new(units).expect("positive")
    }

    #[test]
    fn a_quarter_of_a_large_node_counts_more_than_half_of_a_small_one() {
        let mut fleet = Fleet::default();
        fleet.set(node(1), units(8.0));
        fleet.set(node(2), units(2.0));
        let large = 0.25 * fleet.share(fleet.get(node(1)));
        let small = 0.5 * fleet.share(fleet.get(node(2)));
        assert!(large > small, "{large} {small}");
    }

    #[test]
    fn normalisation_is_approximate_while_some_are_unknown() {
        let mut fleet = Fleet::default();
        assert!((fleet.share(Some(units(3.0))) - 1.0).abs() < 1e-12);
        fleet.set(node(1), units(4.0));
        fleet.set(node(2), units(2.0));
        assert!((fleet.share(Some(units(16.0))) - 1.0).abs() < 1e-12, "never above 1");
        assert!((fleet.total(4) - 12.0).abs() < 1e-12, "two unknown ones count as average");
        assert!((fleet.share(None) - 0.75).abs() < 1e-12, "an average one");
    }

    #[test]
    fn capacity_is_told_on_change_and_slowly() {
        let mut beat = CapacityBeat::new(Millis(60_000));
        assert!(beat.fire(Tick(0), units(4.0), 0.0), "at first");
        assert!(!beat.fire(Tick(30_000), units(4.01), 0.0), "as good as the same");
        assert!(beat.fire(Tick(31_000), units(8.0), 0.0), "memory was added");
        assert!(!beat.fire(Tick(31_500), units(16.0), 0.0), "not at every flicker");
        assert!(beat.fire(Tick(91_000), units(8.0), 0.0), "and again after a period");
    }

    #[test]
    fn capacities_that_are_none_are_not_taken() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Capacity::new(bad), None);
        }
        assert!((Capacity::of_hardware(16, 64.0).expect("positive").units() - 16.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn shares_lie_above_0_and_up_to_1(own in 0.01..1e6_f64, others in proptest::collection::vec(0.01..1e6_f64, 0..20)) {
            let mut fleet = Fleet::default();
            for (index, other) in others.iter().enumerate() {
                fleet.set(node(index), units(*other));
            }
            let share = fleet.share(Some(units(own)));
            prop_assert!(share > 0.0 && share <= 1.0);
            prop_assert!(fleet.share(None) > 0.0 && fleet.share(None) <= 1.0);
        }
    }
}
