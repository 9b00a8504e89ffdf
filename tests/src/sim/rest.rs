//! What is looked at once everything is at rest.

use rollcall_model::{GroupId, Health, HealthBits, NodeId, NodeState, SessionEpoch};
use rollcall_store::{GroupKind, Table};
use serde_json::Value;

use super::commands::{RULE_BIT, RULE_GROUP};
use super::invariants::{
    Placement, SavedAlert, SavedNode, Violations, an_alert_for_every_lasting_change, every_order_ends,
    everybody_runs_at_rest, everyone_obeys_the_policy, no_word_is_left_on_disk, one_group_per_kind,
    one_zone_controller_acts, rosters_equal_the_store, rule_groups_follow_their_rules,
    saved_state_equals_truth_at_rest, the_store_can_be_read, what_was_confirmed_is_there_once,
};
use super::process::{Core, Role, WALL};
use super::world::World;

impl World {
    /// Checks what must hold at rest.
    pub(super) fn check_rest(&mut self) {
        self.note("world", "is at rest");
        let placements = self.ask("SELECT node_id, kind, group_id FROM v_assignments WHERE current", placement);
        let saved = self.ask(
            "SELECT node_id, state, epoch, health_bits, unmeasurable, physical_group_id, logical_group_id FROM v_nodes",
            saved_node,
        );
        let alerts = self.ask(
            "SELECT node_id, group_id, kind, cleared_at IS NOT NULL, \
             CAST(round(unixepoch(raised_at, 'subsec') * 1000) AS INTEGER) FROM v_alerts",
            saved_alert,
        );
        let mut violations = one_group_per_kind::check(&placements, &self.nodes);
        let known: Vec<_> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(number, node)| (node, self.scene.group(node.rack), self.epoch_of(number)))
            .collect();
        violations.extend(saved_state_equals_truth_at_rest::check(&known, &saved, &alerts));
        violations.extend(an_alert_for_every_lasting_change::check(&self.nodes, &self.watch.changes, &alerts));
        violations.extend(an_alert_for_every_lasting_change::check_groups(&saved, &alerts));
        for process in &self.processes {
            if let (Some(Core::Group(group)), Role::Group(number)) = (&process.core, process.role) {
                let id = self.scene.group(number);
                violations.extend(rosters_equal_the_store::check(&process.name, id, group.roster(), &saved));
            }
            violations.extend(everybody_runs_at_rest::check(&process.name, process.is_running(), process.wanted));
        }
        self.check_targets();
        let acting = self.processes.iter().filter(|it| matches!(it.core, Some(Core::Zone(_)))).count();
        violations.extend(one_zone_controller_acts::check_rest(acting));
        let spools: Vec<_> =
            self.spools.iter().enumerate().map(|(number, spool)| (format!("rack {number}"), spool.len())).collect();
        violations.extend(no_word_is_left_on_disk::check(&spools));
        violations.extend(self.check_obedience());
        violations.extend(self.check_rule_group(&saved));
        let orders = self.ask("SELECT action_id, state, node FROM v_actions", order);
        violations.extend(every_order_ends::check(&orders));
        let mut stored: Vec<String> = orders.iter().map(|(action, ..)| format!("action {action}")).collect();
        stored.extend(self.ask("SELECT version FROM v_policies", |row| Some(format!("policy {}", row.first()?))));
        violations.extend(what_was_confirmed_is_there_once::check(&self.watch.confirmed, &stored));
        for row in &saved {
            self.journal.note(self.agenda.now(), "store", format_args!("{row:?}"));
        }
        let parked = self.parked();
        if parked > 0 {
            self.tally.count("worlds with parked messages");
        }
        self.watch.violations.extend(violations);
    }

    fn check_obedience(&mut self) -> Violations {
        let versions = self.ask("SELECT max(version) FROM v_policies", |row| Some(row.first()?.as_u64()));
        let Some(Some(version)) = versions.first().copied() else { return Vec::new() };
        self.tally.count("worlds with a policy");
        let saved = self.ask("SELECT node_id, policy_version FROM v_nodes", |row| {
            Some((node(row.first()?)?, row.get(1)?.as_u64()))
        });
        let mut live = Vec::new();
        for process in &self.processes {
            if let (Some(Core::Node(agent, _)), Role::Node(number)) = (&process.core, process.role) {
                let truth = &self.nodes[number];
                let known = saved.iter().find(|(id, _)| *id == truth.node()).and_then(|(_, version)| *version);
                live.push((truth.name.clone(), agent.policy(), known));
            }
        }
        everyone_obeys_the_policy::check(version, &live)
    }

    fn check_rule_group(&mut self, saved: &[SavedNode]) -> Violations {
        let made = self.ask("SELECT name FROM v_rule_groups", |row| Some(row.first()?.as_str()? == RULE_GROUP));
        if !made.contains(&true) {
            return Vec::new();
        }
        self.tally.count("worlds with a group by rule");
        let members = self.ask("SELECT node_id, group_name FROM v_memberships", |row| {
            Some((node(row.first()?)?, row.get(1)?.as_str()? == RULE_GROUP))
        });
        let members = members.into_iter().filter(|(_, is_it)| *is_it).map(|(id, _)| id).collect();
        rule_groups_follow_their_rules::check(RULE_GROUP, RULE_BIT, &members, saved)
    }

    fn epoch_of(&self, number: usize) -> Option<SessionEpoch> {
        match &self.processes[self.scene.pid(Role::Node(number))].core {
            Some(Core::Node(agent, _)) => agent.assigned().map(|assigned| assigned.epoch),
            _ => None,
        }
    }

    fn ask<T>(&mut self, sql: &'static str, read: fn(&[Value]) -> Option<T>) -> Vec<T> {
        let table: Table = match self.runtime.block_on(self.store.select(sql, &[])) {
            Ok(table) => table,
            Err(error) => {
                self.watch.violations.extend(the_store_can_be_read::cannot(sql, error));
                return Vec::new();
            }
        };
        let mut rows = Vec::with_capacity(table.rows.len());
        for row in &table.rows {
            match read(row) {
                Some(read) => rows.push(read),
                None => self.watch.violations.extend(the_store_can_be_read::cannot(sql, format_args!("{row:?}"))),
            }
        }
        rows
    }
}

fn node(value: &Value) -> Option<NodeId> {
    value.as_str()?.parse().ok()
}

fn group(value: &Value) -> Option<GroupId> {
    value.as_str()?.parse().ok()
}

fn small(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

fn order(row: &[Value]) -> Option<(String, String, String)> {
    let [action, state, node] = row else { return None };
    Some((action.as_str()?.to_owned(), state.as_str()?.to_owned(), node.as_str()?.to_owned()))
}

fn placement(row: &[Value]) -> Option<Placement> {
    let [id, kind, in_group] = row else { return None };
    let kind = match kind.as_str()? {
        "physical" => GroupKind::Physical,
        "logical" => GroupKind::Logical,
        _ => return None,
    };
    Some(Placement { node: node(id)?, kind, group: group(in_group)? })
}

fn saved_node(row: &[Value]) -> Option<SavedNode> {
    let [id, state, epoch, bits, mask, physical, logical] = row else { return None };
    Some(SavedNode {
        node: node(id)?,
        state: state.as_str()?.parse::<NodeState>().ok()?,
        epoch: SessionEpoch(small(epoch)?),
        health: Health::new(HealthBits::from_number(small(bits)?)?, HealthBits::from_number(small(mask)?)?).ok()?,
        physical: group(physical),
        logical: group(logical),
    })
}

fn saved_alert(row: &[Value]) -> Option<SavedAlert> {
    let [about, of_group, kind, cleared, raised_ms] = row else { return None };
    Some(SavedAlert {
        node: node(about),
        group: group(of_group)?,
        kind: kind.as_str()?.to_owned(),
        cleared: cleared.as_i64()? != 0,
        raised_at: raised_ms.as_u64()?.saturating_sub(WALL),
    })
}
