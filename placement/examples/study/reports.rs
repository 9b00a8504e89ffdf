//! The peers: they know a number for each node, from reports, by asking, or for free.

use crate::draws::Draws;
use crate::fleet::{Node, Work};
use crate::strategy::{Aim, Chooser};

/// Where a peer's knowledge comes from.
#[derive(Clone, Copy, PartialEq)]
pub enum Knows {
    Nothing,
    /// Whose turn it is.
    Turns,
    /// What each said last; `own`: and what was placed on it since.
    Reports {
        own: bool,
    },
    /// What the nodes answer, four messages for two, while the budget lasts; random beyond.
    Asked,
    /// Everything.
    Truth,
}

struct Known {
    capacity: f64,
    eligible: bool,
    metric: f64,
    pending: f64,
    at: u64,
}

pub struct Reports {
    aim: Aim,
    knows: Knows,
    /// How many are compared; all if none.
    choices: Option<usize>,
    known: Vec<Known>,
    /// Who is drawn how often: by capacity for balance, each alike for power.
    sums: Vec<f64>,
    turn: usize,
    budget: f64,
    tokens: f64,
    filled_at: u64,
    asked: u64,
    staleness: (f64, u64),
}

impl Reports {
    pub fn new(aim: Aim, nodes: &[Node], knows: Knows, choices: Option<usize>, budget: f64) -> Self {
        let known = nodes
            .iter()
            .map(|node| Known { capacity: node.capacity, eligible: true, metric: 1.0, pending: 0.0, at: 0 })
            .collect();
        let mut sum = 0.0;
        let weigh = |node: &Node| if aim == Aim::Balance { node.capacity } else { 1.0 };
        let add = |node: &Node| {
            sum += weigh(node);
            sum
        };
        let sums = nodes.iter().map(add).collect();
        let (turn, tokens, filled_at, asked, staleness) = (0, 0.0, 0, 0, (0.0, 0));
        Self { aim, knows, choices, known, sums, turn, budget, tokens, filled_at, asked, staleness }
    }

    fn draw(&self, draws: &mut Draws) -> usize {
        let total = self.sums.last().copied().unwrap_or(0.0);
        for _ in 0..16 {
            let at = draws.unit() * total;
            let node = self.sums.partition_point(|sum| *sum <= at).min(self.known.len() - 1);
            if self.known[node].eligible {
                return node;
            }
        }
        draws.below(self.known.len())
    }

    /// Higher is better; what does not seem to fit comes last.
    fn score(&self, node: usize, truth: &[Node], work: &Work) -> f64 {
        let known = &self.known[node];
        if !known.eligible {
            return f64::NEG_INFINITY;
        }
        if matches!(self.knows, Knows::Truth | Knows::Asked) && !truth[node].fits(work) {
            return -1000.0;
        }
        let metric = match self.knows {
            Knows::Truth | Knows::Asked => truth[node].metric(),
            _ => known.metric,
        };
        let left = metric - (known.pending + work.size()) / known.capacity;
        match self.aim {
            Aim::Balance => left,
            Aim::Power if left >= 0.0 => -left,
            Aim::Power => left - 10.0,
        }
    }

    fn may_ask(&mut self, now: u64) -> bool {
        let gained = (now - self.filled_at) as f64 / 1000.0 * self.budget;
        self.tokens = (self.tokens + gained).min(self.budget.max(4.0));
        self.filled_at = now;
        let enough = self.tokens >= 4.0;
        if enough {
            self.tokens -= 4.0;
            self.asked += 4;
        }
        enough
    }
}

impl Chooser for Reports {
    fn deliver(&mut self, now: u64, node: usize, metric: f64) {
        let known = &mut self.known[node];
        (known.metric, known.pending, known.at) = (metric, 0.0, now);
    }

    fn eligible(&mut self, _now: u64, node: usize, eligible: bool) {
        self.known[node].eligible = eligible;
        self.known[node].pending = 0.0;
    }

    fn choose(&mut self, now: u64, truth: &[Node], work: &Work, draws: &mut Draws) -> Option<usize> {
        let size = work.size();
        let number = self.known.len();
        let node = match (self.knows, self.choices) {
            (Knows::Turns, _) => {
                let next =
                    (1..=number).map(|step| (self.turn + step) % number).find(|node| self.known[*node].eligible)?;
                self.turn = next;
                next
            }
            (Knows::Nothing, _) => self.draw(draws),
            (knows, Some(choices)) => {
                if knows == Knows::Asked && !self.may_ask(now) {
                    return Some(self.draw(draws));
                }
                let mut drawn: Vec<usize> = Vec::with_capacity(choices);
                for _ in 0..16 {
                    let node = self.draw(draws);
                    if drawn.len() < choices && !drawn.contains(&node) {
                        drawn.push(node);
                    }
                }
                best(drawn.into_iter(), |node| self.score(node, truth, work))?
            }
            (_, None) => best(0..number, |node| self.score(node, truth, work))?,
        };
        if self.knows == (Knows::Reports { own: true }) {
            self.known[node].pending += size;
        }
        if matches!(self.knows, Knows::Reports { .. }) {
            self.staleness.0 += (now - self.known[node].at) as f64;
            self.staleness.1 += 1;
        }
        Some(node)
    }

    fn refused(&mut self, _now: u64, node: usize) {
        if self.knows == (Knows::Reports { own: true }) {
            self.known[node].pending += self.known[node].capacity;
        }
    }

    fn asked(&self) -> u64 {
        self.asked
    }

    fn staleness(&self) -> Option<(f64, u64)> {
        matches!(self.knows, Knows::Reports { .. }).then_some(self.staleness)
    }
}

fn best(nodes: impl Iterator<Item = usize>, score: impl Fn(usize) -> f64) -> Option<usize> {
    let mut found = None;
    for node in nodes {
        let at = score(node);
        if found.is_none_or(|(best, _)| at > best) {
            found = Some((at, node));
        }
    }
    found.map(|(_, node)| node)
}
