//! DNS-SD as daemons see it: announcements that are heard late, or only when asked for again.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::wire::txt::Announcement;

use super::process::{Core, Pid, Role};
use super::world::{Happening, World};

/// How often everybody asks again, milliseconds.
const ASK_EVERY: u64 = 8_000;

/// What is announced, and who has heard it.
#[derive(Debug, Default)]
pub(super) struct Dns {
    count: u64,
    records: BTreeMap<Pid, (u64, Announcement)>,
    /// Watcher, its life, and the record.
    heard: BTreeSet<(Pid, u32, u64)>,
}

impl World {
    /// A process announces something, instead of what it announced before.
    pub(super) fn announce(&mut self, owner: Pid, announcement: Announcement) {
        self.dns.count += 1;
        self.dns.records.insert(owner, (self.dns.count, announcement));
        self.tell_around();
    }

    /// Everybody asks again for what is announced.
    pub(super) fn ask_around(&mut self) {
        self.tell_around();
        self.soon(ASK_EVERY, Happening::AskAround);
    }

    /// Tells every watcher what it has not heard yet, unless the network swallows it.
    pub(super) fn tell_around(&mut self) {
        let records: Vec<(Pid, u64, Announcement)> =
            self.dns.records.iter().map(|(owner, (number, what))| (*owner, *number, what.clone())).collect();
        for (owner, number, announcement) in records {
            for pid in 0..self.processes.len() {
                let process = &self.processes[pid];
                let (life, role) = (process.life, process.role);
                if !process.is_running()
                    || process.deaf
                    || matches!(process.core, Some(Core::Standby(_)))
                    || !listens(role, &announcement)
                {
                    continue;
                }
                if self.dns.heard.contains(&(pid, life, number)) {
                    continue;
                }
                if self.is_faulty() && self.chance.happens(self.rates.unheard) {
                    self.tally.count("announcements not heard");
                    continue;
                }
                self.dns.heard.insert((pid, life, number));
                let most = if self.is_faulty() { 3_000 } else { 200 };
                let after = self.chance.between(1, most);
                if self.is_faulty() && self.chance.happens(self.rates.twice) {
                    self.tally.count("announcements heard twice");
                    let again = after + self.chance.between(1, 5_000);
                    self.soon(again, Happening::Sight { pid, life, owner, announcement: announcement.clone() });
                }
                self.soon(after, Happening::Sight { pid, life, owner, announcement: announcement.clone() });
            }
        }
    }

    /// Says good-bye for a process that may be gone, or lets its record expire.
    pub(super) fn withdraw(&mut self, owner: Pid) {
        let Some((_, announcement)) = self.dns.records.remove(&owner) else { return };
        for pid in 0..self.processes.len() {
            let process = &self.processes[pid];
            if process.is_running() && listens(process.role, &announcement) {
                let life = process.life;
                let after = self.chance.between(1, 500);
                self.soon(after, Happening::Gone { pid, life, owner });
            }
        }
    }

    pub(super) fn sighted(&mut self, pid: Pid, owner: Pid, announcement: Announcement) {
        self.journal.count((pid, owner, announcement.tag()));
        match (self.processes[pid].role, announcement) {
            (Role::Zone(_), announcement) => self.zone_heard(pid, announcement),
            (Role::Checkin(_), Announcement::Hello(_)) => {
                self.checkin_event(pid, rollcall_checkin::core::Event::ZoneHeard);
            }
            (Role::Group(_), Announcement::Hello(hello)) => {
                self.group_event(pid, rollcall_group_controller::core::Event::HelloHeard(hello));
            }
            (Role::Node(_), Announcement::Checkin(service)) => {
                if let Some(Core::Node(_, checkins)) = &mut self.processes[pid].core {
                    checkins.heard(format!("checkin-{owner}"), service);
                }
                self.node_chooses(pid);
            }
            _ => {}
        }
    }

    pub(super) fn gone(&mut self, pid: Pid, owner: Pid) {
        // Should it be announced again by now, it is heard again.
        if let Some((number, _)) = self.dns.records.get(&owner) {
            let life = self.processes[pid].life;
            self.dns.heard.remove(&(pid, life, *number));
        }
        if let Some(Core::Node(_, checkins)) = &mut self.processes[pid].core {
            checkins.gone(&format!("checkin-{owner}"));
            self.node_chooses(pid);
        }
    }
}

const fn listens(role: Role, announcement: &Announcement) -> bool {
    matches!(
        (role, announcement),
        (Role::Zone(_), Announcement::Ack(_) | Announcement::Hello(_))
            | (Role::Checkin(_) | Role::Group(_), Announcement::Hello(_))
            | (Role::Node(_), Announcement::Checkin(_))
    )
}
