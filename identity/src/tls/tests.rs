use std::io::{Read, Write};

use rustls::{ClientConnection, ServerConnection};

use super::*;
use crate::stage::{Stage, everybody, issue_with, node};
use crate::{Validity, ZoneAuthority};
use rollcall_model::{Principal, UnixMillis};

/// The handshake looks at the clock, and the stage's hour is another one.
fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMillis(u64::try_from(since.as_millis()).unwrap())
}

fn stage() -> Stage {
    let stage = Stage::new();
    let (site, zone) = (stage.dir("site-now"), stage.dir("zone-now"));
    let name = crate::stage::name("east");
    let made = crate::Site::create(&site, &name, now()).unwrap();
    made.make_zone(&name, &zone, now()).unwrap();
    let authority = ZoneAuthority::load(&zone).unwrap();
    Stage { site: made, authority, ..stage }
}

fn certified_for(stage: &Stage, principal: &Principal) -> Arc<Certified> {
    let (issued, key) = issue_with(&stage.authority, principal, Validity::leaf(now()));
    Certified::new(&issued.chain_pem, &key).unwrap()
}

fn zone_server(stage: &Stage, clients: Clients) -> ServerConfig {
    server(certified_for(stage, &everybody()[3]), stage.site.bundle(), clients).unwrap()
}

/// A whole handshake in memory, and a byte each way; how many certificates the server saw of the client.
fn talk(client: ClientConfig, server: ServerConfig, name: &str) -> Result<usize, rustls::Error> {
    let mut client = ClientConnection::new(client.into(), name.to_owned().try_into().unwrap())?;
    let mut server = ServerConnection::new(server.into())?;
    client.writer().write_all(b"x").unwrap();
    server.writer().write_all(b"y").unwrap();
    for _ in 0..6 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    let mut byte = [0];
    server.reader().read_exact(&mut byte).expect("the client's byte");
    client.reader().read_exact(&mut byte).expect("the server's byte");
    assert_eq!(client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(client.handshake_kind(), Some(rustls::HandshakeKind::Full));
    Ok(server.peer_certificates().map_or(0, <[_]>::len))
}

#[test]
fn a_zone_is_reached_by_its_names_by_strangers_and_by_the_known() {
    let stage = stage();
    let bundle = stage.site.bundle();
    for name in ["localhost", "127.0.0.1"] {
        let stranger = client(bundle, None).unwrap();
        assert_eq!(talk(stranger, zone_server(&stage, Clients::MayBeStrangers), name), Ok(0));
        let known = client(bundle, Some(certified_for(&stage, &node()))).unwrap();
        assert_eq!(talk(known, zone_server(&stage, Clients::MayBeStrangers), name), Ok(2));
    }
    let known = client(bundle, Some(certified_for(&stage, &node()))).unwrap();
    assert_eq!(talk(known, zone_server(&stage, Clients::MustBeKnown), "localhost"), Ok(2));
}

#[test]
fn nobody_is_resumed() {
    let stage = stage();
    let config = client(stage.site.bundle(), None).unwrap();
    let server = zone_server(&stage, Clients::MayBeStrangers);
    for _ in 0..3 {
        assert_eq!(talk(config.clone(), server.clone(), "localhost"), Ok(0));
    }
}

#[test]
fn wrong_names_roots_strangers_and_nodes_that_serve_are_turned_away() {
    let (stage, other) = (stage(), self::stage());
    let bundle = stage.site.bundle();
    let open = || zone_server(&stage, Clients::MayBeStrangers);
    assert!(talk(client(bundle, None).unwrap(), open(), "zone.example").is_err());
    assert!(talk(client(other.site.bundle(), None).unwrap(), open(), "localhost").is_err());
    let foreign = client(bundle, Some(certified_for(&other, &node()))).unwrap();
    assert!(talk(foreign, open(), "localhost").is_err());
    let strict = zone_server(&stage, Clients::MustBeKnown);
    assert!(talk(client(bundle, None).unwrap(), strict, "localhost").is_err());
    let node_serves = server(certified_for(&stage, &node()), bundle, Clients::MayBeStrangers).unwrap();
    assert!(talk(client(bundle, None).unwrap(), node_serves, "localhost").is_err());
}

#[test]
fn expired_and_future_clients_are_turned_away() {
    let stage = stage();
    let ends = |validity| {
        let (issued, key) = issue_with(&stage.authority, &node(), validity);
        let own = Certified::new(&issued.chain_pem, &key).unwrap();
        let config = client(stage.site.bundle(), Some(own)).unwrap();
        talk(config, zone_server(&stage, Clients::MayBeStrangers), "localhost")
    };
    let now = now();
    // The authority itself is a few minutes old; a certificate cannot begin before it.
    let past = Validity { not_before: UnixMillis(now.0 - 200_000), not_after: UnixMillis(now.0 - 100_000) };
    assert!(ends(past).is_err());
    assert!(
        ends(Validity { not_before: UnixMillis(now.0 + 600_000), not_after: UnixMillis(now.0 + 700_000) }).is_err()
    );
    assert_eq!(ends(Validity::leaf(now)), Ok(2));
}

#[test]
fn a_certificate_is_exchanged_while_the_server_runs() {
    let stage = stage();
    let own = certified_for(&stage, &node());
    let config = server(Arc::clone(&own), stage.site.bundle(), Clients::MayBeStrangers).unwrap();
    let reach = || talk(client(stage.site.bundle(), None).unwrap(), config.clone(), "localhost");
    assert!(reach().is_err());
    let (zone, key) = issue_with(&stage.authority, &everybody()[3], Validity::leaf(now()));
    let other = Key::generate().unwrap();
    assert!(matches!(own.replace(&zone.chain_pem, &other), Err(TlsError::Pair(_))));
    assert!(matches!(own.replace("", &key), Err(TlsError::Chain(_))));
    assert!(reach().is_err(), "what does not fit changes nothing");
    own.replace(&zone.chain_pem, &key).unwrap();
    assert_eq!(reach(), Ok(0));
}
