//! Where the fleets lie that `questions` and `listing` ask, and how large they are.
//!
//! `ROLLCALL_BENCH_DIRECTORY` keeps SQLite's file there and asks the one that is there already;
//! `ROLLCALL_BENCH_POSTGRES_URL` does the same with a database of a running server. `ROLLCALL_BENCH_NODES`, `_GROUPS` and
//! `_CHANGES` are the fleet's size.

use std::path::PathBuf;

use rollcall_bench::questions::fleet::Size;

#[allow(dead_code, reason = "what the tests need beside")]
#[path = "../../../../store/tests/contract/server.rs"]
mod server;

use self::server::Server;

/// How large the fleet is.
pub fn size() -> Size {
    Size {
        nodes: number("ROLLCALL_BENCH_NODES", 100_000),
        groups: number("ROLLCALL_BENCH_GROUPS", 2_000),
        changes: number("ROLLCALL_BENCH_CHANGES", 1_000_000),
    }
}

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// SQLite's file: where it is kept, or in this folder.
pub fn file(folder: &tempfile::TempDir) -> PathBuf {
    let kept = std::env::var_os("ROLLCALL_BENCH_DIRECTORY").map(PathBuf::from);
    kept.unwrap_or_else(|| folder.path().to_owned()).join("fleet.db")
}

/// A PostgreSQL server, started for this unless one is running.
pub struct Postgres {
    /// The database's URL.
    pub url: String,
    own: Option<(Server, String)>,
}

impl Postgres {
    /// The tests' server loses what a crash takes; this one keeps it, and has the memory PostgreSQL asks for by itself.
    pub fn start(settings: &[&str]) -> Self {
        if let Ok(url) = std::env::var("ROLLCALL_BENCH_POSTGRES_URL") {
            return Self { url, own: None };
        }
        let all = [&["fsync=on", "shared_buffers=128MB"], settings].concat();
        let server = Server::start_with(&all, |_| {});
        let database = server.database();
        Self { url: server.url(&database), own: Some((server, database)) }
    }

    /// What autovacuum does by itself within minutes.
    pub fn settle(&self) {
        if let Some((server, database)) = &self.own {
            server.psql(database, "VACUUM (ANALYZE)");
        }
    }
}
