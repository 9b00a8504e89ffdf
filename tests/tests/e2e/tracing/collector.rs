//! A collector of traces, as small as a test needs it: takes OTLP over HTTP in JSON and keeps the spans.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Span {
    pub service: String,
    pub name: String,
    pub trace: String,
    pub id: String,
    pub parent: Option<String>,
    pub start: u128,
}

/// The collector; it ends with the test's runtime.
#[derive(Clone, Default)]
pub struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Listens on a free port of 127.0.0.1; gives its URL as `OTEL_EXPORTER_OTLP_ENDPOINT` wants it.
    pub async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let collector = Self::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, url)
    }

    /// Everything so far.
    pub fn spans(&self) -> Vec<Span> {
        self.0.lock().expect("no panic").clone()
    }
}

async fn take(State(collector): State<Collector>, Json(request): Json<Value>) -> Json<Value> {
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let nanos = |of: &Value| of.as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    for resource in list(&request["resourceSpans"]) {
        let attributes = list(&resource["resource"]["attributes"]);
        let service = attributes.iter().find(|it| it["key"] == "service.name");
        let service = service.map(|it| text(&it["value"]["stringValue"])).unwrap_or_default();
        for span in list(&resource["scopeSpans"]).iter().flat_map(|scope| list(&scope["spans"])) {
            collector.0.lock().expect("no panic").push(Span {
                service: service.clone(),
                name: text(&span["name"]),
                trace: text(&span["traceId"]),
                id: text(&span["spanId"]),
                parent: span["parentSpanId"].as_str().map(str::to_owned),
                start: nanos(&span["startTimeUnixNano"]),
            });
        }
    }
    Json(serde_json::json!({}))
}

/// A step and what it led to, repetitions laid together.
#[derive(Debug, Default)]
pub struct Tree(BTreeMap<(usize, String), Tree>);

impl Tree {
    /// Of the spans of one trace, from its root on, without those of `left_out` and what they led to.
    pub fn of(spans: &[Span], left_out: &[&str], order: &[&str]) -> Self {
        let mut tree = Self::default();
        for root in spans.iter().filter(|span| span.parent.is_none()) {
            tree.grow(root, spans, left_out, order);
        }
        tree
    }

    fn grow(&mut self, span: &Span, spans: &[Span], left_out: &[&str], order: &[&str]) {
        if left_out.contains(&span.name.as_str()) {
            return;
        }
        let place = order.iter().position(|name| *name == span.name).unwrap_or(order.len());
        let branch = self.0.entry((place, format!("{}: {}", span.service, span.name))).or_default();
        for child in spans.iter().filter(|child| child.parent.as_deref() == Some(span.id.as_str())) {
            assert!(child.start + 1_000_000 >= span.start, "{child:?} began before {span:?}");
            branch.grow(child, spans, left_out, order);
        }
    }

    /// As text, two blanks for each generation.
    pub fn print(&self) -> String {
        let mut text = String::new();
        self.print_at(0, &mut text);
        text
    }

    fn print_at(&self, depth: usize, text: &mut String) {
        for ((_, line), branch) in &self.0 {
            *text += &format!("{}{line}\n", "  ".repeat(depth));
            branch.print_at(depth + 1, text);
        }
    }
}
