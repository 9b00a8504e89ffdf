//! `rollcall` against a whole zone with an identity: who one is, tokens, users, and the log, by certificate and by token.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use rollcall_bus::{Connector, LocalBroker};
use rollcall_discovery::Discovery;
use rollcall_identity::Site;
use rollcall_model::Name;
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_startup::{Clock, Pulse, Shutdown};
use rollcall_store::Store;
use rollcall_zone_controller::config::Config;
use rollcall_zone_controller::{Parts, run};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::oneshot;

struct Zone {
    api: SocketAddr,
    directory: tempfile::TempDir,
    shutdown: Shutdown,
}

impl Drop for Zone {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

impl Zone {
    async fn up() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let zone = directory.path().join("zone");
        let (name, now) = (Name::new("hall-1").unwrap(), Clock::start().now().wall);
        let site = Site::create(&directory.path().join("site"), &name, now).unwrap();
        site.make_zone(&name, &zone, now).unwrap();
        let secret = directory.path().join("secret");
        std::fs::write(&secret, "0123456789abcdef0123456789abcdef").unwrap();
        let text = format!(
            "name = \"hall-1\"\nsecret_file = {secret:?}\nmachine_identifier = \"a machine of a test\"\ndatabase = \"\"\n\
             [identity]\ndirectory = {zone:?}\n[api]\nlisten = \"127.0.0.1:0\"\n[admission]\ngroups = [\"rack-*\"]\n"
        );
        let config: Config = toml::from_str(&text).unwrap();
        let parts = Parts {
            connector: Connector::Local(LocalBroker::new()),
            endpoint: BrokerEndpoint { host: "here".into(), port: 5671, vhost: "test".into() },
            store: Store::open("sqlite::memory:").await.unwrap(),
            discovery: Discovery::off(),
            pulse: Pulse::default(),
        };
        let (shutdown, (running, up)) = (Shutdown::new(), oneshot::channel());
        tokio::spawn(run(config, parts, shutdown.clone(), running));
        let api = up.await.unwrap().api;
        let zone = Self { api, directory, shutdown };
        while !zone.administrator().join("cert.pem").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        zone
    }

    fn administrator(&self) -> PathBuf {
        self.directory.path().join("zone/administrator")
    }

    fn site(&self) -> PathBuf {
        self.directory.path().join("site/site.pem")
    }

    async fn rollcall(&self, environment: &[(&str, &Path)], arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(arguments).env("ROLLCALL_API", self.api.to_string()).stdin(Stdio::null()).kill_on_drop(true);
        for (name, value) in environment {
            command.env(name, value);
        }
        let Output { status, stdout, stderr } = command.output().await.unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    async fn as_administrator(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.rollcall(&[("ROLLCALL_IDENTITY", &self.administrator())], arguments).await
    }
}

#[tokio::test]
async fn the_administrator_of_the_machine_makes_users_who_are_known_by_certificate_and_by_token() {
    let zone = Zone::up().await;
    let (code, out, error) = zone.as_administrator(&["whoami"]).await;
    assert_eq!(
        (code, out.as_str(), error.as_str()),
        (Some(0), "user.administrator, administrator, in zone hall-1, by certificate, from 127.0.0.1\n", "")
    );
    let directory = zone.directory.path().join("ada");
    let add = ["user", "add", "ada", "--role", "operator", "--certificate", directory.to_str().unwrap()];
    let (code, out, error) = zone.as_administrator(&add).await;
    assert!(code == Some(0) && out.starts_with("ada is operator: `rollcall --identity "), "{out}{error}");
    let ada = ["--identity", directory.to_str().unwrap()];
    let (code, out, _) = zone.rollcall(&[], &[&ada[..], &["whoami"]].concat()).await;
    assert!(code == Some(0) && out.starts_with("user.ada, operator, "), "{out}");
    let (code, _, error) = zone.rollcall(&[], &[&ada[..], &["user", "list"]].concat()).await;
    assert!(code == Some(1) && error.contains("user.ada is operator; this takes administrator"), "{error}");
    assert_eq!(zone.as_administrator(&add).await.0, Some(2), "no key is overwritten");

    let (code, token, note) = zone.as_administrator(&["user", "add", "graf", "--role", "viewer"]).await;
    assert!(code == Some(0) && token.starts_with("rcu1_") && token.len() == 70, "{token}");
    assert!(note.contains("not shown again") && !note.contains("rcu1_"), "{note}");
    let (token, site) = (PathBuf::from(token.trim()), zone.site());
    let shown = [("ROLLCALL_TOKEN", token.as_path()), ("ROLLCALL_SITE", site.as_path())];
    let (code, out, error) = zone.rollcall(&shown, &["whoami", "--json"]).await;
    let who: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
    assert_eq!((code, &who["role"], &who["means"]), (Some(0), &Value::from("viewer"), &Value::from("token")));
    let (code, _, error) = zone.rollcall(&shown[..1], &["whoami"]).await;
    assert!(code == Some(2) && error.contains("ROLLCALL_SITE"), "a token is shown to its site only: {error}");
    let (code, _, error) = zone.rollcall(&shown[1..], &["status"]).await;
    assert!(code == Some(1) && error.contains("show who you are") && error.contains("hint: --identity"), "{error}");
    let (code, out, _) = zone.as_administrator(&["user", "list"]).await;
    assert!(code == Some(0) && out.contains("ada") && out.contains("graf"), "{out}");
    assert_eq!(zone.as_administrator(&["user", "remove", "graf"]).await.0, Some(0));
    assert_eq!(zone.rollcall(&shown, &["whoami"]).await.0, Some(1));
    let (code, out, _) = zone.rollcall(&[], &[&ada[..], &["status"]].concat()).await;
    assert!(code == Some(0) && out.contains("hall-1"), "{out}");
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked_and_the_log_tells() {
    let zone = Zone::up().await;
    let (code, token, _) = zone.as_administrator(&["token", "create", "--for", "node", "--name", "web-1"]).await;
    assert!(code == Some(0) && token.starts_with("rct1_"), "{token}");
    let (_, out, _) = zone.as_administrator(&["token", "list", "--json"]).await;
    let tokens: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&tokens[0]["name"], &tokens[0]["state"]), (&Value::from("web-1"), &Value::from("open")));
    let id = tokens[0]["token"].as_str().unwrap();
    let (code, out, _) = zone.as_administrator(&["token", "revoke", id]).await;
    assert_eq!((code, out), (Some(0), format!("token {id} lets nobody in any more\n")));
    let (code, _, error) =
        zone.as_administrator(&["token", "create", "--for", "node", "--name", "x", "--ttl", "1h"]).await;
    assert!(code == Some(1), "{error}");
    let (code, out, _) = zone.as_administrator(&["join", "list"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "nobody waits to be let in\n"));
    assert_eq!(zone.as_administrator(&["revoke", "web-9"]).await.0, Some(1));
    let (code, out, _) = zone.as_administrator(&["audit"]).await;
    assert!(code == Some(0) && out.contains("user.administrator from 127.0.0.1  token_created"), "{out}");
    let (code, out, _) = zone.as_administrator(&["audit", "verify"]).await;
    assert!(code == Some(0) && out.contains("none changed or taken out"), "{out}");
    let elsewhere = tempfile::tempdir().unwrap();
    let name = Name::new("other").unwrap();
    let other = Site::create(elsewhere.path(), &name, Clock::start().now().wall).unwrap();
    let foreign = elsewhere.path().join("foreign.pem");
    other.bundle().save(&foreign).unwrap();
    let (code, _, error) = zone.rollcall(&[("ROLLCALL_SITE", &foreign)], &["status"]).await;
    assert!(code == Some(3) && error.contains("UnknownIssuer"), "another site's zone is not asked: {error}");
}
