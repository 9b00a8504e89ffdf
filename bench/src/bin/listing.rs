//! `listing`: lists of 100 of 100,000 nodes over the API, on both databases. The fleet is that of `questions`, and so are the
//! variables that say where it is and how large.

#![allow(clippy::unwrap_used, reason = "the tests' own server: a benchmark that cannot have one has nothing to say")]

use std::time::{SystemTime, UNIX_EPOCH};

use rollcall_bench::listing::measure;
use rollcall_bench::machine::Machine;
use rollcall_bench::questions::fleet::{Fleet, Size};
use rollcall_bench::report::{Section, publish};
use rollcall_model::UnixMillis;
use rollcall_store::Store;

mod databases;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let size = databases::size();
    let load_before = rollcall_bench::machine::load();
    let folder = tempfile::tempdir()?;
    let file = databases::file(&folder);
    let store = Store::open(&format!("sqlite:{}", file.display())).await?;
    written(&store, size).await?;
    let mut rows = measure(&store, "SQLite").await?;
    store.close().await;
    let server = databases::Postgres::start(&["autovacuum_naptime=5s"]);
    let store = Store::open(&server.url).await?;
    if written(&store, size).await? {
        server.settle();
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
