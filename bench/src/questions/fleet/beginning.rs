//! The zone, its racks, its combinations, its rules, its policies, its check-in services.

use std::net::Ipv4Addr;

use rollcall_model::{CheckinId, GroupId, InstanceId, Millis};
use rollcall_store::{Change, GroupKind, GroupRule};
use rollcall_zone_controller::zone_id::zone_id;

use super::{Fleet, KINDS, capability, name, rack};
use crate::footprint::zone::{MACHINE, SECRET};

impl Fleet {
    pub(super) fn beginning(&self) -> anyhow::Result<Vec<Change>> {
        let mut changes = vec![Change::ZoneStarted {
            zone: zone_id(MACHINE, SECRET.as_bytes()),
            name: name("bench")?,
            generation: 1,
            at: self.at(0),
        }];
        for number in 1..=self.racks {
            changes.push(self.rack_joined(number)?);
        }
        changes.extend((0..KINDS).map(|kind| {
            let capability = capability(kind);
            Change::GroupCreated {
                group: capability.group_id(),
                kind: GroupKind::Logical,
                name: capability.group_name(),
                capability: Some(capability),
                origin: "check-in",
                at: self.at(0),
            }
        }));
        for (number, group) in ["hot", "quarantine"].into_iter().enumerate() {
            changes.push(self.ruled(group, 5_000 * (1 + number as u64))?);
        }
        for version in 1..=3 {
            changes.push(Change::PolicySet {
                version,
                document: format!("# version {version}\n"),
                by: "ada".into(),
                comment: format!("step {version}"),
                at: self.at(version),
            });
        }
        for number in 1..=8 {
            changes.extend(self.checkin(number)?);
        }
        Ok(changes)
    }

    fn rack_joined(&self, number: u32) -> anyhow::Result<Change> {
        Ok(Change::GroupJoined {
            group: rack(number),
            name: name(&format!("rack-{number}"))?,
            place: name(&format!("row-{}-{number}", number / 20))?,
            addresses: vec![Ipv4Addr::from(0x0A00_0000 + (number << 8)).into()],
            instance: InstanceId::derived_from(&format!("run {number}")),
            session: 1,
            channels: Vec::new(),
            at: self.at(0),
        })
    }

    fn ruled(&self, group: &str, dwell: u64) -> anyhow::Result<Change> {
        Ok(Change::RuleGroupSet {
            group: GroupId::derived_from(group),
            kind: GroupKind::Health,
            name: name(group)?,
            rule: GroupRule {
                rule: "health.cpu_temperature".into(),
                enter_dwell: Millis(dwell),
                leave_dwell: Millis(30_000),
            },
            origin: "default".into(),
            at: self.at(0),
        })
    }

    /// A check-in service that runs in a rack; every fourth does not, yet.
    fn checkin(&self, number: u32) -> anyhow::Result<Vec<Change>> {
        let (service, running) = (name(&format!("checkin-{number}"))?, !number.is_multiple_of(4));
        let placed = Change::CheckinPlaced {
            name: service.clone(),
            group: rack(1 + number % self.racks),
            running,
            message: if running { "started" } else { "waits for its group" }.into(),
            at: self.at(5),
        };
        let registered = Change::CheckinRegistered {
            checkin: CheckinId::derived_from(&format!("checkin {number}")),
            name: service,
            address: Ipv4Addr::from(0x0A00_0000 + number).into(),
            ranges: vec![format!("10.{number}.0.0/16")],
            at: self.at(6),
        };
        Ok(if running { vec![placed, registered] } else { vec![placed] })
    }
}
