//! `questions`: the questions of docs/sql.md about 100,000 nodes, on both databases.
//!
//! `ROLLCALL_BENCH_DIRECTORY` keeps SQLite's file there and asks the one that is there already;
//! `ROLLCALL_BENCH_POSTGRES_URL` does the same with a database of a running server. `ROLLCALL_BENCH_NODES`, `_GROUPS` and
//! `_CHANGES` are its size.

#![allow(clippy::unwrap_used, reason = "the tests' own server: a benchmark that cannot have one has nothing to say")]

use std::path::PathBuf;

use rollcall_bench::machine::Machine;
use rollcall_bench::questions::fleet::Size;
use rollcall_bench::questions::{file_mib, measure};
use rollcall_bench::report::{Row, Section, publish};
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
    let mut rows = measure(&store, "SQLite", size, || {}).await?;
    store.close().await;
    rows.extend(sizes("SQLite", file_mib(&file), size));
    rows.extend(in_postgres(size).await?);
    publish("questions", Section { machine: Machine::this(), load_before, rows })?;
    Ok(())
}

async fn in_postgres(size: Size) -> anyhow::Result<Vec<Row>> {
    // The tests' server loses what a crash takes; this one keeps it, and has the memory PostgreSQL asks for by itself.
    let own = std::env::var("ROLLCALL_BENCH_POSTGRES_URL").is_err();
    let server = own.then(|| Server::start_with(&["fsync=on", "shared_buffers=128MB"], |_| {}));
    let database = server.as_ref().map(Server::database).unwrap_or_default();
    let url = match &server {
        Some(server) => server.url(&database),
        None => std::env::var("ROLLCALL_BENCH_POSTGRES_URL")?,
    };
    let store = Store::open(&url).await?;
    // What autovacuum does by itself within minutes.
    let settle = || {
        if let Some(server) = &server {
            server.psql(&database, "VACUUM (ANALYZE)");
        }
    };
    let mut rows = measure(&store, "PostgreSQL", size, settle).await?;
    let bytes = store.select("SELECT pg_database_size(current_database())", &[]).await?;
    let bytes = bytes.rows[0][0].as_f64().unwrap_or_default();
    rows.extend(sizes("PostgreSQL", bytes / 1_048_576.0, size));
    Ok(rows)
}

/// What the fleet takes up, and what a node adds in a day like those of the fleet.
fn sizes(database: &str, mib: f64, size: Size) -> [Row; 2] {
    let per_node_and_day = mib * 1_048_576.0 / f64::from(size.nodes) / 7.0;
    [
        Row::new(format!("{database}: size"), mib, "MiB").note("all tables and indexes"),
        Row::new(format!("{database}: growth for a node and day"), per_node_and_day, "B")
            .note("of the seven days written"),
    ]
}
