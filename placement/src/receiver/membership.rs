//! Who is in the fleet and its groups, and who may be a target: said by the receiver's owner.

use std::sync::Arc;

use rollcall_model::{GroupId, Health, NodeId, NodeState, Tick, indicator};

use super::{Node, Receiver};
use crate::slots::{Barrier, Barriers};

/// What the owner knows of a node that decides whether it may be a target (health and availability meet here).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eligibility {
    /// Its liveness; healthy and degraded nodes may be targets.
    pub state: NodeState,
    /// Whether it is being emptied.
    pub draining: bool,
    /// Whether it is kept apart.
    pub quarantined: bool,
    /// Whether it measures what it has to say ([`crate::usage::Usage::of`]).
    pub measured: bool,
}

impl Eligibility {
    /// Healthy, measured, and nothing against it.
    pub const GOOD: Self = Self { state: NodeState::Healthy, draining: false, quarantined: false, measured: true };

    /// What a status packet says: whether its node measures what it has to measure to say how free it is
    /// ([`crate::usage::Usage::of`]), as far as that can be told: its memory, and anything at all. Nothing is said of draining
    /// and quarantine.
    #[must_use]
    pub fn of(state: NodeState, health: Health) -> Self {
        let is_masked = |name: &str| indicator::by_name(name).is_none_or(|known| health.mask().get(known.bit));
        let measured = health != Health::unmeasured() && !is_masked("memory_available");
        Self { state, draining: false, quarantined: false, measured }
    }

    fn barriers(self) -> Barriers {
        Barriers::default()
            .with(Barrier::State, !matches!(self.state, NodeState::Healthy | NodeState::Degraded))
            .with(Barrier::Draining, self.draining)
            .with(Barrier::Quarantined, self.quarantined)
            .with(Barrier::Unmeasured, !self.measured)
    }
}

/// Nobody by this id is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node {0} is not known to this receiver: insert it first")]
pub struct Unknown(pub NodeId);

/// A node that cannot be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// All slots are held.
    #[error("this receiver knows {0} nodes, as many as its configuration allows: raise `nodes`")]
    Full(u32),
    /// Nobody by this id.
    #[error(transparent)]
    Unknown(#[from] Unknown),
}

impl Receiver {
    /// Takes a node in; it is no target until [`Receiver::set_eligibility`] says so. Known already: nothing changes.
    ///
    /// # Errors
    /// All slots are held.
    pub fn insert(&mut self, now: Tick, node: NodeId) -> Result<(), GroupError> {
        if self.by_id.contains_key(&node) {
            return Ok(());
        }
        // First freed, first taken: as long as possible until a slot has another holder.
        let slot = self.free.pop_front().ok_or(GroupError::Full(self.config.nodes))?;
        let eligibility = Barriers::default().with(Barrier::State, true).with(Barrier::Unmeasured, true);
        self.nodes[slot as usize] = Node {
            audiences: vec![self.everybody.audience.clone()],
            era: [self.era; 3],
            eligibility,
            ..Node::default()
        };
        self.by_id.insert(node, slot);
        if let Some(holder) = self.slots.get(slot) {
            holder.take(node, eligibility);
        }
        self.counts.iter_mut().for_each(|counts| counts.forget(slot));
        self.everybody.admit(slot);
        self.show_barriers(now, slot);
        Ok(())
    }

    /// Lets a node go: none of its entries is returned any more. Returns whether it was known.
    pub fn remove(&mut self, node: NodeId) -> bool {
        let Some(slot) = self.by_id.remove(&node) else { return false };
        if let Some(holder) = self.slots.get(slot) {
            holder.leave();
        }
        let gone = std::mem::take(&mut self.nodes[slot as usize]);
        self.everybody.dismiss(slot);
        for group in gone.groups {
            if let Some(crowd) = self.groups.get_mut(&group) {
                crowd.dismiss(slot);
            }
        }
        self.free.push_back(slot);
        true
    }

    /// What the owner knows of a node now. Takes effect at once, also for entries that are in the rings already.
    ///
    /// # Errors
    /// Nobody by this id.
    pub fn set_eligibility(&mut self, now: Tick, node: NodeId, eligibility: Eligibility) -> Result<(), Unknown> {
        let slot = *self.by_id.get(&node).ok_or(Unknown(node))?;
        self.nodes[slot as usize].eligibility = eligibility.barriers();
        self.show_barriers(now, slot);
        Ok(())
    }

    /// A node's capacity beside the largest node's ([`crate::capacity::Fleet::share`]).
    ///
    /// # Errors
    /// Nobody by this id.
    pub fn set_share(&mut self, node: NodeId, share: f64) -> Result<(), Unknown> {
        let slot = *self.by_id.get(&node).ok_or(Unknown(node))?;
        if let Some(holder) = self.slots.get(slot) {
            holder.set_share(if share > 0.0 { share.min(1.0) as f32 } else { 1.0 });
        }
        Ok(())
    }

    /// Puts a node into a group, which gets rings of its own. Already there: nothing changes.
    ///
    /// # Errors
    /// Nobody by this id.
    pub fn join(&mut self, node: NodeId, group: GroupId) -> Result<(), Unknown> {
        let slot = *self.by_id.get(&node).ok_or(Unknown(node))?;
        let member = &mut self.nodes[slot as usize];
        if member.groups.contains(&group) {
            return Ok(());
        }
        let crowd = self.groups.entry(group).or_default();
        crowd.admit(slot);
        member.groups.push(group);
        member.audiences.push(crowd.audience.clone());
        Ok(())
    }

    /// Takes a node out of a group: the group's readers do not get it any more.
    ///
    /// # Errors
    /// Nobody by this id.
    pub fn part(&mut self, node: NodeId, group: GroupId) -> Result<(), Unknown> {
        let slot = *self.by_id.get(&node).ok_or(Unknown(node))?;
        let member = &mut self.nodes[slot as usize];
        member.groups.retain(|other| *other != group);
        if let Some(crowd) = self.groups.get_mut(&group) {
            member.audiences.retain(|other| !Arc::ptr_eq(other, &crowd.audience));
            crowd.dismiss(slot);
        }
        Ok(())
    }

    /// Dissolves a group. Readers that still have its [`crate::Targets`] get nothing from them.
    pub fn dissolve(&mut self, group: GroupId) {
        let Some(crowd) = self.groups.remove(&group) else { return };
        for slot in &crowd.members {
            let member = &mut self.nodes[*slot as usize];
            member.groups.retain(|other| *other != group);
            member.audiences.retain(|other| !Arc::ptr_eq(other, &crowd.audience));
        }
        crowd.audience.scrub(|_| true);
    }

    /// What bars a node now, for people.
    ///
    /// # Errors
    /// Nobody by this id.
    pub fn barriers(&self, node: NodeId) -> Result<Barriers, Unknown> {
        let slot = *self.by_id.get(&node).ok_or(Unknown(node))?;
        Ok(self.slots.get(slot).map_or(Barriers::default(), |holder| holder.barriers()))
    }

    /// Shows readers what the owner said, and whether the node is capped.
    pub(super) fn show_barriers(&self, now: Tick, slot: u32) {
        let node = &self.nodes[slot as usize];
        let capped = node.guard.iter().any(|guard| guard.is_capped(now));
        if let Some(holder) = self.slots.get(slot) {
            holder.set_barriers(node.eligibility.with(Barrier::Capped, capped));
        }
    }
}
