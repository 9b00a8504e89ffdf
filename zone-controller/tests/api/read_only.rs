//! A database that takes nothing for a while: it is said, questions are answered, what comes waits, commands are refused.

use std::time::Duration;

use reqwest::Method;
use rollcall_store::Store;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::stage::Stage;

#[tokio::test]
async fn what_comes_while_nothing_can_be_saved_waits_and_is_saved_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/zone.db", folder.path().display());
    let mut stage = Stage::up_on(Store::open(&url).await.unwrap()).await;
    stage.node("before").await;
    assert_eq!(stage.get("/v1/status").await.1["database"], "up");

    // Somebody holds the file, longer than anybody waits for.
    let mut holder = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut holder).await.unwrap();
    let meanwhile = stage.subscription("meanwhile");
    stage.join(meanwhile).await;
    let said = |status: &Value| status["database"].as_str().filter(|it| it.starts_with("read-only: ")).map(Into::into);
    let said: Value = stage.until("/v1/status", said).await;
    assert!(said.as_str().unwrap().contains("nothing was written"), "{said}");
    assert_eq!(stage.get("/readyz").await.0, 503);
    let (code, nodes) = stage.get("/v1/nodes").await;
    assert_eq!((code, nodes.as_array().map(Vec::len)), (200, Some(1)), "questions are answered");
    let document = "[settings.indicators.disk_space]\nlimit = 80.0\n";
    let (code, problem) = stage.ask(Method::PUT, "/v1/policy", Some(document)).await;
    assert_eq!(code, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().starts_with("it could not be saved: "), "{problem}");

    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    let up = |status: &Value| (status["database"] == "up").then_some(Value::Null);
    stage.until("/v1/status", up).await;
    let joined = |found: &Value| (found["node"]["epoch"] == 1).then_some(Value::Null);
    stage.until("/v1/nodes/meanwhile", joined).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(stage.get("/readyz").await.0, 200);
    let (code, nodes) = stage.get("/v1/nodes").await;
    assert_eq!((code, nodes.as_array().map(Vec::len)), (200, Some(2)), "once");
    assert_eq!(stage.get("/v1/policy").await.1["version"], json!(0));
}
