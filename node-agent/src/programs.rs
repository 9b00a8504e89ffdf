//! Other programs, asked for what no file tells: given little time and little room, and killed when either is over.
//!
//! They are looked for in the system's own directories and never in `PATH`, run without standard input, in a
//! process group of their own, with an empty environment. A program that does not even die is left to a thread
//! that waits for it.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_model::Millis;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::hardware::Tree;

/// Where programs lie, in the order in which they are looked for.
const DIRECTORIES: [&str; 6] = ["usr/sbin", "usr/bin", "sbin", "bin", "usr/local/sbin", "usr/local/bin"];
/// Most bytes of an answer; the longest known, `smartctl`'s, takes some tens of KiB.
const ANSWER_LIMIT: usize = 1024 * 1024;
/// How long a killed program may take to be gone: longer only when it waits for a device in the kernel.
const DYING: Duration = Duration::from_secs(1);
/// A program that is being replaced on disk cannot be started for a moment.
const BUSY_TRIES: u32 = 20;

/// A program that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    name: &'static str,
    path: PathBuf,
}

/// What a program wrote, and the code it ended with; `None` when a signal ended it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) code: Option<i32>,
}

/// Why there is no answer. The program is gone, unless it is [`Stuck`](Unanswered::Stuck).
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// It cannot be started, or its answer cannot be read.
    #[error("{0} cannot be run: {1}")]
    Failed(&'static str, #[source] io::Error),
    /// It took too long and was killed.
    #[error("{0} had no answer within {1} ms and was stopped")]
    Late(&'static str, u64),
    /// It wrote without end and was killed.
    #[error("{0} wrote more than {ANSWER_LIMIT} bytes and was stopped")]
    Endless(&'static str),
    /// It waits in the kernel and cannot be killed; the thread ends when it is gone.
    #[error("{0} hangs in the kernel and cannot be stopped")]
    Stuck(&'static str, Option<thread::JoinHandle<()>>),
}

impl Program {
    /// The program of this name below the root; `None` when it is not installed.
    pub(crate) fn find(tree: &Tree, name: &'static str) -> Option<Self> {
        let below =
            DIRECTORIES.iter().map(|directory| format!("{directory}/{name}")).find(|below| tree.exists(below))?;
        Some(Self { name, path: tree.path(below) })
    }

    /// Runs it and waits for its answer, at most for `limit` and a second. Blocks.
    pub(crate) fn ask(&self, arguments: &[&str], limit: Millis) -> Result<Answer, Unanswered> {
        let until = Instant::now() + limit.duration();
        let mut child = self.start(arguments).map_err(|error| Unanswered::Failed(self.name, error))?;
        let told = match self.listen(&mut child, until) {
            Ok(Some(bytes)) if bytes.len() > ANSWER_LIMIT => Err(Unanswered::Endless(self.name)),
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Unanswered::Late(self.name, limit.0)),
            Err(error) => Err(Unanswered::Failed(self.name, error)),
        };
        let ended = if told.is_ok() { ended_by(&mut child, until) } else { None };
        match (told, ended) {
            (Ok(bytes), Some(code)) => Ok(Answer { text: String::from_utf8_lossy(&bytes).into_owned(), code }),
            (told, _) => Err(self.kill(child, told.err().unwrap_or(Unanswered::Late(self.name, limit.0)))),
        }
    }

    fn start(&self, arguments: &[&str]) -> io::Result<Child> {
        let mut command = Command::new(&self.path);
        command.args(arguments).env_clear().env("LC_ALL", "C").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        for _ in 0..BUSY_TRIES {
            match command.spawn() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                    thread::sleep(Duration::from_millis(10));
                }
                started => return started,
            }
        }
        command.spawn()
    }

    /// What it writes until it closes its output; `None` when time is over.
    fn listen(&self, child: &mut Child, until: Instant) -> io::Result<Option<Vec<u8>>> {
        let Some(mut output) = child.stdout.take() else { return Ok(Some(Vec::new())) };
        let (mut bytes, mut buffer) = (Vec::new(), [0; 8 * 1024]);
        while bytes.len() <= ANSWER_LIMIT {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let wait = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            let mut waiting = [PollFd::new(&output, PollFlags::IN)];
            match poll(&mut waiting, Some(&wait)) {
                Ok(0) => return Ok(None),
                Ok(_) => match output.read(&mut buffer)? {
                    0 => break,
                    more => bytes.extend_from_slice(&buffer[..more]),
                },
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(bytes))
    }

    /// Kills it with all it started, and says why.
    fn kill(&self, mut child: Child, why: Unanswered) -> Unanswered {
        // It may have ended in between: then there is nothing to kill.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        if ended_by(&mut child, Instant::now() + DYING).is_some() {
            return why;
        }
        let waiting = thread::Builder::new().name("program-reaper".into()).spawn(move || {
            let _ = child.wait();
        });
        Unanswered::Stuck(self.name, waiting.ok())
    }
}

/// The code it ended with by then; `None` while it runs.
fn ended_by(child: &mut Child, until: Instant) -> Option<Option<i32>> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.code()),
            // Not ours any more: nothing is left to wait for.
            Err(_) => return Some(None),
            Ok(None) if Instant::now() >= until => return None,
            Ok(None) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::fake::Fake;

    fn program(script: &str) -> (Fake, Program) {
        let machine = Fake::new().with_program("smartctl", script);
        let found = Program::find(&Tree::new(machine.root()), "smartctl").unwrap();
        (machine, found)
    }

    #[test]
    fn an_answer_comes_with_its_code_and_nothing_of_our_environment() {
        let (_machine, program) = program("echo \"$1 $LC_ALL $HOME\"; exit 4");
        let answer = program.ask(&["a"], Millis(20_000)).unwrap();
        assert_eq!((answer.text.as_str(), answer.code), ("a C \n", Some(4)));
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_its_children() {
        let (machine, program) = program("echo $$ >\"$1\"; sleep 1000 & sleep 1000");
        let began = Instant::now();
        let file = machine.path("pid");
        let error = program.ask(&[file.to_str().unwrap()], Millis(1_500)).unwrap_err();
        assert!(matches!(error, Unanswered::Late(..)), "{error}");
        assert!(began.elapsed() < Duration::from_secs(60));
        let group: i32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        // Orphans are reaped by the system a moment later.
        while rustix::process::test_kill_process_group(Pid::from_raw(group).unwrap()).is_ok() {
            assert!(Instant::now() < until, "the group is still there");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_program_that_writes_without_end_is_killed() {
        let (_machine, program) = program("while :; do echo 0123456789012345678901234567890123456789; done");
        let error = program.ask(&[], Millis(60_000)).unwrap_err();
        assert!(matches!(error, Unanswered::Endless(_)), "{error}");
    }

    #[test]
    fn what_is_not_installed_or_cannot_run_is_said() {
        let machine = Fake::new().with("usr/sbin/smartctl", "not a program");
        assert!(Program::find(&Tree::new(machine.root()), "ethtool").is_none());
        let found = Program::find(&Tree::new(machine.root()), "smartctl").unwrap();
        let message = found.ask(&[], Millis(1_000)).unwrap_err().to_string();
        assert!(message.contains("smartctl cannot be run"), "{message}");
    }
}
