//! Temperatures and fans, from hwmon and the thermal zones (`Documentation/hwmon/sysfs-interface.rst`).

use std::collections::BTreeSet;

use rollcall_model::{Millis, Tick};

use super::kept::Kept;
use super::thermometer::{Believable, Thermometer, highest};
use super::{Findings, Probe, Reason, bit, chips};
use crate::hardware::Tree;

const ZONES: &str = "sys/class/thermal";
const LOOK_AGAIN: Millis = Millis(60_000);

/// Drivers of the sensors within processors.
const PROCESSORS: [&str; 8] =
    ["coretemp", "k10temp", "k8temp", "zenpower", "cpu_thermal", "via_cputemp", "xgene_hwmon", "apm_xgene"];
/// Drivers of graphics cards, which stop their fans when idle.
const GRAPHICS: [&str; 4] = ["amdgpu", "radeon", "nouveau", "nvidia"];
/// Words in the labels of sensors in the air that enters.
const INLETS: [&str; 3] = ["inlet", "ambient", "intake"];
/// Processors switch themselves off below 126 °C.
const PROCESSOR: Believable = Believable { degrees: -40.0..=125.0, leap: 40.0 };
const AIR: Believable = Believable { degrees: -40.0..=85.0, leap: 25.0 };

pub(super) struct Sensors {
    tree: Tree,
    looked: Option<Tick>,
    processors: Vec<Thermometer>,
    inlets: Vec<Thermometer>,
    fans: Vec<Fan>,
    /// Fans that were seen turning.
    turned: BTreeSet<String>,
}

/// A fan: `<hwmon>/fan<n>`.
struct Fan {
    below: String,
    speed: Kept,
}

/// A temperature sensor of a chip: `<hwmon>/temp<n>` and its label in lower case.
type Labelled = (String, String);

impl Sensors {
    pub(super) fn new(tree: &Tree) -> Self {
        Self {
            tree: tree.clone(),
            looked: None,
            processors: Vec::new(),
            inlets: Vec::new(),
            fans: Vec::new(),
            turned: BTreeSet::new(),
        }
    }

    /// Drivers come and go: looks for sensors now and then.
    fn look(&mut self, now: Tick) {
        if self.looked.is_some_and(|then| now.since(then) < LOOK_AGAIN) {
            return;
        }
        self.looked = Some(now);
        let processors = std::mem::take(&mut self.processors);
        let inlets = std::mem::take(&mut self.inlets);
        self.fans.clear();
        for chip in chips::all(&self.tree) {
            self.look_at(&chip);
        }
        if self.processors.is_empty() {
            for (_, zone) in self.tree.numbered(ZONES, "thermal_zone") {
                let kind = self.tree.line(&format!("{zone}/type")).unwrap_or_default().to_lowercase();
                if kind == "x86_pkg_temp" || kind.contains("cpu") || kind.contains("soc") {
                    self.processors.push(Thermometer::new(&self.tree, &format!("{zone}/temp"), None, PROCESSOR));
                }
            }
        }
        self.processors.iter_mut().for_each(|sensor| sensor.remember(&processors));
        self.inlets.iter_mut().for_each(|sensor| sensor.remember(&inlets));
    }

    fn look_at(&mut self, chip: &str) {
        let driver = self.tree.line(&format!("{chip}/name")).unwrap_or_default();
        let files = self.tree.names(chip);
        let input = |file: &String| Some(format!("{chip}/{}", file.strip_suffix("_input")?));
        let temperatures: Vec<Labelled> = files
            .iter()
            .filter(|file| file.starts_with("temp"))
            .filter_map(input)
            .map(|sensor| {
                let label = self.tree.line(&format!("{sensor}_label")).unwrap_or_default().to_lowercase();
                (sensor, label)
            })
            .collect();
        let sensor = |(below, _): &Labelled, believable: Believable| {
            Thermometer::new(&self.tree, &format!("{below}_input"), Some(format!("{below}_fault")), believable)
        };
        if PROCESSORS.contains(&driver.as_str()) {
            self.processors.extend(hottest_of(&temperatures).iter().map(|one| sensor(one, PROCESSOR)));
        }
        let inlets = temperatures.iter().filter(|(_, label)| INLETS.iter().any(|word| label.contains(word)));
        self.inlets.extend(inlets.map(|one| sensor(one, AIR)));
        if !GRAPHICS.contains(&driver.as_str()) {
            for below in files.iter().filter(|file| file.starts_with("fan")).filter_map(input) {
                let speed = Kept::new(&self.tree, &format!("{below}_input"));
                self.fans.push(Fan { below, speed });
            }
        }
    }

    fn failed_fans(&mut self) -> Result<f64, Reason> {
        let (mut told, mut failed) = (0_u32, 0_u32);
        for fan in &mut self.fans {
            let flag = |name: &str| self.tree.number::<u8>(&format!("{}_{name}", fan.below));
            let alarm = [flag("alarm"), flag("fault")].contains(&Some(1));
            let speed = fan.speed.read().ok().and_then(|text| text.trim().parse::<u64>().ok());
            if speed.is_some_and(|speed| speed > 0) {
                self.turned.insert(fan.below.clone());
            }
            // Many boards list headers with no fan: one that never turned and has no least speed is none.
            let expected = self.turned.contains(&fan.below)
                || self.tree.number::<u64>(&format!("{}_min", fan.below)).is_some_and(|least| least > 0);
            told += u32::from(speed.is_some() || alarm);
            failed += u32::from(alarm || (speed == Some(0) && expected));
        }
        if told == 0 { Err("no fan is listed in /sys/class/hwmon".into()) } else { Ok(f64::from(failed)) }
    }
}

/// Of a processor's sensors those that matter: the package instead of every core, the die instead of AMD's control
/// value, which some models shift on purpose.
fn hottest_of(sensors: &[Labelled]) -> Vec<Labelled> {
    let labelled =
        |word: &str| sensors.iter().filter(|(_, label)| label.starts_with(word)).cloned().collect::<Vec<_>>();
    let packages = labelled("package id");
    if !packages.is_empty() {
        return packages;
    }
    let dies = labelled("tdie");
    if dies.is_empty() { sensors.to_vec() } else { dies }
}

impl Probe for Sensors {
    fn name(&self) -> &str {
        "sensors"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::CPU_TEMPERATURE, bit::FAN, bit::INLET_TEMPERATURE]
    }

    fn period(&self) -> Millis {
        Millis(5_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        self.look(now);
        let processors = highest(&mut self.processors, &self.tree, "no temperature sensor of a processor answers");
        findings.say(bit::CPU_TEMPERATURE, processors);
        findings.say(bit::FAN, self.failed_fans());
        let inlets = highest(&mut self.inlets, &self.tree, "no sensor is labelled as inlet, ambient or intake");
        findings.say(bit::INLET_TEMPERATURE, inlets);
    }
}
