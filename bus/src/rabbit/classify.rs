//! What the client library's errors mean.

use lapin::{Error, ErrorKind};

use super::Address;
use crate::DownCause;

const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const RESOURCE_LOCKED: u16 = 405;
const NOT_ALLOWED: u16 = 530;

/// The broker's reply code, if the broker said anything.
pub(super) fn reply_code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

pub(super) fn is_not_found(error: &Error) -> bool {
    reply_code(error) == Some(NOT_FOUND)
}

pub(super) fn is_locked(error: &Error) -> bool {
    reply_code(error) == Some(RESOURCE_LOCKED)
}

/// Whether the broker refused this one thing, as opposed to the connection having failed.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(reply_code(error), Some(311..=313 | 403..=406 | 540))
}

/// What a failure to connect means.
pub(super) fn connect_cause(error: &Error) -> DownCause {
    match reply_code(error) {
        Some(ACCESS_REFUSED) => DownCause::LoginRefused,
        Some(NOT_ALLOWED) => DownCause::NoVhost,
        _ => DownCause::Unreachable,
    }
}

/// A failure to connect in plain words: what the operator has to look at.
pub(super) fn connect_words(error: &Error, address: &Address) -> String {
    let (user, vhost) = (address.user(), &address.uri.vhost);
    match connect_cause(error) {
        DownCause::LoginRefused => format!("wrong user name or password for user {user:?} (broker.url)"),
        DownCause::NoVhost => {
            format!(
                "virtual host {vhost:?} does not exist, or user {user:?} may not use it (broker.url): {}",
                words(error)
            )
        }
        _ => words(error),
    }
}

/// An error in plain words.
pub(super) fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => format!("the broker says {}: {}", error.get_id(), error.get_message()),
        ErrorKind::IOError(error) => error.to_string(),
        ErrorKind::MissingHeartbeatError => "the broker sent no heartbeat".into(),
        _ => error.to_string(),
    }
}
