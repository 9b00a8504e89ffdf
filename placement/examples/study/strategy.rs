//! Who chooses targets, and from what.

use rollcall_placement::Kind;

use crate::draws::Draws;
use crate::fleet::{Node, Work};
use crate::ra::Ra;
use crate::reports::{Knows, Reports};

/// What a strategy has nodes send.
#[derive(Clone, Copy, PartialEq)]
pub enum Traffic {
    Nothing,
    /// RA messages at their frequencies.
    Availability,
    /// How free the node is, as a number, at one and the same rate from each.
    Reports,
}

/// Balancing, or filling up few nodes.
#[derive(Clone, Copy, PartialEq)]
pub enum Aim {
    Balance,
    Power,
}

impl Aim {
    pub fn kind(self) -> Kind {
        match self {
            Self::Balance => Kind::Balance,
            Self::Power => Kind::Power,
        }
    }
}

/// One that chooses. `now` is in milliseconds.
pub trait Chooser {
    fn deliver(&mut self, _now: u64, _node: usize, _metric: f64) {}
    fn eligible(&mut self, now: u64, node: usize, eligible: bool);
    fn tick(&mut self, _now: u64) {}
    /// `truth` is for those that may look; `None` when nobody seems to fit.
    fn choose(&mut self, now: u64, truth: &[Node], work: &Work, draws: &mut Draws) -> Option<usize>;
    /// The chosen node had no room, or was dead.
    fn refused(&mut self, _now: u64, _node: usize) {}
    /// Messages that choosing itself cost.
    fn asked(&self) -> u64 {
        0
    }
    /// How old what it knew of the chosen ones was, in milliseconds: sum and number.
    fn staleness(&self) -> Option<(f64, u64)> {
        None
    }
}

/// The strategies of the study.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Strategy {
    RingNewest,
    RingOldest,
    CountLargest,
    SampledLargest,
    CountTop,
    Pick(usize),
    Random,
    RoundRobin,
    TwoStale,
    TwoStaleOwn,
    LeastStale,
    LeastStaleOwn,
    TwoAsked,
    TwoOracle,
    Oracle,
}

impl Strategy {
    pub const ALL: [Self; 16] = [
        Self::Random,
        Self::RoundRobin,
        Self::RingNewest,
        Self::RingOldest,
        Self::CountLargest,
        Self::SampledLargest,
        Self::CountTop,
        Self::Pick(2),
        Self::Pick(4),
        Self::TwoStale,
        Self::TwoStaleOwn,
        Self::TwoAsked,
        Self::LeastStale,
        Self::LeastStaleOwn,
        Self::TwoOracle,
        Self::Oracle,
    ];

    pub fn name(self) -> String {
        match self {
            Self::RingNewest => "RA: ring, newest (the patent's)".into(),
            Self::RingOldest => "RA: ring, oldest".into(),
            Self::CountLargest => "RA: count list, largest".into(),
            Self::SampledLargest => "RA: count list by samples, largest".into(),
            Self::CountTop => "RA: count list, any of its first tenth".into(),
            Self::Pick(choices) => format!("RA: pick, best of {choices}"),
            Self::Random => "random".into(),
            Self::RoundRobin => "round robin".into(),
            Self::TwoStale => "two choices, reports".into(),
            Self::TwoStaleOwn => "two choices, reports + own picks".into(),
            Self::LeastStale => "best of all, reports".into(),
            Self::LeastStaleOwn => "best of all, reports + own picks".into(),
            Self::TwoAsked => "two choices, asked while the budget lasts".into(),
            Self::TwoOracle => "two choices, asked for free".into(),
            Self::Oracle => "best of all, known for free".into(),
        }
    }

    pub fn traffic(self) -> Traffic {
        match self {
            Self::Random | Self::RoundRobin | Self::TwoAsked | Self::TwoOracle | Self::Oracle => Traffic::Nothing,
            Self::TwoStale | Self::TwoStaleOwn | Self::LeastStale | Self::LeastStaleOwn => Traffic::Reports,
            _ => Traffic::Availability,
        }
    }

    /// `rate` is the messages per second that the whole fleet may send.
    pub fn chooser(self, aim: Aim, nodes: &[Node], rates: rollcall_placement::Rates, rate: f64) -> Box<dyn Chooser> {
        let reports = |knows, choices| -> Box<dyn Chooser> { Box::new(Reports::new(aim, nodes, knows, choices, rate)) };
        match self {
            Self::Random => reports(Knows::Nothing, Some(1)),
            Self::RoundRobin => reports(Knows::Turns, None),
            Self::TwoStale => reports(Knows::Reports { own: false }, Some(2)),
            Self::TwoStaleOwn => reports(Knows::Reports { own: true }, Some(2)),
            Self::LeastStale => reports(Knows::Reports { own: false }, None),
            Self::LeastStaleOwn => reports(Knows::Reports { own: true }, None),
            Self::TwoAsked => reports(Knows::Asked, Some(2)),
            Self::TwoOracle => reports(Knows::Truth, Some(2)),
            Self::Oracle => reports(Knows::Truth, None),
            _ => Box::new(Ra::new(self, aim, nodes, rates)),
        }
    }
}
