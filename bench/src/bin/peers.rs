//! `peers [ROUNDS [REPORTS]]`: what others do to the same end, beside Rollcall.

use rollcall_bench::{peers, throughput};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((role, rest)) = arguments.split_first()
        && role == throughput::ROLE
    {
        return throughput::publish(rest).await;
    }
    let mut extent = peers::Extent::default();
    if let Some(rounds) = arguments.first() {
        extent.rounds = rounds.parse()?;
    }
    if let Some(reports) = arguments.get(1) {
        extent.reports = reports.parse()?;
    }
    peers::run(extent).await
}
