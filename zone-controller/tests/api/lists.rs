//! Lists from outside: filters, order, pages, sparse fields; on both databases all that the API says of itself.

use reqwest::Method;
use rollcall_store::Store;
use serde_json::{Value, json};

use crate::stage::Stage;

#[allow(dead_code, reason = "what the store's tests need beside")]
#[path = "../../../store/tests/contract/server.rs"]
mod server;

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

/// Every page of a list, one after the other.
async fn walk(stage: &Stage, path: &str) -> Vec<Value> {
    let (mut rows, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let answer = stage.send(Method::GET, &path, &[], None).await;
        assert_eq!(answer.code, 200, "{path}: {}", answer.json);
        next = answer.header("link").map(|link| {
            assert!(link.starts_with('<') && link.ends_with(">; rel=\"next\""), "{link}");
            link[1..link.len() - ">; rel=\"next\"".len()].to_owned()
        });
        rows.extend(answer.json.as_array().unwrap().clone());
    }
    rows
}

#[tokio::test]
async fn nodes_are_found_sorted_and_paged() {
    let mut stage = Stage::up().await;
    let mut first = None;
    for node in ["web-1", "web-2", "db-1", "db-2", "db-3"] {
        let identifier = stage.node(node).await;
        first.get_or_insert(identifier);
    }
    let first = first.unwrap();
    assert_eq!(names(&stage.get("/v1/nodes").await.1), ["db-1", "db-2", "db-3", "web-1", "web-2"]);
    assert_eq!(names(&stage.get("/v1/nodes?sort=-name&q=db").await.1), ["db-3", "db-2", "db-1"]);
    assert_eq!(names(&stage.get("/v1/nodes?group=rack-a&q=web-2").await.1), ["web-2"]);
    let id = first.node.to_string();
    assert_eq!(names(&stage.get(&format!("/v1/nodes?q={}", &id[..13])).await.1), ["web-1"]);
    let (_, sparse) = stage.get("/v1/nodes?fields=state,name&limit=1").await;
    assert_eq!(sparse, json!([{ "state": "joining", "name": "db-1" }]));
    let whole = walk(&stage, "/v1/nodes?fields=name").await;
    for (query, limits) in [("sort=name", 1..=5), ("sort=-physical_group,-name", 1..=5), ("sort=since,name", 2..=3)] {
        for limit in limits {
            let mut paged = walk(&stage, &format!("/v1/nodes?fields=name&{query}&limit={limit}")).await;
            paged.sort_by_key(|row| row["name"].to_string());
            assert_eq!(paged, whole, "{query}, {limit} at a time");
        }
    }
    assert_eq!(stage.get("/v1/nodes/web-1/health").await.1.as_array().unwrap().len(), 0, "nothing reported");
    stage.bit(&first, 1, "disk_space").await;
    let set = |bits: &Value| (bits.as_array()?.len() == 24).then_some(Value::Null);
    stage.until("/v1/nodes/web-1/health", set).await;
    let (_, set) = stage.get("/v1/nodes/web-1/health?state=set").await;
    assert_eq!((set.as_array().unwrap().len(), &set[0]["indicator"]), (1, &json!("disk_space")));
    assert_eq!(names(&stage.get("/v1/nodes?bit=disk_space&state=degraded,down").await.1), ["web-1"]);
    let (_, hardware) = stage.get("/v1/nodes/web-1/hardware?fields=topology,current").await;
    assert!(hardware[0]["topology"].is_object() && hardware[0]["current"] == 1, "{hardware}");
    let (_, stood) = stage.get("/v1/nodes/web-1/assignments?kind=physical").await;
    assert_eq!((&stood[0]["group_name"], &stood[0]["current"]), (&json!("rack-a"), &json!(1)));
    assert_eq!(stage.get("/v1/nodes/nobody/hardware").await.0, 404);
    let (_, changes) = stage.get("/v1/health/history?node=web-1&from=2020-01-01T00:00:00Z").await;
    assert_eq!(changes[0]["state"], "degraded");
    let (_, groups) = stage.get("/v1/groups?kind=physical&state=degraded").await;
    assert_eq!(names(&groups), ["rack-a"]);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_question_only() {
    let stage = Stage::up().await;
    let first = stage.send(Method::GET, "/v1/indicators?sort=severity&limit=3", &[], None).await;
    let link = first.header("link").unwrap();
    let cursor = link.split("cursor=").nth(1).unwrap().split('>').next().unwrap();
    for fine in [format!("sort=severity&cursor={cursor}"), format!("cursor={cursor}&limit=9&fields=bit&sort=severity")]
    {
        assert_eq!(stage.get(&format!("/v1/indicators?{fine}")).await.0, 200, "{fine}");
    }
    let mut altered = cursor.to_owned();
    altered.replace_range(12..13, if &cursor[12..13] == "A" { "B" } else { "A" });
    for (path, query) in [
        ("/v1/indicators", format!("cursor={cursor}")),
        ("/v1/indicators", format!("sort=-severity&cursor={cursor}")),
        ("/v1/indicators", format!("sort=severity&severity=critical&cursor={cursor}")),
        ("/v1/alerts", format!("sort=severity&cursor={cursor}")),
        ("/v1/indicators", format!("sort=severity&cursor={altered}")),
        ("/v1/indicators", "cursor=".into()),
        ("/v1/indicators", "cursor=%00%ff".into()),
        ("/v1/indicators", format!("cursor={}", "A".repeat(9_000))),
    ] {
        let (code, problem) = stage.get(&format!("{path}?{query}")).await;
        assert_eq!((code, &problem["errors"][0]["field"]), (400, &json!("cursor")), "{path}?{query:.60}: {problem}");
    }
}

/// Something a parameter takes, by its schema.
fn taken(schema: &Value) -> Vec<String> {
    let values = |schema: &Value| -> Vec<String> {
        schema["enum"].as_array().map_or_else(Vec::new, |words| {
            words.iter().map(|word| word.as_str().unwrap_or_default().to_owned()).collect()
        })
    };
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("array"), _) => values(&schema["items"]),
        (Some("boolean"), _) => vec!["true".into(), "false".into()],
        (Some("integer"), _) => vec!["7".into()],
        (_, Some("date-time")) => vec!["2026-11-20T08:15:30Z".into()],
        _ if schema["enum"].is_array() => values(schema).into_iter().take(2).collect(),
        _ => vec!["a'%00\"%25".into()],
    }
}

/// Asks every list everything that the document says may be asked of it, one parameter at a time.
async fn ask_everything(store: Store) {
    let mut stage = Stage::up_on(store).await;
    stage.node("n1").await;
    let (_, document) = stage.get("/v1/openapi.json").await;
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        if !parameters.iter().any(|parameter| parameter["name"] == "cursor") {
            continue;
        }
        let path = path.replace("{node}", "n1");
        for parameter in
            parameters.iter().filter(|parameter| parameter["in"] == "query" && parameter["name"] != "cursor")
        {
            for value in taken(&parameter["schema"]) {
                let query = format!("{path}?{}={value}&limit=1", parameter["name"].as_str().unwrap());
                let query = if parameter["name"] == "limit" { format!("{path}?limit=3") } else { query };
                let (code, answer) = stage.get(&query).await;
                // No policy has nodes speak here; `placing` asks this one of a zone in which they do.
                let is_unheard = path == "/v1/availability" && answer["reason"] == "no_policy";
                assert!(is_unheard || (code == 200 && answer.is_array()), "{query}: {code} {answer}");
                asked += 1;
            }
        }
    }
    assert!(asked > 300, "{asked}");
}

#[tokio::test]
async fn every_list_answers_all_that_it_says_it_takes_on_sqlite() {
    ask_everything(Store::open("sqlite::memory:").await.unwrap()).await;
}

#[tokio::test]
async fn every_list_answers_all_that_it_says_it_takes_on_postgresql() {
    let server = server::Server::start();
    let database = server.database();
    ask_everything(Store::open(&server.url(&database)).await.unwrap()).await;
}
