//! Administration of RabbitMQ for the zone, through its management API: users and what they may do.
//!
//! A user is made before its certificate is handed out and deleted when it is revoked; it has no password, so nothing but
//! the certificate logs it in. Everything can be repeated: what is there already is brought to what is asked for.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use rabbitmq_http_client::api::Client;
use rabbitmq_http_client::error::HttpClientError;
use rabbitmq_http_client::requests::VirtualHostParams;
use rollcall_model::ZoneId;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::rights::Rights;
use crate::tls::{CredentialsError, server_only};

/// Most users in one request: about half a second of the broker's work.
const BATCH: usize = 100;
/// Requests under way at once. The broker works on one with all its cores already.
const AT_ONCE: usize = 2;
/// A user's connections at once: its own, the former one that the broker has not yet given up, the one that reports a clash
/// of identifiers, and one for another process with the same certificate, so that the clash shows instead of a refusal.
const MAX_CONNECTIONS: u32 = 4;
/// Channels of all its connections together: a dozen are used by a group controller.
const MAX_CHANNELS: u32 = 128;
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const REQUEST_PATIENCE: Duration = Duration::from_secs(30);
/// How long the broker may take to close a deleted user's connections by itself, and then when told to.
const CLOSING: Duration = Duration::from_secs(2);
const CLOSING_PAUSE: Duration = Duration::from_millis(50);

/// How RabbitMQ is administered.
#[derive(Clone)]
pub struct AdminSettings {
    /// Where its management API is: `https://host:port`, without `/api`.
    pub url: String,
    /// The zone's virtual host.
    pub vhost: String,
    /// A user with the tag `administrator`.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The roots that the API's certificate must lead to; PEM.
    pub roots: String,
}

impl std::fmt::Debug for AdminSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url, vhost, user, .. } = self;
        f.debug_struct("AdminSettings")
            .field("url", url)
            .field("vhost", vhost)
            .field("user", user)
            .finish_non_exhaustive()
    }
}

/// Why something was not administered. Part of it may have been done: repeat it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The URL is none.
    #[error("the management API's URL {url:?} cannot be used: it has to look like https://host:15671")]
    BadUrl {
        /// The URL.
        url: String,
    },
    /// The roots cannot be read.
    #[error(transparent)]
    BadRoots(#[from] CredentialsError),
    /// Nobody answers, or somebody whose certificate is not of our site.
    #[error(
        "the broker's management API at {url} cannot be reached: {why}; it needs the plugin rabbitmq_management \
         (broker.admin)"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// What happened.
        why: String,
    },
    /// The user name or password is wrong, or the user is no administrator.
    #[error("the broker refuses {user:?} as its administrator: {why} (broker.admin)")]
    Refused {
        /// The administrator.
        user: String,
        /// The broker's words.
        why: String,
    },
    /// Something else answers.
    #[error("there is no management API of RabbitMQ at {url}")]
    NotThere {
        /// Where.
        url: String,
    },
    /// The broker answers otherwise than it should.
    #[error("the broker's management API says: {why}")]
    Answer {
        /// Its words.
        why: String,
    },
    /// A dismissed user still has connections.
    #[error("user {user:?} is deleted, but {connections} of its connections are still open")]
    StillConnected {
        /// The user.
        user: String,
        /// How many.
        connections: usize,
    },
}

/// The administrator of one virtual host. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    client: Arc<Client<String, String, String>>,
    settings: Arc<AdminSettings>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Admin").field(&self.settings).finish()
    }
}

impl Admin {
    /// An administrator; nothing is asked of the broker yet.
    ///
    /// # Errors
    /// When URL or roots cannot be used.
    pub fn new(settings: AdminSettings) -> Result<Self, AdminError> {
        let bad_url = || AdminError::BadUrl { url: settings.url.clone() };
        // The library takes plain HTTP as well, which would show the password to everybody on the way.
        if !settings.url.starts_with("https://") {
            return Err(bad_url());
        }
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(server_only(&settings.roots)?)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(REQUEST_PATIENCE)
            .build()
            .map_err(|_| bad_url())?;
        let endpoint = format!("{}/api", settings.url.trim_end_matches('/'));
        let (user, password) = (settings.user.clone(), settings.password.clone());
        // It does not repeat by itself: whoever asks knows whether that is still wanted.
        let client = Arc::new(Client::from_http_client(http, endpoint, user, password));
        Ok(Self { client, settings: Arc::new(settings) })
    }

    /// Makes the virtual host, if it is not there.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn ensure_vhost(&self) -> Result<(), AdminError> {
        let made = self.client.create_vhost(&VirtualHostParams::named(&self.settings.vhost)).await;
        made.map_err(|error| self.error(&error))?;
        // The administrator's own word in it, without which the API tells it nothing.
        let granted = self.client.grant_full_permissions(&self.settings.user, &self.settings.vhost).await;
        granted.map_err(|error| self.error(&error))
    }

    /// Makes users and gives them these rights, or brings those who are there to them.
    ///
    /// # Errors
    /// [`AdminError`]; some may have been made.
    pub async fn admit(&self, users: &[(String, Rights)]) -> Result<(), AdminError> {
        // An import of definitions: one request for a hundred users, where the API's other calls take eight for one.
        let batches: Vec<Value> = users.chunks(BATCH).map(|batch| definitions(&self.settings.vhost, batch)).collect();
        let imports = futures::stream::iter(batches).map(|batch| self.import(batch));
        imports.buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn import(&self, definitions: Value) -> Result<(), AdminError> {
        self.client.import_definitions(definitions).await.map_err(|error| self.error(&error))
    }

    /// Deletes a user, which closes its connections, and sees that they are closed. One that is not there is dismissed.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn dismiss(&self, user: &str) -> Result<(), AdminError> {
        self.client.delete_user(user, true).await.map_err(|error| self.error(&error))?;
        if self.gone(user).await?.is_empty() {
            return Ok(());
        }
        for connection in self.connections_of(user).await? {
            let closed = self.client.close_connection(&connection, Some("dismissed"), true).await;
            closed.map_err(|error| self.error(&error))?;
        }
        match self.gone(user).await?.len() {
            0 => Ok(()),
            connections => Err(AdminError::StillConnected { user: user.into(), connections }),
        }
    }

    /// Waits until a user has no connections; returns those that stay.
    async fn gone(&self, user: &str) -> Result<Vec<String>, AdminError> {
        let until = Instant::now() + CLOSING;
        loop {
            let connections = self.connections_of(user).await?;
            if connections.is_empty() || Instant::now() >= until {
                return Ok(connections);
            }
            sleep(CLOSING_PAUSE).await;
        }
    }

    /// The names of a user's connections, whether or not the user still exists.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn connections_of(&self, user: &str) -> Result<Vec<String>, AdminError> {
        match self.client.list_user_connections(user).await {
            Ok(connections) => Ok(connections.into_iter().map(|connection| connection.name).collect()),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// The users of a zone, to compare with those who should be.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn users_of(&self, zone: ZoneId) -> Result<Vec<String>, AdminError> {
        let users = self.client.list_users().await.map_err(|error| self.error(&error))?;
        let zone = format!("@{}", zone.short());
        Ok(users.into_iter().map(|user| user.name).filter(|name| name.ends_with(&zone)).collect())
    }

    fn error(&self, error: &HttpClientError) -> AdminError {
        let AdminSettings { url, user, .. } = &*self.settings;
        let (url, user) = (url.clone(), user.clone());
        match error {
            HttpClientError::RequestError { error, .. } => AdminError::Unreachable { url, why: whole(error) },
            HttpClientError::NotFound => AdminError::NotThere { url },
            HttpClientError::ClientErrorResponse { status_code, error_details, body, .. }
            | HttpClientError::ServerErrorResponse { status_code, error_details, body, .. } => {
                let said = error_details.as_ref().and_then(|details| details.reason());
                let said = said.or(body.as_deref()).unwrap_or_default();
                let why = format!("{status_code} {said}").trim_end().to_owned();
                match status_code.as_u16() {
                    401 | 403 => AdminError::Refused { user, why },
                    404 => AdminError::NotThere { url },
                    _ => AdminError::Answer { why },
                }
            }
            other => AdminError::Answer { why: other.to_string() },
        }
    }
}

/// With what it was caused by: the outermost words of an HTTP error say little.
fn whole(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

/// Users with their rights, as RabbitMQ's definitions have it. An empty hash is a password nobody has.
fn definitions(vhost: &str, users: &[(String, Rights)]) -> Value {
    let limits = json!({ "max-connections": MAX_CONNECTIONS, "max-channels": MAX_CHANNELS });
    let hashing = "rabbit_password_hashing_sha256";
    let user = |(name, _): &(String, Rights)| json!({ "name": name, "password_hash": "", "hashing_algorithm": hashing, "tags": "", "limits": limits });
    let permission = |(user, rights): &(String, Rights)| {
        let Rights { configure, write, read, .. } = rights;
        json!({ "user": user, "vhost": vhost, "configure": configure, "write": write, "read": read })
    };
    let topic = |(user, rights): &(String, Rights)| {
        let right = |topic: &crate::TopicRight| {
            let crate::TopicRight { exchange, write, read } = topic;
            json!({ "user": user, "vhost": vhost, "exchange": exchange, "write": write, "read": read })
        };
        rights.topics.iter().map(right).collect::<Vec<_>>()
    };
    json!({
        "users": users.iter().map(user).collect::<Vec<_>>(),
        "permissions": users.iter().map(permission).collect::<Vec<_>>(),
        "topic_permissions": users.iter().flat_map(topic).collect::<Vec<_>>(),
    })
}
