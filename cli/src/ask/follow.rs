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

/// The latest events of these kinds, all kinds where none is named; then, with `follow`, each that comes.
///
/// # Errors
/// When the zone cannot be reached at the beginning, or refuses later.
pub async fn events(asker: &Asker<'_>, follow: bool, limit: u16, kinds: &[String]) -> Result<(), Failure> {
    if !follow {
        return asker.show_list(&asker.client.latest_of(kinds, limit).await?, render);
    }
    // Where what happens from now on begins: the latest of these kinds may be long ago.
    let begun = match kinds {
        [] => 0,
        _ => newest(asker.client.latest_events(1).await?.document.as_array()),
    };
    let answer = asker.client.latest_of(kinds, limit).await?;
    let newest = newest(answer.document.as_array()).max(begun);
    let mut stream = Stream::new(asker.settings.format);
    let mut rows = answer.document.as_array().cloned().unwrap_or_default();
    let mut events = Following::after(&asker.client, newest).of_kinds(kinds);
    loop {
        let text = || render(&rows.iter().filter_map(read).collect::<Vec<Event>>(), &asker.look());
        if stream.print(&rows, text)? == Reader::Gone {
            return Ok(());
        }
        rows = events.next(|text| asker.note(text)).await?;
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

    /// Of these kinds only; of all where none is named.
    #[must_use]
    pub fn of_kinds(self, kinds: &[String]) -> Self {
        Self { events: self.events.of_kinds(kinds), ..self }
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
