//! A line of the log as JSON, one object: `timestamp`, `level`, `target`, the event's fields beside them, and `trace_id` and
//! `span_id` where it was said within a step of a trace (OpenTelemetry's names for logs that are not OTLP).

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes such lines. The fields of spans have to be formatted as JSON as well.
pub(super) struct Lines;

/// The fields of an event. What stands at its beginning cannot be overwritten by them.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        // Raw identifiers are written without their mark.
        let name = field.name().trim_start_matches("r#");
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        // From the outermost span in, so that the innermost has the last word.
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let Some(said) = extensions.get::<FormattedFields<N>>() else { continue };
            if let Ok(Value::Object(of_span)) = serde_json::from_str(&said.fields) {
                fields.0.extend(of_span);
            }
        }
        let metadata = event.metadata();
        let head =
            [("timestamp", timestamp.as_str()), ("level", metadata.level().as_str()), ("target", metadata.target())];
        writer.write_char('{')?;
        for (name, value) in head {
            let separator = if name == "timestamp" { "" } else { "," };
            write!(writer, "{separator}{}:{}", Value::from(name), Value::from(value))?;
        }
        for (name, value) in fields.0.iter().filter(|(name, _)| head.iter().all(|(known, _)| known != name)) {
            write!(writer, ",{}:{value}", Value::from(name.as_str()))?;
        }
        writeln!(writer, "}}")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::fmt::format::JsonFields;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_line_is_an_object_with_its_fields_and_its_trace_beside_them() {
        let kept = Kept::default();
        let log = tracing_subscriber::fmt().fmt_fields(JsonFields::new()).event_format(Lines).with_writer(kept.clone());
        tracing::subscriber::with_default(log.finish(), || {
            tracing::warn!(target: "here", count = 3, ratio = 0.5, ok = true, who = "a\n\"b\"", level = "liar", "it \u{1b}[31mhappened");
            tracing::info_span!("trace", trace_id = "4bf9", span_id = "00f0").in_scope(|| tracing::info!("within"));
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [first, second] = &lines[..] else { panic!("two lines: {text}") };
        assert!(first["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{text}");
        for (name, value) in [
            ("level", Value::from("WARN")),
            ("target", "here".into()),
            ("message", "it \u{1b}[31mhappened".into()),
            ("count", 3.into()),
            ("ratio", 0.5.into()),
            ("ok", true.into()),
            ("who", "a\n\"b\"".into()),
        ] {
            assert_eq!(first[name], value, "{name}: {text}");
        }
        assert!(first.get("trace_id").is_none());
        assert_eq!((second["trace_id"].as_str(), second["span_id"].as_str()), (Some("4bf9"), Some("00f0")), "{text}");
        assert_eq!(second["message"], "within");
    }
}
