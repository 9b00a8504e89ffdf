//! From packets to messages: envelope, message id, assurance. Pure: ids are derived, not drawn.

use rollcall_model::packet::Packet;
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{InstanceId, MessageId, Now};

use crate::message::{Assurance, Outgoing};

/// Numbers and wraps what one process sends.
#[derive(Clone, Debug)]
pub struct Sender {
    inbox: String,
    instance: InstanceId,
    generation: Option<u64>,
    count: u64,
}

impl Sender {
    /// A sender whose messages come from `inbox`; `instance` makes the message ids of this run its own.
    #[must_use]
    pub fn new(inbox: impl Into<String>, instance: InstanceId) -> Self {
        Self { inbox: inbox.into(), instance, generation: None, count: 0 }
    }

    /// The same, of a zone in this generation: receivers obey no older one.
    #[must_use]
    pub fn in_generation(self, generation: u64) -> Self {
        Self { generation: Some(generation), ..self }
    }

    /// The inbox answers come to.
    #[must_use]
    pub fn inbox(&self) -> &str {
        &self.inbox
    }

    /// A message that must arrive.
    pub fn confirmed(&mut self, now: Now, exchange: &'static str, routing_key: String, packet: Packet) -> Outgoing {
        self.wrap(now, exchange, routing_key, packet, Assurance::Confirmed)
    }

    /// A message of which the newest wins.
    pub fn lossy(&mut self, now: Now, exchange: &'static str, routing_key: String, packet: Packet) -> Outgoing {
        self.wrap(now, exchange, routing_key, packet, Assurance::Lossy)
    }

    fn wrap(
        &mut self,
        now: Now,
        exchange: &'static str,
        routing_key: String,
        packet: Packet,
        assurance: Assurance,
    ) -> Outgoing {
        self.count += 1;
        let id = MessageId::derived_from(&format!("{} {} {}", self.inbox, self.instance, self.count));
        let kind = packet.kind();
        let mut envelope = Envelope::new(id, self.inbox.as_str(), now.wall, packet);
        envelope.generation = self.generation;
        let body = envelope.encode();
        Outgoing {
            exchange: exchange.into(),
            routing_key,
            body,
            kind,
            message_id: Some(id.to_string()),
            assurance,
            trace: None,
        }
    }
}
