//! Pruning: one history after the other, one bounded step after the other, so that changes never wait for long.

use std::collections::VecDeque;

use rollcall_model::UnixMillis;
use serde::Serialize;

use crate::retention::{Cut, History, Retention};
use crate::row::PruningRow;
use crate::topology::Topology;
use crate::{Backend, CommitError, Store};

/// The last row that was looked at: its time and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark(pub Vec<String>);

/// What one step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    pub removed: u64,
    /// Where the next step begins; `None` at the end.
    pub next: Option<Mark>,
}

/// A history that was gone through to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryPruned {
    /// Which.
    pub history: History,
    /// What was over before this went.
    pub before: UnixMillis,
    /// How many rows that were.
    pub removed: u64,
}

/// A look at all histories: which is gone through now, how far it has come, what was done.
#[derive(Clone, Debug)]
pub struct Pruning {
    cuts: VecDeque<Cut>,
    mark: Option<Mark>,
    removed: u64,
    rows: u32,
    next: Option<UnixMillis>,
    done: Vec<HistoryPruned>,
}

impl Pruning {
    /// Of everything that may go as of `now`. `next` is when somebody looks again, for people who want to know.
    #[must_use]
    pub fn new(retention: &Retention, now: UnixMillis, next: Option<UnixMillis>) -> Self {
        Self {
            cuts: retention.cuts(now).into(),
            mark: None,
            removed: 0,
            rows: retention.rows_per_step,
            next,
            done: Vec::new(),
        }
    }

    /// What was gone through to its end so far.
    #[must_use]
    pub fn done(&self) -> &[HistoryPruned] {
        &self.done
    }

    /// How many rows were removed so far.
    #[must_use]
    pub fn removed(&self) -> u64 {
        self.removed + self.done.iter().map(|one| one.removed).sum::<u64>()
    }

    /// The history that is gone through now; `None` at the end.
    #[must_use]
    pub fn at(&self) -> Option<History> {
        self.cuts.front().map(|cut| cut.history)
    }

    /// What the next step is to do.
    pub(crate) fn step(&self) -> Option<Step<'_>> {
        let cut = *self.cuts.front()?;
        Some(Step { cut, from: self.mark.as_ref(), rows: self.rows, removed: self.removed, next: self.next })
    }

    /// What it did.
    pub(crate) fn stepped(&mut self, pruned: Pruned) {
        self.removed += pruned.removed;
        self.mark = pruned.next;
        if self.mark.is_none()
            && let Some(Cut { history, before }) = self.cuts.pop_front()
        {
            self.done.push(HistoryPruned { history, before, removed: std::mem::take(&mut self.removed) });
        }
    }
}

/// One transaction of a pruning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub cut: Cut,
    pub from: Option<&'a Mark>,
    /// At most so many are looked at.
    pub rows: u32,
    /// Rows of this history that earlier steps removed.
    removed: u64,
    next: Option<UnixMillis>,
}

impl Step<'_> {
    /// What is kept for people once the history is gone through.
    pub(crate) fn noted(&self, pruned: &Pruned, now: UnixMillis) -> Option<PruningRow> {
        let row = || PruningRow {
            history: self.cut.history.table().to_owned(),
            before_ms: self.cut.before,
            removed: self.removed + pruned.removed,
            ended_ms: now,
            next_ms: self.next,
        };
        pruned.next.is_none().then(row)
    }
}

impl Store {
    /// Removes some more of what may go: one transaction that looks at a bounded number of rows. Says whether there is
    /// more to do. Who is in a hurry calls it again at once; who is not, after a pause.
    ///
    /// # Errors
    /// When the database does not take it: nothing of this step is removed, and it may be tried again as it is.
    pub async fn prune(&self, pruning: &mut Pruning, now: UnixMillis) -> Result<bool, CommitError> {
        let Some(step) = pruning.step() else { return Ok(false) };
        let done = match &self.backend {
            Backend::Sqlite(store) => store.prune(step, now).await,
            Backend::Postgres(store) => store.prune(step, now).await,
        };
        let done = done.map(|pruned| pruning.stepped(pruned));
        self.tell(&done);
        done.map(|()| pruning.at().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pruned(removed: u64, more: bool) -> Pruned {
        Pruned { removed, next: more.then(|| Mark(vec!["1".into(), "2".into()])) }
    }

    #[test]
    fn each_history_is_gone_through_to_its_end_before_the_next() {
        let only = Retention {
            alerts_days: 0,
            memberships_days: 0,
            actions_days: 0,
            channel_messages_days: 0,
            analytics_days: 0,
            credentials_days: 0,
            ..Retention::default()
        };
        let now = UnixMillis(1_000_000_000_000);
        let mut pruning = Pruning::new(&only, now, Some(UnixMillis(now.0 + 7)));
        assert_eq!(pruning.at(), Some(History::HealthHistory));
        assert!(pruning.step().unwrap().from.is_none());
        let step = pruning.step().unwrap();
        assert_eq!(step.noted(&pruned(1_000, true), now), None, "it is not over yet");
        pruning.stepped(pruned(1_000, true));
        let step = pruning.step().unwrap();
        assert!(step.from.is_some());
        let noted = step.noted(&pruned(3, false), now).unwrap();
        assert_eq!(
            (noted.history.as_str(), noted.removed, noted.next_ms),
            ("health_history", 1_003, Some(UnixMillis(now.0 + 7)))
        );
        pruning.stepped(pruned(3, false));
        assert_eq!((pruning.at(), pruning.removed()), (Some(History::Events), 1_003));
        assert!(pruning.step().unwrap().from.is_none(), "the next begins at its own beginning");
        pruning.stepped(pruned(0, false));
        assert!(pruning.step().is_none());
        let removed: Vec<u64> = pruning.done().iter().map(|one| one.removed).collect();
        assert_eq!(removed, [1_003, 0]);
    }
}
