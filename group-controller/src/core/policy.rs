//! The zone's policy in this group (G8, Z9): taken from the zone, told to each node, and the zone told who obeys.
//!
//! ```text
//!  zone ──PolicyUpdate──▶ group ──NodePolicy──▶ node        (each again every 2 s until it is answered)
//!       ◀─PolicyReport──        ◀─NodePolicyAck─
//! ```
//!
//! Kept in memory only: after a restart the zone tells it again, and so does this controller its nodes. A version never
//! goes back, neither here nor in a node.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::packet::{
    NodeOverride, NodePolicy, NodePolicyAck, POLICY_PART, Packet, PolicyRefusal, PolicyReport, PolicyUpdate,
};
use rollcall_model::policy::{GroupPolicy, Settings};
use rollcall_model::{Millis, NodeId, NodeState, Now, Tick, name, route};

use super::parcels::Care;
use super::{Effect, Group, Token};

/// A node that has not answered is told again after this.
const TELL_AGAIN: Millis = Millis(2_000);
/// Most nodes told at a time …
const MOST_AT_ONCE: usize = 200;
/// … and how long after the next ones follow: 2,000 nodes are told within a second, without a flood.
const PACE: Millis = Millis(100);
/// The zone is told at most so often who obeys.
const REPORT_PERIOD: Millis = Millis(100);
/// Summaries go out this often unless a policy says otherwise.
const SUMMARY_PERIOD: Millis = Millis(10_000);

/// What is known of the policy and of who obeys it.
#[derive(Debug, Default)]
pub(super) struct Policy {
    update: Option<PolicyUpdate>,
    part: GroupPolicy,
    /// Nodes that have not answered, and when they were told last.
    unheard: BTreeMap<NodeId, Option<Tick>>,
    /// When the next of them are to be told.
    tell_at: Option<Tick>,
    obeying: BTreeSet<NodeId>,
    refusing: BTreeMap<NodeId, String>,
    /// Of those, the ones the zone has not been told of.
    news: BTreeSet<NodeId>,
    /// Whether the zone is to be told even if there is no news.
    confirm: bool,
    /// The report on its way.
    report: Option<u64>,
    report_at: Tick,
}

impl Policy {
    /// The version that holds; 0 for none.
    pub(super) fn version(&self) -> u64 {
        self.update.as_ref().map_or(0, |update| update.version)
    }

    /// What holds for the group.
    pub(super) const fn settings(&self) -> &Settings {
        &self.part.settings
    }

    /// How often a summary is wanted.
    pub(super) fn summary_period(&self) -> Millis {
        self.update.as_ref().map_or(SUMMARY_PERIOD, |update| Millis(update.summary_period_ms.max(1_000)))
    }

    /// When [`Group::tick_policy`] is wanted.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        let report = self.has_news().then_some(self.report_at);
        [self.tell_at, report].into_iter().flatten().min()
    }

    fn has_news(&self) -> bool {
        self.report.is_none() && (self.confirm || !self.news.is_empty())
    }

    /// A node came to stand here: it is to be told within a moment, unless it was.
    pub(super) fn welcome(&mut self, now: Tick, node: NodeId) {
        let is_known = self.unheard.contains_key(&node) || self.obeying.contains(&node);
        if self.update.is_some() && !is_known && !self.refusing.contains_key(&node) {
            self.expect_answer(node, None, now);
        }
    }

    fn expect_answer(&mut self, node: NodeId, told: Option<Tick>, look_at: Tick) {
        self.unheard.insert(node, told);
        self.tell_at = Some(self.tell_at.map_or(look_at, |known| known.min(look_at)));
    }

    /// A parcel was confirmed, or given up.
    pub(super) fn on_confirmed(&mut self, parcel: u64) {
        if self.report == Some(parcel) {
            self.report = None;
        }
    }

    /// A new membership: whatever was told with a former one may have been dropped.
    pub(super) fn begin_session(&mut self) {
        self.report = None;
        self.confirm = self.update.is_some();
        self.news = self.obeying.iter().chain(self.refusing.keys()).copied().collect();
    }

    fn take(&mut self, update: PolicyUpdate, nodes: impl Iterator<Item = NodeId>) {
        let over = |NodeOverride { node, settings }: &NodeOverride| (node.clone(), settings.clone());
        self.part = GroupPolicy { settings: update.settings.clone(), nodes: update.nodes.iter().map(over).collect() };
        self.unheard = nodes.map(|node| (node, None)).collect();
        self.obeying.clear();
        self.refusing.clear();
        self.news.clear();
        self.update = Some(update);
    }

    /// Takes what is to be said of at most [`POLICY_PART`] nodes.
    fn take_news(&mut self) -> (Vec<NodeId>, Vec<PolicyRefusal>) {
        self.confirm = false;
        let (mut applied, mut refused) = (Vec::new(), Vec::new());
        while applied.len() + refused.len() < POLICY_PART
            && let Some(node) = self.news.pop_first()
        {
            match self.refusing.get(&node) {
                Some(message) => refused.push(PolicyRefusal { node, message: message.clone() }),
                None => applied.push(node),
            }
        }
        (applied, refused)
    }
}

impl Group {
    pub(super) fn on_policy_update(&mut self, now: Now, update: PolicyUpdate, effects: &mut Vec<Effect>) {
        if update.group != self.settings.group {
            return self.refuse("for_another_run");
        }
        if self.subscription.as_ref().is_none_or(|known| known.session != update.session) {
            return self.refuse("old_session");
        }
        let known = self.policy.version();
        if update.version < known {
            return self.refuse("old_policy");
        }
        // The zone repeats it until it is told: then it has not been.
        self.policy.confirm = true;
        if update.version > known {
            tracing::info!(target: "rollcall::step", step = "policy_taken", group = %self.settings.name,
                version = update.version, "{} obeys policy {}", self.settings.name, update.version);
            if let Some(stale) = self.policy.report.take() {
                self.parcels.drop_one(stale);
            }
            self.policy.take(update, self.roster.iter().map(|(node, _)| node));
            self.policy.tell_at = Some(now.tick);
            self.policy.report_at = now.tick;
            self.availability_policy(now, effects);
            self.next_summary = self.next_summary.min(now.tick + self.policy.summary_period());
        }
        self.tick_policy(now, effects);
    }

    /// Tells the nodes whose turn it is, and the zone what is new.
    pub(super) fn tick_policy(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.linked {
            return;
        }
        if self.policy.tell_at.is_some_and(|at| now.tick >= at) {
            self.tell_nodes(now, effects);
        }
        if self.policy.has_news() && now.tick >= self.policy.report_at {
            self.report_policy(now, effects);
        }
    }

    fn tell_nodes(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let roster = &self.roster;
        self.policy.unheard.retain(|node, _| roster.get(*node).is_some());
        let is_due = |told: Option<Tick>| told.is_none_or(|told| now.tick >= told + TELL_AGAIN);
        let waiting = self.policy.unheard.iter().filter(|(_, told)| is_due(**told));
        let mut due: Vec<(Option<Tick>, NodeId)> = waiting.map(|(node, told)| (*told, *node)).collect();
        // Who was never told comes first, then who has waited longest.
        due.sort_unstable();
        let mut left = MOST_AT_ONCE;
        for (_, node) in due {
            // Who is not there is looked at again later, and costs nothing meanwhile.
            if !self.roster.get(node).is_some_and(|member| matches!(member.state, NodeState::Down | NodeState::Left)) {
                if left == 0 {
                    self.policy.tell_at = Some(now.tick + PACE);
                    return;
                }
                left -= 1;
                self.tell_policy(now, node, effects);
            }
            self.policy.unheard.insert(node, Some(now.tick));
        }
        let soonest = self.policy.unheard.values().flatten().min();
        self.policy.tell_at = soonest.map(|told| *told + TELL_AGAIN);
    }

    /// Tells one node what to obey, and expects its answer.
    pub(super) fn tell_policy(&mut self, now: Now, node: NodeId, effects: &mut Vec<Effect>) {
        let (Some(update), Some(member)) = (&self.policy.update, self.roster.get(node)) else { return };
        let settings: Settings = self.policy.part.for_node(&member.name);
        let packet = Packet::NodePolicy(NodePolicy {
            group: self.settings.group,
            version: update.version,
            settings,
            allowed_actions: update.allowed_actions.clone(),
        });
        let message = self.sender.confirmed(now, route::DIRECT, route::node_inbox(node), packet);
        effects.push(Effect::Publish(Token::None, message));
        self.policy.expect_answer(node, Some(now.tick), now.tick + TELL_AGAIN);
    }

    pub(super) fn on_policy_ack(&mut self, now: Now, ack: NodePolicyAck, effects: &mut Vec<Effect>) {
        let NodePolicyAck { node, epoch, version, problem } = ack;
        let Some(member) = self.roster.get(node) else { return self.refuse("unknown_node") };
        if epoch < member.epoch {
            return self.refuse("old_epoch");
        }
        let policy = &mut self.policy;
        match problem {
            // It says what it still obeys and why not what it was told last.
            Some(problem) if policy.update.is_some() => {
                policy.obeying.remove(&node);
                if policy.refusing.get(&node) != Some(&problem) {
                    tracing::warn!(%node, version = policy.version(), "a node cannot obey the policy: {problem}");
                    policy.refusing.insert(node, problem);
                    policy.news.insert(node);
                }
            }
            None if policy.update.is_some() && version == policy.version() => {
                policy.refusing.remove(&node);
                if policy.obeying.insert(node) {
                    policy.news.insert(node);
                }
            }
            // The answer to a former version, or to one this run has not heard of.
            _ => return,
        }
        policy.unheard.remove(&node);
        self.tick_policy(now, effects);
    }

    fn report_policy(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(session) = self.subscription.as_ref().map(|known| known.session) else { return };
        let (version, roster) = (self.policy.version(), &self.roster);
        // Who stands elsewhere by now is told of by another group.
        self.policy.news.retain(|node| roster.get(*node).is_some());
        if !self.policy.has_news() {
            return;
        }
        let (applied, refused) = self.policy.take_news();
        let group = self.settings.group;
        let report = Packet::PolicyReport(PolicyReport { group, session, version, applied, refused });
        let message = self.sender.confirmed(now, route::ZONE, route::zone_key(name::POLICIES, group), report);
        self.policy.report_at = now.tick + REPORT_PERIOD;
        self.policy.report = self.dispatch(now, message, Care::Session, effects);
    }
}
