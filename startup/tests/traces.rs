//! Spans on their way to a collector: as it wants them, and what becomes of them when it does not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use rollcall_model::TraceContext;
use rollcall_startup::traces::{Handling, Kind, Stretch, TraceSettings, Tracer};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(30);

fn settings(url: &str) -> TraceSettings {
    TraceSettings {
        url: url.into(),
        headers: vec![("x-key".into(), "secret".into())],
        roots: None,
        service: "rollcall-test".into(),
        attributes: vec![("deployment.environment".into(), "hall-1".into())],
        ratio: 1.0,
        follows_parent: true,
    }
}

/// A collector that answers with this code; gives the head and the body of each request.
async fn collector(code: u16) -> (String, mpsc::UnboundedReceiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let (told, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let told = told.clone();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let Ok(body) = serde_json::from_str(body) else { continue };
                    let _ = told.send((head.to_lowercase(), body));
                    let answer = format!("HTTP/1.1 {code} So\r\ncontent-length: 2\r\n\r\n{{}}");
                    let _ = stream.write_all(answer.as_bytes()).await;
                    bytes.clear();
                }
            });
        }
    });
    (url, requests)
}

#[tokio::test]
async fn a_trace_arrives_with_parents_times_and_what_was_noted() {
    let (url, mut requests) = collector(200).await;
    let tracer = Tracer::start(settings(&url), "1.2.3").unwrap();
    let mut root = tracer.begin("join");
    root.note("rollcall.node", &7);
    let context = root.context().unwrap();
    let ((), stretch) = Stretch::of(|| std::thread::sleep(Duration::from_millis(20)));
    drop(root.past("read hardware", Kind::Internal, stretch));
    let handling = Handling::of(&tracer, Some(context), "node_subscription", "checkin.1").unwrap();
    assert!(handling.carried_by("join_request").is_some() && handling.carried_by("summary").is_none());
    drop(handling);
    root.fail(&"nobody answered");
    drop(root);
    tracer.flush().await;
    let (head, body) = timeout(PATIENCE, requests.recv()).await.unwrap().unwrap();
    assert!(head.starts_with("post /v1/traces ") && head.contains("x-key: secret"), "{head}");
    let resource = &body["resourceSpans"][0]["resource"]["attributes"];
    let told = |of: &Value, key: &str| {
        let all = of.as_array().unwrap();
        all.iter().find(|it| it["key"] == key).map(|it| it["value"]["stringValue"].as_str().unwrap().to_owned())
    };
    assert_eq!(told(resource, "service.name").as_deref(), Some("rollcall-test"));
    assert_eq!(told(resource, "service.version").as_deref(), Some("1.2.3"));
    assert_eq!(told(resource, "deployment.environment").as_deref(), Some("hall-1"));
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let named = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    let (root, read, handled) = (named("join"), named("read hardware"), named("process node_subscription"));
    assert_eq!(spans.len(), 3);
    assert!(root.get("parentSpanId").is_none());
    for child in [read, handled] {
        assert_eq!((&child["parentSpanId"], &child["traceId"]), (&root["spanId"], &root["traceId"]));
    }
    assert_eq!((&root["kind"], &read["kind"], &handled["kind"]), (&1.into(), &1.into(), &5.into()));
    assert_eq!(root["status"]["message"], "nobody answered");
    assert_eq!(told(&root["attributes"], "rollcall.node").as_deref(), Some("7"));
    let nanos = |span: &Value, at: &str| span[at].as_str().unwrap().parse::<u128>().unwrap();
    let took = nanos(read, "endTimeUnixNano") - nanos(read, "startTimeUnixNano");
    assert!((20_000_000..10_000_000_000).contains(&took), "{took}");
    assert_eq!(tracer.figures().exported, 3);
}

#[tokio::test]
async fn a_dead_or_silent_collector_costs_spans_and_no_time() {
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (refusing, _requests) = collector(503).await;
    for url in [format!("http://{gone}/v1/traces"), refusing] {
        let tracer = Tracer::start(settings(&url), "1").unwrap();
        drop(tracer.begin("join"));
        tracer.flush().await;
        let figures = tracer.figures();
        assert_eq!((figures.exported, figures.collector, figures.queue_full), (0, 1, 0), "{url}");
    }
    // It takes the connection and never answers: the queue fills.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tracer = Tracer::start(settings(&format!("http://{}/v1/traces", silent.local_addr().unwrap())), "1").unwrap();
    drop(tracer.begin("first"));
    // Connected once the collector's task waits for an answer.
    let _held = timeout(PATIENCE, silent.accept()).await.unwrap().unwrap();
    let began = Instant::now();
    for _ in 0..5_000 {
        drop(tracer.begin("join"));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(tracer.figures().queue_full, 5_000 - 2_048);
    tracer.flush().await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_not_sampled_is_neither_recorded_nor_carried_on() {
    let (url, _requests) = collector(200).await;
    let never = Tracer::start(TraceSettings { ratio: 0.0, ..settings(&url) }, "1").unwrap();
    assert!(!never.begin("join").is_recorded());
    let parent = TraceContext::new([9; 16], [7; 8], true);
    assert!(never.follow(parent, "process", Kind::Consumer).is_recorded(), "its parent decided");
    let unsampled = TraceContext::new([9; 16], [7; 8], false);
    assert!(!never.follow(unsampled, "process", Kind::Consumer).is_recorded());
    let stubborn = TraceSettings { ratio: 0.0, follows_parent: false, ..settings(&url) };
    assert!(!Tracer::start(stubborn, "1").unwrap().follow(parent, "process", Kind::Consumer).is_recorded());
    let half = Tracer::start(TraceSettings { ratio: 0.5, ..settings(&url) }, "1").unwrap();
    let taken = (0..1_000).filter(|_| half.begin("join").is_recorded()).count();
    assert!((350..650).contains(&taken), "{taken}");
    assert!(!Tracer::off().begin("join").is_recorded());
    assert!(Handling::of(&Tracer::off(), parent, "ack", "joins").is_none());
}
