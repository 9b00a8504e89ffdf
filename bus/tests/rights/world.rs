//! A zone, two racks, two check-in services and two nodes with all their queues, as far as the broker can tell.

use std::sync::Arc;

use lapin::tcp::{AMQPUriTcpExt, RustlsConnector};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use rollcall_bus::{EVENT_EXCHANGE, QUEUE_DELETED, Rights, audit};
use rollcall_model::{CheckinId, GroupId, Name, NodeId, Principal, ZoneId, route};

use crate::site::{Leaf, Secured, Site};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::tries::{Outcome, Try};

pub fn zone() -> ZoneId {
    ZoneId::derived_from("rights")
}

pub fn node(name: &str) -> NodeId {
    NodeId::derived_from(&format!("node {name}"))
}

pub fn group(name: &str) -> GroupId {
    GroupId::derived_from(&format!("group {name}"))
}

pub fn checkin(name: &str) -> CheckinId {
    CheckinId::derived_from(&format!("checkin {name}"))
}

const GROUP_PURPOSES: [&str; 7] = [
    "presence",
    "broker-events",
    route::HEALTH,
    route::AVAILABILITY,
    route::METRICS,
    route::HEALTH_ALERTS,
    route::HEALTH_ACTIONS,
];

/// Every queue of a principal.
pub fn queues_of(who: &Principal) -> Vec<String> {
    let inbox = who.inbox().into_iter();
    let others: Vec<String> = match who {
        Principal::Zone(_) => {
            let channels = ["zone.alerts", "zone.policies", "zone.analytics"];
            [route::JOINS, route::PARKED_QUEUE, route::REFUSALS]
                .into_iter()
                .chain(channels)
                .map(str::to_owned)
                .collect()
        }
        Principal::Group(group) => GROUP_PURPOSES.map(|purpose| route::group_queue(*group, purpose)).into(),
        Principal::Checkin(checkin) => vec![route::checkin_queue(*checkin)],
        Principal::Node(node) => vec![route::clash_inbox(*node)],
        Principal::User(name) => vec![format!("{}.1", route::user_queues(name))],
    };
    inbox.chain(others).collect()
}

pub const EXCHANGES: [&str; 11] = [
    route::DIRECT,
    route::PRESENCE,
    route::GROUP,
    route::ZONE,
    route::PARKED,
    route::EVENTS,
    EVENT_EXCHANGE,
    audit::LOG_EXCHANGE,
    "amq.topic",
    "amq.direct",
    "",
];

/// Keys with which a principal's messages are published and its queues bound.
fn keys_of(who: &Principal) -> Vec<String> {
    let mut keys: Vec<String> = who.inbox().into_iter().collect();
    match who {
        Principal::Zone(_) => keys.extend([route::JOINS.into(), "#".into(), String::new(), QUEUE_DELETED.into()]),
        Principal::Group(group) => {
            keys.push(route::zone_key("alerts", *group));
            keys.push(route::group_binding(*group, route::HEALTH));
        }
        Principal::Checkin(checkin) => {
            keys.push(format!("analytics.{checkin}"));
            keys.push(format!("{}.*", route::checkin_queue(*checkin)));
        }
        Principal::Node(node) => {
            keys.extend([format!("clash.{node}"), format!("readings.{node}")]);
            keys.push(format!("{}.{node}", route::checkin_queue(checkin("b"))));
            keys.push(route::group_key(group("b"), route::HEALTH, *node));
            keys.push(route::group_key(group("b"), route::AVAILABILITY, *node));
        }
        Principal::User(name) => {
            keys.extend(["alert_raised.*", route::AVAILABILITY_BINDING].map(str::to_owned));
            keys.push(route::targets_key(name));
        }
    }
    keys
}

/// Everybody there is; those named `b` are the neighbours.
pub fn everybody() -> Vec<Principal> {
    vec![
        Principal::Zone(zone()),
        Principal::Group(group("a")),
        Principal::Group(group("b")),
        Principal::Checkin(checkin("a")),
        Principal::Checkin(checkin("b")),
        Principal::Node(node("a")),
        Principal::Node(node("b")),
        Principal::User(Name::new("ada").expect("a name")),
    ]
}

/// Every operation on everything, for one of them: what is its own comes last, so that it is still there.
pub fn catalogue(who: &Principal) -> Vec<Try> {
    let everybody = everybody();
    let keys: Vec<String> = everybody.iter().flat_map(keys_of).collect();
    let mut tries = Vec::new();
    for exchange in EXCHANGES.map(str::to_owned) {
        if !exchange.is_empty() {
            tries.push(Try::DeclareExchange { exchange: exchange.clone() });
            tries.push(Try::DeleteExchange { exchange: exchange.clone() });
            for (to, key) in EXCHANGES.iter().flat_map(|to| keys.iter().map(move |key| (*to, key))) {
                if to.is_empty() || (key != "#" && Some(key) != who.inbox().as_ref()) {
                    continue;
                }
                let (to, from, key) = (to.to_owned(), exchange.clone(), key.clone());
                tries.push(Try::Tie { to: to.clone(), from: from.clone(), key: key.clone() });
                tries.push(Try::Untie { to, from, key });
            }
        }
        tries.extend(keys.iter().map(|key| Try::Publish { exchange: exchange.clone(), key: key.clone() }));
    }
    let (own, others): (Vec<&Principal>, Vec<&Principal>) = everybody.iter().partition(|&other| other == who);
    let mut bindings = keys_of(who);
    bindings.extend(["#".into(), String::new(), route::JOINS.into(), QUEUE_DELETED.into()]);
    bindings.extend(Principal::Node(node("b")).inbox());
    bindings.push(route::group_binding(group("b"), route::HEALTH));
    bindings.push(format!("{}.*", route::checkin_queue(checkin("b"))));
    for queue in others.into_iter().chain(own).flat_map(queues_of) {
        tries.extend(on_queue(&queue, &bindings));
    }
    tries
}

fn on_queue(queue: &str, keys: &[String]) -> Vec<Try> {
    let queue = queue.to_owned();
    let mut tries = vec![Try::Declare { queue: queue.clone() }];
    for exchange in EXCHANGES.map(str::to_owned).into_iter().filter(|exchange| !exchange.is_empty()) {
        for key in keys {
            let (queue, exchange, key) = (queue.clone(), exchange.clone(), key.clone());
            tries.push(Try::Bind { queue: queue.clone(), exchange: exchange.clone(), key: key.clone() });
            tries.push(Try::Unbind { queue, exchange, key });
        }
    }
    tries.extend([
        Try::Consume { queue: queue.clone() },
        Try::Get { queue: queue.clone() },
        Try::Purge { queue: queue.clone() },
        Try::Delete { queue: queue.clone() },
        Try::DeclareBurying { queue: queue.clone(), exchange: route::PARKED.into() },
        Try::Delete { queue },
    ]);
    tries
}

fn login(site: &Site, user: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(site.roots().as_bytes()).expect("a certificate")).expect("a root");
    let Leaf { chain, key } = site.client(user);
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    let config = builder.expect("TLS 1.3").with_root_certificates(roots).with_client_auth_cert(chain, key);
    Arc::new(config.expect("they belong together"))
}

/// The connection of one principal, without the bus between.
pub async fn connect(secured: &Secured, who: &Principal) -> Connection {
    let user = who.user_in(zone());
    let config = login(&secured.site, &user);
    let uri: AMQPUri = format!("{}?auth_mechanism=external", secured.broker.url()).parse().expect("a URL");
    let runtime = lapin::runtime::default_runtime().expect("a runtime");
    let connect = async move |uri: AMQPUri, runtime| {
        let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
        let stream = plain.connect_async(&runtime).await?;
        Ok(stream.into_rustls(&RustlsConnector::from(config.clone()), &uri.authority.host).await?)
    };
    Connection::connector(uri, runtime, connect, ConnectionProperties::default()).await.expect("logged in")
}

/// Admits everybody; the zone makes the exchanges and, in everybody's name, the queues.
pub async fn build(secured: &Secured) -> Connection {
    let users: Vec<_> = everybody().iter().map(|who| (who.user_in(zone()), Rights::of(who, zone()))).collect();
    secured.admin().admit(&users).await.expect("admitted");
    let connection = connect(secured, &Principal::Zone(zone())).await;
    for exchange in [route::DIRECT, route::GROUP, route::ZONE, route::PRESENCE, route::PARKED, route::EVENTS] {
        // Of what kind the fanouts are makes no difference to who may use them, as their keys are not bounded.
        let made = Try::DeclareExchange { exchange: exchange.into() }.run(&connection).await;
        assert_eq!(made, Outcome::Allowed, "{exchange}");
    }
    for queue in everybody().iter().flat_map(queues_of) {
        assert_eq!(Try::Declare { queue: queue.clone() }.run(&connection).await, Outcome::Allowed, "{queue}");
    }
    connection
}
