//! Where a node stands, told by the machine itself: by the case it is built into, or by the switch it is plugged into.

use std::collections::BTreeSet;
use std::path::Path;

use rollcall_model::{Millis, Name};
use serde::Deserialize;
use serde_json::Value;

use crate::hardware::{Tree, chassis_serial};
use crate::programs::Program;

/// `lldpctl` answers from what its service heard before.
const LIMIT: Millis = Millis(5_000);

/// What tells the place of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceFrom {
    /// The serial number of the case (SMBIOS type 3): blades of one chassis stand at one place.
    Chassis,
    /// The name of the switch at the other end of the cable, as LLDP tells it. Needs `lldpctl` (package `lldpd`).
    Lldp,
}

/// Why a machine does not tell its place.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// The firmware holds no serial number of the case, or not for this user.
    #[error(
        "the firmware tells no serial number of the case, or tells it to root only: run the agent as root, \
         or set `place` instead of `place_from`"
    )]
    NoSerial,
    /// LLDP is not there.
    #[error("lldpctl is not installed: install lldpd, or set `place` instead of `place_from`")]
    NoLldp,
    /// LLDP is there and gives nothing that can be read.
    #[error("{0}: look whether lldpd runs, or set `place` instead of `place_from`")]
    Unanswered(String),
    /// LLDP is there and has heard no switch that tells its name.
    #[error("lldpctl knows no neighbour with a name yet: a switch with LLDP tells it within about 30 s")]
    NoNeighbour,
}

/// Reads the place of the machine below `root` (`/` in production). Blocks, for some seconds at most. With several
/// switches in sight the place is the one whose name sorts first, so that both ports of a pair lead to one place.
///
/// # Errors
/// When the machine does not tell; the message says what to do.
pub fn read(root: &Path, how: PlaceFrom) -> Result<Name, NoPlace> {
    let tree = Tree::new(root);
    match how {
        PlaceFrom::Chassis => {
            let serial = chassis_serial(&tree).ok_or(NoPlace::NoSerial)?;
            Ok(Name::nearest(&format!("chassis-{serial}"), "chassis"))
        }
        PlaceFrom::Lldp => {
            let program = Program::find(&tree, "lldpctl").ok_or(NoPlace::NoLldp)?;
            let answer = program.ask(&["-f", "json"], LIMIT).map_err(|why| NoPlace::Unanswered(why.to_string()))?;
            let told: Value = serde_json::from_str(&answer.text)
                .map_err(|error| NoPlace::Unanswered(format!("the answer of lldpctl is no JSON: {error}")))?;
            let switch = switches(&told).into_iter().next().ok_or(NoPlace::NoNeighbour)?;
            Ok(Name::nearest(&switch, "switch"))
        }
    }
}

/// Names of the neighbours. `lldpctl` writes one entry as an object and several as a list; a neighbour's name is the
/// key of what is known of it, and one without a name stands there without a key.
fn switches(told: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for by_interface in entries(&told["lldp"]["interface"]) {
        for neighbour in by_interface.as_object().into_iter().flat_map(|one| one.values()).flat_map(entries) {
            let is_lldp = neighbour["via"].as_str().is_none_or(|via| via == "LLDP");
            let named = neighbour["chassis"].as_object().into_iter().flatten();
            let named = named.filter(|(_, about)| is_lldp && about.is_object()).map(|(name, _)| name);
            // Without a name the description of the chassis follows directly: its own keys are no names.
            names.extend(named.filter(|name| !matches!(name.as_str(), "id" | "capability")).cloned());
        }
    }
    names
}

fn entries(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(_) => vec![value],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::fake::{Fake, chassis};

    fn neighbour(switch: &str) -> String {
        format!(
            r#"{{"via":"LLDP","rid":"1","chassis":{{"{switch}":{{"id":{{"type":"mac","value":"00:1c:73:00:00:01"}},
               "capability":[{{"type":"Bridge","enabled":true}}]}}}},"port":{{"id":{{"type":"ifname","value":"Eth7"}}}}}}"#
        )
    }

    fn lldp(answer: &str) -> Fake {
        Fake::new().with_program("lldpctl", &format!("[ \"$*\" = '-f json' ] || exit 3\ncat <<'END'\n{answer}\nEND"))
    }

    fn told(machine: &Fake, how: PlaceFrom) -> Result<String, String> {
        read(machine.root(), how).map(|name| name.to_string()).map_err(|why| why.to_string())
    }

    #[test]
    fn blades_of_one_case_stand_at_one_place() {
        let by_kernel = Fake::new().with("sys/class/dmi/id/chassis_serial", "CZ 2204 0C7X\n");
        assert_eq!(told(&by_kernel, PlaceFrom::Chassis).as_deref(), Ok("chassis-CZ-2204-0C7X"));
        let by_tables = Fake::new().with_tables(&[chassis("SGH1234ABC")]);
        assert_eq!(told(&by_tables, PlaceFrom::Chassis).as_deref(), Ok("chassis-SGH1234ABC"));
        for nothing in [Fake::new(), Fake::new().with("sys/class/dmi/id/chassis_serial", "Chassis Serial Number\n")] {
            let message = told(&nothing, PlaceFrom::Chassis).unwrap_err();
            assert!(message.contains("as root"), "{message}");
        }
    }

    #[test]
    fn the_switch_at_the_other_end_names_the_place() {
        let one = format!(r#"{{"lldp":{{"interface":{{"eth0":{}}}}}}}"#, neighbour("leaf-b7"));
        let two = format!(
            r#"{{"lldp":{{"interface":[{{"eth0":{}}},{{"eth1":{}}}]}}}}"#,
            neighbour("leaf-b7"),
            neighbour("leaf-a7")
        );
        assert_eq!(told(&lldp(&one), PlaceFrom::Lldp).as_deref(), Ok("leaf-b7"));
        assert_eq!(told(&lldp(&two), PlaceFrom::Lldp).as_deref(), Ok("leaf-a7"));
    }

    #[test]
    fn who_hears_no_switch_is_told_why() {
        let nameless = r#"{"lldp":{"interface":{"eth0":{"via":"LLDP","chassis":{"id":{"type":"mac","value":"0"}}}}}}"#;
        for (machine, part) in [
            (Fake::new(), "lldpctl is not installed"),
            (lldp(r#"{"lldp":{}}"#), "no neighbour"),
            (lldp(nameless), "no neighbour"),
            (lldp("oops"), "no JSON"),
        ] {
            let message = told(&machine, PlaceFrom::Lldp).unwrap_err();
            assert!(message.contains(part), "{part} in {message}");
        }
    }
}
