//! One temperature sensor, and when it is believed.

use std::ops::RangeInclusive;

use super::Reason;
use super::kept::Kept;
use crate::hardware::Tree;

/// What a sensor of a kind can truly report.
#[derive(Clone, Debug)]
pub(super) struct Believable {
    /// Degrees Celsius. Broken sensors show the ends of their scale: -128, 0xff, 127.
    pub(super) degrees: RangeInclusive<f64>,
    /// A larger step between two readings is believed when the next reading bears it out.
    pub(super) leap: f64,
}

/// A sensor: `<hwmon>/temp<n>_input` or a thermal zone's `temp`, in thousandths of a degree.
pub(super) struct Thermometer {
    input: Kept,
    name: String,
    fault: Option<String>,
    believable: Believable,
    last: Option<f64>,
    doubted: Option<f64>,
}

impl Thermometer {
    /// The sensor with this input; `fault` is the file in which its driver says that it is broken.
    pub(super) fn new(tree: &Tree, input: &str, fault: Option<String>, believable: Believable) -> Self {
        let fault = fault.filter(|below| tree.exists(below));
        Self { input: Kept::new(tree, input), name: input.to_owned(), fault, believable, last: None, doubted: None }
    }

    /// The temperature in °C, or why it is not believed.
    pub(super) fn read(&mut self, tree: &Tree) -> Result<f64, Reason> {
        if self.fault.as_ref().is_some_and(|below| tree.number::<u8>(below) == Some(1)) {
            return Err(format!("/{} is broken, says its driver", self.name).into());
        }
        let told = self.input.read()?.trim().parse::<f64>().ok().map(|thousandths| thousandths / 1_000.0);
        let Some(degrees) = told.filter(|degrees| self.believable.degrees.contains(degrees)) else {
            return Err(format!("/{} shows what no sensor here can", self.name).into());
        };
        let near = |other: Option<f64>, most: f64| other.is_none_or(|other| (degrees - other).abs() <= most);
        let borne_out = self.doubted.is_some() && near(self.doubted, self.believable.leap / 2.0);
        if !near(self.last, self.believable.leap) && !borne_out {
            self.doubted = Some(degrees);
            return Err(format!("/{} leapt; the next reading will tell whether it is true", self.name).into());
        }
        (self.last, self.doubted) = (Some(degrees), None);
        Ok(degrees)
    }

    /// Takes over what another look at the same sensor remembers.
    pub(super) fn remember(&mut self, before: &[Self]) {
        if let Some(same) = before.iter().find(|other| other.name == self.name) {
            (self.last, self.doubted) = (same.last, same.doubted);
        }
    }
}

/// The highest of some temperatures in °C; sensors that are not believed are passed over. Says why when none is left.
pub(super) fn highest(sensors: &mut [Thermometer], tree: &Tree, none: &'static str) -> Result<f64, Reason> {
    let told: Vec<Result<f64, Reason>> = sensors.iter_mut().map(|sensor| sensor.read(tree)).collect();
    let highest = told.iter().flatten().copied().reduce(f64::max);
    highest.ok_or_else(|| told.into_iter().find_map(Result::err).unwrap_or(Reason::Borrowed(none)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::fake::Fake;

    #[test]
    fn a_leap_is_believed_when_the_next_reading_bears_it_out() {
        let machine = Fake::new().with("temp1_input", "").with("temp1_fault", "0");
        let tree = Tree::new(machine.root());
        let believable = Believable { degrees: -40.0..=125.0, leap: 40.0 };
        let mut sensor = Thermometer::new(&tree, "temp1_input", Some("temp1_fault".into()), believable);
        // (what the file holds, what is believed)
        let table = [
            ("45000", Some(45.0)),
            ("100000", None),
            ("46000", Some(46.0)),
            ("100000", None),
            ("97000", Some(97.0)),
            ("-5000", None),
            ("97000", Some(97.0)),
            ("127000", None),
            ("255000", None),
            ("-128000", None),
            ("nan", None),
            ("", None),
            ("96000\n", Some(96.0)),
        ];
        for (content, expected) in table {
            machine.put("temp1_input", content);
            assert_eq!(sensor.read(&tree).ok(), expected, "{content:?}");
        }
        machine.put("temp1_fault", "1");
        assert!(sensor.read(&tree).unwrap_err().contains("broken"));
    }
}
