//! The role people read as: views and nothing else, for a while and no longer.

use sqlx::{AssertSqlSafe, PgConnection};

use super::failure;
use super::place::Place;

/// How long a question of somebody may take who logs in as the role.
const PATIENCE: &str = "30s";

/// Longest name of anything in PostgreSQL, bytes.
const LONGEST: usize = 63;

/// Makes the role `<database>_reader` where it is missing, and lets it read the views there are. `None` where this user
/// may make no roles and nobody made it: people then ask as the owner, in transactions that cannot write.
///
/// # Errors
/// When the server fails otherwise.
pub(super) async fn reader_role(connection: &mut PgConnection, place: &Place) -> Result<Option<String>, sqlx::Error> {
    let mut role = format!("{}_reader", place.database());
    while role.len() > LONGEST {
        role.pop();
    }
    if let Err(error) = grant(connection, &role).await {
        if failure::is_lost(&error) {
            return Err(error);
        }
        tracing::warn!(
            "questions in SQL are answered as {}, not as a role that may read views only: {error}; \
             let a superuser run: CREATE ROLE {} NOLOGIN; GRANT {} TO {};",
            place.user(),
            quoted(&role),
            quoted(&role),
            quoted(place.user())
        );
        return Ok(None);
    }
    Ok(Some(role))
}

async fn grant(connection: &mut PgConnection, role: &str) -> Result<(), sqlx::Error> {
    let name = quoted(role);
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)")
        .bind(role)
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        let settings = [
            format!("CREATE ROLE {name} NOLOGIN"),
            format!("ALTER ROLE {name} SET statement_timeout = '{PATIENCE}'"),
            format!("ALTER ROLE {name} SET default_transaction_read_only = on"),
        ];
        for sql in settings {
            run(connection, sql).await?;
        }
    }
    // From version 16 on whoever makes a role may give it away, but not become it without another grant.
    let sql = "SELECT pg_has_role(current_user, $1, CASE WHEN current_setting('server_version_num')::int >= 160000 \
               THEN 'SET' ELSE 'MEMBER' END)";
    let may_become: bool = sqlx::query_scalar(sql).bind(role).fetch_one(&mut *connection).await?;
    if !may_become {
        run(connection, format!("GRANT {name} TO CURRENT_USER")).await?;
    }
    let schema: String = sqlx::query_scalar("SELECT current_schema()::text").fetch_one(&mut *connection).await?;
    run(connection, format!("GRANT USAGE ON SCHEMA {} TO {name}", quoted(&schema))).await?;
    let sql = "SELECT c.relname::text FROM pg_class c WHERE c.relkind = 'v' AND c.relname LIKE 'v\\_%' \
               AND c.relnamespace = current_schema()::regnamespace \
               AND NOT has_table_privilege($1, c.oid, 'SELECT') ORDER BY 1";
    let views: Vec<String> = sqlx::query_scalar(sql).bind(role).fetch_all(&mut *connection).await?;
    for view in views {
        run(connection, format!("GRANT SELECT ON {} TO {name}", quoted(&view))).await?;
    }
    Ok(())
}

/// Safe: names are quoted.
async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(connection).await.map(drop)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
