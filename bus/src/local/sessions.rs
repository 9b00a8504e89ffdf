//! Connections of the in-process broker: how they begin, and how they end.

use rollcall_model::Principal;

use super::queue::Message;
use super::{Broker, ConsumerId, SessionId};
use crate::{EVENT_EXCHANGE, QUEUE_DELETED, gone};

/// In whose name a broker deletes what an ended connection leaves.
const BROKER: &str = "rmq-internal";

impl Broker {
    /// Opens a session. Whose it is becomes the `user-id` of what it publishes.
    pub fn connect(&mut self, principal: &Principal) -> SessionId {
        let id = SessionId(self.fresh_id());
        self.sessions.insert(id, principal.to_string());
        id
    }

    /// Ends a session: its consumers stop, what they had not settled is requeued, its inboxes are deleted and
    /// the event exchange tells so.
    pub fn disconnect(&mut self, session: SessionId) {
        self.end(session, Some(BROKER));
    }

    /// The same as when the node of a RabbitMQ is lost that the session was at: nobody deletes its inboxes then.
    pub fn lose(&mut self, session: SessionId) {
        self.end(session, None);
    }

    fn end(&mut self, session: SessionId, by: Option<&str>) {
        if self.sessions.remove(&session).is_none() {
            return;
        }
        let inboxes: Vec<String> =
            self.queues.iter().filter(|(_, q)| q.owner == Some(session)).map(|(name, _)| name.clone()).collect();
        let consumers: Vec<ConsumerId> =
            self.consumers.iter().filter(|(_, c)| c.session == session).map(|(id, _)| *id).collect();
        for consumer in consumers {
            self.cancel(consumer);
        }
        for inbox in inboxes {
            self.delete_queue(&inbox, by);
        }
    }

    /// Whether the session is open.
    #[must_use]
    pub fn is_connected(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    fn delete_queue(&mut self, name: &str, by: Option<&str>) {
        let Some(state) = self.queues.remove(name) else { return };
        for exchange in self.exchanges.values_mut() {
            exchange.unbind_queue(name);
        }
        for consumer in state.consumers {
            self.consumers.remove(&consumer);
        }
        let headers = [(gone::NAME, Some(name)), (gone::BY, by)];
        // Nobody needs to listen for the event.
        let _ = self.route(Message {
            exchange: EVENT_EXCHANGE.into(),
            routing_key: QUEUE_DELETED.into(),
            body: Vec::new(),
            kind: String::new(),
            message_id: None,
            user_id: None,
            headers: headers.into_iter().filter_map(|(key, text)| Some((key.into(), text?.into()))).collect(),
            died_in: Vec::new(),
        });
    }
}
