//! Pressure stall information: how much of the time tasks wait for processors, memory and storage.

use rollcall_model::{Millis, Tick};

use super::kept::{Kept, unclear};
use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

pub(super) struct Pressure {
    // (indicator, file, which line of it)
    files: [(usize, Kept, &'static str); 3],
}

impl Pressure {
    pub(super) fn new(tree: &Tree) -> Self {
        let kept = |what: &str| Kept::new(tree, &format!("proc/pressure/{what}"));
        Self {
            files: [
                (bit::CPU_PRESSURE, kept("cpu"), "some"),
                (bit::MEMORY_PRESSURE, kept("memory"), "full"),
                (bit::IO_PRESSURE, kept("io"), "full"),
            ],
        }
    }
}

impl Probe for Pressure {
    fn name(&self) -> &str {
        "pressure"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::CPU_PRESSURE, bit::MEMORY_PRESSURE, bit::IO_PRESSURE]
    }

    fn period(&self) -> Millis {
        Millis(1_000)
    }

    fn measure(&mut self, _now: Tick, findings: &mut Findings) {
        for (indicator, file, line) in &mut self.files {
            findings.say(*indicator, stalled(file, line));
        }
    }
}

fn stalled(file: &mut Kept, line: &str) -> Result<f64, Reason> {
    let text = file.read().map_err(|why| {
        Reason::from(format!("{why}: pressure information may need `psi=1` on the kernel's command line"))
    })?;
    avg10(&text, line).ok_or_else(|| unclear("proc/pressure"))
}

/// The ten-second average of a line such as `full avg10=0.12 avg60=… avg300=… total=…`, percent.
fn avg10(text: &str, line: &str) -> Option<f64> {
    let fields = text.lines().find_map(|candidate| candidate.strip_prefix(line))?;
    let value = fields.split_whitespace().find_map(|field| field.strip_prefix("avg10="))?;
    value.parse().ok().filter(|share| (0.0..=100.0).contains(share))
}
