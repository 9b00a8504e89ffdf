//! What each node of a scenario does when, and what befalls it. The same scenario makes the same script.

mod befall;
#[cfg(test)]
mod tests;

use crate::{Dice, Scenario, mix};

/// A script: a part for each node.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// By the node's number.
    pub parts: Vec<Part>,
    /// When the last node is to arrive for the first time, milliseconds.
    pub arrived: u64,
    /// When all is over, milliseconds.
    pub end: u64,
}

/// What one node does.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its number.
    pub index: u32,
    /// Its rack, from 0.
    pub rack: u32,
    /// Its generation, by the place in [`Scenario::generations`].
    pub generation: usize,
    /// Its lives, one after the other; each ends before the next begins.
    pub lives: Vec<Life>,
    /// What befalls it, in the order of its beginning.
    pub ailments: Vec<Ailing>,
}

/// From an arrival to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it arrives, milliseconds.
    pub from: u64,
    /// When and how it ends; never, unless it is said.
    pub end: Option<(u64, Ending)>,
}

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order, with a good-bye.
    Left,
    /// Without a word.
    Died,
}

/// Something that befalls a node for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ailing {
    /// What.
    pub what: Ailment,
    /// From when, milliseconds.
    pub from: u64,
    /// How long, milliseconds.
    pub lasting: u64,
}

/// What can be staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// The air that enters is too warm.
    HotInlet,
    /// A drive fails.
    BadDrive,
    /// The network link is down, as the node itself measures it.
    LinkLost,
}

/// A wish that a node come or go.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Come,
    Go(Ending),
}

impl Script {
    /// The script of a scenario that can work.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let chance = |purpose: u64| Dice::of(&[scenario.seed, purpose]);
        let arrivals = scenario.arrival.times(scenario.nodes, &mut chance(1));
        let generations = mix::draw(&scenario.generations(), scenario.nodes, &mut chance(2));
        // Who comes first is no matter of rack or number.
        let order = chance(3).choose(scenario.nodes, scenario.nodes);
        let mut befallen = befall::Befallen::new(scenario, &generations);
        for (place, node) in order.iter().enumerate() {
            befallen.wish(*node, arrivals.get(place).copied().unwrap_or(0), Wish::Come);
        }
        befallen.churn(scenario, &mut chance(4));
        for (number, behaviour) in (0_u64..).zip(&scenario.behaviour) {
            befallen.behave(scenario, behaviour, &mut Dice::of(&[scenario.seed, 5, number]));
        }
        let end = scenario.whole().0;
        Self { parts: befallen.parts(scenario, &generations, end), arrived: arrivals.last().copied().unwrap_or(0), end }
    }

    /// How many nodes are meant to be there at a time.
    #[must_use]
    pub fn present(&self, at: u64) -> usize {
        self.parts.iter().filter(|part| part.life_at(at).is_some()).count()
    }

    /// How often a life ends so.
    #[must_use]
    pub fn endings(&self, how: Ending) -> usize {
        let ends = |life: &&Life| life.end.is_some_and(|(_, ending)| ending == how);
        self.parts.iter().flat_map(|part| &part.lives).filter(ends).count()
    }
}

impl Part {
    /// The life it leads at a time.
    #[must_use]
    pub fn life_at(&self, at: u64) -> Option<&Life> {
        self.lives.iter().find(|life| life.from <= at && life.end.is_none_or(|(end, _)| at < end))
    }
}
