//! Opening: the server, whose schema it is, the lock, the schema's version, the role for readers.

use std::io;
use std::time::Duration;

use sqlx::{ConnectOptions, PgConnection};

use super::migrate::migrate;
use super::place::Place;
use super::reader::reader_role;
use super::{failure, within};
use crate::{OpenError, sql};

/// How long the server may take to let somebody in.
const ADMISSION: Duration = Duration::from_secs(10);

/// The oldest version of the server, as the server numbers itself.
const OLDEST: i32 = 150_000;

/// `Roll`, beside the schema's own number, is the lock that a zone's one writer holds.
const LOCK: &str = "SELECT pg_try_advisory_lock(1383033964, hashtext(current_schema()))";

/// Who holds it.
pub(super) const HOLDER: &str = "SELECT concat('process ', a.pid, ' of the server, connected from ', \
     coalesce(host(a.client_addr), 'its own machine'), ' since ', \
     to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), ' UTC') \
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
     WHERE l.locktype = 'advisory' AND l.classid = 1383033964 AND l.objid::int = hashtext(current_schema()) \
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.granted";

/// What an opened database is.
pub(super) struct Opened {
    pub connection: PgConnection,
    /// The role questions of people are answered as, where it could be had.
    pub reader: Option<String>,
}

/// A connection to a database that is ours, or will be.
pub(super) async fn connected(place: &Place) -> Result<PgConnection, OpenError> {
    let mut connection = connect(place).await.map_err(|source| refused(place, source))?;
    check_server(&mut connection, place).await?;
    refuse_what_is_not_ours(&mut connection, place).await?;
    Ok(connection)
}

/// The same, with the lock.
pub(super) async fn locked(place: &Place) -> Result<PgConnection, OpenError> {
    let mut connection = connected(place).await?;
    match lock(&mut connection).await.map_err(says(place, "taking the writer's lock"))? {
        None => Ok(connection),
        Some(holder) => Err(OpenError::Held { place: place.shown().into(), holder }),
    }
}

/// Makes it ready with a connection that has the lock.
pub(super) async fn open(place: &Place, mut connection: PgConnection) -> Result<Opened, OpenError> {
    migrate(&mut connection, place).await?;
    sql::tell_indicators(&mut connection).await.map_err(says(place, "writing the dictionary of indicators"))?;
    let reader = reader_role(&mut connection, place).await.map_err(says(place, "making the role for readers"))?;
    Ok(Opened { connection, reader })
}

/// A connection that may write.
pub(super) async fn connect(place: &Place) -> Result<PgConnection, sqlx::Error> {
    within(ADMISSION, place.writing().connect()).await
}

pub(super) fn says<'a>(place: &'a Place, doing: &'static str) -> impl Fn(sqlx::Error) -> OpenError + 'a {
    move |source| OpenError::Database { place: place.shown().to_owned(), doing, source }
}

/// Takes the lock; else says who holds it.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    if sqlx::query_scalar::<_, bool>(LOCK).fetch_one(&mut *connection).await? {
        return Ok(None);
    }
    let holder = sqlx::query_scalar::<_, String>(HOLDER).fetch_optional(connection).await?;
    Ok(Some(holder.unwrap_or_else(|| "somebody who has just gone".into())))
}

/// Why the server did not let us in, in words for who has to act.
pub(super) fn refused(place: &Place, source: sqlx::Error) -> OpenError {
    let shown = place.shown().to_owned();
    match failure::code(&source).as_deref() {
        Some("28P01" | "28000") => OpenError::Login { place: shown, user: place.user().into(), source },
        Some("3D000") => {
            OpenError::NoDatabase { place: shown, database: place.database().into(), user: place.user().into() }
        }
        Some("42501") => OpenError::Login { place: shown, user: place.user().into(), source },
        _ => match source {
            sqlx::Error::Tls(_) => OpenError::Insecure { place: shown, source },
            // What rustls says of a certificate comes this way.
            sqlx::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                OpenError::Insecure { place: shown, source: sqlx::Error::Io(error) }
            }
            sqlx::Error::Configuration(_) => OpenError::Url { url: shown, problem: source.to_string() },
            source => OpenError::Unreachable { place: shown, source },
        },
    }
}

/// Its version, its encoding, and whether it takes anything.
pub(super) async fn check_server(connection: &mut PgConnection, place: &Place) -> Result<(), OpenError> {
    let sql = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
               current_setting('server_encoding'), current_setting('transaction_read_only') = 'on', \
               coalesce(current_schema(), '')";
    let (number, version, encoding, is_read_only, schema) =
        sqlx::query_as::<_, (i32, String, String, bool, String)>(sql)
            .fetch_one(connection)
            .await
            .map_err(says(place, "asking its version"))?;
    let place = place.shown().to_owned();
    let unfit = |problem: String| OpenError::Unfit { place: place.clone(), problem };
    if number < OLDEST {
        return Err(unfit(format!(
            "the server is PostgreSQL {version}; Rollcall needs 15 or later: upgrade the server"
        )));
    }
    if encoding != "UTF8" {
        let why =
            format!("its encoding is {encoding}; make one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0");
        return Err(unfit(why));
    }
    if is_read_only {
        return Err(unfit("it takes no writes: the server is a standby, or set to read only; name the primary".into()));
    }
    if schema.is_empty() {
        return Err(unfit("no schema of its search path exists; make one, or correct search_path".into()));
    }
    Ok(())
}

/// A schema that holds tables of something else is recognised before anything is written.
pub(super) async fn refuse_what_is_not_ours(connection: &mut PgConnection, place: &Place) -> Result<(), OpenError> {
    let sql = "SELECT coalesce(obj_description(to_regclass(quote_ident(current_schema()) || '._sqlx_migrations'), \
               'pg_class') LIKE 'Rollcall:%', false), \
               current_schema(), \
               (SELECT array_agg(relname::text ORDER BY relname) FROM pg_class \
                WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v', 'm', 'p', 'f') \
                AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e') \
                AND relname <> '_sqlx_migrations')";
    let (is_ours, schema, found) = sqlx::query_as::<_, (bool, String, Option<Vec<String>>)>(sql)
        .fetch_one(connection)
        .await
        .map_err(says(place, "looking whose it is"))?;
    match found {
        Some(found) if !is_ours => Err(OpenError::ForeignSchema {
            place: place.shown().into(),
            schema,
            tables: found.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", "),
        }),
        _ => Ok(()),
    }
}
