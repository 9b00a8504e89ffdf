//! The driver of mdns-sd: one thread of its own, commanded over a queue that can be full.
//!
//! Tasks: one per browsed tag, which does nothing but drain (mdns-sd drops a browse whose reader is slow),
//! and one that listens to what the thread says of itself. Both end with the thread.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use mdns_sd::{DaemonEvent, IfKind, IfPredicate, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use rollcall_model::wire::txt::{Announcement, SERVICE};
use rustix::net::{AddressFamily, SocketType, sockopt};

use crate::discovery::Inner;
use crate::hub::Hub;
use crate::interfaces::Choice;
use crate::{DiscoveryError, DiscoverySettings, Sighting, Tag};

/// How often a process that has found whom it looked for looks whether it has other network addresses, seconds. Before
/// that it is every five.
const SETTLED_LOOK_S: u32 = 60;

/// How long a full queue is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Mdns {
    daemon: ServiceDaemon,
    choice: Choice,
    browsed: Mutex<HashSet<Tag>>,
}

impl Drop for Mdns {
    fn drop(&mut self) {
        // Says good-bye for whatever is still announced. A thread that has ended needs no end.
        let _ = self.daemon.shutdown();
    }
}

fn failed(source: mdns_sd::Error) -> DiscoveryError {
    DiscoveryError::Mdns { source }
}

impl Mdns {
    pub(crate) fn start(settings: &DiscoverySettings) -> Result<Self, DiscoveryError> {
        let choice = Choice::new(&settings.interfaces)?;
        can_share(settings.port).map_err(|source| DiscoveryError::Port { port: settings.port, source })?;
        let daemon = ServiceDaemon::new_with_port(settings.port).map_err(failed)?;
        daemon.disable_interface(IfKind::All).map_err(failed)?;
        let taken = choice.clone();
        let taken = IfPredicate::new(move |interface| taken.takes(interface));
        daemon.enable_interface(IfKind::Predicate(taken)).map_err(failed)?;
        Ok(Self { daemon, choice, browsed: Mutex::default() })
    }

    /// Looks for other network addresses now and then only.
    pub(crate) fn settle(&self) {
        if let Err(error) = self.daemon.set_ip_check_interval(SETTLED_LOOK_S) {
            tracing::debug!(%error, "multicast DNS goes on looking for network addresses every few seconds");
        }
    }

    /// Begins to browse a tag, unless that has begun.
    pub(crate) fn browse(&self, tag: Tag, hub: &Arc<Hub>) {
        let mut browsed = self.browsed.lock().unwrap_or_else(PoisonError::into_inner);
        if browsed.is_empty() {
            tokio::spawn(listen_to_all(self.daemon.clone()));
        }
        if browsed.insert(tag) {
            tokio::spawn(browse(self.daemon.clone(), tag, hub.clone()));
        }
    }

    /// Begins to listen to what the thread says of itself.
    pub(crate) fn monitor(&self, discovery: Weak<Inner>) -> Result<(), DiscoveryError> {
        let events = self.daemon.monitor().map_err(failed)?;
        tokio::spawn(async move {
            while let Ok(event) = events.recv_async().await {
                heard(event, &discovery).await;
            }
        });
        Ok(())
    }

    /// Announces, or announces again what changed. Gives the addresses in the address records.
    pub(crate) async fn register(
        &self,
        announcement: &Announcement,
        probe: bool,
    ) -> Result<Vec<IpAddr>, DiscoveryError> {
        let addresses = self.choice.addresses(announcement.addresses());
        let mut info = service_info(announcement, &addresses).map_err(failed)?;
        info.set_requires_probe(probe);
        queued(|| self.daemon.register(info.clone())).await?;
        Ok(addresses)
    }

    /// Says good-bye, and waits until it is said.
    pub(crate) async fn unregister(&self, instance: &str) -> Result<(), DiscoveryError> {
        let said = queued(|| self.daemon.unregister(&fullname(instance))).await?;
        // No answer within the time, or none because the thread has ended: nothing more can be done.
        let _ = tokio::time::timeout(PATIENCE, said.recv_async()).await;
        Ok(())
    }

    /// Says good-bye without waiting.
    pub(crate) fn unregister_soon(&self, instance: &str) {
        if let Err(error) = self.daemon.unregister(&fullname(instance)) {
            tracing::debug!(instance, %error, "no good-bye could be said");
        }
    }
}

/// Binds and closes the sockets mdns-sd is going to bind: its thread would fail in silence.
fn can_share(port: u16) -> std::io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    rustix::net::bind(&socket, &std::net::SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, port))?;
    Ok(())
}

fn fullname(instance: &str) -> String {
    format!("{instance}.{SERVICE}")
}

fn service_info(announcement: &Announcement, addresses: &[IpAddr]) -> mdns_sd::Result<ServiceInfo> {
    let instance = announcement.instance();
    ServiceInfo::new(
        &Tag::of(announcement).service_type(),
        &instance,
        // A host name of its own: address records of one name are one set for the whole network.
        &format!("{instance}.local."),
        addresses,
        announcement.port(),
        announcement.to_txt().as_slice(),
    )
}

/// Gives a command to the thread, waiting while its queue is full.
async fn queued<T>(mut command: impl FnMut() -> mdns_sd::Result<T>) -> Result<T, DiscoveryError> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match command() {
            Err(mdns_sd::Error::Again) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            result => return result.map_err(failed),
        }
    }
}

/// mdns-sd answers a query for a subtype with the pointer of the whole type, and puts the subtype's beside it as an
/// additional record. Who browses subtypes only takes such an answer for somebody else's business: whatever was
/// announced before it came would stay unheard. So the whole type is browsed too, and what it finds is let go.
async fn listen_to_all(daemon: ServiceDaemon) {
    while let Ok(events) = queued(|| daemon.browse(SERVICE)).await {
        while events.recv_async().await.is_ok() {}
    }
}

async fn browse(daemon: ServiceDaemon, tag: Tag, hub: Arc<Hub>) {
    while let Ok(events) = queued(|| daemon.browse(&tag.service_type())).await {
        while let Ok(event) = events.recv_async().await {
            if let Some(sighting) = sighting(tag, event) {
                hub.tell(&sighting);
            }
        }
        // Either the thread has ended, and browsing again fails; or we were too slow and were dropped. What
        // happened meanwhile is unknown, so begin anew from the thread's memory.
        hub.forget_all();
    }
    hub.close();
}

fn sighting(tag: Tag, event: ServiceEvent) -> Option<Sighting> {
    match event {
        ServiceEvent::ServiceResolved(service) => resolved(tag, &service),
        ServiceEvent::ServiceRemoved(_, fullname) => Some(Sighting::Gone { instance: instance(&fullname) }),
        _ => None,
    }
}

fn resolved(tag: Tag, service: &ResolvedService) -> Option<Sighting> {
    let txt: Vec<(String, Vec<u8>)> = service
        .get_properties()
        .iter()
        .map(|property| (property.key().to_owned(), property.val().unwrap_or_default().to_vec()))
        .collect();
    // The TXT record comes in a later packet; the service is then resolved again.
    if txt.is_empty() {
        return None;
    }
    let from = service.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr).collect();
    Some(Sighting::read(tag, instance(service.get_fullname()), &txt, from))
}

fn instance(fullname: &str) -> String {
    let suffix = fullname.len().checked_sub(SERVICE.len() + 1);
    match suffix.and_then(|at| fullname.split_at_checked(at)) {
        Some((instance, rest)) if rest.trim_start_matches('.').eq_ignore_ascii_case(SERVICE) => instance.to_owned(),
        _ => fullname.to_owned(),
    }
}

async fn heard(event: DaemonEvent, discovery: &Weak<Inner>) {
    match event {
        DaemonEvent::Error(error) => tracing::warn!(%error, "multicast DNS is in trouble"),
        DaemonEvent::NameChange(change) => tracing::warn!(
            name = change.original,
            instead = change.new_name,
            interface = change.intf_name,
            "another host announces the same name: is its identity copied?"
        ),
        DaemonEvent::IpAdd(address) => {
            tracing::info!(%address, "a network address appeared: announcing there");
            if let Some(discovery) = discovery.upgrade() {
                discovery.announce_again().await;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instance_is_what_stands_before_the_service() {
        assert_eq!(instance("zone-1._rollcall._tcp.local."), "zone-1");
        assert_eq!(instance("a.b._ROLLCALL._tcp.local."), "a.b");
        assert_eq!(instance("._rollcall._tcp.local."), "");
        assert_eq!(instance("ü_rollcall._tcp.local."), "ü_rollcall._tcp.local.");
        assert_eq!(instance("x"), "x");
    }

    #[test]
    fn a_port_held_without_sharing_is_an_error_and_a_shared_one_is_not() {
        let held = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = held.local_addr().unwrap().port();
        assert_eq!(can_share(port).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
        drop(held);
        assert!(can_share(port).is_ok());
    }
}
