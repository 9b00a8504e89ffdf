//! The state of the link to the broker, as its supervisor sees it.

use rollcall_model::Principal;

/// Whether the broker can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// The first attempt is under way.
    Connecting,
    /// Connected, topology declared, consumers running.
    Up {
        /// Grows by one with every connection; starts at 1. The same as before after [`DownCause::Blocked`].
        generation: u64,
    },
    /// Not connected; the supervisor tries again by itself.
    Down {
        /// What happened, for people.
        reason: String,
        /// What happened, for programs.
        refused: DownCause,
    },
}

impl Link {
    /// Whether messages can be sent now.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

/// Why the link is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DownCause {
    /// Nobody answers at the address: wrong host or port, broker not running, or the network is cut.
    Unreachable,
    /// The broker refused the user name or the password, or knows no user of the certificate's name.
    LoginRefused,
    /// TLS failed: the broker's certificate is not of our site or does not name the host, or the broker refused ours.
    CertificateRefused,
    /// The user has as many connections as it may.
    TooManyConnections,
    /// The zone has not declared its exchanges yet.
    ZoneNotReady,
    /// The virtual host does not exist, or the user may not use it.
    NoVhost,
    /// The inbox belongs to another connection: a second process with this name, or the broker has not yet
    /// noticed that our previous connection is gone.
    InboxTaken,
    /// Another process of the same group has the inbox: this one waits for it, on a connection that is kept.
    StandsBy,
    /// What this process declares contradicts what the broker has, or the user may not declare it.
    TopologyRefused,
    /// The connection was up and broke.
    Lost,
    /// The connection looked alive but the echo through the inbox did not come back.
    EchoSilent,
    /// The broker takes no messages for now: it is short of memory or disk. The connection is kept, and deliveries go on.
    Blocked,
    /// This process closed the connection itself.
    Closed,
}

/// Whether several processes may be this principal, one of which has the inbox while the others stand by.
pub(crate) const fn has_standbys(principal: &Principal) -> bool {
    matches!(principal, Principal::Group(_))
}

/// Waits until the link is up; `None` once it was closed for good.
pub(crate) async fn wait_up(link: &mut tokio::sync::watch::Receiver<Link>) -> Option<u64> {
    let settled = link
        .wait_for(|link| matches!(link, Link::Up { .. } | Link::Down { refused: DownCause::Closed, .. }))
        .await
        .ok()?;
    match &*settled {
        Link::Up { generation } => Some(*generation),
        _ => None,
    }
}
