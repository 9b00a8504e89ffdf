//! What `rollcall sim` is told, and the scenario that comes of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rollcall_simulator::arrivals::Curve;
use rollcall_simulator::{Scenario, Span};
use rollcall_startup::Failure;

use crate::arguments::span::span;

/// Arguments of `rollcall sim`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  rollcall sim --nodes 200 --racks 4 --for 1m
  rollcall sim --scenario cooling.toml --html report.html
  rollcall sim --nodes 200 --connections own --tls      as in production: a certificate and a connection each
  rollcall sim --nodes 1000 --json > report.json; rollcall plan --nodes 20000 --figures report.json
The guide is docs/simulator.md. Ctrl-C ends the simulation early; the report is written all the same.")]
pub struct Arguments {
    /// What is to be simulated (TOML); options given here win over it
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// How many nodes; 100 unless the scenario says otherwise
    #[arg(long)]
    pub nodes: Option<u32>,
    /// In how many racks, each with a group controller; 4, or 1 for every node where there are fewer
    #[arg(long)]
    pub racks: Option<u32>,
    /// How long it goes on after the last node was to arrive, e.g. 30s, 5m
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    pub lasting: Option<Duration>,
    /// How long the arrivals take
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub over: Option<Duration>,
    /// How they come: together, linear, poisson, waves or s_curve
    #[arg(long, value_name = "CURVE", value_parser = curve)]
    pub arrival: Option<Curve>,
    /// Pace of keep-alives
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub period: Option<Duration>,
    /// Everything that chance decides follows from it
    #[arg(long)]
    pub seed: Option<u64>,
    /// Whether nodes share connections
    #[arg(long, value_enum, default_value_t)]
    pub connections: Connections,
    /// How many nodes share one
    #[arg(long, default_value_t = 64, value_name = "NODES", value_parser = clap::value_parser!(u16).range(1..=2_000))]
    pub sharing: u16,
    /// Each node gets a certificate and logs in with TLS 1.3, as in production; needs --connections own
    #[arg(long)]
    pub tls: bool,
    /// A RabbitMQ with an empty virtual host, instead of a private one: amqp://user:password@host:port/vhost
    #[arg(long, env = "ROLLCALL_SIM_BROKER", hide_env_values = true, value_name = "URL")]
    pub broker: Option<String>,
    /// Write the report as a page, with charts
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Whether nodes share connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Connections {
    /// Many nodes on one connection: more nodes on a small machine
    #[default]
    Shared,
    /// One for each node
    Own,
}

fn curve(text: &str) -> Result<Curve, String> {
    let value = serde_json::Value::String(text.to_owned());
    serde_json::from_value(value).map_err(|_| "expected together, linear, poisson, waves or s_curve".to_owned())
}

fn millis(span: Duration) -> Span {
    Span(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

impl Arguments {
    /// The scenario: the file's, and over it what was said on the command line.
    ///
    /// # Errors
    /// Exit code 2, with key, line and remedy, where it cannot work.
    pub fn scenario(&self) -> Result<Scenario, Failure> {
        let (file, text) = match &self.scenario {
            None => ("the command line".to_owned(), String::new()),
            Some(path) => {
                let shown = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failure::usage(format!("cannot read the scenario {shown}: {error}")))?;
                (shown, text)
            }
        };
        let mut scenario = Scenario::read(&file, &text).map_err(Failure::usage)?;
        self.lay_over(&mut scenario);
        scenario.check(&file, &text).map_err(Failure::usage)?;
        self.check()?;
        Ok(scenario)
    }

    fn lay_over(&self, scenario: &mut Scenario) {
        scenario.nodes = self.nodes.unwrap_or(scenario.nodes);
        // Four racks unless somebody says so; a smaller fleet has as many as nodes.
        let usual = if self.scenario.is_none() { scenario.racks.min(scenario.nodes.max(1)) } else { scenario.racks };
        scenario.racks = self.racks.unwrap_or(usual);
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        scenario.lasting = self.lasting.map_or(scenario.lasting, millis);
        scenario.arrival.over = self.over.map_or(scenario.arrival.over, millis);
        scenario.arrival.curve = self.arrival.unwrap_or(scenario.arrival.curve);
        scenario.keep_alive = self.period.map_or(scenario.keep_alive, millis);
    }

    fn check(&self) -> Result<(), Failure> {
        if self.tls && self.connections == Connections::Shared {
            return Err(Failure::usage("--tls with shared connections cannot work: a certificate logs in one node")
                .hint("add --connections own"));
        }
        match &self.broker {
            Some(_) if self.tls => {
                Err(Failure::usage("--tls makes a site of its own, and a given broker takes none of its certificates")
                    .hint("leave --broker out, and a private RabbitMQ is started; or leave --tls out"))
            }
            Some(url) if !url.starts_with("amqp://") => {
                Err(Failure::usage("--broker has to look like amqp://user:password@host:port/vhost")
                    .hint("the nodes of a simulation that share a broker with others log in with a password"))
            }
            _ => Ok(()),
        }
    }

    /// How the nodes are connected, in words.
    #[must_use]
    pub fn connected(&self) -> String {
        match (self.connections, self.tls) {
            (Connections::Shared, _) => format!("shared by {} nodes each", self.sharing),
            (Connections::Own, false) => "one for each node".into(),
            (Connections::Own, true) => "one for each node, with TLS and a certificate of its own".into(),
        }
    }

    /// The command that does the same again, without the names of files it writes.
    #[must_use]
    pub fn command(&self, scenario: &Scenario) -> String {
        let mut words =
            format!("rollcall sim --nodes {} --racks {} --for {}", scenario.nodes, scenario.racks, scenario.lasting);
        let defaults = Scenario::default();
        if scenario.arrival.over != defaults.arrival.over {
            words += &format!(" --over {}", scenario.arrival.over);
        }
        if let (true, Ok(curve)) =
            (scenario.arrival.curve != defaults.arrival.curve, serde_json::to_value(scenario.arrival.curve))
        {
            words += &format!(" --arrival {}", curve.as_str().unwrap_or_default());
        }
        if scenario.keep_alive != defaults.keep_alive {
            words += &format!(" --period {}", scenario.keep_alive);
        }
        if scenario.seed != defaults.seed {
            words += &format!(" --seed {}", scenario.seed);
        }
        if let Some(file) = self.scenario.as_ref().and_then(|path| path.file_name()) {
            words += &format!(" --scenario {}", file.to_string_lossy());
        }
        match self.connections {
            Connections::Own => words += " --connections own",
            Connections::Shared if self.sharing != 64 => words += &format!(" --sharing {}", self.sharing),
            Connections::Shared => {}
        }
        words + if self.tls { " --tls" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn said(words: &[&str]) -> Result<Scenario, String> {
        let line = Line::try_parse_from([&["sim"], words].concat()).map_err(|error| error.to_string())?;
        line.arguments.scenario().map_err(|failure| failure.to_string())
    }

    #[test]
    fn options_win_over_the_scenario_and_a_small_fleet_has_few_racks() {
        let scenario = said(&["--nodes", "3", "--for", "20s", "--arrival", "s_curve", "--period", "5s"]).unwrap();
        assert_eq!((scenario.nodes, scenario.racks, scenario.lasting), (3, 3, Span::seconds(20)));
        assert_eq!((scenario.arrival.curve, scenario.keep_alive), (Curve::SCurve, Span::seconds(5)));
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("s.toml");
        std::fs::write(&file, "nodes = 8\nracks = 2\nseed = 9\n").unwrap();
        let scenario = said(&["--scenario", file.to_str().unwrap(), "--racks", "1"]).unwrap();
        assert_eq!((scenario.nodes, scenario.racks, scenario.seed), (8, 1, 9));
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_would() {
        for (words, expected) in [
            (&["--nodes", "0"][..], "nodes is 0: there is nothing to simulate; give at least 1"),
            (&["--nodes", "3", "--racks", "4"], "racks is 4, but there are only 3 nodes"),
            (&["--tls"], "hint: add --connections own"),
            (&["--tls", "--connections", "own", "--broker", "amqp://x"], "a private RabbitMQ is started"),
            (&["--broker", "http://x"], "amqp://user:password@host:port/vhost"),
            (&["--scenario", "/nowhere.toml"], "cannot read the scenario /nowhere.toml"),
            (&["--arrival", "steep"], "expected together, linear"),
            (&["--for", "1d"], "unknown unit"),
        ] {
            let said = said(words).unwrap_err();
            assert!(said.contains(expected), "{words:?}: {said}");
        }
    }
}
