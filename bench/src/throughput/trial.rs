//! The measurement itself: turn and turn about, then medians.

use anyhow::ensure;

use super::lane::{Kind, Lane, Run};
use crate::report::{Row, figure, median, say};
use crate::statuses::NODES;

/// Published to each side before anything is measured.
const WARM_UP: usize = 20_000;
/// Statuses in each run of draining: as many as a health queue holds. Many more, and the broker begins to write to disk.
const DRAINED: usize = 50_000;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Pairs of runs, of each of the two kinds.
    pub pairs: usize,
    /// Statuses in each run of publishing and consuming at once.
    pub statuses: usize,
}

impl Default for Extent {
    fn default() -> Self {
        Self { pairs: 15, statuses: 100_000 }
    }
}

/// Two runs, one after the other.
#[derive(Clone, Copy)]
struct Pair {
    subject: Run,
    peer: Run,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.subject.rate / self.peer.rate
    }
}

/// Two sides to be compared.
pub struct Trial {
    /// Who is judged, and its name.
    pub subject: (Lane, &'static str),
    /// Who it stands comparison with.
    pub peer: (Lane, &'static str),
    /// What it has to reach of what the peer reaches.
    pub target: f64,
    /// Most processor time that it may take for a status beyond the peer's, microseconds.
    pub target_beyond_us: Option<f64>,
}

/// What came of both kinds of runs.
pub struct Outcome {
    pairs: [(Kind, Vec<Pair>); 2],
    names: [&'static str; 2],
    target: f64,
    target_beyond_us: Option<f64>,
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Stream => "publish and consume at once",
        Kind::Drain => "drain a filled queue",
    }
}

impl Trial {
    /// Measures, and checks that nothing was lost or refused.
    pub async fn run(mut self, extent: Extent) -> anyhow::Result<Outcome> {
        ensure!(extent.statuses >= 2 * NODES, "a run needs at least {} statuses: each node speaks twice", 2 * NODES);
        for lane in [&mut self.subject.0, &mut self.peer.0] {
            lane.timed(Kind::Stream, WARM_UP).await?;
        }
        let streamed = self.pairs(Kind::Stream, extent.pairs, extent.statuses).await?;
        let drained = self.pairs(Kind::Drain, extent.pairs, DRAINED).await?;
        for (lane, name) in [&mut self.subject, &mut self.peer] {
            say(format_args!("{name}: all {} statuses were taken, none refused", lane.check().await?));
        }
        let pairs = [(Kind::Stream, streamed), (Kind::Drain, drained)];
        Ok(Outcome {
            pairs,
            names: [self.subject.1, self.peer.1],
            target: self.target,
            target_beyond_us: self.target_beyond_us,
        })
    }

    async fn pairs(&mut self, kind: Kind, count: usize, statuses: usize) -> anyhow::Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for number in 1..=count {
            let subject = self.subject.0.timed(kind, statuses).await?;
            let peer = self.peer.0.timed(kind, statuses).await?;
            let pair = Pair { subject, peer };
            let of = |name, run: Run| format!("{name} {}/s and {:.2} µs each", figure(run.rate), run.cost_us);
            say(format_args!(
                "{} {number}/{count}: {}, {}, ratio {:.3}",
                name(kind),
                of(self.subject.1, subject),
                of(self.peer.1, peer),
                pair.ratio()
            ));
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

impl Outcome {
    /// Rates, ratios and processor times, with the medians of all pairs.
    pub fn rows(&self) -> Vec<Row> {
        let Self { names: [subject, peer], target, target_beyond_us, .. } = *self;
        let rows = |(kind, pairs): &(Kind, Vec<Pair>)| {
            let (kind, middle) = (name(*kind), |value: fn(&Pair) -> f64| middle(pairs, value));
            let each: Vec<String> = pairs.iter().map(|pair| format!("{:.2}", pair.ratio())).collect();
            let beside = |value| format!("{peer} {}", figure(value));
            let beyond = target_beyond_us.map_or_else(String::new, |target| {
                format!("; beyond it {:.2}, target ≤ {target}", middle(|pair| pair.subject.cost_us - pair.peer.cost_us))
            });
            [
                Row::new(format!("{kind}: {subject}"), middle(|pair| pair.subject.rate), "statuses/s")
                    .beside(beside(middle(|pair| pair.peer.rate))),
                Row::new(format!("{kind}: ratio"), middle(Pair::ratio), "")
                    .beside(format!("target ≥ {target}"))
                    .note(format!("pairs: {}", each.join(" "))),
                Row::new(format!("{kind}: processor time"), middle(|pair| pair.subject.cost_us), "µs/status")
                    .beside(beside(middle(|pair| pair.peer.cost_us)) + &beyond)
                    .note("of the consumer, with the client library's thread"),
            ]
        };
        self.pairs.iter().flat_map(rows).collect()
    }

    /// What the brokers use, what the publishers can do when nobody takes, and what making a status costs them.
    pub fn rows_of_publishers(&self) -> Vec<Row> {
        let [(_, streamed), (_, filled)] = &self.pairs;
        let [subject, peer] = self.names;
        let beside = |value| format!("{peer} {}", figure(value));
        vec![
            Row::new(
                format!("{subject}: the broker's processor time"),
                middle(streamed, |it| it.subject.broker_us),
                "µs/status",
            )
            .beside(beside(middle(streamed, |it| it.peer.broker_us)))
            .note("publish and consume at once: for taking in and giving out"),
            Row::new(format!("{subject}: a publisher alone"), middle(filled, |it| it.subject.published), "statuses/s")
                .beside(beside(middle(filled, |it| it.peer.published)))
                .note("while the queue is filled and nobody takes from it"),
            Row::new(format!("{subject}: making a status"), middle(streamed, |it| it.subject.making_us), "µs/status")
                .beside(beside(middle(streamed, |it| it.peer.making_us)))
                .note("in the publisher, before the runs; the node's share"),
        ]
    }
}

fn middle(pairs: &[Pair], value: fn(&Pair) -> f64) -> f64 {
    median(&pairs.iter().map(value).collect::<Vec<f64>>())
}
