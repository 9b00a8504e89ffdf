//! The simulator: a small fleet from its start to its report.

use std::path::Path;
use std::time::Duration;

use rollcall_tests::stage::{Brokers, PATIENCE, Process, program, until};
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::timeout;

/// Two racks, deaths that have to be noticed, a rack that gets warm.
const SCENARIO: &str = r#"
seed = 5
nodes = 20
racks = 2
lasting = "18s"
sample_period = "1s"

[arrival]
curve = "waves"
over = "3s"
waves = 2

[[behaviour]]
kind = "deaths"
nodes = 2
at = "9s"
over = "1s"

[[behaviour]]
kind = "overheating_rack"
rack = 1
at = "8s"
lasting = "8s"
"#;

/// A simulation in a temporary directory of its own.
struct Simulation {
    directory: tempfile::TempDir,
    process: Process,
}

impl Simulation {
    fn start(scenario: &str, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str| directory.path().join(name).display().to_string();
        std::fs::create_dir(directory.path().join("tmp")).expect("a directory");
        std::fs::write(directory.path().join("scenario.toml"), scenario).expect("the scenario is written");
        let program = program("rollcall").display().to_string();
        // The report alone goes to its file; the log has the rest.
        let command = format!(
            "exec {program} sim --json --scenario {} --html {} \"$@\" > {}",
            file("scenario.toml"),
            file("report.html"),
            file("report.json")
        );
        let line = [&["sh", "-c", &command, "sim"], more].concat();
        let line: Vec<String> = line.into_iter().map(str::to_owned).collect();
        let process = Process::start(&line, &[("TMPDIR".to_owned(), file("tmp"))], &directory.path().join("sim.log"));
        Self { directory, process }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("sim.log")).unwrap_or_default()
    }

    async fn ends(&self, within: Duration) -> Option<i32> {
        let Ok(status) = timeout(within, self.process.ended()).await else {
            panic!("it does not end:\n{}", self.said())
        };
        let tmp = self.directory.path().join("tmp");
        let left: Vec<_> =
            std::fs::read_dir(&tmp).expect("the directory").flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        until("every process of the simulation to be gone", Duration::from_secs(10), async || {
            (!is_used(&tmp)).then_some(())
        })
        .await;
        status.code()
    }

    fn report(&self) -> Value {
        let text = std::fs::read_to_string(self.directory.path().join("report.json")).expect("a report");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{}", self.said()))
    }
}

/// Whether a process names the directory in its command line or environment.
fn is_used(directory: &Path) -> bool {
    let wanted = directory.to_str().expect("a path");
    let names = |path: &Path, file: &str| {
        String::from_utf8_lossy(&std::fs::read(path.join(file)).unwrap_or_default()).contains(wanted)
    };
    let mut processes = std::fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    processes.any(|path| names(&path, "environ") || names(&path, "cmdline"))
}

pub async fn a_simulated_fleet_joins_dies_is_missed_and_is_reported(_: &Brokers) {
    let simulation = Simulation::start(SCENARIO, &[]);
    assert_eq!(simulation.ends(PATIENCE * 4).await, Some(0), "{}", simulation.said());
    let report = simulation.report();
    assert_eq!((&report["joins"]["arrivals"], &report["joins"]["stood"]), (&20.into(), &20.into()), "{report}");
    assert_eq!((&report["verdicts"]["deaths"], &report["verdicts"]["unnoticed"]), (&2.into(), &0.into()), "{report}");
    let detection = report["verdicts"]["detection_ms"]["max"].as_f64().expect("a latency");
    assert!(detection <= 8_000.0, "{detection} ms");
    assert!(report["statuses"]["per_second"].as_f64().expect("a rate") > 10.0, "{report}");
    assert_eq!(report["setting"]["interrupted"], false);
    let processes: Vec<&str> =
        report["processes"].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(processes, ["broker", "zone", "checkin", "racks", "nodes"]);
    assert!(!report["queues"].as_array().expect("queues").is_empty());
    let page = std::fs::read_to_string(simulation.directory.path().join("report.html")).expect("a page");
    assert!(page.contains("<svg") && page.contains("said to be down or out of reach"));
}

pub async fn an_interrupted_simulation_writes_its_report_and_leaves_nothing(_: &Brokers) {
    let scenario = SCENARIO.replace("lasting = \"18s\"", "lasting = \"1h\"");
    let simulation = Simulation::start(&scenario, &[]);
    until("nodes to stand", PATIENCE * 3, async || {
        let said = simulation.said();
        assert!(simulation.process.is_running(), "it has ended:\n{said}");
        // How far it is is said every ten seconds; two have died by then.
        said.contains("18 of 20 nodes stand").then_some(())
    })
    .await;
    simulation.process.signal(Signal::INT);
    assert_eq!(simulation.ends(Duration::from_secs(30)).await, Some(0), "{}", simulation.said());
    let report = simulation.report();
    assert_eq!(report["setting"]["interrupted"], true);
    assert_eq!(report["joins"]["stood"], 20);
}

pub async fn what_cannot_be_simulated_is_refused_before_anything_starts(_: &Brokers) {
    for (scenario, more, code, expected) in [
        ("nodes = 0", &[][..], 2, "scenario.toml:1: nodes is 0: there is nothing to simulate; give at least 1"),
        ("nodes = 2\nracks = 3", &[], 2, "scenario.toml:2: racks is 3, but there are only 2 nodes"),
        ("node = 2", &[], 2, "scenario.toml:1: unknown field `node`"),
        ("", &["--broker", "amqp://a:b@127.0.0.1:1/x"], 3, "there is no RabbitMQ to be used at 127.0.0.1:1"),
    ] {
        let simulation = Simulation::start(scenario, more);
        assert_eq!(simulation.ends(PATIENCE).await, Some(code), "{}", simulation.said());
        assert!(simulation.said().contains(expected), "{}", simulation.said());
    }
}
