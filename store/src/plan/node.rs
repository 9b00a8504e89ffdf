//! Nodes that join and are placed.

use std::net::IpAddr;

use rollcall_model::{GroupId, HardwareTopology, Health, Name, NodeId, NodeState, SessionEpoch, UnixMillis};
use serde_json::json;

use super::health::LIVENESS;
use super::history::About;
use super::{Plan, message, must_grow, written};
use crate::row::{AssignmentRow, Bookmark, HardwareRow, NodeRow, PlacedNode, without_zeros};
use crate::{Change, CommitError, GroupKind};

impl Plan {
    /// A new epoch: the state is `joining` again, health stays what was last known.
    pub(super) fn node_joined(&mut self, change: &Change) -> Result<(), CommitError> {
        let Change::NodeJoined {
            identifier,
            name,
            address,
            place,
            instance,
            epoch,
            group,
            capability,
            hardware,
            reason,
            checkin,
            at,
        } = change
        else {
            return Ok(());
        };
        let (node, at) = (identifier.node, written(*at));
        let group_name = self.group_of(*group, GroupKind::Logical, "a join")?.name.clone();
        if let Some(had) = self.stored.nodes.get(&node) {
            must_grow("epoch", || format!("node {name}"), had.node.epoch.0.into(), epoch.0.into())?;
        } else {
            must_grow("epoch", || format!("node {name}"), 0, epoch.0.into())?;
        }
        self.capability_seen(capability, at);
        let row = self.known_or_new(node, name, *address, at);
        row.node.place.clone_from(place);
        row.node.instance = Some(*instance);
        row.node.epoch = *epoch;
        row.node.state = NodeState::Joining;
        row.node.since_ms = at;
        row.node.last_seen_ms = row.node.last_seen_ms.max(at);
        row.node.joined_ms = Some(at);
        row.node.capability = Some(capability.clone());
        row.node.checkin_id = Some(*checkin);
        row.node.evidence = serde_json::to_string(&identifier.evidence).ok().map(without_zeros);
        let left = row.logical.replace(*group);
        self.history.clear(About::Node(node), LIVENESS, at);
        if left != Some(*group) {
            self.history.assign(assignment(node, GroupKind::Logical, *group, *epoch, reason, at), (0, 0));
        }
        let rebuilt = self.hardware_told(node, hardware, at);
        let message = message::joined(name, group_name.as_str(), *epoch, reason, rebuilt);
        let detail = json!({
            "epoch": epoch, "group": group, "capability": capability, "address": address, "instance": instance,
            "checkin": checkin, "reason": reason, "hardware_changed": rebuilt,
        });
        self.event(at, "node_joined", ("node", node.to_string()), message, &detail);
        Ok(())
    }

    /// A placement that is in force already writes no history.
    pub(super) fn node_placed(
        &mut self,
        node: NodeId,
        name: &Name,
        address: IpAddr,
        group: GroupId,
        at: UnixMillis,
    ) -> Result<(), CommitError> {
        let group_name = self.group_of(group, GroupKind::Physical, "a placement")?.name.clone();
        let row = self.known_or_new(node, name, address, at);
        row.node.last_seen_ms = row.node.last_seen_ms.max(at);
        let left = row.physical.replace(group);
        if left == Some(group) {
            return Ok(());
        }
        let epoch = row.node.epoch;
        let taken = (row.node.change_session, row.node.change_number);
        if let Some(left) = left {
            self.turn_page(node, left, group, taken);
        }
        let reason = "found at its place";
        self.history.assign(assignment(node, GroupKind::Physical, group, epoch, reason, at), taken);
        let from =
            left.map(|left| self.stored.groups.get(&left).map_or_else(|| left.to_string(), |g| g.name.to_string()));
        let message = match &from {
            Some(from) => format!("node {name} moved from {from} to {group_name}"),
            None => format!("node {name} found in {group_name}"),
        };
        let detail = json!({ "group": group, "from": left, "address": address });
        self.event(at, "node_placed", ("node", node.to_string()), message, &detail);
        Ok(())
    }

    /// Each group numbers its own changes: those of the group that is left are remembered, those of the group that
    /// is entered go on where they were, should the node have been there before.
    fn turn_page(&mut self, node: NodeId, left: GroupId, entered: GroupId, (session, number): (u32, u64)) {
        let bookmarks = &mut self.stored.bookmarks;
        bookmarks.push(Bookmark { node_id: node, group_id: left, change_session: session, change_number: number });
        let taken = bookmarks
            .iter()
            .filter(|mark| mark.node_id == node && mark.group_id == entered)
            .map(|mark| (mark.change_session, mark.change_number))
            .max()
            .unwrap_or((0, 0));
        if let Some(row) = self.stored.nodes.get_mut(&node) {
            (row.node.change_session, row.node.change_number) = taken;
        }
    }

    /// The node's row, made where there is none, under the name and address it has now.
    fn known_or_new(&mut self, node: NodeId, name: &Name, address: IpAddr, at: UnixMillis) -> &mut PlacedNode {
        self.writes.touched.nodes.insert(node);
        let row = self.stored.nodes.entry(node).or_insert_with(|| fresh(node, name, address, at));
        row.node.name.clone_from(name);
        row.node.address = address;
        row
    }

    /// Writes the hardware where it differs from what is known; says whether it replaced something.
    fn hardware_told(&mut self, node: NodeId, hardware: &HardwareTopology, at: UnixMillis) -> bool {
        let Ok(topology) = serde_json::to_string(hardware).map(without_zeros) else { return false };
        if self.stored.hardware.get(&node).is_some_and(|had| is_same(had, &topology, hardware)) {
            return false;
        }
        let row = HardwareRow {
            node_id: node,
            from_ms: at,
            until_ms: None,
            cpu: message::cpu(hardware),
            cores: hardware.cpu.cores,
            threads: hardware.cpu.threads,
            memory_bytes: hardware.memory.total_bytes.map(super::counted),
            nics: message::nics(hardware),
            topology: topology.clone(),
        };
        self.history.rebuild(row);
        self.stored.hardware.insert(node, topology).is_some()
    }
}

/// A topology an older version wrote lacks what came later: what it says counts, not its text.
fn is_same(had: &str, told: &str, hardware: &HardwareTopology) -> bool {
    had == told || serde_json::from_str::<HardwareTopology>(had).is_ok_and(|had| had == *hardware)
}

fn assignment(
    node_id: NodeId,
    kind: GroupKind,
    group_id: GroupId,
    epoch: SessionEpoch,
    reason: &str,
    from_ms: UnixMillis,
) -> AssignmentRow {
    let reason = reason.to_owned();
    AssignmentRow {
        node_id,
        kind,
        group_id,
        epoch,
        reason,
        from_ms,
        until_ms: None,
        change_session: 0,
        change_number: 0,
    }
}

fn fresh(node_id: NodeId, name: &Name, address: IpAddr, at: UnixMillis) -> PlacedNode {
    let health = Health::unmeasured();
    let node = NodeRow {
        node_id,
        name: name.clone(),
        address,
        place: None,
        instance: None,
        epoch: SessionEpoch::default(),
        state: NodeState::Joining,
        since_ms: at,
        bits: health.bits(),
        mask: health.mask(),
        change_session: 0,
        change_number: 0,
        last_change_ms: None,
        last_seen_ms: at,
        first_seen_ms: at,
        first_report_ms: None,
        joined_ms: None,
        capability: None,
        checkin_id: None,
        evidence: None,
    };
    PlacedNode { node, physical: None, logical: None }
}
