//! Memory errors, as the memory controllers' drivers count them (EDAC).

use rollcall_model::{Millis, Tick};

use super::window::Counters;
use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

const CONTROLLERS: &str = "sys/devices/system/edac/mc";

/// No controller lives to count more errors than this.
const BELIEVABLE: u64 = 1 << 40;

pub(super) struct Edac {
    tree: Tree,
    corrected: Counters,
}

impl Edac {
    pub(super) fn new(tree: &Tree) -> Self {
        Self { tree: tree.clone(), corrected: Counters::new(Millis(3_600_000)) }
    }

    /// A counter of every controller that tells it; or why none does.
    fn counts(&self, controllers: &[(u32, String)], counter: &str) -> Result<Vec<(String, u64)>, Reason> {
        let told = controllers.iter().filter_map(|(_, below)| {
            let file = format!("{below}/{counter}");
            let count = self.tree.number::<u64>(&file).filter(|count| *count <= BELIEVABLE)?;
            Some((file, count))
        });
        let told: Vec<(String, u64)> = told.collect();
        // What one controller does not tell may be the bad news: only bad news of the others outweighs that.
        if told.len() == controllers.len() || told.iter().any(|(_, count)| *count > 0) {
            return Ok(told);
        }
        Err(format!("a memory controller in /{CONTROLLERS} does not tell its {counter}").into())
    }
}

impl Probe for Edac {
    fn name(&self) -> &str {
        "memory errors"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::MEMORY_CORRECTABLE, bit::MEMORY_UNCORRECTABLE]
    }

    fn period(&self) -> Millis {
        Millis(5_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        let controllers = self.tree.numbered(CONTROLLERS, "mc");
        if controllers.is_empty() {
            for indicator in self.indicators() {
                findings.say(*indicator, Err("no EDAC driver watches the memory controllers".into()));
            }
            return;
        }
        let corrected = self.counts(&controllers, "ce_count");
        let corrected = corrected.map(|counts| self.corrected.observe(now, counts.into_iter()));
        findings.say(bit::MEMORY_CORRECTABLE, corrected);
        let uncorrected = self.counts(&controllers, "ue_count");
        let uncorrected = uncorrected.map(|counts| counts.iter().map(|(_, count)| *count as f64).sum());
        findings.say(bit::MEMORY_UNCORRECTABLE, uncorrected);
    }
}
