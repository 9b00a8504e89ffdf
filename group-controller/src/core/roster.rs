//! The roster: every node of the group, kept in memory, and what the zone was last told of it (G5).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_model::indicator::INDICATORS;
use rollcall_model::packet::{NodeChange, RosterMember};
use rollcall_model::wire::status::NodeStatus;
use rollcall_model::{CapabilityDigest, Health, InstanceId, Millis, Name, NodeId, NodeState, Now, SessionEpoch, Tick};

use super::liveness::{JOINING_SPAN, Voice};
use super::metrics::LatestReadings;
use super::seals::Seal;

/// A node of the group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: Name,
    /// The run of the agent whose presence was saved last; `None` after a restart of this controller.
    pub instance: Option<InstanceId>,
    /// Latest epoch known.
    pub epoch: SessionEpoch,
    /// Latest sequence number of that epoch.
    pub sequence: Option<u32>,
    /// State now.
    pub state: NodeState,
    /// Health as last heard.
    pub health: Health,
    /// Its voice.
    pub voice: Voice,
    /// Its latest readings in this epoch; apart, since the hot path never looks at them.
    pub readings: Option<Box<LatestReadings>>,
    /// Its key, once it was given one by this run.
    pub seal: Option<Seal>,
    /// What its tag has to say, and in which epoch.
    pub hardware: Option<(SessionEpoch, CapabilityDigest)>,
    /// What the zone was told last, or is being told; `None` when that is not known.
    told: Option<(SessionEpoch, NodeState, Health)>,
}

/// What became of a status packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Taken, nothing new in it.
    Same,
    /// Taken, and something changed.
    Changed,
    /// Not taken.
    Refused(&'static str),
    /// The node is not in the roster.
    Stranger,
}

/// All nodes of the group, and the changes the zone has not confirmed.
#[derive(Debug, Default)]
pub struct Roster {
    members: HashMap<NodeId, Member>,
    /// Changes to tell, the newest of each node; numbered when sent.
    untold: BTreeMap<NodeId, (String, u64)>,
    /// Nobody's silence says anything up to here; what may be against somebody earlier takes it back.
    quiet_until: Tick,
    /// Who stood here, in which epoch, and when that ended: what comes late of an older one brings nobody back.
    gone: HashMap<NodeId, (SessionEpoch, Tick)>,
}

impl Roster {
    /// How many nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How many have changed since the zone was told.
    #[must_use]
    pub fn untold(&self) -> usize {
        self.untold.len()
    }

    /// One node.
    #[must_use]
    pub fn get(&self, node: NodeId) -> Option<&Member> {
        self.members.get(&node)
    }

    /// One node, to note that its connection closed or the like.
    pub fn get_mut(&mut self, node: NodeId) -> Option<&mut Member> {
        self.members.get_mut(&node)
    }

    /// Whether nothing can be said against anybody yet, so that ten thousand nodes need not be looked at.
    #[must_use]
    pub fn is_quiet(&self, now: Tick) -> bool {
        now <= self.quiet_until
    }

    /// Everybody was looked at, and nothing can be said against any of them before. [`Self::hear`] keeps it so.
    pub fn set_quiet(&mut self, until: Tick) {
        self.quiet_until = until;
    }

    /// A voice changed by other ways than [`Self::hear`]: everybody is looked at again.
    pub fn look_again(&mut self) {
        self.quiet_until = Tick::default();
    }

    /// Every node, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.members.iter().map(|(node, member)| (*node, member))
    }

    /// Takes over what the zone has saved, after a restart. What is known better already stays, and where the zone has
    /// something else it is told again: what it saved may be older than what it was told since.
    pub fn adopt(&mut self, now: Now, saved: RosterMember) {
        if self.is_of_the_past(saved.node, saved.epoch) {
            return;
        }
        self.look_again();
        let told = Some((saved.epoch, saved.state, saved.health));
        if let Some(member) = self.members.get_mut(&saved.node) {
            if saved.epoch > member.epoch {
                member.begin_epoch(saved.epoch);
                (member.state, member.health, member.told) = (saved.state, saved.health, told);
                member.voice = Voice::beginning(now.tick);
                self.untold.remove(&saved.node);
                return;
            }
            if Some((member.epoch, member.state, member.health)) == told {
                return;
            }
            member.told = None;
        } else {
            let span = if saved.state == NodeState::Joining { JOINING_SPAN } else { DEFAULT_SPAN };
            let member = Member {
                name: saved.name,
                instance: None,
                epoch: saved.epoch,
                sequence: None,
                state: saved.state,
                health: saved.health,
                voice: Voice::unheard(span),
                readings: None,
                seal: None,
                hardware: None,
                told,
            };
            self.members.insert(saved.node, member);
        }
        self.note(now, saved.node, "as seen while the zone was away");
    }

    /// A node's place was saved by the zone, or its new epoch was.
    pub fn place(&mut self, now: Now, node: NodeId, name: Option<Name>, instance: InstanceId, epoch: SessionEpoch) {
        let fresh = Member {
            name: name.clone().unwrap_or_else(|| Name::nearest(&node.short(), "node")),
            instance: None,
            epoch: SessionEpoch::default(),
            sequence: None,
            state: NodeState::Joining,
            health: Health::unmeasured(),
            voice: Voice::beginning(now.tick),
            readings: None,
            seal: None,
            hardware: None,
            told: None,
        };
        if self.is_of_the_past(node, epoch) {
            return;
        }
        self.look_again();
        let member = self.members.entry(node).or_insert(fresh);
        if let Some(name) = name {
            member.name = name;
        }
        member.instance = Some(instance);
        if epoch > member.epoch {
            // A new session: the zone has saved it as joining already. It has time to send its first packet.
            member.begin_epoch(epoch);
            member.state = NodeState::Joining;
            member.told = None;
            member.voice = Voice::beginning(now.tick);
            self.untold.remove(&node);
        }
    }

    /// The zone does not know what it was told of a node.
    pub fn tell_again(&mut self, now: Now, node: NodeId) {
        let Some(member) = self.members.get_mut(&node) else { return };
        if member.state != NodeState::Joining {
            member.told = None;
            self.note(now, node, "as seen before the zone knew the epoch");
        }
    }

    /// A node does not stand here.
    pub fn forget(&mut self, now: Tick, node: NodeId) {
        if let Some(member) = self.members.remove(&node) {
            self.gone.insert(node, (member.epoch, now));
        }
        self.untold.remove(&node);
    }

    /// Nobody stands here but these.
    pub fn keep(&mut self, now: Tick, named: &BTreeSet<NodeId>) {
        let others = self.members.extract_if(|node, _| !named.contains(node));
        self.gone.extend(others.map(|(node, member)| (node, (member.epoch, now))));
        self.untold.retain(|node, _| named.contains(node));
    }

    /// Forgets who has been gone for so long.
    pub fn sweep(&mut self, now: Tick, after: Millis) {
        self.gone.retain(|_, (_, since)| now.since(*since) < after);
    }

    /// Whether this is the word of an epoch before the one in which the node went.
    fn is_of_the_past(&self, node: NodeId, epoch: SessionEpoch) -> bool {
        self.gone.get(&node).is_some_and(|(gone, _)| epoch < *gone)
    }

    /// That a connection closed before this moment says nothing any more.
    pub fn forget_closed(&mut self) {
        for member in self.members.values_mut() {
            member.voice.closed = None;
        }
    }

    /// Takes a status packet. This is the hot path: no allocation unless something changed.
    pub fn hear(&mut self, now: Now, status: &NodeStatus) -> Taken {
        let Some(member) = self.members.get_mut(&status.node) else { return Taken::Stranger };
        if member.is_of_old(status) {
            return Taken::Refused("old_epoch");
        }
        if member.is_over(status) {
            return Taken::Refused("repeated");
        }
        if status.epoch > member.epoch {
            member.begin_epoch(status.epoch);
        }
        member.sequence = Some(status.sequence);
        member.voice.hear(now.tick, status.longest_silence);
        // A node that means to be silent for less than the others is overdue before them.
        self.quiet_until = self.quiet_until.min(now.tick + Millis(status.longest_silence.0 / 2));
        member.health = status.health;
        member.state = if status.leaving { NodeState::Left } else { status.health.state() };
        if member.is_told() && !self.untold.contains_key(&status.node) {
            return Taken::Same;
        }
        let cause = if status.leaving { "clean shutdown" } else { "status" };
        self.note(now, status.node, cause);
        Taken::Changed
    }

    /// Sets a state that follows from silence.
    pub fn set_state(&mut self, now: Now, node: NodeId, state: NodeState, cause: &str) {
        if let Some(member) = self.members.get_mut(&node) {
            member.state = state;
            self.note(now, node, cause);
        }
    }

    /// Marks a node's change as to be told, unless the zone knows it so already.
    fn note(&mut self, now: Now, node: NodeId, cause: &str) {
        let Some(member) = self.members.get(&node) else { return };
        if member.is_told() {
            self.untold.remove(&node);
        } else {
            self.untold.insert(node, (cause.to_owned(), now.wall.0));
        }
    }

    /// Takes at most `most` changes to be sent; they count as told from here on. `number` numbers them.
    pub fn take_changes(&mut self, number: &mut u64, most: usize) -> Vec<NodeChange> {
        let mut changes = Vec::new();
        while changes.len() < most
            && let Some((node, (cause, at))) = self.untold.pop_first()
        {
            let Some(member) = self.members.get_mut(&node) else { continue };
            member.told = Some((member.epoch, member.state, member.health));
            *number += 1;
            changes.push(NodeChange {
                number: *number,
                node,
                epoch: member.epoch,
                state: member.state,
                health: member.health,
                at: rollcall_model::UnixMillis(at),
                cause,
                metrics: member.readings.as_ref().map_or_else(BTreeMap::new, |readings| readings.named()),
            });
        }
        changes
    }

    /// Nodes per state, and per set bit by the indicator's name.
    #[must_use]
    pub fn counts(&self) -> (BTreeMap<NodeState, u32>, BTreeMap<String, u32>) {
        let mut states = BTreeMap::new();
        let mut bits = [0_u32; INDICATORS.len()];
        for member in self.members.values() {
            *states.entry(member.state).or_default() += 1;
            for bit in member.health.bits().iter() {
                bits[bit] += 1;
            }
        }
        let named = INDICATORS.iter().zip(bits).filter(|(_, nodes)| *nodes > 0);
        (states, named.map(|(indicator, nodes)| (indicator.name.to_owned(), nodes)).collect())
    }
}

/// Span of a node taken over from the zone until it tells its own.
pub const DEFAULT_SPAN: Millis = Millis(3_500);

impl Member {
    fn begin_epoch(&mut self, epoch: SessionEpoch) {
        self.epoch = epoch;
        self.sequence = None;
        self.readings = None;
    }

    fn is_of_old(&self, status: &NodeStatus) -> bool {
        status.epoch < self.epoch || status.epoch == SessionEpoch::default()
    }

    /// Whether a packet is of an old epoch, or no later than what was heard: it says nothing any more.
    pub(super) fn is_over(&self, status: &NodeStatus) -> bool {
        let is_heard = || self.sequence.is_some_and(|last| status.sequence <= last);
        self.is_of_old(status) || (status.epoch == self.epoch && is_heard())
    }

    /// It was heard, but not understood: it lives, and stays in the state it was in.
    pub(super) fn lives(&mut self, now: Tick, status: &NodeStatus) {
        self.voice.hear(now, status.longest_silence);
    }

    fn is_told(&self) -> bool {
        self.told == Some((self.epoch, self.state, self.health))
    }
}
