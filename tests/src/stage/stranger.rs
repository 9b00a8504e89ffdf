//! Somebody on the network who announces what no daemon of ours would.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

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
        static MADE: AtomicU32 = AtomicU32::new(0);
        let instance = format!("stranger-{}", MADE.fetch_add(1, Ordering::Relaxed));
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
