//! What the kernel counts about itself: runnable tasks, memory, kills for want of it, faults.

use rollcall_model::{Millis, Tick};

use super::kept::{Kept, unclear};
use super::window::Window;
use super::{Findings, Probe, Reason, bit};
use crate::hardware::{Tree, list_length};

const MINUTE: Millis = Millis(60_000);
const HOUR: Millis = Millis(3_600_000);

/// Flags of `/proc/sys/kernel/tainted` that tell of a fault: machine check, oops, soft lock-up.
const FAULT_FLAGS: [u32; 3] = [4, 7, 14];

pub(super) struct Kernel {
    loadavg: Kept,
    online: Kept,
    meminfo: Kept,
    vmstat: Kept,
    tainted: Kept,
    hung_tasks: Kept,
    kills: Window,
    hung: Window,
}

impl Kernel {
    pub(super) fn new(tree: &Tree) -> Self {
        Self {
            loadavg: Kept::new(tree, "proc/loadavg"),
            online: Kept::new(tree, "sys/devices/system/cpu/online"),
            meminfo: Kept::new(tree, "proc/meminfo"),
            vmstat: Kept::new(tree, "proc/vmstat"),
            tainted: Kept::new(tree, "proc/sys/kernel/tainted"),
            hung_tasks: Kept::new(tree, "proc/sys/kernel/hung_task_detect_count"),
            kills: Window::new(MINUTE),
            hung: Window::new(HOUR),
        }
    }

    /// `/proc/loadavg` shows the same count as `procs_running` of `/proc/stat`, without the cost of a line for
    /// every interrupt. The task that reads is runnable itself and does not count.
    fn run_queue(&mut self) -> Result<f64, Reason> {
        let runnable = {
            let text = self.loadavg.read()?;
            let field = text.split_whitespace().nth(3).and_then(|field| field.split('/').next()?.parse::<u32>().ok());
            field.ok_or_else(|| unclear("proc/loadavg"))?
        };
        let text = self.online.read()?;
        let cpus = list_length(&text).ok_or_else(|| unclear("sys/devices/system/cpu/online"))?;
        Ok(f64::from(runnable.saturating_sub(1)) / f64::from(cpus))
    }

    fn memory_available(&mut self) -> Result<f64, Reason> {
        let text = self.meminfo.read()?;
        let value = |word: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(word))?;
            line.trim_end_matches("kB").trim().parse::<f64>().ok()
        };
        match (value("MemAvailable:"), value("MemTotal:")) {
            (Some(available), Some(total)) if total > 0.0 => Ok(100.0 * available / total),
            _ => Err(unclear("proc/meminfo")),
        }
    }

    fn oom_kills(&mut self, now: Tick) -> Result<f64, Reason> {
        let text = self.vmstat.read()?;
        let total =
            text.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|value| value.trim().parse().ok());
        let total = total.ok_or(Reason::Borrowed("this kernel does not count kills for want of memory"))?;
        Ok(self.kills.observe(now, total))
    }

    /// Flags stay until a reboot, which is also the remedy; hung tasks count for an hour.
    fn faults(&mut self, now: Tick) -> Result<f64, Reason> {
        let tainted: u64 = {
            let text = self.tainted.read()?;
            text.trim().parse().map_err(|_| unclear("proc/sys/kernel/tainted"))?
        };
        let flags = FAULT_FLAGS.iter().filter(|flag| tainted >> **flag & 1 == 1).count();
        // Kernels before 6.13 do not count hung tasks.
        let total = self.hung_tasks.read().ok().and_then(|text| text.trim().parse().ok());
        let hung = total.map_or(0.0, |total| self.hung.observe(now, total));
        Ok(flags as f64 + hung)
    }
}

impl Probe for Kernel {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::RUN_QUEUE, bit::MEMORY_AVAILABLE, bit::OOM_KILLS, bit::KERNEL_FAULTS]
    }

    fn period(&self) -> Millis {
        Millis(1_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        findings.say(bit::RUN_QUEUE, self.run_queue());
        findings.say(bit::MEMORY_AVAILABLE, self.memory_available());
        findings.say(bit::OOM_KILLS, self.oom_kills(now));
        findings.say(bit::KERNEL_FAULTS, self.faults(now));
    }
}
