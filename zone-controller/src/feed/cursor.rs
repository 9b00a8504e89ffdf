//! Where a follower stands, and whether what comes next is read from the store or comes live. Pure.
//!
//! All ids up to `through` are read from the store; greater ones come live. Both are told in order of their ids, and what
//! is not greater than the last one told was told before.

/// Where a follower stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The last id that was told, or is to count as such.
    at: i64,
    /// Ids up to this one have to be read from the store.
    through: i64,
}

/// Rows to be read from the store: those with greater ids than `after`, up to `through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Not this one.
    pub after: i64,
    /// This one as well.
    pub through: i64,
}

impl Cursor {
    /// Begins with what is newer than `newest`, the newest id that was sent when the follower's channel was made.
    #[must_use]
    pub const fn from_now(newest: i64) -> Self {
        Self { at: newest, through: newest }
    }

    /// Begins again after an id that was told before; one that is newer than anything that was ever sent (the database was
    /// restored, say) begins with what is live.
    pub fn resume(&mut self, after: i64) {
        self.at = after.min(self.through);
    }

    /// The last id that was told, or counts as such.
    #[must_use]
    pub const fn at(&self) -> i64 {
        self.at
    }

    /// The follower knows everything up to this id already, though it was not sent yet.
    pub const fn heard(&mut self, id: i64) {
        self.at = id;
    }

    /// What has to be read before anything live may be told.
    #[must_use]
    pub fn wanted(&self) -> Option<Wanted> {
        (self.at < self.through).then_some(Wanted { after: self.at, through: self.through })
    }

    /// A page of what was wanted was read: the last id in it, and whether it was full, so that there may be more.
    pub fn read(&mut self, last: Option<i64>, is_full: bool) {
        self.at = match last {
            Some(last) if is_full => last,
            _ => self.through,
        };
    }

    /// Whether this live one is to be told; then it was.
    pub fn takes(&mut self, id: i64) -> bool {
        let is_new = id > self.at;
        if is_new {
            (self.at, self.through) = (id, id.max(self.through));
        }
        is_new
    }

    /// The channel dropped some that were sent up to `newest`.
    pub fn lagged(&mut self, newest: i64) {
        self.through = self.through.max(newest);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    /// A store, the channel of a follower, and the follower.
    #[derive(Debug)]
    struct World {
        stored: Vec<i64>,
        sent: usize,
        channel: VecDeque<i64>,
        dropped: bool,
        cursor: Cursor,
        told: Vec<i64>,
    }

    const CHANNEL: usize = 3;
    const PAGE: usize = 2;

    impl World {
        fn new(before: &[i64], after: Option<i64>) -> Self {
            let mut cursor = Cursor::from_now(before.last().copied().unwrap_or(0));
            if let Some(after) = after {
                cursor.resume(after);
            }
            let (stored, channel) = (before.to_vec(), VecDeque::new());
            Self { stored, sent: before.len(), channel, dropped: false, cursor, told: Vec::new() }
        }

        /// With a hole now and then.
        fn commit(&mut self, hole: i64) {
            self.stored.push(self.stored.last().copied().unwrap_or(0) + 1 + hole);
        }

        fn send(&mut self) {
            if let Some(id) = self.stored.get(self.sent) {
                self.channel.push_back(*id);
                self.sent += 1;
                if self.channel.len() > CHANNEL {
                    self.channel.pop_front();
                    self.dropped = true;
                }
            }
        }

        /// As a subscription does.
        fn follow(&mut self) -> bool {
            if let Some(Wanted { after, through }) = self.cursor.wanted() {
                let page: Vec<i64> = self.stored.iter().copied().filter(|id| *id > after && *id <= through).collect();
                let page = &page[..page.len().min(PAGE)];
                self.told.extend(page);
                self.cursor.read(page.last().copied(), page.len() == PAGE);
                return true;
            }
            if std::mem::take(&mut self.dropped) {
                self.cursor.lagged(self.stored[self.sent - 1]);
                return true;
            }
            let Some(id) = self.channel.pop_front() else { return false };
            if self.cursor.takes(id) {
                self.told.push(id);
            }
            true
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Commit(i64),
        Send,
        Follow,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![(0..3_i64).prop_map(Step::Commit), Just(Step::Send), Just(Step::Send), Just(Step::Follow)]
    }

    proptest! {
        #[test]
        fn every_id_is_told_once_and_in_order_however_slow_the_follower_is(
            before in 0..9_i64,
            after in proptest::option::of(0..14_i64),
            steps in proptest::collection::vec(step(), 0..120),
            holes in any::<bool>(),
        ) {
            let before: Vec<i64> = (1..=before).map(|id| if holes { 2 * id } else { id }).collect();
            let newest = before.last().copied().unwrap_or(0);
            let mut world = World::new(&before, after);
            for step in steps {
                match step {
                    Step::Commit(hole) => world.commit(hole),
                    Step::Send => world.send(),
                    Step::Follow => drop(world.follow()),
                }
            }
            while world.sent < world.stored.len() {
                world.send();
            }
            while world.follow() {}
            let begin = after.unwrap_or(newest).min(newest);
            let expected: Vec<i64> = world.stored.iter().copied().filter(|id| *id > begin).collect();
            prop_assert_eq!(world.told, expected);
        }
    }

    #[test]
    fn an_id_from_before_a_restore_begins_with_what_is_live() {
        let mut cursor = Cursor::from_now(10);
        cursor.resume(99);
        assert_eq!((cursor.wanted(), cursor.takes(11)), (None, true));
    }

    #[test]
    fn what_was_read_before_it_was_sent_is_not_told_again() {
        let mut cursor = Cursor::from_now(10);
        cursor.resume(12);
        cursor.heard(12);
        assert_eq!((cursor.wanted(), cursor.takes(11), cursor.takes(12), cursor.takes(13)), (None, false, false, true));
    }

    #[test]
    fn a_page_that_holds_nothing_ends_the_reading() {
        let mut cursor = Cursor::from_now(10);
        cursor.resume(2);
        assert_eq!(cursor.wanted(), Some(Wanted { after: 2, through: 10 }));
        cursor.read(None, false);
        assert_eq!((cursor.wanted(), cursor.takes(10), cursor.takes(11)), (None, false, true));
    }
}
