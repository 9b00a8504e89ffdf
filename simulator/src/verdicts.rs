//! What the zone said of the nodes, held against what was true.

use std::collections::BTreeMap;

use rollcall_model::NodeState;
use serde::{Deserialize, Serialize};

use crate::script::Ending;
use crate::statistics::Quantiles;

/// A verdict that comes so long after a node was back is still about its death, milliseconds.
const LATE: u64 = 10_000;

/// A life that was led: true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lived {
    /// The node's number.
    pub node: u32,
    /// When it stood in both its groups and had said so, milliseconds since 1970.
    pub from: u64,
    /// When and how it ended; `None` while it goes on.
    pub end: Option<(u64, Ending)>,
}

/// Something the zone said of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Of which node, by its number.
    pub node: u32,
    /// When, milliseconds since 1970, by the zone's clock.
    pub at: u64,
    /// What state it is in.
    pub state: NodeState,
}

/// What came of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Nodes that died without a word.
    pub deaths: usize,
    /// From a death to the zone's word that the node is down, or out of reach with many others; milliseconds.
    pub detection_ms: Option<Quantiles>,
    /// Deaths whose node was back before it was missed.
    pub back_in_time: usize,
    /// Deaths the zone never spoke of.
    pub unnoticed: usize,
    /// Nodes that were suspected while they lived and spoke.
    pub false_suspicions: usize,
    /// Nodes that were said to be down or out of reach while they lived and spoke.
    pub false_verdicts: usize,
}

/// Compares, by what was known at `end`. A death in the last `patience` milliseconds is not counted: nobody had time to
/// notice it. A node that comes back within `patience` need not be missed.
#[must_use]
pub fn judge(lives: &[Lived], said: &[Said], patience: u64, end: u64) -> Verdicts {
    let mut of_node: BTreeMap<u32, Vec<&Said>> = BTreeMap::new();
    for word in said {
        of_node.entry(word.node).or_default().push(word);
    }
    let mut lives_of: BTreeMap<u32, Vec<&Lived>> = BTreeMap::new();
    for life in lives {
        lives_of.entry(life.node).or_default().push(life);
    }
    let (mut verdicts, mut latencies) = (Verdicts::default(), Vec::new());
    for (node, lives) in &mut lives_of {
        lives.sort_by_key(|life| life.from);
        let said = of_node.remove(node).unwrap_or_default();
        for (place, life) in lives.iter().enumerate() {
            let next = lives.get(place + 1).map(|next| next.from);
            verdicts.of_death(life, next, &said, &mut latencies, (patience, end));
        }
        let is_true = |word: &Said| lives.iter().any(|life| contradicts(life, lives, word.at));
        for word in said.iter().filter(|word| is_true(word)) {
            match word.state {
                NodeState::Suspect => verdicts.false_suspicions += 1,
                NodeState::Down | NodeState::Unknown => verdicts.false_verdicts += 1,
                _ => {}
            }
        }
    }
    verdicts.detection_ms = Quantiles::of(latencies);
    verdicts
}

/// Whether a node lived at this time, and its last death is too long ago to be meant.
fn contradicts(life: &Lived, all: &[&Lived], at: u64) -> bool {
    let lives = life.from <= at && life.end.is_none_or(|(end, _)| at < end);
    let just_back = all.iter().any(|other| {
        other.end.is_some_and(|(end, how)| how == Ending::Died && end <= life.from && at < life.from + LATE)
    });
    lives && !just_back
}

impl Verdicts {
    fn of_death(
        &mut self,
        life: &Lived,
        next: Option<u64>,
        said: &[&Said],
        latencies: &mut Vec<f64>,
        (patience, end): (u64, u64),
    ) {
        let Some((died, Ending::Died)) = life.end else { return };
        if died + patience > end {
            return;
        }
        self.deaths += 1;
        let meant = |word: &&&Said| {
            matches!(word.state, NodeState::Down | NodeState::Unknown)
                && word.at >= died
                && next.is_none_or(|next| word.at < next + LATE)
        };
        match said.iter().filter(meant).map(|word| word.at).min() {
            Some(at) => latencies.push((at - died) as f64),
            None if next.is_some_and(|next| next < died + patience) => self.back_in_time += 1,
            None => self.unnoticed += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(from: u64, end: Option<(u64, Ending)>) -> Lived {
        Lived { node: 1, from, end }
    }

    fn said(at: u64, state: NodeState) -> Said {
        Said { node: 1, at, state }
    }

    /// (deaths, latency, back in time, unnoticed, suspicions, verdicts)
    fn figures(lives: &[Lived], words: &[Said]) -> (usize, Option<f64>, usize, usize, usize, usize) {
        let it = judge(lives, words, 5_000, 100_000);
        (
            it.deaths,
            it.detection_ms.map(|q| q.max),
            it.back_in_time,
            it.unnoticed,
            it.false_suspicions,
            it.false_verdicts,
        )
    }

    #[test]
    fn a_death_is_noticed_or_not_and_a_word_about_the_living_is_false() {
        use Ending::{Died, Left};
        use NodeState::{Down, Healthy, Suspect, Unknown};
        let dead = [life(1_000, Some((20_000, Died)))];
        let back = [dead[0], life(40_000, None)];
        let soon = [dead[0], life(21_000, None)];
        let table: [(&[Lived], &[Said], _); 11] = [
            (&dead, &[said(22_000, Suspect), said(23_500, Down)], (1, Some(3_500.0), 0, 0, 0, 0)),
            (&dead, &[said(23_500, Unknown), said(30_000, Down)], (1, Some(3_500.0), 0, 0, 0, 0)),
            (&dead, &[], (1, None, 0, 1, 0, 0)),
            (&dead, &[said(10_000, Suspect), said(11_000, Healthy)], (1, None, 0, 1, 1, 0)),
            (&back, &[said(23_500, Down), said(41_000, Healthy)], (1, Some(3_500.0), 0, 0, 0, 0)),
            (&back, &[said(23_500, Down), said(60_000, Down)], (1, Some(3_500.0), 0, 0, 0, 1)),
            (&soon, &[said(21_500, Suspect)], (1, None, 1, 0, 0, 0)),
            (&soon, &[said(23_500, Down)], (1, Some(3_500.0), 0, 0, 0, 0)),
            (&soon, &[said(50_000, Down)], (1, None, 1, 0, 0, 1)),
            (&[life(1_000, Some((20_000, Left)))], &[said(20_100, NodeState::Left)], (0, None, 0, 0, 0, 0)),
            (&[life(1_000, Some((99_000, Died)))], &[], (0, None, 0, 0, 0, 0)),
        ];
        for (lives, words, expected) in table {
            assert_eq!(figures(lives, words), expected, "{lives:?} {words:?}");
        }
    }
}
