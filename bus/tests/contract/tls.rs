//! RabbitMQ over TLS 1.3 with certificates: who gets in and who does not, and what the link says.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall_bus::admin::{Admin, AdminError, AdminSettings};
use rollcall_bus::{
    Bus, ConnectError, Connector, Credentials, DownCause, Link, Outgoing, RabbitSettings, Rights, TlsIdentity,
};
use rollcall_model::{NodeId, Principal, ZoneId, route};
use serde_json::Value;

use crate::site::{Leaf, Site};
use crate::stage::{Stage, hasty, link, next, secured, soon, take};

fn node(name: &str) -> Principal {
    Principal::Node(NodeId::derived_from(name))
}

fn home() -> ZoneId {
    ZoneId::derived_from("tls")
}

/// Admits a principal, with everything allowed: these tests are about logging in.
async fn admit(principal: &Principal) -> String {
    let user = principal.user_in(home());
    let rights = Rights::of(&Principal::Zone(home()), home());
    secured().await.admin().admit(&[(user.clone(), rights)]).await.expect("admitted");
    user
}

/// The exchange that inboxes hang on; some test has to be the zone.
async fn zone() -> Bus {
    let zone = Principal::Zone(home());
    let user = admit(&zone).await;
    let bus = attach(secured().await.site.identity(&user), zone).await;
    link(&bus, "the zone is up", Link::is_up).await;
    bus
}

fn settings(url: String) -> RabbitSettings {
    RabbitSettings { connect_timeout_ms: 10_000, ..hasty(url) }
}

async fn attach(identity: TlsIdentity, principal: Principal) -> Bus {
    let connector = Connector::Secure { settings: settings(secured().await.broker.url()), identity };
    let stage = Stage::with("tls", connector, home());
    let inbox = principal.to_string();
    stage.connector.attach(stage.attachment(principal, &inbox)).await.expect("attaches")
}

async fn goes_down(bus: &Bus, cause: DownCause, words: &str) {
    let Link::Down { reason, .. } =
        link(bus, words, |link| matches!(link, Link::Down { refused, .. } if *refused == cause)).await
    else {
        unreachable!("waited for down")
    };
    assert!(reason.contains(words), "{reason}");
    println!("{cause:?}: {reason}");
}

fn credentials<'a>(user: &'a str, leaf: &'a Leaf, roots: &'a str) -> Credentials<'a> {
    Credentials { user, chain: &leaf.chain, key: &leaf.key, roots }
}

#[tokio::test]
async fn a_replaced_certificate_is_used_by_the_next_connection() {
    let _zone = zone().await;
    let secured = secured().await;
    let principal = node("renewed");
    let user = admit(&principal).await;
    let identity = secured.site.identity(&user);
    let bus = attach(identity.clone(), principal).await;
    link(&bus, "up", Link::is_up).await;
    let mut inbox = bus.consume(bus.inbox(), 4).await.expect("consumes");

    let (stranger, roots) = (Site::new().client(&user), secured.site.roots());
    identity.replace(credentials(&user, &stranger, &roots)).expect("it can be used");
    assert_eq!(*bus.link().borrow(), Link::Up { generation: 1 }, "the present connection stays");
    assert_eq!(secured.admin().connections_of(&user).await.expect("told").len(), 1);
    close_all(&secured.admin(), &user).await;
    goes_down(&bus, DownCause::CertificateRefused, "refused the certificate").await;

    let renewed = secured.site.client(&user);
    identity.replace(credentials(&user, &renewed, &roots)).expect("it can be used");
    link(&bus, "up with the new one", Link::is_up).await;
    let message = Outgoing {
        exchange: route::DIRECT.into(),
        routing_key: bus.inbox().into(),
        ..Stage::local("tls").message("still here")
    };
    bus.publish(message).await.expect("taken");
    let delivery = next(&mut inbox).await;
    assert_eq!(delivery.user_id.as_deref(), Some(user.as_str()));
    inbox.ack(delivery).await;

    let other = secured.site.client("node.someone");
    let mixed = Credentials { key: &other.key, ..credentials(&user, &renewed, &roots) };
    let refused = identity.replace(mixed).expect_err("the key is another's").to_string();
    assert!(refused.contains("cannot be used together"), "{refused}");
}

/// Deletes the user, which closes its connections, and makes it again.
async fn close_all(admin: &Admin, user: &str) {
    admin.dismiss(user).await.expect("dismissed");
    let rights = Rights::of(&Principal::Zone(home()), home());
    admin.admit(&[(user.to_owned(), rights)]).await.expect("admitted");
}

#[tokio::test]
async fn a_dismissed_user_is_cut_off_and_kept_out() {
    let _zone = zone().await;
    let secured = secured().await;
    let principal = node("revoked");
    let user = admit(&principal).await;
    let bus = attach(secured.site.identity(&user), principal).await;
    link(&bus, "up", Link::is_up).await;
    let began = Instant::now();
    secured.admin().dismiss(&user).await.expect("dismissed");
    println!("dismissed in {} ms", began.elapsed().as_millis());
    goes_down(&bus, DownCause::LoginRefused, "has not admitted it yet, or has revoked it").await;
    println!("cut off and refused after {} ms", began.elapsed().as_millis());
    assert!(began.elapsed() < Duration::from_secs(5));
    secured.admin().dismiss(&user).await.expect("dismissing again changes nothing");
    assert_eq!(secured.admin().connections_of(&user).await.expect("told"), Vec::<String>::new());
}

#[tokio::test]
async fn whoever_the_broker_does_not_know_is_refused() {
    let secured = secured().await;
    let principal = node("unknown");
    let user = principal.user_in(home());
    let bus = attach(secured.site.identity(&user), principal.clone()).await;
    goes_down(&bus, DownCause::LoginRefused, &user).await;
    admit(&principal).await;
    let _zone = zone().await;
    link(&bus, "up once it is admitted", Link::is_up).await;
}

#[tokio::test]
async fn a_certificate_of_another_site_is_refused_by_the_broker() {
    let secured = secured().await;
    let principal = node("stranger");
    let user = admit(&principal).await;
    let stranger = Site::new().client(&user);
    let roots = secured.site.roots();
    let identity = TlsIdentity::new(credentials(&user, &stranger, &roots)).expect("it can be used");
    goes_down(&attach(identity, principal).await, DownCause::CertificateRefused, "refused the certificate").await;
}

#[tokio::test]
async fn a_broker_of_another_site_is_refused_by_us() {
    let secured = secured().await;
    let principal = node("misled");
    let user = admit(&principal).await;
    let (leaf, roots) = (secured.site.client(&user), Site::new().roots());
    let identity = TlsIdentity::new(credentials(&user, &leaf, &roots)).expect("it can be used");
    goes_down(&attach(identity, principal).await, DownCause::CertificateRefused, "none of our site's roots").await;
}

#[tokio::test]
async fn without_a_certificate_nobody_gets_in() {
    let secured = secured().await;
    let (port, config) = (secured.broker.port(), bare_client(&secured.site.roots()));
    let answer = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("connects");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        let name = "127.0.0.1".try_into().expect("a name");
        let mut session = rustls::ClientConnection::new(config, name).expect("a session");
        // The broker judges after the handshake, as far as the client can tell; nothing is sent meanwhile.
        loop {
            if let Err(error) = session.complete_io(&mut socket) {
                break error.to_string();
            }
        }
    });
    let answer = answer.await.expect("asked");
    println!("without a certificate: {answer}");
    assert!(answer.contains("CertificateRequired"));
}

/// A configuration of the plainest client there is.
fn bare_client(roots: &str) -> Arc<rustls::ClientConfig> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut store = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        store.add(root.expect("a certificate")).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    Arc::new(builder.expect("TLS 1.3").with_root_certificates(store).with_no_client_auth())
}

#[tokio::test]
async fn an_older_tls_is_refused() {
    let secured = secured().await;
    for (name, port) in [("AMQP", secured.broker.port()), ("management", management_port(&secured.settings))] {
        let answer = tokio::task::spawn_blocking(move || say_hello_of_tls_1_2(port)).await.expect("asked");
        // A fatal alert: protocol_version.
        assert_eq!((answer[0], &answer[5..7]), (21, &[2, 70][..]), "{name}: {answer:?}");
    }
}

fn management_port(settings: &AdminSettings) -> u16 {
    settings.url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port")
}

/// A client that offers TLS 1.2 at most, with two suites of it; returns the first record of the answer.
fn say_hello_of_tls_1_2(port: u16) -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    let extensions =
        [&[0, 10, 0, 4, 0, 2, 0, 23][..], &[0, 11, 0, 2, 1, 0], &[0, 13, 0, 8, 0, 6, 4, 3, 4, 1, 8, 4]].concat();
    hello.extend(u16::try_from(extensions.len()).expect("short").to_be_bytes());
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).expect("short");
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    socket.write_all(&record).expect("sent");
    let mut answer = vec![0; 7];
    socket.read_exact(&mut answer).expect("an answer");
    answer
}

#[tokio::test]
async fn who_comes_before_the_zone_waits_for_it() {
    let secured = secured().await;
    // A virtual host without the zone's exchanges.
    let settings = AdminSettings { vhost: "empty".into(), ..secured.settings.clone() };
    let admin = Admin::new(settings).expect("settings that can be used");
    admin.ensure_vhost().await.expect("made");
    admin.ensure_vhost().await.expect("making it again changes nothing");
    let zone = ZoneId::derived_from("before");
    let (early, late) = (node("early"), Principal::Zone(zone));
    let admitted: Vec<(String, Rights)> = [&early, &late].map(|who| (who.user_in(zone), Rights::of(who, zone))).into();
    admin.admit(&admitted).await.expect("admitted");
    let mut users = admin.users_of(zone).await.expect("told");
    users.sort();
    assert_eq!(users, [early.user_in(zone), late.user_in(zone)]);

    let url = secured.broker.url().replace("/rollcall", "/empty");
    let on = |who: &Principal| {
        let connector =
            Connector::Secure { settings: hasty(url.clone()), identity: secured.site.identity(&who.user_in(zone)) };
        let inbox = who.inbox().expect("an inbox");
        (connector, rollcall_bus::Attachment { principal: who.clone(), inbox, client_name: "t".into(), endpoint: None })
    };
    let (connector, attachment) = on(&early);
    let node = connector.attach(attachment).await.expect("attaches");
    goes_down(&node, DownCause::ZoneNotReady, "the zone has not declared its exchanges yet").await;
    let (connector, attachment) = on(&late);
    let zone = connector.attach(attachment).await.expect("attaches");
    link(&zone, "the zone is up", Link::is_up).await;
    link(&node, "the node, too", Link::is_up).await;
    let mut inbox = node.consume(node.inbox(), 1).await.expect("consumes");
    let message = Outgoing {
        exchange: route::DIRECT.into(),
        routing_key: node.inbox().into(),
        ..Stage::local("t").message("welcome")
    };
    zone.publish(message).await.expect("taken");
    assert_eq!(take(&mut inbox, 1).await, ["welcome"]);
}

#[tokio::test]
async fn login_and_url_have_to_go_together() {
    let secured = secured().await;
    let user = node("a").user_in(home());
    let identity = secured.site.identity(&user);
    let attach = async |url: &str, who: Principal| {
        let connector = Connector::Secure { settings: hasty(url.into()), identity: identity.clone() };
        let stage = Stage::with("together", connector, home());
        stage.connector.attach(stage.attachment(who, "i")).await.expect_err("refused")
    };
    assert!(matches!(attach("amqp://h/v", node("a")).await, ConnectError::NotTls { .. }));
    assert!(matches!(attach("amqps://h/v", node("b")).await, ConnectError::OtherIdentity { .. }));
    assert!(matches!(attach("amqps://me:secret@h/v", node("a")).await, ConnectError::BadUrl { .. }));
}

#[tokio::test]
async fn the_administrators_errors_say_what_to_look_at() {
    let secured = secured().await;
    let wrong = async |change: fn(&mut AdminSettings)| {
        let mut settings = secured.settings.clone();
        change(&mut settings);
        let admin = Admin::new(settings).expect("settings that can be used");
        admin.users_of(home()).await.expect_err("refused")
    };
    let refused = wrong(|settings| settings.password = "wrong".into()).await;
    assert!(matches!(&refused, AdminError::Refused { .. }), "{refused}");
    let unreachable = wrong(|settings| settings.url = "https://127.0.0.1:1".into()).await;
    assert!(unreachable.to_string().contains("rabbitmq_management"), "{unreachable}");
    let misled = wrong(|settings| settings.roots = Site::new().roots()).await;
    assert!(
        matches!(&misled, AdminError::Unreachable { why, .. } if why.contains("invalid peer certificate")),
        "{misled}"
    );
    for error in [refused, unreachable, misled] {
        println!("{error}");
    }
    let plain = AdminSettings { url: "http://127.0.0.1:1".into(), ..secured.settings.clone() };
    assert!(matches!(Admin::new(plain), Err(AdminError::BadUrl { .. })));
    soon("many at once", async {
        let zone = ZoneId::derived_from("many");
        let user = |number: u32| node(&number.to_string());
        let many: Vec<_> =
            (0..250).map(|number| (user(number).user_in(zone), Rights::of(&user(number), zone))).collect();
        for time in ["made", "made again"] {
            let began = Instant::now();
            secured.admin().admit(&many).await.expect("admitted");
            println!("250 users {time} in {} ms", began.elapsed().as_millis());
        }
        assert_eq!(secured.admin().users_of(zone).await.expect("told").len(), 250);
        let began = Instant::now();
        secured.admin().admit(&many[..1]).await.expect("admitted");
        println!("one user made again in {} ms", began.elapsed().as_millis());
    })
    .await;
}

/// What RabbitMQ would export of users: themselves, their bounds, and their rights, with a mark in place of the name.
async fn exported(settings: &AdminSettings, user: &str) -> Vec<(String, Vec<Value>)> {
    let roots = reqwest::Certificate::from_pem_bundle(settings.roots.as_bytes()).expect("roots");
    let client = reqwest::Client::builder().tls_certs_only(roots).no_proxy().build().expect("a client");
    let ask =
        client.get(format!("{}/api/definitions", settings.url)).basic_auth(&settings.user, Some(&settings.password));
    let all: Value = ask.send().await.expect("an answer").json().await.expect("definitions");
    let of = |(kind, named): (&str, &str)| {
        let its = all[kind].as_array().expect("a list").iter().filter(|one| one[named] == user);
        let mut its: Vec<Value> = its.cloned().collect();
        its.iter_mut().for_each(|one| one[named] = Value::from("it"));
        its.sort_by_key(ToString::to_string);
        (kind.to_owned(), its)
    };
    [("users", "name"), ("permissions", "user"), ("topic_permissions", "user")].map(of).into()
}

#[tokio::test]
async fn few_and_many_are_admitted_to_the_same_rights() {
    let secured = secured().await;
    let zone = ZoneId::derived_from("few and many");
    let rights = Rights::of(&node("one"), zone);
    let user = |number: usize| (node(&number.to_string()).user_in(zone), rights.clone());
    let all: Vec<_> = (0..30).map(user).collect();
    let (few, many) = all.split_at(5);
    soon("both ways", async {
        secured.admin().admit(few).await.expect("by calls of their own");
        secured.admin().admit(many).await.expect("by an import");
        let by_import = exported(&secured.settings, &many[0].0).await;
        assert_eq!(by_import.iter().map(|(_, its)| its.len()).collect::<Vec<_>>(), [1, 1, rights.topics.len()]);
        assert!(by_import[0].1[0]["limits"]["max-connections"].is_number(), "{by_import:?}");
        assert_eq!(exported(&secured.settings, &few[0].0).await, by_import);
        // Whoever has other rights is brought to these, whichever way.
        let other = Rights::of(&Principal::Zone(zone), zone);
        let others: Vec<_> = all.iter().map(|(user, _)| (user.clone(), other.clone())).collect();
        secured.admin().admit(&others).await.expect("all by an import");
        assert_ne!(exported(&secured.settings, &few[0].0).await, by_import);
        secured.admin().admit(few).await.expect("again");
        secured.admin().admit(&all).await.expect("again");
        for user in [&few[0].0, &many[0].0] {
            assert_eq!(exported(&secured.settings, user).await, by_import);
        }
    })
    .await;
}
