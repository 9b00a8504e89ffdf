//! `availability`: f_RA recovered from the timing of 200 nodes over a real RabbitMQ, and their traffic.

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    rollcall_bench::availability::run().await
}
