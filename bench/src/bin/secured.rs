//! `secured [PAIRS [STATUSES]]`: status packets per second with TLS, validated user ids and sealed tags, beside the same
//! without them.

use rollcall_bench::throughput::{ROLE, extent, publish, secured};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((role, rest)) if role == ROLE => publish(rest).await,
        _ => secured::run(extent(&arguments)?).await,
    }
}
