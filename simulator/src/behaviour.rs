//! What befalls a fleet. Racks are counted from 1, as people do.

use serde::{Deserialize, Serialize};

use crate::Span;

/// Something that befalls it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Behaviour {
    /// Faults of eleven kinds begin by chance and last up to four minutes.
    RandomFaults {
        /// How many, on the average; at most 60.
        per_node_and_hour: f64,
    },
    /// The air that enters a rack gets too warm for all its nodes, one after the other.
    OverheatingRack {
        /// Which rack.
        rack: u32,
        /// When the first gets warm.
        at: Span,
        /// How long each stays so.
        lasting: Span,
        /// How long it takes until the last is warm.
        #[serde(default)]
        over: Span,
    },
    /// A firmware is rolled out in a wave; nodes restart with it, and their drives begin to fail.
    BadFirmware {
        /// Which generation gets it; all, if none is named.
        #[serde(default)]
        generation: Option<String>,
        /// What part of those gets it before the roll-out is stopped, 0 to 1.
        share: f64,
        /// When the wave begins.
        at: Span,
        /// How long it takes.
        over: Span,
        /// How long a node restarts.
        #[serde(default = "restart")]
        down: Span,
        /// How long a drive fails until the firmware is taken back.
        lasting: Span,
    },
    /// The network link of some nodes comes and goes.
    Flapping {
        /// How many nodes.
        nodes: u32,
        /// From one loss to the next; half of it the link is down.
        every: Span,
        /// When it begins.
        at: Span,
        /// How long it goes on.
        lasting: Span,
    },
    /// All nodes of some racks restart.
    MassRestart {
        /// Which racks; all, if none is named.
        #[serde(default)]
        racks: Vec<u32>,
        /// When the first restarts.
        at: Span,
        /// How long it takes until the last does.
        #[serde(default)]
        over: Span,
        /// How long each is away.
        #[serde(default = "restart")]
        down: Span,
    },
    /// Some nodes die without a word.
    Deaths {
        /// How many.
        nodes: u32,
        /// When the first dies.
        at: Span,
        /// How long it takes until the last does.
        #[serde(default)]
        over: Span,
        /// When each comes back; never, if it is not said.
        #[serde(default)]
        back_after: Option<Span>,
    },
    /// The load of all nodes follows the hour of the day.
    DiurnalLoad {
        /// How long a day is.
        day: Span,
        /// How far load swings around its mean, 0 to 1.
        swing: f64,
    },
}

const fn restart() -> Span {
    Span::seconds(20)
}

/// Nodes come and go all the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Churn {
    /// What part of the fleet leaves in order within an hour, 0 to 60.
    pub leave_per_hour: f64,
    /// What part of the fleet dies without a word within an hour, 0 to 60.
    pub die_per_hour: f64,
    /// When a node that went comes back.
    pub back_after: Span,
}

impl Default for Churn {
    fn default() -> Self {
        Self { leave_per_hour: 0.0, die_per_hour: 0.0, back_after: Span::seconds(30) }
    }
}
