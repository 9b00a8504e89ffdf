//! Asks the zone for things all the while, reads what it tells, and writes down what was confirmed. What was not answered is
//! not known, and not written down.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::sight;
use super::truth::{Confirmed, Word};
use crate::stage::{Api, now};

/// Pause between two requests.
const ASKS: Duration = Duration::from_millis(300);
/// Pause between two looks at what is told.
const READS: Duration = Duration::from_millis(700);
/// Who has not answered by then is not waited for.
const ANSWERS: Duration = Duration::from_secs(2);

/// Listens until it is stopped.
pub struct Ear {
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<Vec<Confirmed>>; 2],
}

impl Ear {
    /// Asks for tokens, and orders actions from these nodes by turns.
    #[must_use]
    pub fn open(api: &Api, nodes: Vec<String>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let asking = tokio::spawn(ask(api.clone(), nodes, stopped.clone()));
        Self { stop, tasks: [asking, tokio::spawn(read(api.clone(), stopped))] }
    }

    /// What was confirmed.
    ///
    /// # Panics
    /// When one of its tasks has.
    pub async fn close(self) -> Vec<Confirmed> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(task.await.expect("it writes down"));
        }
        all.sort_by_key(|confirmed| confirmed.at);
        all
    }
}

/// The wall clock, milliseconds since 1970.
#[must_use]
pub fn wall() -> i64 {
    i64::try_from(now().0).unwrap_or(i64::MAX)
}

async fn is_over(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
}

async fn ask(api: Api, nodes: Vec<String>, mut stop: watch::Receiver<bool>) -> Vec<Confirmed> {
    let mut confirmed = Vec::new();
    for number in 0_usize.. {
        let what = if number % 2 == 0 {
            let body = json!({ "for": "node", "name": format!("load-{number:05}"), "ttl_s": 600 });
            answered(&api, "/v1/tokens", body, "token").await.map(Word::Token)
        } else {
            let node = &nodes[number / 2 % nodes.len()];
            let body = json!({ "node": node, "action": { "kind": "identify", "seconds": 1 }, "deadline_s": 30 });
            answered(&api, "/v1/actions", body, "action_id").await.map(Word::Ordered)
        };
        confirmed.extend(what.map(|what| Confirmed { at: wall(), what }));
        if is_over(&mut stop, ASKS).await {
            break;
        }
    }
    confirmed
}

/// What the zone calls that which it confirmed.
async fn answered(api: &Api, path: &str, body: Value, name: &str) -> Option<String> {
    let (code, answer) = timeout(ANSWERS, api.try_command("POST", path, body)).await.ok()?.ok()?;
    if (200..300).contains(&code) { answer[name].as_str().map(str::to_owned) } else { None }
}

async fn read(api: Api, mut stop: watch::Receiver<bool>) -> Vec<Confirmed> {
    let (mut confirmed, mut event, mut change) = (Vec::new(), 0, 0);
    loop {
        if let Ok(Ok(events)) = timeout(ANSWERS, sight::events(&api, event)).await {
            event = events.last().map_or(event, |(number, _)| *number);
            let words = events.into_iter().map(|(number, kind)| Word::Event(number, kind));
            confirmed.extend(words.map(|what| Confirmed { at: wall(), what }));
        }
        if let Ok(Ok(changes)) = timeout(ANSWERS, sight::changes(&api, change)).await {
            change = changes.last().map_or(change, |change| change.number);
            confirmed.extend(changes.into_iter().map(|change| Confirmed { at: wall(), what: Word::Change(change) }));
        }
        if is_over(&mut stop, READS).await {
            return confirmed;
        }
    }
}
