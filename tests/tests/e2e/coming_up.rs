//! A whole zone comes up.

use rollcall_tests::stage::{Brokers, Stage};
use serde_json::json;

/// Pages an operator may open; `sim-0000` is a node.
const PAGES: [&str; 12] = [
    "/healthz",
    "/readyz",
    "/v1/status",
    "/v1/nodes",
    "/v1/nodes?state=healthy",
    "/v1/nodes?group=rack-a",
    "/v1/nodes?bit=disk_space",
    "/v1/nodes/sim-0000",
    "/v1/groups",
    "/v1/channels",
    "/v1/checkins",
    "/v1/alerts?state=raised",
];

pub async fn a_zone_comes_up_with_every_node_in_one_group_of_each_kind(brokers: &Brokers) {
    let stage = Stage::new(brokers.main().await).await;
    let fleet = stage.fleet(2, 3).await;
    let api = stage.api();
    let groups = "SELECT node, COUNT(*) FILTER (WHERE kind = 'physical'), COUNT(*) FILTER (WHERE kind = 'logical') \
                  FROM v_assignments WHERE current GROUP BY node_id ORDER BY node";
    for (index, row) in api.rows(groups).await.iter().enumerate() {
        assert_eq!(row, &[json!(format!("sim-{index:04}")), json!(1), json!(1)], "one group of each kind");
    }
    let places = api.rows("SELECT name, physical_group FROM v_nodes ORDER BY name").await;
    let expected = [("sim-0000", "rack-a"), ("sim-0001", "rack-b"), ("sim-0002", "rack-a")];
    assert_eq!(places, expected.map(|(node, rack)| vec![json!(node), json!(rack)]));
    let channels = "SELECT COUNT(*) FROM v_channels WHERE purpose IN ('alerts', 'policies', 'analytics')";
    assert_eq!(api.number(channels).await, Ok(6), "three channels for each of two racks");
    assert_eq!(api.number("SELECT COUNT(*) FROM v_checkins").await, Ok(1));
    for page in PAGES.into_iter().chain(["/v1/events", "/v1/events?after=0&limit=5"]) {
        let (code, body) = api.get(page).await.expect("an answer");
        assert_eq!(code, 200, "{page}: {body}");
    }
    let (code, body) = api.get("/v1/nodes/nobody").await.expect("an answer");
    assert!(code == 404 && body.contains("there is no node"), "{code} {body}");
    fleet.assert_alive();
}
