//! What the client library's errors mean.

use lapin::{Error, ErrorKind};

use super::Address;
use crate::DownCause;

const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const RESOURCE_LOCKED: u16 = 405;
const PRECONDITION_FAILED: u16 = 406;
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

/// Whether the channel was closed because this exchange does not exist; other messages on the channel fail with
/// the same error and are to be repeated.
pub(super) fn names_exchange(error: &Error, exchange: &str) -> bool {
    is_not_found(error) && words(error).contains(&format!("'{exchange}'"))
}

/// Whether there is no such queue.
pub(super) fn is_without_queue(error: &Error, queue: &str) -> bool {
    is_not_found(error) && words(error).contains(&format!("no queue '{queue}'"))
}

pub(super) fn is_locked(error: &Error) -> bool {
    reply_code(error) == Some(RESOURCE_LOCKED)
}

/// Whether a queue is there and made otherwise.
pub(super) fn is_otherwise(error: &Error) -> bool {
    reply_code(error) == Some(PRECONDITION_FAILED)
}

/// Whether a queue is not there because the node of the broker is away that has it. The broker has no code of its own for that.
pub(super) fn is_home_away(error: &Error) -> bool {
    is_not_found(error) && words(error).contains("home node")
}

/// Whether the broker refused this one thing, as opposed to the connection having failed.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(reply_code(error), Some(311..=313 | 403..=406 | 540))
}

/// What a failure to connect means.
pub(super) fn connect_cause(error: &Error) -> DownCause {
    match reply_code(error) {
        Some(ACCESS_REFUSED) => DownCause::LoginRefused,
        // The broker has one code for both.
        Some(NOT_ALLOWED) if words(error).contains("connection limit") => DownCause::TooManyConnections,
        Some(NOT_ALLOWED) => DownCause::NoVhost,
        _ if tls_failure(error).is_some() => DownCause::CertificateRefused,
        _ => DownCause::Unreachable,
    }
}

/// What went wrong with TLS, if it was that.
fn tls_failure(error: &Error) -> Option<&rustls::Error> {
    let ErrorKind::IOError(error) = error.kind() else { return None };
    error.get_ref()?.downcast_ref()
}

fn tls_words(error: &rustls::Error, address: &Address, user: &str) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error as Tls};
    let host = &address.uri.authority.host;
    match error {
        // A bad signature: theirs has our root's name, and another key.
        Tls::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "the broker's certificate leads to none of our site's roots: another site's broker, or our roots are old"
                .into()
        }
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            format!("the broker's certificate does not name {host:?} (broker.url)")
        }
        Tls::InvalidCertificate(bad) => format!("the broker's certificate cannot be trusted: {bad}"),
        Tls::AlertReceived(Alert::ProtocolVersion) => "the broker does not speak TLS 1.3".into(),
        // Erlang says the same of one that does not count yet.
        Tls::AlertReceived(Alert::CertificateExpired) => {
            format!("the broker refused the certificate of {user:?}: it has ended, or begins later; is a clock wrong?")
        }
        Tls::AlertReceived(alert) => format!("the broker refused the certificate of {user:?}: {alert:?}"),
        other => format!("TLS failed: {other}"),
    }
}

/// A failure to connect in plain words: what the operator has to look at.
pub(super) fn connect_words(error: &Error, address: &Address, user: &str) -> String {
    let vhost = &address.uri.vhost;
    if let Some(tls) = tls_failure(error) {
        return tls_words(tls, address, user);
    }
    match connect_cause(error) {
        DownCause::LoginRefused if address.is_tls() => {
            format!("the broker has no user {user:?}: the zone has not admitted it yet, or has revoked it")
        }
        DownCause::TooManyConnections => {
            format!(
                "user {user:?} has as many connections as it may; former ones may not be closed yet: {}",
                words(error)
            )
        }
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
