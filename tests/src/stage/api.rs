//! Asking the zone over its REST API, as an operator would.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rollcall_identity::tls::{self, Certified};
use rollcall_identity::{Key, TrustBundle};
use serde_json::{Value, json};

use super::{PATIENCE, until};

/// The REST API of a zone, asked by its first administrator.
#[derive(Clone, Debug)]
pub struct Api {
    address: SocketAddr,
    identity: PathBuf,
    client: OnceLock<reqwest::Client>,
}

/// What must survive every restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// The zone's id and name.
    pub zone: Vec<Vec<Value>>,
    /// Every group: id, name, kind, place, capability.
    pub groups: Vec<Vec<Value>>,
    /// Every node: id, name, physical and logical group.
    pub nodes: Vec<Vec<Value>>,
    /// Every row of the history of assignments: node, kind, group, since, until.
    pub assignments: Vec<Vec<Value>>,
    /// How often each node's hardware was written.
    pub hardware: Vec<Vec<Value>>,
}

impl Api {
    /// An API on a port of 127.0.0.1; the directory of who asks may come to be later.
    #[must_use]
    pub fn on(port: u16, identity: PathBuf) -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), identity)
    }

    /// An API at an address; the directory of who asks may come to be later.
    #[must_use]
    pub fn at(address: SocketAddr, identity: PathBuf) -> Self {
        Self { address, identity, client: OnceLock::new() }
    }

    /// Who asks: key, certificate, trust bundle.
    #[must_use]
    pub fn identity(&self) -> &Path {
        &self.identity
    }

    /// The client, once there is somebody who asks.
    fn client(&self) -> Result<&reqwest::Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let text = |error: &dyn std::error::Error| format!("{}: {error}", self.identity.display());
        let bundle = TrustBundle::load(&self.identity.join("site.pem")).map_err(|error| text(&error))?;
        let chain = std::fs::read_to_string(self.identity.join("cert.pem")).map_err(|error| text(&error))?;
        let key = Key::load(&self.identity.join("key.pem")).map_err(|error| text(&error))?;
        let shown = Certified::new(&chain, &key).map_err(|error| text(&error))?;
        let config = tls::client(&bundle, Some(shown)).map_err(|error| text(&error))?;
        let built = reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy();
        let client = built.timeout(Duration::from_secs(10)).build().map_err(|error| text(&error))?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `GET`; the status code and the body.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        let url = format!("https://{}{path}", self.address);
        let answer = self.client()?.get(url).send().await.map_err(|error| error.to_string())?;
        Ok((answer.status().as_u16(), answer.text().await.map_err(|error| error.to_string())?))
    }

    /// `GET /v1/status`.
    ///
    /// # Errors
    /// When there is no good answer.
    pub async fn status(&self) -> Result<Value, String> {
        let (code, body) = self.get("/v1/status").await?;
        if code == 200 { serde_json::from_str(&body).map_err(|error| error.to_string()) } else { Err(body) }
    }

    /// `POST /v1/sql`; the rows.
    ///
    /// # Errors
    /// When there is no good answer.
    pub async fn sql(&self, query: &str) -> Result<Vec<Vec<Value>>, String> {
        let url = format!("https://{}/v1/sql", self.address);
        let asked = self.client()?.post(url).json(&json!({ "query": query })).send();
        let answer = asked.await.map_err(|error| error.to_string())?;
        let good = answer.status().is_success();
        let body = answer.text().await.map_err(|error| error.to_string())?;
        if !good {
            return Err(body);
        }
        let table: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
        serde_json::from_value(table["rows"].clone()).map_err(|error| error.to_string())
    }

    /// Sends a request with a JSON body; the status code and the JSON answer.
    ///
    /// # Panics
    /// When nobody answers, or not in JSON.
    pub async fn command(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.send(method, path, body.to_string(), "application/json").await
    }

    /// The same of a zone that may not answer.
    ///
    /// # Errors
    /// When nobody answers, or not in JSON.
    pub async fn try_command(&self, method: &str, path: &str, body: Value) -> Result<(u16, Value), String> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
        let request = self.client()?.request(method, format!("https://{}{path}", self.address)).json(&body);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let code = answer.status().as_u16();
        Ok((code, answer.json().await.map_err(|error| error.to_string())?))
    }

    /// Sets a policy; the status code and the JSON answer.
    ///
    /// # Panics
    /// When nobody answers, or not in JSON.
    pub async fn set_policy(&self, document: &str) -> (u16, Value) {
        self.send("PUT", "/v1/policy?comment=test", document.to_owned(), "application/toml").await
    }

    async fn send(&self, method: &str, path: &str, body: String, kind: &str) -> (u16, Value) {
        let url = format!("https://{}{path}", self.address);
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request =
            self.client().expect("somebody who asks").request(method, url).header("content-type", kind).body(body);
        let answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let code = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path} answers {code} {text:?}"));
        (code, value)
    }

    /// The one number a query gives.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn number(&self, query: &str) -> Result<i64, String> {
        let rows = self.sql(query).await?;
        rows.first().and_then(|row| row.first()?.as_i64()).ok_or_else(|| format!("{query} gives no number"))
    }

    /// The rows of a query that must be answered.
    ///
    /// # Panics
    /// When it is not.
    pub async fn rows(&self, query: &str) -> Vec<Vec<Value>> {
        self.sql(query).await.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Waits until something was ignored for this reason, e.g. `ack.stranger`; how often.
    pub async fn ignored(&self, reason: &str) -> u64 {
        until(format!("the zone to count {reason}"), PATIENCE, async || {
            self.status().await.ok()?["ignored"][reason].as_u64()
        })
        .await
    }

    /// What must survive every restart.
    ///
    /// # Panics
    /// When the zone does not answer.
    pub async fn dump(&self) -> Dump {
        Dump {
            zone: self.rows("SELECT zone_id, name FROM v_zones").await,
            groups: self.rows("SELECT group_id, name, kind, place, capability FROM v_groups ORDER BY group_id").await,
            nodes: self
                .rows("SELECT node_id, name, physical_group_id, logical_group_id FROM v_nodes ORDER BY node_id")
                .await,
            assignments: self
                .rows("SELECT node_id, kind, group_id, since, until FROM v_assignments ORDER BY assignment_id")
                .await,
            hardware: self.rows("SELECT node_id, COUNT(*) FROM v_hardware GROUP BY node_id ORDER BY node_id").await,
        }
    }

    /// Every node's epoch, by name.
    ///
    /// # Panics
    /// When the zone does not answer.
    pub async fn epochs(&self) -> BTreeMap<String, i64> {
        let rows = self.rows("SELECT name, epoch FROM v_nodes").await;
        let pair = |row: Vec<Value>| Some((row.first()?.as_str()?.to_owned(), row.get(1)?.as_i64()?));
        rows.into_iter().filter_map(pair).collect()
    }

    /// How far the history of states goes.
    ///
    /// # Panics
    /// When the zone does not answer.
    pub async fn latest_change(&self) -> i64 {
        self.number("SELECT COALESCE(MAX(history_id), 0) FROM v_health_history").await.expect("a number")
    }

    /// Checks that nobody but the node of this name was said to be down, suspect or unknown after that point.
    ///
    /// # Panics
    /// When somebody was, or the zone does not answer.
    pub async fn nobody_blamed_since(&self, change: i64, but: &str) {
        let mut blamed = self.blamed_since(change).await;
        blamed.retain(|row| row[0] != but);
        assert!(blamed.is_empty(), "blamed for nothing: {blamed:?}");
    }

    /// Who was said to be down, suspect or unknown after that point of the history: node, state, cause, and when.
    ///
    /// # Panics
    /// When the zone does not answer.
    pub async fn blamed_since(&self, change: i64) -> Vec<Vec<Value>> {
        self.rows(&format!(
            "SELECT node, state, cause, at FROM v_health_history WHERE history_id > {change} \
             AND state IN ('down', 'suspect', 'unknown') ORDER BY history_id"
        ))
        .await
    }
}
