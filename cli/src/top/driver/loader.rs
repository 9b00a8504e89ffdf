//! Asks the zone for what is wanted: each once, however often it was wanted meanwhile, and not too often.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollcall_startup::Failure;
use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Instant, interval, sleep_until};

use crate::ask::answer::{NodeDetail, NodeReadings};
use crate::ask::client::{Client, ClientError};
use crate::ask::follow::is_passing;
use crate::top::fleet::Loaded;
use crate::top::state::{Effect, Event};

/// The zone at a glance is looked at this often.
const GLANCE: Duration = Duration::from_secs(2);
/// The whole is loaded again after this, also when no event asked for it.
const WHOLE: Duration = Duration::from_secs(60);
/// Between two times of loading lists.
const PACE: Duration = Duration::from_millis(500);
/// Before lists that could not be loaded for a reason that passes are asked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// A clock that is off by less is right, milliseconds: the zone tells seconds only.
const SKEW_MS: i64 = 2_000;

/// What comes to the state from outside.
pub enum Told {
    /// An event.
    Event(Event),
    /// So much the zone's clock is ahead of ours.
    Clock(SignedDuration),
    /// It cannot go on.
    Fatal(Failure),
}

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub struct Want {
    fleet: bool,
    alerts: bool,
    node: Option<String>,
}

impl Want {
    /// What an effect wants.
    pub fn of(effect: Effect) -> Self {
        match effect {
            Effect::LoadFleet => Self { fleet: true, ..Self::default() },
            Effect::LoadAlerts => Self { alerts: true, ..Self::default() },
            Effect::LoadNode(id) => Self { node: Some(id), ..Self::default() },
            Effect::Quit => Self::default(),
        }
    }

    fn and(&mut self, other: Self) {
        self.fleet |= other.fleet;
        self.alerts |= other.alerts;
        self.node = other.node.or(self.node.take());
    }

    fn is_anything(&self) -> bool {
        self.fleet || self.alerts || self.node.is_some()
    }
}

/// Loads what is wanted until nobody listens.
pub async fn run(client: Client, mut wanted: Receiver<Want>, tell: Sender<Told>) {
    let mut glance = interval(GLANCE);
    let mut whole = interval(WHOLE);
    whole.reset();
    let mut open = Want::default();
    let mut not_before = Instant::now();
    loop {
        let mut looks = false;
        tokio::select! {
            want = wanted.recv() => match want {
                Some(want) => open.and(want),
                None => return,
            },
            () = sleep_until(not_before), if open.is_anything() => {}
            _ = glance.tick() => looks = true,
            _ = whole.tick() => open.fleet = true,
        }
        while let Ok(more) = wanted.try_recv() {
            open.and(more);
        }
        let mut told = Vec::new();
        if looks {
            told.push(status(&client).await);
        }
        if let Some(id) = open.node.take() {
            told.push(node(&client, &id).await);
        }
        if Instant::now() >= not_before && (open.fleet || open.alerts) {
            let asked = std::mem::take(&mut open);
            // What happens from now on may be newer than the answer.
            if asked.fleet && tell.send(Told::Event(Event::Loading)).await.is_err() {
                return;
            }
            let answer = lists(&client, &asked).await;
            let pace = if let Err(error) = &answer
                && is_passing(error)
            {
                open.and(asked);
                AGAIN
            } else {
                PACE
            };
            not_before = Instant::now() + pace;
            told.push(answer);
        }
        for event in told.into_iter().flat_map(|it| it.unwrap_or_else(problem)) {
            if tell.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// What passes is told by who follows the events; a node that is gone is no reason to end.
fn problem(error: ClientError) -> Vec<Told> {
    match &error {
        error if is_passing(error) => Vec::new(),
        ClientError::Refused { status, .. } if status.as_u16() == 404 => Vec::new(),
        _ => vec![Told::Fatal(error.into())],
    }
}

async fn status(client: &Client) -> Result<Vec<Told>, ClientError> {
    let answer = client.status().await?;
    let skew = skew(answer.clock);
    Ok(vec![Told::Clock(skew), Told::Event(Event::Status(Box::new(answer.read()?)))])
}

async fn lists(client: &Client, open: &Want) -> Result<Vec<Told>, ClientError> {
    if open.fleet {
        return Ok(vec![Told::Event(Event::Loaded(Box::new(load(client).await?)))]);
    }
    let alerts = client.list("alerts", &[("state", Some("open"))]).await?;
    Ok(vec![Told::Event(Event::Alerts(alerts.read()?))])
}

async fn node(client: &Client, id: &str) -> Result<Vec<Told>, ClientError> {
    let detail: NodeDetail = client.node(id).await?.read()?;
    // A node that does not answer shows its saved bits.
    let readings = client.readings(id).await.ok().and_then(|answer| answer.read::<NodeReadings>().ok());
    Ok(vec![Told::Event(Event::Node(Box::new(detail), readings.map(Box::new)))])
}

/// The whole.
///
/// # Errors
/// As the zone answers.
pub async fn load(client: &Client) -> Result<Loaded, ClientError> {
    let status = client.status().await?;
    let now = Timestamp::now().saturating_add(skew(status.clock)).unwrap_or(Timestamp::MAX);
    Ok(Loaded {
        status: status.read()?,
        nodes: client.list("nodes", &[]).await?.read()?,
        groups: client.list("groups", &[]).await?.read()?,
        alerts: client.list("alerts", &[("state", Some("open"))]).await?.read()?,
        now,
    })
}

/// The id of the latest event.
///
/// # Errors
/// As the zone answers.
pub async fn newest(client: &Client) -> Result<i64, ClientError> {
    let latest: Vec<Value> = client.latest_events(1).await?.read()?;
    Ok(latest.last().and_then(|row| row["event_id"].as_i64()).unwrap_or_default())
}

fn skew(clock: Option<Timestamp>) -> SignedDuration {
    let ahead = clock.map_or(SignedDuration::ZERO, |zone| zone.duration_since(Timestamp::now()));
    if ahead.as_millis().unsigned_abs() <= SKEW_MS.unsigned_abs().into() { SignedDuration::ZERO } else { ahead }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::http::StatusCode;
    use axum::response::IntoResponse;
    use axum::routing::get;
    use axum::{Json, Router};
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    use super::*;
    use crate::ask::client::credential::Credential;

    /// A zone without anything, which does not answer at first when it is asked for its alerts.
    async fn zone() -> Client {
        let status = json!({ "zone": { "id": "z", "name": "z", "generation": 1 }, "broker": "up", "nodes": [], "groups": [],
                             "alerts": [], "ignored": {}, "checkins": {}, "summaries": {}, "neighbours": {} });
        let asked = Arc::new(AtomicUsize::new(0));
        let alerts = async move || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            _ => Json(json!([])).into_response(),
        };
        let list = async || Json(json!([]));
        let router = Router::new()
            .route("/v1/status", get(async move || Json(status)))
            .route("/v1/nodes", get(list))
            .route("/v1/groups", get(list))
            .route("/v1/alerts", get(alerts));
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Client::new(&address.to_string(), &Credential::None).unwrap()
    }

    #[tokio::test]
    async fn what_could_not_be_loaded_is_asked_for_again() {
        for (effect, expected) in [(Effect::LoadFleet, "Loading Loading Loaded"), (Effect::LoadAlerts, "Alerts")] {
            let (want, wanted) = mpsc::channel(1);
            let (tell, mut told) = mpsc::channel(16);
            let loader = tokio::spawn(run(zone().await, wanted, tell));
            want.send(Want::of(effect)).await.unwrap();
            let mut seen = Vec::new();
            while !seen.iter().any(|it| matches!(*it, "Loaded" | "Alerts")) {
                match timeout(Duration::from_secs(30), told.recv()).await.unwrap().unwrap() {
                    Told::Event(Event::Loading) => seen.push("Loading"),
                    Told::Event(Event::Loaded(_)) => seen.push("Loaded"),
                    Told::Event(Event::Alerts(_)) => seen.push("Alerts"),
                    Told::Fatal(failure) => panic!("{failure}"),
                    _ => {}
                }
            }
            assert_eq!(seen.join(" "), expected);
            loader.abort();
        }
    }
}
