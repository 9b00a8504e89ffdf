//! What stands in the lists, filtered and sorted.

use std::cmp::Reverse;

use super::{Screen, Sort, State};
use crate::ask::answer::{Alert, Node};
use crate::top::fleet::{Rack, by_worst, natural, set_bits};

impl State {
    /// The racks that are shown.
    #[must_use]
    pub fn racks(&self) -> Vec<&Rack> {
        let mut racks: Vec<&Rack> = self.fleet.racks.iter().filter(|rack| self.shows_rack(rack)).collect();
        let rate = |rack: &Rack| self.fleet.rates.of(&rack.id).unwrap_or_default();
        match self.sort {
            // They are by name already, and sorting keeps what is equal as it is.
            Sort::Name => {}
            Sort::Worst => racks.sort_by_key(|rack| (Reverse(rack.counts[..4].to_vec()), Reverse(rack.alerts))),
            Sort::Latest => racks.sort_by_key(|rack| Reverse(rack.nodes.len())),
            Sort::Most => racks.sort_by(|a, b| rate(b).total_cmp(&rate(a))),
        }
        racks
    }

    fn shows_rack(&self, rack: &Rack) -> bool {
        let wanted = self.filter.to_lowercase();
        wanted.is_empty()
            || rack.name.to_lowercase().contains(&wanted)
            || rack.nodes.iter().filter_map(|at| self.fleet.nodes.get(*at)).any(|node| has(node, &wanted))
    }

    /// The nodes of a rack that are shown. Where the filter means the rack itself, all of them are.
    #[must_use]
    pub fn nodes(&self, rack: &str) -> Vec<&Node> {
        let Some(rack) = self.fleet.racks.iter().find(|it| it.id == rack) else { return Vec::new() };
        let wanted = self.filter.to_lowercase();
        let all = wanted.is_empty() || rack.name.to_lowercase().contains(&wanted);
        let nodes = rack.nodes.iter().filter_map(|at| self.fleet.nodes.get(*at));
        let mut nodes: Vec<&Node> = nodes.filter(|node| all || has(node, &wanted)).collect();
        match self.sort {
            Sort::Worst => nodes.sort_by(|a, b| by_worst(a, b)),
            Sort::Name => nodes.sort_by(|a, b| natural(&a.name, &b.name)),
            Sort::Latest => nodes.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| natural(&a.name, &b.name))),
            Sort::Most => nodes.sort_by_key(|node| Reverse((node.health_bits & !node.unmeasurable).count_ones())),
        }
        nodes
    }

    /// The alerts that are shown: critical ones first, then the newest.
    #[must_use]
    pub fn open_alerts(&self) -> Vec<&Alert> {
        let wanted = self.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let fits = |alert: &&Alert| {
            has(&alert.kind) || has(&alert.group_name) || has(&alert.message) || alert.node.as_deref().is_some_and(has)
        };
        let mut alerts: Vec<&Alert> = self.fleet.alerts.iter().filter(fits).collect();
        alerts.sort_by(|a, b| {
            let critical = |alert: &Alert| alert.severity != "critical";
            critical(a).cmp(&critical(b)).then_with(|| b.raised_at.cmp(&a.raised_at))
        });
        alerts
    }

    /// Ids of what is listed on the screen that is seen.
    pub(super) fn listed(&self) -> Vec<String> {
        match self.screen() {
            Screen::Racks => self.racks().iter().map(|rack| rack.id.clone()).collect(),
            Screen::Rack(rack) => self.nodes(rack).iter().map(|node| node.node_id.clone()).collect(),
            Screen::Alerts => self.open_alerts().iter().map(|alert| alert.alert_id.to_string()).collect(),
            Screen::Node(_) => Vec::new(),
        }
    }
}

fn has(node: &Node, wanted: &str) -> bool {
    node.name.to_lowercase().contains(wanted)
        || node.state.contains(wanted)
        || node.address.as_deref().is_some_and(|address| address.contains(wanted))
        || node.logical_group.as_deref().is_some_and(|group| group.to_lowercase().contains(wanted))
        || set_bits(node).iter().any(|bit| bit.contains(wanted))
}
