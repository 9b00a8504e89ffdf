//! A child process that does not outlive us.
//!
//! `setpriv --pdeathsig` has the kernel kill the child when the thread that made it ends. Threads of a runtime
//! come and go, so each child has a thread of its own, which makes it and then waits for its end.

use std::io;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    ended: watch::Receiver<bool>,
}

impl Process {
    pub fn spawn(mut command: Command) -> io::Result<Self> {
        let (ends, ended) = watch::channel(false);
        let (started, start) = mpsc::sync_channel(1);
        thread::Builder::new().name("private-broker".into()).stack_size(64 * 1024).spawn(move || {
            match command.spawn() {
                Ok(mut child) => {
                    // Whoever asked waits for it; see below.
                    let _ = started.send(Ok(child.id()));
                    // It can only fail if the child is no longer ours to wait for.
                    let _ = child.wait();
                }
                Err(error) => drop(started.send(Err(error))),
            }
            ends.send_replace(true);
        })?;
        let id = start.recv().map_err(io::Error::other)??;
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("no process id"))?;
        Ok(Self { pid, ended })
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        if !*self.ended.borrow() {
            // It may be ending at this moment.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits for its end.
    pub async fn ended(&self) {
        // An error means that its thread is gone, and with it the process.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
