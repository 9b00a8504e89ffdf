//! A zone that answers as it is told, over real TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use rollcall_enrolment::Settings;
use rollcall_identity::tls::{self, Certified, Clients};
use rollcall_identity::{Issue, Key, Names, Site, Token, TokenUse, Validity, ZoneAuthority, make_csr, serial};
use rollcall_model::{JoinId, Name, NodeId, Principal, UnixMillis, ZoneId};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What the zone does with a join.
#[derive(Clone, Copy, PartialEq)]
pub enum Does {
    Grants,
    Holds,
    Refuses(&'static str),
    IsBusy,
    /// Grants for this other node.
    Mistakes,
}

pub struct Fake {
    pub does: Does,
    /// How long certificates live, milliseconds.
    pub life: u64,
    /// What was asked: path and body.
    pub seen: Vec<(String, Value)>,
}

pub struct Zone {
    pub root: tempfile::TempDir,
    authority: ZoneAuthority,
    pub fake: Mutex<Fake>,
}

pub fn now() -> UnixMillis {
    UnixMillis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64)
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn node() -> Principal {
    Principal::Node(NodeId::derived_from("n"))
}

fn zone_id() -> ZoneId {
    ZoneId::derived_from("z")
}

impl Zone {
    pub fn new() -> Arc<Self> {
        let root = tempfile::tempdir().unwrap();
        let site = Site::create(&root.path().join("site"), &name("lab"), now()).unwrap();
        site.make_zone(&name("east"), &root.path().join("zone"), now()).unwrap();
        let authority = ZoneAuthority::load(&root.path().join("zone")).unwrap();
        let fake = Mutex::new(Fake { does: Does::Grants, life: 24 * 3_600_000, seen: Vec::new() });
        Arc::new(Self { root, authority, fake })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn set(&self, does: Does) {
        self.fake.lock().unwrap().does = does;
    }

    pub fn paths(&self) -> Vec<String> {
        self.fake.lock().unwrap().seen.iter().map(|(path, _)| path.clone()).collect()
    }

    /// What a node is given to join with.
    pub fn settings(&self) -> Settings {
        Settings {
            directory: self.path("node"),
            bundle_file: self.path("site/site.pem"),
            token_file: Some(self.path("token")),
            principal: node(),
            name: name("web-3"),
            place: Some(name("rack-a")),
            address: None,
            trace: None,
        }
    }

    pub fn give_token(&self) -> String {
        let token = Token::random(TokenUse::Join).unwrap().reveal();
        rollcall_identity::files::write_secret(&self.path("token"), &token).unwrap();
        token.to_string()
    }

    fn grant(&self, csr_pem: &str, principal: &Principal) -> Value {
        let life = self.fake.lock().unwrap().life;
        let names = Names::default();
        let issue = Issue {
            principal,
            zone: zone_id(),
            user: None,
            csr_pem,
            serial: serial::draw().unwrap(),
            validity: Validity::from(now(), life),
            names: &names,
        };
        let issued = self.authority.issue(&issue).unwrap();
        let bundle = self.authority.bundle().to_pem();
        json!({ "state": "issued", "certificate": issued.chain_pem, "bundle": bundle, "user": issued.user })
    }

    /// Serves at a port of its own; answers under `names`.
    pub async fn serve(self: &Arc<Self>, clients: Clients, ip: &str) -> String {
        let key = Key::generate().unwrap();
        let names = Names { dns: Vec::new(), ips: vec![ip.parse().unwrap()] };
        let csr_pem = make_csr(&key).unwrap();
        let issue = Issue {
            principal: &Principal::Zone(zone_id()),
            zone: zone_id(),
            user: None,
            csr_pem: &csr_pem,
            serial: serial::draw().unwrap(),
            validity: Validity::leaf(now()),
            names: &names,
        };
        let own = Certified::new(&self.authority.issue(&issue).unwrap().chain_pem, &key).unwrap();
        let config = tls::server(own, self.authority.bundle(), clients).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let router = Router::new()
            .route("/v1/join", post(join))
            .route("/v1/join/{id}", get(collect))
            .route("/v1/renew", post(renew))
            .with_state(Arc::clone(self));
        tokio::spawn(async move { axum::serve(Tls(listener, TlsAcceptor::from(Arc::new(config))), router).await });
        at
    }
}

struct Tls(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, from) = self.0.accept().await.unwrap();
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

type Answer = (StatusCode, Json<Value>);

fn refused(reason: &str) -> Answer {
    (StatusCode::FORBIDDEN, Json(json!({ "title": "Forbidden", "detail": "no", "reason": reason })))
}

async fn join(State(zone): State<Arc<Zone>>, Json(body): Json<Value>) -> Answer {
    zone.fake.lock().unwrap().seen.push(("join".into(), body.clone()));
    let does = zone.fake.lock().unwrap().does;
    let csr = body["csr"].as_str().unwrap();
    match does {
        Does::Grants => (StatusCode::CREATED, Json(zone.grant(csr, &node()))),
        Does::Mistakes => (StatusCode::CREATED, Json(zone.grant(csr, &Principal::Node(NodeId::derived_from("other"))))),
        Does::Holds => (StatusCode::ACCEPTED, Json(json!({ "state": "pending", "join": JoinId::derived_from("j") }))),
        Does::Refuses(reason) => refused(reason),
        Does::IsBusy => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "detail": "busy" }))),
    }
}

async fn collect(State(zone): State<Arc<Zone>>, Path(id): Path<String>) -> Answer {
    assert_eq!(id, JoinId::derived_from("j").to_string());
    let csr = {
        let mut fake = zone.fake.lock().unwrap();
        let csr = fake.seen.iter().rev().find(|(path, _)| path == "join").map(|(_, body)| body["csr"].clone());
        fake.seen.push(("collect".into(), Value::Null));
        csr
    };
    let does = zone.fake.lock().unwrap().does;
    match (does, csr) {
        (Does::Grants, Some(csr)) => (StatusCode::OK, Json(zone.grant(csr.as_str().unwrap(), &node()))),
        (Does::Refuses(_), _) => {
            (StatusCode::OK, Json(json!({ "state": "denied", "join": id, "why": "no room in this rack" })))
        }
        _ => (StatusCode::OK, Json(json!({ "state": "pending", "join": id }))),
    }
}

async fn renew(State(zone): State<Arc<Zone>>, Json(body): Json<Value>) -> Answer {
    zone.fake.lock().unwrap().seen.push(("renew".into(), body.clone()));
    let does = zone.fake.lock().unwrap().does;
    match does {
        Does::Refuses(reason) => refused(reason),
        Does::IsBusy => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({}))),
        _ => (StatusCode::OK, Json(zone.grant(body["csr"].as_str().unwrap(), &node()))),
    }
}

/// Waits for something to become true.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..400 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}
