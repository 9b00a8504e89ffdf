//! `policy [ROUNDS]`: how long a change of policy takes to reach 200 nodes, and to be acknowledged by each.

fn main() -> anyhow::Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(7), |text| text.parse())?;
    rollcall_bench::policy::run(rounds)
}
