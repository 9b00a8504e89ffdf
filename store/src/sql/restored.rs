//! What a restored database must not give out again.

use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::link::Link;

/// Moves the generation of the zone, the sessions of groups and the epochs of nodes on. Those that were never given stay
/// so; one that would come to the end of its range stays as it is.
pub(crate) async fn move_on(link: &mut impl Link, by: u32) -> Result<(), sqlx::Error> {
    let last = u32::MAX - by;
    let statements = [
        format!("UPDATE zone SET generation = generation + {by}"),
        format!("UPDATE groups SET session = session + {by} WHERE session BETWEEN 1 AND {last}"),
        format!("UPDATE nodes SET epoch = epoch + {by} WHERE epoch BETWEEN 1 AND {last}"),
    ];
    for sql in statements {
        // Safe: made of numbers.
        link.run(AssertSqlSafe(sql).into_sql_str(), vec![]).await?;
    }
    Ok(())
}
