//! What came of a simulation: figures, written as text, JSON or one page.

pub mod chart;
mod figures;
mod page;
#[cfg(test)]
mod tests;
mod text;

use serde::{Deserialize, Serialize};

use crate::statistics::Quantiles;
use crate::verdicts::Verdicts;
use crate::{Figures, Scenario};

/// A report. In its JSON each part stands under its name; what was not measured is `null`, and `notes` says why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was simulated.
    pub scenario: Scenario,
    /// On what, and how.
    pub setting: Setting,
    /// How the nodes came in.
    pub joins: Joins,
    /// What they said.
    pub statuses: Statuses,
    /// What the zone said of them.
    pub verdicts: Verdicts,
    /// What it was on the wire.
    pub wire: Option<Wire>,
    /// What each process used, in the steady part.
    pub processes: Vec<Process>,
    /// Messages that waited in queues.
    pub queues: Vec<Queue>,
    /// Messages the zone controller took a minute, in the steady part.
    pub zone_messages_per_minute: Option<f64>,
    /// The same, of each rack.
    pub zone_messages_per_rack_and_minute: Option<f64>,
    /// Second by second.
    pub course: Vec<Moment>,
    /// What is to be known of the figures.
    pub notes: Vec<String>,
    /// What `rollcall plan` can reckon with.
    pub figures: Figures,
}

/// On what it ran, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The command, without what names files.
    pub command: String,
    /// Processor.
    pub cpu: String,
    /// How many cores.
    pub cores: usize,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// The broker.
    pub broker: String,
    /// How the nodes were connected.
    pub connections: String,
    /// How many connections the nodes had together.
    pub connection_count: usize,
    /// Whether the programs were built for speed.
    pub optimized: bool,
    /// Tasks that wanted to run, averaged over a minute: before, in the middle, and at the end.
    pub load: [f64; 3],
    /// How long it took, seconds; shorter than planned if it was interrupted.
    pub took_s: f64,
    /// How long the steady part was, seconds: everybody had come, and figures were taken.
    pub steady_s: f64,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// How the nodes came in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Joins {
    /// Arrivals, returns included.
    pub arrivals: usize,
    /// Of those, how many stood in both their groups.
    pub stood: usize,
    /// From an arrival until the node stands in both its groups, milliseconds.
    pub latency_ms: Option<Quantiles>,
    /// From the first arrival until the last node of the first arrivals stood, seconds.
    pub first_to_last_s: f64,
    /// First arrivals in that time, a second.
    pub per_second: f64,
    /// The most that came to stand in one second.
    pub most_in_a_second: f64,
}

/// What the nodes said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statuses {
    /// Status packets in all.
    pub sent: u64,
    /// A second, in the steady part.
    pub per_second: f64,
    /// Other messages of the nodes a second, in the steady part: readings, above all.
    pub others_per_second: f64,
    /// Messages the connections did not take: full outboxes, links that were down.
    pub dropped: u64,
}

/// What it was on the wire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wire {
    /// From a node to the broker in an hour, with TCP and IP and their acknowledgements, bytes.
    pub up_per_node_and_hour: f64,
    /// From the broker to a node.
    pub down_per_node_and_hour: f64,
    /// Both together, for each message the node sent.
    pub per_message: f64,
}

/// What a process used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// What it is.
    pub name: String,
    /// Percent of a core, on the average of the steady part.
    pub cpu_percent: f64,
    /// Percent of a core, in the busiest second of all.
    pub most_cpu_percent: f64,
    /// Resident memory, MiB, at the end of the steady part.
    pub memory_mib: f64,
    /// The most of it.
    pub most_memory_mib: f64,
}

/// Messages that waited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// The queue; those of racks are taken together by their purpose.
    pub name: String,
    /// On the average.
    pub mean: f64,
    /// At most.
    pub most: f64,
}

/// A second of the course.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Seconds from the beginning.
    pub at_s: f64,
    /// Nodes that live.
    pub alive: u32,
    /// Of those, nodes in both their groups.
    pub standing: u32,
    /// Nodes that came to stand in it.
    pub joins: f64,
    /// Status packets in it.
    pub statuses: f64,
    /// Messages the zone controller took in it.
    pub zone_messages: f64,
    /// Messages waiting in all queues; `None` where it is not known.
    pub waiting: Option<f64>,
    /// Percent of a core, by the place in `processes`.
    pub cpu: Vec<f64>,
    /// MiB, by the place in `processes`.
    pub memory: Vec<f64>,
    /// Nodes that the zone says are down or out of reach.
    pub missed: u32,
}

impl Report {
    /// As JSON.
    #[must_use]
    pub fn json(&self) -> String {
        // Maps with texts as keys, and numbers that are written as null where they are none, always can be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// For people at a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// One page that needs nothing beside it, with charts, light and dark.
    #[must_use]
    pub fn page(&self) -> String {
        page::page(self)
    }

    /// The part of the course in which everybody had come.
    #[must_use]
    pub fn steady(&self) -> &[Moment] {
        let seconds = self.setting.steady_s as usize;
        &self.course[self.course.len().saturating_sub(seconds)..]
    }
}
