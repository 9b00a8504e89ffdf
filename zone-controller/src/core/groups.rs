//! The group table (C5, C7): which combination of hardware belongs to which logical group, what becomes of unknown ones,
//! and where the group controllers are.

use rollcall_model::capability::Attribute;
use rollcall_model::packet::{ControllerEntry, GroupTable, Packet, TableEntry, TableRequest};
use rollcall_model::policy::UnknownCombinations;
use rollcall_model::{Capability, CheckinId, GroupId, Millis, Name, Now, Tick, route};
use rollcall_store::{Change, GroupKind, GroupRecord};

use super::{Effect, Zone};

/// Check-in services are told of a change at once, of further ones at most this often: many racks may join together.
const TABLE_PACE: Millis = Millis(200);

/// Which logical groups there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TablePolicy {
    /// Characteristics beyond CPU, memory and NIC.
    pub attributes: Vec<Attribute>,
    /// Pre-generated groups: combination and name.
    pub groups: Vec<(Capability, Name)>,
    /// Whether an unknown combination makes a new group, as long as no policy says otherwise.
    pub create_unknown: bool,
}

impl Zone {
    pub(super) fn create_configured_groups(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for (capability, name) in self.settings.table.groups.clone() {
            self.create_logical_group(now, &capability, name, "configuration", effects);
        }
    }

    /// Creates the group of a combination unless it exists; says its id and name.
    pub(super) fn create_logical_group(
        &mut self,
        now: Now,
        capability: &Capability,
        name: Name,
        origin: &'static str,
        effects: &mut Vec<Effect>,
    ) -> (GroupId, Name) {
        let group = capability.group_id();
        if let Some(known) = self.groups.get(&group) {
            return (group, known.name.clone());
        }
        let capability = Some(capability.clone());
        effects.push(Effect::Save(Change::GroupCreated {
            group,
            kind: GroupKind::Logical,
            name: name.clone(),
            capability: capability.clone(),
            origin,
            at: now.wall,
        }));
        let record = GroupRecord {
            group,
            kind: GroupKind::Logical,
            name: name.clone(),
            place: None,
            capability,
            session: 0,
            instance: None,
            rule: None,
            addresses: Vec::new(),
        };
        self.groups.insert(group, record);
        self.table_version += 1;
        (group, name)
    }

    pub(super) fn on_table_request(&mut self, now: Now, request: TableRequest, effects: &mut Vec<Effect>) {
        let inbox = route::checkin_inbox(request.checkin);
        let changed = self.checkins.get(&request.checkin).is_none_or(|known| {
            known.name != request.name || known.address != request.address || known.ranges != request.ranges
        });
        if changed {
            effects.push(Effect::Save(Change::CheckinRegistered {
                checkin: request.checkin,
                name: request.name.clone(),
                address: request.address,
                ranges: request.ranges.iter().map(ToString::to_string).collect(),
                at: now.wall,
            }));
            tracing::info!(target: "rollcall::step", step = "checkin_registered", checkin = %request.name,
                "check-in service {} registered", request.name);
        }
        let stale = request.have != self.table_version;
        self.checkin_heard(now, request.checkin);
        self.checkins.insert(request.checkin, request);
        if stale {
            let table = Packet::GroupTable(self.table());
            effects.push(self.tell(now, inbox, table));
        }
    }

    /// When check-in services are to be told of a changed table.
    pub(super) fn table_deadline(&self) -> Option<Tick> {
        let (version, at) = self.table_told;
        (version != self.table_version && !self.checkins.is_empty()).then_some(at + TABLE_PACE)
    }

    /// Tells every check-in service of a changed table, unless the last time was a moment ago.
    pub(super) fn tell_table(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.table_deadline().is_none_or(|at| now.tick < at) {
            return;
        }
        self.table_told = (self.table_version, now.tick);
        let table = self.table();
        let services: Vec<CheckinId> = self.checkins.keys().copied().collect();
        for checkin in services {
            effects.push(self.tell(now, route::checkin_inbox(checkin), Packet::GroupTable(table.clone())));
        }
    }

    fn table(&self) -> GroupTable {
        GroupTable {
            zone: self.settings.zone,
            version: self.table_version,
            attributes: self.settings.table.attributes.clone(),
            entries: self
                .groups
                .values()
                .filter_map(|group| {
                    let capability = group.capability.clone()?;
                    Some(TableEntry { capability, group: group.group, name: group.name.clone() })
                })
                .collect(),
            create_unknown: self.unknown_combinations() == UnknownCombinations::Create,
            hold_unknown: self.unknown_combinations() == UnknownCombinations::Hold,
            controllers: self.controllers(),
        }
    }

    fn controllers(&self) -> Vec<ControllerEntry> {
        self.groups
            .values()
            .filter(|group| group.session > 0)
            .filter_map(|group| {
                Some(ControllerEntry {
                    group: group.group,
                    name: group.name.clone(),
                    place: group.place.clone()?,
                    addresses: group.addresses.clone(),
                    channels: self.channels(group.group),
                })
            })
            .collect()
    }
}
