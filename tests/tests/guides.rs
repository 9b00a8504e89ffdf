//! The guides cannot rot: what they show is what the code takes and says.

use rollcall_model::indicator::{INDICATORS, Side};
use rollcall_model::policy::{Known, PolicyDocument};
use rollcall_model::wire::status::NodeStatus;
use rollcall_model::{Capability, Name, SealKey};

const PROTOCOL: &str = include_str!("../../docs/protocol.md");
const HEALTH: &str = include_str!("../../docs/health.md");

/// Fenced blocks whose fence says this.
fn blocks<'a>(document: &'a str, info: &str) -> Vec<&'a str> {
    let fence = format!("```{info}\n");
    document.split(&fence).skip(1).filter_map(|rest| rest.split_once("\n```").map(|(text, _)| text)).collect()
}

#[test]
fn the_sealed_packet_in_the_protocol_opens() {
    let (_, example) = PROTOCOL.split_once("```seal key=").expect("an example");
    let mut lines = example.split("\n```").next().expect("its end").lines();
    let mut next = || lines.next().expect("a line").to_owned();
    let (key, capability) = (next(), next());
    let bytes: String = lines.flat_map(|line| line.split(' ')).collect();
    let status = NodeStatus::decode(&hex::decode(bytes).expect("hexadecimal digits")).expect("a status packet");
    let key = SealKey::try_from(key).expect("a key");
    let digest = Capability::try_from(capability).expect("a capability").short_digest();
    assert_eq!(rollcall_identity::seal::open(&key, &status), Ok(digest));
    assert_eq!(rollcall_identity::seal::seal(&key, &status, digest).ok(), status.tag);
}

#[test]
fn every_policy_in_the_guide_can_be_obeyed() {
    let examples = blocks(HEALTH, "toml policy");
    assert!(!examples.is_empty());
    let [group, node] = ["rack-a", "db-1"].map(|name| Name::new(name).expect("a name"));
    for text in examples {
        let document: PolicyDocument = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let problems =
            document.problems(Known { groups: std::slice::from_ref(&group), nodes: std::slice::from_ref(&node) });
        assert!(problems.is_empty(), "{problems:?}");
        if let Some(Err(error)) = document.settings.availability.as_ref().map(rollcall_placement::plan) {
            panic!("{error}\n{text}");
        }
        for remedy in &document.actions.remedies {
            if let Err(error) = rollcall_grouping::Rule::compile(&remedy.when) {
                panic!("{}: {error}", remedy.when);
            }
        }
    }
}

#[test]
fn every_rule_in_the_guide_compiles() {
    let quoted: Vec<&str> =
        HEALTH.split("--rule '").skip(1).filter_map(|rest| rest.split_once('\'').map(|(rule, _)| rule)).collect();
    assert!(quoted.len() >= 3, "{quoted:?}");
    for rule in quoted {
        if let Err(error) = rollcall_grouping::Rule::compile(rule) {
            panic!("{rule}: {error}");
        }
    }
}

#[test]
fn the_table_of_indicators_is_the_dictionary() {
    let head = "| indicator | unit | set when | clear at | for | severity | meaning | what to do |\n|---|---|---|---|---|---|---|---|\n";
    let rows = INDICATORS.map(|indicator| {
        let threshold = indicator.threshold;
        let side = if threshold.side == Side::Above { "above" } else { "below" };
        format!(
            "| `{}` | {} | {side} {} | {} | {} s | {} | {} | {} |\n",
            indicator.name,
            indicator.unit,
            threshold.limit,
            threshold.clear,
            threshold.dwell.0 / 1_000,
            indicator.severity.as_str(),
            indicator.meaning,
            indicator.remedy
        )
    });
    let expected = format!("{head}{}", rows.concat());
    let (_, after) = HEALTH.split_once("<!-- indicators -->\n").expect("the mark");
    let written = after.split_once("<!-- end -->").expect("the end").0;
    assert_eq!(written, expected, "docs/health.md should have\n{expected}");
}

/// What a configuration would have taken instead of a key that does not exist, as its own error says.
fn keys_of<T: serde::de::DeserializeOwned>(text: &str) -> Vec<String> {
    let error = toml::from_str::<T>(text).err().expect("the key does not exist").to_string();
    let (_, expected) = error.split_once("expected ").unwrap_or_else(|| panic!("{error}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every table of the configuration, and every key in it, stands in the example, be it commented out.
fn is_explained<T: serde::de::DeserializeOwned>(daemon: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/config");
    let example = std::fs::read_to_string(format!("{path}/{daemon}.toml")).expect("an example");
    let is_written = |table: &str, key: &str| {
        let mut here = "";
        example.lines().map(|line| line.trim_start_matches("# ")).any(|line| {
            if line.starts_with('[') {
                here = line.trim_matches(['[', ']']);
            }
            let is_a_table = !table.is_empty() && here == format!("{table}.{key}");
            is_a_table || (here == table && line.starts_with(&format!("{key} = ")))
        })
    };
    let with = |table: &str| match table {
        "" => format!("no_such_key = 1\n{example}"),
        table => example.replace(&format!("\n[{table}]\n"), &format!("\n[{table}]\nno_such_key = 1\n")),
    };
    let tables =
        example.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')).filter(|it| !it.contains('['));
    let mut missing = Vec::new();
    for table in std::iter::once("").chain(tables) {
        for key in keys_of::<T>(&with(table)) {
            let is_table = table.is_empty() && example.contains(&format!("[{key}"));
            if !is_table && !is_written(table, &key) {
                missing.push(format!("{table}.{key}"));
            }
        }
    }
    assert!(missing.is_empty(), "deploy/config/{daemon}.toml does not explain {missing:?}");
}

#[test]
fn every_key_of_a_configuration_is_in_its_example() {
    is_explained::<rollcall_zone_controller::config::Config>("zone-controller");
    is_explained::<rollcall_group_controller::config::Config>("group-controller");
    is_explained::<rollcall_checkin::config::Config>("checkin");
    is_explained::<rollcall_node_agent::config::Config>("node-agent");
}
