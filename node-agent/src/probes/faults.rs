//! Faults of the kernel and its processors.
//!
//! What the kernel marks itself with (`tainted`) stays until a reboot, which is also the remedy. What only its log
//! tells counts for an hour. A fault that does both counts once.

use std::collections::BTreeMap;

use rollcall_model::{Millis, Tick};

use super::complaint::Fault;
use super::kept::{Kept, unclear};
use super::kernel_log::{HOUR, KernelLog};
use super::window::Window;
use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

/// Flags of `/proc/sys/kernel/tainted` (`Documentation/admin-guide/tainted-kernels.rst`) that tell of a fault.
const FLAGS: [(u32, Fault); 4] =
    [(4, Fault::MachineCheck), (5, Fault::BadPage), (7, Fault::Oops), (14, Fault::SoftLockup)];

pub(super) struct Faults {
    log: KernelLog,
    tainted: Kept,
    hung_tasks: Kept,
    hung: Window,
}

impl Faults {
    pub(super) fn new(tree: &Tree, log: &KernelLog) -> Self {
        Self {
            log: log.clone(),
            tainted: Kept::new(tree, "proc/sys/kernel/tainted"),
            hung_tasks: Kept::new(tree, "proc/sys/kernel/hung_task_detect_count"),
            hung: Window::new(HOUR),
        }
    }

    fn flags(&mut self) -> Result<u64, Reason> {
        let text = self.tainted.read()?;
        text.trim().parse().map_err(|_| unclear("proc/sys/kernel/tainted"))
    }

    /// By kind, the most that any source tells.
    fn count(&mut self, now: Tick) -> Result<f64, Reason> {
        let logged = self.log.faults(now);
        let flags = self.flags();
        // Kernels before 6.13 do not count hung tasks; then the log tells.
        let total = self.hung_tasks.read().ok().and_then(|text| text.trim().parse().ok());
        let hung = total.map(|total| self.hung.observe(now, total));
        if let (Err(_), Err(why)) = (&logged, &flags) {
            return Err(why.clone());
        }
        let mut counts: BTreeMap<Fault, f64> = logged.unwrap_or_default();
        let mut at_least = |fault: Fault, told: f64| {
            let count = counts.entry(fault).or_default();
            *count = count.max(told);
        };
        let flags = flags.unwrap_or_default();
        FLAGS.iter().filter(|(flag, _)| flags >> flag & 1 == 1).for_each(|(_, fault)| at_least(*fault, 1.0));
        at_least(Fault::HungTask, hung.unwrap_or_default());
        Ok(counts.values().sum())
    }
}

impl Probe for Faults {
    fn name(&self) -> &str {
        "kernel faults"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::KERNEL_FAULTS]
    }

    fn period(&self) -> Millis {
        Millis(1_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        findings.say(bit::KERNEL_FAULTS, self.count(now));
    }
}
