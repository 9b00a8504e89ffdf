//! Typed identifiers. Two kinds never mix: a `NodeId` cannot be passed where a `GroupId` is meant.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind}: expected a UUID such as 3f2a1c9e-0d4b-4c7e-9a55-6d0f7b1e2c34")]
pub struct ParseIdError {
    kind: &'static str,
    text: String,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The sixteen bytes, network order.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From sixteen bytes, network order.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// A stable id from any text: the first 128 bits of its SHA-256, marked as UUID version 8 (RFC 9562).
            #[must_use]
            pub fn derived_from(text: &str) -> Self {
                Self(uuid_from_digest(text.as_bytes()))
            }

            /// The first eight hexadecimal digits, enough to tell a few hundred apart on a screen.
            #[must_use]
            pub fn short(&self) -> String {
                self.0.simple().to_string()[..8].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, " {}"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| ParseIdError { kind: $kind, text: text.chars().take(64).collect() })
            }
        }
    };
}

uuid_id!(
    /// A zone (Z1): derived from the controller machine's identifier and the administrator's secret.
    ZoneId, "zone id"
);
uuid_id!(
    /// A group (G1), physical, logical or health.
    GroupId, "group id"
);
uuid_id!(
    /// A node (N1): derived from its hardware.
    NodeId, "node id"
);
uuid_id!(
    /// A check-in service.
    CheckinId, "check-in id"
);
uuid_id!(
    /// One run of a process; a new one at each start. Tells a restart from a duplicate.
    InstanceId, "instance id"
);
uuid_id!(
    /// One order of an action (N7): whoever has seen it does not act again.
    ActionId, "action id"
);
uuid_id!(
    /// A request to join that waits, or waited, for somebody to decide on it.
    JoinId, "join id"
);
uuid_id!(
    /// One message, for idempotence and tracing.
    MessageId, "message id"
);

/// First 128 bits of SHA-256, stamped as UUID version 8, RFC 9562 variant.
pub(crate) fn uuid_from_digest(text: &[u8]) -> Uuid {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(text);
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

impl GroupId {
    /// A random group id (UUID version 4) from sixteen random bytes.
    #[must_use]
    pub fn random_from(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The group id made of the first 24 bits of the group controller's IPv4 address (G1, US 9,207,988).
    ///
    /// The 24 bits stand first, so that `0a0102…` is readable as 10.1.2.0/24; the rest is constant.
    #[must_use]
    pub fn from_ipv4_prefix(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        Self(uuid::Builder::from_custom_bytes([a, b, c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24]).into_uuid())
    }
}

impl CheckinId {
    /// The id of the service of this name: nodes without multicast name the service, not its id.
    #[must_use]
    pub fn of_service(name: &crate::Name) -> Self {
        Self::derived_from(&format!("rollcall check-in {name}"))
    }
}

/// Number given at check-in, monotonic per node in the store; packets of older epochs are dropped.
///
/// Zero is never given: it marks "not checked in yet".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionEpoch(pub u32);

impl SessionEpoch {
    /// The next epoch.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SessionEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ipv4_prefix_is_readable_and_ignores_the_host_part() {
        let a = GroupId::from_ipv4_prefix(Ipv4Addr::new(10, 1, 2, 3));
        let b = GroupId::from_ipv4_prefix(Ipv4Addr::new(10, 1, 2, 200));
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "0a010200-0000-8000-8000-000000000018");
        assert_ne!(a, GroupId::from_ipv4_prefix(Ipv4Addr::new(10, 1, 3, 3)));
    }

    #[test]
    fn a_bad_id_is_named_in_the_error() {
        let error = "rack-7".parse::<GroupId>().unwrap_err();
        assert!(error.to_string().contains("\"rack-7\" is not a group id"));
    }
}
