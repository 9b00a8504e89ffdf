//! How RabbitMQ is told of users and their rights: many in one import of definitions, few by calls of their own.
//!
//! After each import the broker collects the garbage of every process it has, some two dozen for each connection: with 800
//! connections over TLS 0.6 s of a processor, whatever was imported. A call takes some milliseconds and does nothing of the kind.

use serde_json::{Value, json};

use crate::TopicRight;
use crate::rights::Rights;

/// So few are admitted by calls of their own: an import's garbage collection is dearer than they are as soon as there are a few hundred
/// connections.
pub const FEW: usize = 20;
/// A user's connections at once: its own, the former one that the broker has not yet given up, the one that reports a clash
/// of identifiers, and one for another process with the same certificate, so that the clash shows instead of a refusal.
const MAX_CONNECTIONS: u32 = 4;
/// Channels of all its connections together: a dozen are used by a group controller.
const MAX_CHANNELS: u32 = 128;
/// Of an empty hash is a password nobody has.
const HASHING: &str = "rabbit_password_hashing_sha256";

/// A `PUT` of the management API.
pub(super) struct Put {
    /// Below `/api`.
    pub path: Vec<String>,
    pub body: Value,
}

/// What makes one user, in this order: it may do nothing before every bound of what it may do is set.
pub(super) fn puts(vhost: &str, (name, rights): &(String, Rights)) -> Vec<Put> {
    let put = |path: &[&str], body| Put { path: path.iter().map(|&part| part.to_owned()).collect(), body };
    let limit = |limit, value| put(&["user-limits", name, limit], json!({ "value": value }));
    let topic = |TopicRight { exchange, write, read }: &TopicRight| {
        put(&["topic-permissions", vhost, name], json!({ "exchange": exchange, "write": write, "read": read }))
    };
    let Rights { configure, write, read, topics } = rights;
    let user = json!({ "password_hash": "", "hashing_algorithm": HASHING, "tags": "" });
    let mut puts = vec![
        put(&["users", name], user),
        limit("max-connections", MAX_CONNECTIONS),
        limit("max-channels", MAX_CHANNELS),
    ];
    puts.extend(topics.iter().map(topic));
    puts.push(put(&["permissions", vhost, name], json!({ "configure": configure, "write": write, "read": read })));
    puts
}

/// Users with their rights, as RabbitMQ's definitions have it.
pub(super) fn definitions(vhost: &str, users: &[(String, Rights)]) -> Value {
    let limits = json!({ "max-connections": MAX_CONNECTIONS, "max-channels": MAX_CHANNELS });
    let user = |(name, _): &(String, Rights)| json!({ "name": name, "password_hash": "", "hashing_algorithm": HASHING, "tags": "", "limits": limits });
    let permission = |(user, rights): &(String, Rights)| {
        let Rights { configure, write, read, .. } = rights;
        json!({ "user": user, "vhost": vhost, "configure": configure, "write": write, "read": read })
    };
    let topic = |(user, rights): &(String, Rights)| {
        let right = |topic: &TopicRight| {
            let TopicRight { exchange, write, read } = topic;
            json!({ "user": user, "vhost": vhost, "exchange": exchange, "write": write, "read": read })
        };
        rights.topics.iter().map(right).collect::<Vec<_>>()
    };
    json!({
        "users": users.iter().map(user).collect::<Vec<_>>(),
        "permissions": users.iter().map(permission).collect::<Vec<_>>(),
        "topic_permissions": users.iter().flat_map(topic).collect::<Vec<_>>(),
    })
}
