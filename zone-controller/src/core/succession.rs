//! What is said of a zone that passes from one zone controller to another.

use rollcall_model::{Name, Now};
use rollcall_store::{Change, Tenure};
use serde_json::{Value, json};

use super::{By, Effect, audit};

/// The tenure a zone is started in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// Its generation, and who had the lease before.
    pub tenure: Tenure,
    /// Who has it now.
    pub name: Name,
}

impl Succession {
    /// Whether another zone controller had it before.
    #[must_use]
    pub fn is_takeover(&self) -> bool {
        self.tenure.from.as_ref().is_some_and(|from| from.name != self.name)
    }

    /// An event and a line of the audit log, where another zone controller had it before.
    pub(super) fn effects(&self, now: Now, zone: &str) -> Vec<Effect> {
        let Some(from) = self.tenure.from.as_ref().filter(|_| self.is_takeover()) else { return Vec::new() };
        let how = if from.is_released { "which ended in order" } else { "which gave no sign" };
        let message = format!(
            "zone controller {} took over from {}, {how}: generation {}",
            self.name, from.name, self.tenure.generation
        );
        let noted = Change::Noted { kind: "zone_takeover", subject: zone.to_owned(), message, at: now.wall };
        let by = By { who: self.name.to_string(), origin: "zone controller".into() };
        let before = json!({ "controller": from.name, "generation": from.generation, "ended": from.is_released });
        let after: Value = json!({ "controller": self.name, "generation": self.tenure.generation });
        vec![Effect::Save(noted), audit::line(now, &by, "zone_takeover", zone, before, after)]
    }
}
