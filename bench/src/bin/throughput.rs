//! `throughput [PAIRS [STATUSES]]`: status packets per second, beside a bare client.

use rollcall_bench::throughput::{ROLE, beside_bare, extent, publish};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((role, rest)) if role == ROLE => publish(rest).await,
        _ => beside_bare::run(extent(&arguments)?).await,
    }
}
