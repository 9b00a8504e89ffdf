//! Where a test plays: its own names on a bus.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rollcall_bus::private_broker::PrivateBroker;
use rollcall_bus::{
    Assurance, Attachment, Bus, Connector, Consumer, Delivery, ExchangeKind, Link, LocalBroker, Outgoing, Overflow,
    Queue, QueueClass, RabbitSettings, Rights, Topology,
};
use rollcall_model::{Principal, ZoneId};
use tokio::sync::{Mutex, OnceCell};

use crate::site::Secured;

/// Longest wait for anything that is to happen.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Stage {
    pub connector: Connector,
    name: &'static str,
    /// Who most tests attach as: the one who declares exchanges.
    zone: ZoneId,
    attached: AtomicU32,
}

static ORDINARY: OnceCell<PrivateBroker> = OnceCell::const_new();
static SECURED: OnceCell<Secured> = OnceCell::const_new();
static DISTURBED: OnceCell<Mutex<PrivateBroker>> = OnceCell::const_new();

/// The broker that may be killed and halted, by one test at a time; always running when handed over.
pub async fn disturbed() -> tokio::sync::MutexGuard<'static, PrivateBroker> {
    let broker = DISTURBED.get_or_init(async || Mutex::new(start("disturbed").await)).await;
    let mut broker = broker.lock().await;
    if broker_is_gone(&broker) {
        broker.restart().await.expect("restarts");
    }
    broker.resume();
    broker
}

fn broker_is_gone(broker: &PrivateBroker) -> bool {
    !PathBuf::from(format!("/proc/{}", broker.pid())).exists()
}

pub async fn ordinary() -> &'static PrivateBroker {
    ORDINARY.get_or_init(async || start("ordinary").await).await
}

/// The broker that takes certificates only.
pub async fn secured() -> &'static Secured {
    SECURED.get_or_init(async || Secured::start(&directory("secured")).await).await
}

fn directory(name: &str) -> String {
    sweep();
    format!("rollcall-contract-{}-{name}", std::process::id())
}

async fn start(name: &str) -> PrivateBroker {
    PrivateBroker::start(&std::env::temp_dir().join(directory(name)))
        .await
        .expect("a private RabbitMQ starts; apt-get install rabbitmq-server")
}

/// Statics are never dropped, so a run cannot remove its own directories: the next one does.
fn sweep() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(pid) = name.strip_prefix("rollcall-contract-").and_then(|rest| rest.split('-').next()) else {
                continue;
            };
            if !PathBuf::from(format!("/proc/{pid}")).exists() {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    });
}

/// Settings that notice everything soon.
pub fn hasty(url: String) -> RabbitSettings {
    RabbitSettings {
        url,
        reconnect_min_ms: 20,
        reconnect_max_ms: 200,
        connect_timeout_ms: 5_000,
        echo_period_ms: 200,
        echo_deadline_ms: 20_000,
        confirm_deadline_ms: 20_000,
        ..RabbitSettings::default()
    }
}

/// With `RUST_LOG=rollcall_bus=debug` a failing test tells what the supervisor saw.
fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // The first test of the run does it for all.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
}

impl Stage {
    pub fn local(name: &'static str) -> Self {
        Self::with(name, Connector::Local(LocalBroker::new()), ZoneId::derived_from(name))
    }

    pub async fn rabbit(name: &'static str) -> Self {
        Self::on(name, hasty(ordinary().await.url()))
    }

    pub fn on(name: &'static str, settings: RabbitSettings) -> Self {
        Self::with(name, Connector::Rabbit(settings), ZoneId::derived_from(name))
    }

    /// Over TLS, as a zone of this test's own.
    pub async fn secure(name: &'static str) -> Self {
        let (secured, zone) = (secured().await, ZoneId::derived_from(name));
        let principal = Principal::Zone(zone);
        let user = principal.user_in(zone);
        secured.admin().admit(&[(user.clone(), Rights::of(&principal, zone))]).await.expect("admitted");
        let identity = secured.site.identity(&user);
        Self::with(name, Connector::Secure { settings: hasty(secured.broker.url()), identity }, zone)
    }

    pub fn with(name: &'static str, connector: Connector, zone: ZoneId) -> Self {
        log();
        Self { connector, name, zone, attached: AtomicU32::new(0) }
    }

    pub fn principal(&self) -> Principal {
        Principal::Zone(self.zone)
    }

    /// A name of this test's own.
    pub fn named(&self, what: &str) -> &'static str {
        Box::leak(format!("{}.{what}", self.name).into_boxed_str())
    }

    pub async fn attach_as(&self, inbox: &str) -> Bus {
        self.connector.attach(self.attachment(self.principal(), inbox)).await.expect("attaches")
    }

    pub fn attachment(&self, principal: Principal, inbox: &str) -> Attachment {
        Attachment { principal, inbox: self.named(inbox).into(), client_name: self.name.into(), endpoint: None }
    }

    pub async fn attach(&self) -> Bus {
        let number = self.attached.fetch_add(1, Ordering::Relaxed);
        self.attach_as(&format!("inbox{number}")).await
    }

    /// An exchange `x` and a queue `q` bound to it with key `k`.
    pub async fn with_queue(&self, queue: Queue) -> Bus {
        let bus = self.attach().await;
        let (exchange, name) = (self.named("x"), queue.name.clone());
        let topology =
            Topology::default().exchange(exchange, ExchangeKind::Direct).queue(queue).bind(exchange, &name, "k");
        bus.declare(topology).await.expect("declares");
        bus
    }

    pub fn queue(&self) -> Queue {
        self.queue_named("q")
    }

    pub fn queue_named(&self, name: &str) -> Queue {
        Queue {
            name: self.named(name).into(),
            class: QueueClass::Classic,
            max_length: 1000,
            overflow: Overflow::DropHead,
            max_age_ms: None,
            dead_letter: None,
        }
    }

    pub fn message(&self, body: &str) -> Outgoing {
        Outgoing {
            exchange: self.named("x").into(),
            routing_key: "k".into(),
            body: body.into(),
            kind: "test",
            message_id: None,
            assurance: Assurance::Confirmed,
            trace: None,
        }
    }

    /// Publishes each letter as a message.
    pub async fn publish(&self, bus: &Bus, letters: &str) {
        for letter in letters.chars() {
            bus.publish(self.message(&letter.to_string())).await.expect("taken");
        }
    }
}

/// Waits for what has to happen.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("did not happen: {what}"),
    }
}

/// Waits until the link is as wanted.
pub async fn link(bus: &Bus, what: &str, wanted: impl FnMut(&Link) -> bool) -> Link {
    let mut link = bus.link();
    let found = soon(what, link.wait_for(wanted)).await;
    found.expect("the bus lives").clone()
}

pub async fn next(consumer: &mut Consumer) -> Delivery {
    soon("a delivery", consumer.next()).await.expect("the bus is open")
}

pub fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.body.clone()).expect("text")
}

/// Takes and settles so many deliveries; returns their bodies.
pub async fn take(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        let delivery = next(consumer).await;
        bodies.push(text(&delivery));
        consumer.ack(delivery).await;
    }
    bodies
}

/// Publishes a last message and takes all before it: what had not come by then does not come.
pub async fn take_all(stage: &Stage, bus: &Bus, consumer: &mut Consumer) -> Vec<String> {
    stage.publish(bus, "$").await;
    let mut bodies = Vec::new();
    loop {
        let delivery = next(consumer).await;
        let body = text(&delivery);
        consumer.ack(delivery).await;
        if body == "$" {
            return bodies;
        }
        bodies.push(body);
    }
}
