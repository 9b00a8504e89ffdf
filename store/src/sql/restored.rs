//! What a restored database must not give out again.

use rollcall_model::UnixMillis;
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::copy::{last_number, number_after};
use super::link::Link;
use super::tables::TABLES;

/// Tables whose numbers programs remember; there since the first version.
const REMEMBERED: [&str; 3] = ["events", "health_history", "alerts"];

/// When something last happened that is written down.
pub(crate) async fn newest_event(link: &mut impl Link) -> Result<Option<UnixMillis>, sqlx::Error> {
    let sql = "SELECT CAST(max(at_ms) AS TEXT) FROM events HAVING max(at_ms) IS NOT NULL";
    let found = link.texts(sql.into_sql_str(), vec![]).await?;
    Ok(found.first().and_then(|text| text.parse().ok()).map(UnixMillis))
}

/// Moves the generation of the zone, the sessions of groups and the epochs of nodes on. Those that were never given stay
/// so; one that would come to the end of its range stays as it is. Numbers of events, of changes of health and of alerts go on as much
/// later: programs remember by them what they heard. Tokens that were not used by the time of the backup may have
/// been since, so none of them lets anybody in.
pub(crate) async fn move_on(link: &mut impl Link, by: u32, now: UnixMillis) -> Result<(), sqlx::Error> {
    let last = u32::MAX - by;
    let statements = [
        format!("UPDATE zone SET generation = generation + {by}"),
        format!("UPDATE groups SET session = session + {by} WHERE session BETWEEN 1 AND {last}"),
        format!("UPDATE nodes SET epoch = epoch + {by} WHERE epoch BETWEEN 1 AND {last}"),
        format!(
            "UPDATE join_tokens SET revoked_ms = {}, revoked_by = 'rollcall db restore'
             WHERE used_ms IS NULL AND revoked_ms IS NULL",
            now.0
        ),
    ];
    for sql in statements {
        // Safe: made of numbers.
        link.run(AssertSqlSafe(sql).into_sql_str(), vec![]).await?;
    }
    for table in TABLES.iter().filter(|table| REMEMBERED.contains(&table.name)) {
        let last = last_number(link, table).await?;
        number_after(link, table, last + i64::from(by)).await?;
    }
    Ok(())
}
