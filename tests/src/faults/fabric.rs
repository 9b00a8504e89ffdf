//! All cables and the switch they end in: what each host sends goes up its cable, to where the switch learnt that the address
//! is, or to everybody, and down that cable. Pure, as [`super::pipe`] is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::impairment::Impairment;
use super::pipe::{Counts, Pipe};

/// Addresses the switch remembers.
const MOST_ADDRESSES: usize = 1_024;

/// Both directions of one host's cable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cable {
    /// From the host to the switch.
    pub up: Impairment,
    /// From the switch to the host.
    pub down: Impairment,
}

impl Cable {
    /// The same both ways.
    #[must_use]
    pub fn both(impairment: Impairment) -> Self {
        Self { up: impairment.clone(), down: impairment }
    }

    /// Whether it is a cable without faults.
    #[must_use]
    pub fn is_good(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a host behind it is promised a good name: neither direction is out of its bounds
    /// ([`Impairment::is_within_promise`]), and of a hundred frames that want an answer at most thirty get none.
    #[must_use]
    pub fn is_within_promise(&self) -> bool {
        let answered = u32::from(self.up.passes()) * u32::from(self.down.passes());
        self.up.is_within_promise() && self.down.is_within_promise() && answered >= 70 * 100
    }
}

impl std::fmt::Display for Cable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.up == self.down { write!(f, "{}", self.up) } else { write!(f, "up {}; down {}", self.up, self.down) }
    }
}

struct Port {
    up: Pipe,
    down: Pipe,
}

/// The switch and its cables; ports count from 0.
pub struct Fabric {
    ports: Vec<Port>,
    learnt: BTreeMap<[u8; 6], usize>,
}

impl Fabric {
    /// So many good cables, whose faults to come are drawn from this seed.
    #[must_use]
    pub fn new(seed: u64, ports: usize) -> Self {
        let pipe = |number: u64| Pipe::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
        let port = |port: u64| Port { up: pipe(port * 2), down: pipe(port * 2 + 1) };
        Self { ports: (0..ports as u64).map(port).collect(), learnt: BTreeMap::new() }
    }

    /// What a port's cable does from now on.
    pub fn set(&mut self, port: usize, cable: Cable) {
        if let Some(port) = self.ports.get_mut(port) {
            port.up.set(cable.up);
            port.down.set(cable.down);
        }
    }

    /// What became of a port's frames, up and down.
    #[must_use]
    pub fn counts(&self, port: usize) -> Option<[Counts; 2]> {
        self.ports.get(port).map(|port| [port.up.counts(), port.down.counts()])
    }

    /// A host sends a frame. One too short to have addresses is dropped.
    pub fn receive(&mut self, now: Duration, port: usize, frame: &[u8]) {
        if frame.len() >= 14
            && let Some(port) = self.ports.get_mut(port)
        {
            port.up.offer(now, frame);
        }
    }

    /// All that has arrived by now, each with the port of the host it is for.
    pub fn arrived(&mut self, now: Duration) -> Vec<(usize, Vec<u8>)> {
        for port in 0..self.ports.len() {
            while let Some(frame) = self.ports[port].up.take(now) {
                self.forward(now, port, &frame);
            }
        }
        let mut out = Vec::new();
        for (number, port) in self.ports.iter_mut().enumerate() {
            out.extend(std::iter::from_fn(|| port.down.take(now)).map(|frame| (number, frame)));
        }
        out
    }

    /// When there is something to do next.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.ports.iter().flat_map(|port| [port.up.next(), port.down.next()]).flatten().min()
    }

    fn forward(&mut self, now: Duration, from: usize, frame: &[u8]) {
        let address = |at: usize| <[u8; 6]>::try_from(&frame[at..at + 6]).unwrap_or_default();
        let (to, sender) = (address(0), address(6));
        if self.learnt.len() < MOST_ADDRESSES || self.learnt.contains_key(&sender) {
            self.learnt.insert(sender, from);
        }
        // The lowest bit of the first byte: for a group, or for all.
        let known = if to[0] & 1 == 1 { None } else { self.learnt.get(&to).copied() };
        for (number, port) in self.ports.iter_mut().enumerate() {
            if number != from && known.is_none_or(|known| known == number) {
                port.down.offer(now, frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn frame(to: u8, from: u8) -> Vec<u8> {
        let mut frame = vec![0; 60];
        (frame[5], frame[11]) = (to, from);
        frame
    }

    fn reached(fabric: &mut Fabric, port: usize, frame: &[u8]) -> Vec<usize> {
        fabric.receive(NOW, port, frame);
        fabric.arrived(NOW).into_iter().map(|(port, _)| port).collect()
    }

    #[test]
    fn a_stranger_is_looked_for_everywhere_and_found_once_it_spoke() {
        let mut fabric = Fabric::new(1, 4);
        assert_eq!(reached(&mut fabric, 0, &frame(2, 9)), [1, 2, 3]);
        assert_eq!(reached(&mut fabric, 2, &frame(9, 2)), [0]);
        assert_eq!(reached(&mut fabric, 0, &frame(2, 9)), [2]);
        // It moved.
        assert_eq!(reached(&mut fabric, 3, &frame(9, 2)), [0]);
        assert_eq!(reached(&mut fabric, 0, &frame(2, 9)), [3]);
    }

    #[test]
    fn what_is_for_a_group_reaches_everybody_else() {
        let mut fabric = Fabric::new(1, 3);
        let mut multicast = frame(0, 7);
        multicast[0] = 0x01;
        assert_eq!(reached(&mut fabric, 1, &multicast), [0, 2]);
    }

    #[test]
    fn each_direction_of_each_cable_fails_for_itself() {
        let mut fabric = Fabric::new(1, 3);
        fabric.set(1, Cable { up: Impairment::cut(), down: Impairment::default() });
        assert_eq!(reached(&mut fabric, 1, &frame(9, 1)), [0_usize; 0]);
        assert_eq!(reached(&mut fabric, 0, &frame(1, 9)), [1, 2]);
        fabric.set(1, Cable { up: Impairment::default(), down: Impairment::cut() });
        assert_eq!(reached(&mut fabric, 0, &frame(1, 9)), [2]);
        assert_eq!(reached(&mut fabric, 1, &frame(9, 1)), [0]);
        assert_eq!(fabric.counts(1).map(|[up, down]| (up.cut, down.cut)), Some((1, 1)));
    }

    #[test]
    fn what_is_not_a_frame_or_from_nowhere_is_dropped() {
        let mut fabric = Fabric::new(1, 2);
        assert_eq!(reached(&mut fabric, 0, &[0; 13]), [0_usize; 0]);
        assert_eq!(reached(&mut fabric, 7, &frame(1, 2)), [0_usize; 0]);
        assert_eq!(fabric.next(), None);
    }

    #[test]
    fn a_frame_takes_as_long_as_both_cables() {
        let mut fabric = Fabric::new(1, 2);
        let late = |ms| Cable::both(Impairment { delay: Duration::from_millis(ms), ..Impairment::default() });
        fabric.set(0, late(5));
        fabric.set(1, late(7));
        fabric.receive(NOW, 0, &frame(1, 2));
        let mut now = NOW;
        while let Some(next) = fabric.next() {
            now = next;
            if !fabric.arrived(now).is_empty() {
                break;
            }
        }
        assert_eq!(now - NOW, Duration::from_millis(12));
    }
}
