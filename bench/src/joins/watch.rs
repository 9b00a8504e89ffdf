//! What the zone's own state says while others join: memory of its daemons, and how soon its API answers.

use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::Client;
use rollcall_identity::{TrustBundle, tls};
use tokio::sync::{mpsc, oneshot};

use crate::footprint::process::Snapshot;
use crate::footprint::zone::Zone;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// Who has no answer by then has none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whoever looks is another stranger than those who join from 127.0.0.1, whose pace is bounded together.
const FROM: [u8; 4] = [127, 0, 0, 2];

/// Asks `/readyz` again and again, over one connection, on a thread of its own: whatever else is looked at keeps it waiting
/// for nothing.
pub struct Readiness {
    stop: oneshot::Sender<()>,
    answers: mpsc::UnboundedReceiver<Option<Duration>>,
}

/// How it was answered.
pub struct Answered {
    /// How long each answer took, milliseconds, the quickest first.
    pub ms: Vec<f64>,
    /// How often it was not ready, or did not answer.
    pub not_ready: usize,
}

impl Readiness {
    /// Begins.
    pub fn begin(zone: &Zone) -> anyhow::Result<Self> {
        let bundle = TrustBundle::load(&zone.administrator().join("site.pem"))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client(&bundle, None)?)
            .no_proxy()
            .local_address(Some(FROM.into()))
            .timeout(PATIENCE)
            .build()?;
        let (tell, answers) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let url = format!("{}/readyz", zone.api);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asking = async move {
            loop {
                let from = Instant::now();
                let answer = client.get(&url).send().await;
                let took = answer.is_ok_and(|answer| answer.status().is_success()).then(|| from.elapsed());
                if tell.send(took).is_err() {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        std::thread::Builder::new().name("readiness".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = asking => {}
                    // Dropped or sent, both mean that it is enough.
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { stop, answers })
    }

    /// Ends, and says how it was answered.
    pub async fn end(mut self) -> Answered {
        drop(self.stop);
        let mut answered = Answered { ms: Vec::new(), not_ready: 0 };
        while let Some(answer) = self.answers.recv().await {
            match answer {
                Some(took) => answered.ms.push(took.as_secs_f64() * 1e3),
                None => answered.not_ready += 1,
            }
        }
        answered.ms.sort_by(f64::total_cmp);
        answered
    }
}

impl Answered {
    /// The time within which so many of a hundred answers came.
    pub fn within(&self, percent: usize) -> f64 {
        let last = self.ms.len().saturating_sub(1);
        self.ms.get(last * percent / 100).copied().unwrap_or(f64::NAN)
    }
}

/// What the broker and each daemon hold.
pub fn memory(zone: &Zone, broker: u32) -> anyhow::Result<Vec<(String, Snapshot)>> {
    let of = |pid| Snapshot::of(pid).context("a daemon has ended");
    let daemons = zone.daemons.iter().map(|daemon| (daemon.name(), daemon.pid()));
    [("the broker", broker)].into_iter().chain(daemons).map(|(name, pid)| Ok((name.to_owned(), of(pid)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_answers_that_came() {
        let answered = Answered { ms: (1..=101).map(f64::from).collect(), not_ready: 0 };
        assert_eq!((answered.within(50), answered.within(99), answered.within(100)), (51.0, 100.0, 101.0));
        assert!(Answered { ms: Vec::new(), not_ready: 0 }.within(50).is_nan());
    }
}
