//! Which hellos are believed: discovery hands them on, whoever listens says how they are judged.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rollcall_model::wire::txt::Hello;

/// A reason is said in the log at most this often.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// Why a hello is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Distrust {
    /// A short word to count by.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

type Judge = dyn Fn(&Hello) -> Result<(), Distrust> + Send + Sync;

/// Judges hellos, counts those that are not believed, and says so in the log once a minute.
pub struct HelloTrust {
    judge: Box<Judge>,
    refused: Mutex<BTreeMap<&'static str, Refused>>,
}

#[derive(Clone, Copy, Debug)]
struct Refused {
    count: u64,
    said: Instant,
}

impl HelloTrust {
    /// Judges by this function; it is called for each new or changed hello.
    #[must_use]
    pub fn new(judge: impl Fn(&Hello) -> Result<(), Distrust> + Send + Sync + 'static) -> Self {
        Self { judge: Box::new(judge), refused: Mutex::default() }
    }

    /// What was not believed so far, by reason.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().map(|(reason, refused)| (*reason, refused.count)).collect()
    }

    pub(crate) fn check(&self, hello: &Hello) -> Result<(), Distrust> {
        (self.judge)(hello).inspect_err(|distrust| self.note(hello, distrust))
    }

    fn note(&self, hello: &Hello, distrust: &Distrust) {
        let now = Instant::now();
        // Each entry is changed in one step.
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let known = refused.get(distrust.reason).copied();
        let count = known.map_or(1, |known| known.count + 1);
        let said = known.map(|known| known.said).filter(|said| now.duration_since(*said) < SAID_AGAIN);
        refused.insert(distrust.reason, Refused { count, said: said.unwrap_or(now) });
        if said.is_none() {
            tracing::warn!(reason = distrust.reason, count, zone = %hello.name, from = ?hello.addresses,
                "a hello is not believed: {distrust}");
        }
    }
}

impl fmt::Debug for HelloTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HelloTrust").field("refused", &self.refused()).finish_non_exhaustive()
    }
}
