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
