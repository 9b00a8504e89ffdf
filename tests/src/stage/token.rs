//! Join tokens for the daemons of a stage, made as an operator makes them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rollcall_identity::files;

use super::{PATIENCE, program};

/// A token that is wanted.
pub struct Wish {
    /// The API of the zone.
    pub api: SocketAddr,
    /// Who asks for it: a directory with key, certificate and trust bundle, made by the zone.
    pub identity: PathBuf,
    /// `node`, `group` or `checkin`.
    pub kind: &'static str,
    /// The name it is for.
    pub name: String,
    /// Where it is to lie.
    pub file: PathBuf,
}

impl Wish {
    /// Asks for the token until the zone, which may still be starting, gives it.
    ///
    /// # Panics
    /// When it gives none in time.
    pub(super) fn fulfil(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut command = Command::new(program("rollcall"));
            command.args(["--api", &format!("https://{}", self.api), "--identity"]).arg(&self.identity);
            command.args(["token", "create", "--for", self.kind, "--name", &self.name]);
            let made = command.output().expect("the command runs");
            if made.status.success() {
                let text = String::from_utf8(made.stdout).expect("a token is text");
                return files::write_secret(&self.file, text.trim()).expect("the token is written");
            }
            let said = String::from_utf8_lossy(&made.stderr);
            assert!(Instant::now() < until, "no token for {}: {said}", self.name);
            // The tests' runtime has other threads; this one has nothing else to do.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
