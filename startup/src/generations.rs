//! The generations of zones a listener has heard, kept so that a restart of its own lets none go back.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rollcall_model::{GenerationGate, OldGeneration, ZoneId};

use crate::write_durably;

/// Keeps [`GenerationGate`] in a file.
#[derive(Debug)]
pub struct GenerationFile {
    path: PathBuf,
    gate: Mutex<GenerationGate>,
}

impl GenerationFile {
    /// Reads it. What cannot be read is told, and counts as none.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let gate = match std::fs::read_to_string(path) {
            Ok(text) => text.parse().unwrap_or_else(|error| {
                tracing::warn!("{} is left out of account: {error}", path.display());
                GenerationGate::default()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => GenerationGate::default(),
            Err(error) => {
                tracing::warn!("{} cannot be read and is left out of account: {error}", path.display());
                GenerationGate::default()
            }
        };
        Self { path: path.to_owned(), gate: Mutex::new(gate) }
    }

    /// As [`GenerationGate::admit`]; a later generation is on the disk before this returns. That takes a moment once for
    /// each start of a zone. What cannot be written is told, and holds for this run.
    ///
    /// # Errors
    /// [`OldGeneration`].
    pub fn admit(&self, zone: ZoneId, told: u64) -> Result<(), OldGeneration> {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if gate.admit(zone, told)?
            && let Err(error) = write_durably(&self.path, gate.to_string().as_bytes())
        {
            tracing::warn!("the zone's generation is not kept for the next run: {error}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_does_not_go_back_over_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let (path, zone) = (directory.path().join("generations"), ZoneId::derived_from("z"));
        assert!(GenerationFile::open(&path).admit(zone, 7).is_ok());
        let next = GenerationFile::open(&path);
        assert!(next.admit(zone, 6).is_err());
        assert!(next.admit(zone, 7).is_ok());
        std::fs::write(&path, "garbage").unwrap();
        assert!(GenerationFile::open(&path).admit(zone, 1).is_ok(), "garbage counts as none");
    }
}
