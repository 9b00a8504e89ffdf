//! Check-in services at places (Z7): put to work where they are configured when the group there joins, watched by
//! their requests for the group table, ordered again when they fall silent, and run by another group while their own
//! is away.

mod watched;

use std::collections::BTreeMap;

use rollcall_model::packet::{CheckinOrder, CheckinPlaced, Packet};
use rollcall_model::{CheckinId, GroupId, Millis, Name, Now, Tick, route};
use rollcall_store::{Change, GroupKind};
use serde::Serialize;

use self::watched::Watched;
use super::{Effect, Zone};

/// Where a check-in service is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckinPlace {
    /// The place; the group controller there runs it.
    pub place: Name,
    /// Its name; with the zone it makes its id.
    pub name: Name,
    /// What it is responsible for.
    pub ranges: Vec<ipnet::IpNet>,
}

/// How a check-in service at a place stands, for `rollcall status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaceReport {
    /// The place.
    pub place: Name,
    /// The group that runs it, or is to.
    pub group: Option<GroupId>,
    /// Whether it runs.
    pub running: bool,
    /// For people.
    pub message: String,
}

/// An order is sent again this often until it is answered.
const ORDER_PERIOD: Millis = Millis(2_000);
/// After a group said that it could not.
const RETRY_PERIOD: Millis = Millis(5_000);
/// A service asks for the group table every 5 s; silent for this long it is ordered again.
const SILENCE: Millis = Millis(20_000);
/// Without a running service for this long, another group gets the order.
const ABSENCE: Millis = Millis(30_000);
/// A group without a sign of life for three of its summaries, and at least this long, gets no order in another's stead.
const LIVING: Millis = Millis(30_000);
/// How often the end of a substitute is ordered before it is left to itself.
const ENDINGS: u8 = 15;

/// The check-in services at places, and which groups live.
#[derive(Debug)]
pub(super) struct Places {
    watched: Vec<Watched>,
    living: BTreeMap<GroupId, Living>,
}

#[derive(Clone, Copy, Debug)]
struct Living {
    heard: Tick,
    period: Millis,
    /// The broker said that nobody takes what is sent to it.
    gone: bool,
}

impl Living {
    fn lives(self, now: Tick) -> bool {
        !self.gone && now.since(self.heard) <= LIVING.max(Millis(self.period.0.saturating_mul(3)))
    }
}

impl Places {
    /// Nothing is placed yet; every service is given time to be heard.
    pub(super) fn new(now: Tick, places: &[CheckinPlace]) -> Self {
        let watched = places.iter().map(|place| Watched::new(now, place.clone())).collect();
        Self { watched, living: BTreeMap::new() }
    }

    /// When [`Zone::tick_places`] is wanted at the latest.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.watched.iter().filter_map(Watched::next_deadline).min()
    }

    /// Who ran which service when the zone ended.
    pub(super) fn recall(&mut self, placed: Vec<(Name, GroupId)>) {
        for (name, group) in placed {
            if let Some(watched) = self.watched.iter_mut().find(|watched| watched.place.name == name) {
                watched.recall(group);
            }
        }
    }

    /// The place of a service, if this group runs it or is to.
    pub(super) fn place_of(&self, name: &Name, group: GroupId) -> Option<Name> {
        let mut watched =
            self.watched.iter().filter(|watched| watched.place.name == *name && watched.at == Some(group));
        watched.next().map(|watched| watched.place.place.clone())
    }

    /// How each stands, by the service's name.
    pub(super) fn reports(&self) -> BTreeMap<Name, PlaceReport> {
        self.watched.iter().map(|it| (it.place.name.clone(), it.report())).collect()
    }
}

impl Zone {
    /// A group controller joined: the services of its place run there from now on, and one it runs for others is
    /// ordered again, since a new run may have lost it.
    pub(super) fn place_checkins(&mut self, now: Now, group: GroupId, effects: &mut Vec<Effect>) {
        self.places.living.insert(group, Living { heard: now.tick, period: Millis(0), gone: false });
        let Some(place) = self.groups.get(&group).and_then(|known| known.place.clone()) else { return };
        for index in 0..self.places.watched.len() {
            let watched = &self.places.watched[index];
            let is_elsewhere = watched.at.is_some_and(|at| at != group && self.is_rightful(index, at));
            if watched.at == Some(group) || (watched.place.place == place && !is_elsewhere) {
                self.places.watched[index].order(now.tick, group);
            }
        }
        self.send_orders(now, effects);
    }

    /// A group gave a sign of life; `period` is how often it sends its summary, where it told. One that comes back
    /// after a silence gets the services of its place back.
    pub(super) fn group_heard(&mut self, now: Now, group: GroupId, period: Option<Millis>, effects: &mut Vec<Effect>) {
        if self.places.watched.is_empty() {
            return;
        }
        let known = self.places.living.get(&group).copied();
        let period = period.or(known.map(|known| known.period)).unwrap_or_default();
        self.places.living.insert(group, Living { heard: now.tick, period, gone: false });
        if known.is_some_and(|known| !known.lives(now.tick)) {
            self.place_checkins(now, group, effects);
        }
    }

    /// The broker said that nobody takes what is sent to this inbox.
    pub(super) fn group_gone(&mut self, now: Now, group: GroupId) {
        if let Some(living) = self.places.living.get_mut(&group) {
            living.gone = true;
        }
        for watched in self.places.watched.iter_mut().filter(|watched| watched.at == Some(group)) {
            watched.absent(now.tick, "its group controller is gone");
        }
        for watched in &mut self.places.watched {
            watched.ending.remove(&group);
        }
        self.overview.places = self.places.reports();
    }

    /// A check-in service asked for the group table: it runs.
    pub(super) fn checkin_heard(&mut self, now: Now, checkin: CheckinId) {
        if let Some(watched) = self.places.watched.iter_mut().find(|watched| watched.id == checkin) {
            watched.heard(now.tick);
        }
    }

    /// How an order ended, or how a service fares by itself.
    pub(super) fn on_checkin_placed(&mut self, now: Now, placed: CheckinPlaced, effects: &mut Vec<Effect>) {
        if !self.is_current(placed.group, placed.session) {
            return self.refuse_stale(now, "checkin_placed", placed.group, effects);
        }
        self.group_heard(now, placed.group, None, effects);
        let Some(index) = self.places.watched.iter().position(|watched| watched.place.name == placed.name) else {
            // Taken out of the configuration while the zone controller was stopped.
            if placed.running {
                self.send_checkin_order(now, (placed.group, placed.name, Vec::new()), false, effects);
            }
            return;
        };
        let (group, running) = (placed.group, placed.running);
        let message: String = placed.message.unwrap_or_default().chars().take(200).collect();
        let watched = &mut self.places.watched[index];
        match watched.at {
            None if running => watched.at = Some(group),
            None => return,
            Some(at) if at != group => {
                if running {
                    watched.end(now.tick, group);
                } else {
                    watched.ending.remove(&group);
                }
                return self.send_orders(now, effects);
            }
            Some(_) => {}
        }
        watched.answered(now.tick, running, message);
        self.save_place(now, index, effects);
    }

    /// Orders again what was not answered or fell silent, and gives to others what its own group cannot run.
    pub(super) fn tick_places(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for index in 0..self.places.watched.len() {
            if self.places.watched[index].falls_silent(now.tick) {
                self.save_place(now, index, effects);
                if let Some(group) = self.places.watched[index].at.or_else(|| self.rightful(index)) {
                    self.places.watched[index].order(now.tick, group);
                }
            }
            if self.places.watched[index].is_absent_for_long(now.tick) {
                let substitute = self.substitute(now.tick, index);
                let watched = &mut self.places.watched[index];
                watched.look_again(now.tick);
                if let Some(group) = substitute {
                    watched.order(now.tick, group);
                    tracing::info!(checkin = %watched.place.name, %group, "another group is to run the check-in service");
                }
            }
        }
        self.send_orders(now, effects);
    }

    /// The group controller that manages the place of a service.
    fn rightful(&self, index: usize) -> Option<GroupId> {
        self.groups.keys().copied().find(|group| self.is_rightful(index, *group))
    }

    fn is_rightful(&self, index: usize, group: GroupId) -> bool {
        let place = &self.places.watched[index].place.place;
        self.groups
            .get(&group)
            .is_some_and(|known| known.kind == GroupKind::Physical && known.place.as_ref() == Some(place))
    }

    /// A living group other than the present one: its own first, then the one that runs the fewest services.
    fn substitute(&self, now: Tick, index: usize) -> Option<GroupId> {
        let present = self.places.watched[index].at;
        let living = self.places.living.iter().filter(|(group, living)| living.lives(now) && Some(**group) != present);
        let load = |group| self.places.watched.iter().filter(|watched| watched.at == Some(group)).count();
        living.map(|(group, _)| *group).min_by_key(|group| (!self.is_rightful(index, *group), load(*group), *group))
    }

    /// Sends every order that is due.
    fn send_orders(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut due = Vec::new();
        for watched in &mut self.places.watched {
            due.extend(watched.due(now.tick));
        }
        for (group, name, ranges, run) in due {
            self.send_checkin_order(now, (group, name, ranges), run, effects);
        }
        self.overview.places = self.places.reports();
    }

    fn send_checkin_order(
        &mut self,
        now: Now,
        (group, name, ranges): (GroupId, Name, Vec<ipnet::IpNet>),
        run: bool,
        effects: &mut Vec<Effect>,
    ) {
        let Some((_, session)) = self.membership(group) else { return };
        let order = Packet::CheckinOrder(CheckinOrder { group, session, name, ranges, run });
        effects.push(self.tell(now, route::group_inbox(group), order));
    }

    /// Saves how a service stands, where that is news.
    fn save_place(&mut self, now: Now, index: usize, effects: &mut Vec<Effect>) {
        let watched = &mut self.places.watched[index];
        if let (Some(group), true) = (watched.at, watched.is_news()) {
            let name = watched.place.name.clone();
            let (running, message) = (watched.running, watched.message.clone());
            tracing::info!(target: "rollcall::step", step = "checkin_placed", checkin = %name, running,
                "check-in service {name} {}", if running { "runs" } else { "does not run" });
            effects.push(Effect::Save(Change::CheckinPlaced { name, group, running, message, at: now.wall }));
        }
        self.overview.places = self.places.reports();
    }
}
