//! Who somebody is: the name in a certificate, at the broker and in the audit log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CheckinId, GroupId, Name, NodeId, ZoneId, route};

/// Whoever can prove who they are. Written `node.<node id>`, `group.<group id>`, `checkin.<check-in id>`,
/// `zone.<zone id>` or `user.<name>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// A zone controller.
    Zone(ZoneId),
    /// A group controller.
    Group(GroupId),
    /// A check-in service.
    Checkin(CheckinId),
    /// A node agent.
    Node(NodeId),
    /// A person or a program at the API.
    User(Name),
}

/// Text that names no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names nobody: expected node.<id>, group.<id>, checkin.<id>, zone.<id> or user.<name>")]
pub struct ParsePrincipalError(String);

impl Principal {
    /// What kind: `zone`, `group`, `checkin`, `node` or `user`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Zone(_) => "zone",
            Self::Group(_) => "group",
            Self::Checkin(_) => "checkin",
            Self::Node(_) => "node",
            Self::User(_) => "user",
        }
    }

    /// The id or name without the kind.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Zone(id) => id.to_string(),
            Self::Group(id) => id.to_string(),
            Self::Checkin(id) => id.to_string(),
            Self::Node(id) => id.to_string(),
            Self::User(name) => name.to_string(),
        }
    }

    /// Its inbox on the broker; people have none.
    #[must_use]
    pub fn inbox(&self) -> Option<String> {
        match self {
            Self::Zone(id) => Some(route::zone_inbox(*id)),
            Self::Group(id) => Some(route::group_inbox(*id)),
            Self::Checkin(id) => Some(route::checkin_inbox(*id)),
            Self::Node(id) => Some(route::node_inbox(*id)),
            Self::User(_) => None,
        }
    }

    /// Its user name at the broker and the common name of its certificate: a principal may stand in several zones on one
    /// broker, and is another user in each. At most 64 bytes (X.520 `ub-common-name`).
    #[must_use]
    pub fn user_in(&self, zone: ZoneId) -> String {
        format!("{self}@{}", zone.short())
    }

    /// Its user name after it has been let in anew while a certificate from before could still be shown: the broker knows
    /// users and no serial numbers, so the former certificate must name another user. `entry` is 1 to 8 hexadecimal digits.
    #[must_use]
    pub fn user_anew_in(&self, zone: ZoneId, entry: &str) -> String {
        format!("{}.{entry}", self.user_in(zone))
    }

    /// Whether this is one of its user names in a zone.
    #[must_use]
    pub fn is_user_in(&self, user: &str, zone: ZoneId) -> bool {
        let is_entry = |entry: &str| (1..=8).contains(&entry.len()) && entry.bytes().all(|b| b.is_ascii_hexdigit());
        match user.strip_prefix(&self.user_in(zone)) {
            Some("") => true,
            Some(rest) => rest.strip_prefix('.').is_some_and(is_entry),
            None => false,
        }
    }

    /// Reads a user name, with or without its zone.
    ///
    /// # Errors
    /// When it names nobody.
    pub fn of_user(user: &str) -> Result<Self, ParsePrincipalError> {
        user.split_once('@').map_or(user, |(principal, _)| principal).parse()
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind(), self.id())
    }
}

impl FromStr for Principal {
    type Err = ParsePrincipalError;
    fn from_str(text: &str) -> Result<Self, ParsePrincipalError> {
        let read = || match text.split_once('.')? {
            ("zone", id) => id.parse().ok().map(Self::Zone),
            ("group", id) => id.parse().ok().map(Self::Group),
            ("checkin", id) => id.parse().ok().map(Self::Checkin),
            ("node", id) => id.parse().ok().map(Self::Node),
            ("user", name) => name.parse().ok().map(Self::User),
            _ => None,
        };
        // One principal has one name: an id written otherwise (upper case, braces) is no other way to be it.
        read()
            .filter(|principal| principal.to_string() == text)
            .ok_or_else(|| ParsePrincipalError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Principal {
    type Error = ParsePrincipalError;
    fn try_from(text: String) -> Result<Self, ParsePrincipalError> {
        text.parse()
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_read_back_from_its_name_and_from_its_user() {
        let zone = ZoneId::derived_from("z");
        for principal in [
            Principal::Zone(zone),
            Principal::Group(GroupId::derived_from("g")),
            Principal::Checkin(CheckinId::derived_from("c")),
            Principal::Node(NodeId::derived_from("n")),
            Principal::User(Name::new("ada.l").unwrap()),
        ] {
            assert_eq!(principal.to_string().parse(), Ok(principal.clone()));
            assert_eq!(Principal::of_user(&principal.user_in(zone)), Ok(principal.clone()));
            assert!(principal.user_in(zone).len() <= 64, "{principal}");
        }
    }

    #[test]
    fn nobody_has_two_names() {
        let node = NodeId::derived_from("n").to_string();
        for text in
            ["", "node", "node.", "node.x", "guest", "zone.7", "root.x", &format!("node.{}", node.to_uppercase())]
        {
            assert!(text.parse::<Principal>().is_err(), "{text}");
        }
        let braced = format!("node.{{{node}}}");
        assert!(braced.parse::<Principal>().is_err());
    }
}
