//! Which deliveries of one channel are settled, so that many acknowledgements become one frame.

use std::collections::BTreeSet;

/// Tags start at 1 and grow by 1.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Every tag up to here is settled.
    floor: u64,
    /// Settled tags above.
    above: BTreeSet<u64>,
}

/// The acknowledgements to send.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frames {
    /// One for everything up to this tag.
    pub up_to: Option<u64>,
    /// One for each of these.
    pub single: Vec<u64>,
}

impl Settled {
    /// Settles tags (sorted, each delivered and not settled before) and tells what to send for it. A frame for
    /// "up to" never covers an unsettled delivery, and its own tag is always one of these, as RabbitMQ demands.
    pub fn settle(&mut self, tags: &[u64]) -> Frames {
        let mut frames = Frames::default();
        for &tag in tags {
            if tag == self.floor + 1 {
                self.floor = tag;
                while self.above.remove(&(self.floor + 1)) {
                    self.floor += 1;
                }
            } else if tag > self.floor {
                self.above.insert(tag);
            }
        }
        let below = tags.partition_point(|&tag| tag <= self.floor);
        let (done, rest) = tags.split_at(below);
        match done {
            [] => {}
            [only] => frames.single.push(*only),
            [.., last] => frames.up_to = Some(*last),
        }
        frames.single.extend(rest);
        frames
    }

    /// How many are settled.
    pub fn count(&self) -> u64 {
        self.floor + self.above.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(up_to: Option<u64>, single: &[u64]) -> Frames {
        Frames { up_to, single: single.to_vec() }
    }

    #[test]
    fn contiguous_tags_from_the_first_unsettled_one_need_one_frame() {
        let mut settled = Settled::default();
        assert_eq!(settled.settle(&[1, 2, 3]), frames(Some(3), &[]));
        assert_eq!(settled.settle(&[4]), frames(None, &[4]));
        assert_eq!(settled.count(), 4);
    }

    #[test]
    fn an_unsettled_tag_is_never_covered() {
        let mut settled = Settled::default();
        assert_eq!(settled.settle(&[2, 3]), frames(None, &[2, 3]));
        assert_eq!(settled.settle(&[5, 6]), frames(None, &[5, 6]));
        // 1 fills the gap up to 3; 4 is still out.
        assert_eq!(settled.settle(&[1]), frames(None, &[1]));
        assert_eq!(settled.settle(&[4, 7, 8, 10]), frames(Some(8), &[10]));
        assert_eq!(settled.count(), 9);
    }
}
