//! Every question of `docs/sql.md` about a large fleet, in SQLite and in PostgreSQL, and what the fleet takes up.

pub mod fleet;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rollcall_model::{SessionEpoch, UnixMillis};
use rollcall_store::{AskLimits, Change, Store};

use self::fleet::Size;
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

/// Writes the fleet where there is none, and asks everything.
///
/// # Errors
/// When the store refuses, or does not answer within a minute.
pub async fn measure(store: &Store, database: &str, size: Size) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let there = store.select("SELECT count(*) FROM nodes", &[]).await?.rows[0][0].as_u64().unwrap_or_default();
    if there == 0 {
        let began = Instant::now();
        fleet::write(store, size).await?;
        rows.push(Row::new(format!("{database}: writing the fleet"), began.elapsed().as_secs_f64(), "s"));
    }
    let mut out = std::io::stderr();
    for (question, sql) in questions() {
        let limits = AskLimits { rows: 10_000, timeout: Duration::from_secs(60) };
        let mut found = 0;
        let took = median(async || {
            found = store.ask(sql, limits).await?.rows.len();
            Ok(())
        });
        let took = took.await?;
        let mark = if took > QUESTION_MS { " <-- slow" } else { "" };
        writeln!(out, "{database:10} {took:9.1} ms {found:6} rows  {question}{mark}")?;
        let row = Row::new(format!("{database}: {question}"), took, "ms").beside(format!("≤ {QUESTION_MS} ms"));
        rows.push(row.note(format!("{found} rows")));
    }
    let mut moment = 1_900_000_000_000;
    let took = median(async || {
        moment += 1_000;
        let nodes = (1..=SEEN.min(size.nodes)).map(|number| (fleet::node(number), SessionEpoch(1))).collect();
        store.commit(&[Change::NodesSeen { nodes, at: UnixMillis(moment) }]).await?;
        Ok(())
    });
    let took = took.await?;
    writeln!(out, "{database:10} {took:9.1} ms  last signs of life of {SEEN} nodes")?;
    let what = format!("{database}: last signs of life of {SEEN} nodes, in one commit");
    rows.push(Row::new(what, took, "ms").beside(format!("≤ {SEEN_MS} ms")));
    Ok(rows)
}

/// How large a file is with what lies beside it, MiB.
#[must_use]
pub fn file_mib(path: &Path) -> f64 {
    let beside = path.with_extension("db-wal");
    [path, &beside].iter().filter_map(|it| it.metadata().ok()).map(|it| it.len() as f64).sum::<f64>() / 1_048_576.0
}
