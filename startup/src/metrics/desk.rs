//! Where the loops of a daemon are asked for their figures. A loop answers between two of its steps, so an answer also
//! proves that it turns.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A loop that does not answer by then is not waited for: longer than the broker has to confirm a message.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);
/// Questions that may wait at one loop: more than there are connections to ask over, so that who asks a lot does not make a loop
/// look stuck.
const WAITING: usize = 64;

/// Asks a loop something.
#[derive(Debug)]
pub struct Question<F>(oneshot::Sender<F>);

impl<F> Question<F> {
    /// Answers it. Whoever asked may have gone.
    pub fn answer(self, figures: F) {
        let _ = self.0.send(figures);
    }
}

/// A loop's end: the questions it is asked.
#[derive(Debug)]
pub struct Questions<F>(Option<mpsc::Receiver<Question<F>>>);

impl<F> Questions<F> {
    /// Of a loop that nobody asks.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// The next question; pending for ever where nobody asks. Cancel-safe.
    pub async fn next(&mut self) -> Question<F> {
        if let Some(questions) = &mut self.0 {
            match questions.recv().await {
                Some(question) => return question,
                None => self.0 = None,
            }
        }
        std::future::pending().await
    }
}

/// The ways to all loops that live.
type Loops<F> = Arc<Mutex<Vec<mpsc::Sender<Question<F>>>>>;

/// Whoever asks: knows every loop that lives. Clones are the same desk.
#[derive(Debug)]
pub struct Desk<F> {
    loops: Option<Loops<F>>,
}

impl<F> Clone for Desk<F> {
    fn clone(&self) -> Self {
        Self { loops: self.loops.clone() }
    }
}

impl<F> Desk<F> {
    /// Where nobody asks.
    #[must_use]
    pub const fn closed() -> Self {
        Self { loops: None }
    }

    pub(super) fn opened() -> Self {
        Self { loops: Some(Arc::default()) }
    }

    /// A loop that is to be asked from now on, as long as it keeps what is returned.
    #[must_use]
    pub fn admit(&self) -> Questions<F> {
        let Some(loops) = &self.loops else { return Questions::none() };
        let (asker, questions) = mpsc::channel(WAITING);
        loops.lock().unwrap_or_else(PoisonError::into_inner).push(asker);
        Questions(Some(questions))
    }

    /// Asks every loop; `None` stands for one that lives and does not answer.
    pub(super) async fn ask(&self) -> Vec<Option<F>> {
        let Some(loops) = &self.loops else { return Vec::new() };
        let askers = {
            let mut loops = loops.lock().unwrap_or_else(PoisonError::into_inner);
            loops.retain(|asker| !asker.is_closed());
            loops.clone()
        };
        // All are asked before any is waited for.
        let mut waiting = Vec::with_capacity(askers.len());
        for asker in askers {
            let (question, answer) = oneshot::channel();
            // A full queue is a loop that does not answer.
            waiting.push(asker.try_send(Question(question)).is_ok().then_some(answer));
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut answers = Vec::with_capacity(waiting.len());
        for answer in waiting {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            answers.push(match answer {
                Some(answer) => timeout(left, answer).await.ok().and_then(Result::ok),
                None => None,
            });
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_loop_is_asked_and_one_that_hangs_costs_nobody_the_others() {
        let desk = Desk::<u32>::opened();
        assert!(desk.ask().await.is_empty(), "no loop yet");
        let mut turning = desk.admit();
        let hanging = desk.admit();
        tokio::spawn(async move {
            loop {
                turning.next().await.answer(7);
            }
        });
        let began = tokio::time::Instant::now();
        assert_eq!(desk.ask().await, [Some(7), None]);
        assert_eq!(began.elapsed(), PATIENCE);
        drop(hanging);
        assert_eq!(desk.ask().await, [Some(7)], "an ended loop is not asked");
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_asks_a_loop_waits_for_ever() {
        let mut questions = Desk::<u32>::closed().admit();
        assert!(timeout(Duration::from_secs(3_600), questions.next()).await.is_err());
    }
}
