//! The RabbitMQs of a test run, started when first asked for.

use rollcall_bus::private_broker::PrivateBroker;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// One broker for most, and one to be killed.
#[derive(Default)]
pub struct Brokers {
    main: OnceCell<(PrivateBroker, TempDir)>,
    second: OnceCell<Mutex<(PrivateBroker, TempDir)>>,
}

impl Brokers {
    /// URL of the broker that always runs.
    ///
    /// # Panics
    /// When RabbitMQ cannot be started.
    pub async fn url(&self) -> String {
        self.main.get_or_init(start).await.0.url()
    }

    /// The broker that may be killed; whoever does starts it again.
    ///
    /// # Panics
    /// When RabbitMQ cannot be started.
    pub async fn second(&self) -> MutexGuard<'_, (PrivateBroker, TempDir)> {
        self.second.get_or_init(async || Mutex::new(start().await)).await.lock().await
    }
}

async fn start() -> (PrivateBroker, TempDir) {
    let directory = tempfile::Builder::new().prefix("rollcall-e2e-rabbitmq-").tempdir().expect("a temporary directory");
    let broker = PrivateBroker::start(directory.path()).await.expect("a private RabbitMQ starts");
    (broker, directory)
}
