//! The only one who connects.
//!
//! connect → declare → start consumers → up → (lost, or echo silent) → wait → connect … until closed. While the broker takes no
//! messages the link is down on a connection that is kept ([`super::hold`]).

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use lapin::{Connection, Event};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::backoff::Backoff;
use super::bus::NOT_YET_RETRY;
use super::classify::{connect_cause, connect_words, words};
use super::declare::{self, Failure};
use super::ear::Ear;
use super::echo::{self, Echo};
use super::hold::{self, Hold};
use super::pump::{self, Refusal};
use super::session::{Session, Wire};
use super::shared::Shared;
use super::socket::{self, Cutter};
use super::standby;
use crate::link::has_standbys;
use crate::{DeclareError, DownCause, Link, TlsIdentity};

/// How long an orderly close may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// How long the link waits for a queue to be served before it counts as up without it.
const CONSUME_PATIENCE: Duration = Duration::from_secs(3);
/// At most one complaint about closed channels in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// What is said of a connection that ended without a word.
const ENDED: &str = "the connection ended";

/// Why the link is down.
struct Down {
    reason: String,
    cause: DownCause,
}

/// Runs until closing is asked for.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut closing = shared.closing.subscribe();
    let asked_to_close = async {
        // An error means that nobody can ask any more.
        let _ = closing.wait_for(|closing| *closing).await;
    };
    {
        // Kept until the connection is closed in order: dropping it cuts the connection off.
        let mut supervising = std::pin::pin!(supervise(&shared));
        tokio::select! {
            () = asked_to_close => {}
            () = &mut supervising => {}
        }
        if let Some(session) = shared.session() {
            session.wire.close(CLOSE_PATIENCE).await;
        }
    }
    shared.down("closed".into(), DownCause::Closed);
    for feed in shared.feeds() {
        feed.finish();
    }
    shared.closed.send_replace(true);
}

async fn supervise(shared: &Arc<Shared>) {
    let settings = &shared.settings;
    let mut backoff = Backoff::new(settings.reconnect_min_ms, settings.reconnect_max_ms);
    let mut turn = 0;
    for generation in 1_u64.. {
        let started = Instant::now();
        let Down { reason, cause } = one_connection(shared, generation, turn).await;
        // After a connection that was of use, the nearest node of the broker again; after one that came to nothing, the next.
        let was_up = matches!(&*shared.link.borrow(), Link::Up { .. } | Link::Down { refused: DownCause::Blocked, .. });
        turn = if was_up && cause == DownCause::Lost { 0 } else { turn + 1 };
        // A connection that breaks at once again and again is not to be hurried.
        if started.elapsed() > Duration::from_millis(settings.reconnect_max_ms) {
            backoff.reset();
        }
        let pause = backoff.next(rand::random());
        let retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        complain(shared, &reason, cause, retry_in_ms);
        shared.down(reason, cause);
        tokio::time::sleep(pause).await;
    }
}

/// What time does not heal is an error: somebody has to change something.
fn complain(shared: &Shared, reason: &str, cause: DownCause, retry_in_ms: u64) {
    let broker = &shared.address;
    match cause {
        DownCause::LoginRefused | DownCause::CertificateRefused | DownCause::NoVhost | DownCause::TopologyRefused => {
            tracing::error!(%broker, ?cause, retry_in_ms, "not connected to the broker: {reason}");
        }
        _ => tracing::warn!(%broker, ?cause, retry_in_ms, "not connected to the broker: {reason}"),
    }
}

/// Ends the connection however it is left.
struct EndOnDrop(Arc<Wire>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

async fn one_connection(shared: &Arc<Shared>, generation: u64, turn: usize) -> Down {
    let patience = Duration::from_millis(shared.settings.connect_timeout_ms);
    let cutter = CutOnDrop(Cutter::default());
    // The newest certificate; it may have been replaced since the last connection.
    let login = shared.identity.as_ref().map(TlsIdentity::login);
    let tls = login.as_ref().map(|login| Arc::clone(&login.config));
    let user: Arc<str> = login.map_or_else(|| shared.address.user().into(), |login| login.user.as_str().into());
    let uri = shared.address.uri.clone();
    let (steps, done) = watch::channel(());
    let ear = Ear::new();
    let connecting =
        socket::connect(uri, tls, &shared.client_name, patience, cutter.0.clone(), steps, ear.clone(), turn);
    let connection = match step_by_step(connecting, done, patience).await {
        Some(Ok(connection)) => connection,
        Some(Err(error)) => {
            return Down { reason: connect_words(&error, &shared.address, &user), cause: connect_cause(&error) };
        }
        None => return too_slow(patience),
    };
    let events = connection.events_listener();
    let wire = Arc::new(Wire::new(connection, generation, cutter.keep()));
    let guard = EndOnDrop(Arc::clone(&wire));
    let echo = Arc::new(Echo::new());
    let session = match set_up(shared, &wire, &echo, user, patience).await {
        Ok(session) => Arc::new(session),
        Err(down) => return down,
    };
    tracing::info!(broker = %shared.address, generation, "connected to the broker");
    shared.up(Arc::clone(&session));
    let held = Hold::new(None);
    let down = tokio::select! {
        reason = lost(&wire.connection, events, shared, &held) => Down { reason, cause: DownCause::Lost },
        reason = echo::run(shared, &session, &echo, &ear, held.subscribe()) => Down { reason, cause: DownCause::EchoSilent },
        () = hold::follow(shared, &session, held.subscribe()) => Down { reason: ENDED.into(), cause: DownCause::Lost },
    };
    drop(guard);
    down
}

/// What comes of connecting; nothing once a step of it takes too long. A broker that a whole fleet calls at once takes its
/// time for all of it together, and an attempt that is given up is work lost, to be done again.
async fn step_by_step<T>(
    connecting: impl Future<Output = T>,
    mut done: watch::Receiver<()>,
    patience: Duration,
) -> Option<T> {
    let mut connecting = std::pin::pin!(connecting);
    loop {
        tokio::select! {
            biased;
            connected = &mut connecting => return Some(connected),
            // Nobody left to tell means that the last step is under way.
            Ok(()) = done.changed() => {}
            () = tokio::time::sleep(patience) => return None,
        }
    }
}

fn too_slow(patience: Duration) -> Down {
    let reason = format!("the broker did not answer a step of the connection within {} ms", patience.as_millis());
    Down { reason, cause: DownCause::Unreachable }
}

/// Cuts a connection that was not finished.
struct CutOnDrop(Cutter);

impl CutOnDrop {
    fn keep(mut self) -> Cutter {
        std::mem::take(&mut self.0)
    }
}

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// Sets a new connection up, each step within `patience`.
async fn set_up(
    shared: &Arc<Shared>,
    wire: &Arc<Wire>,
    echo: &Arc<Echo>,
    user: Arc<str>,
    patience: Duration,
) -> Result<Session, Down> {
    let deadline = Duration::from_millis(shared.settings.confirm_deadline_ms);
    let starting = Session::start(Arc::clone(wire), Arc::clone(echo), user, deadline);
    let session =
        timeout(patience, starting).await.map_err(|_| too_slow(patience))?.map_err(|error| lost_by(&error))?;
    let topology = shared.whole_topology();
    loop {
        let declared = timeout(patience, declare::declare(&wire.connection, &topology, &shared.inbox)).await;
        match declared.map_err(|_| too_slow(patience))? {
            Ok(_) => break,
            Err(Failure::NotYet(error)) => await_zone(shared, &error).await,
            Err(Failure::Refused(DeclareError::Locked { queue }))
                if queue == shared.inbox && has_standbys(&shared.principal) =>
            {
                let lost = |reason| Down { reason, cause: DownCause::Lost };
                standby::wait(shared, &session).await.map_err(lost)?;
            }
            Err(failure) => return Err(refused(shared, failure)),
        }
    }
    timeout(patience, start_feeds(shared, wire, echo)).await.map_err(|_| too_slow(patience))??;
    Ok(session)
}

/// The connection is kept meanwhile: a fleet that waits for its zone does not log in again and again.
async fn await_zone(shared: &Shared, error: &DeclareError) {
    let told = matches!(&*shared.link.borrow(), Link::Down { refused: DownCause::ZoneNotReady, .. });
    if !told {
        tracing::warn!(broker = %shared.address, "connected to the broker, but {error}; waiting");
        shared.down(error.to_string(), DownCause::ZoneNotReady);
    }
    tokio::time::sleep(NOT_YET_RETRY.mul_f64(0.5 + rand::random::<f64>())).await;
}

fn lost_by(error: &lapin::Error) -> Down {
    Down { reason: words(error), cause: DownCause::Lost }
}

fn refused(shared: &Shared, failure: Failure) -> Down {
    let error = match failure {
        Failure::Lost(error) => return lost_by(&error),
        Failure::Refused(error) | Failure::NotYet(error) => error,
    };
    match error {
        DeclareError::Locked { queue } if queue == shared.inbox => Down {
            reason: format!(
                "inbox {queue:?} belongs to another connection: another process runs under this name, or the broker has \
                 not yet noticed that our last connection is gone"
            ),
            cause: DownCause::InboxTaken,
        },
        error => Down { reason: error.to_string(), cause: DownCause::TopologyRefused },
    }
}

/// Starts the consumers. A queue that cannot be consumed now is left to its pump: the rest of the link works.
async fn start_feeds(shared: &Shared, wire: &Arc<Wire>, echo: &Arc<Echo>) -> Result<(), Down> {
    let patience = Duration::from_millis(shared.settings.connect_timeout_ms / 3).min(CONSUME_PATIENCE);
    let deadline = Instant::now() + patience;
    let mut starting = Vec::new();
    for feed in shared.feeds() {
        if feed.claim(wire.generation) {
            let (first, heard) = oneshot::channel();
            starting.push((feed.queue.clone(), heard));
            tokio::spawn(pump::run(Arc::clone(wire), feed, Arc::clone(echo), first, false));
        }
    }
    for (queue, heard) in starting {
        match timeout_at(deadline, heard).await {
            Ok(Ok(Err(Refusal::Lost(reason, cause)))) => return Err(Down { reason, cause }),
            // The pump complains about a refusal itself, and a dropped consumer has nothing to say.
            Ok(_) => {}
            Err(_) => {
                tracing::warn!(queue, "the broker does not serve the queue yet; a quorum queue may lack its leader");
            }
        }
    }
    Ok(())
}

/// Waits until the connection is lost; complains about channels that the broker closes meanwhile, and tells when the broker takes
/// no messages.
async fn lost(connection: &Connection, events: impl Stream<Item = Event>, shared: &Shared, held: &Hold) -> String {
    let mut events = std::pin::pin!(events);
    let mut complained: Option<Instant> = None;
    while let Some(event) = events.next().await {
        match event {
            Event::Error(error) if !connection.status().connected() => return words(&error),
            Event::Error(error) if shared.is_of_optional(&error) => {}
            Event::Error(error) if complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) => {
                complained = Some(Instant::now());
                tracing::warn!(reason = words(&error), "the broker closed a channel; it is opened again when needed");
            }
            Event::ConnectionBlocked(reason) => {
                tracing::warn!(reason, "the broker takes no messages for now: it is short of memory or disk");
                held.send_replace(Some(reason));
            }
            Event::ConnectionUnblocked => {
                tracing::info!("the broker takes messages again");
                held.send_replace(None);
            }
            _ => {}
        }
    }
    ENDED.into()
}
