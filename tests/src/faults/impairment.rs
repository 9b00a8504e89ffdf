//! What one direction of an emulated cable does to the frames on it.

use std::fmt;
use std::time::Duration;

/// What is done to each frame. The default is a cable without faults: all of it, in order, at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impairment {
    /// How long a frame is under way.
    pub delay: Duration,
    /// And how much longer at most, evenly drawn. It alone never makes one frame overtake another.
    pub jitter: Duration,
    /// How many frames of a hundred are lost.
    pub loss: u8,
    /// How many of a hundred arrive twice.
    pub duplicate: u8,
    /// How many of a hundred are held back and overtaken by those after them.
    pub reorder: u8,
    /// How many of a hundred arrive with one bit of what they carry turned over.
    pub corrupt: u8,
    /// Nothing passes, and nobody is told.
    pub cut: bool,
    /// How much passes in a second.
    pub rate: Option<Rate>,
}

/// A bottleneck with a queue before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bytes per second; at least 1.
    pub bytes_per_s: u32,
    /// Bytes that may wait; what comes on top is lost.
    pub queue: u32,
}

impl Impairment {
    /// A cable that carries nothing.
    #[must_use]
    pub fn cut() -> Self {
        Self { cut: true, ..Self::default() }
    }

    /// A cable that loses so many frames of a hundred.
    #[must_use]
    pub fn loss(percent: u8) -> Self {
        Self { loss: percent, ..Self::default() }
    }

    /// Whether it is a cable without faults.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// How many frames of a hundred pass unharmed.
    #[must_use]
    pub const fn passes(&self) -> u8 {
        if self.cut { 0 } else { 100_u8.saturating_sub(self.loss).saturating_sub(self.corrupt) }
    }

    /// Whether a node behind it is still promised never to be told down (docs/reliability.md): nothing is cut, up to 30 % of the
    /// frames are lost, damaged or late, and what is under way is so for at most half a second.
    #[must_use]
    pub fn is_within_promise(&self) -> bool {
        let rate = self.rate.is_none_or(|rate| rate.bytes_per_s >= 4_000 && rate.queue >= 4_000);
        let late = self.delay + self.jitter <= Duration::from_millis(500);
        rate && late && self.passes() >= 70 && self.reorder <= 30
    }
}

impl fmt::Display for Impairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cut {
            return f.write_str("cut");
        }
        let mut words = Vec::new();
        if self.delay + self.jitter > Duration::ZERO {
            words.push(format!("{}+{} ms", self.delay.as_millis(), self.jitter.as_millis()));
        }
        for (percent, what) in
            [(self.loss, "lost"), (self.duplicate, "twice"), (self.reorder, "overtaken"), (self.corrupt, "damaged")]
        {
            if percent > 0 {
                words.push(format!("{percent} % {what}"));
            }
        }
        if let Some(rate) = self.rate {
            words.push(format!("{} bytes/s", rate.bytes_per_s));
        }
        if words.is_empty() {
            words.push("good".into());
        }
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_does_is_said_in_words_and_what_it_breaks_is_known() {
        let slow =
            |bytes_per_s| Impairment { rate: Some(Rate { bytes_per_s, queue: 10_000 }), ..Impairment::default() };
        let late = |ms| Impairment { delay: Duration::from_millis(ms), ..Impairment::default() };
        let (torn, swapped) = (
            Impairment { corrupt: 2, loss: 29, ..Impairment::default() },
            Impairment { reorder: 30, duplicate: 100, ..Impairment::default() },
        );
        for (impairment, words, within) in [
            (Impairment::default(), "good", true),
            (Impairment::cut(), "cut", false),
            (Impairment::loss(30), "30 % lost", true),
            (Impairment::loss(31), "31 % lost", false),
            (torn, "29 % lost, 2 % damaged", false),
            (swapped, "100 % twice, 30 % overtaken", true),
            (slow(4_000), "4000 bytes/s", true),
            (slow(3_999), "3999 bytes/s", false),
            (late(500), "500+0 ms", true),
            (late(501), "501+0 ms", false),
        ] {
            assert_eq!((impairment.to_string().as_str(), impairment.is_within_promise()), (words, within));
        }
    }
}
