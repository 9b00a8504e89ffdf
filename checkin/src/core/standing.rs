//! How the service stands, as data for its metrics.

use std::collections::BTreeMap;

use super::Checkin;

/// How a check-in service stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Nodes assigned since its start, repetitions included.
    pub assigned: u64,
    /// Refusals since its start, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Version of the group table and how many combinations it has; `None` before the first one.
    pub table: Option<(u64, usize)>,
    /// Whether the zone is away.
    pub zone_away: bool,
    /// Whether it can serve known combinations while the zone is away.
    pub durable: bool,
    /// Plans that wait for the zone.
    pub pending: usize,
    /// Joins granted while the zone was away that it has not confirmed.
    pub unconfirmed: usize,
}

impl Checkin {
    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            assigned: self.report.assigned,
            refused: self.report.refused.clone(),
            table: self.memory.table().map(|table| (table.version, table.entries.len())),
            zone_away: self.contact.is_away(),
            durable: self.durable,
            pending: self.pending.len(),
            unconfirmed: self.repeats.len(),
        }
    }
}
