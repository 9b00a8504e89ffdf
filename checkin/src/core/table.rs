//! The zone's group table (C5, C7): asked for, taken, kept, and announced from.

use rollcall_model::packet::{GroupTable, Packet, TableRequest};
use rollcall_model::wire::txt::CheckinAnnouncement;
use rollcall_model::{Millis, Now, ZoneFence, route};

use super::{Checkin, Effect, Settings, TABLE_PERIOD};
use crate::memory::Record;

impl Checkin {
    pub(super) fn ask_for_table(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.confirmed {
            self.table_pause = TABLE_PERIOD;
        }
        self.next_table = now.tick + self.table_pause;
        self.table_pause = Millis((self.table_pause.0 * 2).min(TABLE_PERIOD.0));
        // A remembered table is asked for as if there were none: the answer shows that the zone is there.
        let have = self.memory.table().filter(|_| self.confirmed).map_or(0, |table| table.version);
        let request = Packet::TableRequest(TableRequest {
            checkin: self.settings.checkin,
            name: self.settings.name.clone(),
            address: self.settings.address,
            ranges: self.settings.ranges.clone(),
            have,
        });
        effects.push(Effect::Publish(self.sender.confirmed(now, route::DIRECT, route::JOINS.into(), request)));
    }

    /// The first table of a run is taken whatever was remembered: the zone may have been set up anew.
    pub(super) fn on_table(&mut self, now: Now, table: GroupTable, effects: &mut Vec<Effect>) {
        if let Some(known) = self.memory.table().filter(|_| self.confirmed) {
            if known.zone != table.zone {
                return self.count("other_zone", format!("a table of zone {}", table.zone));
            }
            if known.version > table.version && self.doubted != Some(table.version) {
                self.doubted = Some(table.version);
                return;
            }
        }
        self.zone_spoke(now);
        if self.doubted.take() == Some(table.version) {
            // The zone counts anew, so its generations do, too.
            self.fence = ZoneFence::default();
        }
        self.confirmed = true;
        if self.memory.table() != Some(&table) {
            self.save(Record::Table(Box::new(table)), effects);
        }
        self.next_table = now.tick + TABLE_PERIOD;
    }

    /// A table also says which zone this is; from then on the service is announced (C1): right after a restart from
    /// what is remembered, without waiting for the zone.
    pub(super) fn announce(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(zone) = self.memory.table().map(|table| table.zone).filter(|zone| self.announced != Some(*zone))
        else {
            return;
        };
        self.announced = Some(zone);
        let Settings { checkin, name, zone_name, ranges, broker, address, .. } = &self.settings;
        tracing::info!(target: "rollcall::step", step = "checkin_ready", checkin = %name, ms = now.tick.0,
            "check-in service {name} is ready");
        effects.push(Effect::Announce(CheckinAnnouncement {
            checkin: *checkin,
            zone,
            namespace: zone_name.clone(),
            ranges: ranges.clone(),
            broker: broker.clone(),
            addresses: vec![*address],
        }));
    }
}
