//! PostgreSQL's own programs for backups, `pg_dump` and `pg_restore`, and what they are told.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;

use percent_encoding::percent_decode_str;
use tokio::process::Command;

use super::place::Place;

/// A server and its database in the words of PostgreSQL's own programs.
#[derive(PartialEq, Eq)]
pub(crate) struct Target {
    /// A URL without a password: others on the machine see the arguments of a program.
    pub url: String,
    /// Handed over in the environment.
    pub password: Option<String>,
}

/// Why one of the programs did not do its work.
#[derive(Debug)]
pub(crate) enum ToolError {
    /// It is not installed.
    Missing,
    /// It could not be started, or its answer not be read.
    Io(io::Error),
    /// It says why.
    Failed(String),
}

impl Target {
    /// What a URL of ours is in their words: what only we understand is left out, and a server elsewhere must prove its
    /// name here, too.
    pub(crate) fn of(url: &str, place: &Place) -> Self {
        let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (base, password) = without_password(base);
        let mut kept = Vec::new();
        let mut password = password;
        for parameter in parameters.split('&').filter(|it| !it.is_empty() && !it.starts_with("options[")) {
            match parameter.strip_prefix("password=") {
                Some(text) => password = Some(decoded(text)),
                None => kept.push(parameter.to_owned()),
            }
        }
        let says_how = kept.iter().any(|it| it.starts_with("sslmode=")) || std::env::var_os("PGSSLMODE").is_some();
        if !says_how && place.must_prove_its_name() {
            kept.push("sslmode=verify-full".into());
            if !kept.iter().any(|it| it.starts_with("sslrootcert=")) {
                kept.push("sslrootcert=system".into());
            }
        }
        let url = if kept.is_empty() { base } else { format!("{base}?{}", kept.join("&")) };
        Self { url, password }
    }
}

/// The part of a URL before its parameters, and the password in it.
fn without_password(base: &str) -> (String, Option<String>) {
    let (Some(scheme), Some(at)) = (base.find("://"), base.rfind('@')) else { return (base.to_owned(), None) };
    let Some((user, password)) = base.get(scheme + 3..at).and_then(|who| who.split_once(':')) else {
        return (base.to_owned(), None);
    };
    (format!("{}{user}{}", &base[..scheme + 3], &base[at..]), Some(decoded(password)))
}

/// `%20` and its like, as what they stand for.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Runs one of the programs; gives what it writes to its standard output.
pub(crate) async fn run(program: &str, arguments: &[&OsStr], target: Option<&Target>) -> Result<String, ToolError> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(target) = target {
        command.arg("--no-password").arg(format!("--dbname={}", target.url));
        if let Some(password) = &target.password {
            command.env("PGPASSWORD", password);
        }
    }
    let output = command.output().await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ToolError::Missing,
        _ => ToolError::Io(error),
    })?;
    if !output.status.success() {
        return Err(ToolError::Failed(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_an_argument_of_a_program() {
        for (url, expected, password) in [
            ("postgres://ada:s%20e@db/z?sslmode=disable", "postgres://ada@db/z?sslmode=disable", Some("s e")),
            ("postgres://ada@db/z?password=s&sslmode=disable", "postgres://ada@db/z?sslmode=disable", Some("s")),
            (
                "postgres://ada@db.example/z?options[search_path]=zone",
                "postgres://ada@db.example/z?sslmode=verify-full&sslrootcert=system",
                None,
            ),
            ("postgres://ada@127.0.0.1/z", "postgres://ada@127.0.0.1/z", None),
        ] {
            let target = Target::of(url, &Place::parse(url).unwrap());
            assert_eq!((target.url.as_str(), target.password.as_deref()), (expected, password), "{url}");
        }
    }
}
