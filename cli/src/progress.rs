//! How far something has come that takes a while: one line on a terminal, after half a second, gone when it is over.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is quicker is not worth a line.
const WORTH_IT: Duration = Duration::from_millis(500);
/// Nobody reads faster; so many times a second.
const PACE: u8 = 10;

/// The line. It stands on standard error, and goes when this is dropped.
pub struct Progress {
    bar: ProgressBar,
    began: Instant,
    is_shown: bool,
}

impl Progress {
    /// Nothing is ever shown unless `shows`.
    #[must_use]
    pub fn new(shows: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        Self { bar, began: Instant::now(), is_shown: shows }
    }

    /// Says how far it is.
    pub fn say(&self, text: &str) {
        if !self.is_shown {
            return;
        }
        self.bar.set_message(text.to_owned());
        if self.bar.is_hidden() && self.began.elapsed() >= WORTH_IT {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(PACE));
            self.bar.enable_steady_tick(Duration::from_millis(1_000 / u64::from(PACE)));
        }
        self.bar.tick();
    }

    /// Runs something, and says `text` while it takes longer than half a second.
    pub async fn during<T>(&self, text: &str, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let rest = WORTH_IT.saturating_sub(self.began.elapsed());
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(rest) => self.say(text),
        }
        work.await
    }

    /// Takes the line away; the next word brings it back.
    pub fn clear(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
