//! The way into one zone: a certificate first, where this controller has an identity, then the bus.

use std::path::PathBuf;
use std::sync::Arc;

use rollcall_bus::{Attachment, Bus, Connector};
use rollcall_discovery::Discovery;
use rollcall_enrolment::{Applicant, Entrance, IdentityConfig};
use rollcall_startup::Shutdown;

use crate::RunError;

/// What is needed to get in.
#[derive(Clone)]
pub(crate) struct Way {
    pub connector: Connector,
    pub discovery: Discovery,
    /// Whom to believe, and where this zone's certificate lies.
    pub identity: Option<(IdentityConfig, PathBuf)>,
    pub applicant: Applicant,
}

impl Way {
    /// Takes it; nothing when asked to stop on the way.
    pub async fn take(
        self,
        attachment: Attachment,
        shutdown: &Shutdown,
    ) -> Result<Option<(Bus, Option<Arc<Entrance>>)>, RunError> {
        let Self { connector, discovery, identity, applicant } = self;
        let Some((config, directory)) = identity else { return Ok(Some((connector.attach(attachment).await?, None))) };
        let entrance = tokio::select! {
            entrance = Entrance::enter(&config, directory, applicant, connector, &discovery) => entrance?,
            () = shutdown.requested() => return Ok(None),
        };
        let bus = entrance.connector.attach(attachment).await?;
        Ok(Some((bus, Some(Arc::new(entrance)))))
    }
}
