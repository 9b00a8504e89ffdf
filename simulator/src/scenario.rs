//! What is to be simulated: a TOML file, read, and refused with key, line and remedy where it cannot work.

mod check;
mod place;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::check::Complaint;
use crate::arrivals::Arrival;
use crate::behaviour::{Behaviour, Churn};
use crate::{Generation, Span};

/// Most nodes of one process: each needs memory here, and a row in the zone.
pub const MOST_NODES: u32 = 100_000;
/// Most racks: each is a process of its own.
pub const MOST_RACKS: u32 = 200;

/// What is to be simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Everything that chance decides follows from it.
    pub seed: u64,
    /// How many nodes.
    pub nodes: u32,
    /// In how many racks, each with a group controller of its own.
    pub racks: u32,
    /// How long it goes on after the last node was to arrive.
    pub lasting: Span,
    /// Pace of the nodes' keep-alives.
    pub keep_alive: Span,
    /// How often a node takes readings.
    pub sample_period: Span,
    /// How the nodes arrive.
    pub arrival: Arrival,
    /// Who comes and goes.
    pub churn: Churn,
    /// What the nodes are made of; none means ten generations of a grown data centre.
    pub generation: Vec<Generation>,
    /// What befalls them.
    pub behaviour: Vec<Behaviour>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            nodes: 100,
            racks: 4,
            lasting: Span::seconds(60),
            keep_alive: Span::seconds(1),
            sample_period: Span::seconds(5),
            arrival: Arrival::default(),
            churn: Churn::default(),
            generation: Vec::new(),
            behaviour: Vec::new(),
        }
    }
}

/// Why a scenario cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// The file's name, as it was given.
    pub file: String,
    /// Where in it, from 1; `None` where no line of it is to blame.
    pub line: Option<usize>,
    /// What is wrong, with its key.
    pub what: String,
    /// What would do.
    pub remedy: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}; {}", self.file, self.what, self.remedy),
            None => write!(f, "{}: {}; {}", self.file, self.what, self.remedy),
        }
    }
}

impl Scenario {
    /// Reads a scenario. Whether it can work is told by [`Self::complaint`], which is to be asked once the command line
    /// has been laid over it.
    ///
    /// # Errors
    /// With line and remedy, where it is no TOML, has a key nobody reads, or a value of the wrong kind.
    pub fn read(file: &str, text: &str) -> Result<Self, ScenarioError> {
        toml::from_str(text).map_err(|error| ScenarioError {
            file: file.to_owned(),
            line: error.span().map(|span| place::line(text, span.start)),
            what: error.message().trim().replace('\n', " "),
            remedy: "docs/simulator.md lists every key with its values".into(),
        })
    }

    /// The first thing that cannot work, and where in this text it stands.
    ///
    /// # Errors
    /// When there is one.
    pub fn check(&self, file: &str, text: &str) -> Result<(), ScenarioError> {
        match self.complaint() {
            None => Ok(()),
            Some(Complaint { key, why, remedy }) => Err(ScenarioError {
                file: file.to_owned(),
                line: place::of(text, &key),
                what: format!("{} {why}", place::words(&key)),
                remedy,
            }),
        }
    }

    /// The generations: those it names, or the ten.
    #[must_use]
    pub fn generations(&self) -> Vec<Generation> {
        if self.generation.is_empty() { Generation::ten() } else { self.generation.clone() }
    }

    /// How long all of it takes.
    #[must_use]
    pub const fn whole(&self) -> Span {
        Span(self.arrival.over.0 + self.lasting.0)
    }
}
