//! Somebody on the network who announces what no daemon of ours would.

use std::net::{IpAddr, Ipv4Addr};

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

/// An announcement on loopback, made as long as this lives.
pub struct Stranger(ServiceDaemon);

impl Stranger {
    /// Announces a TXT record under a subtype of `_rollcall._tcp`.
    ///
    /// # Panics
    /// When mDNS does not take it.
    #[must_use]
    pub fn announce(port: u16, subtype: &str, txt: &[(&str, &str)]) -> Self {
        let daemon = ServiceDaemon::new_with_port(port).expect("mDNS");
        daemon.disable_interface(IfKind::All).expect("mDNS takes the command");
        daemon.enable_interface("lo").expect("mDNS takes the command");
        let kind = format!("_{subtype}._sub._rollcall._tcp.local.");
        let instance = format!("stranger-{}", txt.iter().map(|(_, value)| *value).collect::<Vec<_>>().join("-"));
        let (host, address) = (format!("{instance}.local."), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let service = ServiceInfo::new(&kind, &instance, &host, address, 9, txt).expect("a service");
        daemon.register(service).expect("mDNS takes the command");
        Self(daemon)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // Nobody waits for its end.
        let _ = self.0.shutdown();
    }
}
