//! k and l from the traffic that an operator allows a group.
//!
//! The bound is the worst case: every node of the group speaks as fast as its kinds can, all at once, in the worst second
//! (all nodes free at once for `balance`, all full at once for `power`).

use crate::frequency::{Kind, Rates, RatesError};

/// Which kinds of RA message a policy has its nodes send (A4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// Balance only.
    Balance,
    /// Power only.
    Power,
    /// Both, each with a ring of its own (FIG. 16).
    Both,
    /// One mixed kind (FIG. 15).
    Mixed,
}

impl Kinds {
    /// The kinds sent.
    #[must_use]
    pub const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Balance => &[Kind::Balance],
            Self::Power => &[Kind::Power],
            Self::Both => &[Kind::Balance, Kind::Power],
            Self::Mixed => &[Kind::Mixed],
        }
    }

    /// The most that one node sends, in units of its k = l: over f in [min, 1], V_balance + V_power is largest at the ends.
    fn worst(self, min: f64) -> f64 {
        match self {
            Self::Both => 1.0 + min,
            Self::Balance | Self::Power | Self::Mixed => 1.0,
        }
    }
}

/// A budget that leaves nothing to send, or constants that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BudgetError {
    /// The capacity messages alone use it up.
    #[error(
        "{messages_per_second} messages per second are too few for a group of {nodes} nodes: {reserved:.2} go to capacity \
         messages and nothing useful is left; allow more messages or send capacities less often"
    )]
    Nothing {
        /// As given.
        messages_per_second: f64,
        /// As given.
        nodes: u32,
        /// What capacity messages take, per second.
        reserved: f64,
    },
    /// What would come out cannot work.
    #[error("{messages_per_second} messages per second for {nodes} nodes give no usable frequency: {reason}")]
    Unusable {
        /// As given.
        messages_per_second: f64,
        /// As given.
        nodes: u32,
        /// Why.
        #[source]
        reason: RatesError,
    },
}

/// What an operator allows a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The most messages that the whole group sends in any one second.
    pub messages_per_second: f64,
    /// How many nodes the group has at most.
    pub nodes: u32,
    /// What they send.
    pub kinds: Kinds,
    /// How often each node repeats its capacity message (A7), in seconds; no number or 0 for never.
    pub capacity_period: f64,
}

/// How many standard deviations the worst second keeps below the budget: beats of different nodes are independent.
const MARGIN: f64 = 4.0;

impl Budget {
    /// The largest k = l that keep the group within the budget in every second, all nodes at their fastest.
    ///
    /// With n nodes at rate k the count in a second has mean n·k and, beats being independent, a standard deviation of at
    /// most √(n·k); n·k + 4·√(n·k) stays within what is left after capacity messages.
    ///
    /// # Errors
    /// The budget is too small for this many nodes, with the reason.
    pub fn rates(&self, min: f64) -> Result<Rates, BudgetError> {
        let nodes = f64::from(self.nodes.max(1));
        let reserved = if self.capacity_period > 0.0 { nodes / self.capacity_period } else { 0.0 };
        let left = self.messages_per_second - reserved;
        if left.is_nan() || left <= 0.0 {
            let (messages_per_second, nodes) = (self.messages_per_second, self.nodes);
            return Err(BudgetError::Nothing { messages_per_second, nodes, reserved });
        }
        // mean + MARGIN·√mean = left, solved for √mean.
        let root = ((MARGIN * MARGIN + 4.0 * left).sqrt() - MARGIN) / 2.0;
        let each = root * root / nodes / self.kinds.worst(min);
        Rates::new(each, each, min).map_err(|reason| BudgetError::Unusable {
            messages_per_second: self.messages_per_second,
            nodes: self.nodes,
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(messages_per_second: f64, nodes: u32, kinds: Kinds) -> Budget {
        Budget { messages_per_second, nodes, kinds, capacity_period: 300.0 }
    }

    #[test]
    fn the_worst_case_of_every_policy_is_within_the_budget() {
        for kinds in [Kinds::Balance, Kinds::Power, Kinds::Both, Kinds::Mixed] {
            for nodes in [1, 8, 200, 10_000] {
                let (min, allowed) = (0.05, 0.5 * f64::from(nodes) + 20.0);
                let rates = budget(allowed, nodes, kinds).rates(min).expect("enough");
                for step in 0..=100 {
                    let f = f64::from(step) / 100.0;
                    let each: f64 = kinds.kinds().iter().map(|kind| rates.of(*kind, 0.3, f)).sum();
                    let mean = each * f64::from(nodes);
                    let worst = mean + 4.0 * mean.sqrt() + f64::from(nodes) / 300.0;
                    assert!(worst <= allowed * 1.0001, "{kinds:?} {nodes} {f}: {worst} of {allowed}");
                }
            }
        }
    }

    #[test]
    fn a_budget_that_cannot_work_says_why() {
        let none = budget(1.0, 1000, Kinds::Both).rates(0.05).expect_err("refused").to_string();
        assert!(none.contains("1000 nodes") && none.contains("capacity messages"), "{none}");
        let slow = budget(34.0, 10_000, Kinds::Both).rates(0.01).expect_err("refused").to_string();
        assert!(slow.contains("usable"), "{slow}");
        assert!(budget(f64::NAN, 10, Kinds::Both).rates(0.05).is_err());
    }
}
