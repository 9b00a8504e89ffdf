//! Which network interfaces to speak on, and which addresses to tell there.

use std::collections::BTreeMap;
use std::net::IpAddr;

use if_addrs::{IfAddr, Interface};

use crate::DiscoveryError;

/// The interfaces the settings choose.
#[derive(Clone, Debug)]
pub(crate) struct Choice(Vec<String>);

impl Choice {
    /// Checks that each one is there.
    pub(crate) fn new(wanted: &[String]) -> Result<Self, DiscoveryError> {
        let choice = Self(wanted.to_vec());
        let present = if_addrs::get_if_addrs().map_err(|source| DiscoveryError::Interfaces { source })?;
        choice.check(&present)?;
        if !present.iter().any(|interface| choice.takes(interface)) {
            tracing::warn!("there is no network interface but loopback: nobody is discovered until there is one");
        }
        Ok(choice)
    }

    fn check(&self, present: &[Interface]) -> Result<(), DiscoveryError> {
        let missing = self.0.iter().find(|wanted| !present.iter().any(|interface| is(wanted, interface)));
        missing.map_or(Ok(()), |wanted| {
            let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for interface in present {
                names.entry(&interface.name).or_default().push(interface.ip().to_string());
            }
            let present = names.iter().map(|(name, addresses)| format!("{name} ({})", addresses.join(", "))).collect();
            Err(DiscoveryError::UnknownInterface { wanted: wanted.clone(), present })
        })
    }

    /// Whether to speak on this one.
    pub(crate) fn takes(&self, interface: &Interface) -> bool {
        if self.0.is_empty() { !interface.is_loopback() } else { self.0.iter().any(|wanted| is(wanted, interface)) }
    }

    /// The addresses for the address records of an announcement. An interface that none of the announced
    /// addresses belongs to would stay silent (RFC 6762 §6.2 asks for addresses valid on the link), so its
    /// own are told there.
    pub(crate) fn addresses(&self, announced: &[IpAddr]) -> Vec<IpAddr> {
        match if_addrs::get_if_addrs() {
            Ok(present) => self.on_links(announced, &present),
            Err(error) => {
                tracing::warn!(%error, "cannot list the network interfaces: announcing the configured addresses");
                announced.to_vec()
            }
        }
    }

    fn on_links(&self, announced: &[IpAddr], present: &[Interface]) -> Vec<IpAddr> {
        let mut links: BTreeMap<&str, Vec<&Interface>> = BTreeMap::new();
        for interface in present.iter().filter(|interface| self.takes(interface)) {
            links.entry(&interface.name).or_default().push(interface);
        }
        let mut addresses = announced.to_vec();
        for link in links.values() {
            let told = announced.iter().any(|address| link.iter().any(|interface| contains(&interface.addr, *address)));
            if !told {
                addresses.extend(link.iter().map(|interface| interface.ip()));
            }
        }
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}

fn is(wanted: &str, interface: &Interface) -> bool {
    wanted == interface.name || wanted.parse() == Ok(interface.ip())
}

fn contains(link: &IfAddr, address: IpAddr) -> bool {
    match (link, address) {
        (IfAddr::V4(link), IpAddr::V4(address)) => {
            let mask = link.netmask.to_bits();
            link.ip.to_bits() & mask == address.to_bits() & mask
        }
        (IfAddr::V6(link), IpAddr::V6(address)) => {
            let mask = link.netmask.to_bits();
            link.ip.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use if_addrs::{IfOperStatus, Ifv4Addr};

    use super::*;

    fn interface(name: &str, ip: [u8; 4]) -> Interface {
        let netmask = Ipv4Addr::new(255, 255, 255, 0);
        let addr = IfAddr::V4(Ifv4Addr { ip: ip.into(), netmask, prefixlen: 24, broadcast: None });
        Interface { name: name.into(), addr, index: None, oper_status: IfOperStatus::Up, is_p2p: false }
    }

    fn host() -> Vec<Interface> {
        vec![interface("lo", [127, 0, 0, 1]), interface("eth0", [10, 0, 0, 5]), interface("eth1", [10, 0, 1, 5])]
    }

    #[test]
    fn an_interface_that_is_not_there_is_named_with_those_that_are() {
        let choice = Choice(vec!["eth0".into(), "10.0.1.5".into(), "wlan0".into()]);
        let said = choice.check(&host()).unwrap_err().to_string();
        assert_eq!(
            said,
            "there is no network interface \"wlan0\" to discover on; \
             there are: eth0 (10.0.0.5), eth1 (10.0.1.5), lo (127.0.0.1)"
        );
    }

    #[test]
    fn loopback_is_spoken_on_only_when_asked_for() {
        let names = |choice: &[&str]| -> Vec<String> {
            let choice = Choice(choice.iter().map(|name| (*name).to_owned()).collect());
            host().into_iter().filter(|interface| choice.takes(interface)).map(|interface| interface.name).collect()
        };
        assert_eq!(names(&[]), ["eth0", "eth1"]);
        assert_eq!(names(&["lo"]), ["lo"]);
        assert_eq!(names(&["10.0.1.5", "lo"]), ["lo", "eth1"]);
    }

    #[test]
    fn a_link_without_an_announced_address_is_told_its_own() {
        let all = Choice(Vec::new());
        let announced: [IpAddr; 2] = [[10, 0, 0, 9].into(), [172, 16, 0, 1].into()];
        let expected: [IpAddr; 3] = [[10, 0, 0, 9].into(), [10, 0, 1, 5].into(), [172, 16, 0, 1].into()];
        assert_eq!(all.on_links(&announced, &host()), expected);
    }
}
