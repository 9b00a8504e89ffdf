//! The addresses of this machine.

use std::net::IpAddr;

/// Addresses others may reach this machine at: IPv4 before IPv6, link-local ones left out; loopback only
/// when there is nothing else.
#[must_use]
pub fn host_addresses() -> Vec<IpAddr> {
    let present: Vec<IpAddr> =
        if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|interface| interface.ip()).collect();
    reachable(present)
}

fn reachable(present: Vec<IpAddr>) -> Vec<IpAddr> {
    let link_local = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let mut reachable: Vec<IpAddr> =
        present.iter().copied().filter(|address| !address.is_loopback() && !link_local(address)).collect();
    if reachable.is_empty() {
        reachable = present.into_iter().filter(IpAddr::is_loopback).collect();
    }
    reachable.sort_by_key(|address| address.is_ipv6());
    reachable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_counts_only_when_there_is_nothing_else() {
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let all = parse(&["127.0.0.1", "fe80::1", "fd00::2", "10.1.2.3"]);
        assert_eq!(reachable(all), parse(&["10.1.2.3", "fd00::2"]));
        assert_eq!(reachable(parse(&["127.0.0.1", "fe80::1"])), parse(&["127.0.0.1"]));
    }
}
