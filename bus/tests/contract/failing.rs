//! Brokers that cannot be had: what the link says.

use std::net::TcpListener;

use rollcall_bus::{Attachment, ConnectError, Connector, DownCause, Link, PublishError, RabbitSettings};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{Principal, ZoneId};

use crate::stage::{Stage, hasty, link, ordinary};

async fn goes_down(name: &'static str, url: String) -> (DownCause, String) {
    let stage = Stage::on(name, hasty(url));
    let bus = stage.attach().await;
    let down = link(&bus, "down", |link| matches!(link, Link::Down { .. })).await;
    assert_eq!(bus.publish(stage.message("a")).await, Err(PublishError::Disconnected));
    let Link::Down { reason, refused } = down else { unreachable!("waited for down") };
    (refused, reason)
}

#[tokio::test]
async fn a_wrong_password_is_told_from_an_unreachable_broker() {
    let url = ordinary().await.url();
    let (before, after) = url.rsplit_once('@').expect("credentials");
    let (user, _) = before.rsplit_once(':').expect("password");
    let (cause, reason) = goes_down("login", format!("{user}:wrong@{after}")).await;
    assert_eq!(cause, DownCause::LoginRefused, "{reason}");
}

#[tokio::test]
async fn a_missing_virtual_host_is_named() {
    let url = ordinary().await.url();
    let url = url.strip_suffix("/rollcall").expect("its virtual host");
    let (cause, reason) = goes_down("vhost", format!("{url}/elsewhere")).await;
    assert_eq!(cause, DownCause::NoVhost, "{reason}");
    assert!(reason.contains("elsewhere"), "{reason}");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("bound").port();
    let (cause, reason) = goes_down("unreachable", format!("amqp://u:p@127.0.0.1:{port}/v")).await;
    assert_eq!(cause, DownCause::Unreachable, "{reason}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unreachable_and_leaves_no_threads() {
    // The kernel takes connections for it; nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("bound").port();
    let settings = RabbitSettings { connect_timeout_ms: 500, ..hasty(format!("amqp://u:p@127.0.0.1:{port}/v")) };
    let stage = Stage::on("silent", settings);
    let bus = stage.attach().await;
    for _ in 0..4 {
        let mut link = bus.link();
        link.mark_unchanged();
        crate::stage::soon("another attempt fails", link.changed()).await.expect("alive");
        let Link::Down { reason, refused } = link.borrow().clone() else { panic!("cannot be up") };
        assert_eq!(refused, DownCause::Unreachable, "{reason}");
    }
    let open = || {
        let sockets = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
        let remote = format!("0100007F:{port:04X} 01 ");
        sockets.lines().filter(|line| line.contains(&remote)).count()
    };
    crate::stage::soon("earlier attempts are cut off", async {
        while open() > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    bus.close().await;
}

#[tokio::test]
async fn an_endpoint_is_used_with_the_credentials_of_the_url() {
    let broker = ordinary().await;
    let url = broker.url().replace(&format!(":{}/rollcall", broker.port()), ":1/elsewhere");
    let endpoint = BrokerEndpoint { host: "127.0.0.1".into(), port: broker.port(), vhost: "rollcall".into() };
    let attachment = Attachment {
        principal: Principal::Zone(ZoneId::derived_from("z")),
        inbox: "endpoint".into(),
        client_name: "endpoint".into(),
        endpoint: Some(endpoint),
    };
    let bus = Connector::Rabbit(hasty(url)).attach(attachment).await.expect("attaches");
    link(&bus, "up", Link::is_up).await;
}

#[tokio::test]
async fn a_url_that_cannot_be_used_is_refused_at_once() {
    let attach = async |url: &str| {
        let attachment = Attachment {
            principal: Principal::Zone(ZoneId::derived_from("z")),
            inbox: "i".into(),
            client_name: "c".into(),
            endpoint: None,
        };
        Connector::Rabbit(hasty(url.into())).attach(attachment).await.expect_err("refused")
    };
    assert!(matches!(attach("amqps://h/v").await, ConnectError::NoIdentity { .. }));
    assert!(matches!(attach("amqps://u:secret@h/v").await, ConnectError::BadUrl { .. }));
    let bad = attach("localhost:5672").await;
    assert!(bad.to_string().contains("amqp://user:password@host:port/vhost"), "{bad}");
}
