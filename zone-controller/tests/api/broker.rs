//! A zone with an identity on a real, secured RabbitMQ: it makes its own user and logs in by certificate; users come before
//! certificates and go with them, also when the broker was away at the wrong moment.

use std::path::Path;
use std::time::Duration;

use rollcall_bus::private_broker::{PrivateBroker, ServerCertificate};
use rollcall_bus::{Attachment, Bus, Connector, Credentials, Link, RabbitSettings, TlsIdentity};
use rollcall_identity::{Key, Names, Validity, ZoneAuthority, make_csr};
use rollcall_model::{NodeId, Principal, route};
use rollcall_zone_controller::config::BrokerAdminConfig;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::secure::{Secure, now};
use crate::stage::name;

/// The broker's own certificate, from the zone's services authority.
fn certificate(zone_directory: &Path) -> ServerCertificate {
    let authority = ZoneAuthority::load(zone_directory).expect("authorities");
    let key = Key::generate().expect("a key");
    let names = Names { dns: vec!["localhost".into()], ips: vec![[127, 0, 0, 1].into()] };
    let csr = make_csr(&key).expect("a request");
    let serial = rollcall_identity::serial::draw().expect("a number");
    let issued = authority.issue_server(&name("broker"), &names, &csr, serial, Validity::leaf(now()));
    let file = |name: &str, text: &str| {
        let path = zone_directory.join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    ServerCertificate {
        chain: file("broker.crt", &issued.expect("a certificate").chain_pem),
        key: file("broker.key", &key.pem()),
        roots: file("roots.pem", &authority.bundle().roots_pem()),
    }
}

struct Node {
    principal: Principal,
    key: Key,
}

impl Node {
    fn named(id: &str) -> Self {
        Self { principal: Principal::Node(NodeId::derived_from(id)), key: Key::generate().expect("a key") }
    }

    async fn join(&self, stage: &Secure, name: &str, token: &str) -> (u16, Value) {
        let csr = make_csr(&self.key).expect("a request");
        let asked = json!({ "csr": csr, "principal": self.principal, "name": name, "token": token });
        stage.post(&stage.stranger(), "/v1/join", asked).await
    }

    /// On the broker with the certificate it was given.
    async fn attach(&self, stage: &Secure, url: &str, given: &Value) -> Bus {
        let (user, chain) = (given["user"].as_str().expect("a user"), given["certificate"].as_str().expect("a chain"));
        let (key, roots) = (self.key.pem(), stage.authority.bundle().roots_pem());
        let identity = TlsIdentity::new(Credentials { user, chain, key: &key, roots: &roots }).expect("an identity");
        let Principal::Node(node) = self.principal else { panic!("a node") };
        let attachment = Attachment {
            principal: self.principal.clone(),
            inbox: route::node_inbox(node),
            client_name: "a node".into(),
            endpoint: None,
        };
        let settings = RabbitSettings { url: url.into(), ..RabbitSettings::default() };
        Connector::Secure { settings, identity }.attach(attachment).await.expect("a bus")
    }
}

async fn until(bus: &Bus, what: &str, wanted: impl Fn(&Link) -> bool) {
    let mut link = bus.link();
    let seen = timeout(Duration::from_secs(30), link.wait_for(|link| wanted(link))).await;
    assert!(seen.is_ok(), "never {what}: {:?}", bus.link().borrow());
}

#[tokio::test]
async fn users_come_with_certificates_and_go_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut broker = None;
    let stage = Secure::on(async |config, zone_directory| {
        let started = PrivateBroker::start_secured(directory.path(), certificate(zone_directory)).await;
        let started = started.expect("a secured RabbitMQ starts; apt-get install rabbitmq-server");
        let management = started.management().expect("it is secured");
        let password_file = zone_directory.join("broker-admin.password");
        rollcall_identity::files::write_secret(&password_file, &management.password).unwrap();
        config.broker = RabbitSettings { url: started.url(), ..RabbitSettings::default() };
        config.broker_admin = Some(BrokerAdminConfig { url: management.url, user: management.user, password_file });
        config.validate().unwrap();
        let connector = Connector::Rabbit(config.broker.clone());
        broker = Some(started);
        connector
    })
    .await;
    let broker = broker.expect("a broker");
    let token = stage.token(json!({ "for": "node", "name": "web-1" })).await;
    let node = Node::named("n");
    let (code, given) = node.join(&stage, "web-1", &token).await;
    assert_eq!(code, 201, "{given}");
    let bus = node.attach(&stage, &broker.url(), &given).await;
    until(&bus, "up", |link| matches!(link, Link::Up { .. })).await;

    let asked = Instant::now();
    let (code, revoked) = stage.post(&stage.administrator(), "/v1/revoke", json!({ "principal": "web-1" })).await;
    assert_eq!((code, &revoked["cut"]), (200, &json!(true)), "{revoked}");
    until(&bus, "down", |link| !matches!(link, Link::Up { .. })).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "cut after {:?}", asked.elapsed());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!matches!(*bus.link().borrow(), Link::Up { .. }), "it stays out");

    // Many at once are made in a few requests.
    let began = Instant::now();
    let mut tokens = Vec::new();
    for number in 0..20 {
        tokens.push((number, stage.token(json!({ "for": "node", "name": format!("web-2{number}") })).await));
    }
    let mut last = None;
    for (number, token) in tokens {
        let node = Node::named(&format!("n2{number}"));
        let (code, given) = node.join(&stage, &format!("web-2{number}"), &token).await;
        assert_eq!(code, 201, "{given}");
        last = Some((node, given, token));
    }
    println!("20 tokens and joins one after another in {} ms", began.elapsed().as_millis());

    // While the broker is away nobody gets a certificate that opens nothing, and a revocation waits for it.
    let (node, given, _) = last.expect("a node");
    let other = node.attach(&stage, &broker.url(), &given).await;
    until(&other, "up", |link| matches!(link, Link::Up { .. })).await;
    broker.pause();
    let (code, revoked) = stage.post(&stage.administrator(), "/v1/revoke", json!({ "principal": "web-219" })).await;
    assert_eq!((code, &revoked["cut"]), (200, &json!(false)), "{revoked}");
    broker.resume();
    until(&other, "cut", |link| !matches!(link, Link::Up { .. })).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!matches!(*other.link().borrow(), Link::Up { .. }), "it stays out, too");
    let (_, lines) = stage.get(&stage.administrator(), "/v1/audit?limit=1000").await;
    assert!(lines.to_string().contains("principal_revoked"));
    drop(stage);
    broker.stop().await;
}
