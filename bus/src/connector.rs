//! How a process gets onto a bus.

use rollcall_model::wire::txt::BrokerEndpoint;

use crate::local::LocalBus;
use crate::message::MAX_NAME;
use crate::rabbit::RabbitBus;
use crate::{Bus, ConnectError, LocalBroker, RabbitSettings};

/// Which bus there is. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Connector {
    /// RabbitMQ over the network.
    Rabbit(RabbitSettings),
    /// The broker inside this process.
    Local(LocalBroker),
}

/// Who attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Name of this process's inbox, derived from an id. Exclusive: a second process with it is kept out.
    pub inbox: String,
    /// Name of the connection in the broker's lists, for people.
    pub client_name: String,
    /// Takes the place of host, port and virtual host in the settings' URL; the credentials stay.
    pub endpoint: Option<BrokerEndpoint>,
}

impl Connector {
    /// Attaches to the bus. Returns at once even if the broker cannot be reached: the link is then
    /// [`crate::Link::Down`] and its supervisor tries for ever, logging each failure.
    ///
    /// # Errors
    /// [`ConnectError`] when trying would be pointless: a URL that does not parse, settings that contradict
    /// each other.
    pub async fn attach(&self, attachment: Attachment) -> Result<Bus, ConnectError> {
        if attachment.inbox.is_empty() || attachment.inbox.len() > MAX_NAME {
            return Err(ConnectError::BadInbox(attachment.inbox));
        }
        Ok(match self {
            Self::Rabbit(settings) => RabbitBus::attach(settings, attachment)?.into(),
            Self::Local(broker) => LocalBus::attach(broker, attachment).into(),
        })
    }
}
