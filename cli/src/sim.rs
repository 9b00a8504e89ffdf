//! `rollcall sim`: a simulated fleet of any size, in a real zone over a real RabbitMQ, on this machine.
//!
//! Broker, zone controller, check-in service and each group controller are processes of their own; the nodes are the agent's
//! core many times in this one. Everything it makes lies in one directory, which goes when it ends.

mod account;
mod arguments;
mod broker;
mod carrier;
mod course;
mod crowd;
pub mod daemon;
mod hearing;
mod node;
mod processes;
mod queues;
mod sockets;
mod tally;
mod zone;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use rollcall_bus::Connector;
use rollcall_model::{CheckinId, Name};
use rollcall_simulator::report::Setting;
use rollcall_simulator::{Report, Scenario, Script};
use rollcall_startup::{Clock, Exit, Failure, LogFormat, Shutdown, init_logging};

pub use self::arguments::Arguments;
use self::arguments::Connections;
use self::broker::Broker;
use self::course::{Course, LOOK, Sights};
use self::crowd::{Crowd, Door, Ways};
use self::hearing::Hearing;
use self::node::{Fleet, machine};
use self::processes::Watched;
use self::queues::Queues;
use self::sockets::Sockets;
use self::tally::Tally;
use self::zone::Zone;
use crate::ask::output;
use crate::demo::raise_file_limit;
use crate::demo::trust::{Joiner, Trust};
use crate::plan::no_format;
use crate::settings::{Format, Settings};

/// Says something that is not the report: on standard error.
fn say(text: &str) {
    // Nobody is left to be told when it is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Simulates, and writes the report.
///
/// # Errors
/// Exit code 2 where the scenario cannot work, 3 where there is no broker or the zone does not come up.
pub async fn run(arguments: Arguments, settings: &Settings) -> Result<(), Failure> {
    if matches!(settings.format, Format::Yaml | Format::Csv) {
        return Err(no_format(settings.format));
    }
    let scenario = arguments.scenario()?;
    init_logging(None::<LogFormat>, "error,lapin=off,mdns_sd=off")?;
    raise_file_limit();
    let shutdown = Shutdown::on_signals()?;
    let directory = tempfile::Builder::new()
        .prefix("rollcall-sim-")
        .tempdir()
        .map_err(|error| Failure::other(format!("cannot make a directory for the simulation: {error}")))?;
    let name = Name::nearest(&format!("sim-{:04x}", rand::random::<u16>()), "sim");
    let trust = arguments.tls.then(|| Trust::make(directory.path(), &name)).transpose()?;
    let broker = tokio::select! {
        broker = Broker::get_ready(&arguments, directory.path(), trust.as_ref()) => broker?,
        () = shutdown.requested() => return Err(ended_before_it_began()),
    };
    say(&format!("{} is ready", broker.name));
    let stage =
        Stage { arguments: &arguments, broker: &broker, name, trust: trust.as_ref(), directory: directory.path() };
    let (queues, report) = stage.play(scenario, &shutdown).await;
    broker.stop(&queues).await;
    let report = report?;
    publish(&arguments, settings, &report)
}

fn ended_before_it_began() -> Failure {
    Failure::new(
        Exit::Failed,
        "ended before the first node came: there is nothing to report; everything it started has ended",
    )
}

fn publish(arguments: &Arguments, settings: &Settings, report: &Report) -> Result<(), Failure> {
    if let Some(path) = &arguments.html {
        let shown = path.display();
        std::fs::write(path, report.page())
            .map_err(|error| Failure::other(format!("cannot write {shown}: {error}")))?;
        say(&format!("the page is in {shown}"));
    }
    let text = if settings.format == Format::Json { report.json() + "\n" } else { report.text() };
    output::print(&text).map(drop)
}

/// Where the simulation plays.
struct Stage<'a> {
    arguments: &'a Arguments,
    broker: &'a Broker,
    name: Name,
    trust: Option<&'a Trust>,
    directory: &'a Path,
}

impl Stage<'_> {
    /// Starts the zone, plays the scenario, ends the zone. Gives the queues that the zone leaves as well.
    async fn play(&self, scenario: Scenario, shutdown: &Shutdown) -> (Vec<String>, Result<Report, Failure>) {
        let load = processes::load();
        let starting = Zone::start(
            self.broker,
            (self.name.clone(), self.trust),
            (scenario.racks, scenario.keep_alive.0),
            self.directory,
        );
        let zone = tokio::select! {
            zone = starting => zone,
            () = shutdown.requested() => Err(ended_before_it_began()),
        };
        let mut zone = match zone {
            Ok(zone) => zone,
            Err(failure) => return (Vec::new(), Err(failure)),
        };
        let queues = queues::names(&zone.groups(), &zone.checkin);
        say(&format!("a zone with {} racks stands", scenario.racks));
        let report = self.simulate(scenario, &mut zone, (load, queues.clone()), shutdown).await;
        zone.stop().await;
        (queues, report)
    }

    async fn simulate(
        &self,
        scenario: Scenario,
        zone: &mut Zone,
        (load, queues): (f64, Vec<String>),
        shutdown: &Shutdown,
    ) -> Result<Report, Failure> {
        let script = Script::of(&scenario);
        let checkin = CheckinId::of_service(&zone.checkin);
        let generations = scenario.generations();
        let fleet = Arc::new(Fleet { scenario, generations, checkin, tally: Tally::default() });
        let machines: Vec<_> = script.parts.iter().map(|part| machine(&fleet, part)).collect();
        if let Some(trust) = self.trust {
            say("making a token for each node");
            let joiner = |name: &Name| Joiner { kind: "node", name: name.clone() };
            let joiners = machines.iter().map(|machine| joiner(&machine.name)).collect();
            tokio::select! {
                made = trust.hand_out(zone.api, joiners) => made?,
                () = shutdown.requested() => return Err(ended_before_it_began()),
            }
        }
        let numbers: BTreeMap<_, _> = machines.iter().map(|machine| machine.identifier.node).zip(0..).collect();
        drop(machines);
        let (hearing, listening) = Hearing::begin(zone.client.clone(), numbers);
        let sights = self.sights(zone, queues, hearing.clone()).await;
        let mut crowd = Crowd::new();
        let ways = Ways { connector: Connector::Rabbit(self.broker.settings.clone()), clock: Clock::start() };
        if self.arguments.connections == Connections::Shared {
            let connecting = crowd.share(&fleet, &script, usize::from(self.arguments.sharing), &ways);
            tokio::select! {
                connected = connecting => connected?,
                () = shutdown.requested() => return Err(ended_before_it_began()),
            }
        }
        let began = ways.clock.now().wall.0;
        let mut course = Course::begin(sights).await;
        if self.arguments.connections == Connections::Own {
            let door = self.trust.map(|trust| Door { trust: trust.clone(), api: zone.api, zone: zone.name.clone() });
            crowd.separate(&fleet, &script, &ways, door.as_ref());
        }
        let ended = follow(&mut course, &fleet, script.end, zone, &mut crowd, shutdown).await;
        course.hush();
        listening.abort();
        let setting = self.setting(&fleet.scenario, load, &course, shutdown.is_requested());
        let seen = account::Seen {
            setting,
            began,
            ended: ways.clock.now().wall.0,
            lives: fleet.tally.lives(),
            said: hearing.said(),
            counts: std::mem::take(&mut course.counts),
            processes: course.processes.iter().map(|process| process.name.clone()).collect(),
            queues: (
                course.queues.as_ref().map(|queues| queues.names().to_vec()).unwrap_or_default(),
                std::mem::take(&mut course.depths).into_iter().filter(|depths| !depths.is_empty()).collect(),
            ),
            traffic: std::mem::take(&mut course.traffic),
            moments: std::mem::take(&mut course.moments),
            scenario: fleet.scenario.clone(),
        };
        crowd.stop().await;
        if let Some(queues) = course.queues.take() {
            queues.close().await;
        }
        ended?;
        Ok(account::report(seen))
    }

    async fn sights(&self, zone: &Zone, names: Vec<String>, hearing: Hearing) -> Sights {
        let mut processes: Vec<Watched> =
            self.broker.pid.map(|pid| Watched::new("broker", vec![pid])).into_iter().collect();
        for (name, kind) in
            [("zone", daemon::Kind::Zone), ("checkin", daemon::Kind::Checkin), ("racks", daemon::Kind::Rack)]
        {
            processes.push(Watched::new(name, zone.pids(kind)));
        }
        processes.push(Watched::new("nodes", vec![std::process::id()]));
        // Where there is no password there is nobody to ask as.
        let mut queues = match self.trust {
            Some(_) => None,
            None => Queues::connect(&self.broker.settings.url).await.ok(),
        };
        if let Some(queues) = &mut queues {
            queues.watch(names);
        }
        let port = self.broker.settings.endpoint().map_or(0, |endpoint| endpoint.port);
        let sockets = Sockets::watch(port).await;
        Sights { processes, queues, sockets, client: zone.client.clone(), hearing }
    }

    fn setting(&self, scenario: &Scenario, load: f64, course: &Course, interrupted: bool) -> Setting {
        let (cpu, cores, memory_mib) = processes::machine();
        Setting {
            command: self.arguments.command(scenario),
            cpu,
            cores,
            memory_mib,
            broker: self.broker.name.clone(),
            connections: self.arguments.connected(),
            connection_count: 0,
            optimized: !cfg!(debug_assertions),
            load: [load, course.load_in_the_middle(), processes::load()],
            took_s: course.took(),
            steady_s: 0.0,
            interrupted,
        }
    }
}

/// Looks every second until the script is over, the end is asked for, or something breaks.
async fn follow(
    course: &mut Course,
    fleet: &Fleet,
    end: u64,
    zone: &mut Zone,
    crowd: &mut Crowd,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let seconds = end as f64 / 1_000.0;
    let mut pace = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while course.took() < seconds {
        tokio::select! {
            _ = pace.tick() => course.look(fleet, seconds).await,
            failure = crowd.failed() => return Err(failure),
            () = shutdown.requested() => return Ok(()),
        }
        if let Some(failure) = zone.failure() {
            return Err(failure);
        }
    }
    Ok(())
}
