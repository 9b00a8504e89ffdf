//! How a process gets onto a bus.

use rollcall_model::Principal;
use rollcall_model::wire::txt::BrokerEndpoint;

use crate::local::LocalBus;
use crate::message::MAX_NAME;
use crate::rabbit::RabbitBus;
use crate::{Bus, ConnectError, LocalBroker, RabbitSettings, TlsIdentity};

/// Which bus there is. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Connector {
    /// RabbitMQ with the user name and password of the URL, which is `amqp://`. The broker's user is nobody's name.
    Rabbit(RabbitSettings),
    /// RabbitMQ over TLS 1.3, logged in by certificate; the URL is `amqps://` and has no user name.
    Secure {
        /// Where it is.
        settings: RabbitSettings,
        /// Who logs in.
        identity: TlsIdentity,
    },
    /// The broker inside this process.
    Local(LocalBroker),
}

/// Who attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Who it is. The zone declares the exchange that inboxes hang on, others wait for it; the in-process broker puts its
    /// name on what is published, RabbitMQ the certificate's.
    pub principal: Principal,
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
    /// each other, a certificate of somebody else.
    pub async fn attach(&self, attachment: Attachment) -> Result<Bus, ConnectError> {
        if attachment.inbox.is_empty() || attachment.inbox.len() > MAX_NAME {
            return Err(ConnectError::BadInbox(attachment.inbox));
        }
        Ok(match self {
            Self::Rabbit(settings) => RabbitBus::attach(settings, None, attachment)?.into(),
            Self::Secure { settings, identity } => RabbitBus::attach(settings, Some(identity), attachment)?.into(),
            Self::Local(broker) => LocalBus::attach(broker, attachment).into(),
        })
    }
}
