//! `rollcall wait`: until something is so, for scripts.

mod condition;

use std::time::Duration;

use rollcall_startup::{Exit, Failure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use self::condition::{Condition, Standing, What};
use super::Asker;
use super::answer::{Action, Table};
use super::client::ClientError;
use super::client::stream::{Events, Heard};
use super::follow::{is_passing, newest};
use super::watch::is_missing;
use crate::arguments::Waits;
use crate::progress::Progress;

/// How often it is looked, at most and at least, whatever happens.
const PACE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Waits.
///
/// # Errors
/// Exit code 4 where it is not so in time, 2 where a condition cannot be understood, 1 where it can never be so, 3 where
/// the zone cannot be reached at the beginning.
pub async fn run(asker: &Asker<'_>, asked: Waits) -> Result<(), Failure> {
    let conditions: Vec<Condition> = asked
        .conditions
        .iter()
        .map(|text| {
            text.parse().map_err(|why| {
                Failure::usage(format!("--for {text}: {why}"))
                    .hint("`rollcall wait --help` lists what can be waited for")
            })
        })
        .collect::<Result<_, _>>()?;
    let began = Instant::now();
    let end = began + asked.timeout;
    let latest = asker.client.latest_events(1).await?;
    let mut events = Events::after(&asker.client, newest(latest.document.as_array()));
    let mut told = Told::new(asker);
    loop {
        let standings = look(asker, &conditions).await?;
        let document = document(&conditions, &standings, began.elapsed());
        if let Some(never) = standings.iter().find(|it| it.never) {
            asker.conclude(&document, "")?;
            return Err(Failure::other(format!("{}: this will not come true", never.stands)));
        }
        let missing: Vec<String> = standings.iter().filter(|it| !it.met).map(|it| it.stands.clone()).collect();
        if missing.is_empty() {
            drop(told);
            let text: String = standings.iter().map(|it| format!("{}\n", it.stands)).collect();
            return asker.conclude(&document, &text);
        }
        if Instant::now() >= end {
            drop(told);
            asker.conclude(&document, "")?;
            let text = format!("not so within {}: {}", seconds(asked.timeout), missing.join("; "));
            return Err(Failure::new(Exit::TimedOut, text));
        }
        told.tell(&missing.join("; "), end);
        tokio::select! {
            () = pause(&mut events) => {}
            () = sleep_until(end) => {}
        }
    }
}

/// Until something happens in the zone, but not for long.
async fn pause(events: &mut Events) {
    sleep(PACE.0).await;
    let happened = async {
        loop {
            match events.next().await {
                Ok(heard) if heard != Heard::default() => return,
                Ok(_) => {}
                Err(_) => sleep(events.pause()).await,
            }
        }
    };
    // A zone that goes on talking, or says nothing, is looked at all the same.
    let _ = tokio::time::timeout(PACE.1, happened).await;
}

/// What is told on the way: a line that is written over on a terminal, a note for each change elsewhere.
struct Told<'a> {
    asker: &'a Asker<'a>,
    progress: Progress,
    last: String,
}

impl<'a> Told<'a> {
    fn new(asker: &'a Asker<'a>) -> Self {
        Self { asker, progress: Progress::new(asker.settings.shows_progress()), last: String::new() }
    }

    fn tell(&mut self, missing: &str, end: Instant) {
        if self.asker.settings.shows_progress() {
            let left = end.saturating_duration_since(Instant::now());
            self.progress.say(&format!("{missing}; {} left", seconds(left)));
        } else if self.last != missing {
            self.asker.note(&format!("waiting: {missing}"));
        }
        missing.clone_into(&mut self.last);
    }
}

fn seconds(span: Duration) -> String {
    if span < Duration::from_secs(10) {
        format!("{:.1} s", span.as_secs_f64())
    } else {
        format!("{} s", span.as_secs())
    }
}

fn document(conditions: &[Condition], standings: &[Standing], waited: Duration) -> Value {
    let each: Vec<Value> = conditions
        .iter()
        .zip(standings)
        .map(|(condition, it)| json!({ "condition": condition.text, "met": it.met, "stands": it.stands }))
        .collect();
    let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    json!({ "met": standings.iter().all(|it| it.met), "waited_ms": waited, "conditions": each })
}

async fn look(asker: &Asker<'_>, conditions: &[Condition]) -> Result<Vec<Standing>, Failure> {
    let mut standings = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let standing = match facts(asker, condition).await {
            Ok(facts) => condition.judge(facts.as_ref()),
            Err(error) if is_passing(&error) => Standing::not_yet(format!("the zone does not answer: {error}")),
            Err(error) => return Err(error.into()),
        };
        standings.push(standing);
    }
    Ok(standings)
}

/// What a condition is judged by; nothing where there is no such thing.
async fn facts(asker: &Asker<'_>, condition: &Condition) -> Result<Option<Value>, ClientError> {
    let client = &asker.client;
    let name = condition.name.as_str();
    let found = match condition.what {
        What::Node => client.node(name).await.map(|answer| answer.document["node"].clone()),
        What::Group => client.group(name).await.map(|answer| answer.document["group"].clone()),
        What::Action => {
            client.action(name).await.and_then(|answer| answer.read::<Action>().map(|_| answer.document.clone()))
        }
        What::Policy => {
            let version: u64 = name.parse().unwrap_or(u64::MAX);
            match client.policy(Some(version)).await {
                Ok(_) => super::policy::flow::look(client, version)
                    .await
                    .map(|it| json!({ "live": it.live, "obeying": it.obeying })),
                Err(error) => Err(error),
            }
        }
        What::Alert => return alerts(asker, name).await,
    };
    match found {
        Ok(document) => Ok(Some(document)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The alert of this number, or the open ones of this kind.
async fn alerts(asker: &Asker<'_>, name: &str) -> Result<Option<Value>, ClientError> {
    if let Ok(id) = name.parse::<i64>() {
        let query = format!("SELECT state FROM v_alerts WHERE alert_id = {id}");
        let table: Table = asker.client.sql(&query).await?.read()?;
        return Ok(table.rows.first().and_then(|row| row.first()).map(|state| json!([{ "state": state }])));
    }
    let open = asker.client.list("alerts", &[("state", Some("open"))]).await?.document;
    let of_kind = open.as_array().into_iter().flatten().filter(|it| it["kind"] == name);
    Ok(Some(of_kind.cloned().collect()))
}
