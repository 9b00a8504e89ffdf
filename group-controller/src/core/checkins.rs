//! Check-in services at this place (Z7): started and ended on the zone's order, started again when they end by themselves.
//!
//! ```text
//!  order ──▶ Starting ──lives for 1 s──▶ Running ──┐
//!               ▲  └──────── ends ────────┬────────┘
//!               └── its pause is over ── Waiting          (1, 2, 4 … 60 s; each end is told to the zone)
//! ```
//!
//! The services go on while the zone is away. They end with this controller: after its restart the zone orders them again.

use std::collections::BTreeMap;

use ipnet::IpNet;
use rollcall_model::packet::{CheckinOrder, CheckinPlaced, Packet};
use rollcall_model::{Millis, Name, Now, Tick, route};

use super::parcels::Care;
use super::{Effect, Group};

/// A service that lives for so long has started: most that cannot work end at once.
const SETTLED: Millis = Millis(1_000);
/// Shortest pause before a service is started again, and the longest it grows to.
const SHORTEST_PAUSE: Millis = Millis(1_000);
const LONGEST_PAUSE: Millis = Millis(60_000);
/// A service that ran for so long did well; its pauses begin anew.
const RAN_WELL: Millis = Millis(60_000);
/// Most services in one group.
const MOST_SERVICES: usize = 16;

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Starting(Tick),
    Running(Tick),
    /// To be started again at that time, and why it ended.
    Waiting(Tick, String),
    /// Asked to end.
    Ending,
}

#[derive(Debug)]
struct Service {
    ranges: Vec<IpNet>,
    wanted: bool,
    stage: Stage,
    failures: u32,
    /// What the zone was told last in this membership, and the parcel that says it.
    told: Option<(bool, Option<String>)>,
    parcel: Option<u64>,
}

/// The services of one zone at this place.
#[derive(Debug, Default)]
pub(super) struct Checkins(BTreeMap<Name, Service>);

fn pause(failures: u32) -> Millis {
    let doubled = SHORTEST_PAUSE.0.saturating_mul(1 << failures.saturating_sub(1).min(16));
    Millis(doubled.min(LONGEST_PAUSE.0))
}

impl Service {
    fn next_deadline(&self) -> Option<Tick> {
        match self.stage {
            Stage::Starting(since) => Some(since + SETTLED),
            Stage::Waiting(until, _) => Some(until),
            Stage::Running(_) | Stage::Ending => None,
        }
    }

    /// How it stands, for the zone; `None` while that is not decided.
    fn answer(&self) -> Option<(bool, Option<String>)> {
        match &self.stage {
            Stage::Running(_) => Some((true, None)),
            Stage::Waiting(_, why) => Some((false, Some(why.clone()))),
            Stage::Starting(_) | Stage::Ending => None,
        }
    }
}

impl Checkins {
    /// When [`Group::tick_checkins`] is wanted.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.0.values().filter_map(Service::next_deadline).min()
    }
}

impl Group {
    pub(super) fn on_checkin_order(&mut self, now: Now, order: CheckinOrder, effects: &mut Vec<Effect>) {
        if order.group != self.settings.group {
            return self.refuse("for_another_run");
        }
        if self.subscription.as_ref().is_none_or(|known| known.session != order.session) {
            return self.refuse("old_session");
        }
        let CheckinOrder { name, ranges, run, .. } = order;
        if run {
            self.want_checkin(now, name, ranges, effects);
        } else {
            self.unwant_checkin(now, name, effects);
        }
    }

    fn want_checkin(&mut self, now: Now, name: Name, ranges: Vec<IpNet>, effects: &mut Vec<Effect>) {
        if let Some(service) = self.checkins.0.get_mut(&name) {
            service.wanted = true;
            if service.ranges == ranges {
                return self.tell_checkin(now, &name, true, effects);
            }
            service.ranges = ranges;
            // It is started with the new ranges when it has ended, or when its pause is over.
            if matches!(service.stage, Stage::Starting(_) | Stage::Running(_)) {
                service.stage = Stage::Ending;
                effects.push(Effect::EndCheckin(name));
            }
            return;
        }
        if self.checkins.0.len() >= MOST_SERVICES {
            let message = format!("{} runs {MOST_SERVICES} check-in services already", self.settings.name);
            self.refuse("overloaded");
            self.send_placed(now, name, (false, Some(message)), effects);
            return;
        }
        let stage = Stage::Starting(now.tick);
        let service = Service { ranges: ranges.clone(), wanted: true, stage, failures: 0, told: None, parcel: None };
        self.checkins.0.insert(name.clone(), service);
        effects.push(Effect::StartCheckin { name, ranges });
    }

    fn unwant_checkin(&mut self, now: Now, name: Name, effects: &mut Vec<Effect>) {
        let Some(service) = self.checkins.0.get_mut(&name) else {
            self.send_placed(now, name, (false, None), effects);
            return;
        };
        service.wanted = false;
        match service.stage {
            Stage::Starting(_) | Stage::Running(_) => {
                service.stage = Stage::Ending;
                effects.push(Effect::EndCheckin(name));
            }
            Stage::Ending => {}
            Stage::Waiting(..) => self.forget_checkin(now, name, effects),
        }
    }

    fn forget_checkin(&mut self, now: Now, name: Name, effects: &mut Vec<Effect>) {
        if let Some(parcel) = self.checkins.0.remove(&name).and_then(|service| service.parcel) {
            self.parcels.drop_one(parcel);
        }
        self.send_placed(now, name, (false, None), effects);
    }

    /// A service ended, by itself or because it was asked to, or could not be started.
    pub(super) fn on_checkin_ended(&mut self, now: Now, name: Name, why: String, effects: &mut Vec<Effect>) {
        let Some(service) = self.checkins.0.get_mut(&name) else { return };
        if !service.wanted {
            return self.forget_checkin(now, name, effects);
        }
        if service.stage == Stage::Ending {
            service.stage = Stage::Starting(now.tick);
            effects.push(Effect::StartCheckin { name, ranges: service.ranges.clone() });
            return;
        }
        let did_well = matches!(service.stage, Stage::Running(since) if now.tick.since(since) >= RAN_WELL);
        service.failures = if did_well { 1 } else { service.failures.saturating_add(1) };
        let pause = pause(service.failures);
        tracing::warn!(%name, again_in_s = pause.0 / 1_000, "the check-in service ended: {why}");
        service.stage = Stage::Waiting(now.tick + pause, why);
        self.tell_checkin(now, &name, false, effects);
    }

    pub(super) fn tick_checkins(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let due = |service: &Service| service.next_deadline().is_some_and(|at| now.tick >= at);
        let due: Vec<Name> =
            self.checkins.0.iter().filter(|(_, service)| due(service)).map(|(name, _)| name.clone()).collect();
        for name in due {
            let Some(service) = self.checkins.0.get_mut(&name) else { continue };
            match service.stage {
                Stage::Starting(since) => {
                    service.stage = Stage::Running(since);
                    self.tell_checkin(now, &name, false, effects);
                }
                Stage::Waiting(..) => {
                    service.stage = Stage::Starting(now.tick);
                    effects.push(Effect::StartCheckin { name, ranges: service.ranges.clone() });
                }
                Stage::Running(_) | Stage::Ending => {}
            }
        }
    }

    /// A new membership: the zone is told what runs here, also what it may not know of any more.
    pub(super) fn tell_checkins_again(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let names: Vec<Name> = self.checkins.0.keys().cloned().collect();
        for name in names {
            self.tell_checkin(now, &name, true, effects);
        }
    }

    /// Tells the zone how a service stands, if that is decided; the same only when it asks.
    fn tell_checkin(&mut self, now: Now, name: &Name, is_asked: bool, effects: &mut Vec<Effect>) {
        let Some(service) = self.checkins.0.get_mut(name) else { return };
        let Some(answer) = service.answer() else { return };
        if !is_asked && service.told.as_ref() == Some(&answer) {
            return;
        }
        service.told = Some(answer.clone());
        // An older word that is sent again must not follow a newer one.
        if let Some(parcel) = service.parcel.take() {
            self.parcels.drop_one(parcel);
        }
        let parcel = self.send_placed(now, name.clone(), answer, effects);
        if let Some(service) = self.checkins.0.get_mut(name) {
            service.parcel = parcel;
        }
    }

    fn send_placed(
        &mut self,
        now: Now,
        name: Name,
        (running, message): (bool, Option<String>),
        effects: &mut Vec<Effect>,
    ) -> Option<u64> {
        let (group, session) = (self.settings.group, self.subscription.as_ref()?.session);
        let placed = Packet::CheckinPlaced(CheckinPlaced { group, session, name, running, message });
        let placed = self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), placed);
        self.dispatch(now, placed, Care::Session, effects)
    }
}
