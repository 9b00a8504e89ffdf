//! `joins [NODES]`: how long a thousand nodes take that join at once, each with a token, and what the zone feels of it.

use rollcall_bench::joins::{ROLE, agents, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [role, crowd] if role == ROLE => agents(crowd).await,
        [nodes] => run(nodes.parse()?).await,
        _ => run(1_000).await,
    }
}
