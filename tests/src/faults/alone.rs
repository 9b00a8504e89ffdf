//! A network and mounts of its own for the whole bench: addresses, devices and disks collide with nobody's, and are gone
//! with the process.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::host::run;

/// Set in the environment of the process that is alone.
const ALONE: &str = "ROLLCALL_FAULTS_ALONE";

/// Starts this program again in a network namespace of its own, with mounts that nobody else sees, unless it is in one already.
/// Wants root.
///
/// # Panics
/// When that cannot be done.
pub fn be_alone() {
    if std::env::var_os(ALONE).is_some() {
        run("ip link set lo up");
        return;
    }
    let me = std::env::current_exe().expect("the path of this program");
    let mut again = Command::new("unshare");
    again.args(["--net", "--mount", "--"]).arg(me).args(std::env::args_os().skip(1)).env(ALONE, "1");
    // It only comes back with an error.
    panic!("this program cannot be started in a network of its own, which wants root: {}", again.exec());
}
