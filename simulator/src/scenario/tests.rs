//! What is refused, and how.

use super::*;

const GOOD: &str = r#"seed = 7
nodes = 40
racks = 2
lasting = "1m"

[arrival]
curve = "s_curve"
over = "20s"

[churn]
die_per_hour = 0.5

[[generation]]
name = "old"
vendor = "GenuineIntel"
cpu = "Intel(R) Xeon(R) CPU E5-2670"
family = 6
model = 45
cores = 8
memory = "DDR3"
memory_gib = 64
nic = "igb"
nic_mbps = 1000

[[behaviour]]
kind = "random_faults"
per_node_and_hour = 6

[[behaviour]]
kind = "overheating_rack"
rack = 2
at = "30s"
lasting = "20s"

[[behaviour]]
kind = "bad_firmware"
generation = "old"
share = 0.5
at = "40s"
over = "5s"
lasting = "10s"
"#;

fn refusal(text: &str) -> String {
    match Scenario::read("it.toml", text).and_then(|scenario| scenario.check("it.toml", text)) {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_good_scenario_and_an_empty_one_can_be_used() {
    assert_eq!(refusal(GOOD), "");
    assert_eq!(refusal(""), "");
    assert_eq!(Scenario::read("x", "").unwrap(), Scenario::default());
}

#[test]
fn the_guides_example_can_be_used() {
    let guide = include_str!("../../../docs/simulator.md");
    let examples: Vec<&str> = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(refusal(example), "", "{example}");
    }
}

#[test]
fn what_cannot_work_is_refused_with_key_line_and_remedy() {
    // (in the good one, instead, the message)
    let table = [
        ("nodes = 40", "nodes = 0", "it.toml:2: nodes is 0: there is nothing to simulate; give at least 1"),
        (
            "racks = 2",
            "racks = 41",
            "it.toml:3: racks is 41, but there are only 40 nodes: some racks would be empty; give at most 40, or more nodes",
        ),
        ("racks = 2", "racks = 0", "it.toml:3: racks is 0: nodes stand in racks; give at least 1"),
        ("nodes = 40", "nodes = 1000000", "it.toml:2: nodes is 1000000; it has to lie between 1 and 100000"),
        ("lasting = \"1m\"", "lasting = \"0s\"", "it.toml:4: lasting is 0ms; it has to lie between 1s and 24h"),
        (
            "die_per_hour = 0.5",
            "die_per_hour = nan",
            "it.toml:11: churn.die_per_hour is NaN; it has to lie between 0 and 60",
        ),
        (
            "rack = 2\n",
            "rack = 3\n",
            "it.toml:31: behaviour[2].rack is 3, but there are 2 racks; give one from 1 to 2, or more racks",
        ),
        (
            "at = \"40s\"",
            "at = \"2m\"",
            "it.toml:39: behaviour[3].at is 2m, but all is over after 80s (arrival.over and lasting); let it begin earlier, or \
             let all last longer",
        ),
        (
            "generation = \"old\"",
            "generation = \"new\"",
            "it.toml:37: behaviour[3].generation is \"new\", which there is not; there are old",
        ),
        (
            "vendor = \"GenuineIntel\"",
            "vendor = \"Intel\"",
            "it.toml:15: generation[1].vendor is \"Intel\"; there are \"GenuineIntel\", \"AuthenticAMD\" and \"ARM\"",
        ),
        ("cores = 8", "cores = 0", "it.toml:19: generation[1].cores is 0; it has to lie between 1 and 1024"),
        (
            "name = \"old\"",
            "name = \"old\"\nshare = 0",
            "it.toml:13: generation has shares of 0 only: no node would be made of anything; give one of them a share of at least 1",
        ),
    ];
    for (from, to, expected) in table {
        assert!(GOOD.contains(from), "{from}");
        assert_eq!(refusal(&GOOD.replacen(from, to, 1)), expected);
    }
}

#[test]
fn what_is_no_scenario_is_refused_with_its_line() {
    for (from, to, expected) in [
        ("seed = 7", "seed = ", "it.toml:1: "),
        ("nodes = 40", "node = 40", "it.toml:2: unknown field `node`"),
        ("over = \"20s\"", "over = \"20 s\"", "it.toml:8: \"20 s\" is no span of time"),
        ("curve = \"s_curve\"", "curve = \"steep\"", "it.toml:7: unknown variant `steep`"),
        ("kind = \"random_faults\"", "kind = \"meteorite\"", "unknown variant `meteorite`"),
    ] {
        let said = refusal(&GOOD.replacen(from, to, 1));
        assert!(said.contains(expected) && said.contains("docs/simulator.md"), "{said}");
    }
}

#[test]
fn every_scenario_that_comes_with_it_can_be_played() {
    for (name, text) in [
        ("ten-thousand.toml", include_str!("../../scenarios/ten-thousand.toml")),
        ("deaths-10.toml", include_str!("../../scenarios/deaths-10.toml")),
        ("deaths-1000.toml", include_str!("../../scenarios/deaths-1000.toml")),
        ("deaths-10000.toml", include_str!("../../scenarios/deaths-10000.toml")),
    ] {
        Scenario::read(name, text).unwrap().check(name, text).unwrap();
    }
}
