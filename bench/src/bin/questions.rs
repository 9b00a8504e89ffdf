//! `questions`: the questions of docs/sql.md about 100,000 nodes, on both databases.
//! `databases` says which variables tell where they lie and how large the fleet is.

#![allow(clippy::unwrap_used, reason = "the tests' own server: a benchmark that cannot have one has nothing to say")]

use rollcall_bench::machine::Machine;
use rollcall_bench::questions::fleet::Size;
use rollcall_bench::questions::{file_mib, measure};
use rollcall_bench::report::{Row, Section, publish};
use rollcall_store::Store;

mod databases;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let size = databases::size();
    let load_before = rollcall_bench::machine::load();
    let folder = tempfile::tempdir()?;
    let file = databases::file(&folder);
    let store = Store::open(&format!("sqlite:{}", file.display())).await?;
    let mut rows = measure(&store, "SQLite", size, || {}).await?;
    store.close().await;
    rows.extend(sizes("SQLite", file_mib(&file), size));
    rows.extend(in_postgres(size).await?);
    publish("questions", Section { machine: Machine::this(), load_before, rows })?;
    Ok(())
}

async fn in_postgres(size: Size) -> anyhow::Result<Vec<Row>> {
    let server = databases::Postgres::start(&[]);
    let store = Store::open(&server.url).await?;
    let mut rows = measure(&store, "PostgreSQL", size, || server.settle()).await?;
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
