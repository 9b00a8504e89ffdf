//! Policies: checked before anybody hears of them, obeyed by every node, kept through restarts.

use rollcall_tests::stage::{Brokers, PATIENCE, Stage, node_name, until};
use tokio::time::Instant;

const TIGHT: &str = "[settings]\nmetrics_period_ms = 2000\n\
                     [settings.indicators.disk_space]\nlimit = 50.0\nclear = 45.0\n\
                     [[overrides]]\nnode = \"sim-0001\"\n[overrides.settings.indicators.fan]\nenabled = false\n";

/// Waits until so many nodes obey a version.
async fn obeyed(stage: &Stage, version: u64, nodes: i64) {
    let query = format!("SELECT COUNT(*) FROM v_nodes WHERE policy_version = {version}");
    until(format!("{nodes} nodes to obey version {version}"), PATIENCE, async || {
        (stage.api().number(&query).await.ok()? == nodes).then_some(())
    })
    .await;
}

#[allow(clippy::print_stdout, reason = "this is a test's output")]
pub async fn a_policy_reaches_every_node_and_outlives_restarts(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let mut fleet = stage.fleet(2, 6).await;
    let began = Instant::now();
    let (code, answer) = stage.api().set_policy(TIGHT).await;
    assert_eq!((code, answer["version"].as_u64()), (200, Some(1)), "{answer}");
    obeyed(&stage, 1, 6).await;
    println!("    set, and obeyed by 6 nodes in 2 racks {} ms later", began.elapsed().as_millis());
    let fan = "SELECT state FROM v_node_health_bits WHERE node = 'sim-0001' AND indicator = 'fan'";
    until("the indicator to be switched off", PATIENCE, async || {
        (stage.api().sql(fan).await.ok()?.first()?.first()? == "unmeasurable").then_some(())
    })
    .await;
    // Whoever starts again is told again.
    fleet.agents[0].restart().await;
    fleet.racks[1].restart().await;
    fleet.zone.restart().await;
    until("the next session of the node", PATIENCE, async || {
        (stage.api().sql("SELECT epoch FROM v_nodes WHERE name = 'sim-0000'").await.ok()?.first()?.first()?.as_i64()?
            == 2)
            .then_some(())
    })
    .await;
    let (code, answer) = stage.api().set_policy(&TIGHT.replace("2000", "3000")).await;
    assert_eq!((code, answer["version"].as_u64()), (200, Some(2)), "{answer}");
    obeyed(&stage, 2, 6).await;
    let (code, answer) = stage.api().command("POST", "/v1/policy/rollback", serde_json::json!({ "version": 1 })).await;
    assert_eq!((code, answer["version"].as_u64()), (200, Some(3)), "{answer}");
    obeyed(&stage, 3, 6).await;
    let (_, text) = stage.api().get("/v1/policy").await.expect("the policy");
    assert!(text.contains("metrics_period_ms = 2000"), "the former text: {text}");
    stage.all_in(6).await;
    fleet.assert_alive();
}

pub async fn a_policy_nobody_can_obey_is_refused_and_nothing_changes(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(1, 2).await;
    let (code, _) = stage.api().set_policy(TIGHT).await;
    assert_eq!(code, 200);
    obeyed(&stage, 1, 2).await;
    // (the document, what the refusal names)
    for (document, named) in [
        ("settings = 7", "line 1, column 12: invalid type: integer `7`, expected a table of settings"),
        ("[settings]\nsample_perod_ms = 500\n", "sample_perod_ms"),
        ("[settings.indicators.disk_space]\nlimit = 80.0\nclear = 85.0\n", "indicators.disk_space.clear"),
        ("[settings.indicators.disk_spaces]\nlimit = 80.0\n", "disk_space"),
        ("[[overrides]]\ngroup = \"rack-z\"\n[overrides.settings]\n", "rack-z"),
        ("[[actions.remedies]]\nname = \"r\"\nwhen = \"health.fan &&\"\naction = { kind = \"drain\" }\n", "remedies"),
    ] {
        let (code, answer) = stage.api().set_policy(document).await;
        assert!((400..500).contains(&code), "{code} {answer}");
        assert!(answer.to_string().contains(named), "{document} is refused without naming {named}: {answer}");
    }
    assert_eq!(stage.api().number("SELECT MAX(version) FROM v_policies").await, Ok(1));
    // Nothing is on its way either: the nodes go from the first to the next good one.
    let (code, answer) = stage.api().set_policy(TIGHT).await;
    assert_eq!((code, answer["version"].as_u64()), (200, Some(2)), "{answer}");
    obeyed(&stage, 2, 2).await;
    let known = format!("SELECT state FROM v_nodes WHERE name = '{}'", node_name(0));
    assert_eq!(stage.api().rows(&known).await[0][0], "healthy");
    fleet.assert_alive();
}
