//! Why a daemon that stands on the bus could not start, or stopped.

use rollcall_bus::{ConnectError, ConsumeError, DeclareError};
use rollcall_startup::metrics::MetricsError;
use rollcall_startup::traces::TracesError;
use rollcall_startup::{Exit, Failure, StateError};

use crate::EnrolError;

/// Why a group controller or a check-in service could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state directory cannot be used. What could not be saved was told to nobody.
    #[error(transparent)]
    State(#[from] StateError),
    /// What says where traces go says what cannot be.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The address for metrics is not to be had.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// There is no place for key and certificate.
    #[error("{0}")]
    Identity(String),
    /// The zone does not let it in.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// The broker cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The broker refused a queue or an exchange.
    #[error(transparent)]
    Declare(#[from] DeclareError),
    /// The broker refused a consumer.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
}

impl From<RunError> for Failure {
    /// What trying again would not change is a wrong use of the program.
    fn from(error: RunError) -> Self {
        match error {
            RunError::State(error) => error.into(),
            RunError::Enrol(error) if error.is_passing() => Self::caused_by(Exit::Unreachable, &error),
            RunError::Connect(_) | RunError::Enrol(_) | RunError::Identity(_) | RunError::Traces(_) => {
                Self::caused_by(Exit::Usage, &error)
            }
            error => Self::caused_by(Exit::Unreachable, &error),
        }
    }
}
