//! One daemon of a stage: its configuration, its process, its log.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::timeout;

use super::token::Wish;
use super::{Holds, PATIENCE, Process, previous, program, until};

/// An orderly end takes no longer.
const END: Duration = Duration::from_secs(15);
/// Lines of the log shown when a test fails.
const LAST_LINES: usize = 25;

/// A daemon, running or not. It can be started any number of times.
pub struct Daemon {
    name: String,
    program: &'static str,
    of_before: bool,
    config: PathBuf,
    log: PathBuf,
    environment: Vec<(String, String)>,
    /// What its command line begins with.
    through: Vec<String>,
    token: Option<Wish>,
    process: Option<Process>,
}

impl Daemon {
    /// A daemon that is not running. `config` is the text of its configuration file.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn new(directory: &Path, name: &str, program: &'static str, config: &str) -> Self {
        let path = directory.join(format!("{name}.toml"));
        std::fs::write(&path, config).expect("the configuration is written");
        let log = directory.join(format!("{name}.log"));
        Self {
            name: name.to_owned(),
            program,
            of_before: false,
            config: path,
            log,
            environment: vec![],
            through: vec![],
            token: None,
            process: None,
        }
    }

    /// Gets a join token from the zone before its first start; the zone has to be up by then.
    #[must_use]
    pub fn with_token(mut self, wish: Wish) -> Self {
        self.token = Some(wish);
        self
    }

    /// Does without: for a zone that never comes, or one that holds or refuses strangers.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.token = None;
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Runs it in a network namespace.
    #[must_use]
    pub fn inside(self, namespace: &str) -> Self {
        self.through(["ip", "netns", "exec", namespace].map(str::to_owned).to_vec())
    }

    /// Runs it through another command, which must become it.
    #[must_use]
    pub fn through(mut self, command: Vec<String>) -> Self {
        self.through = command;
        self
    }

    /// From its next start on it is the program of the previous version.
    #[must_use]
    pub const fn of_before(mut self) -> Self {
        self.becomes(true);
        self
    }

    /// From its next start on it is the program of the previous version, or again of this one.
    pub const fn becomes(&mut self, of_before: bool) {
        self.of_before = of_before;
    }

    /// Starts it.
    ///
    /// # Panics
    /// When the zone gives no token.
    pub fn start(&mut self) {
        if let Some(wish) = self.token.take() {
            wish.fulfil();
        }
        let mut line = self.through.clone();
        let program = if self.of_before { previous(self.program) } else { program(self.program) };
        line.push(program.display().to_string());
        line.extend(["--config".to_owned(), self.config.display().to_string()]);
        self.process = Some(Process::start(&line, &self.environment, &self.log));
    }

    /// Starts it.
    #[must_use]
    pub fn started(mut self) -> Self {
        self.start();
        self
    }

    /// Its name on the stage.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All it has said.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until it says this.
    pub async fn says(&self, text: &str) {
        until(format!("{} to say {text:?}", self.name), PATIENCE, async || self.log().contains(text).then_some(()))
            .await;
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<i32> {
        self.process.as_ref().filter(|process| process.is_running()).map(Process::id)
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.as_ref().is_some_and(Process::is_running)
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the daemon was started")
    }

    /// The id of its process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process().id()
    }

    /// What it holds now.
    #[must_use]
    pub fn holds(&self) -> Holds {
        self.process().holds()
    }

    /// Kills it as `kill -9` would, and waits until it is gone.
    pub async fn kill(&self) {
        self.process().signal(Signal::KILL);
        self.process().ended().await;
    }

    /// Kills it, and starts it again.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.start();
    }

    /// Halts it.
    pub fn pause(&self) {
        self.process().signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process().signal(Signal::CONT);
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Panics
    /// When it takes too long.
    pub async fn terminate(&self) -> ExitStatus {
        self.process().signal(Signal::TERM);
        self.ended().await
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it takes too long.
    pub async fn ended(&self) -> ExitStatus {
        timeout(END, self.process().ended()).await.unwrap_or_else(|_| panic!("{} does not end", self.name))
    }
}

impl Drop for Daemon {
    /// A test that fails shows what the daemons said last.
    #[allow(clippy::print_stderr, reason = "this is a test's output")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            eprintln!("--- {} said last:\n{}", self.name, last.join("\n"));
        }
    }
}
