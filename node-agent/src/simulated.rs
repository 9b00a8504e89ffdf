//! Machines that do not exist, for `rollcall demo` and `rollcall sim`.
//!
//! Everything follows from a seed: the same seed and index give the same machine, and at the same tick the same
//! readings, in every version of this software. Their identifiers say that they are simulated.

mod dice;
mod kinds;
mod readings;
#[cfg(test)]
mod tests;

use rollcall_model::hardware::HardwareTopology;
use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::indicator::{INDICATORS, Side};
use rollcall_model::policy::Resolved;
use rollcall_model::{Health, Millis, Name, NodeIdentifier, Tick};
use rollcall_placement::usage;

use crate::probes::Sample;
use dice::Dice;

/// How often faults begin on a machine unless said otherwise: twice in an hour and a half.
const FAULTS_PER_MINUTE: f64 = 0.02;

/// A simulated machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its identity; the evidence's source is `Simulated`.
    pub identifier: NodeIdentifier,
    /// What it is made of: one of five kinds of server.
    pub hardware: HardwareTopology,
    /// Its name, `sim-0007` for index 7.
    pub name: Name,
    seed: u64,
    faults_per_minute: f64,
    staged: Vec<Staged>,
}

/// A fault that was asked for.
#[derive(Clone, Copy, Debug)]
struct Staged {
    fault: Fault,
    from: Tick,
    to: Tick,
}

/// What can befall a simulated machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A fan stands still and the processors get hot.
    Fan,
    /// More tasks want to run than there are processors.
    Overload,
    /// Memory runs out, until the kernel kills something.
    MemoryLeak,
    /// A memory module needs ever more correction.
    MemoryModule,
    /// The watched file system fills up.
    DiskFull,
    /// A drive fails, and its file system turns read-only.
    Drive,
    /// A network link goes down.
    Link,
    /// A bad cable: packets are lost.
    Cable,
    /// A power supply loses its input.
    PowerSupply,
    /// The air that enters is too warm.
    Inlet,
    /// The time source is gone.
    Clock,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Fan,
        Self::Overload,
        Self::MemoryLeak,
        Self::MemoryModule,
        Self::DiskFull,
        Self::Drive,
        Self::Link,
        Self::Cable,
        Self::PowerSupply,
        Self::Inlet,
        Self::Clock,
    ];
}

impl Machine {
    /// The machine of this number among those of a seed.
    #[must_use]
    pub fn generate(seed: u64, index: u32) -> Self {
        let mut dice = Dice::of(&[seed, u64::from(index)]);
        let (high, low) = (dice.roll(), dice.roll());
        let hardware = kinds::draw(&mut dice, index);
        let evidence = Evidence {
            source: EvidenceSource::Simulated,
            product_uuid: Some(uuid_text(high, low)),
            board_serial: None,
            cpu: Some(kinds::signature(&hardware.cpu)),
            machine_id: None,
            mac: None,
        };
        let identifier = match NodeIdentifier::from_evidence(evidence) {
            Ok(identifier) => identifier,
            Err(error) => unreachable!("evidence made here has a UUID and short fields: {error}"),
        };
        let name = Name::nearest(&format!("sim-{index:04}"), "sim");
        Self { identifier, hardware, name, seed: dice.roll(), faults_per_minute: FAULTS_PER_MINUTE, staged: Vec::new() }
    }

    /// The same machine, made of something else; what identifies it follows.
    #[must_use]
    pub fn made_of(mut self, hardware: HardwareTopology) -> Self {
        let mut evidence = self.identifier.evidence.clone();
        evidence.cpu = Some(kinds::signature(&hardware.cpu));
        // A signature that is too long to be evidence leaves the machine as it was: its fields are bounded by who asks.
        if let Ok(identifier) = NodeIdentifier::from_evidence(evidence) {
            self.identifier = identifier;
        }
        Self { hardware, ..self }
    }

    /// The same machine with another rate of faults: how likely one begins within a minute, 0 to 1.
    #[must_use]
    pub fn with_faults_per_minute(self, probability: f64) -> Self {
        Self { faults_per_minute: probability.clamp(0.0, 1.0), ..self }
    }

    /// Lets a fault happen at a given time, for a given span.
    pub fn stage(&mut self, fault: Fault, from: Tick, lasting: Millis) {
        self.staged.push(Staged { fault, from, to: from + lasting });
    }

    /// The faults that are present at a time, drawn and staged ones.
    #[must_use]
    pub fn faults(&self, now: Tick) -> Vec<Fault> {
        let staged =
            self.staged.iter().filter(|staged| staged.from <= now && now < staged.to).map(|staged| staged.fault);
        let drawn: Vec<Fault> = readings::drawn(self.seed, self.faults_per_minute, now).collect();
        let present: Vec<Fault> = staged.chain(drawn).collect();
        Fault::ALL.into_iter().filter(|fault| present.contains(fault)).collect()
    }

    /// How much of this machine is in use.
    #[must_use]
    pub fn usage(&self, now: Tick) -> usage::Readings {
        readings::usage(self, now)
    }

    /// What this machine's probes would find. `expected` is when they should have been asked.
    #[must_use]
    pub fn sample(&self, now: Tick, expected: Tick) -> Sample {
        readings::sample(self, now, expected)
    }
}

/// A sample that shows this health at once to a node that judges by the dictionary's limits [without dwell](at_once).
#[must_use]
pub fn showing(health: Health, taken: Tick) -> Sample {
    let mut sample = Sample::empty(taken);
    for indicator in &INDICATORS {
        let threshold = indicator.threshold;
        let beyond = match threshold.side {
            Side::Above => threshold.limit + 1.0,
            Side::Below => threshold.limit - 1.0,
        };
        let found = if health.mask().get(indicator.bit) {
            Err("this simulated machine does not tell it".into())
        } else if health.bits().get(indicator.bit) {
            Ok(beyond)
        } else {
            Ok(threshold.clear)
        };
        sample.set(indicator.bit, found);
    }
    sample
}

/// What holds on a node whose bits follow its readings at once: the dictionary without dwell.
#[must_use]
pub fn at_once() -> Resolved {
    let mut resolved = Resolved::default();
    for threshold in &mut resolved.thresholds {
        threshold.dwell = Millis(0);
    }
    resolved
}

/// A UUID of version 8 (RFC 9562) from two numbers.
fn uuid_text(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x8000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xffff);
    format!("{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", low >> 48, low & 0xffff_ffff_ffff)
}
