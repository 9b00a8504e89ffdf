//! collectd from Debian with its output over AMQP: what one host's metrics cost, and what its daemon uses.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use reqwest::Url;

use super::sockets::{Traffic, look};
use super::{Program, installed};
use crate::footprint::process::Snapshot;
use crate::report::Row;

/// What Debian's configuration reads, but for batteries, randomness and the database of its own.
const READS: [&str; 10] = ["cpu", "df", "disk", "interface", "irq", "load", "memory", "processes", "swap", "users"];
/// What its plugin loads, by the package; Debian only recommends them.
const LIBRARIES: [(&str, &str); 2] = [("librabbitmq4", "librabbitmq.so.4"), ("libyajl2", "libyajl.so.2")];
/// Pause between two readings, seconds; its default.
const INTERVAL_S: u64 = 10;
/// Before it is measured: the first reading, and connecting.
const WARM_UP: Duration = Duration::from_secs(15);
/// Measured is so long.
const SPAN: Duration = Duration::from_secs(3 * INTERVAL_S);
/// Where its messages go by default, and the queue that counts them.
const EXCHANGE: &str = "amq.fanout";
const QUEUE: &str = "bench.collectd";

/// A daemon that publishes.
pub struct Collectd {
    program: Program,
    begun: Instant,
    port: u16,
    /// Lives as long as the channel.
    _connection: Connection,
    channel: Channel,
}

impl Collectd {
    /// Starts it, publishing to a broker.
    pub async fn start(url: &str, port: u16, directory: &Path) -> anyhow::Result<Self> {
        let place = installed("collectd-core", &["/usr/sbin/collectd"])?;
        for (package, library) in LIBRARIES {
            ensure!(has_library(library), "Debian's {package}, which collectd's plugin amqp loads, is not installed");
        }
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let arguments = FieldTable::default();
        channel.queue_declare(QUEUE.into(), QueueDeclareOptions::default(), arguments.clone()).await?;
        let options = QueueBindOptions::default();
        channel.queue_bind(QUEUE.into(), EXCHANGE.into(), "".into(), options, arguments).await?;
        let file = directory.join("collectd.conf");
        std::fs::write(&file, configuration(&url.parse()?, directory))?;
        let arguments = ["-f".to_owned(), "-C".to_owned(), file.display().to_string()];
        let program = Program::start(&place, &arguments, &directory.join("collectd.log"))?;
        Ok(Self { program, begun: Instant::now(), port, _connection: connection, channel })
    }

    /// Waits until enough has been seen, and tells.
    pub async fn rows(self) -> anyhow::Result<Vec<Row>> {
        tokio::time::sleep(WARM_UP.saturating_sub(self.begun.elapsed())).await;
        Ok(match self.measure().await {
            Ok(rows) => rows,
            Err(reason) => {
                let words = self.program.last_words();
                vec![Row::missing("collectd: one message over AMQP", "B", format!("{reason:#}; it says: {words}"))]
            }
        })
    }

    async fn measure(&self) -> anyhow::Result<Vec<Row>> {
        let pid = self.program.pid();
        let before = (look(pid, self.port).await?, self.messages().await?, Snapshot::of(pid)?);
        tokio::time::sleep(SPAN).await;
        let traffic = look(pid, self.port).await?.since(&before.0);
        let (messages, after) = (self.messages().await?.saturating_sub(before.1), Snapshot::of(pid)?);
        ensure!(messages > 0, "collectd has published nothing");
        Ok(rows(&traffic, messages, &before.2, &after))
    }

    async fn messages(&self) -> anyhow::Result<u32> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        Ok(self.channel.queue_declare(QUEUE.into(), options, FieldTable::default()).await?.message_count())
    }
}

fn rows(traffic: &Traffic, messages: u32, before: &Snapshot, after: &Snapshot) -> Vec<Row> {
    let (used, count) = (after.since(before), f64::from(messages));
    let intervals = used.span.as_secs_f64() / INTERVAL_S as f64;
    let both = (traffic.sent() + traffic.received()) as f64;
    let rows = [
        Row::new("collectd: one message over AMQP, sent", traffic.sent() as f64 / count, "B")
            .note("plain TCP, as text (PUTVAL); several share a segment"),
        Row::new("collectd: one host, for each interval", count / intervals, "messages")
            .note(format!("every {INTERVAL_S} s; {:.1} KiB both ways", both / intervals / 1_024.0)),
        Row::new("collectd: resident memory of its daemon", after.rss_kib as f64 / 1_024.0, "MiB").note(format!(
            "VmRSS; PSS {:.1} MiB; {} threads",
            after.pss_kib as f64 / 1_024.0,
            after.threads.len()
        )),
        Row::new("collectd: processor time of its daemon", used.percent(), "% of a core").note(format!(
            "over {:.0} s; {:.1} wake-ups/s",
            used.span.as_secs_f64(),
            used.wakeups()
        )),
    ];
    rows.map(Row::of_peer).into()
}

fn has_library(name: &str) -> bool {
    let directories = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    directories.map(|directory| directory.path().join(name)).any(|place| place.exists())
}

fn configuration(url: &Url, directory: &Path) -> String {
    let plugins: String = READS.iter().chain(&["amqp"]).map(|name| format!("LoadPlugin {name}\n")).collect();
    let directory = directory.display();
    let host = url.host_str().unwrap_or("127.0.0.1");
    let (port, user, password) = (url.port().unwrap_or(5672), url.username(), url.password().unwrap_or(""));
    let vhost = url.path().trim_start_matches('/');
    format!(
        "Hostname \"bench\"\nFQDNLookup false\nBaseDir \"{directory}\"\nPIDFile \"{directory}/collectd.pid\"\n\
         TypesDB \"/usr/share/collectd/types.db\"\nInterval {INTERVAL_S}\n{plugins}\
         <Plugin amqp>\n<Publish \"bench\">\nHost \"{host}\"\nPort \"{port}\"\nVHost \"{vhost}\"\nUser \"{user}\"\n\
         Password \"{password}\"\nExchange \"{EXCHANGE}\"\n</Publish>\n</Plugin>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_of_the_url_is_the_one_that_is_published_to() {
        let url = "amqp://rollcall:secret@127.0.0.1:5679/rollcall".parse().expect("a URL");
        let text = configuration(&url, Path::new("/x"));
        for line in
            ["Port \"5679\"", "VHost \"rollcall\"", "User \"rollcall\"", "Password \"secret\"", "LoadPlugin amqp"]
        {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
