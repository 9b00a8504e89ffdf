//! Check-in services as child processes: started with a configuration of their own, heard, ended, and never left behind.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rollcall_group_controller::config::Config;
use rollcall_group_controller::launcher::{CheckinService, Launcher, ProcessLauncher};
use rollcall_model::Name;
use rollcall_startup::Shutdown;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// A program just written cannot be run while another test's child still holds it open: one test at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// A place with a program in the role of `rollcall-checkin`; its configuration file is `$2`.
struct Stage {
    directory: tempfile::TempDir,
    launcher: Arc<ProcessLauncher>,
    _turn: MutexGuard<'static, ()>,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn service() -> CheckinService {
    CheckinService {
        identity: None,
        zone: name("hall-1"),
        name: name("checkin-a"),
        ranges: vec!["10.1.0.0/16".parse().unwrap(), "fd00::/64".parse().unwrap()],
        address: Some([10, 1, 0, 1].into()),
    }
}

impl Stage {
    async fn new(script: &str) -> Self {
        let turn = TURN.lock().await;
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let launcher = Arc::new(ProcessLauncher::of(&Self::config(directory.path(), &program)));
        Self { directory, launcher, _turn: turn }
    }

    fn config(directory: &Path, program: &Path) -> Config {
        let text = format!(
            "name = 'rack-a'\nzones = ['hall-1']\nstate_dir = '{}'\n[checkin]\nprogram = '{}'\n\
             [broker]\nurl = 'amqp://someone:secret@10.0.0.1:5672/v'\nconfirm_deadline_ms = 4321\n\
             [discovery]\nmdns = true\ninterfaces = ['eth0']\nport = 5454",
            directory.display(),
            program.display()
        );
        toml::from_str(&text).unwrap()
    }

    fn run(&self) -> (JoinHandle<String>, Shutdown) {
        let stop = Shutdown::new();
        (tokio::spawn(self.launcher.run(service(), stop.clone())), stop)
    }

    fn file(&self, path: &str) -> PathBuf {
        self.directory.path().join("checkin-hall-1-checkin-a").join(path)
    }

    /// Waits until the program has written this file.
    async fn written(&self, path: &str) -> String {
        let read = async {
            loop {
                match std::fs::read_to_string(self.file(path)) {
                    Ok(text) if text.ends_with('\n') => return text,
                    _ => sleep(Duration::from_millis(20)).await,
                }
            }
        };
        timeout(Duration::from_secs(20), read).await.expect("the program writes it")
    }
}

async fn end(life: JoinHandle<String>) -> String {
    timeout(Duration::from_secs(20), life).await.expect("it ends").unwrap()
}

fn is_alive(id: &str) -> bool {
    // A zombie has no command line.
    std::fs::read(format!("/proc/{}/cmdline", id.trim())).is_ok_and(|line| !line.is_empty())
}

#[tokio::test]
async fn a_service_is_given_a_configuration_only_its_user_can_read_and_ends_when_asked() {
    let stage = Stage::new("cd $(dirname $2); cp $2 copy; echo $$ > id\nexec sleep 1000").await;
    let (life, stop) = stage.run();
    let id = stage.written("id").await;
    let given: toml::Table = std::fs::read_to_string(stage.file("copy")).unwrap().parse().unwrap();
    assert_eq!(given["name"].as_str(), Some("checkin-a"));
    assert_eq!(given["zone"].as_str(), Some("hall-1"));
    assert_eq!(given["ranges"].as_array().unwrap().len(), 2);
    assert_eq!(given["address"].as_str(), Some("10.1.0.1"));
    assert_eq!(given["state_dir"].as_str(), stage.file("state").to_str());
    assert_eq!(given["broker"]["url"].as_str(), Some("amqp://someone:secret@10.0.0.1:5672/v"));
    assert_eq!(given["broker"]["confirm_deadline_ms"].as_integer(), Some(4_321));
    assert_eq!(
        (given["discovery"]["port"].as_integer(), given["discovery"]["mdns"].as_bool()),
        (Some(5_454), Some(true))
    );
    let mode = std::fs::metadata(stage.file("checkin.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds the broker's password");
    stop.request();
    assert!(end(life).await.contains("signal: 15"));
    assert!(!is_alive(&id));
}

#[tokio::test]
async fn a_service_holds_a_line_to_its_controller_that_lasts_as_long_as_both() {
    let stage = Stage::new("cd $(dirname $2); echo $3 > told; cat > heard; echo over > heard").await;
    let (life, stop) = stage.run();
    assert_eq!(stage.written("told").await, "--with-parent\n");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(std::fs::read_to_string(stage.file("heard")).unwrap(), "", "it is open, and nothing comes over it");
    assert!(!life.is_finished());
    stop.request();
    end(life).await;
}

#[tokio::test]
async fn the_reason_of_an_end_is_what_was_said_last() {
    let stage = Stage::new("echo one >&2; echo 'ranges is empty' >&2; exit 3").await;
    assert_eq!(end(stage.run().0).await, "exit status: 3: ranges is empty");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_with_what_to_do() {
    let stage = Stage::new("exit 0").await;
    std::fs::remove_file(stage.directory.path().join("program")).unwrap();
    let why = end(stage.run().0).await;
    assert!(why.contains("/program: No such file") && why.contains("[checkin] program"), "{why}");
}

#[tokio::test]
async fn a_service_that_does_not_listen_is_killed() {
    let stage = Stage::new("trap '' TERM; cd $(dirname $2); echo $$ > id; while :; do sleep 0.1; done").await;
    let (life, stop) = stage.run();
    let id = stage.written("id").await;
    stop.request();
    assert!(end(life).await.contains("signal: 9"));
    assert!(!is_alive(&id));
}

#[tokio::test]
async fn a_controller_that_is_dropped_takes_its_service_along() {
    let stage = Stage::new("cd $(dirname $2); echo $$ > id\nexec sleep 1000").await;
    let (life, _stop) = stage.run();
    let id = stage.written("id").await;
    life.abort();
    let gone = async {
        while is_alive(&id) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("it is killed");
}

#[tokio::test]
async fn a_service_a_killed_controller_left_behind_is_ended_before_another_starts() {
    let stage = Stage::new("cd $(dirname $2); echo $$ >> ids; while :; do sleep 0.1; done").await;
    // As a controller leaves it that was killed: nobody waits for it.
    let config = stage.file("checkin.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(&config, "").unwrap();
    let program = stage.directory.path().join("program");
    let mut former =
        tokio::process::Command::new(program).arg("--config").arg(&config).process_group(0).spawn().unwrap();
    let ids = stage.written("ids").await;
    std::fs::write(stage.file("pid"), &ids).unwrap();
    let reaped = tokio::spawn(async move { former.wait().await.unwrap() });
    let (life, stop) = stage.run();
    let both = async {
        while std::fs::read_to_string(stage.file("ids")).unwrap().lines().count() < 2 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), both).await.expect("another starts");
    assert!(!is_alive(&ids), "the former one is gone");
    timeout(Duration::from_secs(20), reaped).await.expect("it has ended").unwrap();
    stop.request();
    end(life).await;
}
