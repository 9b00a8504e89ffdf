//! The programs under test, built once per test process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// When this variable is set, the programs are taken as they lie there, without asking cargo whether they are new.
const BUILT: &str = "ROLLCALL_E2E_BUILT";

/// Path of a program of the workspace, e.g. `rollcall-checkin`; up to date.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = target_directory();
        if std::env::var_os(BUILT).is_none() {
            build(&directory);
        }
        directory
    });
    let path = directory.join(name);
    assert!(path.exists(), "{} was not built", path.display());
    path
}

/// Path of the same program of the previous version, as `scripts/previous` built it.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn previous(name: &str) -> PathBuf {
    let target = target_directory();
    let path = target.with_file_name("previous").join("bin").join(name);
    assert!(path.exists(), "{} is missing: `make upgrades` builds it", path.display());
    path
}

/// `target/debug`, where `target/debug/deps/e2e-…` is this program.
fn target_directory() -> PathBuf {
    let me = std::env::current_exe().expect("the path of this program");
    let directory = me.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
    directory.to_owned()
}

/// The whole workspace, as `make test` builds it: fewer packages would mean other features, and a second build.
fn build(directory: &Path) {
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bins", "--profile", profile])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the programs under test do not build");
}
