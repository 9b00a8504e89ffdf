//! Traces: which daemon did what, for how long, in which joining of a node or group. Off unless the table `[traces]`, or the
//! standard variables of OpenTelemetry, name a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`); then spans go there as OTLP over HTTP, in JSON.
//!
//! A [`Tracer`] makes [`Span`]s; a span's context travels with a message or request, and whoever receives it goes on from
//! there. Nothing here is global, and nothing waits: a full queue or a dead collector costs spans, which are counted, and
//! never time. Written here and not taken from the opentelemetry crates: the agent is on every server, and what it
//! needs of them is one request with some JSON.

mod collector;
mod config;
mod handling;
mod otlp;
mod settings;
mod span;
mod tracer;

pub use config::TracesConfig;
pub use handling::Handling;
pub use settings::{TraceSettings, TracesError};
pub use span::{Kind, Span, Stretch};
pub use tracer::{SpanFigures, Tracer};
