//! While the zone is away (C7): known combinations are served, everybody else is told to ask again.
//!
//! The zone is away when it has answered nothing for [`ZONE_PATIENCE`] although it was asked and the broker was
//! reached all the time, or when no queue of its takes what is sent. Its next word ends that. A service that was
//! itself cut off or held up blames nobody and waits anew.

use rollcall_bus::Outgoing;
use rollcall_model::packet::{Assigned, Decision, JoinRequest, NodeSubscription, Packet};
use rollcall_model::{Millis, NodeId, Now, Tick, Turnaround, route};

use super::pending::Pending;
use super::{Checkin, Effect};
use crate::memory::Record;

/// How long the zone may take to answer.
pub(super) const ZONE_PATIENCE: Millis = Millis(1_500);
/// A look that comes this late shows that the service itself was held up.
const HELD_UP: Millis = Millis(500);
/// First pause before the zone is told again what was granted. Its queue keeps what it was told, so this only makes
/// good what was lost.
const FIRST_PAUSE: Millis = Millis(2_000);
/// The same of a zone that is away, which may only have more to do than it can.
const AWAY_PAUSE: Millis = Millis(30_000);
/// Longest pause.
const LAST_PAUSE: Millis = Millis(300_000);
/// Most grants told again at one look.
const AT_ONCE: usize = 256;
/// Pause before the next ones.
const NEXT_ONES: Millis = Millis(100);

/// When a granted join is told the zone again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeat {
    /// When it was told first.
    pub since: Tick,
    /// When it was told last; never by this run of the service, should it be none.
    asked: Option<Tick>,
    at: Tick,
    pause: Millis,
}

impl Repeat {
    /// Of what a former run granted: it is told at once.
    pub(super) const fn of_before() -> Self {
        Self { since: Tick(0), asked: None, at: Tick(0), pause: FIRST_PAUSE }
    }

    /// Of what is told just now.
    fn told(now: Tick) -> Self {
        Self { since: now, asked: Some(now), at: now + FIRST_PAUSE, pause: FIRST_PAUSE }
    }

    /// It was told before the broker or the zone was away, and may be lost.
    pub(super) const fn may_be_lost(&mut self) {
        self.asked = None;
    }

    /// Its time has come: whether it is told again. What may wait its turn in the zone's queue is not.
    fn is_told(&mut self, away: bool, turnaround: Turnaround, now: Tick) -> bool {
        let least = if away { AWAY_PAUSE } else { FIRST_PAUSE };
        let waits = self.asked.is_some_and(|asked| turnaround.may_wait(asked, least, now));
        (self.at, self.pause) = (now + self.pause, Millis((self.pause.0 * 2).min(LAST_PAUSE.0)));
        if !waits {
            self.asked = Some(now);
        }
        !waits
    }
}

/// What is known about the way to the zone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contact {
    linked: bool,
    away: bool,
    /// Since when the zone could have been heard and was not.
    listening: Tick,
}

impl Contact {
    pub(super) const fn is_away(&self) -> bool {
        self.away
    }

    pub(super) const fn linked(&mut self, now: Tick) {
        self.linked = true;
        self.listening = now;
    }

    pub(super) const fn lost(&mut self) {
        self.linked = false;
    }
}

impl Checkin {
    /// Wants a look at this instant, at the latest.
    pub(super) fn look_at(&mut self, at: Tick) {
        self.next_look = Some(self.next_look.map_or(at, |look| look.min(at)));
    }

    /// The zone said something: it is there.
    pub(super) fn zone_spoke(&mut self, now: Now) {
        self.contact.listening = now.tick;
        self.turnaround.heard(now.tick);
        if !std::mem::take(&mut self.contact.away) {
            return;
        }
        tracing::info!("the zone answers again; {} joins granted meanwhile await its word", self.repeats.len());
        // Its queue has them already; only what was lost there is told again.
        let again = now.tick + FIRST_PAUSE;
        for repeat in self.repeats.values_mut() {
            (repeat.at, repeat.pause) = (again, FIRST_PAUSE);
        }
        self.look_at(again);
    }

    pub(super) fn on_unroutable(&mut self, now: Now, routing_key: &str, effects: &mut Vec<Effect>) {
        if routing_key == route::JOINS {
            self.zone_is_away(now, "no queue of its takes what is sent", effects);
        }
    }

    /// Judges the zone's silence, and tells it again what it has not confirmed.
    pub(super) fn look(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let late = self.next_look.take().map_or(Millis(0), |look| now.tick.since(look));
        if late >= HELD_UP {
            self.contact.listening = now.tick;
        }
        if self.contact.linked {
            self.judge(now, effects);
        }
        self.tell_again(now, effects);
    }

    fn judge(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let waiting = self.pending.values().filter(|pending| !pending.told_away).map(|pending| pending.since).min();
        let Some(since) = waiting else { return };
        let due = since.max(self.contact.listening) + ZONE_PATIENCE;
        if now.tick >= due || self.contact.away {
            self.zone_is_away(now, "it answers nothing", effects);
        } else {
            self.look_at(due);
        }
    }

    fn zone_is_away(&mut self, now: Now, why: &str, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.contact.away, true) {
            tracing::warn!("the zone is away: {why}; nodes of known combinations are served without it");
        }
        let waiting = self.pending.iter().filter(|(_, pending)| !pending.told_away).map(|(node, _)| *node);
        for node in waiting.collect::<Vec<NodeId>>() {
            self.serve_alone(now, node, effects);
        }
    }

    pub(super) fn can_grant(&self, node: NodeId, known: bool) -> bool {
        known && self.durable && self.memory.has_room(node)
    }

    /// Answers a node that waits for the zone: with an epoch where that can be done, otherwise in words. The plan
    /// waits on, so that the zone's answer is passed on when it comes.
    pub(super) fn serve_alone(&mut self, now: Now, node: NodeId, effects: &mut Vec<Effect>) {
        let Some(Pending { known, request, .. }) = self.pending.get(&node) else { return };
        let (known, instance, name) = (*known, request.subscription.instance, request.subscription.name.to_string());
        if self.can_grant(node, known) {
            if let Some(pending) = self.pending.remove(&node) {
                self.grant(now, *pending.request, effects);
            }
            return;
        }
        if let Some(pending) = self.pending.get_mut(&node) {
            pending.told_away = true;
        }
        let message = match (known, self.durable) {
            (false, _) => "the zone is away, and this combination of hardware is not in the group table: ask again",
            (true, false) => {
                "the zone is away, and this check-in service has no state_dir to serve without it: ask again"
            }
            (true, true) => "the zone is away, and this check-in service has granted all it can: ask again",
        };
        self.count("zone_away", format!("{name}: {message}"));
        let decision = Decision::Refused { reason: "zone_away".into(), message: message.into() };
        self.answer(now, node, instance, decision, effects);
    }

    /// Gives an epoch without the zone: remembered first, then the node and the zone are told. The run that has the
    /// node's latest epoch keeps it.
    pub(super) fn grant(&mut self, now: Now, mut request: JoinRequest, effects: &mut Vec<Effect>) {
        let NodeSubscription { instance, epoch: told, .. } = request.subscription;
        let node = request.subscription.identifier.node;
        if let Some(known) = self.memory.known(node).filter(|known| known.is_of(&request.subscription)) {
            let decision = self.assigned(&request, known.epoch);
            return self.answer(now, node, instance, decision, effects);
        }
        let Some(epoch) = self.memory.next_epoch(node, told) else {
            let message = "this node has no epochs left: its identifier must be changed".to_owned();
            self.count("epochs_exhausted", format!("{}: {message}", request.subscription.name));
            let decision = Decision::Refused { reason: "epochs_exhausted".into(), message };
            return self.answer(now, node, instance, decision, effects);
        };
        request.granted = Some(epoch);
        request.reason.push_str(", granted while the zone was away");
        let decision = self.assigned(&request, epoch);
        self.save(Record::Granted(Box::new(request.clone())), effects);
        self.answer(now, node, instance, decision, effects);
        effects.push(Effect::Publish(self.granted_message(now, request)));
        let repeat = Repeat::told(now.tick);
        self.repeats.insert(node, repeat);
        self.look_at(repeat.at);
    }

    /// A run that was granted an epoch and asks again gets the same one, whether the zone knows of it or not.
    pub(super) fn repeat_grant(
        &mut self,
        now: Now,
        subscription: &NodeSubscription,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let node = subscription.identifier.node;
        let Some(request) = self.memory.granted(node).filter(|granted| same_run(&granted.subscription, subscription))
        else {
            return false;
        };
        let request = request.clone();
        // The zone may have given the node greater ones since: those of this run count, not another's.
        let known = self.memory.known(node).filter(|known| known.instance == subscription.instance);
        let Some(epoch) = known.map(|known| known.epoch).max(request.granted) else { return false };
        let decision: Decision<Assigned> = self.assigned(&request, epoch);
        self.answer(now, node, subscription.instance, decision, effects);
        true
    }

    fn tell_again(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let due: Vec<NodeId> = self
            .repeats
            .iter()
            .filter(|(_, repeat)| repeat.at <= now.tick)
            .map(|(node, _)| *node)
            .take(AT_ONCE)
            .collect();
        for node in &due {
            let (away, turnaround) = (self.contact.is_away(), self.turnaround);
            if self.repeats.get_mut(node).is_some_and(|repeat| !repeat.is_told(away, turnaround, now.tick)) {
                continue;
            }
            match self.memory.granted(*node).cloned() {
                Some(request) => effects.push(Effect::Publish(self.granted_message(now, request))),
                None => drop(self.repeats.remove(node)),
            }
        }
        let next = if due.len() == AT_ONCE {
            Some(now.tick + NEXT_ONES)
        } else {
            self.repeats.values().map(|repeat| repeat.at).min()
        };
        if let Some(next) = next {
            self.look_at(next);
        }
    }

    fn granted_message(&mut self, now: Now, request: JoinRequest) -> Outgoing {
        let request = Packet::JoinRequest(Box::new(request));
        self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), request)
    }
}

fn same_run(a: &NodeSubscription, b: &NodeSubscription) -> bool {
    a.instance == b.instance && a.hardware == b.hardware
}
