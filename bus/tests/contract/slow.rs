//! A broker that lives and is slow is not left.

use std::net::Ipv4Addr;
use std::time::Duration;

use rollcall_bus::{DownCause, Link, RabbitSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::stage::{Stage, disturbed, hasty, link, soon};

/// What the road between client and broker carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    Both,
    /// What the client says waits.
    FromBroker,
    Nothing,
}

/// Carries one way, and lets what comes wait while it must not pass.
async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut road: watch::Receiver<Road>,
    passes: fn(Road) -> bool,
) {
    let mut bytes = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if road.wait_for(|road| passes(*road)).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// A road to that port; its own port, and the bar on it.
async fn road(broker: u16) -> (u16, watch::Sender<Road>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("it has one").port();
    let (bar, road) = watch::channel(Road::Both);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)).await else { continue };
            let ((from_client, to_client), (from_broker, to_broker)) = (client.into_split(), broker.into_split());
            tokio::spawn(carry(from_client, to_broker, road.clone(), |road| road == Road::Both));
            tokio::spawn(carry(from_broker, to_client, road.clone(), |road| road != Road::Nothing));
        }
    });
    (port, bar)
}

#[tokio::test]
async fn a_slow_broker_that_is_heard_is_not_left_and_one_that_is_not_heard_is() {
    let broker = disturbed().await;
    let url = broker.url();
    let (before, after) = url.rsplit_once(':').expect("a port");
    let (port, rest) = after.split_once('/').expect("a vhost");
    let (relayed, bar) = road(port.parse().expect("a number")).await;
    // The broker says something every two seconds at least, and gives a client up after eight.
    let settings = RabbitSettings {
        heartbeat_s: 4,
        echo_period_ms: 500,
        echo_deadline_ms: 3_000,
        ..hasty(format!("{before}:{relayed}/{rest}"))
    };
    let stage = Stage::on("slow", settings);
    let bus = stage.with_queue(stage.queue()).await;
    let mut proven = bus.proven();
    soon("an echo", proven.changed()).await.expect("the bus is there");

    bar.send_replace(Road::FromBroker);
    let gone = tokio::time::timeout(
        Duration::from_millis(5_000),
        link(&bus, "down", |link| matches!(link, Link::Down { .. })),
    );
    assert!(gone.await.is_err(), "kept for longer than the deadline of an echo");
    proven.mark_unchanged();
    bar.send_replace(Road::Both);
    soon("the late echo", proven.changed()).await.expect("the bus is there");
    link(&bus, "as it was", |link| matches!(link, Link::Up { generation: 1 })).await;

    bar.send_replace(Road::Nothing);
    let down = link(&bus, "down", |link| matches!(link, Link::Down { .. })).await;
    assert!(matches!(down, Link::Down { refused: DownCause::EchoSilent, .. }), "{down:?}");
}
