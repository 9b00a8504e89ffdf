//! Waits for hands, the zone and the clock, feeds the state, and carries out what it says.

mod loader;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollcall_startup::{Failure, Shutdown};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use self::loader::{Told, Want};
pub use self::loader::{load, newest};
use super::input;
use super::palette::Palette;
use super::state::{Effect, Event, State};
use super::terminal::Screen;
use super::view;
use crate::ask::client::stream::{Events, Heard};
use crate::ask::client::{Client, ClientError};
use crate::ask::follow::is_passing;

/// Nobody sees more pictures a second than this allows.
const FRAME: Duration = Duration::from_millis(50);
/// Ages grow by seconds.
const SECOND: Duration = Duration::from_secs(1);
/// How long the thread at the keyboard looks before it asks whether it is still needed.
const KEYS: Duration = Duration::from_millis(100);
/// What may wait to be taken: more comes from nowhere but a stuck program, and is waited for.
const WAITING: usize = 256;

/// Shows a state, and what becomes of it, until somebody quits or the process is asked to end.
///
/// # Errors
/// Exit code 1 where the terminal cannot be used, or the zone refuses for a reason that does not pass.
pub async fn run(
    client: Client,
    newest: i64,
    mut state: State,
    (palette, mouse): (Palette, bool),
) -> Result<(), Failure> {
    let shutdown = Shutdown::on_signals()?;
    let mut screen = Screen::take(mouse)?;
    let (tell, mut told) = mpsc::channel(WAITING);
    let (want, wanted) = mpsc::channel(WAITING);
    let tasks = [
        tokio::spawn(follow(client.clone(), newest, tell.clone())),
        tokio::spawn(loader::run(client, wanted, tell.clone())),
    ];
    let is_over = Arc::new(AtomicBool::new(false));
    let keyboard = watch_keys(tell, Arc::clone(&is_over));
    let ended = show(&mut screen, &mut state, palette, (&mut told, &want), &shutdown).await;
    is_over.store(true, Ordering::Relaxed);
    // Whoever waits for room in the queue waits no longer.
    drop((told, want));
    tasks.iter().for_each(JoinHandle::abort);
    drop(screen);
    drop(keyboard.join());
    ended
}

async fn show(
    screen: &mut Screen,
    state: &mut State,
    palette: Palette,
    (told, want): (&mut Receiver<Told>, &Sender<Want>),
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let mut clock = interval(SECOND);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut offset = SignedDuration::ZERO;
    let size = screen.terminal.size().map_err(|error| terminal_failure(&error))?;
    let mut effects = state.step(Event::Size(size.width, size.height));
    loop {
        for effect in effects.drain(..) {
            match effect {
                Effect::Quit => return Ok(()),
                // The loader has enough to do already, and will load what is newest then.
                other => drop(want.try_send(Want::of(other))),
            }
        }
        screen.terminal.draw(|frame| view::draw(state, frame, palette)).map_err(|error| terminal_failure(&error))?;
        let first = tokio::select! {
            biased;
            () = shutdown.requested() => return Ok(()),
            event = told.recv() => event,
            _ = clock.tick() => Some(Told::Event(Event::Time(Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX)))),
        };
        // What comes close together is drawn together.
        let mut next = first;
        let frame = tokio::time::Instant::now() + FRAME;
        while let Some(event) = next {
            match event {
                Told::Fatal(failure) => return Err(failure),
                Told::Clock(known) => offset = known,
                Told::Event(event) => effects.extend(state.step(event)),
            }
            next = if tokio::time::Instant::now() < frame && effects.is_empty() { told.try_recv().ok() } else { None };
        }
    }
}

fn terminal_failure(error: &std::io::Error) -> Failure {
    Failure::other(format!("the terminal cannot be used: {error}"))
}

/// Reads keys and mouse on a thread of its own: a terminal is waited for, not asked.
fn watch_keys(tell: Sender<Told>, is_over: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            let event = match crossterm::event::poll(KEYS) {
                Ok(true) => crossterm::event::read(),
                Ok(false) => continue,
                Err(error) => Err(error),
            };
            let told = match event {
                Ok(crossterm::event::Event::Resize(width, height)) => Some(Told::Event(Event::Size(width, height))),
                Ok(event) => input::read(&event).map(|input| Told::Event(Event::Input(input))),
                // Whoever sat there has gone.
                Err(error) => Some(Told::Fatal(terminal_failure(&error))),
            };
            let is_last = matches!(told, Some(Told::Fatal(_)));
            if told.is_some_and(|told| tell.blocking_send(told).is_err()) || is_last {
                return;
            }
        }
    })
}

/// Why the zone cannot be heard, on one line.
fn shortly(error: &ClientError) -> String {
    match error {
        ClientError::Unreachable { url, reason } => format!("{url}: {reason}"),
        other => other.to_string(),
    }
}

/// What becomes of something heard, after the zone could not be heard if so.
fn told_of(heard: Heard, was_lost: bool) -> Vec<Told> {
    let events = [
        was_lost.then_some(Event::Back),
        (!heard.missed.is_empty()).then_some(Event::Missed),
        (!heard.rows.is_empty()).then_some(Event::Happened(heard.rows)),
    ];
    events.into_iter().flatten().map(Told::Event).collect()
}

/// Tells what happens in the zone, and when it cannot be heard.
async fn follow(client: Client, newest: i64, tell: Sender<Told>) {
    let mut events = Events::after(&client, newest);
    let mut is_lost = false;
    loop {
        let told = match events.next().await {
            Ok(heard) => told_of(heard, std::mem::take(&mut is_lost)),
            Err(error) if is_passing(&error) => {
                is_lost = true;
                vec![Told::Event(Event::Lost(shortly(&error)))]
            }
            Err(error) => vec![Told::Fatal(error.into())],
        };
        for event in told {
            if tell.send(event).await.is_err() {
                return;
            }
        }
        if is_lost {
            tokio::time::sleep(events.pause()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ask::client::stream::Missed;

    #[test]
    fn what_is_missed_is_told_before_what_happened_after_it() {
        let told = |rows: &[i64], missed: &[Missed], was_lost: bool| -> Vec<&str> {
            let rows = rows.iter().map(|id| json!({ "event_id": id })).collect();
            let told = told_of(Heard { rows, missed: missed.to_vec() }, was_lost);
            let name = |told: &Told| match told {
                Told::Event(Event::Back) => "back",
                Told::Event(Event::Missed) => "missed",
                Told::Event(Event::Happened(_)) => "happened",
                _ => "something else",
            };
            told.iter().map(name).collect()
        };
        assert_eq!(told(&[], &[], false), Vec::<&str>::new());
        assert_eq!(told(&[7], &[], false), ["happened"]);
        assert_eq!(told(&[7], &[Missed::Forgotten { first: 7 }], false), ["missed", "happened"]);
        assert_eq!(told(&[], &[Missed::Replaced], true), ["back", "missed"]);
    }
}
