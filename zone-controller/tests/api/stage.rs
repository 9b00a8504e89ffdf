//! A whole zone controller on the in-process bus and a database in memory, with a rack and nodes played by the test.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::Method;
use rollcall_bus::{Attachment, Bus, Connector, LocalBroker, RabbitSettings, Sender};
use rollcall_discovery::{Discovery, DiscoverySettings};
use rollcall_model::identifier::{Evidence, EvidenceSource};
use rollcall_model::packet::{
    Ack, Alerts, Arrival, AvailabilitySent, JoinRequest, NodeChange, NodeSubscription, Packet, Presence, Readings,
};
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{
    Capability, CheckinId, GroupId, HardwareTopology, Health, HealthBits, InstanceId, Millis, Name, NodeIdentifier,
    NodeState, Now, Principal, Purpose, SessionEpoch, Tick, UnixMillis, ZoneId, route,
};
use rollcall_startup::{Pulse, Shutdown, write_durably};
use rollcall_store::{Retention, Store};
use rollcall_zone_controller::config::{
    AdmissionConfig, ApiConfig, ChannelsConfig, CheckinConfig, Config, LogicalGroupsConfig, PlaceConfig,
};
use rollcall_zone_controller::{Parts, run};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const NOW: Now = Now { tick: Tick(0), wall: UnixMillis(1_700_000_000_000) };

/// A running zone.
pub struct Stage {
    api: SocketAddr,
    zone: ZoneId,
    client: reqwest::Client,
    connector: Connector,
    bus: Bus,
    sender: Sender,
    instance: InstanceId,
    shutdown: Shutdown,
    _directory: tempfile::TempDir,
}

/// An answer, with its headers.
pub struct Answer {
    pub code: u16,
    pub json: Value,
    headers: Vec<(String, String)>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an end of the head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines();
        let code = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { code, json: serde_json::from_slice(&bytes[end + 4..]).unwrap_or(Value::Null), headers }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub fn config(directory: &std::path::Path) -> Config {
    let secret_file = directory.join("secret");
    write_durably(&secret_file, b"0123456789abcdef0123456789abcdef").expect("a secret");
    Config {
        name: name("hall-1"),
        secret_file,
        machine_identifier: Some("a machine of a test".into()),
        database: String::new(),
        addresses: vec![IpAddr::from([127, 0, 0, 1])],
        keep_alive_ms: 1_000,
        broker: RabbitSettings::default(),
        discovery: DiscoverySettings::default(),
        identity: None,
        broker_admin: None,
        api: ApiConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..ApiConfig::default() },
        admission: AdmissionConfig { groups: vec!["rack-*".into()] },
        channels: ChannelsConfig { extra: vec![Purpose::new("security").expect("a purpose")] },
        logical_groups: LogicalGroupsConfig::default(),
        checkin: CheckinConfig {
            places: vec![PlaceConfig {
                place: name("attic"),
                name: name("checkin-attic"),
                ranges: vec!["10.9.0.0/16".parse().expect("a range")],
            }],
        },
        replica: rollcall_zone_controller::config::ReplicaConfig::default(),
        retention: Retention::default(),
        traces: rollcall_startup::traces::TracesConfig::default(),
    }
}

impl Stage {
    /// A zone that is up, and a rack without nodes in it.
    pub async fn up() -> Self {
        Self::up_on(Store::open("sqlite::memory:").await.expect("a database")).await
    }

    /// The same, on a database of the test's own.
    pub async fn up_on(store: Store) -> Self {
        Self::up_with(store, |_| {}).await
    }

    /// The same, with something else in its configuration.
    pub async fn up_with(store: Store, change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let broker = LocalBroker::new();
        let parts = Parts {
            connector: Connector::Local(broker.clone()),
            endpoint: BrokerEndpoint { host: "here".into(), port: 5672, vhost: "test".into() },
            store,
            discovery: Discovery::off(),
            pulse: Pulse::default(),
        };
        let (shutdown, mut config) = (Shutdown::new(), config(directory.path()));
        change(&mut config);
        let (running, up) = oneshot::channel();
        tokio::spawn(run(config, parts, shutdown.clone(), running));
        let up = up.await.expect("a zone");
        let group = GroupId::derived_from("rack-a");
        let attachment = Attachment {
            principal: Principal::Group(group),
            inbox: route::group_inbox(group),
            client_name: "rack".into(),
            endpoint: None,
        };
        let connector = Connector::Local(broker);
        let bus = connector.attach(attachment).await.expect("a bus");
        let instance = InstanceId::derived_from("rack");
        let mut stage = Self {
            api: up.api,
            zone: up.zone,
            client: reqwest::Client::new(),
            sender: Sender::new(route::group_inbox(group), instance),
            connector,
            bus,
            instance,
            shutdown,
            _directory: directory,
        };
        let ack = Ack {
            zone: stage.zone,
            generation: up.generation,
            group,
            name: name("rack-a"),
            place: name("rack-a"),
            addresses: Vec::new(),
            instance,
        };
        stage.say(route::DIRECT, route::JOINS.into(), Packet::Ack(ack)).await;
        stage.until("/v1/groups", |groups| groups.as_array()?.iter().find(|it| it["name"] == "rack-a").cloned()).await;
        stage
    }

    async fn say(&mut self, exchange: &'static str, key: String, packet: Packet) {
        self.bus.publish(self.sender.confirmed(NOW, exchange, key, packet)).await.expect("a broker");
    }

    /// Where something of the API is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api)
    }

    /// Somebody else on the zone's broker.
    pub async fn attach(&self, principal: Principal, inbox: String) -> Bus {
        let attachment = Attachment { principal, inbox, client_name: "somebody".into(), endpoint: None };
        self.connector.attach(attachment).await.expect("a bus")
    }

    /// The rack says something on a channel.
    pub async fn on_channel(&mut self, channel: &str, packet: Packet) {
        self.say(route::ZONE, route::zone_key(channel, GroupId::derived_from("rack-a")), packet).await;
    }

    /// The rack tells how a node is.
    pub async fn state(&mut self, node: &NodeIdentifier, number: u64, state: NodeState) {
        let change = NodeChange {
            number,
            node: node.node,
            epoch: SessionEpoch(1),
            state,
            health: Health::new(HealthBits::NONE, HealthBits::NONE).expect("a health"),
            at: NOW.wall,
            cause: "test".into(),
            metrics: [].into(),
        };
        let group = GroupId::derived_from("rack-a");
        self.on_channel("alerts", Packet::Alerts(Alerts { group, session: 1, changes: vec![change] })).await;
    }

    /// Has the zone controller end in order.
    pub fn end(&self) {
        self.shutdown.request();
    }

    /// A node checks in and stands in the rack.
    pub async fn node(&mut self, node: &str) -> NodeIdentifier {
        let subscription = self.subscription(node);
        let identifier = subscription.identifier.clone();
        let presence = Presence {
            node: identifier.node,
            instance: self.instance,
            name: name(node),
            address: subscription.address,
            place: None,
            epoch: SessionEpoch(0),
        };
        self.join(subscription).await;
        let arrival = Arrival { group: GroupId::derived_from("rack-a"), session: 1, presence };
        self.say(route::DIRECT, route::JOINS.into(), Packet::Arrival(arrival)).await;
        let path = format!("/v1/nodes/{node}");
        self.until(&path, |found| (found["node"]["physical_group"] == "rack-a").then_some(Value::Null)).await;
        identifier
    }

    pub fn subscription(&self, node: &str) -> NodeSubscription {
        let evidence = Evidence {
            source: EvidenceSource::Simulated,
            product_uuid: Some(node.into()),
            board_serial: None,
            cpu: None,
            machine_id: None,
            mac: None,
        };
        NodeSubscription {
            identifier: NodeIdentifier::from_evidence(evidence).expect("an identifier"),
            instance: self.instance,
            name: name(node),
            address: IpAddr::from([10, 0, 0, 1]),
            place: None,
            hardware: HardwareTopology::default(),
            epoch: SessionEpoch::default(),
        }
    }

    pub async fn join(&mut self, subscription: NodeSubscription) {
        let capability = Capability::of(&subscription.hardware, &[]);
        let request = JoinRequest {
            checkin: CheckinId::derived_from("c"),
            subscription,
            group: capability.group_id(),
            group_name: capability.group_name(),
            capability,
            table_version: 1,
            reason: "test".into(),
            granted: None,
        };
        let principal = Principal::Checkin(CheckinId::derived_from("c"));
        let inbox = principal.inbox().expect("an inbox");
        let attachment = Attachment { principal, inbox: inbox.clone(), client_name: "checkin".into(), endpoint: None };
        let bus = self.connector.attach(attachment).await.expect("a bus");
        let packet = Packet::JoinRequest(Box::new(request));
        let message = Sender::new(inbox, self.instance).confirmed(NOW, route::DIRECT, route::JOINS.into(), packet);
        bus.publish(message).await.expect("a broker");
    }

    /// The rack tells that a bit of a node is set from now on.
    pub async fn bit(&mut self, node: &NodeIdentifier, number: u64, indicator: &str) {
        let bit = rollcall_model::indicator::by_name(indicator).expect("an indicator").bit;
        let group = GroupId::derived_from("rack-a");
        let health = Health::new(HealthBits::NONE.with(bit, true), HealthBits::NONE).expect("a health");
        let change = NodeChange {
            number,
            node: node.node,
            epoch: SessionEpoch(1),
            state: NodeState::Degraded,
            health,
            at: NOW.wall,
            cause: "test".into(),
            metrics: [(indicator.to_owned(), 97.5)].into(),
        };
        let alerts = Packet::Alerts(Alerts { group, session: 1, changes: vec![change] });
        self.say(route::ZONE, route::zone_key("alerts", group), alerts).await;
    }

    /// Plays the node: answers what comes to its inbox.
    pub async fn answer_readings(&self, node: &NodeIdentifier) {
        let bus = self.attach(Principal::Node(node.node), route::node_inbox(node.node)).await;
        self.answer_readings_on(&bus, node, None).await;
    }

    /// The same on a way that is there already, with what the node says of how free it is.
    pub async fn answer_readings_on(&self, bus: &Bus, node: &NodeIdentifier, availability: Option<AvailabilitySent>) {
        let (bus, inbox) = (bus.clone(), route::node_inbox(node.node));
        let mut consumer = bus.consume(&inbox, 8).await.expect("an inbox");
        let (node, instance) = (node.node, self.instance);
        tokio::spawn(async move {
            while let Some(delivery) = consumer.next().await {
                let envelope = Envelope::decode(&delivery.body).expect("a packet");
                if let Packet::ReadingsRequest(asked) = envelope.packet {
                    let request = asked.request;
                    let availability = availability.clone();
                    let (age_ms, policy, indicators) = (Millis(7), 0, vec![]);
                    let readings = Readings { request, node, age_ms, policy, indicators, availability };
                    let readings = Packet::Readings(readings);
                    let answer = Sender::new(inbox.clone(), instance).lossy(
                        NOW,
                        route::DIRECT,
                        route::readings_key(node),
                        readings,
                    );
                    bus.publish(answer).await.expect("a broker");
                }
                consumer.ack(delivery).await;
            }
        });
    }

    /// Sends exactly this; a path may be one that no well-behaved client sends.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let mut stream = TcpStream::connect(self.api).await.expect("a connection");
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.api);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = body.unwrap_or_default();
        head.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        // Whoever is refused early may not read all of it.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut bytes = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer");
        Answer::read(&bytes)
    }

    /// Asks; the status code and the JSON that came.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&str>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("http://{}{path}", self.api)).timeout(PATIENCE);
        if let Some(body) = body {
            let kind = if body.trim_start().starts_with('{') { "application/json" } else { "text/plain" };
            request = request.header("content-type", kind).header("x-rollcall-by", "ada").body(body.to_owned());
        }
        let answer = request.send().await.expect("an answer");
        let code = answer.status().as_u16();
        (code, answer.json().await.unwrap_or(Value::Null))
    }

    /// A page: its status, headers and text.
    pub async fn page(&self, path: &str) -> (u16, reqwest::header::HeaderMap, String) {
        let answer = self.client.get(self.url(path)).timeout(PATIENCE).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.headers().clone(), answer.text().await.expect("a text"))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &str) -> (u16, Value) {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Waits until what is read at a path holds what is looked for.
    pub async fn until(&self, path: &str, look: impl Fn(&Value) -> Option<Value>) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (_, found) = self.get(path).await;
            if let Some(found) = look(&found) {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "{path} still says {found}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}
