//! Effects by what is done with them: saved, then published, then answered.

use rollcall_bus::Outgoing;
use rollcall_store::Change;
use serde_json::Value;

use crate::core::{Effect, Rejection};

/// Effects by what is done with them.
#[derive(Default)]
pub(super) struct Batch {
    pub changes: Vec<Change>,
    pub messages: Vec<Outgoing>,
    pub answers: Vec<(u64, Result<Value, Rejection>)>,
}

impl Batch {
    pub fn of(effects: Vec<Effect>) -> Self {
        let mut batch = Self::default();
        for effect in effects {
            match effect {
                Effect::Save(change) => batch.changes.push(change),
                Effect::Publish(message) => batch.messages.push(message),
                Effect::Answer { request, result } => batch.answers.push((request, result)),
                Effect::Park(reason) => tracing::error!("nothing to park: {reason}"),
            }
        }
        batch
    }
}
