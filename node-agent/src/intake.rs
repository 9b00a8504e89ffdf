//! What comes into the inbox and cannot be handled. A node puts nothing aside for others: it says why, and goes on.

use std::collections::BTreeMap;

/// What was dropped so far, by reason.
#[derive(Debug, Default)]
pub struct Dropped(BTreeMap<String, u64>);

impl Dropped {
    /// How many so far, by reason.
    pub const fn counts(&self) -> &BTreeMap<String, u64> {
        &self.0
    }

    /// Counts one, and says so of the first ten of a reason and of each tenfold: a flood of them fills no log.
    pub fn note(&mut self, kind: &str, reason: &str, why: &str) {
        let count = self.0.entry(reason.to_owned()).or_default();
        *count += 1;
        if *count <= 10 || count.ilog10() > (*count - 1).ilog10() {
            tracing::warn!(kind, reason, count, "dropped what came into the inbox: {why}");
        }
    }
}
