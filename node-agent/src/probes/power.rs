//! Power supplies, and whether the platform caps the power.

use rollcall_model::{Millis, Tick};

use super::powercap::Powercap;
use super::window::Share;
use super::{Findings, Probe, Reason, bit, chips};
use crate::hardware::Tree;

const SUPPLIES: &str = "sys/class/power_supply";
const POLICIES: &str = "sys/devices/system/cpu/cpufreq";

/// Words of `health` that are no fault.
const WELL: [&str; 4] = ["Good", "Unknown", "Cool", "Warm"];
/// Alarms of a supply's input voltage (PMBus chips label it `vin`).
const INPUT_ALARMS: [&str; 4] = ["alarm", "lcrit_alarm", "min_alarm", "crit_alarm"];

pub(super) struct Power {
    tree: Tree,
    powercap: Powercap,
    capped: Share,
}

impl Power {
    pub(super) fn new(tree: &Tree) -> Self {
        Self { tree: tree.clone(), powercap: Powercap::default(), capped: Share::new(Millis(60_000)) }
    }

    fn failed_supplies(&self) -> Result<f64, Reason> {
        let (mut told, mut failed) = (0_u32, 0_u32);
        for name in self.tree.names(SUPPLIES) {
            let field = |field: &str| self.tree.line(&format!("{SUPPLIES}/{name}/{field}"));
            let kind = field("type").unwrap_or_default();
            let online = field("online").filter(|_| kind == "Mains").map(|online| online == "0");
            let on_battery = field("status").filter(|_| kind == "UPS").map(|status| status == "Discharging");
            let unwell = field("health").map(|health| !WELL.contains(&health.as_str()));
            let said = [online, on_battery, unwell];
            told += u32::from(said.iter().any(Option::is_some));
            failed += u32::from(said.contains(&Some(true)));
        }
        for chip in chips::all(&self.tree) {
            if let Some(lost) = self.lost_input(&chip) {
                told += 1;
                failed += u32::from(lost);
            }
        }
        if told == 0 { Err("no power supply tells its state to this system".into()) } else { Ok(f64::from(failed)) }
    }

    /// Whether the input voltage of a supply is gone or raises an alarm; `None` for a chip that is no supply.
    fn lost_input(&self, chip: &str) -> Option<bool> {
        let labels =
            self.tree.names(chip).into_iter().filter(|file| file.starts_with("in") && file.ends_with("_label"));
        let mut inputs = labels.filter(|file| self.tree.line(&format!("{chip}/{file}")).as_deref() == Some("vin"));
        let input = inputs.next()?;
        let input = input.strip_suffix("_label")?;
        let mut alarms = INPUT_ALARMS.iter().map(|alarm| self.tree.number::<u8>(&format!("{chip}/{input}_{alarm}")));
        let dead = self.tree.number::<i64>(&format!("{chip}/{input}_input")) == Some(0);
        Some(dead || alarms.any(|alarm| alarm == Some(1)))
    }

    /// Whether the platform holds the machine back now, from the places that mean just that: the firmware's frequency
    /// limit (ACPI `_PPC`), a power meter's alarm that its cap was passed, a lowered limit of a processor's power. A
    /// frequency limit set by an administrator is no power cap.
    fn capped(&mut self, now: Tick) -> Option<bool> {
        let tree = &self.tree;
        let policies = tree.numbered(POLICIES, "policy").into_iter().filter_map(|(_, policy)| {
            let limit: u64 = tree.number(&format!("{policy}/bios_limit"))?;
            let steps = tree.text(&format!("{policy}/scaling_available_frequencies"));
            let highest = steps.and_then(|steps| steps.split_whitespace().filter_map(|step| step.parse().ok()).max());
            Some(limit < highest.or_else(|| tree.number::<u64>(&format!("{policy}/cpuinfo_max_freq")))?)
        });
        let meters = chips::all(tree).into_iter().filter_map(|chip| Self::meter(tree, &chip));
        let told = policies.chain(meters).reduce(|one, other| one || other);
        told.into_iter().chain(self.powercap.capped(tree, now)).reduce(|one, other| one || other)
    }

    /// Whether a meter's cap was passed (`power*_cap_alarm`, or `power*_alarm` of ACPI meters); `None` without a cap.
    fn meter(tree: &Tree, chip: &str) -> Option<bool> {
        let caps = tree.names(chip).into_iter().filter_map(|file| {
            let meter = file.strip_suffix("_cap").filter(|meter| meter.starts_with("power"))?.to_owned();
            tree.number::<u64>(&format!("{chip}/{file}")).filter(|cap| *cap > 0).map(|_| meter)
        });
        let alarms = caps.filter_map(|meter| {
            let alarm = |name: &str| tree.number::<u8>(&format!("{chip}/{meter}_{name}"));
            alarm("cap_alarm").or_else(|| alarm("alarm")).map(|alarm| alarm == 1)
        });
        alarms.reduce(|one, other| one || other)
    }
}

impl Probe for Power {
    fn name(&self) -> &str {
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
        let capped = self.capped(now);
        let none = "neither firmware, nor a power meter, nor the processors tell of a cap";
        let share = capped.map(|capped| self.capped.observe(now, capped)).ok_or(Reason::Borrowed(none));
        findings.say(bit::POWER_CAP, share);
    }
}
