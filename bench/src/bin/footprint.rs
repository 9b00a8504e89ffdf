//! `footprint [SECONDS [WARM_UP_SECONDS]]`: what one agent costs its server, beside serf's.

use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let mut seconds = |otherwise| words.next().map_or(Ok(otherwise), |text| text.parse()).map(Duration::from_secs);
    let (span, warm_up) = (seconds(60)?, seconds(70)?);
    rollcall_bench::footprint::run(span, warm_up).await
}
