//! `restart`: how soon a zone controller is ready that starts on 100,000 nodes, and what it holds. `databases` says which
//! variables tell where the fleet lies and how large it is.

#![allow(dead_code, reason = "what the other programs need of the databases")]
#![allow(clippy::unwrap_used, reason = "the tests' own server: a benchmark that cannot have one has nothing to say")]

mod databases;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    rollcall_bench::restart::run(&databases::file(&folder), databases::size()).await
}
