//! What a fleet will need: reckoned from measured figures, each line with what it rests on.

mod text;

use serde::{Deserialize, Serialize};

use crate::Figures;
use crate::figures::{Measured, What};
use crate::report::chart::number;

/// A core of a broker is planned to be busy so far: the rest is for restarts, when all come at once.
const BUSY: f64 = 0.5;
/// RabbitMQ stops taking messages when it holds this part of its machine's memory (its default).
const WATERMARK: f64 = 0.4;
/// A report of a rack may be so late before a node's longest silence, 3.5 keep-alives, is over.
const SILENCE: f64 = 3.5;

/// What is to be planned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    /// How many nodes.
    pub nodes: u32,
    /// Pace of their keep-alives, milliseconds.
    pub period_ms: u64,
    /// Pace of their readings, milliseconds.
    pub metrics_ms: u64,
    /// How many of them stand in a rack: each rack has a group controller.
    pub nodes_per_rack: u32,
    /// Cores of a broker's machine.
    pub broker_cores: u32,
    /// Memory of a broker's machine, MiB.
    pub broker_memory_mib: u32,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What was wished for.
    pub wish: Wish,
    /// What it needs.
    pub lines: Vec<Line>,
    /// What the plan cannot tell.
    pub notes: Vec<String>,
    /// The figures it rests on.
    pub measured: Vec<Measured>,
}

/// One thing it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub what: String,
    /// How much; `None` where no figure says it.
    pub value: Option<f64>,
    /// In what unit.
    pub unit: String,
    /// Whether it was measured at this size or is calculated, and how.
    pub basis: Basis,
    /// How it comes about.
    pub how: String,
}

/// What a line rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Follows from the wish alone.
    Arithmetic,
    /// Calculated from measured figures, within the sizes that were measured.
    Measured,
    /// Calculated from measured figures, beyond the sizes that were measured.
    Extrapolated,
    /// No figure says it.
    Unknown,
}

impl Basis {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Arithmetic => "arithmetic",
            Self::Measured => "from measured",
            Self::Extrapolated => "calculated beyond measured",
            Self::Unknown => "no figure",
        }
    }
}

/// Why nothing can be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} is {value}; it has to lie between {least} and {most}")]
pub struct PlanError {
    option: &'static str,
    value: u64,
    least: u64,
    most: u64,
}

impl Wish {
    /// Refuses what cannot be planned.
    ///
    /// # Errors
    /// With the option and its bounds.
    pub fn check(&self) -> Result<(), PlanError> {
        let bounds = [
            ("--nodes", u64::from(self.nodes), 1, 10_000_000),
            ("--period", self.period_ms, 200, 60_000),
            ("--readings", self.metrics_ms, 1_000, 3_600_000),
            ("--nodes-per-rack", u64::from(self.nodes_per_rack), 1, 10_000),
            ("--broker-cores", u64::from(self.broker_cores), 1, 1_024),
            ("--broker-memory", u64::from(self.broker_memory_mib), 512, 64 << 20),
        ];
        let wrong = bounds.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value));
        wrong.map_or(Ok(()), |(option, value, least, most)| Err(PlanError { option, value, least, most }))
    }

    fn racks(&self) -> u32 {
        self.nodes.div_ceil(self.nodes_per_rack.max(1))
    }

    fn messages_per_second(&self) -> f64 {
        f64::from(self.nodes) * (1_000.0 / self.period_ms as f64 + 1_000.0 / self.metrics_ms as f64)
    }
}

/// Plans.
///
/// # Errors
/// When the wish cannot be planned.
pub fn plan(figures: &Figures, wish: Wish) -> Result<Plan, PlanError> {
    wish.check()?;
    let mut planner = Planner { figures, wish, lines: Vec::new(), used: Vec::new() };
    planner.traffic();
    planner.brokers();
    planner.racks();
    planner.zone();
    planner.joins();
    Ok(Plan { wish, lines: planner.lines, notes: notes(), measured: planner.used })
}

fn notes() -> Vec<String> {
    [
        "Memory grows along the line through the measured runs, processor time with the messages; neither was measured far \
         beyond the sizes that stand below.",
        "Changes of health, of policy and of hardware, and programs that ask the API, come on top.",
        "One zone has one broker address: more than one broker means a cluster of RabbitMQ, or more than one zone. A cluster \
         was not measured; its nodes hand messages on to each other, which costs more than is reckoned here.",
        "Measure with your own brokers: `rollcall sim --json --broker URL > mine.json`, then `rollcall plan --figures mine.json`.",
    ]
    .map(str::to_owned)
    .into()
}

struct Planner<'a> {
    figures: &'a Figures,
    wish: Wish,
    lines: Vec<Line>,
    used: Vec<Measured>,
}

impl Planner<'_> {
    fn say(&mut self, what: &str, value: Option<f64>, unit: &str, basis: Basis, how: impl Into<String>) {
        let basis = if value.is_none() { Basis::Unknown } else { basis };
        self.lines.push(Line { what: what.into(), value, unit: unit.into(), basis, how: how.into() });
    }

    fn basis(most: f64, wanted: f64) -> Basis {
        if wanted <= most { Basis::Measured } else { Basis::Extrapolated }
    }

    /// A figure for each of something.
    fn each(&mut self, what: What) -> Option<(f64, f64)> {
        let one = self.figures.each(what)?.clone();
        let found = (one.value, one.nodes);
        self.used.push(one);
        Some(found)
    }

    /// A figure that grows with the nodes, at so many of them, whether that was measured, and how it comes about.
    fn grown(&mut self, what: What, nodes: f64) -> Option<(f64, Basis, String)> {
        let (base, slope, runs) = self.figures.grows(what)?;
        let most = runs.iter().map(|run| run.nodes).fold(0.0, f64::max);
        let how = format!(
            "{} MiB + {} nodes × {} KiB; {} runs, of up to {} nodes",
            number(base),
            number(nodes),
            number(slope * 1_024.0),
            runs.len(),
            number(most)
        );
        let used: Vec<Measured> = runs.into_iter().cloned().collect();
        self.used.extend(used);
        Some((base + slope * nodes, Self::basis(most, nodes), how))
    }

    fn traffic(&mut self) {
        let wish = self.wish;
        let (nodes, period, metrics) =
            (f64::from(wish.nodes), wish.period_ms as f64 / 1e3, wish.metrics_ms as f64 / 1e3);
        let how = format!("{} nodes × (1 / {} s + 1 / {} s)", number(nodes), number(period), number(metrics));
        let rate = wish.messages_per_second();
        self.say("messages of nodes", Some(rate), "per s", Basis::Arithmetic, how);
        let silent = SILENCE * period;
        let how = format!("{SILENCE} keep-alives of {} s; a process that is killed is missed at once", number(period));
        self.say("a silent node is down after", Some(silent), "s", Basis::Arithmetic, how);
        for (what, words) in [
            (What::WireBytesPerMessage, "on the broker's wire, without TLS"),
            (What::WireTlsBytesPerMessage, "on the broker's wire, with TLS"),
        ] {
            if let Some((bytes, most)) = self.each(what) {
                let how = format!("{} bytes a message, twice: in and out again", number(bytes));
                let value = rate * bytes * 2.0 * 8.0 / 1e6;
                self.say(words, Some(value), "Mbit/s", Self::basis(most, nodes), how);
            }
        }
    }

    fn brokers(&mut self) {
        let wish = self.wish;
        let nodes = f64::from(wish.nodes);
        let connections = nodes + f64::from(wish.racks()) + 2.0;
        self.say(
            "connections",
            Some(connections),
            "",
            Basis::Arithmetic,
            "one for each node and rack, zone and check-in service",
        );
        let (mut by_cpu, mut by_memory) = (None, None);
        let secured =
            self.each(What::BrokerTlsMicrosPerMessage).map(|it| (it, "with TLS and a connection for each node"));
        let plain = "on shared connections without TLS; with it more, which no figure says";
        let cost = secured.or_else(|| self.each(What::BrokerMicrosPerMessage).map(|it| (it, plain)));
        if let Some(((micros, most), over)) = cost {
            let cores = wish.messages_per_second() * micros / 1e6;
            let basis = Self::basis(most, nodes);
            let how = format!("{} µs a message {over}", number(micros));
            self.say("broker: processor time", Some(cores), "cores", basis, how);
            by_cpu = Some((cores / (f64::from(wish.broker_cores) * BUSY)).ceil().max(1.0));
        }
        if let Some((memory, basis, how)) = self.grown(What::BrokerTlsMemoryMib, nodes) {
            self.say("broker: memory, each node with TLS", Some(memory), "MiB", basis, how);
            by_memory = Some((memory / (f64::from(wish.broker_memory_mib) * WATERMARK)).ceil().max(1.0));
        }
        let brokers = by_cpu.unwrap_or(0.0).max(by_memory.unwrap_or(0.0));
        let each = number(f64::from(wish.broker_memory_mib) / 1_024.0);
        let how = format!(
            "each {} cores, half busy: {}; each {each} GiB, of which RabbitMQ takes {WATERMARK}: {}",
            wish.broker_cores,
            by_cpu.map_or_else(|| "not known".into(), number),
            by_memory.map_or_else(|| "not known".into(), number),
        );
        self.say("brokers", (brokers > 0.0).then_some(brokers), "", Basis::Extrapolated, how);
    }

    fn racks(&mut self) {
        let wish = self.wish;
        let (racks, in_rack) = (f64::from(wish.racks()), f64::from(wish.nodes_per_rack.min(wish.nodes)));
        let how = format!("one for each rack of {}", number(in_rack));
        self.say("group controllers", Some(racks), "", Basis::Arithmetic, how);
        if let Some((memory, basis, how)) = self.grown(What::RackMemoryMib, in_rack) {
            self.say("group controller: memory", Some(memory), "MiB each", basis, how);
        }
        if let Some((micros, most)) = self.each(What::RackMicrosPerMessage) {
            let share = wish.messages_per_second() / racks * micros / 1e4;
            let how = format!("{} µs a message", number(micros));
            self.say(
                "group controller: processor time",
                Some(share),
                "% of a core each",
                Self::basis(most, in_rack),
                how,
            );
        }
    }

    fn zone(&mut self) {
        let wish = self.wish;
        let (nodes, racks) = (f64::from(wish.nodes), f64::from(wish.racks()));
        match self.grown(What::ZoneMemoryMib, nodes) {
            Some((memory, basis, how)) => self.say("zone controller: memory", Some(memory), "MiB", basis, how),
            None => self.say("zone controller: memory", None, "MiB", Basis::Unknown, "no run tells it"),
        }
        if let Some((per_rack, most)) = self.each(What::ZoneMessagesPerRackAndMinute) {
            let how =
                format!("{} racks × {} a minute, however many nodes stand in them", number(racks), number(per_rack));
            let basis = Self::basis(most, f64::from(wish.nodes_per_rack));
            self.say("zone controller: messages", Some(per_rack * racks), "per min", basis, how);
        }
    }

    fn joins(&mut self) {
        let nodes = f64::from(self.wish.nodes);
        for (what, words) in [
            (What::TlsJoinsPerSecond, "all join at once, each with a new certificate"),
            (What::JoinsPerSecond, "all come back at once, without TLS"),
        ] {
            if let Some((pace, most)) = self.each(what) {
                let how = format!("{} a second, nodes, broker and zone on one machine", number(pace));
                self.say(words, Some(nodes / pace), "s", Self::basis(most, nodes), how);
            }
        }
    }
}

#[cfg(test)]
mod tests;
