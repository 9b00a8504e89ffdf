//! A check-in service as a child process: the program `rollcall-checkin` with a configuration of its own.
//!
//! It is a process group of its own, so that a terminal's Ctrl-C reaches this controller only, which then ends it in
//! order. Its standard input is a pipe that this controller holds and never writes to: a controller that is killed lets
//! go of it, and the service ends by itself (`--with-parent`). One that does not, because it hangs, is found by the next
//! controller by its process id and its configuration file, and ended before another is started: two of one name would
//! fight for one inbox.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rollcall_bus::RabbitSettings;
use rollcall_discovery::DiscoverySettings;
use rollcall_startup::{Shutdown, state_dir, write_durably};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{CheckinService, Launcher, Life};
use crate::config::Config;

/// A service that is asked to end has this long.
const PATIENCE: Duration = Duration::from_secs(5);
/// What it said last is waited for so long after its end.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Longest reason told to the zone, characters.
const LONGEST_REASON: usize = 300;

/// Runs services as child processes.
#[derive(Clone, Debug)]
pub struct ProcessLauncher {
    program: PathBuf,
    directory: PathBuf,
    broker: RabbitSettings,
    discovery: DiscoverySettings,
}

/// The configuration of `rollcall-checkin`, as far as it is given.
#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    zone: &'a str,
    ranges: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    state_dir: &'a Path,
    broker: Broker<'a>,
    discovery: Discovery<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Identity<'a>>,
}

#[derive(Serialize)]
struct Identity<'a> {
    bundle: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<&'a str>,
}

#[derive(Serialize)]
struct Broker<'a> {
    url: &'a str,
    frame_max: u32,
    heartbeat_s: u16,
    connect_timeout_ms: u64,
    confirm_deadline_ms: u64,
    reconnect_min_ms: u64,
    reconnect_max_ms: u64,
    echo_period_ms: u64,
    echo_deadline_ms: u64,
}

#[derive(Serialize)]
struct Discovery<'a> {
    mdns: bool,
    interfaces: &'a [String],
    port: u16,
}

impl ProcessLauncher {
    /// As a group controller's configuration says: services get its own way to the broker and to the network, and a
    /// directory each in its state directory. The program is the configured one, or the one beside this.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let beside = || std::env::current_exe().unwrap_or_default().with_file_name("rollcall-checkin");
        Self {
            program: config.checkin.program.clone().unwrap_or_else(beside),
            directory: config.state_dir.clone(),
            broker: config.broker.clone(),
            discovery: config.discovery.clone(),
        }
    }

    fn document(&self, service: &CheckinService, directory: &Path) -> Result<String, String> {
        let broker = &self.broker;
        let document = Document {
            name: service.name.as_str(),
            zone: service.zone.as_str(),
            ranges: service.ranges.iter().map(ToString::to_string).collect(),
            address: service.address.map(|address| address.to_string()),
            state_dir: directory,
            broker: Broker {
                url: &broker.url,
                frame_max: broker.frame_max,
                heartbeat_s: broker.heartbeat_s,
                connect_timeout_ms: broker.connect_timeout_ms,
                confirm_deadline_ms: broker.confirm_deadline_ms,
                reconnect_min_ms: broker.reconnect_min_ms,
                reconnect_max_ms: broker.reconnect_max_ms,
                echo_period_ms: broker.echo_period_ms,
                echo_deadline_ms: broker.echo_deadline_ms,
            },
            discovery: Discovery {
                mdns: self.discovery.mdns,
                interfaces: &self.discovery.interfaces,
                port: self.discovery.port,
            },
            identity: service.identity.as_ref().map(|identity| Identity {
                bundle: &identity.bundle,
                directory: identity.directory.as_deref(),
                api: identity.api.as_deref(),
            }),
        };
        toml::to_string(&document).map_err(|error| format!("its configuration cannot be written: {error}"))
    }

    /// Everything up to the running child.
    async fn start(&self, service: &CheckinService) -> Result<Child, String> {
        let directory = self.directory.join(format!("checkin-{}-{}", service.zone, service.name));
        let directory = state_dir(&directory).map_err(|error| error.to_string())?;
        let (config, pid) = (directory.join("checkin.toml"), directory.join("pid"));
        end_leftover(&pid, &config).await?;
        let document = self.document(service, &directory.join("state"))?;
        write_durably(&config, document.as_bytes()).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&config).arg("--with-parent").process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(|error| {
            format!("cannot run {}: {error}; [checkin] program says where rollcall-checkin is", self.program.display())
        })?;
        let id = child.id().map_or_else(String::new, |id| id.to_string());
        write_durably(&pid, id.as_bytes()).map_err(|error| error.to_string())?;
        Ok(child)
    }
}

/// Variables of this controller that would overlay the child's configuration, or speak to our service manager.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let logs = name.starts_with("ROLLCALL_LOG");
    (name.starts_with("ROLLCALL_") && !logs) || matches!(&*name, "NOTIFY_SOCKET" | "WATCHDOG_USEC" | "WATCHDOG_PID")
}

impl Launcher for ProcessLauncher {
    fn run(&self, service: CheckinService, stop: Shutdown) -> Life {
        let launcher = self.clone();
        Box::pin(async move {
            match launcher.start(&service).await {
                Ok(child) => live(child, service.name.as_str(), &stop).await,
                Err(why) => why,
            }
        })
    }
}

/// Hands on what the child says, until it ends; says how.
async fn live(mut child: Child, name: &str, stop: &Shutdown) -> String {
    // Waiting for the child would close it.
    let _lifeline = child.stdin.take();
    let mut lines = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
    let mut last = String::new();
    let mut kill_at: Option<Instant> = None;
    let status = loop {
        let late = kill_at.unwrap_or_else(Instant::now);
        tokio::select! {
            Some(line) = next_line(&mut lines) => hand_on(name, line, &mut last),
            status = child.wait() => break status,
            () = stop.requested(), if kill_at.is_none() => {
                signal(&child, Signal::TERM);
                kill_at = Some(Instant::now() + PATIENCE);
            }
            () = sleep_until(late), if kill_at.is_some() => {
                signal(&child, Signal::KILL);
                kill_at = Some(Instant::now() + PATIENCE);
            }
        }
    };
    let rest = async {
        while let Some(line) = next_line(&mut lines).await {
            hand_on(name, line, &mut last);
        }
    };
    // Something of its own may hold its stderr open: then that is all.
    let _ = timeout(LAST_WORDS, rest).await;
    let ended = status.as_ref().map_or_else(ToString::to_string, ExitStatus::to_string);
    let reason = if last.is_empty() { ended } else { format!("{ended}: {last}") };
    reason.chars().take(LONGEST_REASON).collect()
}

/// `None` at the end, and from then on.
async fn next_line(lines: &mut Option<Lines<BufReader<ChildStderr>>>) -> Option<String> {
    let line = lines.as_mut()?.next_line().await.ok().flatten();
    if line.is_none() {
        *lines = None;
    }
    line
}

fn hand_on(name: &str, line: String, last: &mut String) {
    tracing::info!(target: "rollcall::checkin", service = name, "{line}");
    *last = line;
}

fn signal(child: &Child, signal: Signal) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(id) = id {
        // It may have ended in this very moment.
        let _ = kill_process(id, signal);
    }
}

/// Ends a service that a former run of this controller left behind.
async fn end_leftover(pid: &Path, config: &Path) -> Result<(), String> {
    let Some(id) = std::fs::read_to_string(pid).ok().and_then(|id| id.trim().parse().ok()) else { return Ok(()) };
    let Some(process) = Pid::from_raw(id) else { return Ok(()) };
    // The number may be another process's by now: only one with our configuration is ours.
    let is_there = || {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == config.as_os_str().as_bytes())
    };
    for signal in [Signal::TERM, Signal::KILL] {
        if !is_there() {
            return Ok(());
        }
        tracing::info!(id, ?signal, "ending the check-in service a former run left behind");
        let until = Instant::now() + PATIENCE;
        // It may have ended in this very moment.
        let _ = kill_process_group(process, signal);
        while is_there() && Instant::now() < until {
            sleep(Duration::from_millis(50)).await;
        }
    }
    if is_there() { Err(format!("process {id}, left behind by a former run, does not end; kill it")) } else { Ok(()) }
}
