//! The `power` channel (Z6): nodes whose power supplies or power cap changed, told together.
//!
//! A feed that fails takes the supplies of many nodes within a moment; that is one message, not many. Only where the zone
//! has given the group a channel of that name.

use std::collections::BTreeMap;

use rollcall_model::health::HealthBits;
use rollcall_model::indicator::{INDICATORS, Indicator, Severity, by_name};
use rollcall_model::packet::{ChannelMessage, Packet};
use rollcall_model::{Millis, NodeId, Now, Purpose, Tick, name, route};
use serde_json::json;

use super::parcels::Care;
use super::{Effect, Group};

/// The indicators of power.
const INDICATORS_OF_POWER: [&str; 2] = ["power_supply", "power_cap"];
/// Changes within this are told together.
const WINDOW: Millis = Millis(250);
/// Most nodes in one message, and most of them named in its text.
const MOST_TOLD: usize = 500;
const MOST_NAMED: usize = 5;

/// What the zone was told of each node's power.
#[derive(Debug, Default)]
pub(super) struct Power {
    /// Bits of power as last seen; who is not in it has none set.
    seen: BTreeMap<NodeId, HealthBits>,
    /// Nodes and bits that changed and are to be told: whether they are set now.
    changed: BTreeMap<(usize, NodeId), bool>,
    due: Option<Tick>,
}

fn of_power(bits: HealthBits) -> HealthBits {
    let wanted = INDICATORS_OF_POWER.iter().filter_map(|name| by_name(name));
    bits.and(wanted.fold(HealthBits::NONE, |all, indicator| all.with(indicator.bit, true)))
}

impl Power {
    /// When [`Group::tell_power`] is wanted.
    pub(super) const fn next_deadline(&self) -> Option<Tick> {
        self.due
    }

    /// The zone knows a node so already.
    pub(super) fn adopt(&mut self, node: NodeId, bits: HealthBits) {
        let bits = of_power(bits);
        if bits.is_empty() {
            self.seen.remove(&node);
        } else {
            self.seen.insert(node, bits);
        }
    }

    fn see(&mut self, now: Tick, node: NodeId, bits: HealthBits) {
        let (before, after) = (self.seen.get(&node).copied().unwrap_or_default(), of_power(bits));
        if before == after {
            return;
        }
        for bit in before.minus(after).or(after.minus(before)).iter() {
            // Set and cleared again within the window: nothing happened.
            if self.changed.remove(&(bit, node)).is_none() {
                self.changed.insert((bit, node), after.get(bit));
            }
        }
        self.adopt(node, bits);
        self.due = if self.changed.is_empty() { None } else { self.due.or(Some(now + WINDOW)) };
    }
}

impl Group {
    /// Looks at a node that changed. Not called for a status packet that brings nothing new.
    pub(super) fn see_power(&mut self, now: Now, node: NodeId) {
        if let Some(member) = self.roster.get(node) {
            self.power.see(now.tick, node, member.health.bits());
        }
    }

    /// Tells what changed within the window, one message for each indicator.
    pub(super) fn tell_power(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.power.due = None;
        let changed = std::mem::take(&mut self.power.changed);
        let has_channel = |known: &rollcall_model::packet::ZoneSubscriber| {
            known.channels.iter().any(|channel| channel.purpose.as_str() == name::POWER)
        };
        if !self.subscription.as_ref().is_some_and(has_channel) {
            return;
        }
        for indicator in &INDICATORS {
            let nodes: Vec<(NodeId, bool)> = changed
                .range((indicator.bit, NodeId::from_bytes([0; 16]))..)
                .take_while(|((bit, _), _)| *bit == indicator.bit)
                .map(|((_, node), set)| (*node, *set))
                .collect();
            for part in nodes.chunks(MOST_TOLD) {
                self.send_power(now, indicator, part, effects);
            }
        }
    }

    fn send_power(&mut self, now: Now, indicator: &Indicator, nodes: &[(NodeId, bool)], effects: &mut Vec<Effect>) {
        // A constant of ours that follows the rules of purposes.
        let Ok(channel) = Purpose::new(name::POWER) else { return };
        let name_of =
            |node: NodeId| self.roster.get(node).map_or_else(|| node.short(), |member| member.name.to_string());
        let named = |set: bool| -> Vec<String> {
            nodes.iter().filter(|(_, is)| *is == set).map(|(node, _)| name_of(*node)).collect()
        };
        let (set, cleared) = (named(true), named(false));
        let mut parts = Vec::new();
        for (what, names) in [("set on", &set), ("cleared on", &cleared)] {
            if !names.is_empty() {
                parts.push(format!("{what} {}", list(names)));
            }
        }
        let listed: Vec<_> =
            nodes.iter().map(|(node, set)| json!({ "node": node, "name": name_of(*node), "set": set })).collect();
        let message = ChannelMessage {
            channel,
            what: indicator.name.to_owned(),
            subject: self.settings.name.to_string(),
            severity: if set.is_empty() { Severity::Warning } else { indicator.severity },
            message: format!("{} {}", indicator.name, parts.join("; ")),
            detail: json!({ "indicator": indicator.name, "nodes": listed }),
            at: now.wall,
        };
        let key = route::zone_key(name::POWER, self.settings.group);
        let message = self.sender.confirmed(now, route::ZONE, key, Packet::ChannelMessage(message));
        self.dispatch(now, message, Care::Event, effects);
    }
}

fn list(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
