//! Memory errors, as the memory controllers' drivers count them (EDAC).

use rollcall_model::{Millis, Tick};

use super::window::Window;
use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

const CONTROLLERS: &str = "sys/devices/system/edac/mc";

pub(super) struct Edac {
    tree: Tree,
    corrected: Window,
}

impl Edac {
    pub(super) fn new(tree: &Tree) -> Self {
        Self { tree: tree.clone(), corrected: Window::new(Millis(3_600_000)) }
    }

    fn total(&self, controllers: &[(u32, String)], counter: &str) -> Result<u64, Reason> {
        let mut counts = controllers.iter().map(|(_, below)| self.tree.number::<u64>(&format!("{below}/{counter}")));
        let sum = counts.try_fold(0_u64, |sum, count| count.map(|count| sum.saturating_add(count)));
        sum.ok_or_else(|| format!("a memory controller in /{CONTROLLERS} does not tell its {counter}").into())
    }
}

impl Probe for Edac {
    fn name(&self) -> &'static str {
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
        let corrected = self.total(&controllers, "ce_count");
        findings.say(bit::MEMORY_CORRECTABLE, corrected.map(|total| self.corrected.observe(now, total)));
        let uncorrected = self.total(&controllers, "ue_count");
        findings.say(bit::MEMORY_UNCORRECTABLE, uncorrected.map(|total| total as f64));
    }
}
