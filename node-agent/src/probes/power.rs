//! Power supplies, and whether the platform caps the power.

use rollcall_model::{Millis, Tick};

use super::window::Share;
use super::{Findings, Probe, Reason, bit};
use crate::hardware::Tree;

const SUPPLIES: &str = "sys/class/power_supply";
const HWMON: &str = "sys/class/hwmon";
const POLICIES: &str = "sys/devices/system/cpu/cpufreq";

/// Words of `health` that are no fault.
const WELL: [&str; 4] = ["Good", "Unknown", "Cool", "Warm"];
/// Alarms of a supply's input voltage (PMBus chips label it `vin`).
const INPUT_ALARMS: [&str; 4] = ["alarm", "lcrit_alarm", "min_alarm", "crit_alarm"];

pub(super) struct Power {
    tree: Tree,
    capped: Share,
}

impl Power {
    pub(super) fn new(tree: &Tree) -> Self {
        Self { tree: tree.clone(), capped: Share::new(Millis(60_000)) }
    }

    fn failed_supplies(&self) -> Result<f64, Reason> {
        let (mut told, mut failed) = (0_u32, 0_u32);
        for name in self.tree.names(SUPPLIES) {
            let field = |field: &str| self.tree.line(&format!("{SUPPLIES}/{name}/{field}"));
            let mains = field("type").as_deref() == Some("Mains");
            let (online, health) = (field("online").filter(|_| mains), field("health"));
            told += u32::from(online.is_some() || health.is_some());
            let unwell = health.is_some_and(|health| !WELL.contains(&health.as_str()));
            failed += u32::from(unwell || online.as_deref() == Some("0"));
        }
        for (_, chip) in self.tree.numbered(HWMON, "hwmon") {
            if let Some(lost) = self.lost_input(&chip) {
                told += 1;
                failed += u32::from(lost);
            }
        }
        if told == 0 { Err("no power supply tells its state to this system".into()) } else { Ok(f64::from(failed)) }
    }

    /// Whether the input voltage of a supply raises an alarm; `None` for a chip that is no supply.
    fn lost_input(&self, chip: &str) -> Option<bool> {
        let labels =
            self.tree.names(chip).into_iter().filter(|file| file.starts_with("in") && file.ends_with("_label"));
        let mut inputs = labels.filter(|file| self.tree.line(&format!("{chip}/{file}")).as_deref() == Some("vin"));
        let input = inputs.next()?;
        let input = input.strip_suffix("_label")?;
        let mut alarms = INPUT_ALARMS.iter().map(|alarm| self.tree.number::<u8>(&format!("{chip}/{input}_{alarm}")));
        Some(alarms.any(|alarm| alarm == Some(1)))
    }

    /// Whether the platform holds the machine back now, from the two places that mean just that: the firmware's
    /// frequency limit (ACPI `_PPC`), and a power meter's alarm that its cap was passed. A frequency limit set by an
    /// administrator is no power cap.
    fn capped(&self) -> Option<bool> {
        let policies = self.tree.numbered(POLICIES, "policy").into_iter().filter_map(|(_, policy)| {
            let limit: u64 = self.tree.number(&format!("{policy}/bios_limit"))?;
            let steps = self.tree.text(&format!("{policy}/scaling_available_frequencies"))?;
            let highest = steps.split_whitespace().filter_map(|step| step.parse::<u64>().ok()).max()?;
            Some(limit < highest)
        });
        let meters = self.tree.numbered(HWMON, "hwmon").into_iter().filter_map(|(_, chip)| {
            self.tree.number::<u64>(&format!("{chip}/power1_cap")).filter(|cap| *cap > 0)?;
            self.tree.number::<u8>(&format!("{chip}/power1_alarm")).map(|alarm| alarm == 1)
        });
        policies.chain(meters).reduce(|one, other| one || other)
    }
}

impl Probe for Power {
    fn name(&self) -> &'static str {
        "power"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::POWER_SUPPLY, bit::POWER_CAP]
    }

    fn period(&self) -> Millis {
        Millis(5_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        findings.say(bit::POWER_SUPPLY, self.failed_supplies());
        let capped = self.capped().ok_or(Reason::Borrowed("neither firmware nor a power meter tells of a cap"));
        findings.say(bit::POWER_CAP, capped.map(|capped| self.capped.observe(now, capped)));
    }
}
