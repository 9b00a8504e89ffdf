//! The publisher: a process of its own that speaks for all nodes of a side when told to.
//!
//! It reads `<side> <count>` from stdin and answers `done` on stdout when the broker has routed them all.

use std::process::Stdio;

use anyhow::{Context, bail};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::Connection;
use lapin::options::BasicPublishOptions;
use lapin::protocol::BasicProperties;
use rollcall_model::route;
use rollcall_model::wire::status;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{Side, place};
use crate::statuses::Fleet;

/// First argument of the process that publishes.
pub const ROLE: &str = "publish";
/// Messages handed to the client library at once.
const AHEAD: usize = 256;
const USER: &str = "rollcall";

/// The publisher, as seen from the measuring process.
pub struct Publisher {
    _child: Child,
    orders: ChildStdin,
    answers: tokio::io::Lines<BufReader<ChildStdout>>,
}

impl Publisher {
    /// Starts it.
    pub async fn start(url: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([ROLE, url])
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

    /// Tells it to publish so many statuses to a side; they are on their way when this returns.
    pub async fn begin(&mut self, side: Side, count: usize) -> anyhow::Result<()> {
        self.orders.write_all(format!("{side:?} {count}\n").as_bytes()).await?;
        Ok(self.orders.flush().await?)
    }

    /// Waits until it has done what it was told.
    pub async fn done(&mut self) -> anyhow::Result<()> {
        match self.answers.next_line().await?.as_deref() {
            Some("done") => Ok(()),
            other => bail!("the publisher ended or said something strange: {other:?}"),
        }
    }
}

/// What the process that publishes does; ends with its stdin.
///
/// # Errors
/// When the broker cannot be used.
pub async fn publish(url: &str) -> anyhow::Result<()> {
    let connection = place::connect(url, "bench publisher").await?;
    let (mut rollcall, mut bare) = (Fleet::new(Side::Rollcall.group()), Fleet::new(Side::Bare.group()));
    let (mut orders, mut answers) = (BufReader::new(tokio::io::stdin()).lines(), tokio::io::stdout());
    loop {
        answers.write_all(b"done\n").await?;
        answers.flush().await?;
        let Some(order) = orders.next_line().await? else { return Ok(()) };
        let (side, count) = order.split_once(' ').context("an order is a side and a count")?;
        let fleet = if side == "Rollcall" { &mut rollcall } else { &mut bare };
        publish_all(&connection, fleet, count.parse()?).await?;
    }
}

/// Publishes on a channel of its own: the broker's word that it is closed means that all before it is routed.
async fn publish_all(connection: &Connection, fleet: &mut Fleet, count: usize) -> anyhow::Result<()> {
    let channel = connection.create_channel().await?;
    let properties = BasicProperties::default().with_type(status::KIND.into()).with_user_id(USER.into());
    let mut sending = FuturesUnordered::new();
    for index in 0..count {
        let (key, body) = fleet.speak(index + 1 == count);
        let (channel, key, properties) = (channel.clone(), key.into(), properties.clone());
        sending.push(async move {
            let options = BasicPublishOptions::default();
            channel.basic_publish(route::GROUP.into(), key, options, &body, properties).await.map(drop)
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
