//! What the demo prints: each step as the daemons log it, with its latency; then what changes.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use rollcall_startup::{Exit, Failure, Shutdown};
use rollcall_store::{Bind, Store, Table};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::Arguments;
use super::broker::Broker;

/// The target of the log lines that tell people what happens.
const STEP: &str = "rollcall::step";
/// How often the store is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Prints, one line at a time.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    began: Instant,
    colours: bool,
}

/// Makes the printer, and sends the daemons' log lines through it.
///
/// # Errors
/// When this process has a log already.
pub fn start() -> Result<Printer, Failure> {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let printer = Printer { began: Instant::now(), colours };
    let filter = EnvFilter::try_from_env("ROLLCALL_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,rollcall::step=info,lapin=off,mdns_sd=error"));
    tracing_subscriber::registry()
        .with(filter)
        .with(printer)
        .try_init()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot set up the log: {error}")))?;
    Ok(printer)
}

impl Printer {
    fn line(self, text: &str) {
        // A closed pipe ends nothing here: the demo goes on until it is told to stop.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A heading.
    pub fn title(self, text: &str) {
        self.line(&self.paint("1", text));
    }

    /// Something that is neither a step nor a warning.
    pub fn plain(self, text: &str) {
        self.line(&format!("{}  {text}", self.stamp()));
    }

    /// Something that is not as it should be.
    pub fn warn(self, text: &str) {
        self.line(&format!("{}  {} {text}", self.stamp(), self.paint("33", "warning:")));
    }

    /// Something that happened, and how long it took.
    pub fn step(self, what: &str, text: &str, took: Option<Duration>) {
        let took = took.map(|took| self.paint("2", &format!("  ({} ms)", took.as_millis()))).unwrap_or_default();
        self.line(&format!("{}  {} {text}{took}", self.stamp(), self.paint("36", &format!("{what:<8}"))));
    }

    fn stamp(self) -> String {
        self.paint("2", &format!("{:>7.2} s", self.began.elapsed().as_secs_f64()))
    }

    /// Where the web page is, and how to get in.
    pub fn how_to_look(self, api: SocketAddr, token: &str, root: &Path) {
        self.line("");
        self.title("look at it, in a browser:");
        self.line(&format!("  https://{api}/ui/"));
        self.line(&format!("  log in as an operator with {token}"));
        self.line(&format!("  (the browser warns of a root it does not know; it is in {})", root.display()));
    }

    /// How to go on from here.
    pub fn how_to_ask(self, api: SocketAddr, identity: &Path, database: &Path, policy: &Path, node: &str) {
        let command = |command: &str| self.line(&format!("  rollcall {command}"));
        self.line("");
        self.title("ask it, from another terminal, as its administrator:");
        self.line(&format!("  export ROLLCALL_API=https://{api} ROLLCALL_IDENTITY={}", identity.display()));
        for question in ["status", "nodes", "groups", "alerts", "events --follow", "analytics --indicator disk_space"] {
            command(question);
        }
        command(&format!("node {node}"));
        command(&format!("explain {node}"));
        command("top");
        command("sql \"SELECT capability, nodes FROM v_capabilities\"");
        self.title("change it:");
        command(&format!("policy set {}", policy.display()));
        command(&format!("action {node} identify --seconds 5 --wait"));
        command("group create warm --rule 'metrics.cpu_temperature > 45.0' --enter 2s");
        command("group show warm");
        command("channel send security \"the rear door is open\" --subject hall-1");
        self.title("who may what:");
        command("token create --for node --name web-9");
        command(&format!("revoke {node}"));
        command("audit");
        self.title("or without the command:");
        let file = |name: &str| identity.join(name).display().to_string();
        let (roots, chain, key) = (file("site.pem"), file("cert.pem"), file("key.pem"));
        self.line(&format!("  curl --cacert {roots} --cert {chain} --key {key} https://{api}/v1/nodes"));
        self.line(&format!("  sqlite3 {} \"SELECT name, state, physical_group FROM v_nodes\"", database.display()));
        self.line("Ctrl-C ends the demo and everything it started.");
        self.line("");
    }
}

impl<S: Subscriber> Layer<S> for Printer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        if event.metadata().target() == STEP {
            let what = fields.values.get("step").map_or("", String::as_str).split('_').next().unwrap_or_default();
            let took = fields.values.get("ms").and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
            self.step(what, &fields.message, took);
        } else if level <= Level::WARN {
            self.warn(&fields.message);
        } else {
            self.plain(&fields.message);
        }
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    values: BTreeMap<&'static str, String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a string cannot fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.values.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
        }
    }
}

async fn count(store: &Store, sql: &'static str) -> i64 {
    let table = store.select(sql, &[]).await.unwrap_or_default();
    table.rows.first().and_then(|row| row.first()).and_then(serde_json::Value::as_i64).unwrap_or_default()
}

/// Waits until so many nodes are in both groups and were heard; or until the end is asked for.
pub async fn joined(store: &Store, wanted: i64, shutdown: &Shutdown) {
    const HEARD: &str = "SELECT COUNT(*) FROM v_nodes WHERE state IN ('healthy', 'degraded') \
                         AND physical_group IS NOT NULL AND logical_group IS NOT NULL";
    while !shutdown.is_requested() && count(store, HEARD).await < wanted {
        tokio::time::sleep(LOOK).await;
    }
}

/// A simulated node to try things on; the real machine where there is no other.
pub async fn example_node(store: &Store) -> String {
    const LAST: &str = "SELECT name FROM v_nodes ORDER BY address <> '127.0.0.1' DESC, name LIMIT 1";
    let table = store.select(LAST, &[]).await.unwrap_or_default();
    let name = table.rows.first().and_then(|row| row.first()?.as_str().map(str::to_owned));
    name.unwrap_or_else(|| "NODE".into())
}

/// Says how the zone stands.
pub async fn standing(
    store: &Store,
    arguments: &Arguments,
    broker: &Broker,
    printer: &Printer,
    took: Duration,
    all: bool,
) {
    let heard = count(store, "SELECT COUNT(*) FROM v_nodes WHERE state IN ('healthy', 'degraded')").await;
    let logical = count(store, "SELECT COUNT(*) FROM v_groups WHERE kind = 'logical'").await;
    let text = format!(
        "the zone stands: {} racks, {heard} of {} nodes in {logical} logical groups, over {} and mDNS, {:.1} s after its start",
        arguments.racks,
        arguments.nodes,
        broker.name,
        took.as_secs_f64()
    );
    printer.line("");
    if all { printer.title(&text) } else { printer.warn(&text) }
}

/// Prints what changes from now on, as the store records it.
pub async fn follow(store: Store, printer: Printer) {
    let mut after = count(&store, "SELECT COALESCE(MAX(event_id), 0) FROM v_events").await;
    loop {
        tokio::time::sleep(LOOK).await;
        let sql = "SELECT event_id, message FROM v_events WHERE event_id > $1 ORDER BY event_id LIMIT 100";
        let Table { rows, .. } = store.select(sql, &[Bind::Integer(after)]).await.unwrap_or_default();
        for row in rows {
            if let [id, message] = row.as_slice() {
                after = id.as_i64().unwrap_or(after).max(after);
                printer.step("event", message.as_str().unwrap_or_default(), None);
            }
        }
    }
}
