//! oslo.messaging from PyPI: Nova's services and its conductor, by `bench/peers/state_reports.py`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Conductors: as many as Nova starts on two cores.
const CONDUCTORS: usize = 2;
/// Services that report at once.
const SERVICES: usize = 16;
/// Everybody has connected by then.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How a service reports.
#[derive(Clone, Copy, Debug)]
pub enum Method {
    /// With an answer.
    Call,
    /// Without.
    Cast,
}

/// Services and conductors.
pub struct Oslo {
    services: Talker,
    conductors: Vec<Talker>,
    /// What the conductors have been sent.
    sent: usize,
}

/// A process that says something, a line at a time.
struct Talker {
    child: Child,
    orders: ChildStdin,
    words: Lines<BufReader<ChildStdout>>,
    /// The number it said last.
    said: usize,
}

impl Oslo {
    /// Starts them on a broker.
    pub async fn start(url: &str, directory: &Path) -> anyhow::Result<Self> {
        let python = interpreter().await?;
        let url = in_kombus_words(url)?;
        let mut conductors = Vec::new();
        for number in 0..CONDUCTORS {
            let log = directory.join(format!("conductor{number}.log"));
            conductors.push(Talker::start(&python, &["serve", &url, &format!("conductor{number}")], &log).await?);
        }
        let threads = SERVICES.to_string();
        let services = Talker::start(&python, &["report", &url, &threads], &directory.join("services.log")).await?;
        let mut all = Self { services, conductors, sent: 0 };
        // The first ones make queues and connections.
        all.report(Method::Call, 10 * SERVICES).await.context("no report was answered")?;
        Ok(all)
    }

    /// Process id of the services.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.services.child.id().context("the services of oslo.messaging have ended")
    }

    /// Reports so often: until every answer has come, or, where none is asked for, until the conductors have taken all.
    pub async fn report(&mut self, method: Method, count: usize) -> anyhow::Result<Duration> {
        self.sent += count;
        let order = format!("{} {count}\n", if matches!(method, Method::Call) { "call" } else { "cast" });
        let from = Instant::now();
        self.services.orders.write_all(order.as_bytes()).await?;
        self.services.orders.flush().await?;
        let busy = Duration::from_micros(u64::try_from(self.services.number().await?)?);
        while self.conductors.iter().map(|conductor| conductor.said).sum::<usize>() < self.sent {
            self.hear().await?;
        }
        Ok(if matches!(method, Method::Call) { busy } else { from.elapsed() })
    }

    /// Waits for the next word of any conductor.
    async fn hear(&mut self) -> anyhow::Result<()> {
        let words = self.conductors.iter_mut().map(|conductor| Box::pin(conductor.number()));
        futures::future::select_all(words).await.0.map(drop)
    }
}

impl Talker {
    async fn start(python: &Path, arguments: &[&str], log: &Path) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/state_reports.py");
        let mut child = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log)?)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start Python")?;
        let orders = child.stdin.take().context("it has no stdin")?;
        let words = BufReader::new(child.stdout.take().context("it has no stdout")?).lines();
        let mut talker = Self { child, orders, words, said: 0 };
        let begun = tokio::time::timeout(START_PATIENCE, talker.number()).await;
        begun.context("it does not begin")?.with_context(|| last_words(log))?;
        Ok(talker)
    }

    /// The next number it says. Cancelling it loses nothing.
    async fn number(&mut self) -> anyhow::Result<usize> {
        let word = self.words.next_line().await?.context("a process of oslo.messaging has ended")?;
        let number = word.split_once(' ').and_then(|(_, number)| number.parse().ok());
        self.said = number.with_context(|| format!("a process of oslo.messaging says {word:?}"))?;
        Ok(self.said)
    }
}

/// The interpreter of an environment that has oslo.messaging.
async fn interpreter() -> anyhow::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/oslo-messaging");
    let made = Command::new(script).stdin(Stdio::null()).stderr(Stdio::piped()).output().await?;
    let words = String::from_utf8_lossy(&made.stderr);
    ensure!(made.status.success(), "scripts/oslo-messaging: {}", words.lines().next_back().unwrap_or("failed"));
    Ok(PathBuf::from(String::from_utf8_lossy(&made.stdout).trim()))
}

/// The same URL with kombu's name for AMQP.
fn in_kombus_words(url: &str) -> anyhow::Result<String> {
    let rest = url.strip_prefix("amqp://").context("the broker's URL is no amqp://")?;
    // A query is for our client library.
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    Ok(format!("rabbit://{rest}"))
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().next_back().unwrap_or("it said nothing").to_owned()
}
