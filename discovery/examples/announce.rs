//! Announces a zone, a rack and a check-in service on one interface until it is told to end.
//!
//! `announce <interface> <address>`; look at it with `avahi-browse -rt _rollcall._tcp`.

use std::error::Error;
use std::io::Write;
use std::net::IpAddr;

use rollcall_discovery::{Discovery, DiscoverySettings};
use rollcall_model::packet::Ack;
use rollcall_model::wire::txt::{Announcement, BrokerEndpoint, CheckinAnnouncement, Hello};
use rollcall_model::{CheckinId, GroupId, InstanceId, Name, ZoneId};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(interface), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: announce <interface> <address>".into());
    };
    let address: IpAddr = address.parse()?;
    let settings = DiscoverySettings { interfaces: vec![interface], ..DiscoverySettings::default() };
    let discovery = Discovery::start(&settings)?;
    let mut announced = Vec::new();
    for announcement in announcements(address)? {
        announced.push(discovery.announce(announcement).await?);
        let instance = announced.last().map(|announced| announced.instance().to_owned());
        writeln!(std::io::stdout(), "announcing {}", instance.unwrap_or_default())?;
    }
    tokio::signal::ctrl_c().await?;
    for announced in announced {
        announced.withdraw().await?;
    }
    Ok(())
}

fn announcements(address: IpAddr) -> Result<[Announcement; 3], Box<dyn Error>> {
    let zone = ZoneId::derived_from("example zone");
    let name = Name::new("example")?;
    let broker = BrokerEndpoint { host: address.to_string(), port: 5671, vhost: "example".into() };
    let hello = Hello {
        zone,
        name: name.clone(),
        generation: 1,
        broker: broker.clone(),
        api: format!("{address}:8443"),
        addresses: vec![address],
        expires: None,
        ca: None,
        credential: None,
        signature: None,
    };
    let ack = Ack {
        zone,
        generation: 1,
        group: GroupId::derived_from("example rack"),
        name: Name::new("rack-1")?,
        place: Name::new("rack-1")?,
        addresses: vec![address],
        instance: InstanceId::derived_from("example run"),
    };
    let checkin = CheckinAnnouncement {
        checkin: CheckinId::derived_from("example check-in"),
        zone,
        namespace: name,
        ranges: vec!["10.0.0.0/8".parse()?],
        broker,
        addresses: vec![address],
    };
    Ok([Announcement::Hello(hello), Announcement::Ack(ack), Announcement::Checkin(checkin)])
}
