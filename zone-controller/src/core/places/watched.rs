//! One check-in service at a place.
//!
//! ```text
//!            order                    answered: runs            silent, failed, group gone
//! nowhere ──────────▶ ordered at a group ──────────▶ running ─────────────────────────────┐
//!                        ▲    ▲                                                           │
//!                        │    └───────────────── again at the same group ◀────────────────┤
//!                        └────────────── at another, the former one is ended ◀── absent for 30 s
//! ```

use std::collections::BTreeMap;

use ipnet::IpNet;
use rollcall_model::{CheckinId, GroupId, Name, Tick};

use super::{ABSENCE, CheckinPlace, ENDINGS, ORDER_PERIOD, PlaceReport, RETRY_PERIOD, SILENCE};

/// An order to be sent: to whom, which service, its ranges, run or end.
type Order = (GroupId, Name, Vec<IpNet>, bool);

/// What the zone knows of one service.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) place: CheckinPlace,
    pub(super) id: CheckinId,
    /// Who runs it, or is to.
    pub(super) at: Option<GroupId>,
    /// When the order is sent again; `None` once it is answered.
    order_at: Option<Tick>,
    pub(super) running: bool,
    pub(super) message: String,
    /// Last sign of life of the service itself.
    heard: Tick,
    /// Since when it does not run.
    absent: Option<Tick>,
    /// Former substitutes that are to end it: when that is ordered again, and how often still.
    pub(super) ending: BTreeMap<GroupId, (Tick, u8)>,
    saved: Option<(GroupId, bool, String)>,
}

impl Watched {
    /// A service that may run already: it is given time to be heard.
    pub(super) fn new(now: Tick, place: CheckinPlace) -> Self {
        let id = CheckinId::of_service(&place.name);
        Self {
            place,
            id,
            at: None,
            order_at: None,
            running: false,
            message: "waits for the group controller of its place".into(),
            heard: now,
            absent: None,
            ending: BTreeMap::new(),
            saved: None,
        }
    }

    /// This group ran it when the zone ended, and may still do so.
    pub(super) fn recall(&mut self, group: GroupId) {
        self.at = Some(group);
        self.running = true;
        self.message = "ran there before the zone controller was started again".into();
        self.saved = Some((group, true, String::new()));
    }

    pub(super) fn next_deadline(&self) -> Option<Tick> {
        let silence = self.is_expected().then(|| self.heard + SILENCE);
        let absence = self.absent.map(|since| since + ABSENCE);
        let ending = self.ending.values().map(|(at, _)| *at).min();
        [self.order_at, silence, absence, ending].into_iter().flatten().min()
    }

    /// Whether its silence means something: it runs, or may run unseen since before the zone started.
    fn is_expected(&self) -> bool {
        self.running || (self.at.is_none() && self.absent.is_none())
    }

    /// To run at this group; whoever ran it before is to end it.
    pub(super) fn order(&mut self, now: Tick, group: GroupId) {
        if let Some(before) = self.at.replace(group)
            && before != group
        {
            self.end(now, before);
        }
        self.ending.remove(&group);
        self.order_at = Some(now);
        self.absent.get_or_insert(now);
        self.running = false;
        self.message = "ordered".into();
    }

    /// This group is to end it.
    pub(super) fn end(&mut self, now: Tick, group: GroupId) {
        self.ending.entry(group).or_insert((now, ENDINGS));
    }

    pub(super) fn heard(&mut self, now: Tick) {
        self.heard = now;
        self.absent = None;
    }

    pub(super) fn answered(&mut self, now: Tick, running: bool, message: String) {
        if running {
            self.heard(now);
            self.order_at = None;
        } else {
            self.absent.get_or_insert(now);
            self.order_at = Some(now + RETRY_PERIOD);
        }
        self.running = running;
        self.message = message;
    }

    /// Its group cannot run it any more.
    pub(super) fn absent(&mut self, now: Tick, why: &str) {
        self.answered(now, false, why.to_owned());
    }

    /// Notices that nothing was heard of it for too long.
    pub(super) fn falls_silent(&mut self, now: Tick) -> bool {
        let silent = self.is_expected() && now >= self.heard + SILENCE;
        if silent {
            self.absent.get_or_insert(now);
            self.running = false;
            self.message = format!("silent for {} s", SILENCE.0 / 1_000);
        }
        silent
    }

    pub(super) fn is_absent_for_long(&self, now: Tick) -> bool {
        self.absent.is_some_and(|since| now >= since + ABSENCE)
    }

    /// Begins to wait for a runner anew.
    pub(super) fn look_again(&mut self, now: Tick) {
        self.absent = Some(now);
    }

    /// The orders to be sent now.
    pub(super) fn due(&mut self, now: Tick) -> Vec<Order> {
        let mut orders = Vec::new();
        for (group, (at, left)) in &mut self.ending {
            if *at <= now {
                orders.push((*group, self.place.name.clone(), self.place.ranges.clone(), false));
                (*at, *left) = (now + ORDER_PERIOD, left.saturating_sub(1));
            }
        }
        self.ending.retain(|_, (_, left)| *left > 0);
        if let (Some(group), Some(at)) = (self.at, self.order_at)
            && at <= now
        {
            orders.push((group, self.place.name.clone(), self.place.ranges.clone(), true));
            self.order_at = Some(now + ORDER_PERIOD);
        }
        orders
    }

    pub(super) fn report(&self) -> PlaceReport {
        PlaceReport {
            place: self.place.place.clone(),
            group: self.at,
            running: self.running,
            message: self.message.clone(),
        }
    }

    /// Whether how it stands differs from what was saved last; it counts as saved from now on.
    pub(super) fn is_news(&mut self) -> bool {
        let Some(at) = self.at else { return false };
        let now = (at, self.running, self.message.clone());
        let news = self.saved.as_ref() != Some(&now);
        self.saved = Some(now);
        news
    }
}
