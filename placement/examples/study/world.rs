//! The world in virtual time: work comes and goes, nodes fail and return, messages are late or lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rollcall_model::Tick;
use rollcall_placement::Rates;
use rollcall_placement::beat::{Beat, BeatConfig};
use rollcall_placement::metric::Full;

use crate::draws::Draws;
use crate::fleet::{LARGEST, Node, Work, fleet};
use crate::measure::{Measured, Samples};
use crate::strategy::{Aim, Chooser, Strategy, Traffic};

/// One run.
#[derive(Clone, Copy)]
pub struct Setting {
    pub seed: u64,
    pub aim: Aim,
    pub nodes: usize,
    /// Messages per second and node that are allowed when all are free (or full) at once.
    pub budget: f64,
    /// Of the fleet's capacity that is used in the long run.
    pub load: f64,
    /// Independent choosers, each told of all messages and of no other's choices.
    pub choosers: usize,
    /// For power: what a node above a threshold says.
    pub full: Full,
    pub warm_up: u64,
    pub seconds: u64,
}

const LOSS: f64 = 0.01;
const BETWEEN_FAILURES: f64 = 1800.0;
const REPAIR: f64 = 60.0;
/// How long until everybody knows that a node died or came back.
const NOTICE: u64 = 2000;
/// After how long a piece of work that was refused asks again, in milliseconds, and how often it asks.
const AGAIN: u64 = 500;
const ATTEMPTS: u32 = 4;

#[derive(Clone, Copy)]
enum Event {
    Arrive,
    Ask { work: Work, attempt: u32 },
    End { node: usize, life: u32, work: Work },
    Fail(usize),
    Return(usize),
    Notice(usize),
    Beat { node: usize, version: u32 },
    Deliver { node: usize, metric: f64 },
    Tick,
    Sample,
}

struct World {
    setting: Setting,
    traffic: Traffic,
    now: u64,
    number: u64,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    events: Vec<Option<Event>>,
    unused: Vec<usize>,
    nodes: Vec<Node>,
    beats: Vec<(Beat, u32)>,
    rates: Rates,
    choosers: Vec<Box<dyn Chooser>>,
    arrivals: Draws,
    fates: Draws,
    network: Draws,
    choices: Draws,
    per_second: f64,
    next_arrival: f64,
    samples: Samples,
    sent: u64,
}

/// Normalised by capacity, half of a small node is a sixteenth: min must lie well below. For power a small min would have
/// all but full nodes speak too seldom.
fn min(aim: Aim) -> f64 {
    match aim {
        Aim::Balance => 0.01,
        Aim::Power => 0.1,
    }
}

/// Rates that keep to the budget in the worst case of the aim.
pub fn rates(setting: &Setting, nodes: &[Node]) -> Rates {
    let shares: f64 = nodes.iter().map(|node| node.capacity / LARGEST).sum::<f64>() / nodes.len() as f64;
    let fastest = match setting.aim {
        Aim::Balance => setting.budget / shares,
        Aim::Power => setting.budget,
    };
    Rates::new(fastest, fastest, min(setting.aim)).expect("rates that work")
}

/// Runs one strategy. `reports` is the rate of reports, messages per second and node, where it sends reports or asks.
pub fn run(setting: Setting, strategy: Strategy, reports: f64) -> Measured {
    let nodes = fleet(setting.nodes, &mut Draws::new(setting.seed, 1));
    let rates = rates(&setting, &nodes);
    let total = reports * nodes.len() as f64;
    let capacity: f64 = nodes.iter().map(|node| node.capacity).sum();
    let choosers = (0..setting.choosers)
        .map(|_| strategy.chooser(setting.aim, &nodes, rates, total / setting.choosers as f64))
        .collect();
    let mut network = Draws::new(setting.seed, 4);
    let first = if strategy.traffic() == Traffic::Reports { reports } else { rates.of(setting.aim.kind(), 0.0, 1.0) };
    let beat = |network: &mut Draws| {
        Beat::new(Tick(0), first, BeatConfig::default(), network.unit()).expect("a beat that works")
    };
    let beats = nodes.iter().map(|_| (beat(&mut network), 0)).collect();
    let mut world = World {
        traffic: strategy.traffic(),
        now: 0,
        number: 0,
        queue: BinaryHeap::new(),
        events: Vec::new(),
        unused: Vec::new(),
        beats,
        rates,
        choosers,
        arrivals: Draws::new(setting.seed, 2),
        fates: Draws::new(setting.seed, 3),
        network,
        choices: Draws::new(setting.seed, 5),
        next_arrival: 0.0,
        per_second: Work::per_second(setting.load, capacity),
        samples: Samples::default(),
        sent: 0,
        nodes,
        setting,
    };
    world.begin();
    world.live();
    world.end()
}

impl World {
    fn at(&mut self, time: u64, event: Event) {
        let place = self.unused.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() - 1
        });
        self.events[place] = Some(event);
        self.number += 1;
        self.queue.push(Reverse((time, self.number, place)));
    }

    fn begin(&mut self) {
        self.at(0, Event::Arrive);
        self.at(0, Event::Tick);
        self.at(self.setting.warm_up * 1000, Event::Sample);
        for node in 0..self.nodes.len() {
            let fails = (self.fates.exponential(BETWEEN_FAILURES) * 1000.0) as u64;
            self.at(fails, Event::Fail(node));
            self.set_rate(node);
        }
    }

    fn live(&mut self) {
        let end = (self.setting.warm_up + self.setting.seconds) * 1000;
        while let Some(Reverse((time, _, place))) = self.queue.pop() {
            if time > end {
                return;
            }
            self.now = time;
            self.unused.push(place);
            if let Some(event) = self.events[place].take() {
                self.step(event);
            }
        }
    }

    fn step(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Arrive => self.arrive(),
            Event::Ask { work, attempt } => self.ask(work, attempt),
            Event::End { node, life, work } => {
                if self.nodes[node].life == life {
                    self.nodes[node].end(&work);
                    self.set_rate(node);
                }
            }
            Event::Fail(node) => {
                self.nodes[node].fail();
                self.at(now + NOTICE, Event::Notice(node));
                self.at(now + (REPAIR * 1000.0) as u64, Event::Return(node));
            }
            Event::Return(node) => {
                self.nodes[node].alive = true;
                self.at(now + NOTICE, Event::Notice(node));
                let fails = (self.fates.exponential(BETWEEN_FAILURES) * 1000.0) as u64;
                self.at(now + fails, Event::Fail(node));
                self.set_rate(node);
            }
            Event::Notice(node) => {
                let alive = self.nodes[node].alive;
                self.choosers.iter_mut().for_each(|chooser| chooser.eligible(now, node, alive));
            }
            Event::Beat { node, version } => self.beat(node, version),
            Event::Deliver { node, metric } => {
                self.choosers.iter_mut().for_each(|chooser| chooser.deliver(now, node, metric));
            }
            Event::Tick => {
                self.choosers.iter_mut().for_each(|chooser| chooser.tick(now));
                self.at(now + 100, Event::Tick);
            }
            Event::Sample => {
                self.samples.take(&self.nodes);
                self.at(now + 1000, Event::Sample);
            }
        }
    }

    fn measuring(&self) -> bool {
        self.now >= self.setting.warm_up * 1000
    }

    fn arrive(&mut self) {
        let work = Work::draw(&mut self.arrivals);
        // Kept as a fraction: many arrivals share a millisecond in a large fleet.
        self.next_arrival += self.arrivals.exponential(1000.0 / self.per_second);
        self.at(self.next_arrival as u64, Event::Arrive);
        self.ask(work, 1);
    }

    fn ask(&mut self, work: Work, attempt: u32) {
        let chooser = self.choices.below(self.choosers.len());
        let chosen = self.choosers[chooser].choose(self.now, &self.nodes, &work, &mut self.choices);
        let fits = chosen.is_some_and(|node| self.nodes[node].fits(&work));
        if let (Some(node), true) = (chosen, fits) {
            self.nodes[node].start(&work);
            let (life, end) = (self.nodes[node].life, self.now + (work.seconds * 1000.0) as u64);
            self.at(end, Event::End { node, life, work });
            self.set_rate(node);
        } else {
            if let Some(node) = chosen {
                self.choosers[chooser].refused(self.now, node);
            }
            if attempt < ATTEMPTS {
                self.at(self.now + AGAIN, Event::Ask { work, attempt: attempt + 1 });
            }
        }
        if self.measuring() {
            let wrong = chosen.is_some() && !fits;
            self.samples.count(attempt == 1, wrong, !fits && attempt == ATTEMPTS);
        }
    }

    /// A node's load changed: how often it speaks from now on.
    fn set_rate(&mut self, node: usize) {
        match self.traffic {
            Traffic::Nothing => return,
            Traffic::Reports if self.beats[node].1 > 0 => return,
            Traffic::Reports => {}
            Traffic::Availability => {
                let f = self.nodes[node].availability(self.setting.aim, self.setting.full, self.rates.min());
                let rate = self.rates.of(self.setting.aim.kind(), 0.0, f);
                self.beats[node].0.set_rate(Tick(self.now), rate);
            }
        }
        self.beats[node].1 += 1;
        let (due, version) = (self.beats[node].0.due().0, self.beats[node].1);
        self.at(due.max(self.now), Event::Beat { node, version });
    }

    fn beat(&mut self, node: usize, version: u32) {
        if self.beats[node].1 != version {
            return;
        }
        let spoke = self.beats[node].0.fire(Tick(self.now), self.network.unit());
        let due = self.beats[node].0.due().0;
        self.at(due.max(self.now + 1), Event::Beat { node, version });
        if !spoke || !self.nodes[node].alive {
            return;
        }
        self.sent += u64::from(self.measuring());
        let (lost, delay) = (self.network.unit() < LOSS, self.network.between(1.0, 20.0));
        let held_up = if self.network.unit() < 0.01 { 200.0 } else { 0.0 };
        if !lost {
            let metric = self.nodes[node].metric();
            self.at(self.now + (delay + held_up) as u64, Event::Deliver { node, metric });
        }
    }

    fn end(self) -> Measured {
        let asked: u64 = self.choosers.iter().map(|chooser| chooser.asked()).sum();
        let whole = (self.setting.warm_up + self.setting.seconds) as f64;
        let messages = self.sent as f64 / self.setting.seconds as f64 + asked as f64 / whole;
        let staleness = self.choosers.iter().filter_map(|chooser| chooser.staleness());
        let (sum, number) = staleness.fold((0.0, 0), |(sum, number), (more, n)| (sum + more, number + n));
        let staleness = (number > 0).then(|| sum / number as f64 / 1000.0);
        self.samples.end(messages, staleness)
    }
}
