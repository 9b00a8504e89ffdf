//! Why a zone controller could not start, or stopped.

use std::net::SocketAddr;

use rollcall_bus::admin::AdminError;
use rollcall_bus::{ConnectError, ConsumeError, DeclareError};
use rollcall_discovery::DiscoveryError;
use rollcall_identity::files::FileError;
use rollcall_model::ZoneId;
use rollcall_model::name::NameError;
use rollcall_startup::traces::TracesError;
use rollcall_startup::{Exit, Failure};
use rollcall_store::{CommitError, LoadError, OpenError, QueryError};

use crate::trust::{AdministratorError, TrustError};
use crate::zone_id;

/// Why a zone controller could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The zone id cannot be made.
    #[error(transparent)]
    ZoneId(#[from] zone_id::ZoneIdError),
    /// What this machine is called is no name.
    #[error("replica.name is missing, and what this machine is called cannot stand for it: {0}")]
    ReplicaName(#[from] NameError),
    /// There is no thread to renew the zone's lease on.
    #[error("the zone's lease cannot be kept: {0}")]
    Keeper(#[source] std::io::Error),
    /// The topology cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// Another zone controller acts for the zone by now.
    #[error(
        "another zone controller acts for this zone since generation {0}: this one has ended, and nothing of it was obeyed \
         or saved since; started again it stands by"
    )]
    Superseded(u64),
    /// The database belongs to another zone.
    #[error(
        "the database belongs to zone {stored}, but machine and secret make zone {derived}: restore the secret file, or \
         use a new database"
    )]
    OtherZone {
        /// Zone in the database.
        stored: ZoneId,
        /// Zone of this machine and secret.
        derived: ZoneId,
    },
    /// The API's address is not to be had.
    #[error("cannot listen on {address} for the API (api.listen): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The zone's identity cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The first administrator cannot be made.
    #[error(transparent)]
    Administrator(#[from] AdministratorError),
    /// The broker cannot be administered as configured.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The password of the broker's administrator cannot be read.
    #[error("broker_admin.password_file: {0}")]
    AdminPassword(#[from] FileError),
    /// The broker cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The broker refused the zone's topology.
    #[error(transparent)]
    Declare(#[from] DeclareError),
    /// The broker refused a consumer.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// Discovery failed.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The variables that say where traces go say what cannot be.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The topology could not be loaded.
    #[error("cannot load the topology: {0}")]
    Load(#[from] LoadError),
    /// What is asked of the topology at the start could not be answered.
    #[error("cannot load the topology: {0}")]
    Ask(#[from] QueryError),
    /// A change could not be saved. Nothing was acknowledged; it comes again.
    #[error("cannot save to the topology, stopping before anything is answered: {0}")]
    Commit(#[source] CommitError),
}

impl RunError {
    /// Whether the database was away for a while, and what was asked of it may be asked again.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Load(error) => error.is_passing(),
            Self::Ask(error) => error.is_passing(),
            Self::Commit(error) => error.is_passing(),
            _ => false,
        }
    }

    /// What a change that could not be saved means.
    pub(crate) fn unsaved(error: CommitError) -> Self {
        match error {
            CommitError::Fenced { stored, .. } => Self::Superseded(stored),
            error => Self::Commit(error),
        }
    }
}

impl From<RunError> for Failure {
    /// What trying again would not change is a wrong use of the program.
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Superseded(_) => Exit::Superseded,
            RunError::Open(error) => opened(error),
            RunError::ZoneId(_) | RunError::OtherZone { .. } | RunError::Connect(_) | RunError::Trust(_) => Exit::Usage,
            RunError::Admin(_) | RunError::AdminPassword(_) | RunError::Traces(_) | RunError::ReplicaName(_) => {
                Exit::Usage
            }
            _ => Exit::Unreachable,
        };
        Self::caused_by(exit, &error)
    }
}

/// A database that cannot be had now may be later; what trying again would not change is a wrong use of the program.
pub(crate) const fn opened(error: &OpenError) -> Exit {
    match error {
        OpenError::InUse { .. } | OpenError::Folder { .. } | OpenError::File { .. } => Exit::Unreachable,
        OpenError::Database { .. } | OpenError::Migration { .. } => Exit::Unreachable,
        OpenError::Unreachable { .. } | OpenError::Held { .. } => Exit::Unreachable,
        _ => Exit::Usage,
    }
}
