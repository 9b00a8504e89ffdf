//! Administration of RabbitMQ for the zone, through its management API: users and what they may do.
//!
//! A user is made before its certificate is handed out and deleted when it is revoked; it has no password, so nothing but
//! the certificate logs it in. Everything can be repeated: what is there already is brought to what is asked for.
//!
//! Asked with `reqwest` and not with `rabbitmq_http_client`: that crate brings one that makes another global allocator of
//! every program it is linked into, and the calls below are few.

mod resolver;
mod users;

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use reqwest::{Client, Method, StatusCode, Url};
use rollcall_model::ZoneId;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use self::resolver::Resolver;
pub use self::users::FEW;
use self::users::Put;
use crate::rights::Rights;
use crate::tls::{CredentialsError, server_only};

/// Most users in one import: a second of the work of a broker at rest, and within [`REQUEST_PATIENCE`] where it is ten times slower.
/// Each import costs it something for every connection besides.
const BATCH: usize = 200;
/// Requests under way at once. The broker works on one with all its cores already.
const AT_ONCE: usize = 2;
/// Users at once who are made by calls of their own, each over a connection that is kept.
const ONE_BY_ONE_AT_ONCE: usize = 4;
/// Most messages that wait in a queue of a user's program.
const USER_QUEUE_MESSAGES: u32 = 20_000;
/// Most bytes of them.
const USER_QUEUE_BYTES: u32 = 16 * 1024 * 1024;
/// How long a message waits there, and a queue that nobody uses stays, milliseconds: a day.
const USER_QUEUE_MS: u32 = 86_400_000;
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
         (broker_admin)"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// What happened.
        why: String,
    },
    /// The user name or password is wrong, or the user is no administrator.
    #[error("the broker refuses {user:?} as its administrator: {why} (broker_admin)")]
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
    client: Client,
    resolver: Resolver,
    base: Url,
    settings: Arc<AdminSettings>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Admin").field(&self.settings).finish()
    }
}

/// Of a user or a connection, what is needed here.
#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Admin {
    /// An administrator; nothing is asked of the broker yet.
    ///
    /// # Errors
    /// When URL or roots cannot be used.
    pub fn new(settings: AdminSettings) -> Result<Self, AdminError> {
        let bad_url = || AdminError::BadUrl { url: settings.url.clone() };
        let base = Url::parse(&settings.url).map_err(|_| bad_url())?;
        // Plain HTTP would show the password to everybody on the way.
        if base.scheme() != "https" || base.path() != "/" {
            return Err(bad_url());
        }
        let resolver = Resolver::default();
        let client = Client::builder()
            .dns_resolver(resolver.clone())
            .tls_backend_preconfigured(server_only(&settings.roots)?)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(REQUEST_PATIENCE)
            .build()
            .map_err(|_| bad_url())?;
        Ok(Self { client, resolver, base, settings: Arc::new(settings) })
    }

    /// Makes the virtual host, if it is not there, and bounds the queues of users' programs in it.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn ensure_vhost(&self) -> Result<(), AdminError> {
        let AdminSettings { vhost, user, .. } = &*self.settings;
        self.ask(Method::PUT, &["vhosts", vhost], Some(json!({}))).await?;
        // The administrator's own word in it, without which the API tells it nothing.
        let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        self.ask(Method::PUT, &["permissions", vhost, user], Some(everything)).await?;
        // Users' programs make queues of their own; nobody is to fill the broker by not reading one.
        let bounds = json!({
            "max-length": USER_QUEUE_MESSAGES,
            "max-length-bytes": USER_QUEUE_BYTES,
            "message-ttl": USER_QUEUE_MS,
            "expires": USER_QUEUE_MS,
        });
        let policy = json!({ "pattern": r"^user\.", "apply-to": "queues", "definition": bounds, "priority": 100 });
        self.ask(Method::PUT, &["operator-policies", vhost, "rollcall-users"], Some(policy)).await.map(drop)
    }

    /// Makes users and gives them these rights, or brings those who are there to them: up to [`FEW`] by calls of their own, more by
    /// imports.
    ///
    /// # Errors
    /// [`AdminError`]; some may have been made.
    pub async fn admit(&self, users: &[(String, Rights)]) -> Result<(), AdminError> {
        let vhost = &self.settings.vhost;
        // Made before they are sent, for a future that borrows them as they come cannot be spawned.
        if users.len() <= FEW {
            let users: Vec<Vec<Put>> = users.iter().map(|user| users::puts(vhost, user)).collect();
            let admitted = futures::stream::iter(users).map(|puts| self.put_all(puts));
            return admitted.buffer_unordered(ONE_BY_ONE_AT_ONCE).try_collect::<()>().await;
        }
        let batches: Vec<Value> = users.chunks(BATCH).map(|batch| users::definitions(vhost, batch)).collect();
        let imports = futures::stream::iter(batches).map(|batch| self.import(batch));
        imports.buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<(), AdminError> {
        for Put { path, body } in puts {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            self.ask(Method::PUT, &path, Some(body)).await?;
        }
        Ok(())
    }

    async fn import(&self, definitions: Value) -> Result<(), AdminError> {
        self.ask(Method::POST, &["definitions"], Some(definitions)).await.map(drop)
    }

    /// Deletes a user, which closes its connections, and sees that they are closed. One that is not there is dismissed.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn dismiss(&self, user: &str) -> Result<(), AdminError> {
        self.remove(&["users", user]).await?;
        if self.gone(user).await?.is_empty() {
            return Ok(());
        }
        for connection in self.connections_of(user).await? {
            self.remove(&["connections", &connection]).await?;
        }
        match self.gone(user).await?.len() {
            0 => Ok(()),
            connections => Err(AdminError::StillConnected { user: user.into(), connections }),
        }
    }

    /// Ends a user's connections, and leaves the user. What was exclusively theirs, and what they had not acknowledged, is free
    /// at once, even where nobody is left to answer the broker.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn cut_off(&self, user: &str) -> Result<(), AdminError> {
        for connection in self.connections_of(user).await? {
            self.remove(&["connections", &connection]).await?;
        }
        Ok(())
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
        match self.ask(Method::GET, &["connections", "username", user], None).await? {
            Some(body) => self.names(&body),
            None => Ok(Vec::new()),
        }
    }

    /// The users of a zone, to compare with those who should be.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn users_of(&self, zone: ZoneId) -> Result<Vec<String>, AdminError> {
        let body = self.ask(Method::GET, &["users"], None).await?.ok_or_else(|| self.not_there())?;
        let zone = zone.short();
        let is_in = |name: &String| {
            let told = name.split_once('@').map(|(_, told)| told.split_once('.').map_or(told, |(told, _)| told));
            told == Some(zone.as_str())
        };
        Ok(self.names(&body)?.into_iter().filter(is_in).collect())
    }

    fn names(&self, body: &[u8]) -> Result<Vec<String>, AdminError> {
        // Whatever else answers in JSON's place is no management API.
        let named: Vec<Named> = serde_json::from_slice(body).map_err(|_| self.not_there())?;
        Ok(named.into_iter().map(|one| one.name).collect())
    }

    fn not_there(&self) -> AdminError {
        AdminError::NotThere { url: self.settings.url.clone() }
    }

    /// Deletes; what is not there is deleted.
    async fn remove(&self, path: &[&str]) -> Result<(), AdminError> {
        self.ask(Method::DELETE, path, None).await.map(drop)
    }

    /// Asks once; the answer's body, or `None` if there is no such thing (or the broker deleted it meanwhile).
    async fn ask(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<Option<Vec<u8>>, AdminError> {
        let AdminSettings { url, user, password, .. } = &*self.settings;
        let mut at = self.base.clone();
        // It fails for URLs that have no path at all, which `new` refuses.
        at.path_segments_mut().map_err(|()| AdminError::BadUrl { url: url.clone() })?.pop().push("api").extend(path);
        let mut request = self.client.request(method, at).basic_auth(user, Some(password));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let unreachable = |error: reqwest::Error| {
            self.resolver.failed();
            AdminError::Unreachable { url: url.clone(), why: whole(&error) }
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(Some(body.into()));
        }
        let why = format!("{status} {}", reason(&body)).trim_end().to_owned();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(AdminError::Refused { user: user.clone(), why }),
            // Another server's 404 must not look like a user who has no connections any more.
            StatusCode::NOT_FOUND if is_no_such_object(&body) => Ok(None),
            StatusCode::NOT_FOUND => Err(self.not_there()),
            _ => Err(AdminError::Answer { why }),
        }
    }
}

fn is_no_such_object(body: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    answer["error"] == "Object Not Found"
}

/// The broker's own words, if it has any; never a whole page of somebody else's.
fn reason(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    answer["reason"].as_str().or(answer["error"].as_str()).unwrap_or_default().to_owned()
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
