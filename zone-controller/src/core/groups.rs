//! The group table (C5): which combination of hardware belongs to which logical group.

use rollcall_model::capability::Attribute;
use rollcall_model::packet::{GroupTable, Packet, TableEntry, TableRequest};
use rollcall_model::{Capability, GroupId, Name, Now, UnixMillis, route};
use rollcall_store::{Change, GroupKind, GroupRecord};

use super::{Effect, Zone};

/// Which logical groups there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TablePolicy {
    /// Characteristics beyond CPU, memory and NIC.
    pub attributes: Vec<Attribute>,
    /// Pre-generated groups: combination and name.
    pub groups: Vec<(Capability, Name)>,
    /// Whether an unknown combination makes a new group.
    pub create_unknown: bool,
}

impl Zone {
    pub(super) fn create_configured_groups(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for (capability, name) in self.settings.table.groups.clone() {
            self.create_logical_group(now.wall, &capability, name, "configuration", effects);
        }
    }

    /// Creates the group of a combination unless it exists; says its id and name.
    pub(super) fn create_logical_group(
        &mut self,
        at: UnixMillis,
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
            at,
        }));
        let record = GroupRecord {
            group,
            kind: GroupKind::Logical,
            name: name.clone(),
            place: None,
            capability,
            session: 0,
            instance: None,
        };
        self.groups.insert(group, record);
        self.table_version += 1;
        (group, name)
    }

    /// Whether the zone's policy has, or lets be made, a group of this combination.
    pub(super) fn allows(&self, capability: &Capability) -> bool {
        self.settings.table.create_unknown || self.groups.contains_key(&capability.group_id())
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
        self.checkins.insert(request.checkin, request);
        if stale {
            let table = Packet::GroupTable(self.table());
            effects.push(self.tell(now, inbox, table));
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
            create_unknown: self.settings.table.create_unknown,
        }
    }
}
