//! `throughput [PAIRS [STATUSES]]`: status packets per second, beside a bare client.

use rollcall_bench::throughput::{Extent, ROLE, publish, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, url] = arguments.as_slice()
        && role == ROLE
    {
        return publish(url).await;
    }
    let mut extent = Extent::default();
    if let Some(pairs) = arguments.first() {
        extent.pairs = pairs.parse()?;
    }
    if let Some(statuses) = arguments.get(1) {
        extent.statuses = statuses.parse()?;
    }
    run(extent).await
}
