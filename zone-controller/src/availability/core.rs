//! The zone's receiver as a value: told what was committed and what was heard, it keeps rings for everybody and for each
//! group, and shows them. Synchronous, with `now` passed in; no wall clock comes near it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rollcall_bus::{Spoken, SpokenError, Word};
use rollcall_model::policy::AvailabilitySettings;
use rollcall_model::{GroupId, Millis, NodeId, Tick, ZoneId};
use rollcall_placement::capacity::Capacity;
use rollcall_placement::frequency::Recovered;
use rollcall_placement::plan::{Plan, plan};
use rollcall_placement::receiver::{Heard, Tally};
use rollcall_placement::{Config, Kind, Receiver, Targets};

use super::facts::Fact;
use super::fleet::{Fleet, Known};
use super::{NodeAvailability, View};

/// Nodes have this long to hear of a new policy before what they send too fast is held against them.
const NEWS: Millis = Millis(60_000);
/// The least number of nodes there is room for.
const LEAST_ROOM: u32 = 1_024;
const MOST_ROOM: u32 = 1 << 20;

/// The zone's receiver.
#[derive(Debug)]
pub(super) struct Core {
    fleet: Fleet,
    plan: Option<Arc<Plan>>,
    receiver: Option<Receiver>,
    /// Which groups the receiver has each node in.
    shown: HashMap<NodeId, BTreeSet<GroupId>>,
    groups: Arc<HashMap<GroupId, Targets>>,
    groups_changed: bool,
    /// What was dropped before the receiver saw it, by reason.
    dropped: BTreeMap<&'static str, u64>,
    /// Of receivers that were there before this one.
    former: Tally,
}

impl Core {
    pub(super) fn new(zone: ZoneId) -> Self {
        Self {
            fleet: Fleet::new(zone),
            plan: None,
            receiver: None,
            shown: HashMap::new(),
            groups: Arc::default(),
            groups_changed: false,
            dropped: BTreeMap::new(),
            former: Tally::default(),
        }
    }

    pub(super) const fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Something was committed.
    pub(super) fn learn(&mut self, now: Tick, fact: Fact) {
        match fact {
            Fact::Policy(settings) => self.obey(now, settings.as_deref()),
            fact => {
                if let (Fact::Dissolved(group), Some(receiver)) = (&fact, &mut self.receiver) {
                    receiver.dissolve(*group);
                    self.shown.values_mut().for_each(|groups| {
                        groups.remove(group);
                    });
                    self.groups_changed = true;
                }
                for node in self.fleet.learn(now, fact) {
                    self.show(now, node);
                }
            }
        }
    }

    /// All that is committed, in place of what was known. Nobody is shown before everything is taken.
    pub(super) fn learn_anew(&mut self, now: Tick, facts: Vec<Fact>) {
        self.fleet.forget();
        let mut policy = None;
        for fact in facts {
            match fact {
                Fact::Policy(settings) => policy = settings,
                fact => drop(self.fleet.learn(now, fact)),
            }
        }
        self.obey(now, policy.as_deref());
        let nodes: Vec<NodeId> = self.fleet.iter().map(|(node, _)| node).collect();
        for node in nodes {
            self.show(now, node);
        }
    }

    pub(super) fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    pub(super) fn targets(&self, group: Option<GroupId>) -> Option<Targets> {
        let receiver = self.receiver.as_ref()?;
        group.map_or_else(|| Some(receiver.targets()), |group| receiver.targets_of(group))
    }

    fn obey(&mut self, now: Tick, settings: Option<&AvailabilitySettings>) {
        let planned = match settings.map_or(Ok(None), plan) {
            Ok(planned) => planned.map(Arc::new),
            Err(error) => {
                // It was checked before it was saved; a policy of a later program, perhaps.
                tracing::error!("the policy's availability cannot be obeyed, nothing is heard: {error}");
                None
            }
        };
        if planned != self.plan {
            self.plan = planned;
            self.begin(now);
        }
    }

    /// A receiver of the plan that knows the whole fleet and has heard nobody.
    fn begin(&mut self, now: Tick) {
        self.former = self.tally();
        self.shown.clear();
        self.groups_changed = true;
        self.receiver = None;
        let Some(plan) = &self.plan else { return };
        let nodes = u32::try_from(self.fleet.len()).unwrap_or(MOST_ROOM);
        let room = nodes.saturating_mul(2).clamp(LEAST_ROOM, MOST_ROOM);
        match Receiver::new(now, Config::new(plan.sending.rates, room)) {
            Ok(mut receiver) => {
                receiver.excuse_until(now + NEWS);
                self.receiver = Some(receiver);
            }
            Err(error) => tracing::error!("how free nodes are is not heard: {error}"),
        }
        let nodes: Vec<NodeId> = self.fleet.iter().map(|(node, _)| node).collect();
        for node in nodes {
            self.show(now, node);
        }
    }

    /// Shows the receiver what is known of a node. It takes effect at once, also for what is in the rings already.
    fn show(&mut self, now: Tick, node: NodeId) {
        let (Some(receiver), Some(known)) = (&mut self.receiver, self.fleet.get(node)) else { return };
        if receiver.insert(now, node).is_err() {
            if self.fleet.len() < MOST_ROOM as usize && !self.shown.is_empty() {
                self.begin(now);
            }
            return;
        }
        let (eligibility, groups) = (known.eligibility(now), known.groups());
        // It was inserted a moment ago: neither of these can fail.
        let _ = receiver.set_eligibility(now, node, eligibility);
        if let Some(plan) = &self.plan {
            let _ = receiver.set_share(node, plan.share(known.capacity));
        }
        let before = self.shown.entry(node).or_default();
        if *before != groups {
            for group in before.difference(&groups) {
                let _ = receiver.part(node, *group);
            }
            for group in groups.difference(before) {
                let _ = receiver.join(node, *group);
            }
            *before = groups;
            self.groups_changed = true;
        }
    }

    /// A node said something of itself.
    pub(super) fn hear(&mut self, now: Tick, spoken: Spoken) {
        let (Some(receiver), Some(plan)) = (&mut self.receiver, &self.plan) else {
            return self.drop_word("not_asked_for");
        };
        let Some(known) = self.fleet.get(spoken.node) else { return self.drop_word("unknown_node") };
        if spoken.epoch < known.epoch {
            return self.drop_word("old_epoch");
        }
        let node = spoken.node;
        match spoken.word {
            Word::Free(kinds) => {
                for kind in kinds.iter() {
                    if !plan.sending.kinds.kinds().contains(&kind) {
                        *self.dropped.entry("not_asked_for").or_default() += 1;
                    } else if receiver.heard(now, node, kind) == (Heard::Flooding { begins: true }) {
                        tracing::warn!(%node, "{} sends RA messages faster than its policy allows; it is no target", known.name);
                    }
                }
            }
            Word::Large { threads, memory_mib } => {
                let own = Capacity::of_message(threads, memory_mib);
                self.fleet.is_so_large(node, own);
                self.show(now, node);
            }
        }
    }

    /// A delivery counts for nothing.
    pub(super) fn unspoken(&mut self, error: &SpokenError) {
        tracing::debug!("an RA message is dropped: {error}");
        self.drop_word(error.reason());
    }

    fn drop_word(&mut self, reason: &'static str) {
        *self.dropped.entry(reason).or_default() += 1;
    }

    /// The way to the broker, or this task, stood still: what comes next says nothing of frequencies.
    pub(super) fn held_up(&mut self, now: Tick) {
        if let Some(receiver) = &mut self.receiver {
            receiver.held_up(now);
        }
    }

    /// To be called every 100 ms.
    pub(super) fn tick(&mut self, now: Tick) {
        if let Some(receiver) = &mut self.receiver {
            receiver.tick(now);
        }
    }

    /// To be called about once a second: doubts that are over, and floods that are.
    pub(super) fn look_again(&mut self, now: Tick) {
        let Some(receiver) = &self.receiver else { return };
        let is_to_be_shown = |node: &NodeId| receiver.barriers(*node).is_ok_and(|barriers| !barriers.is_empty());
        let barred: Vec<NodeId> = self.shown.keys().copied().filter(is_to_be_shown).collect();
        for node in barred {
            self.show(now, node);
        }
    }

    fn tally(&self) -> Tally {
        self.former + self.receiver.as_ref().map_or_else(Tally::default, Receiver::tally)
    }

    /// Whether readers have to be given other rings than they have.
    pub(super) const fn has_other_rings(&self) -> bool {
        self.groups_changed
    }

    /// Gives readers the rings there are by now.
    pub(super) fn show_rings(&mut self, view: &mut View) {
        if std::mem::take(&mut self.groups_changed) {
            let all: BTreeSet<GroupId> = self.shown.values().flatten().copied().collect();
            let of = |group: GroupId| Some((group, self.receiver.as_ref()?.targets_of(group)?));
            self.groups = Arc::new(all.into_iter().filter_map(of).collect());
        }
        view.plan.clone_from(&self.plan);
        view.everybody = self.receiver.as_ref().map(Receiver::targets);
        view.groups = Arc::clone(&self.groups);
    }

    /// All that readers get; it costs what all nodes together cost.
    pub(super) fn view(&mut self, now: Tick) -> View {
        let mut view = View::default();
        self.show_rings(&mut view);
        View {
            nodes: Arc::new(self.nodes(now)),
            tally: self.tally(),
            dropped: Arc::new(self.dropped.clone()),
            flooding: self.flooding(now),
            ..view
        }
    }

    fn flooding(&self, now: Tick) -> u64 {
        let capped = |node: &&NodeId| self.receiver.as_ref().is_some_and(|receiver| receiver.is_capped(now, **node));
        self.shown.keys().filter(capped).count() as u64
    }

    fn nodes(&self, now: Tick) -> Vec<NodeAvailability> {
        let (Some(receiver), Some(plan)) = (&self.receiver, &self.plan) else { return Vec::new() };
        let kinds = plan.sending.kinds.kinds();
        let mut rows = Vec::with_capacity(self.fleet.len() * kinds.len());
        for (node, known) in self.fleet.iter() {
            rows.extend(kinds.iter().map(|kind| row(now, (receiver, plan), (node, known), *kind)));
        }
        rows.sort_unstable_by_key(|row| (row.node, row.kind));
        rows
    }
}

/// One node and kind as heard. Of a node that has been silent for too long nothing is said but since when.
fn row(
    now: Tick,
    (receiver, plan): (&Receiver, &Plan),
    (node, known): (NodeId, &Known),
    kind: Kind,
) -> NodeAvailability {
    let word = receiver.last_word(node, kind);
    let is_heard = word.is_some_and(|(_, expires)| now < expires);
    let estimate = receiver.frequency(node, kind).filter(|_| is_heard);
    let frequency = estimate.map(|(frequency, _)| frequency);
    let recovered = frequency.filter(|_| kind != Kind::Mixed).map(|it| plan.sending.rates.recover(kind, 1.0, it));
    let availability = match recovered {
        Some(Recovered::One(f)) => Some(f),
        _ => None,
    };
    NodeAvailability {
        node,
        group: known.physical,
        kind,
        frequency,
        availability,
        error: estimate.map_or(1.0, |(_, estimate)| estimate.error),
        age: word.map(|(at, _)| now.since(at)),
        barriers: receiver.barriers(node).unwrap_or_default(),
        share: receiver.share(node).unwrap_or(1.0),
    }
}

#[cfg(test)]
mod tests;
