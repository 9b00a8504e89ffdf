//! A page of metrics, as Prometheus reads it: OpenMetrics 1.0, or the older text format where that is asked for.
//!
//! Pure: made anew for each look, from figures that were gathered before. Names stand as they are read, with prefix and
//! unit; `_total` is put behind counters by the format.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use rollcall_model::{Durations, LinkFigures};

use super::Process;
use crate::traces::SpanFigures;

/// Labels of one sample.
pub type Labels = Vec<(&'static str, String)>;

/// How the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4, for people and `promtool check metrics`.
    Text,
}

impl Format {
    /// What a request's `Accept` header asks for.
    #[must_use]
    pub fn accepted(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Self::OpenMetrics,
            _ => Self::Text,
        }
    }

    /// The answer's `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// The metrics of one look.
#[derive(Debug, Default)]
pub struct Page(Vec<Family>);

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    Gauges(Vec<(Labels, i64)>),
    Measures(Vec<(Labels, f64)>),
    Counters(Vec<(Labels, u64)>),
    Sums(Vec<(Labels, f64)>),
    Durations(Vec<(Labels, Durations)>),
}

impl Page {
    /// A whole number that goes up and down.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, value: impl TryInto<i64>) {
        self.gauges(name, help, [(Labels::new(), value)]);
    }

    /// The same with labels.
    pub fn gauges<N: TryInto<i64>>(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, N)>,
    ) {
        let samples = samples.into_iter().map(|(labels, value)| (labels, value.try_into().unwrap_or(i64::MAX)));
        self.add(name, help, Samples::Gauges(samples.collect()));
    }

    /// Any number that goes up and down, in the base unit its name ends with.
    pub fn measures(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        self.add(name, help, Samples::Measures(samples.into_iter().collect()));
    }

    /// What only grows. The name is without `_total`.
    pub fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) {
        self.add(name, help, Samples::Counters(samples.into_iter().collect()));
    }

    /// A measure that only grows. The name is without `_total`.
    pub fn sums(&mut self, name: &'static str, help: &'static str, samples: impl IntoIterator<Item = (Labels, f64)>) {
        self.add(name, help, Samples::Sums(samples.into_iter().collect()));
    }

    /// How long something took, as a histogram. The name ends in `_seconds`.
    pub fn durations(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, Durations)>,
    ) {
        self.add(name, help, Samples::Durations(samples.into_iter().collect()));
    }

    fn add(&mut self, name: &'static str, help: &'static str, samples: Samples) {
        self.0.push(Family { name, help, samples });
    }

    /// Which program this is, in which version.
    pub fn program(&mut self, program: &str, version: &str) {
        let labels = vec![("program", program.to_owned()), ("version", version.to_owned())];
        self.gauges("rollcall_build_info", "The program and its version; always 1", [(labels, 1)]);
    }

    /// The ways to brokers, each under the labels given.
    pub fn links(&mut self, links: &[(Labels, LinkFigures)]) {
        let each =
            |value: fn(&LinkFigures) -> u64| links.iter().map(move |(labels, link)| (labels.clone(), value(link)));
        self.gauges("rollcall_broker_up", "Whether the broker is reached", each(|link| link.is_up.into()));
        self.counters(
            "rollcall_broker_connections",
            "How often the link to the broker came up; less one, how often it was lost",
            each(|link| link.connections),
        );
        let proven = links.iter().filter_map(|(labels, link)| Some((labels.clone(), link.proof_age?.as_secs_f64())));
        self.measures(
            "rollcall_broker_proof_age_seconds",
            "How long ago the way to the broker and back was last proven",
            proven,
        );
        self.durations(
            "rollcall_broker_echo_seconds",
            "How long echoes through the own inbox took",
            links.iter().map(|(labels, link)| (labels.clone(), link.echoes)),
        );
        self.counters("rollcall_messages_received", "Messages taken in", each(|link| link.received));
        let ends = |(labels, link): &(Labels, LinkFigures)| {
            let labels = labels.clone();
            let of_end =
                move |(end, count): &(&str, u64)| ([labels.clone(), vec![("end", (*end).to_owned())]].concat(), *count);
            link.published.iter().map(of_end).collect::<Vec<_>>()
        };
        self.counters(
            "rollcall_messages_published",
            "Messages published, by what became of them",
            links.iter().flat_map(ends),
        );
        self.counters(
            "rollcall_messages_parked",
            "Messages put aside because they cannot be handled",
            each(|link| link.parked),
        );
        self.counters("rollcall_messages_requeued", "Messages given back to their queue", each(|link| link.requeued));
    }

    /// What became of the spans of traces.
    pub fn spans(&mut self, spans: SpanFigures) {
        let SpanFigures { exported, queue_full, collector } = spans;
        self.counters("rollcall_spans_exported", "Spans that the collector has", [(Labels::new(), exported)]);
        let dropped = [("queue_full", queue_full), ("collector", collector)];
        self.counters(
            "rollcall_spans_dropped",
            "Spans that are lost: too many waited, or the collector did not take them",
            dropped.map(|(reason, count)| (vec![("reason", reason.to_owned())], count)),
        );
    }

    /// What the kernel counts of this process, under the names all client libraries of Prometheus use.
    pub fn process(&mut self, process: &Process) {
        let one = |value: f64| [(Labels::new(), value)];
        self.sums("process_cpu_seconds", "Processor time in user and kernel", one(process.cpu_seconds));
        let started = one(process.started_seconds);
        self.measures("process_start_time_seconds", "When the process was started, since 1970", started);
        self.gauge("process_resident_memory_bytes", "Resident memory", process.resident_bytes);
        self.gauge("process_threads", "Threads", process.threads);
        self.gauge("process_open_fds", "Open files, sockets among them", process.open_files);
    }

    /// The page as it is sent.
    #[must_use]
    pub fn write(self, format: Format) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = match format {
            Format::OpenMetrics => text::encode(&mut page, &registry),
            Format::Text => prometheus_text::encode(&mut page, &registry),
        };
        page
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

impl Family {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.samples {
            Samples::Gauges(_) | Samples::Measures(_) => MetricType::Gauge,
            Samples::Counters(_) | Samples::Sums(_) => MetricType::Counter,
            Samples::Durations(_) => MetricType::Histogram,
        };
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        match &self.samples {
            Samples::Gauges(samples) => each(&mut metric, samples, gauge),
            Samples::Measures(samples) => each(&mut metric, samples, gauge),
            Samples::Counters(samples) => each(&mut metric, samples, counter),
            Samples::Sums(samples) => each(&mut metric, samples, counter),
            Samples::Durations(samples) => each(&mut metric, samples, histogram),
        }
    }
}

fn each<V>(
    metric: &mut MetricEncoder<'_>,
    samples: &[(Labels, V)],
    write: impl Fn(&mut MetricEncoder<'_>, &V) -> fmt::Result,
) -> fmt::Result {
    samples.iter().try_for_each(|(labels, value)| match labels.is_empty() {
        true => write(metric, value),
        false => write(&mut metric.encode_family(labels)?, value),
    })
}

fn gauge(metric: &mut MetricEncoder<'_>, value: &impl EncodeGaugeValue) -> fmt::Result {
    metric.encode_gauge(value)
}

fn counter(metric: &mut MetricEncoder<'_>, value: &impl EncodeCounterValue) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, _, f64>(value, None)
}

fn histogram(metric: &mut MetricEncoder<'_>, durations: &Durations) -> fmt::Result {
    let buckets: Vec<(f64, u64)> = durations.buckets().collect();
    metric.encode_histogram::<NoLabelSet>(durations.seconds(), durations.count(), &buckets, None)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn page() -> Page {
        let mut page = Page::default();
        let mut echoes = Durations::default();
        echoes.take(Duration::from_millis(3));
        let link = LinkFigures { echoes, published: vec![("taken", 4), ("refused", 1)], ..LinkFigures::default() };
        page.program("rollcall-test", "1.2.3");
        page.links(&[(vec![("zone", "hall \"1\"\n".into())], link)]);
        page.process(&Process { cpu_seconds: 1.5, ..Process::default() });
        page
    }

    fn has(page: &str, line: &str) {
        assert!(page.lines().any(|it| it == line), "{line}\n{page}");
    }

    #[test]
    fn both_formats_tell_the_same_figures() {
        let (open, text) = (page().write(Format::OpenMetrics), page().write(Format::Text));
        for page in [&open, &text] {
            has(page, r#"rollcall_build_info{program="rollcall-test",version="1.2.3"} 1"#);
            has(page, r#"rollcall_messages_published_total{zone="hall \"1\"\n",end="refused"} 1"#);
            assert!(
                page.lines().any(|it| it.contains("echo_seconds_bucket{")
                    && it.contains(r#"le="0.005""#)
                    && it.ends_with(" 1")),
                "{page}"
            );
            has(page, r#"rollcall_broker_echo_seconds_count{zone="hall \"1\"\n"} 1"#);
            has(page, "process_cpu_seconds_total 1.5");
            has(page, "process_threads 0");
        }
        has(&open, "# TYPE process_cpu_seconds counter");
        has(&text, "# TYPE process_cpu_seconds_total counter");
        assert!(open.ends_with("# EOF\n") && !text.contains("# EOF"), "{open}\n{text}");
        assert!(!open.contains("proof_age_seconds{"), "what is not known is left out: {open}");
    }

    #[test]
    fn who_asks_for_openmetrics_gets_it_and_everybody_else_text() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
        assert_eq!(Format::accepted(Some("*/*")), Format::Text);
        assert_eq!(Format::accepted(None), Format::Text);
    }
}
