//! From what is to befall a fleet to who comes, goes and ails when.

use super::{Ailing, Ailment, Ending, Life, Part, Wish};
use crate::{Behaviour, Dice, Scenario};

/// A life shorter than this is none: a node that has just come is left in peace.
const SHORTEST: u64 = 1_000;

/// What befell the nodes so far.
pub(super) struct Befallen {
    wishes: Vec<Vec<(u64, Wish)>>,
    ailments: Vec<Vec<Ailing>>,
    racks: u32,
    generations: Vec<usize>,
}

/// The place of one of some within a span of time.
fn spread(place: usize, all: usize, over: u64) -> u64 {
    let (place, all) = (place as u64, (all as u64).saturating_sub(1).max(1));
    over.saturating_mul(place) / all
}

impl Befallen {
    pub(super) fn new(scenario: &Scenario, generations: &[usize]) -> Self {
        let nodes = scenario.nodes as usize;
        let (wishes, ailments) = (vec![Vec::new(); nodes], vec![Vec::new(); nodes]);
        Self { wishes, ailments, racks: scenario.racks, generations: generations.to_vec() }
    }

    pub(super) fn wish(&mut self, node: u32, at: u64, wish: Wish) {
        if let Some(wishes) = self.wishes.get_mut(node as usize) {
            wishes.push((at, wish));
        }
    }

    fn away(&mut self, node: u32, at: u64, how: Ending, back: Option<u64>) {
        self.wish(node, at, Wish::Go(how));
        if let Some(back) = back {
            self.wish(node, at + back, Wish::Come);
        }
    }

    fn ail(&mut self, node: u32, what: Ailment, from: u64, lasting: u64) {
        if let Some(ailments) = self.ailments.get_mut(node as usize) {
            ailments.push(Ailing { what, from, lasting });
        }
    }

    fn of_rack(&self, rack: u32) -> Vec<u32> {
        (0..self.wishes.len() as u32).filter(|node| node % self.racks.max(1) == rack).collect()
    }

    pub(super) fn churn(&mut self, scenario: &Scenario, dice: &mut Dice) {
        let churn = &scenario.churn;
        let (first, end) = (scenario.arrival.over.0, scenario.whole().0);
        for (part, how) in [(churn.leave_per_hour, Ending::Left), (churn.die_per_hour, Ending::Died)] {
            let per_hour = part * f64::from(scenario.nodes);
            if per_hour <= 0.0 {
                continue;
            }
            let mut at = first;
            loop {
                at += (dice.pause(per_hour) * 3_600_000.0) as u64;
                if at >= end {
                    break;
                }
                let node = dice.below(u64::from(scenario.nodes)) as u32;
                self.away(node, at, how, Some(churn.back_after.0));
            }
        }
    }

    pub(super) fn behave(&mut self, scenario: &Scenario, behaviour: &Behaviour, dice: &mut Dice) {
        match behaviour {
            // Drawn by the machine itself, and laid over its readings.
            Behaviour::RandomFaults { .. } | Behaviour::DiurnalLoad { .. } => {}
            Behaviour::OverheatingRack { rack, at, lasting, over } => {
                let nodes = self.of_rack(rack.saturating_sub(1));
                for (place, node) in nodes.iter().enumerate() {
                    self.ail(*node, Ailment::HotInlet, at.0 + spread(place, nodes.len(), over.0), lasting.0);
                }
            }
            Behaviour::BadFirmware { generation, share, at, over, down, lasting } => {
                let nodes = self.with_firmware(scenario, generation.as_deref(), *share);
                for (place, node) in nodes.iter().enumerate() {
                    let at = at.0 + spread(place, nodes.len(), over.0);
                    self.away(*node, at, Ending::Left, Some(down.0));
                    self.ail(*node, Ailment::BadDrive, at + down.0, lasting.0);
                }
            }
            Behaviour::Flapping { nodes, every, at, lasting } => {
                for node in dice.choose(*nodes, scenario.nodes) {
                    let phase = dice.below(every.0);
                    for from in (at.0 + phase..at.0 + lasting.0).step_by(every.0.max(1) as usize) {
                        self.ail(node, Ailment::LinkLost, from, every.0 / 2);
                    }
                }
            }
            Behaviour::MassRestart { racks, at, over, down } => {
                let is_meant = |node: &u32| racks.is_empty() || racks.contains(&(node % self.racks.max(1) + 1));
                let nodes: Vec<u32> = (0..scenario.nodes).filter(is_meant).collect();
                for (place, node) in nodes.iter().enumerate() {
                    self.away(*node, at.0 + spread(place, nodes.len(), over.0), Ending::Died, Some(down.0));
                }
            }
            Behaviour::Deaths { nodes, at, over, back_after } => {
                let nodes = dice.choose(*nodes, scenario.nodes);
                for (place, node) in nodes.iter().enumerate() {
                    let at = at.0 + spread(place, nodes.len(), over.0);
                    self.away(*node, at, Ending::Died, back_after.map(|back| back.0));
                }
            }
        }
    }

    fn with_firmware(&self, scenario: &Scenario, generation: Option<&str>, share: f64) -> Vec<u32> {
        let known = scenario.generations();
        let which = generation.and_then(|name| known.iter().position(|one| one.name == name));
        let fits = |node: &u32| which.is_none_or(|which| self.generations.get(*node as usize) == Some(&which));
        let nodes: Vec<u32> = (0..scenario.nodes).filter(fits).collect();
        let count = (nodes.len() as f64 * share).ceil() as usize;
        nodes.into_iter().take(count).collect()
    }

    pub(super) fn parts(mut self, scenario: &Scenario, generations: &[usize], end: u64) -> Vec<Part> {
        let part = |(index, generation): (u32, &usize)| {
            let wishes = std::mem::take(&mut self.wishes[index as usize]);
            let mut ailments = std::mem::take(&mut self.ailments[index as usize]);
            ailments.retain(|ailing| ailing.from < end);
            ailments.sort_by_key(|ailing| ailing.from);
            Part {
                index,
                rack: index % scenario.racks.max(1),
                generation: *generation,
                lives: lives(wishes, end),
                ailments,
            }
        };
        (0_u32..).zip(generations).map(part).collect()
    }
}

/// Lives that follow each other. Who is there does not come, who is away does not go.
fn lives(mut wishes: Vec<(u64, Wish)>, end: u64) -> Vec<Life> {
    wishes.sort_by_key(|(at, _)| *at);
    let mut lives: Vec<Life> = Vec::new();
    for (at, wish) in wishes.into_iter().filter(|(at, _)| *at < end) {
        match (wish, lives.last_mut()) {
            (Wish::Come, Some(Life { end: None, .. })) => {}
            (Wish::Come, last) => {
                let before = last.and_then(|life| life.end).map_or(0, |(ended, _)| ended);
                lives.push(Life { from: at.max(before + u64::from(before > 0)), end: None });
            }
            (Wish::Go(how), Some(life)) if life.end.is_none() && at >= life.from + SHORTEST => {
                life.end = Some((at, how));
            }
            (Wish::Go(_), _) => {}
        }
    }
    lives
}
