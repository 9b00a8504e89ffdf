//! What happens, live: in order, nothing lost, nothing twice, whatever comes in between.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use rollcall_identity::Validity;
use rollcall_model::{Principal, UnixMillis};
use rollcall_store::{Change, Pruning, Retention, Store};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use crate::follower::Follower;
use crate::secure::{Secure, now};
use crate::stage::{Stage, name};

async fn database() -> Store {
    Store::open("sqlite::memory:").await.unwrap()
}

/// Events of a kind of the test's own, numbered in their messages.
async fn note(store: &Store, numbers: std::ops::RangeInclusive<usize>, at: UnixMillis) {
    let note = |number: usize| Change::Noted { kind: "note", subject: "x".into(), message: number.to_string(), at };
    store.commit(&numbers.map(note).collect::<Vec<_>>()).await.unwrap();
}

fn numbers(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

async fn follow(stage: &Stage, path: &str, seen: Option<i64>) -> Follower {
    Follower::of(Client::new().get(stage.url(path)), seen).await
}

/// How many streams there may be besides those that are open.
async fn opens(stage: &Stage) -> bool {
    let asked = Client::new().get(stage.url("/v1/events")).header("accept", "text/event-stream");
    asked.send().await.unwrap().status() == 200
}

#[tokio::test]
async fn events_and_changes_of_health_are_told_as_rows_of_their_views() {
    let mut stage = Stage::up().await;
    let node = stage.node("n1").await;
    let (mut all, mut some) =
        (follow(&stage, "/v1/events", None).await, follow(&stage, "/v1/events?kind=nothing,node_state", None).await);
    let mut of_node = follow(&stage, &format!("/v1/events?subject={}", node.node), None).await;
    let (mut health, mut other) =
        (follow(&stage, "/v1/health/changes", None).await, follow(&stage, "/v1/health/changes?node=n2", None).await);
    stage.bit(&node, 1, "disk_space").await;

    let sent = health.next().await.unwrap();
    assert_eq!(
        (sent.event.as_str(), &sent.data["node"], &sent.data["bits_set"]),
        ("health", &json!("n1"), &json!("disk_space"))
    );
    assert_eq!(sent.id, sent.data["history_id"].as_i64());
    let (_, listed) = stage.get("/v1/health/changes?node=n1&group=rack-a").await;
    assert_eq!(listed.as_array().unwrap().last(), Some(&sent.data), "the list has the same rows");

    let told = some.next().await.unwrap();
    assert_eq!((told.event.as_str(), told.id), ("node_state", told.data["event_id"].as_i64()));
    let (_, listed) = stage.get("/v1/events?kind=node_state").await;
    assert_eq!(listed, json!([told.data]));
    for follower in [&mut all, &mut of_node] {
        while follower.next().await.unwrap() != told {}
    }
    assert_eq!(stage.get(&format!("/v1/events?subject={}&kind=node_state", node.node)).await.1, json!([told.data]));
    assert_eq!(stage.get("/v1/events?subject=nobody").await.1, json!([]));
    assert!(timeout(Duration::from_millis(200), other.next()).await.is_err(), "of another node");
}

#[tokio::test]
async fn a_stream_is_taken_up_again_after_a_restart_of_the_zone_without_loss_or_repetition() {
    let store = database().await;
    let stage = Stage::up_on(store.clone()).await;
    let mut follower = follow(&stage, "/v1/events?kind=note", None).await;
    note(&store, 1..=50, now()).await;
    let mut heard = Vec::new();
    let mut seen = None;
    for _ in 0..30 {
        let sent = follower.next().await.unwrap();
        seen = sent.id;
        heard.push(sent.data["message"].as_str().unwrap().to_owned());
    }
    let asked = Instant::now();
    stage.end();
    // What was on its way is thrown away, as a client does that is cut off.
    while follower.next().await.is_some() {}
    assert!(asked.elapsed() < Duration::from_secs(3), "an end waits for no stream: {:?}", asked.elapsed());
    note(&store, 51..=60, now()).await;
    drop(stage);
    let again = Stage::up_on(store.clone()).await;
    let mut follower = follow(&again, "/v1/events?kind=note&after=0", seen).await;
    note(&store, 61..=70, now()).await;
    heard.extend(follower.texts(40, "message").await);
    assert_eq!(heard, numbers(1..=70));
}

#[tokio::test]
async fn who_reads_slowly_gets_everything_and_who_reads_nothing_costs_nothing() {
    let store = database().await;
    let stage = Stage::up_with(store.clone(), |config| config.api.max_streams = Some(2)).await;
    let mut slow = follow(&stage, "/v1/events?kind=note", None).await;
    // Takes nothing at all, with the smallest of buffers.
    let address = stage.url("").trim_start_matches("http://").to_owned();
    let mut deaf = tokio::net::TcpStream::connect(address).await.unwrap();
    deaf.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n").await.unwrap();
    deaf.readable().await.unwrap();
    assert!(!opens(&stage).await, "both places are taken");
    for block in 0..10 {
        note(&store, block * 1_000 + 1..=(block + 1) * 1_000, now()).await;
    }
    assert_eq!(slow.texts(10_000, "message").await, numbers(1..=10_000));
    drop(deaf);
    let freed = async { while !opens(&stage).await {} };
    timeout(Duration::from_secs(20), freed).await.expect("who is gone gives the place back");
}

#[tokio::test]
async fn streams_are_bounded_and_whoever_comes_too_late_is_told_when_to_come_back() {
    let stage = Stage::up_with(database().await, |config| config.api.max_streams = Some(1)).await;
    let first = follow(&stage, "/v1/health/changes", None).await;
    let asked = Client::new().get(stage.url("/v1/events")).header("accept", "text/event-stream");
    let refused = asked.send().await.unwrap();
    assert_eq!(
        (refused.status(), &refused.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"10".parse().unwrap())
    );
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["reason"], "too_many_streams");
    assert_eq!(stage.get("/v1/events?limit=1").await.0, 200, "lists are no streams");
    drop(first);
    let freed = async { while !opens(&stage).await {} };
    timeout(Duration::from_secs(20), freed).await.expect("the place is given back");
}

#[tokio::test]
async fn one_user_has_a_share_of_the_streams_and_leaves_the_rest_to_others() {
    let stage = Secure::with(|config| {
        (config.api.max_streams, config.api.max_streams_per_caller) = (Some(4), Some(2));
    })
    .await;
    let (ada, bob) = (stage.user("ada", "viewer").await, stage.user("bob", "viewer").await);
    let url = format!("https://{}/v1/events", stage.api);
    let (ada, bob) = (stage.bearer(&ada), stage.bearer(&bob));
    let of_ada = [Follower::of(ada.get(&url), None).await, Follower::of(ada.get(&url), None).await];
    let refused = ada.get(&url).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(
        (refused.status(), &refused.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"10".parse().unwrap())
    );
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["reason"], "too_many_streams_of_yours", "{problem}");
    let _of_bob = Follower::of(bob.get(&url), None).await;
    drop(of_ada);
    let opens = async || ada.get(&url).header("accept", "text/event-stream").send().await.unwrap().status() == 200;
    let freed = async { while !opens().await {} };
    timeout(Duration::from_secs(20), freed).await.expect("the share is given back");
}

#[tokio::test]
async fn what_is_no_id_is_refused_and_what_is_not_kept_any_more_is_told() {
    let store = database().await;
    note(&store, 1..=3, UnixMillis(1)).await;
    note(&store, 4..=5, now()).await;
    let stage = Stage::up_on(store.clone()).await;
    for (path, seen) in
        [("/v1/events?after=x", ""), ("/v1/events?after=-1", ""), ("/v1/events", "x"), ("/v1/events", "1e3")]
    {
        let asked = Client::new().get(stage.url(path)).header("accept", "text/event-stream");
        let answer = asked.header("last-event-id", seen).send().await.unwrap();
        assert_eq!(
            (answer.status(), &answer.headers()["content-type"]),
            (StatusCode::BAD_REQUEST, &"application/problem+json".parse().unwrap())
        );
    }
    assert_eq!(stage.get("/v1/events?kinds=note").await.0, 400);
    let mut pruning = Pruning::new(&Retention::default(), now(), None);
    while store.prune(&mut pruning, now()).await.unwrap() {}
    let mut future = follow(&stage, "/v1/events?after=1000000", None).await;
    let mut resumed = follow(&stage, "/v1/events?kind=note", Some(1)).await;
    let gap = resumed.next().await.unwrap();
    assert_eq!((gap.event.as_str(), gap.id, gap.data), ("gap", None, json!({ "first": 4 })));
    assert_eq!(resumed.texts(2, "message").await, numbers(4..=5));
    note(&store, 6..=6, now()).await;
    assert_eq!(future.texts(1, "message").await, ["6"], "an id there never was begins with what is new");
}

#[tokio::test]
async fn whoever_waits_for_an_event_gets_it_when_it_comes() {
    let store = database().await;
    let stage = Stage::up_on(store.clone()).await;
    let waiting = stage.get("/v1/events?after=0&kind=note&wait_ms=20000");
    let comes = async {
        note(&store, 1..=1, now()).await;
        Instant::now()
    };
    let ((code, came), committed) = tokio::join!(waiting, comes);
    assert_eq!((code, &came[0]["message"]), (200, &json!("1")));
    assert!(committed.elapsed() < Duration::from_secs(2), "{:?}", committed.elapsed());
    assert_eq!(stage.get("/v1/events?after=0&kind=nothing&wait_ms=300").await.1, json!([]));
}

#[tokio::test]
async fn the_stream_of_somebody_who_is_removed_ends_within_seconds() {
    let stage = Secure::up().await;
    let ada = stage.user("ada", "viewer").await;
    stage.user("bob", "viewer").await;
    let bob = stage.holder(&Principal::User(name("bob")), Validity::leaf(now()));
    let url = format!("https://{}/v1/events", stage.api);
    let (ada, bob) = (stage.bearer(&ada), stage.certified(&bob));
    let (mut ada, mut bob) = (Follower::of(ada.get(&url), None).await, Follower::of(bob.get(&url), None).await);
    let nobody = stage.stranger().get(&url).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(nobody.status(), 401);

    let removed = Instant::now();
    assert_eq!(stage.ask(&stage.administrator(), Method::DELETE, "/v1/users/ada", None).await.0, 200);
    while ada.next().await.is_some() {}
    assert!(removed.elapsed() < Duration::from_secs(5), "{:?}", removed.elapsed());
    let bob_is_told = async { while bob.next().await.unwrap().event != "user_removed" {} };
    timeout(Duration::from_secs(20), bob_is_told).await.expect("others go on");

    let removed = Instant::now();
    assert_eq!(stage.ask(&stage.administrator(), Method::DELETE, "/v1/users/bob", None).await.0, 200);
    while bob.next().await.is_some() {}
    assert!(removed.elapsed() < Duration::from_secs(5), "by certificate as well: {:?}", removed.elapsed());
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_is_no_idle_connection() {
    let stage = Stage::up().await;
    let mut quiet = follow(&stage, "/v1/events?kind=note", None).await;
    let began = Instant::now();
    // Longer than a connection may stand without a question.
    while began.elapsed() < Duration::from_secs(31) {
        assert_eq!(quiet.block(Duration::from_secs(25)).await.unwrap(), ":\n\n");
    }
}
