//! What whoever looks from outside is shown.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::LinkFigures;

use super::desk::{Desk, PATIENCE};
use super::http::{self, Answer, MetricsError};
use super::{Format, Labels, MetricsConfig, Page, Process};
use crate::traces::Tracer;
use crate::{Pulse, Shutdown};

/// The figures of one loop of a daemon.
pub trait Figures: Send + 'static {
    /// Its way to the broker, and the labels that tell it from the other loops.
    fn link(&self) -> (Labels, LinkFigures);

    /// Writes down what is this daemon's own: of all its loops that answered.
    fn write(all: &[Self], page: &mut Page)
    where
        Self: Sized;

    /// Whether the loop does its work.
    ///
    /// # Errors
    /// Why not, for people.
    fn ready(&self) -> Result<(), String>;
}

/// What is known of a daemon without asking its loops.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// How many loops it has once it is up: one for each zone.
    pub loops: usize,
    /// The proofs of its ways.
    pub pulse: Pulse,
    /// How long a proof stands.
    pub stands: Duration,
    /// What records its traces.
    pub tracer: Tracer,
}

impl About {
    /// A program of this name and version, with so many loops; the proofs of its ways stand so long.
    #[must_use]
    pub fn of(
        (program, version): (&'static str, &'static str),
        (loops, pulse, stands): (usize, &Pulse, Duration),
        tracer: &Tracer,
    ) -> Self {
        Self { program, version, loops, pulse: pulse.clone(), stands, tracer: tracer.clone() }
    }
}

struct Window<F> {
    about: About,
    desk: Desk<F>,
}

/// Opens the window where the configuration has an address for it, until `shutdown`. The desk is where loops are asked.
///
/// # Errors
/// When the address is not to be had.
pub async fn open<F: Figures>(
    config: MetricsConfig,
    about: About,
    shutdown: Shutdown,
) -> Result<Desk<F>, MetricsError> {
    let Some(listen) = config.listen else { return Ok(Desk::closed()) };
    let listener = http::bind(listen).await?;
    let desk = Desk::opened();
    let window = Arc::new(Window { about, desk: desk.clone() });
    tokio::spawn(http::serve(listener, shutdown, move |path, format| {
        let window = Arc::clone(&window);
        async move { window.look(&path, format).await }
    }));
    tracing::info!(%listen, "figures are shown at http://{listen}/metrics");
    Ok(desk)
}

impl<F: Figures> Window<F> {
    async fn look(&self, path: &str, format: Format) -> Answer {
        match path {
            "/metrics" => Answer::page(format, self.page().await.write(format)),
            "/healthz" => Answer::of(self.lives().await.map(|()| "ok\n".into())),
            "/readyz" => Answer::of(self.ready().await.map(|()| "ready\n".into())),
            _ => Answer::nothing_there(),
        }
    }

    async fn page(&self) -> Page {
        let told: Vec<F> = self.desk.ask().await.into_iter().flatten().collect();
        let mut page = Page::default();
        page.program(self.about.program, self.about.version);
        let is_ready = self.judge(&told).is_ok();
        page.gauge("rollcall_ready", "Whether the daemon does its work, as /readyz says", u64::from(is_ready));
        page.links(&told.iter().map(F::link).collect::<Vec<_>>());
        F::write(&told, &mut page);
        page.spans(self.about.tracer.figures());
        page.process(&Process::read());
        page
    }

    /// Before it has a loop it waits for its zone or its certificate, and lives as long as this is answered.
    async fn lives(&self) -> Result<(), String> {
        let asked = self.desk.ask().await;
        match asked.iter().filter(|answer| answer.is_none()).count() {
            0 => Ok(()),
            silent => Err(format!("{silent} of {} loops did not answer within {} s", asked.len(), PATIENCE.as_secs())),
        }
    }

    async fn ready(&self) -> Result<(), String> {
        let told: Vec<F> = self.desk.ask().await.into_iter().flatten().collect();
        self.judge(&told)
    }

    fn judge(&self, told: &[F]) -> Result<(), String> {
        let About { loops, pulse, stands, .. } = &self.about;
        if told.len() < *loops {
            return Err(format!(
                "{} of {loops} zones are served: the others were not heard, or gave no certificate, or do not answer",
                told.len()
            ));
        }
        told.iter().try_for_each(F::ready)?;
        if pulse.is_felt(*stands) {
            Ok(())
        } else {
            Err(format!("the way to the broker and back was not proven for {} s", stands.as_secs()))
        }
    }
}
