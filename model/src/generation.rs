//! No generation of a zone goes back: an older hello is a leftover or a replay, however well it is signed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::wire::v1::Envelope;
use crate::{ZoneId, route};

/// The latest generation of each zone that was heard. As text: a line `<zone id> <generation>` for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenerationGate(BTreeMap<ZoneId, u64>);

/// A generation before one that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("generation {told} of zone {zone} is over: {known} was heard before")]
pub struct OldGeneration {
    /// The zone.
    pub zone: ZoneId,
    /// What was told.
    pub told: u64,
    /// What is known.
    pub known: u64,
}

/// Text that lists no generations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a zone id and a generation")]
pub struct ParseGenerationsError(String);

impl GenerationGate {
    /// Lets a generation pass that does not go back; tells whether it is later than what was known, and so has to be kept.
    /// Only for hellos that are believed otherwise: a stranger must not shut the gate.
    ///
    /// # Errors
    /// [`OldGeneration`]; nothing changed.
    pub fn admit(&mut self, zone: ZoneId, told: u64) -> Result<bool, OldGeneration> {
        match self.0.get(&zone).copied() {
            Some(known) if told < known => Err(OldGeneration { zone, told, known }),
            Some(known) if told == known => Ok(false),
            _ => {
                self.0.insert(zone, told);
                Ok(true)
            }
        }
    }
}

/// The generation of its zone that a receiver heard of last: what a zone controller says in an older one is not obeyed, however
/// late it comes. One that was paused while another took over stands here, whatever it was in the middle of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneFence(Option<(ZoneId, u64)>);

impl ZoneFence {
    /// A hello that is believed, or a packet, tells a generation.
    ///
    /// # Errors
    /// [`OldGeneration`], of the same zone; nothing changed. Of another zone than the first nothing is kept.
    pub fn heard(&mut self, zone: ZoneId, told: u64) -> Result<(), OldGeneration> {
        match self.0 {
            Some((own, known)) if own == zone && told < known => Err(OldGeneration { zone, told, known }),
            Some((own, _)) if own != zone => Ok(()),
            _ => {
                self.0 = Some((zone, told));
                Ok(())
            }
        }
    }

    /// Lets a message pass, unless it comes from a zone controller of an older generation. One that tells no generation is of
    /// an older version, and passes.
    ///
    /// # Errors
    /// [`OldGeneration`].
    pub fn admit(&mut self, envelope: &Envelope) -> Result<(), OldGeneration> {
        match (route::zone_of_inbox(&envelope.from), envelope.generation) {
            (Some(zone), Some(told)) => self.heard(zone, told),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for GenerationGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(zone, generation)| writeln!(f, "{zone} {generation}"))
    }
}

impl FromStr for GenerationGate {
    type Err = ParseGenerationsError;
    fn from_str(text: &str) -> Result<Self, ParseGenerationsError> {
        let read = |line: &str| {
            let (zone, generation) = line.split_once(' ')?;
            Some((zone.parse().ok()?, generation.parse().ok()?))
        };
        let error = |line: &str| ParseGenerationsError(line.chars().take(80).collect());
        text.lines().map(|line| read(line).ok_or_else(|| error(line))).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_never_goes_back_not_even_over_a_restart() {
        let (zone, other) = (ZoneId::derived_from("z"), ZoneId::derived_from("other"));
        let mut gate = GenerationGate::default();
        assert_eq!(gate.admit(zone, 7), Ok(true));
        assert_eq!(gate.admit(zone, 7), Ok(false));
        assert_eq!(gate.admit(other, 1), Ok(true), "each zone counts by itself");
        assert_eq!(gate.admit(zone, 9), Ok(true));
        let mut next: GenerationGate = gate.to_string().parse().unwrap();
        assert_eq!(next, gate);
        assert_eq!(next.admit(zone, 8), Err(OldGeneration { zone, told: 8, known: 9 }));
        assert_eq!(next.admit(zone, 9), Ok(false));
    }

    #[test]
    fn text_that_is_none_is_said_to_be_none() {
        for text in ["x", "3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34", "3f2a1c9e-0d4b-8c7e-9a55-6d0f7b1e2c34 -1", "\n"] {
            assert!(text.parse::<GenerationGate>().is_err(), "{text:?}");
        }
        assert_eq!("".parse(), Ok(GenerationGate::default()));
    }

    #[test]
    fn what_an_older_zone_controller_says_is_not_obeyed_however_late_it_comes() {
        let (zone, other) = (ZoneId::derived_from("z"), ZoneId::derived_from("other"));
        let said = |zone: ZoneId, generation: Option<u64>| {
            let packet =
                crate::packet::Packet::HelloRequest(crate::packet::HelloRequest { name: "a".parse().unwrap() });
            let id = crate::MessageId::derived_from("m");
            let mut envelope = Envelope::new(id, route::zone_inbox(zone), crate::UnixMillis(1), packet);
            envelope.generation = generation;
            Envelope::decode(&envelope.encode()).unwrap()
        };
        let mut fence = ZoneFence::default();
        assert_eq!(fence.admit(&said(zone, Some(4))), Ok(()));
        assert_eq!(fence.admit(&said(zone, Some(4))), Ok(()));
        assert_eq!(fence.heard(zone, 6), Ok(()));
        assert_eq!(fence.admit(&said(zone, Some(5))), Err(OldGeneration { zone, told: 5, known: 6 }));
        assert_eq!(fence.admit(&said(zone, None)), Ok(()), "an older version tells none");
        assert_eq!(fence.admit(&said(other, Some(1))), Ok(()), "another zone is judged elsewhere");
        assert_eq!(fence.heard(zone, 5).unwrap_err().known, 6);
    }
}
