//! Policies (Z9, G8): checked before anybody hears of them, numbered, saved, and told to every group until it has
//! taken them. A rollback is a new version with an old text.
//!
//! What is wrong with a policy changes nothing; every problem is told at once. The version a group has taken is kept in
//! memory only: it says so again after each membership. Which version a node obeys is kept with the node.

mod difference;
mod document;

use std::collections::BTreeMap;

use rollcall_model::packet::{NodeOverride, Packet, PolicyRefusal, PolicyReport, PolicyUpdate};
use rollcall_model::policy::{PolicyDocument, UnknownCombinations};
use rollcall_model::{GroupId, Millis, Name, NodeId, Now, Tick, UnixMillis, route};
use rollcall_store::{Change, GroupKind, PolicyRecord};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Effect, Rejection, Zone};

/// A group that has not taken the policy is told again after this.
const AGAIN: Millis = Millis(2_000);
/// One that has been told [`PATIENCE`] times in vain is told again after this: it is gone, and asks when it is back.
const SELDOM: Millis = Millis(30_000);
/// How often a group is told in the quick pace.
const PATIENCE: u32 = 30;
/// A group may obey a version of a database that was lost; a version further ahead than this is not believed.
const BELIEVED_AHEAD: u64 = 1 << 20;

/// The policy in force and who has taken it.
#[derive(Debug, Default)]
pub(super) struct Policies {
    version: u64,
    document: PolicyDocument,
    /// The same as it was written.
    text: String,
    /// The policy in force was written for another version of this program, and says nothing to this one.
    unreadable: bool,
    /// Groups that were told in this run of the zone.
    groups: BTreeMap<GroupId, Told>,
    /// Nodes that cannot obey, with the version and why.
    refused: BTreeMap<NodeId, (u64, String)>,
    /// Latest version any group said it obeys; greater than ours after a database was lost.
    ahead: u64,
}

/// A policy as people give it.
struct Written {
    text: String,
    by: String,
    comment: String,
}

/// What a group was told.
#[derive(Debug, Default)]
struct Told {
    /// Latest version it has taken.
    taken: u64,
    /// How often it was told the version in force.
    times: u32,
    /// When it is told again; `None` once it has taken it.
    again: Option<Tick>,
}

/// How far a group has come with the policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyProgress {
    /// The group's name.
    pub group: Name,
    /// The group.
    pub group_id: GroupId,
    /// Latest version the group controller said it has taken in this run of the zone; 0 for none.
    pub version: u64,
    /// How many of its nodes obey the version in force.
    pub applied: usize,
    /// How many of them cannot.
    pub refused: usize,
    /// How many nodes it has.
    pub members: usize,
}

impl Policies {
    /// The policy as it was saved.
    pub(super) fn start(saved: Option<PolicyRecord>) -> Self {
        let Some(PolicyRecord { version, document: text }) = saved else { return Self::default() };
        match document::parse(&text) {
            Ok(document) => Self { version, document, text, ..Self::default() },
            Err(error) => {
                tracing::error!("policy {version} cannot be obeyed by this program, set another: {error}");
                Self { version, text, unreadable: true, ..Self::default() }
            }
        }
    }

    /// When a group is to be told again.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.groups.values().filter_map(|told| told.again).min()
    }

    /// What becomes of unknown combinations of hardware; `None` leaves it to the zone's configuration.
    pub(super) const fn unknown_combinations(&self) -> Option<UnknownCombinations> {
        self.document.checkin.unknown_combinations
    }

    /// The policy in force; the default one where none is.
    pub(super) const fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// Version in force; 0 for none.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    const fn is_told(&self) -> bool {
        self.version > 0 && !self.unreadable
    }
}

impl Zone {
    /// Checks a policy and, unless `dry_run`, obeys it from now on. Answers the version it has or would have, and what
    /// differs from the policy in force.
    pub(super) fn set_policy(
        &mut self,
        now: Now,
        document: String,
        (by, comment): (String, String),
        dry_run: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        let policy = document::parse(&document)?;
        self.check_policy(&policy)?;
        let version = self.policies.version.max(self.policies.ahead) + 1;
        let changes = difference::between(&self.policies.document, &policy);
        if !dry_run {
            self.obey(now, version, policy, Written { text: document, by, comment }, effects);
        }
        Ok(json!({ "version": version, "changes": changes, "dry_run": dry_run }))
    }

    fn check_policy(&self, policy: &PolicyDocument) -> Result<(), Rejection> {
        let physical = self.groups.values().filter(|group| group.kind == GroupKind::Physical);
        let groups: Vec<Name> = physical.map(|group| group.name.clone()).collect();
        let nodes: Vec<Name> = self.nodes.values().map(|node| node.name.clone()).collect();
        document::check(policy, &groups, &nodes)
    }

    fn obey(&mut self, now: Now, version: u64, policy: PolicyDocument, written: Written, effects: &mut Vec<Effect>) {
        if policy.checkin.unknown_combinations != self.policies.unknown_combinations() {
            // Check-in services learn it with their next look at the group table.
            self.table_version += 1;
        }
        tracing::info!(target: "rollcall::step", step = "policy_set", version, "policy {version} is in force");
        let Written { text, by, comment } = written;
        self.policies.version = version;
        self.policies.document = policy;
        self.policies.text.clone_from(&text);
        self.policies.unreadable = false;
        self.policies.refused.clear();
        effects.push(Effect::Save(Change::PolicySet { version, document: text, by, comment, at: now.wall }));
        self.tell_everybody(now, effects);
        self.take_remedies(now, effects);
    }

    fn tell_everybody(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let members =
            self.groups.values().filter(|group| group.kind == GroupKind::Physical && group.instance.is_some());
        let members: Vec<GroupId> = members.map(|group| group.group).collect();
        for group in members {
            self.policy_to_group(now, group, effects);
        }
    }

    /// Tells a group its part of the policy, and goes on until it has taken it.
    pub(super) fn policy_to_group(&mut self, now: Now, group: GroupId, effects: &mut Vec<Effect>) {
        if self.policies.is_told() {
            let taken = self.policies.groups.get(&group).map_or(0, |told| told.taken);
            self.policies.groups.insert(group, Told { taken, ..Told::default() });
            self.tell_policy(now, group, effects);
        }
    }

    fn tell_policy(&mut self, now: Now, group: GroupId, effects: &mut Vec<Effect>) {
        let Some(record) = self.groups.get(&group) else {
            self.policies.groups.remove(&group);
            return;
        };
        let Policies { version, document, groups, .. } = &mut self.policies;
        let part = document.for_group(&record.name);
        let update = PolicyUpdate {
            group,
            session: record.session,
            version: *version,
            settings: part.settings,
            nodes: part.nodes.into_iter().map(|(node, settings)| NodeOverride { node, settings }).collect(),
            allowed_actions: document.actions.allowed.clone(),
            summary_period_ms: document.analytics.period_ms,
        };
        let told = groups.entry(group).or_default();
        told.times += 1;
        told.again = Some(now.tick + if told.times < PATIENCE { AGAIN } else { SELDOM });
        effects.push(self.tell(now, route::group_inbox(group), Packet::PolicyUpdate(update)));
    }

    pub(super) fn tick_policies(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let due = self.policies.groups.iter().filter(|(_, told)| told.again.is_some_and(|again| again <= now.tick));
        let due: Vec<GroupId> = due.map(|(group, _)| *group).collect();
        for group in due {
            self.tell_policy(now, group, effects);
        }
    }

    /// A group has taken a version, and nodes of it obey it or cannot.
    pub(super) fn on_policy_report(&mut self, now: Now, report: PolicyReport, effects: &mut Vec<Effect>) {
        if !self.is_current(report.group, report.session) {
            return self.refuse_stale(now, "policies", report.group, effects);
        }
        if report.version > self.policies.version {
            return self.catch_up(now, report.version, effects);
        }
        let told = self.policies.groups.entry(report.group).or_default();
        told.taken = told.taken.max(report.version);
        if told.taken == self.policies.version {
            told.again = None;
        }
        self.applied(now, &report, effects);
        for refusal in report.refused {
            self.refused(now.wall, report.group, report.version, refusal, effects);
        }
    }

    fn applied(&mut self, now: Now, report: &PolicyReport, effects: &mut Vec<Effect>) {
        let mut nodes = Vec::new();
        for node in &report.applied {
            let member = self.nodes.get_mut(node).filter(|record| record.physical == Some(report.group));
            let Some(record) = member else {
                self.count("policies", "not_its_node");
                continue;
            };
            if record.policy < report.version {
                record.policy = report.version;
                self.policies.refused.remove(node);
                nodes.push(*node);
            }
        }
        if nodes.is_empty() {
            return;
        }
        effects.push(Effect::Save(Change::PolicyApplied {
            nodes: nodes.clone(),
            version: report.version,
            at: now.wall,
        }));
        for node in nodes {
            self.facts_changed(now, node, effects);
        }
    }

    fn refused(
        &mut self,
        at: UnixMillis,
        group: GroupId,
        version: u64,
        refusal: PolicyRefusal,
        effects: &mut Vec<Effect>,
    ) {
        let PolicyRefusal { node, message } = refusal;
        if self.nodes.get(&node).is_none_or(|record| record.physical != Some(group)) {
            return self.count("policies", "not_its_node");
        }
        let message: String = message.chars().take(200).collect();
        let known = (version, message.clone());
        if self.policies.refused.get(&node) != Some(&known) {
            self.policies.refused.insert(node, known);
            effects.push(Effect::Save(Change::PolicyRefused { node, version, message, at }));
        }
    }

    /// A group obeys a version this zone never gave: its database was lost or restored. Groups and nodes ignore what is
    /// older than what they obey, so the policy in force is given a version that is newer.
    fn catch_up(&mut self, now: Now, heard: u64, effects: &mut Vec<Effect>) {
        self.count("policies", "unknown_version");
        if heard - self.policies.version > BELIEVED_AHEAD {
            return;
        }
        self.policies.ahead = self.policies.ahead.max(heard);
        if !self.policies.is_told() {
            return;
        }
        let comment = format!("the text of version {}; a group obeyed version {heard} already", self.policies.version);
        let written = Written { text: self.policies.text.clone(), by: "zone".into(), comment };
        self.obey(now, heard + 1, self.policies.document.clone(), written, effects);
    }

    /// How far each physical group has come with the policy in force; empty where there is none.
    #[must_use]
    pub fn policy_progress(&self) -> Vec<PolicyProgress> {
        if self.policies.version == 0 {
            return Vec::new();
        }
        let physical = self.groups.values().filter(|group| group.kind == GroupKind::Physical);
        physical.map(|group| self.progress_of(group.group, group.name.clone())).collect()
    }

    fn progress_of(&self, group_id: GroupId, group: Name) -> PolicyProgress {
        let Policies { version, groups, refused, .. } = &self.policies;
        let members = self.members.get(&group_id);
        let obeying = |node: &&NodeId| self.nodes.get(node).is_some_and(|record| record.policy >= *version);
        PolicyProgress {
            group,
            group_id,
            version: groups.get(&group_id).map_or(0, |told| told.taken),
            applied: members.map_or(0, |members| members.iter().filter(obeying).count()),
            refused: members.map_or(0, |members| members.iter().filter(|node| refused.contains_key(node)).count()),
            members: members.map_or(0, std::collections::BTreeSet::len),
        }
    }
}
