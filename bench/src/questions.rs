//! Every question of `docs/sql.md` about a large fleet, in SQLite and in PostgreSQL, and what the fleet takes up.

pub mod fleet;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use rollcall_model::{SessionEpoch, UnixMillis};
use rollcall_store::{AskLimits, Change, Store, Table};

use self::fleet::{Fleet, Size};
use crate::report::Row;

const GUIDE: &str = include_str!("../../docs/sql.md");

/// No question may take longer, median.
const QUESTION_MS: f64 = 50.0;
/// Nor may that many nodes' last signs of life.
const SEEN_MS: f64 = 100.0;
const SEEN: u32 = 10_000;

/// How often each is asked.
const TIMES: usize = 7;

/// The questions of the guide: what is asked, and how.
fn questions() -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    let mut parts = GUIDE.split("```sql\n");
    let mut before = parts.next().unwrap_or_default();
    for part in parts {
        let (sql, after) = part.split_once("```").unwrap_or((part, ""));
        let asked = before.trim().rsplit("\n\n").next().unwrap_or_default();
        found.push((asked.replace('\n', " "), sql));
        before = after;
    }
    found
}

/// Milliseconds, the middle one of several.
async fn median(mut what: impl AsyncFnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        what().await?;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
        // What takes seconds takes them again.
        if took[0] > 2_000.0 {
            break;
        }
    }
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}

/// Writes the fleet where there is none, and asks everything. `settle` is called when it was written, for what a database
/// does by itself on a quiet night.
///
/// # Errors
/// When the store refuses, holds half a fleet, or does not answer within a minute.
pub async fn measure(store: &Store, database: &str, size: Size, settle: impl FnOnce()) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let (fleet, is_there) = Fleet::of(store, size, now()).await?;
    if !is_there {
        let began = Instant::now();
        fleet.write(store).await?;
        rows.push(Row::new(format!("{database}: writing the fleet"), began.elapsed().as_secs_f64(), "s"));
        settle();
    }
    store.commit(&fleet.lately(now())?).await?;
    let moment = Moment::of(store).await?;
    for (question, sql) in questions() {
        rows.push(asked(store, database, &question, &moment.put_into(sql)).await?);
    }
    rows.push(seen(store, database, size).await?);
    Ok(rows)
}

async fn asked(store: &Store, database: &str, question: &str, sql: &str) -> anyhow::Result<Row> {
    let limits = AskLimits { rows: 10_000, timeout: Duration::from_secs(60) };
    let mut found = 0;
    let took = median(async || {
        found = store.ask(sql, limits).await?.rows.len();
        Ok(())
    });
    let took = took.await?;
    let mark = if took > QUESTION_MS { " <-- slow" } else { "" };
    writeln!(std::io::stderr(), "{database:10} {took:9.1} ms {found:6} rows  {question}{mark}")?;
    let row = Row::new(format!("{database}: {question}"), took, "ms").beside(format!("≤ {QUESTION_MS} ms"));
    Ok(row.note(format!("{found} rows")))
}

async fn seen(store: &Store, database: &str, size: Size) -> anyhow::Result<Row> {
    let mut moment = now().0;
    let took = median(async || {
        moment += 1_000;
        let nodes = (1..=SEEN.min(size.nodes)).map(|number| (fleet::node(number), SessionEpoch(9))).collect();
        store.commit(&[Change::NodesSeen { nodes, at: UnixMillis(moment) }]).await?;
        Ok(())
    });
    let took = took.await?;
    writeln!(std::io::stderr(), "{database:10} {took:9.1} ms  last signs of life of {SEEN} nodes")?;
    let what = format!("{database}: last signs of life of {SEEN} nodes, in one commit");
    Ok(Row::new(what, took, "ms").beside(format!("≤ {SEEN_MS} ms")))
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A moment at which something happened in the rack the guide asks about, and one a quarter of an hour before it.
struct Moment {
    then: String,
    before: String,
}

impl Moment {
    async fn of(store: &Store) -> anyhow::Result<Self> {
        let first = |table: Table| table.rows.into_iter().next().context("nothing happened in the rack of the guide");
        let sql =
            "SELECT at, at_ms FROM v_health_history WHERE group_name = 'rack-1' ORDER BY history_id LIMIT 1 OFFSET 200";
        let row = first(store.ask(sql, AskLimits::default()).await?)?;
        let (then, ms) = (row[0].as_str().unwrap_or_default().to_owned(), row[1].as_i64().unwrap_or_default());
        let sql = format!("SELECT at FROM v_health_history WHERE at_ms >= {} ORDER BY at_ms LIMIT 1", ms - 900_000);
        let row = first(store.ask(&sql, AskLimits::default()).await?)?;
        Ok(Self { then, before: row[0].as_str().unwrap_or_default().to_owned() })
    }

    /// The moments of the guide's example become moments of the fleet's week.
    fn put_into(&self, sql: &str) -> String {
        let moments = [
            ("2026-11-20T08:01:30.000Z", &self.then),
            ("2026-11-20T08:01:44.500Z", &self.then),
            ("2026-11-20T07:56:44.500Z", &self.before),
            ("2026-11-20T08:11:44.500Z", &self.then),
        ];
        moments.iter().fold(sql.to_owned(), |sql, (from, to)| sql.replace(from, to))
    }
}

/// How large a file is with what lies beside it, MiB.
#[must_use]
pub fn file_mib(path: &Path) -> f64 {
    let beside = path.with_extension("db-wal");
    [path, &beside].iter().filter_map(|it| it.metadata().ok()).map(|it| it.len() as f64).sum::<f64>() / 1_048_576.0
}
