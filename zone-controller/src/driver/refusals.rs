//! Where the broker tells what it refused.

use std::time::Duration;

use rollcall_bus::{Bus, DeclareError};

use crate::topology;

/// The exchange of the broker's log is looked for after this, and then ever less often, until it is there.
const REFUSALS_RETRIED: Duration = Duration::from_secs(5);
const REFUSALS_LOOKED_FOR: Duration = Duration::from_secs(600);

/// Binds the queue of refusals as soon as the broker has the exchange of its log; where it has none that is said.
pub async fn hear_refusals(bus: Bus) {
    let mut pause = REFUSALS_RETRIED;
    loop {
        match bus.declare(topology::refusals()).await {
            Ok(declared) if declared.missing.is_empty() => return,
            Ok(_) if pause > REFUSALS_RETRIED => tracing::warn!(
                "the broker does not tell what it refuses, so it is missing in the audit log: set log.exchange = true in the \
                 broker's configuration (docs/operating.md)"
            ),
            Ok(_) => {}
            Err(DeclareError::Closed) => return,
            Err(error) => return tracing::warn!("refused operations cannot be heard of: {error}"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 4).min(REFUSALS_LOOKED_FOR);
    }
}
