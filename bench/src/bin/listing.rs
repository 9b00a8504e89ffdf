//! `listing`: lists of 100 of 100,000 nodes over the API, on both databases. The fleet is that of `questions`, and so are the
//! variables that say where it is and how large.

#![allow(clippy::unwrap_used, reason = "the tests' own server: a benchmark that cannot have one has nothing to say")]

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use rollcall_bench::listing::measure;
use rollcall_bench::machine::Machine;
use rollcall_bench::questions::fleet::{Fleet, Size};
use rollcall_bench::report::{Section, publish};
use rollcall_model::UnixMillis;
use rollcall_store::Store;

#[allow(dead_code, reason = "what the tests need beside")]
#[path = "../../../store/tests/contract/server.rs"]
mod server;

use self::server::Server;

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let size = Size {
        nodes: number("ROLLCALL_BENCH_NODES", 100_000),
        groups: number("ROLLCALL_BENCH_GROUPS", 2_000),
        changes: number("ROLLCALL_BENCH_CHANGES", 1_000_000),
    };
    let load_before = rollcall_bench::machine::load();
    let kept = std::env::var_os("ROLLCALL_BENCH_DIRECTORY").map(PathBuf::from);
    let folder = tempfile::tempdir()?;
    let file = kept.unwrap_or_else(|| folder.path().to_owned()).join("fleet.db");
    let store = Store::open(&format!("sqlite:{}", file.display())).await?;
    written(&store, size).await?;
    let mut rows = measure(&store, "SQLite").await?;
    store.close().await;
    let own = std::env::var("ROLLCALL_BENCH_POSTGRES_URL").is_err();
    let server =
        own.then(|| Server::start_with(&["fsync=on", "shared_buffers=128MB", "autovacuum_naptime=5s"], |_| {}));
    let database = server.as_ref().map(Server::database).unwrap_or_default();
    let url = match &server {
        Some(server) => server.url(&database),
        None => std::env::var("ROLLCALL_BENCH_POSTGRES_URL")?,
    };
    let store = Store::open(&url).await?;
    if written(&store, size).await?
        && let Some(server) = &server
    {
        // What autovacuum does by itself within minutes.
        server.psql(&database, "VACUUM (ANALYZE)");
    }
    rows.extend(measure(&store, "PostgreSQL").await?);
    publish("listing", Section { machine: Machine::this(), load_before, rows })?;
    Ok(())
}

/// Has the fleet in the store; whether it had to be written.
async fn written(store: &Store, size: Size) -> anyhow::Result<bool> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let (fleet, is_there) = Fleet::of(store, size, UnixMillis(u64::try_from(now.as_millis())?)).await?;
    if !is_there {
        fleet.write(store).await?;
    }
    Ok(!is_there)
}
