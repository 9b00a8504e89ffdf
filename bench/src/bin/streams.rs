//! `streams [CLIENTS [IDLE]]`: how long one event takes to a thousand clients of the stream of events, and what the zone
//! holds for ten thousand that listen while nothing happens.

use rollcall_bench::streams::{ROLE, peer, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [role, certificate] if role == ROLE => peer(certificate).await,
        [clients, idle] => run(clients.parse()?, idle.parse()?).await,
        [clients] => run(clients.parse()?, 10_000).await,
        _ => run(1_000, 10_000).await,
    }
}
