//! One zone served, from the way in to the end; and from the way in again once another controller of the group was found to serve it.
//!
//! Several controllers of one group have the same id and the same certificate. The broker gives the group's inbox to one of them; the
//! others stand by, and what one knew when it lost the inbox is not what it goes on with: it begins anew, as a new run does.

use std::path::PathBuf;
use std::sync::Arc;

use rand::random;
use rollcall_bus::Attachment;
use rollcall_model::InstanceId;
use rollcall_startup::metrics::Desk;
use rollcall_startup::traces::{Kind, Tracer};
use rollcall_startup::{Clock, Pulse, Shutdown};
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::RunError;
use crate::core::{SealSecret, Settings};
use crate::driver::{Ended, Heard, Session};
use crate::figures::Figures;
use crate::launcher::Launcher;
use crate::spool::Spool;
use crate::way::Way;

/// What serving a zone takes.
pub(crate) struct Service {
    /// What the core is told; each run gets an instance and secrets of its own.
    pub settings: Settings,
    pub attachment: Attachment,
    pub way: Way,
    /// Where what must outlive this process lies.
    pub directory: PathBuf,
    pub launcher: Arc<dyn Launcher>,
    pub pulse: Pulse,
    pub desk: Desk<Figures>,
    pub tracer: Tracer,
}

impl Service {
    /// Serves until `shutdown`.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn run(self, mut hellos: mpsc::Receiver<Heard>, shutdown: Shutdown) -> Result<(), RunError> {
        while self.once(&mut hellos, &shutdown).await? == Ended::Superseded {
            let Settings { name, zone_name, .. } = &self.settings;
            tracing::warn!(
                "another controller of group {name} serves zone {zone_name}, or the broker still holds our last connection for one: \
                 this one forgets what it knew and stands by"
            );
        }
        Ok(())
    }

    async fn once(&self, hellos: &mut mpsc::Receiver<Heard>, shutdown: &Shutdown) -> Result<Ended, RunError> {
        let instance = InstanceId::from_bytes(random());
        let settings = Settings { instance, seals: Some(SealSecret::from_bytes(random())), ..self.settings.clone() };
        let (spool, left) = Spool::open(&self.directory, &settings.zone_name)?;
        let mut root = self.tracer.begin("subscribe");
        if root.is_recorded() {
            root.note("rollcall.group", &settings.group);
            root.note("rollcall.zone", &settings.zone_name);
        }
        let certificate = root.child("certificate", Kind::Client);
        let mut way = self.way.clone();
        way.applicant.trace = certificate.context();
        let discovery = way.discovery.clone();
        let taking = way.take(self.attachment.clone(), shutdown).instrument(certificate.log());
        let Some((bus, entrance)) = taking.await? else { return Ok(Ended::Asked) };
        drop(certificate);
        let connecting = root.child("connect", Kind::Client);
        self.pulse.follow(bus.proven());
        let opened = tokio::select! {
            opened = Session::open(settings, bus, discovery, Clock::start()) => opened?,
            () = shutdown.requested() => return Ok(Ended::Asked),
        };
        drop(connecting);
        let session = opened.with_launcher(Arc::clone(&self.launcher), entrance).asked(self.desk.admit());
        let session = session.traced(self.tracer.clone(), root).spooling(spool, left);
        Ok(session.run(hellos, shutdown).await)
    }
}
