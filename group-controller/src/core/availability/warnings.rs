//! What people are told: that nodes flood, and that the group is larger than its budget was made for. Each is told when it
//! begins and when it is over, on the alerts channel; and once after a start, since a former run may have said otherwise.

use std::collections::BTreeSet;

use rollcall_model::indicator::Severity;
use rollcall_model::packet::{ChannelMessage, Packet};
use rollcall_model::{NodeId, NodeState, Now, Purpose, name, route};
use serde_json::json;

use super::super::parcels::Care;
use super::super::{Effect, Group};

/// What was told and is not over.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    flooding: BTreeSet<NodeId>,
    /// What the zone was told last; none in this run.
    floods_told: Option<bool>,
    size_told: Option<bool>,
}

impl Warnings {
    pub(super) fn flooding(&self) -> usize {
        self.flooding.len()
    }
}

impl Group {
    pub(super) fn warn_of_flood(&mut self, now: Now, node: NodeId, effects: &mut Vec<Effect>) {
        if !self.availability.warnings.flooding.insert(node) {
            return;
        }
        self.availability.warnings.floods_told = Some(true);
        let message = format!(
            "node {} sends RA messages faster than its policy allows, again and again: it is no target until it has kept within \
             bounds for a minute; look for a second agent, an old policy, or a program that uses its certificate",
            self.node_name(node)
        );
        self.tell_warning(now, name::AVAILABILITY_FLOOD, Some(node), true, message, effects);
    }

    /// Whoever kept within bounds for a minute, or is gone, floods no more.
    pub(super) fn end_floods(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let is_over = |node: &NodeId| {
            self.availability.receiver.as_ref().is_none_or(|receiver| !receiver.is_capped(now.tick, *node))
        };
        let over: Vec<NodeId> = self.availability.warnings.flooding.iter().copied().filter(is_over).collect();
        for node in &over {
            self.availability.warnings.flooding.remove(node);
            // What bars it is shown anew, also if it says nothing any more.
            self.availability.shown.remove(node);
            self.show_node(now.tick, *node);
        }
        let warnings = &mut self.availability.warnings;
        let is_known = warnings.floods_told == Some(!warnings.flooding.is_empty());
        if is_known || self.subscription.is_none() {
            return;
        }
        warnings.floods_told = Some(!warnings.flooding.is_empty());
        let message =
            format!("no node of group {} sends RA messages faster than its policy allows", self.settings.name);
        self.tell_warning(now, name::AVAILABILITY_FLOOD, None, false, message, effects);
    }

    /// k and l were made for a group of so many nodes; more of them send more than was allowed.
    pub(super) fn warn_of_size(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(most) = self.availability.plan.as_ref().map(|plan| plan.nodes_per_group as usize) else { return };
        let is_counted = |state: NodeState| !matches!(state, NodeState::Down | NodeState::Left);
        let nodes = self.roster.iter().filter(|(_, member)| is_counted(member.state)).count();
        let too_large = nodes > most;
        // A group that the zone has not answered yet has no channel.
        if self.availability.warnings.size_told == Some(too_large) || self.subscription.is_none() {
            return;
        }
        self.availability.warnings.size_told = Some(too_large);
        let name = &self.settings.name;
        let message = if too_large {
            format!(
                "group {name} has {nodes} nodes, its budget of RA messages is made for {most}: together they can send more than \
                 availability.messages_per_second allows; set availability.nodes_per_group to {nodes} or more in the policy, \
                 and messages_per_second as much higher as is allowed"
            )
        } else {
            format!("group {name} is within its budget of RA messages: {nodes} of {most} nodes")
        };
        self.tell_warning(now, name::AVAILABILITY_BUDGET, None, too_large, message, effects);
    }

    fn node_name(&self, node: NodeId) -> String {
        self.roster.get(node).map_or_else(|| node.short(), |member| member.name.to_string())
    }

    fn tell_warning(
        &mut self,
        now: Now,
        what: &'static str,
        node: Option<NodeId>,
        raised: bool,
        message: String,
        effects: &mut Vec<Effect>,
    ) {
        if raised {
            tracing::warn!("{message}");
        }
        // A constant of ours that follows the rules of purposes.
        let Ok(channel) = Purpose::new(name::ALERTS) else { return };
        let group = self.settings.group;
        let subject = node.map_or_else(|| self.settings.name.to_string(), |node| self.node_name(node));
        let message = ChannelMessage {
            channel,
            what: what.to_owned(),
            subject: subject.chars().take(64).collect(),
            severity: Severity::Warning,
            message,
            detail: json!({ "group": group, "node": node, "raised": raised }),
            at: now.wall,
        };
        let key = route::zone_key(name::ALERTS, group);
        let message = self.sender.confirmed(now, route::ZONE, key, Packet::ChannelMessage(message));
        self.dispatch(now, message, Care::Event, effects);
    }
}
