//! Commands of the node's owner: run in a process group of their own, for a limited time, their last words kept.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_model::Millis;
use rustix::process::{Pid, Signal, kill_process_group};

/// So much of what a command writes is kept, bytes.
pub(super) const LAST_WORDS: usize = 500;
/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long a command that was asked to end has until it is killed.
const GRACE: Duration = Duration::from_millis(1_000);
/// How long the last words are waited for when something the command left behind keeps its output open.
const PATIENCE: Duration = Duration::from_millis(300);

/// How a command ended, with its last words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It ended of its own accord: well, or with this said about it.
    ByItself {
        /// Whether it said that all went well.
        well: bool,
        /// Its exit code, or the signal.
        how: String,
        /// Its last words.
        words: String,
    },
    /// Its time was over, and its process group was killed.
    Late {
        /// Its last words.
        words: String,
    },
    /// The agent is to stop, and its process group was killed.
    Stopped,
}

/// Runs a command and waits until it has ended, its time is over, or `stop` is set. Blocks.
///
/// # Errors
/// When it cannot be started.
pub(super) fn run(command: &[String], limit: Millis, stop: &AtomicBool) -> io::Result<Ended> {
    let [program, arguments @ ..] = command else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
    };
    let (reader, writer) = io::pipe()?;
    let mut child = {
        let mut command = Command::new(program);
        // Nothing of this agent's environment: the broker's password may stand there.
        command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        command.current_dir("/").stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
        command.spawn()?
        // The writing ends held here go with the command's description.
    };
    let words = LastWords::listen(reader);
    let until = Instant::now() + limit.duration();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::ByItself { well: status.success(), how: status.to_string(), words: words.taken() });
        }
        if stop.load(Ordering::Relaxed) {
            kill(&mut child);
            return Ok(Ended::Stopped);
        }
        if Instant::now() >= until {
            kill(&mut child);
            return Ok(Ended::Late { words: words.taken() });
        }
        thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
    }
}

/// Ends a whole process group: asked first, killed a moment later.
fn kill(child: &mut Child) {
    let group = Pid::from_child(child);
    // It may have ended in between: then there is nothing to kill.
    let _ = kill_process_group(group, Signal::TERM);
    let until = Instant::now() + GRACE;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
        thread::sleep(LOOK);
    }
    // Also when the first of the group has ended: others of it may have been deaf.
    let _ = kill_process_group(group, Signal::KILL);
    // A process that waits in the kernel ends when that is over; it is not waited for.
    let until = Instant::now() + GRACE;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
        thread::sleep(LOOK);
    }
}

/// The end of what a command writes.
struct LastWords {
    kept: Arc<Mutex<Vec<u8>>>,
    closed: mpsc::Receiver<()>,
}

impl LastWords {
    /// Listens on a thread, which ends when everybody who could write has ended.
    fn listen(mut output: PipeReader) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (done, closed) = mpsc::sync_channel(1);
        let end = Arc::clone(&kept);
        let listening = thread::Builder::new().name("action-output".into()).spawn(move || {
            let mut buffer = [0; 4 * 1024];
            loop {
                match output.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => {
                        let mut kept = end.lock().unwrap_or_else(PoisonError::into_inner);
                        kept.extend_from_slice(&buffer[..count]);
                        let surplus = kept.len().saturating_sub(LAST_WORDS);
                        kept.drain(..surplus);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            // Nobody may wait any more.
            let _ = done.send(());
        });
        if let Err(error) = listening {
            tracing::warn!(%error, "the system gives no thread: what the command writes is not kept");
        }
        Self { kept, closed }
    }

    fn taken(&self) -> String {
        // Also over when there is no thread.
        let _ = self.closed.recv_timeout(PATIENCE);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept);
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
    }
}

#[cfg(test)]
mod tests;
