//! Targets and availability, while no policy has nodes speak.

use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn without_a_policy_that_has_nodes_speak_it_is_said_how_to_set_one() {
    let mut stage = Stage::up().await;
    stage.node("n1").await;
    for path in ["/v1/targets", "/v1/targets?explain=true", "/v1/availability", "/v1/nodes/n1/availability"] {
        let (code, problem) = stage.get(path).await;
        assert_eq!((code, &problem["reason"]), (409, &json!("no_policy")), "{path}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("[settings.availability]") && detail.contains("rollcall policy set"), "{detail}");
    }
    let (code, _, page) = stage.page("/ui/place").await;
    assert!(code == 200 && page.contains("No policy has nodes tell how free they are"), "{page}");
    let (_, _, page) = stage.page("/ui/nodes/n1").await;
    assert!(!page.contains("id=\"free\""), "nothing is said of what is not known");
}

#[tokio::test]
async fn a_question_that_cannot_be_understood_is_refused_with_what_is_wrong_in_it() {
    let stage = Stage::up().await;
    for (query, field) in [
        ("size=huge", "size"),
        ("size=1.5", "size"),
        ("size=NaN", "size"),
        ("count=0", "count"),
        ("count=33", "count"),
        ("choices=9", "choices"),
        ("min_units=-1", "min_units"),
        ("min_units=many", "min_units"),
        ("rule=a%0Ab", "rule"),
        ("explain=perhaps", "explain"),
        ("fro=power", "fro"),
    ] {
        let (code, problem) = stage.get(&format!("/v1/targets?{query}")).await;
        assert!(code == 400 || code == 422, "{query}: {code} {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
    for (query, field) in [("kind=loud", "kind"), ("limit=0", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor")] {
        let (code, problem) = stage.get(&format!("/v1/availability?{query}")).await;
        assert_eq!((code, &problem["errors"][0]["field"]), (400, &json!(field)), "{query}: {problem}");
    }
    assert_eq!(stage.get("/v1/nodes/nobody/availability").await.0, 404);
}
