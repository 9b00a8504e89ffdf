//! Spans as OTLP writes them in JSON (opentelemetry-proto 1.x, `ExportTraceServiceRequest`). Pure.

use std::time::{SystemTime, UNIX_EPOCH};

use rollcall_model::trace::hexadecimal;
use serde_json::{Value, json};

use super::Kind;
use super::span::Recording;

/// A span that has ended, without its way to anywhere.
#[derive(Debug)]
pub(super) struct Ended(Value);

impl From<Box<Recording>> for Ended {
    fn from(recording: Box<Recording>) -> Self {
        let Recording { context, parent, name, kind, began, took, attributes, error, .. } = *recording;
        let start = nanos(began);
        let end = start + took.unwrap_or_default().as_nanos();
        let kind = match kind {
            Kind::Internal => 1,
            Kind::Server => 2,
            Kind::Client => 3,
            Kind::Producer => 4,
            Kind::Consumer => 5,
        };
        let mut span = json!({
            "traceId": hexadecimal(&context.trace()),
            "spanId": hexadecimal(&context.span()),
            "name": name,
            "kind": kind,
            // 64-bit numbers are texts in JSON.
            "startTimeUnixNano": start.to_string(),
            "endTimeUnixNano": end.to_string(),
            "attributes": of(attributes.iter().map(|(name, value)| (*name, value.as_str()))),
        });
        if let Some(parent) = parent {
            span["parentSpanId"] = hexadecimal(&parent).into();
        }
        if let Some(why) = error {
            span["status"] = json!({ "code": 2, "message": why });
        }
        Self(span)
    }
}

fn nanos(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

/// Attributes as OTLP has them.
pub(super) fn of<'a>(attributes: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    attributes.map(|(name, value)| json!({ "key": name, "value": { "stringValue": value } })).collect()
}

/// The body of a request with these spans.
pub(super) fn body(resource: &Value, spans: Vec<Ended>) -> Vec<u8> {
    let spans: Vec<Value> = spans.into_iter().map(|span| span.0).collect();
    let request = json!({
        "resourceSpans": [{
            "resource": { "attributes": resource },
            "scopeSpans": [{ "scope": { "name": "rollcall" }, "spans": spans }],
        }],
    });
    // A value made of texts always becomes JSON.
    serde_json::to_vec(&request).unwrap_or_default()
}
