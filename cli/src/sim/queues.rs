//! How many messages wait in the queues of zone and racks, asked by declaring them passively.

use std::path::Path;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use rollcall_model::{CheckinId, GroupId, Name, Purpose, route};

/// The queues of a zone, asked over a connection of their own.
pub struct Queues {
    connection: Connection,
    channel: Channel,
    names: Vec<String>,
}

/// The names of all queues that daemons declare: what each zone, rack and check-in service declares, read where it is said.
#[must_use]
pub fn names(racks: &[GroupId], checkin: &Name) -> Vec<String> {
    let zone = rollcall_zone_controller::topology::topology("", &Purpose::standard());
    let racks = racks.iter().map(|group| rollcall_group_controller::topology::topology(*group));
    let zones = [zone, rollcall_zone_controller::topology::availability()].into_iter();
    let declared = zones.chain(racks).flat_map(|topology| topology.queues).map(|queue| queue.name);
    declared.chain([route::checkin_queue(CheckinId::of_service(checkin))]).collect()
}

/// The id that a rack keeps in its state directory.
#[must_use]
pub fn group_of(state: &Path) -> Option<GroupId> {
    std::fs::read_to_string(state.join("group-id")).ok()?.trim().parse().ok()
}

impl Queues {
    /// Connects with the credentials of the URL.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn connect(url: &str) -> Result<Self, lapin::Error> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        Ok(Self { connection, channel, names: Vec::new() })
    }

    /// Watches these from now on.
    pub fn watch(&mut self, names: Vec<String>) {
        self.names = names;
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many messages wait in each; `None` where one is not there (yet), and everywhere once the broker is gone.
    pub async fn depths(&mut self) -> Vec<Option<u32>> {
        let mut depths = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let passively = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let asked = self.channel.queue_declare(name.as_str().into(), passively, FieldTable::default()).await;
            if asked.is_err() && self.connection.status().connected() {
                // A question about what is not there closes the channel.
                if let Ok(channel) = self.connection.create_channel().await {
                    self.channel = channel;
                }
            }
            depths.push(asked.ok().map(|queue| queue.message_count()));
        }
        depths
    }

    /// Takes leave of the broker.
    pub async fn close(self) {
        // It may be gone already.
        let _ = self.connection.close(200, "done".into()).await;
    }
}

/// Queues of racks are one kind each: `group.*.health`.
#[must_use]
pub fn kind(name: &str) -> String {
    match name.split('.').collect::<Vec<_>>().as_slice() {
        ["group", _, purpose] => format!("group.*.{purpose}"),
        ["checkin", _] => "checkin".into(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_of_racks_are_told_by_their_purpose() {
        let group = GroupId::derived_from("a");
        let names = names(&[group], &Name::nearest("c", "c"));
        assert!(names.contains(&route::group_queue(group, route::HEALTH)), "{names:?}");
        for of_zone in [route::JOINS, route::AVAILABILITY_QUEUE, rollcall_zone_controller::topology::TARGETS_QUEUE] {
            assert!(names.contains(&of_zone.to_owned()), "{of_zone}");
        }
        let kinds: Vec<String> = names.iter().map(|name| kind(name)).collect();
        assert!(kinds.contains(&"group.*.health".to_owned()) && kinds.contains(&"checkin".to_owned()));
        assert!(kinds.contains(&"zone.joins".to_owned()));
    }
}
