//! Figures that were measured, each with the command that measured it: what capacity planning rests on.

use serde::{Deserialize, Serialize};

use crate::statistics::line;

/// The figures that come with this version.
const BUILT_IN: &str = include_str!("../figures.json");

/// Figures, one for each thing and run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The figures.
    pub measured: Vec<Measured>,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Of what.
    pub what: What,
    /// How many nodes there were; of a rack, in the rack.
    pub nodes: f64,
    /// How many connections the nodes had together.
    pub connections: f64,
    /// How much.
    pub value: f64,
    /// What measured it.
    pub command: String,
    /// On what, at which load.
    pub setting: String,
}

/// What can be reckoned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Processor time of the broker for each message of a node, from its publisher to its consumer, µs.
    BrokerMicrosPerMessage,
    /// The same where each node has a connection with TLS.
    BrokerTlsMicrosPerMessage,
    /// Memory of the broker whose nodes share connections without TLS, MiB.
    BrokerMemoryMib,
    /// Memory of the broker whose nodes each have a connection with TLS, MiB.
    BrokerTlsMemoryMib,
    /// Processor time of a group controller for each message of its nodes, µs.
    RackMicrosPerMessage,
    /// Memory of a group controller, MiB.
    RackMemoryMib,
    /// Memory of the zone controller, MiB.
    ZoneMemoryMib,
    /// Messages of each rack to the zone controller a minute.
    ZoneMessagesPerRackAndMinute,
    /// Bytes on the wire for each message of a node, with the broker's acknowledgements, TCP and IP.
    WireBytesPerMessage,
    /// The same with TLS.
    WireTlsBytesPerMessage,
    /// Nodes that join together, without TLS, a second.
    JoinsPerSecond,
    /// The same with a certificate and a connection with TLS for each.
    TlsJoinsPerSecond,
}

/// Why figures cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{file} holds no figures: {why}; it has to be a report of `rollcall sim --json`, or have its \"figures\" alone"
)]
pub struct FiguresError {
    file: String,
    why: String,
}

/// The part of a report that is read again.
#[derive(Deserialize)]
struct InReport {
    figures: Figures,
}

impl Figures {
    /// Those that come with this version.
    #[must_use]
    pub fn built_in() -> Self {
        // A test reads it.
        serde_json::from_str(BUILT_IN).unwrap_or_default()
    }

    /// Reads a report, or figures alone.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(file: &str, text: &str) -> Result<Self, FiguresError> {
        let refused = |why: String| FiguresError { file: file.to_owned(), why };
        let read = match serde_json::from_str::<InReport>(text) {
            Ok(report) => report.figures,
            Err(first) => serde_json::from_str(text).map_err(|_| refused(first.to_string()))?,
        };
        let is_sound =
            |one: &Measured| [one.nodes, one.connections, one.value].iter().all(|it| it.is_finite() && *it >= 0.0);
        match read.measured.iter().find(|one| !is_sound(one)) {
            Some(one) => Err(refused(format!("{:?} has a number below 0", one.what))),
            None => Ok(read),
        }
    }

    /// Takes others in place of what they say too; what they do not say stays.
    #[must_use]
    pub fn overlaid(mut self, others: Self) -> Self {
        self.measured.retain(|one| others.measured.iter().all(|other| other.what != one.what));
        self.measured.extend(others.measured);
        self
    }

    /// Adds others beside them: runs of several sizes make a line.
    pub fn add(&mut self, others: Self) {
        self.measured.extend(others.measured);
    }

    fn of(&self, what: What) -> impl Iterator<Item = &Measured> {
        self.measured.iter().filter(move |one| one.what == what)
    }

    /// A figure that hardly depends on the number of nodes: that of the run with the most of them, where what does not
    /// grow weighs least.
    #[must_use]
    pub fn each(&self, what: What) -> Option<&Measured> {
        self.of(what).max_by(|one, other| one.nodes.total_cmp(&other.nodes))
    }

    /// What there is without nodes, what each node adds, and the runs it was found from.
    #[must_use]
    pub fn grows(&self, what: What) -> Option<(f64, f64, Vec<&Measured>)> {
        let runs: Vec<&Measured> = self.of(what).collect();
        let points: Vec<(f64, f64)> = runs.iter().map(|one| (one.nodes, one.value)).collect();
        let (base, slope) = line(&points)?;
        // Memory does not shrink with nodes; where noise says so, the largest run stands for all.
        let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        Some(if slope < 0.0 { (most, 0.0, runs) } else { (base.max(0.0), slope, runs) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(what: What, nodes: f64, value: f64) -> Measured {
        Measured { what, nodes, connections: 1.0, value, command: "x".into(), setting: "y".into() }
    }

    #[test]
    fn the_figures_that_come_along_can_be_read_and_name_their_command() {
        let figures: Figures = serde_json::from_str(BUILT_IN).unwrap();
        assert_eq!(figures, Figures::read("figures.json", BUILT_IN).unwrap());
        assert!(!figures.measured.is_empty());
        for one in &figures.measured {
            assert!(
                one.command.starts_with("rollcall sim") || one.command.starts_with("target/release/"),
                "{}",
                one.command
            );
            assert!(one.setting.contains("load"), "{}", one.setting);
        }
    }

    #[test]
    fn what_is_no_figures_is_refused_with_the_reason() {
        for wrong in ["", "{}", "[]", "{\"measured\": [{\"what\": \"luck\"}]}"] {
            let said = Figures::read("f.json", wrong).unwrap_err().to_string();
            assert!(said.starts_with("f.json holds no figures") && said.contains("sim --json"), "{said}");
        }
        let negative = Figures { measured: vec![figure(What::ZoneMemoryMib, 1.0, -1.0)] };
        let text = serde_json::to_string(&negative).unwrap();
        assert!(Figures::read("f.json", &text).unwrap_err().to_string().contains("below 0"));
    }

    #[test]
    fn others_replace_what_they_say_and_runs_of_several_sizes_make_a_line() {
        let (zone, rack) = (What::ZoneMemoryMib, What::RackMemoryMib);
        let mut mine = Figures { measured: vec![figure(zone, 10.0, 11.0)] };
        mine.add(Figures { measured: vec![figure(zone, 110.0, 21.0)] });
        let all = Figures { measured: vec![figure(zone, 5.0, 99.0), figure(rack, 5.0, 7.0)] }.overlaid(mine);
        let (base, slope, runs) = all.grows(zone).unwrap();
        assert!((base - 10.0).abs() < 1e-9 && (slope - 0.1).abs() < 1e-9 && runs.len() == 2);
        assert_eq!(all.each(zone).unwrap().value, 21.0);
        assert_eq!(all.each(rack).unwrap().value, 7.0);
        let shrinking = Figures { measured: vec![figure(zone, 10.0, 30.0), figure(zone, 100.0, 20.0)] };
        let (base, slope, _) = shrinking.grows(zone).unwrap();
        assert_eq!((base, slope), (30.0, 0.0));
    }
}
