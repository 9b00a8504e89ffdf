//! What the definitions of the command line are worth besides: completions for shells, and manual pages.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use rollcall_startup::Failure;

use crate::arguments::{CommandLine, Completions, Manual};
use crate::ask::output;

/// Completions, to standard output.
///
/// # Errors
/// Exit code 1 where they cannot be written.
pub fn completions(wanted: Completions) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(wanted.shell, &mut CommandLine::command(), "rollcall", &mut text);
    output::print(&String::from_utf8_lossy(&text)).map(drop)
}

/// Manual pages: the first to standard output, or one for each command into a directory.
///
/// # Errors
/// Exit code 1 where they cannot be written.
pub fn pages(wanted: &Manual) -> Result<(), Failure> {
    let command = CommandLine::command();
    let Some(directory) = &wanted.dir else { return output::print(&page(command)?).map(drop) };
    fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    clap_mangen::generate_to(command, directory).map_err(|error| failed(directory, &error))?;
    output::print(&format!("the pages are in {}\n", directory.display())).map(drop)
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::other(format!("cannot write {}: {error}", path.display()))
}

fn page(command: clap::Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    let man = clap_mangen::Man::new(command).section("1").manual("Rollcall");
    man.render(&mut text).map_err(|error| Failure::other(format!("cannot make a manual page: {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use clap_complete::Shell;

    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let directory = tempfile::tempdir().unwrap();
        pages(&Manual { dir: Some(directory.path().join("man1")) }).unwrap();
        for name in ["rollcall", "rollcall-nodes", "rollcall-policy-set", "rollcall-context-add", "rollcall-top"] {
            assert!(directory.path().join(format!("man1/{name}.1")).is_file(), "{name}");
        }
        let wait = fs::read_to_string(directory.path().join("man1/rollcall-wait.1")).unwrap();
        assert!(wait.contains("Exit code 0 once they do, 4"), "{wait}");
    }

    #[test]
    fn every_shell_is_told_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), "rollcall", &mut text);
            let text = String::from_utf8(text).unwrap();
            for word in ["explain", "certificates", "disk_space", "healthy"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
        }
    }
}
