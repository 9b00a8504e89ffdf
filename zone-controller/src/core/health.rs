//! What group controllers report: changes, group alarms, summaries. The zone's cost grows with changes, not with nodes × time.

use std::collections::HashMap;

use rollcall_model::packet::{Alerts, GroupAlarm, NodeChange, Summary};
use rollcall_model::{GroupId, InstanceId, NodeId, NodeState, Now, SessionEpoch, indicator};
use rollcall_store::{Change, NodeRecord};

use super::{Effect, Zone};

/// Most reasons a group controller can give for what it refused; there are a dozen.
const MOST_REASONS: usize = 32;

fn changed(alerts: &Alerts, change: &NodeChange) -> Change {
    Change::NodeChanged {
        node: change.node,
        group: alerts.group,
        session: alerts.session,
        number: change.number,
        epoch: change.epoch,
        state: change.state,
        health: change.health,
        cause: change.cause.chars().take(200).collect(),
        at: change.at,
    }
}

/// Of nodes that died: the last epoch whose death is saved. A rack that tells a death again in a new membership, after
/// the node has come back, gives it another number.
#[derive(Debug, Default)]
pub(super) struct Deaths(HashMap<NodeId, SessionEpoch>);

impl Deaths {
    /// What saved nodes tell of it. Of one that has come back they do not.
    pub(super) fn of(nodes: &[NodeRecord]) -> Self {
        let down = nodes.iter().filter(|node| node.state == NodeState::Down);
        Self(down.map(|node| (node.node, node.epoch)).collect())
    }

    /// A change is saved. One that was heard again in the epoch in which it was down can die in it once more.
    fn note(&mut self, change: &NodeChange) {
        if change.state == NodeState::Down {
            self.0.insert(change.node, change.epoch);
        } else if self.0.get(&change.node) == Some(&change.epoch) {
            self.0.remove(&change.node);
        }
    }

    /// Deaths are told in their order: of an epoch up to the last one they are saved.
    fn is_saved(&self, change: &NodeChange) -> bool {
        self.0.get(&change.node).is_some_and(|last| change.epoch <= *last)
    }
}

impl Zone {
    pub(super) fn on_alerts(&mut self, now: Now, alerts: &Alerts, effects: &mut Vec<Effect>) {
        if !self.is_current(alerts.group, alerts.session) {
            return self.refuse_stale(now, "alerts", alerts.group, effects);
        }
        self.group_heard(now, alerts.group, None, effects);
        for change in &alerts.changes {
            let place = (alerts.session, change.number);
            let refusal = match self.nodes.get(&change.node) {
                None => Some("unknown_node"),
                Some(node) if node.physical != Some(alerts.group) => Some("not_its_node"),
                Some(node) if change.epoch < node.epoch => Some("old_epoch"),
                Some(node) if change.epoch > node.epoch => Some("unsaved_epoch"),
                Some(node) if place <= node.last_change => Some("repeated"),
                Some(_) => None,
            };
            if let Some(reason) = refusal {
                self.count("alerts", reason);
                if reason == "old_epoch" {
                    self.of_old_epoch(now, alerts, change, effects);
                }
                self.set_right(now, alerts.group, change.node, reason, effects);
                continue;
            }
            // A group controller that was told an older view of the zone's, while its own was on its way, says so again.
            let mut is_known = false;
            if let Some(node) = self.nodes.get_mut(&change.node) {
                is_known = (node.state, node.health) == (change.state, change.health);
                (node.state, node.health, node.last_change) = (change.state, change.health, place);
            }
            if is_known {
                self.count("alerts", "known");
            } else {
                self.deaths.note(change);
                effects.push(Effect::Save(changed(alerts, change)));
            }
            if !change.metrics.is_empty() {
                self.metrics_heard(change.node, &change.metrics);
            }
            self.facts_changed(now, change.node, effects);
        }
    }

    /// A node that died and came back before the zone heard of the former: the zone was away, or its database. It has another
    /// state by now, but that it was down is not lost.
    fn of_old_epoch(&mut self, now: Now, alerts: &Alerts, change: &NodeChange, effects: &mut Vec<Effect>) {
        let place = (alerts.session, change.number);
        let Some(node) = self.nodes.get_mut(&change.node).filter(|node| place > node.last_change) else { return };
        if change.state != NodeState::Down {
            // Heard again before it came back: what ends it after that is another death.
            return self.deaths.note(change);
        }
        node.last_change = place;
        if self.deaths.is_saved(change) {
            return self.count("alerts", "known");
        }
        self.deaths.note(change);
        effects.push(Effect::Save(Change::NodeWasDown {
            node: change.node,
            group: alerts.group,
            session: alerts.session,
            number: change.number,
            cause: change.cause.chars().take(200).collect(),
            at: change.at,
            until: now.wall,
        }));
    }

    /// Tells a group controller what it has not heard of one of its nodes: a new epoch, or that it stands elsewhere.
    fn set_right(&mut self, now: Now, group: GroupId, node: NodeId, reason: &'static str, effects: &mut Vec<Effect>) {
        let Some(known) = self.nodes.get(&node) else { return };
        let instance = known.instance.unwrap_or(InstanceId::from_bytes([0; 16]));
        match reason {
            "old_epoch" => self.tell_epoch(now, group, node, effects),
            "not_its_node" => self.tell_moved(now, group, node, instance, effects),
            _ => {}
        }
    }

    pub(super) fn on_group_alarm(&mut self, now: Now, alarm: &GroupAlarm, effects: &mut Vec<Effect>) {
        if !self.is_current(alarm.group, alarm.session) {
            return self.refuse_stale(now, "alerts", alarm.group, effects);
        }
        // Told again until it was confirmed: what is known already is neither saved nor acted on.
        let place = (alarm.session, alarm.number);
        if self.alarms.get(&alarm.group).is_some_and(|taken| place <= *taken) {
            return self.count("alerts", "repeated");
        }
        self.alarms.insert(alarm.group, place);
        self.darken(now, alarm.group, alarm.raised, effects);
        effects.push(Effect::Save(Change::GroupAlarm {
            group: alarm.group,
            raised: alarm.raised,
            silent: alarm.silent,
            members: alarm.members,
            at: alarm.at,
        }));
    }

    /// A group's summary (G7): kept for analytics, and the sign that its group controller lives.
    pub(super) fn on_summary(&mut self, now: Now, mut summary: Summary, effects: &mut Vec<Effect>) {
        let group = summary.group;
        if !self.is_current(group, summary.session) {
            return self.refuse_stale(now, "summary", group, effects);
        }
        // Names are made up by nobody but the dictionary.
        summary.bits.retain(|name, _| indicator::by_name(name).is_some());
        summary.metrics.retain(|name, _| indicator::by_name(name).is_some());
        let is_word =
            |text: &str| text.len() <= 32 && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
        summary.refused =
            summary.refused.into_iter().filter(|(reason, _)| is_word(reason)).take(MOST_REASONS).collect();
        self.group_heard(now, group, Some(summary.period_ms), effects);
        effects.push(Effect::Save(Change::Analytics { summary: Box::new(summary.clone()), at: now.wall }));
        let rostered = summary.states.values().map(|nodes| *nodes as usize).sum::<usize>();
        let before = self.overview.summaries.insert(group, summary);
        // For two summaries a roster that does not grow and is not ours: a message that told of a move was lost.
        let lasts =
            before.is_some_and(|before| before.states.values().map(|nodes| *nodes as usize).sum::<usize>() == rostered);
        if lasts
            && rostered != self.members_of(group)
            && let Some(membership) = self.membership(group)
        {
            self.tell_roster(now, group, membership, effects);
        }
    }
}
