//! Probes: the 24 indicators of this machine's health, measured (N4).
//!
//! A [`ProbeSet`] holds the probes and knows when each is due; it measures on whatever thread calls it. The
//! [`Sampler`] gives it a thread of its own, so that a probe that hangs (a file system whose server is gone, a
//! sensor on a stuck bus) costs its own indicators and nothing else.
//!
//! What cannot be measured is a reason, never a zero.

mod aside;
mod chips;
mod clock;
mod complaint;
mod drives;
mod edac;
mod faults;
mod file_systems;
mod findings;
mod kept;
mod kernel;
mod kernel_log;
mod mounts;
mod network;
mod power;
mod powercap;
mod pressure;
mod sampler;
mod sensors;
mod set;
mod smart;
#[cfg(test)]
mod tests;
mod thermometer;
mod throttle;
mod window;
mod worker;

use std::path::PathBuf;

use rollcall_model::{Millis, Tick};
use serde::Deserialize;

pub use findings::{Findings, Reason, Sample};
pub(crate) use kept::Kept;
pub use sampler::{ProbeFigures, Sampler};
pub use set::ProbeSet;

/// Measures some of the indicators.
pub trait Probe: Send {
    /// What it is called in reasons and logs.
    fn name(&self) -> &str;

    /// The indicators it answers for. Where two probes of a set share one, the higher reading counts.
    fn indicators(&self) -> &'static [usize];

    /// How often it is worth asking.
    fn period(&self) -> Millis;

    /// Measures. `now` is when the sample was asked for. May block: the [`Sampler`] is ready for it.
    fn measure(&mut self, now: Tick, findings: &mut Findings);
}

/// What the probes are told by the node's owner.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeConfig {
    /// File systems whose space and inodes are watched, by mount point. Default: `/`.
    pub mounts: Vec<PathBuf>,
    /// Network interfaces watched besides those that are devices, by name, e.g. a bond. Default: none.
    pub interfaces: Vec<String>,
    /// How long a probe may take before it counts as hanging, in milliseconds. Default 500; from 50 to 5000.
    /// Should stay well below the sampling period: one sample waits this long for every probe that begins to hang.
    pub deadline_ms: Millis,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self { mounts: vec![PathBuf::from("/")], interfaces: Vec::new(), deadline_ms: Millis(500) }
    }
}

/// Indicators by name; the dictionary in `rollcall_model::indicator` says what they mean.
pub(crate) mod bit {
    pub(crate) const CPU_TEMPERATURE: usize = 0;
    pub(crate) const CPU_THROTTLED: usize = 1;
    pub(crate) const CPU_PRESSURE: usize = 2;
    pub(crate) const RUN_QUEUE: usize = 3;
    pub(crate) const MEMORY_AVAILABLE: usize = 4;
    pub(crate) const MEMORY_PRESSURE: usize = 5;
    pub(crate) const MEMORY_CORRECTABLE: usize = 6;
    pub(crate) const MEMORY_UNCORRECTABLE: usize = 7;
    pub(crate) const OOM_KILLS: usize = 8;
    pub(crate) const DISK_SPACE: usize = 9;
    pub(crate) const DISK_INODES: usize = 10;
    pub(crate) const IO_PRESSURE: usize = 11;
    pub(crate) const DEVICE_HEALTH: usize = 12;
    pub(crate) const FILESYSTEM_READONLY: usize = 13;
    pub(crate) const LINK: usize = 14;
    pub(crate) const NIC_ERRORS: usize = 15;
    pub(crate) const NIC_SATURATION: usize = 16;
    pub(crate) const FAN: usize = 17;
    pub(crate) const POWER_SUPPLY: usize = 18;
    pub(crate) const POWER_CAP: usize = 19;
    pub(crate) const INLET_TEMPERATURE: usize = 20;
    pub(crate) const CLOCK_UNSYNCHRONISED: usize = 21;
    pub(crate) const KERNEL_FAULTS: usize = 22;
    pub(crate) const AGENT_QUALITY: usize = 23;
}
