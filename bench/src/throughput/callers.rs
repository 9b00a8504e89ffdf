//! The nodes call, as agents do when they start, and are answered by the group controller: each with its key.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::BasicProperties;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use rollcall_model::packet::{Packet, Presence};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{InstanceId, MessageId, Name, NodeId, Principal, SealKey, route};
use rollcall_startup::Clock;

use super::way::zone;
use crate::statuses::{EPOCH, NODES, node};

/// One queue in the place of all inboxes. It stays, so that nothing said to a node comes back as unroutable.
const INBOXES: &str = "bench.inboxes";
/// Who is not answered calls again, as agents do.
const CALL_AGAIN: Duration = Duration::from_secs(2);
/// That often.
const CALLS: usize = 15;
/// The place whose rack they call.
const PLACE: &str = "rack-a";

/// The place whose rack the nodes call.
pub fn place() -> Name {
    Name::nearest(PLACE, "rack")
}

/// Calls for every node until each has its key; in the order of the nodes.
pub async fn call(connection: &Connection) -> anyhow::Result<Vec<SealKey>> {
    let channel = connection.create_channel().await?;
    let mut answers = inboxes(&channel).await?;
    let mut keys = HashMap::new();
    for _ in 0..CALLS {
        for node in (0..NODES).map(node).filter(|node| !keys.contains_key(node)) {
            present(&channel, node).await?;
        }
        // Whether all came or the time is over.
        let _ = tokio::time::timeout(CALL_AGAIN, take(&mut answers, &mut keys)).await;
        if keys.len() == NODES {
            return (0..NODES).map(|index| keys.remove(&node(index)).context("a node has no key")).collect();
        }
    }
    ensure!(keys.len() == NODES, "only {} of {NODES} nodes were given a key", keys.len());
    Ok(Vec::new())
}

async fn inboxes(channel: &Channel) -> anyhow::Result<Consumer> {
    let (options, arguments) = (QueueDeclareOptions::default(), FieldTable::default());
    channel.queue_declare(INBOXES.into(), options, arguments.clone()).await?;
    let (exchange, binding) = (route::DIRECT.into(), "inbox.node.*".into());
    channel.queue_bind(INBOXES.into(), exchange, binding, QueueBindOptions::default(), arguments.clone()).await?;
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    Ok(channel.basic_consume(INBOXES.into(), "nodes".into(), options, arguments).await?)
}

async fn present(channel: &Channel, node: NodeId) -> anyhow::Result<()> {
    let presence = Packet::Presence(Presence {
        node,
        instance: InstanceId::derived_from(&format!("bench {node}")),
        name: Name::nearest(&node.short(), "n"),
        address: [10, 0, 0, 1].into(),
        place: Some(place()),
        epoch: EPOCH,
    });
    let kind = presence.kind();
    let id = MessageId::derived_from(&format!("bench presence {node}"));
    let body = Envelope::new(id, route::node_inbox(node), Clock::start().now().wall, presence).encode();
    let user = Principal::Node(node).user_in(zone());
    let properties = BasicProperties::default().with_type(kind.into()).with_user_id(user.into());
    let options = BasicPublishOptions::default();
    channel.basic_publish(route::PRESENCE.into(), "".into(), options, &body, properties).await?;
    Ok(())
}

async fn take(answers: &mut Consumer, keys: &mut HashMap<NodeId, SealKey>) -> anyhow::Result<()> {
    while keys.len() < NODES {
        let answer = answers.next().await.context("the consumer of the nodes' inboxes ended")??;
        if let Packet::Membership(membership) = Envelope::decode(&answer.data)?.packet {
            keys.insert(membership.node, membership.seal.context("a membership without a key")?);
        }
    }
    Ok(())
}
