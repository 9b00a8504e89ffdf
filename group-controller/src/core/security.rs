//! What is refused because it may be a lie: counted, and told on the zone's security channel, a word of each reason now
//! and then. A flood of lies is one line with a number in it.

use std::collections::BTreeMap;

use rollcall_discovery::Distrust;
use rollcall_model::authority::AuthorityError;
use rollcall_model::indicator::Severity;
use rollcall_model::packet::{ChannelMessage, Packet};
use rollcall_model::wire::txt::Hello;
use rollcall_model::{Millis, NodeId, Now, Purpose, Tick, name, route};
use serde_json::json;

use super::parcels::Care;
use super::{Effect, Group};

/// A reason is told at most this often.
const PERIOD: Millis = Millis(60_000);
/// What was told of a node is forgotten after this.
const FORGOTTEN: Millis = Millis(600_000);
/// Longest text of a message, characters.
const LONGEST: usize = 400;

/// What was told of each reason, and what was not.
#[derive(Debug, Default)]
pub(super) struct Security(BTreeMap<(&'static str, Option<NodeId>), Told>);

#[derive(Clone, Copy, Debug)]
struct Told {
    at: Tick,
    /// How many came since.
    more: u64,
}

/// What is told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    /// Its word on the channel.
    what: &'static str,
    /// Its word in counts.
    reason: &'static str,
    /// Which of the group's nodes it casts doubt on; names may be those of several.
    node: Option<NodeId>,
}

impl Alarm {
    /// Of nobody in the group.
    const fn of(what: &'static str, reason: &'static str) -> Self {
        Self { what, reason, node: None }
    }

    /// Of one of its nodes.
    pub(super) const fn about(node: NodeId, reason: &'static str) -> Self {
        Self { what: reason, reason, node: Some(node) }
    }
}

impl Security {
    /// How many are to be told of together; `None` when it was told a moment ago. What concerns one of the group's nodes is told
    /// of each of them.
    fn due(&mut self, now: Tick, reason: &'static str, node: Option<NodeId>) -> Option<u64> {
        self.0.retain(|(_, node), told| node.is_none() || now.since(told.at) < FORGOTTEN);
        let about = (reason, node);
        let told = self.0.entry(about);
        if let std::collections::btree_map::Entry::Occupied(known) = &told
            && now.since(known.get().at) < PERIOD
        {
            told.and_modify(|told| told.more += 1);
            return None;
        }
        let before = *told.or_insert(Told { at: now, more: 0 });
        self.0.insert(about, Told { at: now, more: 0 });
        Some(before.more + 1)
    }
}

impl Group {
    pub(super) fn on_unentitled(&mut self, now: Now, error: &AuthorityError, effects: &mut Vec<Effect>) {
        let text = || (error.sender(), error.to_string());
        self.alarm(now, Alarm::of("packet_refused", error.reason()), text, effects);
    }

    /// A hello over DNS-SD is not believed: whoever sent it may want the group's nodes.
    pub(super) fn on_distrusted(&mut self, now: Now, hello: &Hello, distrust: &Distrust, effects: &mut Vec<Effect>) {
        let from = hello.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let text =
            || (hello.name.to_string(), format!("a hello of zone {} at {from} is ignored: {distrust}", hello.zone));
        self.alarm(now, Alarm::of("hello_refused", distrust.reason), text, effects);
    }

    /// Counts a refusal, and tells of it unless that was done a moment ago. `text` gives the subject and the message; it
    /// is not asked for when nothing is told.
    pub(super) fn alarm(
        &mut self,
        now: Now,
        alarm: Alarm,
        text: impl FnOnce() -> (String, String),
        effects: &mut Vec<Effect>,
    ) {
        let Alarm { what, reason, node } = alarm;
        self.refuse(reason);
        let has_channel = self
            .subscription
            .as_ref()
            .is_some_and(|known| known.channels.iter().any(|channel| channel.purpose.as_str() == name::SECURITY));
        // A constant of ours that follows the rules of purposes.
        let Some(channel) = Purpose::new(name::SECURITY).ok().filter(|_| has_channel) else { return };
        let Some(count) = self.security.due(now.tick, reason, node) else { return };
        let (subject, message) = text();
        let message = ChannelMessage {
            channel,
            what: what.to_owned(),
            subject: subject.chars().take(64).collect(),
            severity: Severity::Warning,
            message: message.chars().take(LONGEST).collect(),
            detail: json!({ "group": self.settings.name.as_str(), "reason": reason, "count": count, "node": node }),
            at: now.wall,
        };
        let key = route::zone_key(name::SECURITY, self.settings.group);
        let message = self.sender.confirmed(now, route::ZONE, key, Packet::ChannelMessage(message));
        self.dispatch(now, message, Care::Event, effects);
    }
}
