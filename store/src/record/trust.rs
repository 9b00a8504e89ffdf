//! Trust as saved.

use rollcall_model::{JoinId, Name, Principal, Role, Serial, Sha256, TokenKind, UnixMillis, ZoneId};

/// Who may join, who is who, and who may do what, as saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustRecord {
    /// Tokens of the last day, used and revoked ones too: whoever brings one is told what is wrong with it.
    pub tokens: Vec<TokenRecord>,
    /// Joins that wait, and those that were decided in the last thirty days.
    pub joins: Vec<JoinRecord>,
    /// Certificates that may still be valid, oldest first; none that was revoked.
    pub certificates: Vec<CertificateRecord>,
    /// Certificates that were revoked and may otherwise still be valid.
    pub ended: Vec<CertificateRecord>,
    /// Who is kept out.
    pub revoked: Vec<RevokedRecord>,
    /// Users of the API.
    pub users: Vec<UserRecord>,
}

/// A token as saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// SHA-256 of its text.
    pub hash: Sha256,
    /// Whom it lets in.
    pub kind: TokenKind,
    /// Only somebody of this name.
    pub name: Option<Name>,
    /// Only somebody at this place.
    pub place: Option<Name>,
    /// Who made it.
    pub created_by: String,
    /// Not before.
    pub not_before: UnixMillis,
    /// Not from this on.
    pub expires: UnixMillis,
    /// Who used it.
    pub used_by: Option<Principal>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// How a join stands that came without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinState {
    /// Nobody decided yet.
    Pending,
    /// They may in, and have not come for their certificate.
    Approved,
    /// They may not.
    Denied,
    /// They have their certificate.
    Issued,
}

impl JoinState {
    /// The word in `v_joins`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Issued => "issued",
        }
    }
}

/// A join as saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRecord {
    /// The join.
    pub join: JoinId,
    /// Who they say they are.
    pub principal: Principal,
    /// Their name.
    pub name: Name,
    /// Their place.
    pub place: Option<Name>,
    /// Their key.
    pub key: Sha256,
    /// The request (PEM).
    pub csr: String,
    /// When it came.
    pub requested: UnixMillis,
    /// How it stands.
    pub state: JoinState,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A certificate as saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRecord {
    /// Its serial number.
    pub serial: Serial,
    /// Whose.
    pub principal: Principal,
    /// Its common name: the user at the broker.
    pub user: String,
    /// Name, for people.
    pub name: Name,
    /// Place, where it is known.
    pub place: Option<Name>,
    /// The key.
    pub key: Sha256,
    /// When it was issued.
    pub issued: UnixMillis,
    /// Until when it is valid.
    pub expires: UnixMillis,
    /// Why it was issued, as in `v_certificates`.
    pub issued_by: String,
}

/// Somebody who is kept out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedRecord {
    /// Who.
    pub principal: Principal,
    /// A token for this name lifts it.
    pub name: Name,
    /// Why.
    pub reason: String,
}

/// A user of the API as saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// Name.
    pub name: Name,
    /// What they may.
    pub role: Role,
    /// What tells them from former users of the name; `None` for the first.
    pub entry: Option<String>,
    /// When role or token was changed, if ever.
    pub changed: Option<UnixMillis>,
}

impl UserRecord {
    /// The common name of their certificates, and their user at the broker. A certificate of another name was given to a
    /// user who was removed.
    #[must_use]
    pub fn user_in(&self, zone: ZoneId) -> String {
        let principal = Principal::User(self.name.clone());
        self.entry.as_ref().map_or_else(|| principal.user_in(zone), |entry| principal.user_anew_in(zone, entry))
    }
}
