//! Standing by: another process of the same group has the inbox, and this one waits for it.
//!
//! An inbox belongs to one connection, so the broker itself sees to it that one of several controllers of a group acts. Who waits keeps
//! its connection, so that taking over costs no login, and sends the inbox a message now and then that whoever has it drops. To try and
//! declare it instead would fill the broker's log with refusals.

use std::time::Duration;

use rollcall_model::route;
use tokio::time::Instant;

use super::publisher::Extra;
use super::session::Session;
use super::shared::Shared;
use crate::delivery::ECHO;
use crate::{Assurance, DownCause, Link, Outgoing, PublishError};

/// How often it is looked whether the inbox is free, on the average.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until nobody has the inbox; another may be quicker to take it then. Tells whoever looks at the link that it stands by.
///
/// # Errors
/// When the connection cannot be trusted any more; says why.
pub(super) async fn wait(shared: &Shared, session: &Session) -> Result<(), String> {
    let told = matches!(&*shared.link.borrow(), Link::Down { refused: DownCause::StandsBy, .. });
    if !told {
        let inbox = &shared.inbox;
        tracing::info!(
            inbox,
            "stands by: another process has the inbox, or the broker has not missed our last connection yet"
        );
        shared.down(format!("stands by: another process has inbox {inbox:?}"), DownCause::StandsBy);
    }
    loop {
        tokio::time::sleep(LOOK.mul_f64(0.5 + rand::random::<f64>())).await;
        match look(shared, session).await {
            // It is there. A full one refuses, which says the same.
            Ok(()) | Err(PublishError::Refused { .. }) => shared.proven(),
            Err(PublishError::Unroutable { .. }) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
    }
}

async fn look(shared: &Shared, session: &Session) -> Result<(), PublishError> {
    let deadline = Duration::from_millis(shared.settings.confirm_deadline_ms);
    let message = Outgoing {
        exchange: route::DIRECT.into(),
        routing_key: shared.inbox.clone(),
        // An echo without a number is nobody's.
        body: Vec::new(),
        kind: ECHO,
        message_id: None,
        assurance: Assurance::Confirmed,
        trace: None,
    };
    let extra = Extra { expires_ms: u64::try_from(LOOK.as_millis()).ok(), ..session.extra() };
    session.publish(message, extra, Instant::now() + deadline).await
}
