//! All nodes of a simulation, on the connections they were given.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::{StreamExt, stream};
use rollcall_bus::Connector;
use rollcall_discovery::{Discovery, DiscoverySettings};
use rollcall_enrolment::{Applicant, Entrance};
use rollcall_model::{Name, Principal};
use rollcall_simulator::Script;
use rollcall_simulator::script::Part;
use rollcall_startup::{Clock, Exit, Failure, Shutdown};
use tokio::task::JoinSet;

use super::carrier::Carrier;
use super::node::{Fleet, Node};
use crate::demo::trust::Trust;

/// So many connections are made at once: the address of each node on one is bound one after the other.
const AT_ONCE: usize = 32;

/// All of them.
pub struct Crowd {
    tasks: JoinSet<Result<(), Failure>>,
    shutdown: Shutdown,
}

/// How a node with a certificate of its own gets in.
#[derive(Clone)]
pub struct Door {
    /// Who gives tokens.
    pub trust: Trust,
    /// Where the zone's API is.
    pub api: SocketAddr,
    /// The zone.
    pub zone: Name,
}

/// What all connections need.
#[derive(Clone)]
pub struct Ways {
    /// To the broker.
    pub connector: Connector,
    /// Counts from the beginning of the scenario.
    pub clock: Clock,
}

impl Crowd {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self { tasks: JoinSet::new(), shutdown: Shutdown::new() }
    }

    /// Lets so many nodes share each connection. All connections are made before the first node arrives.
    ///
    /// # Errors
    /// When the broker refuses one.
    pub async fn share(
        &mut self,
        fleet: &Arc<Fleet>,
        script: &Script,
        sharing: usize,
        ways: &Ways,
    ) -> Result<(), Failure> {
        let attached = script.parts.chunks(sharing.max(1)).enumerate().map(|(number, parts)| {
            let nodes = parts.iter().map(|part| Node::new(fleet, part)).collect();
            Carrier::attach(fleet, nodes, number, &ways.connector, ways.clock)
        });
        let mut attached = stream::iter(attached).buffer_unordered(AT_ONCE);
        while let Some(carrier) = attached.next().await {
            let (carrier, shutdown) = (carrier?, self.shutdown.clone());
            self.tasks.spawn(async move {
                carrier.run(&shutdown, false).await;
                Ok(())
            });
        }
        Ok(())
    }

    /// Gives each node a connection of its own, which lives as long as the node does.
    pub fn separate(&mut self, fleet: &Arc<Fleet>, script: &Script, ways: &Ways, door: Option<&Door>) {
        for part in &script.parts {
            let (fleet, part, ways, door) = (Arc::clone(fleet), part.clone(), ways.clone(), door.cloned());
            let shutdown = self.shutdown.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    ended = alone(fleet, part, ways, door, shutdown.clone()) => ended,
                    () = shutdown.requested() => Ok(()),
                }
            });
        }
    }

    /// The first connection that failed; pending while all is well.
    pub async fn failed(&mut self) -> Failure {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Err(failure))) => return failure,
                Some(Err(error)) => return Failure::other(format!("a simulated node broke: {error}")),
                Some(Ok(Ok(()))) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Ends all, without a good-bye from anybody.
    pub async fn stop(mut self) {
        self.shutdown.request();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The lives of one node, each with a connection of its own.
async fn alone(
    fleet: Arc<Fleet>,
    part: Part,
    ways: Ways,
    door: Option<Door>,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let mut node = Node::new(&fleet, &part);
    while let Some(at) = node.arrives() {
        tokio::time::sleep(ways.clock.until(at)).await;
        // As long as it lives, the certificate is kept fresh.
        let entrance = match &door {
            Some(door) => Some(enter(door, &node, &ways.connector).await?),
            None => None,
        };
        let connector = entrance.as_ref().map_or(&ways.connector, |entrance| &entrance.connector);
        let carrier = Carrier::attach(&fleet, vec![node], part.index as usize, connector, ways.clock).await?;
        match carrier.run(&shutdown, true).await.pop() {
            Some(again) => node = again,
            None => break,
        }
    }
    Ok(())
}

async fn enter(door: &Door, node: &Node, connector: &Connector) -> Result<Entrance, Failure> {
    let mut identity = door.trust.identity(node.name());
    // Known from the beginning: a thousand nodes need not listen for it.
    identity.api = Some(door.api.to_string());
    let directory = identity.directory(None).map_err(Failure::usage)?;
    let silent = DiscoverySettings { mdns: false, ..DiscoverySettings::default() };
    let discovery = Discovery::start(&silent).map_err(|error| Failure::caused_by(Exit::Failed, &error))?;
    let applicant = Applicant {
        principal: Principal::Node(node.id()),
        name: node.name().clone(),
        place: Some(node.place().clone()),
        address: Some(node.address()),
        zone: door.zone.clone(),
        trace: None,
    };
    let entered = Entrance::enter(&identity, directory, applicant, connector.clone(), &discovery).await;
    entered.map_err(|error| Failure::caused_by(Exit::Unreachable, &error))
}
