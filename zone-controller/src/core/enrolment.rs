//! Who may join, who is who, and for how long (design §5): tokens, joins that wait, certificates, revocations, users.

mod command;

use rollcall_model::Now;
use serde_json::Value;

pub use self::command::{Applicant, Grant, JoinAnswer, Trust, TrustSettings};
use super::{Effect, Rejection, Zone};

impl Zone {
    /// Decides a command about trust. What a refusal has to tell (events, alarms) is in the effects as well.
    pub(super) fn trust(&mut self, _now: Now, _command: Trust, _effects: &mut Vec<Effect>) -> Result<Value, Rejection> {
        Err(Rejection::conflict("this zone issues no certificates yet"))
    }
}
