//! `footprint [SECONDS]`: what one agent costs its server.

use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(60), |text| text.parse())?;
    rollcall_bench::footprint::run(Duration::from_secs(seconds)).await
}
