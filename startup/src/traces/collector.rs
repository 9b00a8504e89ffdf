//! The task that sends spans to the collector, a batch at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::otlp::{self, Ended};
use super::tracer::Tally;
use super::{TraceSettings, TracesError};

/// Most spans of one request.
const BATCH: usize = 512;
/// A span waits so long for others.
const LINGER: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(10);
/// A collector that takes nothing is told of this often.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// What the task is given.
#[derive(Debug)]
pub(super) enum Item {
    /// A span that ended.
    Span(Ended),
    /// To be answered when everything before it is gone.
    Flush(oneshot::Sender<()>),
}

/// The collector, and what became of what it was sent.
pub(super) struct Collector {
    url: String,
    client: reqwest::Client,
    resource: Value,
    tally: Arc<Tally>,
    said: Option<Instant>,
}

impl Collector {
    pub fn new(settings: TraceSettings, version: &str, tally: Arc<Tally>) -> Result<Self, TracesError> {
        let TraceSettings { url, headers, roots, service, attributes, .. } = settings;
        let wrong = |why: String| TracesError::Collector { url: url.clone(), why };
        let mut all = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        for (name, value) in headers {
            let name: HeaderName = name.parse().map_err(|_| wrong(format!("{name:?} is no name of a header")))?;
            let value =
                HeaderValue::from_str(&value).map_err(|_| wrong(format!("the header {name} cannot be sent")))?;
            all.insert(name, value);
        }
        let roots = match roots {
            Some(file) => {
                let pem =
                    std::fs::read(&file).map_err(|error| wrong(format!("cannot read {}: {error}", file.display())))?;
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?
            }
            None => Vec::new(),
        };
        let client = reqwest::Client::builder()
            // Never the system's roots: whom to believe is said, or there is no TLS.
            .tls_certs_only(roots)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(all)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let own = [("service.name", service.as_str()), ("service.version", version)];
        let told = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let resource = otlp::of(own.into_iter().chain(told));
        Ok(Self { url, client, resource, tally, said: None })
    }

    async fn send(&mut self, spans: Vec<Ended>) {
        let count = spans.len() as u64;
        let body = otlp::body(&self.resource, spans);
        let answer = self.client.post(&self.url).body(body).send().await.and_then(reqwest::Response::error_for_status);
        match answer {
            Ok(_) => {
                self.tally.exported.fetch_add(count, Ordering::Relaxed);
            }
            Err(error) => {
                self.tally.collector.fetch_add(count, Ordering::Relaxed);
                if self.said.is_none_or(|said| said.elapsed() >= SAID_AGAIN) {
                    self.said = Some(Instant::now());
                    tracing::warn!("{count} spans are lost, the collector does not take them: {error}");
                }
            }
        }
    }
}

/// Sends until the last tracer is gone.
pub(super) async fn run(mut collector: Collector, mut waiting: mpsc::Receiver<Item>) {
    loop {
        let (mut spans, mut flushed, mut is_over) = (Vec::new(), Vec::new(), false);
        let Some(first) = waiting.recv().await else { return };
        let deadline = Instant::now() + LINGER;
        let mut next = Some(first);
        while let Some(item) = next.take() {
            match item {
                Item::Span(span) => spans.push(span),
                Item::Flush(done) => flushed.push(done),
            }
            if spans.len() < BATCH && flushed.is_empty() {
                match timeout_at(deadline, waiting.recv()).await {
                    Ok(Some(item)) => next = Some(item),
                    Ok(None) => is_over = true,
                    Err(_) => {}
                }
            }
        }
        if !spans.is_empty() {
            collector.send(spans).await;
        }
        // Whoever waited may have given up.
        for done in flushed {
            let _ = done.send(());
        }
        if is_over {
            return;
        }
    }
}
