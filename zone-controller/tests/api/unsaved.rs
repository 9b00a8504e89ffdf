//! A database that takes something not, and later does.

use rollcall_store::Store;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::stage::Stage;

/// Orders a node to show where it is, for so long that it is no other order again.
async fn order(stage: &Stage, seconds: u32) -> (u16, Value) {
    let order = json!({ "node": "n1", "action": { "kind": "identify", "seconds": seconds } });
    stage.post("/v1/actions", &order.to_string()).await
}

#[tokio::test]
async fn an_order_after_one_that_was_not_saved_is_another_than_all_before() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("zone.db").display());
    let mut stage = Stage::up_on(Store::open(&url).await.unwrap()).await;
    stage.node("n1").await;
    let policy = "[actions]\nallowed = [\"identify\"]\n";
    assert_eq!(stage.ask(reqwest::Method::PUT, "/v1/policy", Some(policy)).await.0, 200);
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let mut ids = Vec::new();
    for round in 1..=3 {
        let (code, answer) = order(&stage, round).await;
        assert_eq!(code, 200, "{answer}");
        ids.push(answer["action_id"].as_str().unwrap().to_owned());
        // A core that starts anew from what is saved counts its orders from the first again.
        let refuse = "CREATE TRIGGER full BEFORE INSERT ON actions BEGIN SELECT RAISE(ABORT, 'no room'); END";
        sqlx::query(refuse).execute(&mut database).await.unwrap();
        let (code, problem) = order(&stage, 10 * round).await;
        assert_eq!(code, 503, "{round}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("no room; nothing was written"), "{problem}");
        sqlx::query("DROP TRIGGER full").execute(&mut database).await.unwrap();
    }
    let saved = stage.get("/v1/actions").await.1;
    let mut known: Vec<_> = saved.as_array().unwrap().iter().map(|it| it["action_id"].as_str().unwrap()).collect();
    known.sort_unstable();
    ids.sort_unstable();
    assert_eq!(known, ids, "each order that was answered is one row");
    assert_eq!(known.len(), 3);
}
