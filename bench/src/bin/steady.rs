//! `steady`: messages to the zone from a fleet in which nothing happens.

fn main() -> anyhow::Result<()> {
    rollcall_bench::steady::run()
}
