//! Another connection holds this node's inbox: is it our own former one, or another agent with our identifier?

use std::pin::pin;
use std::time::Duration;

use rollcall_bus::{Attachment, Bus, Connector, DownCause, Link, Outgoing};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::{NodeId, Principal, route};
use rollcall_startup::Clock;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::core::{Agent, Effect, Event};

/// Beyond the time in which the broker notices that our own former connection is gone.
const MARGIN: Duration = Duration::from_secs(5);
/// How long telling the zone may take.
const TELLING: Duration = Duration::from_secs(5);

/// Notices a clash of identifiers, and tells the zone over a connection of another name.
pub struct Clash {
    connector: Connector,
    broker: BrokerEndpoint,
    node: NodeId,
    patience: Duration,
}

impl Clash {
    /// For this agent. The heartbeat is the connection's, in seconds.
    #[must_use]
    pub fn new(connector: Connector, broker: BrokerEndpoint, node: NodeId, heartbeat_s: u16) -> Self {
        // The broker gives a silent connection up after two heartbeats.
        let patience = Duration::from_secs(u64::from(heartbeat_s) * 2) + MARGIN;
        Self { connector, broker, node, patience }
    }

    /// Waits until the inbox has been held by another connection for longer than a former one of ours can last. An attempt
    /// that ended in another way meanwhile may have left one behind, so the time begins anew after it.
    pub async fn lasts(&self, link: &mut watch::Receiver<Link>) {
        loop {
            if link.wait_for(is_taken).await.is_err() {
                return std::future::pending().await;
            }
            let otherwise = link.wait_for(|link| !is_taken(link));
            if timeout(self.patience, otherwise).await.is_err() {
                return;
            }
        }
    }

    /// Carries out what needs the inbox, and reports a clash meanwhile.
    pub async fn watched<T>(&self, bus: &Bus, doing: impl Future<Output = T>, clock: &Clock, core: &mut Agent) -> T {
        let (mut link, mut doing) = (bus.link(), pin!(doing));
        loop {
            tokio::select! {
                done = &mut doing => return done,
                () = self.lasts(&mut link) => self.report(clock, core).await,
            }
        }
    }

    /// Tells the zone, unless that was done a moment ago.
    pub async fn report(&self, clock: &Clock, core: &mut Agent) {
        let publish = |effect| match effect {
            Effect::Publish(message) => Some(message),
            _ => None,
        };
        let messages: Vec<Outgoing> =
            core.step(clock.now(), Event::InboxTaken).into_iter().filter_map(publish).collect();
        if !messages.is_empty() && !timeout(TELLING, self.tell(messages)).await.unwrap_or(false) {
            tracing::warn!("the clash of identifiers could not be reported to the zone");
        }
    }

    async fn tell(&self, messages: Vec<Outgoing>) -> bool {
        let attachment = Attachment {
            principal: Principal::Node(self.node),
            // Of two agents that report at once one is kept out: the zone hears it all the same.
            inbox: route::clash_inbox(self.node),
            client_name: "rollcall node-agent (identity clash)".into(),
            endpoint: Some(self.broker.clone()),
        };
        let Ok(bus) = self.connector.attach(attachment).await else { return false };
        if bus.link().wait_for(Link::is_up).await.is_err() {
            return false;
        }
        let told = bus.publish_all(messages).await.iter().all(Result::is_ok);
        bus.close().await;
        told
    }
}

fn is_taken(link: &Link) -> bool {
    matches!(link, Link::Down { refused: DownCause::InboxTaken, .. })
}
