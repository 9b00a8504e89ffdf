//! The probes of one machine, when each is due, and what each found last.

use std::fmt;
use std::path::Path;

use rollcall_model::{Millis, Tick};

use super::kernel_log::KernelLog;
use super::{Findings, Probe, ProbeConfig, Reason, Sample, bit};
use super::{clock, drives, edac, faults, file_systems, kernel, mounts, network, power, pressure, sensors, throttle};
use crate::hardware::Tree;

/// A probe asked a little early is asked now, not a whole sampling period late.
const SLACK: Millis = Millis(250);

/// The probes of one machine.
pub struct ProbeSet {
    slots: Vec<Slot>,
    deadline: Millis,
}

/// A probe's place in the set. The probe itself is away while a thread measures with it.
struct Slot {
    probe: Option<Box<dyn Probe>>,
    name: String,
    indicators: &'static [usize],
    period: Millis,
    asked: Option<Tick>,
    found: Findings,
    hangs_since: Option<Tick>,
}

impl fmt::Debug for ProbeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.slots.iter().map(|slot| &slot.name)).finish()
    }
}

impl ProbeSet {
    /// The probes for the machine below `root` (`/` in production). Asks no device anything yet.
    #[must_use]
    pub fn new(root: &Path, config: &ProbeConfig) -> Self {
        let tree = Tree::new(root);
        let log = KernelLog::new(&tree);
        let mut probes: Vec<Box<dyn Probe>> = vec![
            Box::new(pressure::Pressure::new(&tree)),
            Box::new(kernel::Kernel::new(&tree)),
            Box::new(faults::Faults::new(&tree, &log)),
            Box::new(network::Network::new(&tree, &config.interfaces)),
            Box::new(sensors::Sensors::new(&tree)),
            Box::new(edac::Edac::new(&tree)),
            Box::new(power::Power::new(&tree)),
            Box::new(throttle::Throttle::new(&tree)),
            Box::new(drives::Drives::new(&tree, &log)),
            Box::new(file_systems::FileSystems::new(&tree, &log)),
            Box::new(clock::Clock::new(&tree)),
        ];
        for watched in &config.mounts {
            probes.push(Box::new(mounts::Mount::new(&tree, watched)));
        }
        Self::of(probes, config.deadline_ms)
    }

    /// A set of given probes; `deadline` is how long one may take before it counts as hanging, brought to 50–5000 ms.
    #[must_use]
    pub fn of(probes: Vec<Box<dyn Probe>>, deadline: Millis) -> Self {
        let slot = |probe: Box<dyn Probe>| Slot {
            name: probe.name().to_owned(),
            indicators: probe.indicators(),
            period: probe.period(),
            probe: Some(probe),
            asked: None,
            found: Findings::default(),
            hangs_since: None,
        };
        Self { slots: probes.into_iter().map(slot).collect(), deadline: Millis(deadline.0.clamp(50, 5_000)) }
    }

    /// Measures what is due on this thread, however long it takes; the rest is as found last. `expected` is when
    /// the sample should have been taken: being late is what the agent's own quality (bit 23) shows.
    pub fn sample(&mut self, now: Tick, expected: Tick) -> Sample {
        for index in self.due(now) {
            if let Some((mut probe, mut findings)) = self.lend(index, now) {
                probe.measure(now, &mut findings);
                self.give_back(index, probe, findings);
            }
        }
        self.compose(now, now.since(expected))
    }

    pub(super) fn deadline(&self) -> Millis {
        self.deadline
    }

    /// The probes whose time has come and that are here.
    pub(super) fn due(&self, now: Tick) -> Vec<usize> {
        let is_due =
            |slot: &Slot| slot.asked.is_none_or(|asked| now.since(asked).0.saturating_add(SLACK.0) >= slot.period.0);
        let due = self.slots.iter().enumerate().filter(|(_, slot)| slot.probe.is_some() && is_due(slot));
        due.map(|(index, _)| index).collect()
    }

    /// Hands a probe out to be asked; `None` when it is away.
    pub(super) fn lend(&mut self, index: usize, now: Tick) -> Option<(Box<dyn Probe>, Findings)> {
        let slot = self.slots.get_mut(index)?;
        let probe = slot.probe.take()?;
        slot.asked = Some(now);
        let mut findings = std::mem::take(&mut slot.found);
        findings.clear();
        Some((probe, findings))
    }

    /// Takes a probe back with what it found; says its name if it was thought to hang.
    pub(super) fn give_back(&mut self, index: usize, probe: Box<dyn Probe>, found: Findings) -> Option<&str> {
        let slot = self.slots.get_mut(index)?;
        (slot.probe, slot.found) = (Some(probe), found);
        slot.hangs_since.take().map(|_| slot.name.as_str())
    }

    /// Says that a probe did not come back in time.
    pub(super) fn hangs(&mut self, index: usize, since: Tick) -> Option<&str> {
        let slot = self.slots.get_mut(index)?;
        slot.hangs_since.get_or_insert(since);
        Some(&slot.name)
    }

    /// The sample as far as it is known, with how late it is in milliseconds. Where several probes answer for one
    /// indicator, the highest reading counts; one that hangs or fails takes away its own part only.
    pub(super) fn compose(&self, now: Tick, late: Millis) -> Sample {
        let mut sample = Sample::empty(now);
        let mut quality = late.0;
        for slot in &self.slots {
            for (indicator, found) in slot.found.rows() {
                sample.join(*indicator, found.clone());
            }
            if let Some(since) = slot.hangs_since {
                quality = quality.max(now.since(since).0.max(self.deadline.0));
                for indicator in slot.indicators {
                    sample.join(*indicator, Err(hanging(&slot.name, now.since(since))));
                }
            }
        }
        sample.set(bit::AGENT_QUALITY, Ok(quality as f64));
        sample
    }
}

fn hanging(name: &str, span: Millis) -> Reason {
    format!("the {name} probe has been hanging for {} s", span.0 / 1_000).into()
}

#[cfg(test)]
impl ProbeSet {
    /// Everything the probes answer for.
    pub(super) fn indicators(&self) -> Vec<usize> {
        self.slots.iter().flat_map(|slot| slot.indicators).copied().collect()
    }
}
