//! What can happen to trust: tokens, joins, certificates, users, the audit log.

use std::net::IpAddr;

use rollcall_model::{JoinId, Name, Principal, Role, Serial, Sha256, TokenKind, UnixMillis};
use serde_json::Value;

/// One change of who may do what.
#[derive(Clone, Debug, PartialEq)]
pub enum TrustChange {
    /// A token was made. One that is stored already changes nothing.
    TokenCreated {
        /// SHA-256 of its text; its beginning is the token's public id.
        hash: Sha256,
        /// Whom it lets in.
        kind: TokenKind,
        /// Only somebody of this name.
        name: Option<Name>,
        /// Only somebody at this place.
        place: Option<Name>,
        /// Not before.
        not_before: UnixMillis,
        /// Not from this on.
        expires: UnixMillis,
        /// Who made it.
        by: String,
        /// When.
        at: UnixMillis,
    },
    /// A token was used. Refused where it was used by somebody else, or revoked, before.
    TokenUsed {
        /// Its public id.
        token: String,
        /// By whom.
        principal: Principal,
        /// When.
        at: UnixMillis,
    },
    /// A token was made useless. One that was used or revoked before stays as it is.
    TokenRevoked {
        /// Its public id.
        token: String,
        /// By whom.
        by: String,
        /// When.
        at: UnixMillis,
    },
    /// Somebody without a token waits to be let in. One that is stored already changes nothing.
    JoinHeld {
        /// The join.
        join: JoinId,
        /// Who they say they are.
        principal: Principal,
        /// Their name.
        name: Name,
        /// Their place.
        place: Option<Name>,
        /// The address they say they have.
        address: Option<IpAddr>,
        /// Where the request came from.
        origin: String,
        /// Their key.
        key: Sha256,
        /// The request (PEM).
        csr: String,
        /// When.
        at: UnixMillis,
    },
    /// Somebody decided on a join. One that was issued stays so.
    JoinDecided {
        /// The join.
        join: JoinId,
        /// Whether they may in.
        approved: bool,
        /// Who decided.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: UnixMillis,
    },
    /// A join that was approved has its certificate.
    JoinIssued {
        /// The join.
        join: JoinId,
    },
    /// A certificate was issued. Refused where the serial number is another certificate's.
    CertificateIssued {
        /// Its serial number.
        serial: Serial,
        /// Whose.
        principal: Principal,
        /// Its common name.
        user: String,
        /// Name, for people.
        name: Name,
        /// Place, where it is known.
        place: Option<Name>,
        /// The key.
        key: Sha256,
        /// Why it was issued.
        issued_by: IssuedBy,
        /// When.
        at: UnixMillis,
        /// Until when it is valid.
        expires: UnixMillis,
    },
    /// Certificates of a principal that are still valid are revoked, the principal itself is not: it began anew with
    /// another, or is run by another.
    CertificatesEnded {
        /// Whose.
        principal: Principal,
        /// The one that stays.
        except: Option<Serial>,
        /// Who made it so.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: UnixMillis,
    },
    /// A principal was thrown out, with every certificate. One that is out already changes nothing.
    PrincipalRevoked {
        /// Who.
        principal: Principal,
        /// Its name; a token for it lifts the revocation.
        name: Name,
        /// By whom.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: UnixMillis,
    },
    /// It may come back. One that is not out changes nothing.
    PrincipalLifted {
        /// Who.
        principal: Principal,
        /// By whom.
        by: String,
        /// When.
        at: UnixMillis,
    },
    /// A user of the API was made or changed.
    UserSet {
        /// Name.
        name: Name,
        /// What they may.
        role: Role,
        /// SHA-256 of their token; `None` keeps the one they have.
        token: Option<Sha256>,
        /// 1 to 8 hexadecimal digits, which tell them from somebody of the same name who was removed; kept only where there
        /// was one.
        entry: String,
        /// By whom.
        by: String,
        /// When.
        at: UnixMillis,
    },
    /// A user was removed. One who is not there changes nothing.
    UserRemoved {
        /// Name.
        name: Name,
        /// By whom.
        by: String,
        /// When.
        at: UnixMillis,
    },
    /// A line of the audit log. Never skipped: who commits a batch again writes it again.
    Audited {
        /// When.
        at: UnixMillis,
        /// Who.
        who: String,
        /// From where: an address, or `broker`.
        origin: String,
        /// What they did, a short word.
        action: String,
        /// What it is about.
        subject: String,
        /// What was.
        before: Value,
        /// What is.
        after: Value,
    },
}

/// Why a certificate was issued.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuedBy {
    /// A token, by its public id.
    Token(String),
    /// Somebody approved the join.
    Approval(String),
    /// Another certificate of the same principal.
    Renewal(Serial),
    /// The group that runs a check-in service.
    Group(Principal),
}

impl IssuedBy {
    /// As it stands in `v_certificates`.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Token(token) => format!("token {token}"),
            Self::Approval(by) => format!("approval by {by}"),
            Self::Renewal(serial) => format!("renewal of {serial}"),
            Self::Group(group) => format!("for {group}"),
        }
    }

    /// Whether somebody new came in by it, which is worth an event.
    #[must_use]
    pub const fn is_entry(&self) -> bool {
        !matches!(self, Self::Renewal(_))
    }
}
