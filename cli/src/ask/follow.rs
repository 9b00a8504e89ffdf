//! `rollcall events --follow`: on and on, through restarts of the zone controller.

use std::time::Duration;

use rollcall_startup::Failure;
use serde_json::Value;

use super::answer::Event;
use super::client::{Answer, Client, ClientError};
use super::output::Reader;

/// How long the zone is asked to wait for the next event.
const WAIT: Duration = Duration::from_secs(20);
/// How long to wait before a zone that went away is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Gives the latest `limit` events to `show`, then each that follows, until the reader is gone.
/// `note` is told, once each time, that the zone went away and that it is back.
///
/// # Errors
/// When the zone cannot be reached at the beginning, refuses later, or `show` fails.
pub async fn follow(
    client: &Client,
    limit: u16,
    mut show: impl FnMut(&[Event], &[Value]) -> Result<Reader, Failure>,
    mut note: impl FnMut(&str),
) -> Result<(), Failure> {
    let mut answer = client.latest_events(limit).await?;
    let mut last = 0;
    let mut away = false;
    loop {
        let events: Vec<Event> = answer.read()?;
        last = events.last().map_or(last, |event| event.event_id);
        if !events.is_empty() && show(&events, documents(&answer))? == Reader::Gone {
            return Ok(());
        }
        (last, answer) = loop {
            match next(client, last, away).await {
                Ok(next) => break next,
                Err(error) if !is_passing(&error) => return Err(error.into()),
                Err(error) if !away => note(&format!("{error}; trying again")),
                Err(_) => {}
            }
            away = true;
            tokio::time::sleep(RETRY).await;
        };
        if std::mem::take(&mut away) {
            note("the zone answers again");
        }
    }
}

fn documents(answer: &Answer) -> &[Value] {
    answer.document.as_array().map_or(&[], Vec::as_slice)
}

/// The events after `last`. A zone that was `away` is not asked to wait, and is asked first whether it still numbers
/// its events as before: with a new database it begins anew, and so does what is shown.
async fn next(client: &Client, last: i64, away: bool) -> Result<(i64, Answer), ClientError> {
    if !away {
        return Ok((last, client.events_after(last, WAIT).await?));
    }
    let newest = client.latest_events(1).await?.read::<Vec<Event>>()?.last().map_or(0, |event| event.event_id);
    let last = if newest < last { 0 } else { last };
    Ok((last, client.events_after(last, Duration::ZERO).await?))
}

/// Whether it may be over in a moment: the zone is restarting.
pub(super) fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Refused { status, .. } => status.is_server_error(),
        ClientError::Url { .. } | ClientError::Credential(_) | ClientError::Foreign { .. } => false,
    }
}
