//! Removes what is over, a bounded number of rows at a time.

use rollcall_model::UnixMillis;
use serde_json::Value;
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::copy::plain;
use super::link::{Link, put, row_of};
use super::shape::PRUNINGS;
use super::tables::Key;
use super::{Dialect, Sql};
use crate::prune::{Mark, Pruned, Step};
use crate::retention::History;
use crate::row::PruningRow;

/// A history as its rows leave.
struct Leaving {
    table: &'static str,
    /// When a row was over; nothing where it is not.
    time: &'static str,
    key: &'static [Key],
    /// What else must hold of a row that goes; bind `$2` is the cut.
    unless: &'static str,
}

/// The newest before the cut answers for the moments after it.
const A_LATER_ONE: &str = " AND EXISTS (SELECT 1 FROM health_history n WHERE n.node_id = health_history.node_id \
     AND n.at_ms BETWEEN health_history.at_ms AND CAST($2 AS BIGINT) \
     AND (n.at_ms, n.history_id) > (health_history.at_ms, health_history.history_id))";

/// The next one is numbered after the last.
const NOT_THE_LAST: &str = " AND EXISTS (SELECT 1 FROM channel_messages n WHERE n.channel = channel_messages.channel \
     AND n.number > channel_messages.number)";

/// Who still waits to be let in is not over; the zone forgets it after thirty days, milliseconds.
const NO_LONGER_WAITING: &str =
    " AND (state IN ('denied', 'issued') OR requested_ms < CAST($2 AS BIGINT) - 2592000000)";

const fn leaving(history: History) -> Leaving {
    use Key::{Number, Text};
    let (time, key, unless): (&str, &'static [Key], &str) = match history {
        History::HealthHistory => ("at_ms", &[Number("history_id")], A_LATER_ONE),
        History::Events => ("at_ms", &[Number("event_id")], ""),
        History::Alerts => ("cleared_ms", &[Number("alert_id")], ""),
        History::Assignments => ("until_ms", &[Number("assignment_id")], ""),
        History::Memberships => ("until_ms", &[Number("membership_id")], ""),
        History::NodeHardware => ("until_ms", &[Number("hardware_id")], ""),
        History::Actions => ("ended_ms", &[Text("action_id")], ""),
        History::ChannelMessages => ("sent_ms", &[Text("channel"), Number("number")], NOT_THE_LAST),
        History::Analytics => ("at_ms", &[Number("analytics_id")], ""),
        History::JoinTokens => ("expires_ms", &[Text("token")], ""),
        History::JoinRequests => ("requested_ms", &[Text("join_id")], NO_LONGER_WAITING),
        History::Certificates => ("expires_ms", &[Text("serial")], ""),
    };
    Leaving { table: history.table(), time, key, unless }
}

impl Leaving {
    /// The rows that follow a mark, oldest first, as lists of their time and key. `$1` is the cut, `$2` how many, the rest the
    /// mark.
    fn page(&self, d: Dialect) -> String {
        let Self { table, time, key, .. } = self;
        let columns: Vec<String> =
            [*time].into_iter().chain(key.iter().map(|key| key.name())).map(|name| format!("t.{name}")).collect();
        let columns = columns.join(", ");
        let mark: Vec<String> = key.iter().enumerate().map(|(at, key)| key.bound(at + 4)).collect();
        format!(
            "SELECT {} FROM {table} t WHERE t.{time} < CAST($1 AS BIGINT) AND t.{time} >= CAST($3 AS BIGINT) \
             AND ({columns}) > (CAST($3 AS BIGINT), {}) ORDER BY {columns} LIMIT CAST($2 AS BIGINT)",
            d.array(&columns),
            mark.join(", ")
        )
    }

    /// Removes rows of a page: `$1` is that, `$2` the cut.
    fn removal(&self, d: Dialect) -> String {
        let Self { table, key, unless, .. } = self;
        let names: Vec<&str> = key.iter().map(|key| key.name()).collect();
        let values: Vec<String> =
            key.iter().zip(1..).map(|(key, place)| key.cast(&d.element("i.value", place))).collect();
        let (names, values) = (names.join(", "), values.join(", "));
        format!("DELETE FROM {table} WHERE ({names}) IN (SELECT {values} FROM {}){unless}", d.each(1, "i"))
    }

    /// Before every row.
    fn beginning(&self) -> Mark {
        let key = self.key.iter().map(|key| key.least().to_owned());
        Mark(["-1".to_owned()].into_iter().chain(key).collect())
    }
}

static PRUNINGS_SQL: Sql = Sql::new(|d| d.upsert(&PRUNINGS));

/// One step: looks at the next rows of a history, at most so many, and removes those that may go. What was done is kept for
/// people at the end of the history.
pub(crate) async fn prune(link: &mut impl Link, step: Step<'_>, now: UnixMillis) -> Result<Pruned, sqlx::Error> {
    let pruned = remove(link, step).await?;
    if let Some(row) = step.noted(&pruned, now) {
        put(link, &PRUNINGS_SQL, &[row]).await?;
    }
    Ok(pruned)
}

async fn remove(link: &mut impl Link, step: Step<'_>) -> Result<Pruned, sqlx::Error> {
    let Step { cut, from, rows, .. } = step;
    let (leaving, dialect) = (leaving(cut.history), link.dialect());
    let Mark(from) = from.cloned().unwrap_or_else(|| leaving.beginning());
    let binds = [cut.before.0.to_string(), rows.to_string()].into_iter().chain(from).collect();
    // Safe: made of names that stand above.
    let page = link.texts(AssertSqlSafe(leaving.page(dialect)).into_sql_str(), binds).await?;
    let Some(last) = page.last() else { return Ok(Pruned::default()) };
    let last: Vec<Value> = row_of(last)?;
    let is_more = page.len() as u64 >= u64::from(rows);
    let binds = [format!("[{}]", page.join(",")), cut.before.0.to_string()];
    let binds = binds.into_iter().take(if leaving.unless.contains("$2") { 2 } else { 1 }).collect();
    let removed = link.run(AssertSqlSafe(leaving.removal(dialect)).into_sql_str(), binds).await?;
    let next = is_more.then(|| Mark(last.iter().map(plain).collect()));
    Ok(Pruned { removed, next })
}

static PRUNINGS_FOUND: Sql = Sql::new(|d| format!("SELECT {} FROM prunings t", d.row(&PRUNINGS)));

/// The latest look at each history.
pub(crate) async fn prunings(link: &mut impl Link) -> Result<Vec<PruningRow>, sqlx::Error> {
    let found = link.texts(PRUNINGS_FOUND.text(link.dialect()), vec![]).await?;
    found.iter().map(|text| row_of(text)).collect()
}

/// When the oldest row of a history was over, as text; no row where none is.
pub(super) fn oldest(history: History) -> String {
    let Leaving { table, time, .. } = leaving(history);
    format!("SELECT CAST({time} AS TEXT) FROM {table} WHERE {time} IS NOT NULL ORDER BY {time} LIMIT 1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    /// Pruning must cost what it looks at, not what is there. (PostgreSQL takes the same indexes, but looks through tables as
    /// small as those of a test.)
    #[tokio::test]
    async fn every_statement_finds_its_rows_by_an_index() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        for history in History::ALL {
            let (leaving, dialect) = (leaving(history), Dialect::Sqlite);
            for sql in [leaving.page(dialect), leaving.removal(dialect)] {
                let sql = (1..=6).fold(sql, |sql, bind| sql.replace(&format!("${bind}"), "'[]'"));
                // What is removed is found as it would be read.
                let sql = match sql.strip_prefix("DELETE") {
                    Some(rest) => format!("EXPLAIN QUERY PLAN SELECT 1{rest}"),
                    None => format!("EXPLAIN QUERY PLAN {sql}"),
                };
                let plan = store.select(Box::leak(sql.clone().into_boxed_str()), &[]).await.unwrap();
                let lines: Vec<&str> = plan.rows.iter().filter_map(|row| row[3].as_str()).collect();
                let scans = lines.iter().any(|line| line.starts_with("SCAN") && !line.contains("VIRTUAL TABLE"));
                let sorts_all = lines.contains(&"USE TEMP B-TREE FOR ORDER BY");
                assert!(!scans && !sorts_all, "{history:?}: {sql}\n{lines:#?}");
            }
        }
    }

    #[test]
    fn a_step_reads_an_index_from_its_mark_and_removes_by_key() {
        let messages = leaving(History::ChannelMessages);
        assert_eq!(
            messages.page(Dialect::Sqlite),
            "SELECT json_array(t.sent_ms, t.channel, t.number) FROM channel_messages t \
             WHERE t.sent_ms < CAST($1 AS BIGINT) AND t.sent_ms >= CAST($3 AS BIGINT) \
             AND (t.sent_ms, t.channel, t.number) > (CAST($3 AS BIGINT), $4, CAST($5 AS BIGINT)) \
             ORDER BY t.sent_ms, t.channel, t.number LIMIT CAST($2 AS BIGINT)"
        );
        assert_eq!(
            leaving(History::Events).removal(Dialect::Postgres),
            "DELETE FROM events WHERE (event_id) IN (SELECT CAST((i.value::json ->> 1) AS BIGINT) \
             FROM json_array_elements_text($1::json) AS i(value))"
        );
    }
}
