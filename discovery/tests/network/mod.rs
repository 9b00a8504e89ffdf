//! The loopback interface as a network nobody else is on.

use rollcall_discovery::{Discovery, DiscoverySettings};
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint, Hello};
use rollcall_model::{Name, ZoneId};

/// A UDP port nobody uses.
pub fn quiet_port() -> u16 {
    std::net::UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// Discovery over multicast DNS on the loopback interface.
pub fn daemon(port: u16) -> Discovery {
    Discovery::start(&DiscoverySettings { mdns: true, interfaces: vec!["lo".into()], port }).unwrap()
}

/// A hello packet of a zone named so.
pub fn hello(name: &str, generation: u64) -> Announcement {
    Announcement::Hello(Hello {
        zone: ZoneId::derived_from(name),
        name: Name::new(name).unwrap(),
        generation,
        broker: BrokerEndpoint { host: "10.20.30.40".into(), port: 5671, vhost: "zone".into() },
        api: "10.20.30.40:8443".into(),
        addresses: vec!["10.20.30.40".parse().unwrap(), "fd00::40".parse().unwrap()],
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    })
}
