//! Which check-in service is responsible for this node's address: the one with the narrowest range that holds it. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rollcall_model::wire::txt::CheckinAnnouncement;
use rollcall_model::{CheckinId, Name};

/// The services heard of, by DNS-SD instance.
#[derive(Debug, Default)]
pub struct Checkins(BTreeMap<String, CheckinAnnouncement>);

impl Checkins {
    /// A service was heard.
    pub fn heard(&mut self, instance: String, service: CheckinAnnouncement) {
        self.0.insert(instance, service);
    }

    /// A service said good-bye, or its record expired.
    pub fn gone(&mut self, instance: &str) {
        self.0.remove(instance);
    }

    /// The services of a zone and their ranges, for people.
    #[must_use]
    pub fn heard_of(&self, zone: &Name) -> String {
        let ranges: Vec<String> = self
            .0
            .values()
            .filter(|service| service.namespace == *zone)
            .flat_map(|service| service.ranges.iter().map(ToString::to_string))
            .collect();
        if ranges.is_empty() { "none has been heard".into() } else { format!("heard: {}", ranges.join(", ")) }
    }

    /// The service of this zone that is responsible for an address.
    #[must_use]
    pub fn responsible(&self, zone: &Name, address: IpAddr) -> Option<CheckinId> {
        self.0
            .values()
            .filter(|service| service.namespace == *zone)
            .filter_map(|service| {
                let narrowest = service
                    .ranges
                    .iter()
                    .filter(|range| range.contains(&address))
                    .map(ipnet::IpNet::prefix_len)
                    .max()?;
                Some((narrowest, std::cmp::Reverse(service.checkin)))
            })
            .max()
            .map(|(_, std::cmp::Reverse(checkin))| checkin)
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::ZoneId;
    use rollcall_model::wire::txt::BrokerEndpoint;

    use super::*;

    fn service(name: &str, namespace: &str, ranges: &[&str]) -> (String, CheckinAnnouncement) {
        let announcement = CheckinAnnouncement {
            checkin: CheckinId::derived_from(name),
            zone: ZoneId::derived_from(namespace),
            namespace: Name::new(namespace).unwrap(),
            ranges: ranges.iter().map(|range| range.parse().unwrap()).collect(),
            broker: BrokerEndpoint { host: "b".into(), port: 1, vhost: "v".into() },
            addresses: vec![],
        };
        (name.to_owned(), announcement)
    }

    #[test]
    fn the_narrowest_range_of_the_right_zone_is_responsible() {
        let mut checkins = Checkins::default();
        for (instance, announcement) in [
            service("wide", "z", &["10.0.0.0/8"]),
            service("narrow", "z", &["10.1.0.0/16", "fd00::/8"]),
            service("foreign", "other", &["10.1.2.0/24"]),
        ] {
            checkins.heard(instance, announcement);
        }
        let zone = Name::new("z").unwrap();
        let ask = |checkins: &Checkins, address: &str| checkins.responsible(&zone, address.parse().unwrap());
        assert_eq!(ask(&checkins, "10.1.2.3"), Some(CheckinId::derived_from("narrow")));
        assert_eq!(ask(&checkins, "10.2.2.3"), Some(CheckinId::derived_from("wide")));
        assert_eq!(ask(&checkins, "192.0.2.1"), None);
        checkins.gone("narrow");
        assert_eq!(ask(&checkins, "10.1.2.3"), Some(CheckinId::derived_from("wide")));
    }
}
