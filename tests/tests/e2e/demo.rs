//! The demonstration: the first thing anybody types.

use std::path::Path;
use std::time::Duration;

use rollcall_tests::stage::{Brokers, PATIENCE, Process, program, until};
use rustix::process::Signal;
use tokio::time::timeout;

/// A demo in a temporary directory of its own.
struct Demo {
    directory: tempfile::TempDir,
    process: Process,
}

impl Demo {
    fn start(more: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(directory.path().join("tmp")).expect("a directory");
        let program = program("rollcall").display().to_string();
        let line = [&[program.as_str(), "demo", "--listen", "127.0.0.1:0"], more].concat();
        let line: Vec<String> = line.into_iter().map(str::to_owned).collect();
        let tmp = directory.path().join("tmp").display().to_string();
        let process = Process::start(&line, &[("TMPDIR".to_owned(), tmp)], &directory.path().join("demo.log"));
        Self { directory, process }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("demo.log")).unwrap_or_default()
    }

    /// Waits until its zone stands. It starts a broker of its own first, which takes long on a busy machine.
    async fn stands(&self) {
        until("the zone to stand", PATIENCE * 3, async || {
            let said = self.said();
            assert!(self.process.is_running() || said.contains("the zone stands"), "it has ended:\n{said}");
            said.contains("the zone stands").then_some(())
        })
        .await;
    }

    /// Ended well, and nothing of it is left: no process that works in its directory, no file.
    async fn ends(&self, within: Duration) {
        let Ok(status) = timeout(within, self.process.ended()).await else {
            panic!("it does not end:\n{}", self.said())
        };
        let said = self.said();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("the zone stands: 2 racks, 6 of 6 nodes"), "{said}");
        assert!(!said.contains("warning:"), "a demonstration that warns: {said}");
        let tmp = self.directory.path().join("tmp");
        let left: Vec<_> =
            std::fs::read_dir(&tmp).expect("the directory").flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        until("every process of the demo to be gone", Duration::from_secs(5), async || {
            users_of(&tmp).is_empty().then_some(())
        })
        .await;
    }
}

/// Processes whose command line or environment names the directory.
fn users_of(directory: &Path) -> Vec<String> {
    let wanted = directory.to_str().expect("a path");
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    let names = |path: &Path, file: &str| {
        let text = std::fs::read(path.join(file)).unwrap_or_default();
        String::from_utf8_lossy(&text).contains(wanted)
    };
    processes
        .filter(|path| names(path, "environ") || names(path, "cmdline"))
        .map(|path| path.display().to_string())
        .collect()
}

pub async fn the_demo_ends_by_itself_and_leaves_nothing(_: &Brokers) {
    let demo = Demo::start(&["--for", "15s"]);
    demo.stands().await;
    demo.ends(Duration::from_secs(45)).await;
}

pub async fn the_demo_ends_when_interrupted_and_leaves_nothing(_: &Brokers) {
    let demo = Demo::start(&[]);
    demo.stands().await;
    demo.process.signal(Signal::INT);
    demo.ends(Duration::from_secs(25)).await;
}
