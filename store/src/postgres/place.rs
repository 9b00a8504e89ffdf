//! Where a server and its database are, from the URL.

use std::net::IpAddr;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::{LONGEST_SELECT, OpenError};

/// What may stand behind the `?` of a URL.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
];

/// How a connection behaves that this program makes: it ends by itself when the other side is gone, and no statement
/// waits without end. The joins of a view and of the question around it are planned together, however many they are.
const WRITING: [(&str, &str); 11] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "3"),
    ("tcp_keepalives_count", "3"),
    ("client_min_messages", "warning"),
    ("jit", "off"),
    ("join_collapse_limit", "24"),
    ("from_collapse_limit", "24"),
    ("geqo", "off"),
];

/// The same for those that only read: a question nobody waits for any more is not finished.
const READING: [(&str, &str); 2] =
    [("default_transaction_read_only", "on"), ("client_connection_check_interval", "1s")];

/// Where a database is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    options: PgConnectOptions,
    /// For people: without the password.
    shown: String,
}

impl Place {
    /// Reads a database URL: `postgres://user:password@host:port/database?sslmode=…`.
    ///
    /// Where a server is reached over a network and the URL does not say how, its certificate must prove its name.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let shown = presentable(url);
        let refuse = |problem: String| OpenError::Url { url: shown.clone(), problem };
        let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let name = parameter.split('=').next().unwrap_or_default();
            if !PARAMETERS.contains(&name) && !name.starts_with("options[") {
                return Err(refuse(format!(
                    "the parameter {name:?} is not known; known are {}",
                    PARAMETERS.join(", ")
                )));
            }
        }
        let parsed = PgConnectOptions::from_str(url).map_err(|error| refuse(plain(&error)))?;
        if parsed.get_database().is_none_or(str::is_empty) {
            return Err(refuse("it names no database after the server".into()));
        }
        let says_how = parameters.contains("sslmode=") || std::env::var_os("PGSSLMODE").is_some();
        let parsed = if says_how || is_this_machine(&parsed) { parsed } else { parsed.ssl_mode(PgSslMode::VerifyFull) };
        let options = parsed.application_name("rollcall zone-controller").options(WRITING).disable_statement_logging();
        Ok(Self { options, shown })
    }

    /// For people.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether the server stands elsewhere, so that its certificate must prove its name unless somebody says otherwise.
    pub(super) fn must_prove_its_name(&self) -> bool {
        !is_this_machine(&self.options)
    }

    pub(super) fn database(&self) -> &str {
        self.options.get_database().unwrap_or_default()
    }

    pub(super) fn user(&self) -> &str {
        self.options.get_username()
    }

    /// How the writer connects.
    pub(super) fn writing(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// How those connect who answer the program's own statements, each of which the server stops after a while. Each is
    /// done before helpers of the server would have been started for it.
    pub(super) fn selecting(&self) -> PgConnectOptions {
        let longest = format!("{}ms", LONGEST_SELECT.as_millis());
        self.reading(None).options([("statement_timeout", longest), ("max_parallel_workers_per_gather", "0".into())])
    }

    /// How readers connect, as a role of less rights where there is one.
    pub(super) fn reading(&self, role: Option<&str>) -> PgConnectOptions {
        let options = self.options.clone().application_name("rollcall reader").options(READING);
        match role {
            Some(role) => options.options([("role", role)]),
            None => options,
        }
    }
}

/// Over a socket of this machine, or its loopback.
fn is_this_machine(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_loopback = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    options.get_socket().is_some() || host.starts_with('/') || host == "localhost" || is_loopback
}

/// The error's own words, without "error with configuration:".
fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(source) => source.to_string(),
        other => other.to_string(),
    }
}

/// The URL without its password, wherever that stands.
fn presentable(url: &str) -> String {
    let (base, parameters) = url.split_once('?').map_or((url, None), |(base, parameters)| (base, Some(parameters)));
    let base = match (base.find("://"), base.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            let who = base[scheme + 3..at].split(':').next().unwrap_or_default();
            format!("{}{who}{}", &base[..scheme + 3], &base[at..])
        }
        _ => base.to_owned(),
    };
    let parameters = parameters.into_iter().flat_map(|it| it.split('&'));
    let kept: Vec<&str> = parameters.filter(|parameter| !parameter.starts_with("password=")).collect();
    if kept.is_empty() { base } else { format!("{base}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_url_is_refused_without_its_password() {
        for (url, says) in [
            ("postgres://ada:secret@h:5432/rollcall?sslmod=disable", "the parameter \"sslmod\" is not known"),
            ("postgres://ada:secret@h:5432/", "it names no database"),
            ("postgres://ada:secret@h:notaport/rollcall", "port"),
            ("postgres://ada@h/rollcall?sslmode=perhaps&password=secret", "perhaps"),
        ] {
            let text = Place::parse(url).unwrap_err().to_string();
            assert!(text.contains(says), "{url}: {text}");
            assert!(!text.contains("secret"), "{text}");
            assert!(text.contains("postgres://ada@h"), "{text}");
        }
    }

    #[test]
    fn a_server_elsewhere_must_prove_its_name_unless_somebody_says_otherwise() {
        let mode = |url: &str| Place::parse(url).unwrap().options.get_ssl_mode();
        assert!(matches!(mode("postgres://u@db.example.org/rollcall"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://u@10.0.0.7/rollcall?sslmode=disable"), PgSslMode::Disable));
        for here in ["127.0.0.1", "localhost", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert!(!matches!(mode(&format!("postgres://u@{here}/rollcall")), PgSslMode::VerifyFull), "{here}");
        }
    }
}
