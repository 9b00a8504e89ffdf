//! Somebody who says one numbered word after the other on a zone's security channel, as a rack does, each until the broker has
//! confirmed it: what was confirmed must be there afterwards, once.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_model::indicator::Severity;
use rollcall_model::packet::{ChannelMessage, Packet};
use rollcall_model::wire::v1::Envelope;
use rollcall_model::{GroupId, MessageId, Principal, Purpose, name, route};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::site::{Login, now};
use super::{Api, Daemon, Outsider, PATIENCE, Stage, ZONE, until};

/// Between two words.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a confirm is waited for before the word is said again.
const CONFIRM: Duration = Duration::from_secs(2);
/// Between two attempts to connect.
const AGAIN: Duration = Duration::from_millis(200);

/// Speaks until it is asked what was confirmed.
pub struct Speaker {
    stop: watch::Sender<bool>,
    said: JoinHandle<(u32, u32)>,
}

impl Stage {
    /// The zone controller with a security channel.
    #[must_use]
    pub fn zone_with_security(&self) -> Daemon {
        let config = format!("{}[channels]\nextra = [\"security\"]\n", self.zone_config(ZONE));
        Daemon::new(self.directory(), "zone", "rollcall-zone-controller", &config)
    }

    /// Begins to speak with the certificate of a rack.
    ///
    /// # Panics
    /// When the zone does not answer, or knows no such rack.
    pub async fn speaker(&self, rack: &str) -> Speaker {
        let zone = self.zone_id().await;
        let rows = self.api().rows(&format!("SELECT group_id FROM v_groups WHERE name = '{rack}'")).await;
        let group: GroupId = rows[0][0].as_str().and_then(|id| id.parse().ok()).expect("a group id");
        let login = self.site().login(&self.trust(), &Principal::Group(group), zone);
        let (stop, stopped) = watch::channel(false);
        let said = tokio::spawn(speak(self.url().to_owned(), login, group, stopped));
        Speaker { stop, said }
    }
}

impl Speaker {
    /// Stops, and checks that everything that was confirmed is with the zone, once and in order. Gives how many words were confirmed,
    /// and how many were said more than once.
    ///
    /// # Panics
    /// When it is not.
    pub async fn all_there(self, api: &Api) -> (u32, u32) {
        self.stop.send_replace(true);
        let (confirmed, repeated) = self.said.await.expect("it has stopped");
        let last = format!("SELECT COUNT(*) FROM v_channel_messages WHERE subject = '{}'", subject(confirmed));
        until("the last confirmed word", PATIENCE, async || (api.number(&last).await.ok()? >= 1).then_some(())).await;
        let rows = api.rows("SELECT subject FROM v_channel_messages WHERE what = 'word' ORDER BY number").await;
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        for row in &rows {
            *times.entry(row[0].as_str().expect("a text")).or_default() += 1;
        }
        let lost: Vec<String> = (1..=confirmed).map(subject).filter(|it| !times.contains_key(it.as_str())).collect();
        let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(lost.is_empty() && doubled.is_empty(), "of {confirmed}, lost: {lost:?}, doubled: {doubled:?}");
        (confirmed, repeated)
    }
}

fn subject(number: u32) -> String {
    format!("w-{number:06}")
}

fn word(group: GroupId, number: u32) -> Vec<u8> {
    let message = ChannelMessage {
        channel: Purpose::new(name::SECURITY).expect("a purpose"),
        what: "word".into(),
        subject: subject(number),
        severity: Severity::Warning,
        message: "said under load".into(),
        detail: Value::Null,
        at: now(),
    };
    let id = MessageId::derived_from(&format!("word {number} of {group}"));
    Envelope::new(id, route::group_inbox(group).as_str(), now(), Packet::ChannelMessage(message)).encode()
}

async fn speak(url: String, login: Login, group: GroupId, mut stop: watch::Receiver<bool>) -> (u32, u32) {
    let key = route::zone_key(name::SECURITY, group);
    let (mut connection, mut number, mut repeated) = (None, 0, 0);
    while !*stop.borrow_and_update() {
        number += 1;
        let body = word(group, number);
        for attempt in 0.. {
            repeated += u32::from(attempt == 1);
            if connection.is_none() {
                connection = timeout(CONFIRM, Outsider::try_attach(&url, &login)).await.ok().and_then(Result::ok);
            }
            let Some(outsider) = &connection else {
                sleep(AGAIN).await;
                continue;
            };
            match timeout(CONFIRM, outsider.try_publish(route::ZONE, &key, "channel_message", &body)).await {
                Ok(Ok(true)) => break,
                // No queue took it, or nobody knows: it is said again.
                Ok(Ok(false)) => sleep(AGAIN).await,
                Ok(Err(_)) | Err(_) => connection = None,
            }
        }
        sleep(PAUSE).await;
    }
    (number, repeated)
}
