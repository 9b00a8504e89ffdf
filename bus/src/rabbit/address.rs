//! Where the broker is and who logs in: the URL, never shown with its password.

use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use rollcall_model::wire::txt::BrokerEndpoint;

use crate::{ConnectError, RabbitSettings};

/// A checked URL with the settings applied to it.
#[derive(Clone)]
pub(crate) struct Address {
    pub(super) uri: AMQPUri,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let authority = &self.uri.authority;
        let host = if authority.host.contains(':') { format!("[{}]", authority.host) } else { authority.host.clone() };
        let (port, vhost) = (authority.port, &self.uri.vhost);
        if self.is_tls() {
            return write!(f, "amqps://{host}:{port}/{vhost}");
        }
        write!(f, "amqp://{}@{host}:{port}/{vhost}", authority.userinfo.username)
    }
}

impl Address {
    pub(crate) fn new(settings: &RabbitSettings, endpoint: Option<&BrokerEndpoint>) -> Result<Self, ConnectError> {
        let url = settings.url.trim();
        let shown = hide_password(url);
        let bad = |why: String| ConnectError::BadUrl { url: shown.clone(), why };
        let Some((scheme @ ("amqp" | "amqps"), rest)) = url.split_once("://") else {
            return Err(bad(
                "it has to look like amqp://user:password@host:port/vhost or amqps://host:port/vhost".into()
            ));
        };
        let credentials = rest.rsplit_once('@').map(|(credentials, _)| credentials);
        if scheme == "amqps" && credentials.is_some() {
            return Err(bad("over TLS the certificate logs in: leave user name and password out".into()));
        }
        if credentials.is_some_and(|credentials| credentials.contains(['/', '@'])) {
            return Err(bad("a user name or password with / or @ has to be written with %2F or %40".into()));
        }
        // The parser's messages may repeat the URL, and with it the password.
        let mut uri: AMQPUri = url.parse().map_err(|why: String| bad(why.replace(url, &shown)))?;
        if uri.authority.host.is_empty() {
            return Err(bad("it names no host".into()));
        }
        if let Some(endpoint) = endpoint {
            uri.authority.host.clone_from(&endpoint.host);
            uri.authority.port = endpoint.port;
            uri.vhost.clone_from(&endpoint.vhost);
        }
        if uri.vhost.is_empty() {
            return Err(bad("its virtual host is empty; leave the last slash out for \"/\", or name one".into()));
        }
        uri.query.frame_max = Some(settings.frame_max);
        uri.query.heartbeat = Some(settings.heartbeat_s);
        uri.query.auth_mechanism = (uri.scheme == AMQPScheme::AMQPS).then_some(SASLMechanism::External);
        Ok(Self { uri })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    /// Without the credentials.
    pub(crate) fn endpoint(&self) -> BrokerEndpoint {
        let authority = &self.uri.authority;
        BrokerEndpoint { host: authority.host.clone(), port: authority.port, vhost: self.uri.vhost.clone() }
    }

    pub(super) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }
}

/// The URL as it may be shown and logged.
pub(crate) fn hide_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    // A password may itself hold an @ or a slash that should have been encoded: hide up to the last @.
    let Some((credentials, place)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = credentials.split_once(':').map_or(credentials, |(user, _)| user);
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{user}:***@{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> RabbitSettings {
        RabbitSettings { url: url.into(), ..RabbitSettings::default() }
    }

    #[test]
    fn a_wrong_url_is_explained_without_its_password() {
        for url in [
            "amqp:me:s3cret@host",
            "http://me:s3cret@host",
            "amqps://me:s3cret@host/v",
            "amqp://me:s3cret@host:port/v",
            "amqp://me:s3cret@",
            "amqp://me:s3cr@et/s3cret@host:1:2/v",
            "amqp://me:s3cret@host/",
            "",
        ] {
            let error = Address::new(&settings(url), None).expect_err(url).to_string();
            assert!(!error.contains("s3cr"), "{error}");
        }
    }

    #[test]
    fn over_tls_the_certificate_logs_in() {
        let address = Address::new(&settings("amqps://b.example/zone"), None).expect("good");
        assert_eq!(address.to_string(), "amqps://b.example:5671/zone");
        assert_eq!(address.uri.query.auth_mechanism, Some(SASLMechanism::External));
    }

    #[test]
    fn an_endpoint_takes_the_place_of_the_host_and_the_credentials_stay() {
        let endpoint = BrokerEndpoint { host: "b.example".into(), port: 5673, vhost: "zone".into() };
        let address = Address::new(&settings("amqp://me:s3cret@a.example/x"), Some(&endpoint)).expect("good");
        assert_eq!(address.to_string(), "amqp://me@b.example:5673/zone");
        assert_eq!(address.uri.authority.userinfo.password, "s3cret");
        assert!(!format!("{address:?}").contains("s3cret"));
    }
}
