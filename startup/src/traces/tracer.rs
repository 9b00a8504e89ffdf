//! Makes spans, and hands those that ended to the collector's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rollcall_model::TraceContext;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::collector::{self, Collector, Item};
use super::span::Recording;
use super::{Kind, Span, TraceSettings, TracesConfig, TracesError};

/// Spans that wait to be sent; more are dropped and counted.
const ROOM: usize = 2_048;
/// The last spans get this long when the daemon ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What became of spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanFigures {
    /// The collector has them.
    pub exported: u64,
    /// Dropped because too many waited.
    pub queue_full: u64,
    /// Dropped because the collector did not take them.
    pub collector: u64,
}

/// Makes spans. Clones are the same tracer.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

#[derive(Debug)]
struct Recorder {
    queue: mpsc::Sender<Item>,
    ratio: f64,
    follows_parent: bool,
    tally: Arc<Tally>,
}

/// Counts spans.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub exported: AtomicU64,
    pub queue_full: AtomicU64,
    pub collector: AtomicU64,
}

impl Tracer {
    /// Records nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// As the variables of this process and its configuration say. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When they say what cannot be.
    pub fn of_process(config: &TracesConfig, program: &str, version: &str) -> Result<Self, TracesError> {
        match TraceSettings::of_process(program, config)? {
            Some(settings) => Self::start(settings, version),
            None => Ok(Self::off()),
        }
    }

    /// Sends spans to a collector until the last clone is gone.
    ///
    /// # Errors
    /// When the collector can never be spoken to.
    pub fn start(settings: TraceSettings, version: &str) -> Result<Self, TracesError> {
        let (queue, waiting) = mpsc::channel(ROOM);
        let tally = Arc::new(Tally::default());
        let (ratio, follows_parent) = (settings.ratio, settings.follows_parent);
        tracing::info!(url = settings.url, ratio, "traces are sent to {}", settings.url);
        let collector = Collector::new(settings, version, Arc::clone(&tally))?;
        tokio::spawn(collector::run(collector, waiting));
        Ok(Self(Some(Arc::new(Recorder { queue, ratio, follows_parent, tally }))))
    }

    /// Begins a trace, unless chance leaves it out.
    #[must_use]
    pub fn begin(&self, name: &str) -> Span {
        let Some(recorder) = &self.0 else { return Span::none() };
        let trace: [u8; 16] = rand::random();
        if recorder.takes(trace) { self.span(trace, None, name, Kind::Internal) } else { Span::none() }
    }

    /// A step of a trace that was begun elsewhere; none without a context, or where that trace is not recorded.
    #[must_use]
    pub fn follow(&self, parent: Option<TraceContext>, name: &str, kind: Kind) -> Span {
        let (Some(recorder), Some(parent)) = (&self.0, parent) else { return Span::none() };
        let takes = parent.is_sampled() && (recorder.follows_parent || recorder.takes(parent.trace()));
        if takes { self.span(parent.trace(), Some(parent.span()), name, kind) } else { Span::none() }
    }

    fn span(&self, trace: [u8; 16], parent: Option<[u8; 8]>, name: &str, kind: Kind) -> Span {
        // All zeros, which stands for none, comes up once in 2^64.
        let Some(context) = TraceContext::new(trace, rand::random(), true) else { return Span::none() };
        Span::recorded(Recording {
            tracer: self.clone(),
            context,
            parent,
            name: name.to_owned(),
            kind,
            began: SystemTime::now(),
            clock: Instant::now(),
            took: None,
            attributes: Vec::new(),
            error: None,
        })
    }

    pub(super) fn ended(&self, recording: Box<Recording>) {
        if let Some(recorder) = &self.0
            && recorder.queue.try_send(Item::Span(recording.into())).is_err()
        {
            recorder.tally.queue_full.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What became of spans so far.
    #[must_use]
    pub fn figures(&self) -> SpanFigures {
        let Some(recorder) = &self.0 else { return SpanFigures::default() };
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Tally { exported, queue_full, collector } = &*recorder.tally;
        SpanFigures { exported: read(exported), queue_full: read(queue_full), collector: read(collector) }
    }

    /// Sends what has ended, within two seconds at most.
    pub async fn flush(&self) {
        let Some(recorder) = &self.0 else { return };
        let (sent, done) = oneshot::channel();
        let flushed = async {
            if recorder.queue.send(Item::Flush(sent)).await.is_ok() {
                let _ = done.await;
            }
        };
        // A collector that does not answer holds up nobody's end.
        let _ = timeout(LAST_WORDS, flushed).await;
    }
}

impl Recorder {
    /// As the standard's ratio sampler: by the lower half of the trace's id, so that all decide alike.
    fn takes(&self, trace: [u8; 16]) -> bool {
        let [.., a, b, c, d, e, f, g, h] = trace;
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
        self.ratio >= 1.0 || (number as f64) < self.ratio * (1_u64 << 63) as f64
    }
}
