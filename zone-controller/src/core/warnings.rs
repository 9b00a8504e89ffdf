//! What group controllers warn of on the alerts channel: RA messages that come too fast, a group larger than its budget.

use rollcall_model::packet::ChannelMessage;
use rollcall_model::{name, route};
use rollcall_store::Change;

use super::{Effect, Zone};

/// Longest text of a warning, characters.
const LONGEST: usize = 600;

impl Zone {
    /// A warning becomes an alert about the group it comes from, as long as it lasts.
    pub(super) fn on_warning(&mut self, message: &ChannelMessage, from: &str, effects: &mut Vec<Effect>) {
        let known =
            [name::AVAILABILITY_FLOOD, name::AVAILABILITY_BUDGET].into_iter().find(|kind| *kind == message.what);
        let Some(kind) = known else {
            self.count("alerts", "unknown_warning");
            let what: String = message.what.chars().take(64).collect();
            return effects.push(Effect::Park(format!("this zone knows no warning {what:?}")));
        };
        // Whoever sent it speaks for the group of its own inbox and for no other.
        let group = message.detail["group"].as_str().and_then(|id| id.parse().ok());
        let Some(group) = group.filter(|group| route::group_inbox(*group) == from && self.groups.contains_key(group))
        else {
            return self.count("alerts", "not_its_group");
        };
        effects.push(Effect::Save(Change::GroupWarning {
            group,
            kind,
            raised: message.detail["raised"].as_bool().unwrap_or(true),
            message: message.message.chars().take(LONGEST).collect(),
            at: message.at,
        }));
    }
}
