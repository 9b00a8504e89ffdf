//! Why discovery does not work.

/// Why announcing or listening cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// An interface in the settings is not there.
    #[error("there is no network interface {wanted:?} to discover on; there are: {}", .present.join(", "))]
    UnknownInterface {
        /// Name or address from the settings.
        wanted: String,
        /// Names, with their addresses.
        present: Vec<String>,
    },
    /// The interfaces cannot be listed.
    #[error("cannot list the network interfaces: {source}")]
    Interfaces {
        /// The system's word.
        source: std::io::Error,
    },
    /// The port cannot be shared.
    #[error(
        "cannot use UDP port {port} for multicast DNS: {source}; \
         stop the program that holds it without sharing, or set another port everywhere"
    )]
    Port {
        /// The port.
        port: u16,
        /// The system's word.
        source: std::io::Error,
    },
    /// The announcement does not fit into a TXT record.
    #[error("the announcement {instance} has {bytes} bytes, at most {max} fit: use shorter names or fewer ranges")]
    TooLarge {
        /// Its instance name.
        instance: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A later announcement of the same instance in this process took its place.
    #[error("the announcement {instance} was replaced by a later one of the same name in this process")]
    Replaced {
        /// Its instance name.
        instance: String,
    },
    /// The multicast DNS thread did not take the command; nothing changed.
    #[error("multicast DNS failed: {source}")]
    Mdns {
        /// Its word.
        source: mdns_sd::Error,
    },
}
