//! What can only be seen from outside a process: signals, exit codes, the service manager's socket.
//!
//! Each test starts this test program again, with only the test itself to run, as the daemon it looks at.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rollcall_startup::{ServiceManager, Shutdown};
use rustix::process::{Pid, Signal, kill_process};

const ROLE: &str = "STARTUP_TEST_ROLE";

fn is_daemon() -> bool {
    std::env::var_os(ROLE).is_some()
}

struct Daemon {
    child: Child,
    socket: UnixDatagram,
    _directory: tempfile::TempDir,
}

impl Daemon {
    fn start(test: &str, variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(ROLE, "daemon")
            .env("NOTIFY_SOCKET", &path)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, socket, _directory: directory }
    }

    /// What the service manager is told next.
    fn told(&self) -> String {
        let mut buffer = [0; 256];
        let length = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

fn run(daemon: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(daemon);
}

async fn stubborn_daemon() {
    let shutdown = Shutdown::on_signals().unwrap();
    let manager = ServiceManager::from_environment();
    manager.ready("stubborn\nand proud");
    shutdown.requested().await;
    manager.stopping();
    std::future::pending::<()>().await;
}

#[test]
fn the_first_signal_asks_and_the_second_forces() {
    if is_daemon() {
        return run(stubborn_daemon());
    }
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let daemon = Daemon::start("the_first_signal_asks_and_the_second_forces", &[]);
        assert_eq!(daemon.told(), "READY=1\nSTATUS=stubborn and proud\n");
        daemon.signal(signal);
        assert_eq!(daemon.told(), "STOPPING=1\n");
        daemon.signal(signal);
        assert_eq!(daemon.exit_code(), Some(code));
    }
}

async fn ailing_daemon() {
    let shutdown = Shutdown::on_signals().unwrap();
    let manager = ServiceManager::from_environment();
    let well = Arc::new(AtomicBool::new(true));
    let _watchdog = manager.watch({
        let well = well.clone();
        move || well.load(Ordering::SeqCst)
    });
    shutdown.requested().await;
    well.store(false, Ordering::SeqCst);
    manager.status("ill");
    // Ten periods of the feeder, in which it must stay silent.
    tokio::time::sleep(Duration::from_millis(300)).await;
    manager.stopping();
}

#[test]
fn the_watchdog_is_fed_only_while_the_daemon_is_well() {
    if is_daemon() {
        return run(ailing_daemon());
    }
    let daemon = Daemon::start("the_watchdog_is_fed_only_while_the_daemon_is_well", &[("WATCHDOG_USEC", "90000")]);
    assert_eq!(daemon.told(), "WATCHDOG=1\n");
    assert_eq!(daemon.told(), "WATCHDOG=1\n");
    daemon.signal(Signal::TERM);
    while daemon.told() == "WATCHDOG=1\n" {}
    assert_eq!(daemon.told(), "STOPPING=1\n", "nothing between `ill` and the end");
    assert_eq!(daemon.exit_code(), Some(0));
}

async fn orderly_daemon() {
    rollcall_startup::init_logging(None, "info").unwrap();
    let shutdown = Shutdown::on_signals().unwrap();
    let manager = ServiceManager::from_environment();
    manager.ready("orderly");
    shutdown.requested().await;
    tracing::info!("ending");
    manager.stopping();
}

#[test]
fn a_daemon_whose_log_nobody_reads_any_more_still_ends_in_order() {
    if is_daemon() {
        return run(orderly_daemon());
    }
    let mut daemon = Daemon::start("a_daemon_whose_log_nobody_reads_any_more_still_ends_in_order", &[]);
    assert_eq!(daemon.told(), "READY=1\nSTATUS=orderly\n");
    drop(daemon.child.stderr.take());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.told(), "STOPPING=1\n");
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn without_a_service_manager_nothing_is_told_and_nothing_fails() {
    let manager = ServiceManager::from_environment();
    assert_eq!(manager.watchdog(), None);
    manager.ready("alone");
    manager.stopping();
}

#[test]
fn the_log_goes_to_stderr_as_json_without_colours() {
    if is_daemon() {
        rollcall_startup::init_logging(None, "warn").unwrap();
        tracing::info!(rack = "r1", "heard");
        tracing::debug!("not heard");
        return;
    }
    let name = "the_log_goes_to_stderr_as_json_without_colours";
    let mut daemon = Daemon::start(name, &[("ROLLCALL_LOG_FORMAT", "json"), ("ROLLCALL_LOG", "info")]);
    let mut log = String::new();
    daemon.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(daemon.exit_code(), Some(0));
    assert!(log.contains(r#""level":"INFO""#) && log.contains(r#""message":"heard","rack":"r1""#), "{log}");
    assert!(!log.contains("not heard") && !log.contains('\u{1b}'), "{log}");
}
