use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Json, RawQuery};
use axum::http::Uri;
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use rollcall_startup::Failure;
use tokio::net::TcpListener;

use super::*;

async fn listening(router: Router) -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    at
}

async fn serve(router: Router) -> Client {
    Client::new(&listening(router).await.to_string(), &Credential::None).unwrap()
}

fn failure(result: Result<Answer, ClientError>) -> (u8, String) {
    let failure = Failure::from(result.unwrap_err());
    (failure.exit().code(), failure.to_string())
}

#[tokio::test]
async fn a_zone_that_is_not_there_is_told_with_what_to_do() {
    let port = nobody().await.port();
    let client = Client::new(&format!("http://127.0.0.1:{port}"), &Credential::None).unwrap();
    let expected = format!(
        "error: cannot reach the zone's API at http://127.0.0.1:{port}: Connection refused (os error 111)\n\
         hint: is the zone controller running? `rollcall demo` starts one; set --api or ROLLCALL_API"
    );
    assert_eq!(failure(client.status().await), (3, expected));
}

#[tokio::test]
async fn what_the_zone_says_against_a_question_is_told_as_it_is() {
    let problem = |status: u16, detail: &'static str| {
        let body = json!({ "type": "about:blank", "title": "x", "status": status, "detail": detail });
        (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "application/problem+json")], body.to_string())
            .into_response()
    };
    let router = Router::new()
        .route("/v1/nodes/web-9", get(async move || problem(404, "there is no node \"web-9\" in this zone")))
        .route("/v1/sql", post(async move || problem(400, "the database says: no such column: nmae")))
        .route("/v1/status", get(async move || problem(503, "the zone controller is stopping")));
    let client = serve(router).await;
    let told = (1, "error: there is no node \"web-9\" in this zone".to_owned());
    assert_eq!(failure(client.node("web-9").await), told);
    let told = (1, "error: the database says: no such column: nmae".to_owned());
    assert_eq!(failure(client.sql("SELECT nmae FROM v_nodes").await), told);
    assert_eq!(failure(client.status().await), (3, "error: the zone controller is stopping".to_owned()));
}

#[test]
fn every_detail_of_a_refusal_is_told_once() {
    let told = |detail: &str, details: &[&str]| {
        let details = details.iter().map(|&more| more.to_owned()).collect();
        Problem { detail: detail.into(), details }.told()
    };
    assert_eq!(told("wrong: a is bad", &["a is bad"]), "wrong: a is bad");
    assert_eq!(
        told("two reasons: a is bad; b is bad", &["a is bad", "b is bad"]),
        "two reasons\n  - a is bad\n  - b is bad"
    );
    assert_eq!(told("wrong", &["a is bad"]), "wrong\n  - a is bad");
    assert_eq!(told("there is no such node", &[]), "there is no such node");
}

#[tokio::test]
async fn orders_say_who_gives_them() {
    let echo = async |headers: axum::http::HeaderMap, body: String| {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        Json(json!([header("x-rollcall-by"), header("content-type"), body]))
    };
    let mut client = serve(Router::new().fallback(any(echo))).await;
    client.by = Some("ada".into());
    let set = client.set_policy("a = 1", "why not", true).await.unwrap();
    assert_eq!(set.document, json!(["ada", "text/plain; charset=utf-8", "a = 1"]));
    let acknowledged = client.acknowledge(3, "seen").await.unwrap();
    assert_eq!(acknowledged.document, json!(["ada", "application/json", "{\"comment\":\"seen\"}"]));
}

#[tokio::test]
async fn somebody_else_at_that_address_is_not_taken_for_a_zone() {
    let router = Router::new()
        .route("/v1/status", get(async || "<html>hello</html>"))
        .route("/v1/groups", get(async || Json(json!({ "groups": 3 }))));
    let client = serve(router).await;
    let (code, text) = failure(client.status().await);
    assert!(code == 3 && text.contains("no JSON") && text.contains("hint: is --api"), "{text}");
    let (code, text) = failure(client.list("channels", &[]).await);
    assert!(code == 3 && text.contains("/v1/channels answered, but not as a zone's API"), "{text}");
    let groups = client.list("groups", &[]).await;
    assert!(matches!(groups, Err(ClientError::Foreign { .. })), "{groups:?}");
}

#[tokio::test]
async fn names_and_filters_arrive_as_they_were_given() {
    let echo = async |uri: Uri, RawQuery(query): RawQuery| Json(json!([uri.path(), query]));
    let client = serve(Router::new().fallback(any(echo))).await;
    let node = client.node("a/b ?c").await.unwrap();
    assert_eq!(node.document, json!(["/v1/nodes/a%2Fb%20%3Fc", null]));
    let filters = [("state", Some("down")), ("group", Some("rack a&b")), ("bit", None)];
    let nodes = client.list("nodes", &filters).await.unwrap();
    assert_eq!(nodes.document, json!(["/v1/nodes", "state=down&group=rack+a%26b&limit=10000"]));
    assert_eq!(client.list("alerts", &[("state", None)]).await.unwrap().document, json!(["/v1/alerts", "limit=10000"]));
    assert!(node.clock.is_some(), "axum tells its clock");
}

#[test]
fn an_address_needs_no_scheme_but_the_right_one() {
    let url = |text: &str| Client::new(text, &Credential::None).map(|client| client.url(&["status"]).to_string());
    assert_eq!(url("127.0.0.1:7655").unwrap(), "http://127.0.0.1:7655/v1/status");
    assert_eq!(url("http://[::1]:7655/").unwrap(), "http://[::1]:7655/v1/status");
    assert_eq!(url("http://gate/zones/a").unwrap(), "http://gate/zones/a/v1/status");
    for wrong in ["https://127.0.0.1:7655", "http://", "http://a b", ""] {
        let failure = Failure::from(Client::new(wrong, &Credential::None).unwrap_err());
        assert_eq!(failure.exit().code(), 2, "{wrong}: {failure}");
    }
}

/// A port nobody listens at: bound and dropped.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// What says of itself that it is this one, and acts or stands by.
async fn controller(name: &'static str, acts: Arc<AtomicBool>) -> SocketAddr {
    let says = async move || {
        let acts = acts.load(Ordering::Relaxed);
        let status = if acts { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, json!({ "name": name, "detail": format!("{name} stands by"), "reason": "standby" }).to_string())
    };
    listening(Router::new().fallback(any(says))).await
}

#[tokio::test]
async fn of_several_controllers_the_one_that_acts_is_asked_also_after_another_took_over() {
    let acts: [Arc<AtomicBool>; 2] = std::array::from_fn(|_| Arc::default());
    let [a, b] = [controller("a", acts[0].clone()).await, controller("b", acts[1].clone()).await];
    let dead = nobody().await;
    let client = Client::new(&format!("{dead}, {a},http://{b}"), &Credential::None).unwrap();
    let answers = async || client.status().await.map(|answer| answer.document["name"].clone());
    let set = |at: usize, to| acts[at].store(to, Ordering::Relaxed);
    assert_eq!(failure(client.status().await), (3, "error: a stands by".into()), "nobody acts: somebody's words");
    set(1, true);
    assert_eq!(answers().await.unwrap(), "b");
    set(1, false);
    set(0, true);
    assert_eq!(answers().await.unwrap(), "a");
    assert_eq!(client.sql("SELECT 1").await.unwrap().document["name"], "a", "orders, too");
}

#[tokio::test]
async fn what_the_one_that_acts_cannot_do_is_its_answer_and_not_asked_of_another() {
    let asked = Arc::new(AtomicUsize::default());
    let counts = Arc::clone(&asked);
    let says = async move || {
        counts.fetch_add(1, Ordering::Relaxed);
        (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "detail": "it could not be saved", "reason": "not_saved" }).to_string(),
        )
    };
    let acting = listening(Router::new().fallback(any(says))).await;
    let standby = controller("b", Arc::default()).await;
    for addresses in [format!("{standby},{acting}"), format!("{acting},{standby}")] {
        let client = Client::new(&addresses, &Credential::None).unwrap();
        assert_eq!(failure(client.sql("SELECT 1").await), (3, "error: it could not be saved".into()));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2, "once each");
}

#[tokio::test]
async fn every_page_is_had_of_whoever_acts() {
    let (dead, zone) = (nobody().await, in_pages(false).await);
    let addresses = format!("{dead},{}", zone.addresses.first());
    let client = Client::new(&addresses, &Credential::None).unwrap();
    let all = client.list("nodes", &[("state", Some("down"))]).await.unwrap();
    assert_eq!(all.document.as_array().unwrap().len(), 25);
}

#[test]
fn of_several_none_has_a_user_of_its_own() {
    let failure = Failure::from(Client::new("http://a:b@gate-a,http://gate-b", &Credential::None).unwrap_err());
    assert_eq!(failure.exit().code(), 2, "{failure}");
    assert!(!failure.to_string().contains("a:b"), "{failure}");
}

#[tokio::test]
async fn where_nobody_is_all_addresses_are_told() {
    let [a, b] = [nobody().await, nobody().await];
    let client = Client::new(&format!("{a},{b}"), &Credential::None).unwrap();
    let (code, told) = failure(client.status().await);
    assert_eq!(code, 3);
    assert!(told.contains(&format!("cannot reach the zone's API at http://{a}, http://{b}: ")), "{told}");
    assert!(Client::new("127.0.0.1:1,", &Credential::None).is_err(), "an empty one is none");
}

/// A zone of 25 rows in pages of ten, or of as many as are asked for.
async fn in_pages(endless: bool) -> Client {
    let list = async move |uri: Uri| {
        let query: std::collections::HashMap<String, String> =
            reqwest::Url::parse(&format!("http://x{uri}")).unwrap().query_pairs().into_owned().collect();
        let from: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
        let number = query["limit"].parse::<usize>().unwrap().min(10);
        let next = if endless { 0 } else { from + number };
        let rows: Vec<_> =
            (from..(from + number).min(25)).map(|row| json!({ "row": row, "query": uri.query() })).collect();
        let link = format!("</v1/nodes?state=down&limit={number}&cursor={next}>; rel=\"next\"");
        let headers = if next < 25 { vec![("link", link)] } else { vec![] };
        (axum::response::AppendHeaders(headers), Json(json!(rows)))
    };
    serve(Router::new().route("/v1/nodes", get(list))).await
}

#[tokio::test]
async fn a_list_is_read_page_by_page_until_all_or_enough_is_there() {
    let client = in_pages(false).await;
    let asked = async |listing: &Listing| {
        let filters = [("state", "down".to_owned())];
        let answer = client.rows(&["nodes"], &filters, listing, &Progress::new(false)).await.unwrap();
        answer.document.as_array().unwrap().clone()
    };
    let all = asked(&Listing::default()).await;
    assert_eq!(all.iter().map(|row| row["row"].as_u64().unwrap()).collect::<Vec<_>>(), (0..25).collect::<Vec<_>>());
    let some = Listing { fields: vec!["row".into(), "query".into()], sort: Some("-row".into()), limit: Some(13) };
    let rows = asked(&some).await;
    assert_eq!((rows.len(), &rows[0]["query"]), (13, &json!("state=down&fields=row%2Cquery&sort=-row&limit=13")));
}

#[tokio::test]
async fn pages_that_come_to_no_end_are_given_up() {
    let client = in_pages(true).await;
    let endless = client.list("nodes", &[]).await.unwrap_err();
    assert!(endless.to_string().contains("no end"), "{endless}");
}
