//! What the zone keeps in mind of what its nodes are made of. Whole topologies lie in the store, rules see facts made of them,
//! and both are many times as large as this.

use std::hash::{DefaultHasher, Hash, Hasher};

use rollcall_model::HardwareTopology;
use rollcall_placement::capacity::Capacity;

/// What a node is made of, in short.
#[derive(Clone, Copy, Debug)]
pub(super) struct Make {
    /// Tells one topology from another, in this process.
    digest: u64,
    /// How large that is, where it can be told.
    pub(super) capacity: Option<Capacity>,
}

impl Make {
    pub(super) fn of(hardware: &HardwareTopology) -> Self {
        Self { digest: digest(hardware), capacity: Capacity::of_topology(hardware) }
    }

    /// Whether it is this hardware.
    pub(super) fn is(&self, hardware: &HardwareTopology) -> bool {
        self.digest == digest(hardware)
    }
}

fn digest(hardware: &HardwareTopology) -> u64 {
    let mut hasher = DefaultHasher::new();
    hardware.hash(&mut hasher);
    hasher.finish()
}
