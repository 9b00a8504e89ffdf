//! What can go wrong when attaching, declaring and consuming. Publishing has [`crate::PublishError`].

/// Why a connector cannot even start trying. Nothing was opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The URL does not parse; it is shown without its password.
    #[error("the broker's URL {url:?} cannot be used: {why}")]
    BadUrl {
        /// The URL, its password hidden.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// TLS is asked for, and there is no certificate to log in with.
    #[error(
        "the broker's URL {url:?} asks for TLS, and this process has no identity to log in with (section [identity])"
    )]
    NoIdentity {
        /// The URL, its password hidden.
        url: String,
    },
    /// There is a certificate to log in with, and the URL does not ask for TLS.
    #[error("the broker's URL {url:?} does not ask for TLS, and a certificate is no login without it; write amqps://")]
    NotTls {
        /// The URL, its password hidden.
        url: String,
    },
    /// Settings that cannot work together.
    #[error("the broker settings cannot work: {0}")]
    BadSettings(String),
    /// The certificate is another's.
    #[error("the certificate is for {user:?}, and this process is {principal}")]
    OtherIdentity {
        /// The certificate's name.
        user: String,
        /// Who attaches.
        principal: String,
    },
    /// A name longer than AMQP carries, or empty.
    #[error("the inbox name {0:?} cannot be used: 1 to 255 bytes are")]
    BadInbox(String),
}

/// Why something was not declared. What was declared before the refused item stays declared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclareError {
    /// The broker refused one item.
    #[error("the broker refused {what}: {why}")]
    Refused {
        /// The exchange, queue or binding.
        what: String,
        /// The broker's words.
        why: String,
    },
    /// An exchange that the zone declares is not there yet. Declaring again later helps, and [`crate::Bus::declare`] does so
    /// by itself.
    #[error("the zone has not declared its exchanges yet: {exchange:?} is missing")]
    NotYet {
        /// The exchange.
        exchange: String,
    },
    /// An exclusive queue of another connection has this name.
    #[error("queue {queue:?} is exclusive to another connection")]
    Locked {
        /// The queue.
        queue: String,
    },
    /// The bus was closed.
    #[error("the bus is closed")]
    Closed,
}

/// Why a queue cannot be consumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// No such queue.
    #[error("there is no queue {queue:?}; declare it first")]
    NoQueue {
        /// The queue.
        queue: String,
    },
    /// An exclusive queue of another connection has this name.
    #[error("queue {queue:?} is exclusive to another connection")]
    Locked {
        /// The queue.
        queue: String,
    },
    /// The broker refused for another reason.
    #[error("the broker refused to let queue {queue:?} be consumed: {why}")]
    Refused {
        /// The queue.
        queue: String,
        /// The broker's words.
        why: String,
    },
    /// The bus was closed.
    #[error("the bus is closed")]
    Closed,
}
