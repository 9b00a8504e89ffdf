//! A child process that does not outlive the test.
//!
//! The kernel kills it when the thread that started it ends, so each child has a thread of its own.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

/// What a process holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Threads.
    pub threads: usize,
    /// Open files, sockets among them.
    pub files: usize,
    /// Memory in use, KiB.
    pub resident_kib: usize,
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} threads, {} files, {} MiB", self.threads, self.files, self.resident_kib >> 10)
    }
}

/// A running or ended child.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts a command line; what it says goes to the end of the log file.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(line: &[String], environment: &[(String, String)], log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("the log file");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).args(line).stdin(Stdio::null());
        command.stdout(file.try_clone().expect("the log file twice")).stderr(file);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ROLLCALL_") {
                command.env_remove(name);
            }
        }
        command.env("NO_COLOR", "1").envs(environment.iter().cloned());
        let (started, start) = mpsc::sync_channel(1);
        let (ends, ended) = watch::channel(None);
        thread::spawn(move || {
            let mut child = command.spawn().expect("the program starts");
            started.send(child.id()).expect("somebody waits for it");
            ends.send_replace(child.wait().ok());
        });
        let id = start.recv().expect("the program was started");
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process id");
        Self { pid, ended }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.ended.borrow().is_none()
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        if self.is_running() {
            // It may be ending at this moment.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// What it holds now; nothing once it has ended.
    #[must_use]
    pub fn holds(&self) -> Holds {
        let proc = PathBuf::from(format!("/proc/{}", self.pid.as_raw_nonzero()));
        let entries = |name: &str| std::fs::read_dir(proc.join(name)).map_or(0, Iterator::count);
        let status = std::fs::read_to_string(proc.join("status")).unwrap_or_default();
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        Holds { threads: entries("task"), files: entries("fd"), resident_kib: resident.unwrap_or(0) }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When the thread that waits for it is gone.
    pub async fn ended(&self) -> ExitStatus {
        let status = *self.ended.clone().wait_for(Option::is_some).await.expect("its thread tells how it ended");
        status.expect("just waited for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
