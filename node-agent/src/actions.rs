//! Actions on this machine (N7): carried out after they are in the journal, one at a time, on a thread of their own.
//!
//! What is decided is decided in [`crate::core::actions`]; this is the edge: a journal, child processes, an LED.

mod identify;
mod journal;
mod run;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_model::packet::{Action, ActionOrder, ActionOutcome, ActionState};
use rollcall_model::{ActionId, Millis};
use rollcall_startup::Clock;
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::identify::{Found, Lit};
pub use self::journal::{Journal, Past};
use self::run::{Ended, run};
use crate::config::ActionsConfig;
use crate::core::Event;

/// Events on their way to the loop.
const EVENTS: usize = 64;
/// Shortest and longest time an order may be given, milliseconds.
const LIMITS: (u64, u64) = (100, 3_600_000);
/// How long a command that runs is waited for when the agent stops: it is killed meanwhile.
const STOPPING: Duration = Duration::from_millis(2_500);
const SYSTEMCTL: [&str; 2] = ["usr/bin/systemctl", "bin/systemctl"];

/// Whose hands carry out an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hands {
    /// Those of the machine whose file system begins here, `/` in production.
    Real(PathBuf),
    /// Those of a machine that does not exist: everything succeeds at once, and nothing happens.
    Simulated,
}

/// Carries out actions, and tells the loop how they stand.
#[derive(Debug)]
pub struct Runner {
    work: Arc<Work>,
    told: mpsc::Receiver<Event>,
    /// Orders and refusals whose end was not heard yet.
    under_way: usize,
}

#[derive(Debug)]
struct Work {
    hands: Hands,
    config: ActionsConfig,
    clock: Clock,
    /// `None` where there is no state directory: a simulated machine, or one on which nothing is allowed.
    journal: Option<Mutex<Journal>>,
    /// The LED that is lit, and which order lit it; put out at the latest when the agent ends.
    lit: Mutex<Option<(ActionId, Lit)>>,
    tell: mpsc::Sender<Event>,
    stop: AtomicBool,
}

impl Runner {
    /// Ready to carry out what this configuration describes.
    #[must_use]
    pub fn new(hands: Hands, config: ActionsConfig, journal: Option<Journal>, clock: Clock) -> Self {
        let (tell, told) = mpsc::channel(EVENTS);
        let stop = AtomicBool::new(false);
        let work = Arc::new(Work {
            hands,
            config,
            clock,
            journal: journal.map(Mutex::new),
            lit: Mutex::default(),
            tell,
            stop,
        });
        Self { work, told, under_way: 0 }
    }

    /// Writes an order down, carries it out, and writes down how it ended.
    pub fn act(&mut self, order: ActionOrder) {
        self.under_way += 1;
        let failed = self.outcome_of(&order, "the system gives no thread to carry it out".into());
        let work = Arc::clone(&self.work);
        self.on_thread(failed, move || work.act(&order));
    }

    /// Writes down how an order ended that is not carried out.
    pub fn record(&mut self, outcome: ActionOutcome) {
        self.under_way += 1;
        let work = Arc::clone(&self.work);
        self.on_thread(outcome.clone(), move || work.end(outcome));
    }

    /// What became of an order. Cancel-safe. Pending for ever when there is nothing to hear.
    pub async fn next(&mut self) -> Event {
        let Some(event) = self.told.recv().await else { return std::future::pending().await };
        if matches!(event, Event::ActionEnded(_) | Event::Tick) {
            self.under_way = self.under_way.saturating_sub(1);
        }
        event
    }

    /// Ends what runs, and gives back what became of it.
    pub async fn stop(&mut self) -> Vec<Event> {
        self.work.stop.store(true, Ordering::Relaxed);
        let mut events = Vec::new();
        while self.under_way > 0
            && let Ok(event) = timeout(STOPPING, self.next()).await
        {
            events.push(event);
        }
        events
    }

    fn outcome_of(&self, order: &ActionOrder, message: String) -> ActionOutcome {
        let (action_id, node, at) = (order.action_id, order.node, self.work.clock.now().wall);
        ActionOutcome { action_id, node, state: ActionState::Failed, message, at }
    }

    /// Blocking work, off the loop. A thread of its own, for the end of the process must not wait for it.
    fn on_thread(&self, otherwise: ActionOutcome, work: impl FnOnce() + Send + 'static) {
        if let Err(error) = thread::Builder::new().name("action".into()).spawn(work) {
            tracing::warn!(%error, "the system gives no thread for an action");
            // Full only when the loop stands still; the order is asked for again then.
            let _ = self.work.tell.try_send(Event::ActionEnded(otherwise));
        }
    }
}

impl Work {
    fn act(self: &Arc<Self>, order: &ActionOrder) {
        let at = self.clock.now().wall;
        let outcome = |state, message| ActionOutcome {
            action_id: order.action_id,
            node: order.node,
            state,
            message,
            at: self.clock.now().wall,
        };
        if let Some(journal) = &self.journal
            && let Err(error) = journal.lock().unwrap_or_else(PoisonError::into_inner).begin(order, at)
        {
            let message = format!("not begun: it cannot be written to the journal in the state directory: {error}");
            tracing::error!(action = %order.action_id, "{message}");
            return self.tell(Event::ActionEnded(outcome(ActionState::Failed, message)));
        }
        tracing::info!(action = %order.action_id, automatic = order.automatic, "action {} begins", order.action.kind());
        self.tell(Event::ActionBegun(outcome(ActionState::Running, format!("{} has begun", order.action.kind()))));
        match self.carry_out(order) {
            Some(Ok(message)) => self.end(outcome(ActionState::Done, message)),
            Some(Err(message)) => self.end(outcome(ActionState::Failed, message)),
            // The machine goes down: the next run says how it ended.
            None => self.tell(Event::Tick),
        }
    }

    fn end(&self, outcome: ActionOutcome) {
        if let Some(journal) = &self.journal
            && let Err(error) = journal.lock().unwrap_or_else(PoisonError::into_inner).end(&outcome)
        {
            tracing::error!(action = %outcome.action_id,
                "how an action ended cannot be written to the journal in the state directory: {error}");
        }
        self.tell(Event::ActionEnded(outcome));
    }

    fn tell(&self, event: Event) {
        // An error means that the loop has ended; the journal has it.
        let _ = self.tell.blocking_send(event);
    }

    /// What was done, or why not; `None` when the agent ends before anybody can know.
    fn carry_out(self: &Arc<Self>, order: &ActionOrder) -> Option<Result<String, String>> {
        let Hands::Real(root) = &self.hands else {
            return Some(Ok(format!("{} on a simulated machine: nothing happened", order.action.kind())));
        };
        let limit = Millis(order.time_limit_ms.clamp(LIMITS.0, LIMITS.1));
        match &order.action {
            Action::Identify { seconds } => Some(self.identify(order.action_id, root, *seconds, limit)),
            Action::Drain => Some(self.command(&self.config.drain_command, limit, "drained")),
            Action::RestartService { service } => Some(self.restart(root, service, limit)),
            Action::Reboot => self.reboot(limit),
        }
    }

    fn identify(self: &Arc<Self>, order: ActionId, root: &Path, seconds: u32, limit: Millis) -> Result<String, String> {
        let mut lit = self.lit.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is lit already is set back before it is looked at.
        *lit = None;
        let (name, led) = match identify::light(root, seconds, limit, &self.stop)? {
            Found::Controller(seconds) => {
                return Ok(format!("the management controller lets its LED blink for {seconds} s"));
            }
            Found::Led(name, led) => (name, led),
        };
        let work = Arc::downgrade(self);
        let put_out = move || {
            thread::sleep(Duration::from_secs(seconds.into()));
            let Some(work) = work.upgrade() else { return };
            let mut lit = work.lit.lock().unwrap_or_else(PoisonError::into_inner);
            lit.take_if(|(by, _)| *by == order);
        };
        let thread = thread::Builder::new().name("identify-led".into()).spawn(put_out);
        thread.map_err(|error| format!("the system gives no thread to put the LED {name} out again: {error}"))?;
        *lit = Some((order, led));
        Ok(format!("the LED {name} is lit for {seconds} s"))
    }

    fn restart(&self, root: &Path, service: &str, limit: Millis) -> Result<String, String> {
        let systemctl = SYSTEMCTL.iter().map(|below| root.join(below)).find(|path| path.exists());
        let systemctl = systemctl.ok_or("there is no systemctl on this machine")?;
        let command = [systemctl.display().to_string(), "restart".into(), "--".into(), service.to_owned()];
        self.command(&command, limit, &format!("{service} restarted"))
    }

    /// Restarts the machine. That it did is known to the next run only.
    fn reboot(&self, limit: Millis) -> Option<Result<String, String>> {
        let until = Instant::now() + limit.duration();
        match self.command(&self.config.reboot_command, limit, "") {
            Ok(_) => {}
            // The system may have begun to end everything before the command had its answer.
            Err(_) if self.stop.load(Ordering::Relaxed) => return None,
            Err(why) => return Some(Err(why)),
        }
        while Instant::now() < until {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            thread::sleep(Duration::from_millis(100));
        }
        Some(Err(format!("the machine was told to restart and still runs after {} ms", limit.0)))
    }

    fn command(&self, command: &[String], limit: Millis, done: &str) -> Result<String, String> {
        let name = command.first().map(String::as_str).unwrap_or_default();
        let with = |text: String, words: String| if words.is_empty() { text } else { format!("{text}: {words}") };
        match run(command, limit, &self.stop) {
            Ok(Ended::ByItself { well: true, words, .. }) => Ok(with(done.to_owned(), words)),
            Ok(Ended::ByItself { how, words, .. }) => Err(with(format!("{name} ended with {how}"), words)),
            Ok(Ended::Late { words }) => {
                Err(with(format!("{name} was not done after {} ms and was killed", limit.0), words))
            }
            Ok(Ended::Stopped) => Err(format!("{name} was killed because the agent was stopped")),
            Err(error) => Err(format!("{name} cannot be started: {error}")),
        }
    }
}

#[cfg(test)]
mod tests;
