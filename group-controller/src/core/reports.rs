//! What the zone is told: each change until it is confirmed, whether the rack is dark, and a summary now and then.

use rollcall_bus::PublishError;
use rollcall_model::packet::{ALERTS_PART, Alerts, GroupAlarm, NodeChange, Packet, Summary};
use rollcall_model::{Millis, Now, UnixMillis, name, route};

use super::{Effect, Group, Token};

/// An unconfirmed report is sent again after this.
pub(super) const RESEND: Millis = Millis(1_000);

/// What is on its way to the zone, until it is confirmed.
#[derive(Clone, Debug)]
pub(super) enum Report {
    /// Nodes that changed; never empty.
    Changes(Vec<NodeChange>),
    /// The rack went dark, or is heard again.
    Alarm(GroupAlarm),
}

impl Report {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Changes(changes) => changes.len(),
            Self::Alarm(_) => 1,
        }
    }

    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Changes(changes) => changes.last().map_or(0, |change| change.number),
            Self::Alarm(alarm) => alarm.number,
        }
    }
}

/// Whether the rack as a whole is in doubt.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dark {
    pub is: bool,
    /// When it came to be so, how many were silent then, of how many.
    pub since: (UnixMillis, u32, u32),
    /// What the zone was told last; `None` when that is not known.
    pub told: Option<bool>,
}

impl Group {
    pub(super) fn on_published(
        &mut self,
        now: Now,
        token: Token,
        result: &Result<(), PublishError>,
        effects: &mut Vec<Effect>,
    ) {
        match (token, result) {
            // The confirm of a former report, late, says nothing of the one that is on its way.
            (Token::Changes { session, number }, Ok(())) => {
                let current = self.subscription.as_ref().is_some_and(|known| known.session == session);
                if let Some((report, _)) = self.inflight.take_if(|(report, _)| current && report.number() == number)
                    && let Report::Alarm(alarm) = report
                {
                    self.dark.told = Some(alarm.raised);
                }
            }
            (Token::Probe(node), Err(PublishError::Unroutable { .. })) => {
                self.on_connection_closed(now, node);
            }
            (Token::Return(node), Ok(())) => self.on_inbox_there(node),
            (Token::Parcel(number), result) => self.on_parcel_ended(number, result, effects),
            _ => {}
        }
    }

    /// Sends what the zone has not been told, one report at a time, each until it is confirmed.
    pub(super) fn tell_changes(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(session) = self.subscription.as_ref().map(|known| known.session) else { return };
        if !self.linked {
            return;
        }
        let report = match &mut self.inflight {
            Some((_, sent)) if now.tick.since(*sent) < RESEND => return,
            Some((report, sent)) => {
                *sent = now.tick;
                report.clone()
            }
            None => {
                let Some(report) = self.next_report(now, session) else { return };
                self.inflight = Some((report.clone(), now.tick));
                report
            }
        };
        let (group, number) = (self.settings.group, report.number());
        let packet = match report {
            Report::Changes(changes) => Packet::Alerts(Alerts { group, session, changes }),
            Report::Alarm(alarm) => Packet::GroupAlarm(alarm),
        };
        let key = route::zone_key(name::ALERTS, group);
        let message = self.sender.confirmed(now, route::ZONE, key, packet);
        effects.push(Effect::Publish(Token::Changes { session, number }, message));
    }

    fn next_report(&mut self, now: Now, session: u32) -> Option<Report> {
        let changes = self.roster.take_changes(&mut self.number, ALERTS_PART);
        if !changes.is_empty() {
            return Some(Report::Changes(changes));
        }
        // A membership begins with no word on darkness; that all is well is said once everybody has had time to call.
        let is_due = self.dark.is || now.tick >= self.floor.until;
        if self.dark.told == Some(self.dark.is) || !is_due {
            return None;
        }
        self.number += 1;
        let (at, silent, members) = self.dark.since;
        let (group, number, raised) = (self.settings.group, self.number, self.dark.is);
        Some(Report::Alarm(GroupAlarm { group, session, number, raised, silent, members, at }))
    }

    pub(super) fn summarise(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.next_summary = now.tick + self.policy.summary_period();
        // Without a link nobody would get it: what was gathered goes into the next one.
        let Some(session) = self.subscription.as_ref().map(|known| known.session).filter(|_| self.linked) else {
            return;
        };
        let period_ms = now.tick.since(self.summarised);
        self.summarised = now.tick;
        let (states, bits) = self.roster.counts();
        let (statuses, refused, metrics) = (self.statuses, self.refused.clone(), self.distributions.finish());
        let group = self.settings.group;
        let summary = Summary { group, session, states, bits, statuses, refused, metrics, period_ms };
        let key = route::zone_key(name::ANALYTICS, group);
        effects.push(Effect::Publish(Token::None, self.sender.lossy(now, route::ZONE, key, Packet::Summary(summary))));
    }
}
