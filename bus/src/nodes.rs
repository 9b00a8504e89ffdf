//! The nodes of a broker that has several, behind the one name of its host.

use std::net::SocketAddr;

/// The addresses in the resolver's order, for the first may be the nearest, but beginning with another one each `turn`: a node that is
/// halted takes connections and answers nothing.
pub(crate) fn beginning_with(turn: usize, addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = addresses.collect();
    let first = turn.checked_rem(addresses.len()).unwrap_or(0);
    addresses.rotate_left(first);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_turn_begins_with_the_next_and_leaves_out_nobody() {
        let three: Vec<SocketAddr> = (1..=3).map(|last| SocketAddr::from(([192, 0, 2, last], 5671))).collect();
        for (turn, order) in [(0, [0, 1, 2]), (1, [1, 2, 0]), (2, [2, 0, 1]), (3, [0, 1, 2])] {
            let found = beginning_with(turn, three.iter().copied());
            assert_eq!(found, order.map(|place| three[place]), "turn {turn}");
        }
        assert!(beginning_with(7, std::iter::empty()).is_empty());
    }
}
