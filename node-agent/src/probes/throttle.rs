//! How often processors slowed themselves down to stay cool.

use rollcall_model::{Millis, Tick};

use super::window::Counters;
use super::{Findings, Probe, bit};
use crate::hardware::{Tree, list_first};

const CPUS: &str = "sys/devices/system/cpu";
const LOOK_AGAIN: Millis = Millis(600_000);

pub(super) struct Throttle {
    tree: Tree,
    /// Counters, one per core and one per package; siblings repeat those of their core.
    counters: Vec<String>,
    looked: Option<Tick>,
    events: Counters,
}

impl Throttle {
    pub(super) fn new(tree: &Tree) -> Self {
        Self { tree: tree.clone(), counters: Vec::new(), looked: None, events: Counters::new(Millis(60_000)) }
    }

    fn look(&mut self, now: Tick) {
        if self.looked.is_some_and(|then| now.since(then) < LOOK_AGAIN) {
            return;
        }
        self.looked = Some(now);
        self.counters.clear();
        for (number, cpu) in self.tree.numbered(CPUS, "cpu") {
            let leads = |lists: [&str; 2]| {
                let list = lists.iter().find_map(|list| self.tree.text(&format!("{cpu}/topology/{list}")));
                list.and_then(|list| list_first(&list)).is_none_or(|first| first == number)
            };
            let counted = [
                ("core_throttle_count", ["core_cpus_list", "thread_siblings_list"]),
                ("package_throttle_count", ["package_cpus_list", "core_siblings_list"]),
            ];
            for (counter, lists) in counted {
                let below = format!("{cpu}/thermal_throttle/{counter}");
                if self.tree.exists(&below) && leads(lists) {
                    self.counters.push(below);
                }
            }
        }
    }
}

impl Probe for Throttle {
    fn name(&self) -> &str {
        "throttling"
    }

    fn indicators(&self) -> &'static [usize] {
        &[bit::CPU_THROTTLED]
    }

    fn period(&self) -> Millis {
        Millis(10_000)
    }

    fn measure(&mut self, now: Tick, findings: &mut Findings) {
        self.look(now);
        let counts = self.counters.iter().filter_map(|below| Some((below.clone(), self.tree.number::<u64>(below)?)));
        let counts: Vec<(String, u64)> = counts.collect();
        let found = if counts.is_empty() {
            Err("the processors do not count how often they slow down".into())
        } else {
            Ok(self.events.observe(now, counts.into_iter()))
        };
        findings.say(bit::CPU_THROTTLED, found);
    }
}
