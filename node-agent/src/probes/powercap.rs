//! Whether processors are held at a power limit that somebody lowered (`Documentation/power/powercap/powercap.rst`).
//!
//! A processor under load runs at its maker's limit all day: that is no cap. A limit below what the processor may
//! take is one, and it holds the machine back when the power used comes up to it.

use std::collections::BTreeMap;

use rollcall_model::Tick;

use crate::hardware::Tree;

const ZONES: &str = "sys/class/powercap";
/// A limit counts as lowered below this share of the most a processor may take.
const LOWERED: f64 = 0.99;
/// Power counts as being at the limit from this share of it on.
const AT_LIMIT: f64 = 0.97;

/// The packages, and the energy each had used at the last look, in µJ.
#[derive(Default)]
pub(super) struct Powercap {
    energy: BTreeMap<String, (Tick, u64)>,
}

/// The long-term limit of a package, µW.
struct Limit {
    set: u64,
    most: u64,
}

impl Powercap {
    /// Whether any package is held back; `None` when none tells.
    pub(super) fn capped(&mut self, tree: &Tree, now: Tick) -> Option<bool> {
        let zones = tree.numbered(ZONES, "intel-rapl:").into_iter();
        zones.filter_map(|(_, zone)| self.zone(tree, &zone, now)).reduce(|one, other| one || other)
    }

    fn zone(&mut self, tree: &Tree, zone: &str, now: Tick) -> Option<bool> {
        if tree.number::<u8>(&format!("{zone}/enabled")) == Some(0) {
            return Some(false);
        }
        let limit = long_term(tree, zone)?;
        let watts = self.watts(tree, zone, now);
        if limit.set as f64 >= limit.most as f64 * LOWERED {
            return Some(false);
        }
        watts.map(|watts| watts * 1e6 >= limit.set as f64 * AT_LIMIT)
    }

    /// Mean power since the last look; `None` at the first, or when the counter does not tell.
    fn watts(&mut self, tree: &Tree, zone: &str, now: Tick) -> Option<f64> {
        let used: u64 = tree.number(&format!("{zone}/energy_uj"))?;
        let (then, before) = self.energy.insert(zone.to_owned(), (now, used))?;
        let range: u64 = tree.number(&format!("{zone}/max_energy_range_uj")).unwrap_or(0);
        let grown = used.checked_sub(before).or_else(|| range.checked_sub(before)?.checked_add(used))?;
        let millis = now.since(then).0;
        (millis > 0).then(|| grown as f64 / 1e3 / millis as f64)
    }
}

fn long_term(tree: &Tree, zone: &str) -> Option<Limit> {
    let is_it = |number: &u32| tree.line(&format!("{zone}/constraint_{number}_name")).as_deref() == Some("long_term");
    let number = (0..4).find(is_it)?;
    let value = |what: &str| tree.number::<u64>(&format!("{zone}/constraint_{number}_{what}_uw")).filter(|uw| *uw > 0);
    Some(Limit { set: value("power_limit")?, most: value("max_power")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::fake::Fake;

    const ZONE: &str = "sys/class/powercap/intel-rapl:0";

    fn package(limit: &str) -> Fake {
        Fake::new().with_all(
            ZONE,
            &[
                ("name", "package-0"),
                ("enabled", "1"),
                ("constraint_0_name", "long_term"),
                ("constraint_0_power_limit_uw", limit),
                ("constraint_0_max_power_uw", "205000000"),
                ("energy_uj", "999000000"),
                ("max_energy_range_uj", "1000000000"),
            ],
        )
    }

    #[test]
    fn only_a_limit_that_was_lowered_and_is_reached_holds_a_processor_back() {
        // (limit in µW, energy after 5 s in µJ with the counter wrapped, capped)
        let table = [
            ("150000000", "749000000", Some(true)),
            ("150000000", "499000000", Some(false)),
            ("205000000", "1000000", Some(false)),
            ("0", "1000000", None),
        ];
        for (limit, energy, expected) in table {
            let machine = package(limit);
            let tree = Tree::new(machine.root());
            let mut powercap = Powercap::default();
            powercap.capped(&tree, Tick(0));
            machine.put(&format!("{ZONE}/energy_uj"), energy);
            assert_eq!(powercap.capped(&tree, Tick(5_000)), expected, "{limit}");
        }
    }

    #[test]
    fn without_the_right_to_read_energy_a_lowered_limit_tells_nothing() {
        let machine = package("150000000");
        machine.remove(&format!("{ZONE}/energy_uj"));
        assert_eq!(Powercap::default().capped(&Tree::new(machine.root()), Tick(0)), None);
    }
}
