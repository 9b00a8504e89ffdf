//! The `[identity]` table of every daemon that joins a zone.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// How a daemon proves who it is, and whom it believes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// The site's trust bundle (`site.pem`): whom this daemon believes, and nobody else.
    pub bundle: PathBuf,
    /// Where key and certificate are kept; empty means `identity` in the state directory.
    #[serde(default)]
    pub directory: Option<PathBuf>,
    /// File with a join token, 0600; needed once, and read when it is there.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The zone's API, `host:port`, needed only where mDNS is off.
    #[serde(default)]
    pub api: Option<String>,
}

impl IdentityConfig {
    /// The directory, or the one in this state directory.
    ///
    /// # Errors
    /// When there is neither.
    pub fn directory(&self, state_dir: Option<&Path>) -> Result<PathBuf, String> {
        let in_state = || state_dir.map(|state| state.join("identity"));
        self.directory.clone().or_else(in_state).ok_or_else(|| {
            "identity.directory is empty, and there is no state_dir it could lie in: name a directory of this daemon's own"
                .into()
        })
    }

    /// Refuses a daemon without an identity, one that would show its certificate to nobody, and what cannot work.
    ///
    /// # Errors
    /// A text that names the key, what is wrong and what would do.
    pub fn demand(
        identity: Option<&Self>,
        state_dir: Option<&Path>,
        has_mdns: bool,
        broker_url: &str,
    ) -> Result<(), String> {
        let identity = identity.ok_or(
            "identity.bundle is missing: the site's trust bundle (site.pem, made by `rollcall ca init`) says whom this daemon \
             believes",
        )?;
        identity.validate(state_dir, has_mdns)?;
        if broker_url.trim().starts_with("amqps://") {
            return Ok(());
        }
        Err("broker.url cannot be used: it has to look like amqps://host:port/vhost; a certificate logs in there, and no \
             password"
            .into())
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// A text that names the key, what is wrong and what would do.
    pub fn validate(&self, state_dir: Option<&Path>, has_mdns: bool) -> Result<(), String> {
        self.directory(state_dir)?;
        let is_endpoint = |api: &String| {
            api.rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
        };
        match &self.api {
            Some(api) if !is_endpoint(api) => Err(format!("identity.api is {api:?}; it has to look like host:port")),
            None if !has_mdns => {
                Err("discovery.mdns = false needs identity.api (host:port): the zone is not heard".into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let config = |directory: Option<&str>, api: Option<&str>| IdentityConfig {
            bundle: "/etc/rollcall/site.pem".into(),
            directory: directory.map(Into::into),
            token_file: None,
            api: api.map(Into::into),
        };
        let state = Some(Path::new("/var/lib/rollcall"));
        // (directory, api, state directory, mDNS, part of the message; nothing when it is fine)
        for (directory, api, state, mdns, expected) in [
            (None, None, state, true, ""),
            (Some("/x"), Some("10.1.0.10:7655"), None, false, ""),
            (None, None, None, true, "identity.directory"),
            (None, None, state, false, "identity.api"),
            (None, Some("10.1.0.10"), state, true, "host:port"),
            (None, Some(":7655"), state, true, "host:port"),
            (None, Some("zone:0"), state, true, "host:port"),
        ] {
            match config(directory, api).validate(state, mdns) {
                Ok(()) => assert_eq!(expected, "", "{directory:?} {api:?} was taken"),
                Err(why) => assert!(!expected.is_empty() && why.contains(expected), "{why}"),
            }
        }
    }
}
