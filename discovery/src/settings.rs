//! Settings of discovery, part of every daemon's configuration.

use serde::Deserialize;

/// The UDP port of multicast DNS (RFC 6762).
pub const MDNS_PORT: u16 = 5353;

/// How a daemon finds others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscoverySettings {
    /// Whether to speak multicast DNS. Without it only what is configured is known.
    pub mdns: bool,
    /// Names or addresses of the interfaces to speak on; none means every one but loopback.
    pub interfaces: Vec<String>,
    /// UDP port. Another than 5353 makes an island that standard tools do not see.
    pub port: u16,
}

impl Default for DiscoverySettings {
    fn default() -> Self {
        Self { mdns: true, interfaces: Vec::new(), port: MDNS_PORT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default_and_unknown_keys_are_refused() {
        let none: DiscoverySettings = toml::from_str("").unwrap();
        assert_eq!(none, DiscoverySettings::default());
        let some: DiscoverySettings = toml::from_str("interfaces = ['lo']\nport = 5454").unwrap();
        assert_eq!((some.mdns, some.interfaces.as_slice(), some.port), (true, &["lo".to_owned()][..], 5454));
        assert!(toml::from_str::<DiscoverySettings>("interface = 'lo'").is_err());
    }
}
