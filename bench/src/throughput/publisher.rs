//! The publisher: a process of its own that speaks for all nodes of a side when told to.
//!
//! It reads orders from stdin: `prepare <count>` makes so many statuses, `go` publishes them. It answers `done` and how
//! many microseconds it was busy on stdout; with `go`, when the broker has routed them all.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::Connection;
use lapin::options::BasicPublishOptions;
use lapin::protocol::BasicProperties;
use rollcall_model::wire::status;
use rollcall_model::{NodeId, Principal, route};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::way::{Way, zone};
use super::{Side, callers};
use crate::statuses::{Fleet, NODES, node};

/// First argument of the process that publishes.
pub const ROLE: &str = "publish";
/// Messages handed to the client library at once.
const AHEAD: usize = 256;
/// Everybody's user where the broker knows no others.
const USER: &str = "rollcall";

/// Who speaks for all nodes where certificates log in.
pub fn speaker() -> Principal {
    Principal::Node(NodeId::derived_from("bench: who speaks for all nodes"))
}

/// The publisher, as seen from the measuring process.
pub struct Publisher {
    _child: Child,
    orders: ChildStdin,
    answers: tokio::io::Lines<BufReader<ChildStdout>>,
}

impl Publisher {
    /// Starts it, and waits until every node has its key where keys are given.
    pub async fn start(side: Side, way: &Way) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ROLE)
            .arg(format!("{side:?}"))
            .args(way.as_arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the publisher")?;
        let orders = child.stdin.take().context("the publisher has no stdin")?;
        let answers = BufReader::new(child.stdout.take().context("the publisher has no stdout")?).lines();
        let mut publisher = Self { _child: child, orders, answers };
        publisher.done().await?;
        Ok(publisher)
    }

    /// Has it make so many statuses, sealed where keys are given; how long that took.
    pub async fn prepare(&mut self, count: usize) -> anyhow::Result<Duration> {
        self.order(&format!("prepare {count}\n")).await?;
        self.done().await
    }

    /// Tells it to publish what it made; on its way when this returns.
    pub async fn begin(&mut self) -> anyhow::Result<()> {
        self.order("go\n").await
    }

    /// Waits until it has done what it was told; how long that took.
    pub async fn done(&mut self) -> anyhow::Result<Duration> {
        let answer = self.answers.next_line().await?;
        let took = answer.as_deref().and_then(|answer| answer.strip_prefix("done ")?.parse().ok());
        let Some(took) = took else { bail!("the publisher ended or said something strange: {answer:?}") };
        Ok(Duration::from_micros(took))
    }

    async fn order(&mut self, order: &str) -> anyhow::Result<()> {
        self.orders.write_all(order.as_bytes()).await?;
        Ok(self.orders.flush().await?)
    }
}

/// What the process that publishes does; ends with its stdin. Its arguments are a side and the way to the broker.
///
/// # Errors
/// When the broker cannot be used, or gives no keys.
pub async fn publish(arguments: &[String]) -> anyhow::Result<()> {
    let (side, way) = arguments.split_first().context("it needs a side")?;
    let (side, way): (Side, _) = (side.parse()?, Way::of_arguments(way).context("it needs a URL")?);
    let connection = way.connect(&speaker(), "bench publisher").await?;
    let seals = if way.is_secured() { callers::call(&connection).await? } else { Vec::new() };
    let mut fleet = Fleet::new(seals);
    let voices: Vec<Voice> = (0..NODES).map(|index| Voice::of(side, &way, node(index))).collect();
    let (mut orders, mut answers) = (BufReader::new(tokio::io::stdin()).lines(), tokio::io::stdout());
    let (mut prepared, mut took) = (Vec::new(), Duration::ZERO);
    loop {
        answers.write_all(format!("done {}\n", took.as_micros()).as_bytes()).await?;
        answers.flush().await?;
        let Some(order) = orders.next_line().await? else { return Ok(()) };
        let from = Instant::now();
        match order.split_once(' ') {
            Some((_, count)) => {
                let count: usize = count.parse()?;
                prepared = (1..=count).map(|number| fleet.speak(number == count)).collect();
            }
            None => publish_all(&connection, &voices, std::mem::take(&mut prepared)).await?,
        }
        took = from.elapsed();
    }
}

/// How a node's messages are marked.
struct Voice {
    exchange: String,
    properties: BasicProperties,
}

impl Voice {
    fn of(side: Side, way: &Way, node: NodeId) -> Self {
        let user = if way.is_secured() { Principal::Node(node).user_in(zone()) } else { USER.into() };
        let properties = BasicProperties::default().with_type(status::KIND.into()).with_user_id(user.into());
        let exchange = route::status_exchange(side.group());
        Self { exchange, properties }
    }
}

/// Publishes on a channel of its own: the broker's word that it is closed means that all before it is routed.
async fn publish_all(
    connection: &Connection,
    voices: &[Voice],
    statuses: Vec<(usize, [u8; status::BYTES])>,
) -> anyhow::Result<()> {
    let channel = connection.create_channel().await?;
    let mut sending = FuturesUnordered::new();
    for (index, body) in statuses {
        let Voice { exchange, properties } = &voices[index];
        let (channel, exchange, properties) = (channel.clone(), exchange.as_str().into(), properties.clone());
        sending.push(async move {
            let options = BasicPublishOptions::default();
            channel.basic_publish(exchange, "".into(), options, &body, properties).await.map(drop)
        });
        if sending.len() >= AHEAD {
            while sending.len() > AHEAD / 2
                && let Some(sent) = sending.next().await
            {
                sent?;
            }
        }
    }
    while let Some(sent) = sending.next().await {
        sent?;
    }
    Ok(channel.close(200, "all said".into()).await?)
}
