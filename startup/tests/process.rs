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

use rollcall_startup::{Pulse, ServiceManager, Shutdown};
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

/// Its way to the broker is proven only after a while, then often, then no more.
async fn cut_off_daemon() {
    let shutdown = Shutdown::on_signals().unwrap();
    let (pulse, way) = (Pulse::default(), tokio::sync::watch::Sender::new(None));
    pulse.follow(way.subscribe());
    let manager = ServiceManager::from_environment();
    let stands = Duration::from_millis(100);
    let _told = manager.clone().attend_pulse(pulse, stands, "connected".into(), shutdown.clone());
    tokio::time::sleep(Duration::from_millis(200)).await;
    manager.status("connecting");
    for _ in 0..20 {
        way.send_replace(Some(tokio::time::Instant::now()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    manager.status("cut off");
    // Ten periods of the feeder, in which it must stay silent.
    tokio::time::sleep(Duration::from_millis(300)).await;
    manager.status("still cut off");
    shutdown.requested().await;
    // The word that it ends is said by another task.
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[test]
fn a_daemon_is_ready_when_its_way_is_proven_and_starves_the_watchdog_when_the_proofs_stay_away() {
    let name = "a_daemon_is_ready_when_its_way_is_proven_and_starves_the_watchdog_when_the_proofs_stay_away";
    if is_daemon() {
        return run(cut_off_daemon());
    }
    let directory = tempfile::tempdir().unwrap();
    let alive = directory.path().join("alive");
    let file = alive.to_str().unwrap();
    let daemon = Daemon::start(name, &[("WATCHDOG_USEC", "90000"), ("ROLLCALL_ALIVE_FILE", file)]);
    assert_eq!(daemon.told(), "STATUS=connecting\n", "not ready before the first proof");
    assert_eq!(daemon.told(), "READY=1\nSTATUS=connected\n");
    assert_eq!(daemon.told(), "WATCHDOG=1\n");
    while daemon.told() == "WATCHDOG=1\n" {}
    let last = alive.metadata().unwrap().modified().unwrap();
    assert_eq!(daemon.told(), "STATUS=still cut off\n", "nothing since it was cut off");
    assert_eq!(alive.metadata().unwrap().modified().unwrap(), last, "nor was the file renewed");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.told(), "STOPPING=1\n");
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
