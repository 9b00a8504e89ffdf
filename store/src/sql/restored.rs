//! What a restored database must not give out again.

use rollcall_model::UnixMillis;
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::link::Link;

/// When something last happened that is written down.
pub(crate) async fn newest_event(link: &mut impl Link) -> Result<Option<UnixMillis>, sqlx::Error> {
    let sql = "SELECT CAST(max(at_ms) AS TEXT) FROM events HAVING max(at_ms) IS NOT NULL";
    let found = link.texts(sql.into_sql_str(), vec![]).await?;
    Ok(found.first().and_then(|text| text.parse().ok()).map(UnixMillis))
}

/// Moves the generation of the zone, the sessions of groups and the epochs of nodes on. Those that were never given stay
/// so; one that would come to the end of its range stays as it is. Tokens that were not used by the time of the backup may have
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
    Ok(())
}
