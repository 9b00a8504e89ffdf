//! `rollcall events`: the latest, and on and on through restarts of the zone controller.

use rollcall_startup::Failure;
use serde_json::Value;

use super::Asker;
use super::answer::Event;
use super::client::stream::Events;
use super::client::{Client, ClientError};
use super::events::render;
use super::format::Stream;
use super::output::Reader;

/// Most events of one answer.
const MOST: u16 = 1_000;

/// The latest events of these kinds, all kinds where none is named; then, with `follow`, each that comes.
///
/// # Errors
/// When the zone cannot be reached at the beginning, or refuses later.
pub async fn events(asker: &Asker<'_>, follow: bool, limit: u16, kinds: &[String]) -> Result<(), Failure> {
    let is_wanted = |row: &Value| kinds.is_empty() || kinds.iter().any(|kind| row["kind"] == kind.as_str());
    let mut answer = asker.client.latest_events(if kinds.is_empty() { limit } else { MOST }).await?;
    let newest = newest(answer.document.as_array());
    if let Some(rows) = answer.document.as_array_mut() {
        rows.retain(is_wanted);
        rows.drain(..rows.len().saturating_sub(usize::from(limit)));
    }
    if !follow {
        return asker.show_list(&answer, render);
    }
    let mut stream = Stream::new(asker.settings.format);
    let mut rows = answer.document.as_array().cloned().unwrap_or_default();
    let mut events = Following::after(&asker.client, newest);
    loop {
        let text = || render(&rows.iter().filter_map(read).collect::<Vec<Event>>(), &asker.look());
        if stream.print(&rows, text)? == Reader::Gone {
            return Ok(());
        }
        rows = events.next(|text| asker.note(text)).await?;
        rows.retain(is_wanted);
    }
}

/// An event, as far as it can be read.
pub(super) fn read(row: &Value) -> Option<Event> {
    serde_json::from_value(row.clone()).ok()
}

/// The id of the last of some events; 0 without any.
pub(super) fn newest(rows: Option<&Vec<Value>>) -> i64 {
    rows.and_then(|rows| rows.last()).and_then(|row| row["event_id"].as_i64()).unwrap_or_default()
}

/// Events that go on when the zone comes back.
pub(super) struct Following {
    events: Events,
    away: bool,
}

impl Following {
    /// Those after the event with this id.
    pub fn after(client: &Client, last: i64) -> Self {
        Self { events: Events::after(client, last), away: false }
    }

    /// The next ones. `note` is told, once each time, that the zone went away and that it is back, and what is missing.
    ///
    /// # Errors
    /// When the zone refuses for a reason that does not pass.
    pub async fn next(&mut self, mut note: impl FnMut(&str)) -> Result<Vec<Value>, Failure> {
        loop {
            match self.events.next().await {
                Ok(heard) => {
                    if std::mem::take(&mut self.away) {
                        note("the zone answers again");
                    }
                    heard.missed.iter().for_each(|missed| note(&missed.told()));
                    return Ok(heard.rows);
                }
                Err(error) if !is_passing(&error) => return Err(error.into()),
                Err(error) if !self.away => note(&format!("{error}; trying again")),
                Err(_) => {}
            }
            self.away = true;
            tokio::time::sleep(self.events.pause()).await;
        }
    }
}

/// Whether it may be over in a moment: the zone is restarting.
pub(crate) fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Refused { status, .. } => status.is_server_error() || status.as_u16() == 429,
        ClientError::Url { .. } | ClientError::Credential(_) | ClientError::Foreign { .. } => false,
    }
}
