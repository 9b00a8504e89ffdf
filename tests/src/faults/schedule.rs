//! What goes wrong when, drawn from a seed: the same seed, span and size give the same schedule. Pure. Everything is healed
//! before the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::fabric::Cable;
use super::impairment::{Impairment, Rate};
use crate::stage::{node_name, rack_name};

/// Nothing goes wrong in the first moments, nor begins so shortly before the end.
const CALM: Duration = Duration::from_secs(4);
/// The shortest fault.
const SHORTEST: Duration = Duration::from_millis(500);
/// The longest fault.
const LONGEST: Duration = Duration::from_secs(20);

/// How large a bench is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Racks, each with a group controller; 1 to 20.
    pub racks: usize,
    /// Agents of each rack; 1 to 100.
    pub agents: usize,
}

/// Who is afflicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The zone controller.
    Zone,
    /// The check-in service.
    Checkin,
    /// RabbitMQ.
    Broker,
    /// PostgreSQL.
    Database,
    /// A group controller, or the cable of its host.
    Rack(usize),
    /// An agent, or the cable of its host.
    Agent(usize),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone => f.write_str("zone"),
            Self::Checkin => f.write_str("check-in"),
            Self::Broker => f.write_str("broker"),
            Self::Database => f.write_str("database"),
            Self::Rack(index) => f.write_str(&rack_name(*index)),
            Self::Agent(index) => f.write_str(&node_name(*index)),
        }
    }
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its cable does this.
    Cable(Cable),
    /// Killed as by `kill -9`, and started again at the end.
    Kill,
    /// Halted with its sockets open, and resumed at the end.
    Pause,
    /// The broker's disk alarm, or its memory alarm.
    Alarm(Alarm),
    /// Its wall clock jumps by so many hours, and back at the end.
    Clock(i64),
    /// The disk it keeps its own words on is full until the end.
    Disk,
}

/// What a broker runs short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Room on its disk.
    Disk,
    /// Memory.
    Memory,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cable(cable) => write!(f, "{cable}"),
            Self::Kill => f.write_str("killed"),
            Self::Pause => f.write_str("paused"),
            Self::Alarm(Alarm::Disk) => f.write_str("disk alarm"),
            Self::Alarm(Alarm::Memory) => f.write_str("memory alarm"),
            Self::Clock(hours) => write!(f, "clock {hours:+} h"),
            Self::Disk => f.write_str("disk full"),
        }
    }
}

/// One thing that is to go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When, since the beginning.
    pub at: Duration,
    /// For how long.
    pub lasts: Duration,
    /// To whom.
    pub on: Target,
    /// What.
    pub fault: Fault,
}

impl Planned {
    /// When it is over.
    #[must_use]
    pub fn ends(&self) -> Duration {
        self.at + self.lasts
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |span: Duration| span.as_secs_f64();
        write!(f, "{:7.1} s  for {:4.1} s  {}: {}", seconds(self.at), seconds(self.lasts), self.on, self.fault)
    }
}

/// All that is to go wrong, in the order of its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From which it was drawn.
    pub seed: u64,
    /// When everything is healed.
    pub span: Duration,
    /// Whom it is for.
    pub size: Size,
    /// Whether only the last rack and its agents, the broker and the database are ever killed; the others are halted instead, so that what
    /// they hold in the end tells of the whole run.
    pub spares: bool,
    /// What goes wrong.
    pub planned: Vec<Planned>,
}

/// In a longer run it would not be clear which of a rack's times are an hour off.
const CLEAR: Duration = Duration::from_secs(3_000);

impl Schedule {
    /// Draws one. Nobody has two faults at once; different ones may.
    #[must_use]
    pub fn draw(seed: u64, span: Duration, size: Size, spares: bool) -> Self {
        let mut chance = SmallRng::seed_from_u64(seed);
        let (mut at, mut planned, mut busy) = (CALM, Vec::new(), BTreeMap::new());
        loop {
            at += millis(&mut chance, 500, 5_000);
            let left = span.saturating_sub(at + CALM);
            if left < SHORTEST {
                return Self { seed, span, size, spares, planned };
            }
            let (on, lasts) = (target(&mut chance, size), millis(&mut chance, 500, 20_000).min(left).min(LONGEST));
            let mut fault = fault(&mut chance, on);
            if spares && fault == Fault::Kill && is_spared(on, size) {
                fault = Fault::Pause;
            }
            if span > CLEAR && matches!((on, &fault), (Target::Rack(_), Fault::Clock(_))) {
                fault = Fault::Disk;
            }
            if busy.get(&on).is_none_or(|until| *until + CALM <= at) {
                busy.insert(on, at + lasts);
                planned.push(Planned { at, lasts, on, fault });
            }
        }
    }

    /// What begins and ends when, in order; ends before beginnings. `true` for a beginning.
    #[must_use]
    pub fn steps(&self) -> Vec<(Duration, bool, &Planned)> {
        let begins = self.planned.iter().map(|planned| (planned.at, true, planned));
        let ends = self.planned.iter().map(|planned| (planned.ends(), false, planned));
        let mut steps: Vec<_> = begins.chain(ends).collect();
        steps.sort_by_key(|(at, begins, _)| (*at, *begins));
        steps
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { racks, agents } = self.size;
        let seconds = self.span.as_secs();
        let spares = if self.spares { " --spare" } else { "" };
        writeln!(f, "--seed {} --seconds {seconds} --racks {racks} --agents {agents}{spares}", self.seed)?;
        self.planned.iter().try_for_each(|planned| writeln!(f, "{planned}"))
    }
}

fn millis(chance: &mut SmallRng, low: u64, high: u64) -> Duration {
    Duration::from_millis(chance.random_range(low..=high))
}

/// Whether it is of those that are never killed, if anybody is spared.
fn is_spared(on: Target, size: Size) -> bool {
    match on {
        Target::Zone | Target::Checkin => true,
        Target::Rack(rack) => rack + 1 < size.racks,
        Target::Agent(agent) => agent / size.agents + 1 < size.racks,
        Target::Broker | Target::Database => false,
    }
}

/// Agents are many; the others matter to all.
fn target(chance: &mut SmallRng, size: Size) -> Target {
    match chance.random_range(0..100_u8) {
        0..55 => Target::Agent(chance.random_range(0..size.racks * size.agents)),
        55..75 => Target::Rack(chance.random_range(0..size.racks)),
        75..83 => Target::Zone,
        83..88 => Target::Checkin,
        88..95 => Target::Broker,
        _ => Target::Database,
    }
}

fn fault(chance: &mut SmallRng, on: Target) -> Fault {
    let dice = chance.random_range(0..100_u8);
    match (on, dice) {
        (Target::Database, _) | (Target::Broker, 0..25) => Fault::Kill,
        (Target::Broker, 25..55) => Fault::Alarm(Alarm::Disk),
        (Target::Broker, 55..70) => Fault::Alarm(Alarm::Memory),
        (Target::Agent(_) | Target::Rack(_), 0..8) => Fault::Clock(if chance.random() { 1 } else { -1 }),
        (Target::Agent(_) | Target::Rack(_), 8..14) => Fault::Disk,
        (Target::Agent(_) | Target::Rack(_), 0..60) => Fault::Cable(cable(chance)),
        (Target::Agent(_) | Target::Rack(_), 60..80) | (Target::Zone | Target::Checkin, 0..60) => Fault::Kill,
        _ => Fault::Pause,
    }
}

fn cable(chance: &mut SmallRng) -> Cable {
    let impairment = match chance.random_range(0..9_u8) {
        0 => return Cable { up: Impairment::cut(), down: Impairment::default() },
        1 => return Cable { up: Impairment::default(), down: Impairment::cut() },
        2 => Impairment::cut(),
        3 => Impairment::loss(chance.random_range(5..=60)),
        4 => {
            let (delay, jitter) = (millis(chance, 5, 400), millis(chance, 0, 100));
            Impairment { delay, jitter, ..Impairment::default() }
        }
        5 => Impairment { duplicate: chance.random_range(5..=50), ..Impairment::default() },
        6 => Impairment { reorder: chance.random_range(5..=30), ..Impairment::default() },
        7 => Impairment { corrupt: chance.random_range(1..=20), ..Impairment::default() },
        _ => {
            let bytes_per_s = chance.random_range(500..=20_000);
            Impairment { rate: Some(Rate { bytes_per_s, queue: 10_000 }), ..Impairment::default() }
        }
    };
    Cable::both(impairment)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_and_everything_is_healed_in_time(
            seed: u64, seconds in 1..600_u64, racks in 1..5_usize, agents in 1..9_usize, spares: bool,
        ) {
            let (span, size) = (Duration::from_secs(seconds), Size { racks, agents });
            let schedule = Schedule::draw(seed, span, size, spares);
            prop_assert_eq!(&schedule, &Schedule::draw(seed, span, size, spares));
            let mut open = BTreeMap::new();
            for (at, begins, planned) in schedule.steps() {
                prop_assert!(at <= span && planned.lasts >= SHORTEST && planned.lasts <= LONGEST);
                if begins {
                    prop_assert!(open.insert(planned.on, at).is_none(), "two faults at once of {}", planned.on);
                } else {
                    prop_assert!(open.remove(&planned.on).is_some());
                }
                match planned.on {
                    Target::Rack(rack) => prop_assert!(rack < racks),
                    Target::Agent(agent) => prop_assert!(agent < racks * agents),
                    _ => {}
                }
                let is_a_member = matches!(planned.on, Target::Rack(_) | Target::Agent(_));
                prop_assert!(is_a_member || !matches!(planned.fault, Fault::Cable(_) | Fault::Clock(_) | Fault::Disk));
                let kills_who_is_spared = spares && planned.fault == Fault::Kill && is_spared(planned.on, size);
                prop_assert!(!kills_who_is_spared, "{}", planned);
                prop_assert!(planned.on == Target::Broker || !matches!(planned.fault, Fault::Alarm(_)));
            }
            prop_assert!(open.is_empty());
        }
    }

    #[test]
    fn a_long_schedule_has_every_kind_of_fault_on_everybody() {
        let schedule = Schedule::draw(5, Duration::from_secs(3_600), Size { racks: 2, agents: 3 }, false);
        let text = schedule.to_string();
        assert!(text.starts_with("--seed 5 --seconds 3600 --racks 2 --agents 3\n"));
        let afflicted = ["zone:", "check-in:", "broker:", "database:", "rack-a:", "rack-b:", "sim-0000:", "sim-0005:"];
        let faults = [
            "killed",
            "paused",
            "disk alarm",
            "memory alarm",
            "clock +1 h",
            "clock -1 h",
            "disk full",
            "cut",
            "up cut; down good",
            "up good; down cut",
        ];
        let impaired = ["% lost", "% twice", "% overtaken", "% damaged", " bytes/s", "0 ms"];
        for word in afflicted.iter().chain(&faults).chain(&impaired) {
            assert!(text.contains(word), "nothing of {word} in\n{text}");
        }
    }
}
