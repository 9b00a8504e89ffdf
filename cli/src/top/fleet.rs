//! The zone as it is known here: loaded as a whole, then kept by its events.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rollcall_model::NodeState;
use rollcall_model::indicator::INDICATORS;
use serde_json::Value;

use super::rates::Rates;
use crate::ask::answer::{Alert, Group, Node, Status};

/// Name of what stands nowhere.
pub const NOWHERE: &str = "(no rack)";

/// Everything that is loaded at once.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The zone at a glance.
    pub status: Status,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Its groups.
    pub groups: Vec<Group>,
    /// What is open.
    pub alerts: Vec<Alert>,
    /// When, by the zone's clock.
    pub now: Timestamp,
}

/// Most events that are kept while the whole is loaded; with more it is loaded again.
const MOST_KEPT: usize = 20_000;

/// A rack and its nodes.
#[derive(Clone, Debug, Default)]
pub struct Rack {
    /// Its id; empty for what stands nowhere.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Option<String>,
    /// Its nodes, worst first, as places in [`Fleet::nodes`].
    pub nodes: Vec<usize>,
    /// How many are like this, by [`rank`].
    pub counts: [usize; STATES.len()],
    /// Alerts that are open in it.
    pub alerts: usize,
}

/// The states, worst first.
pub const STATES: [NodeState; 7] = NodeState::WORST_FIRST;

/// How bad a state is: 0 is the worst. A word of a newer zone is as good as unknown.
#[must_use]
pub fn rank(state: &str) -> usize {
    state.parse().unwrap_or(NodeState::Unknown).rank()
}

/// What has to be loaded again, because an event says less than the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// Nodes and racks.
    pub fleet: bool,
    /// Alerts.
    pub alerts: bool,
}

/// The zone.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// Its name.
    pub zone: String,
    /// How its broker and its database are.
    pub footing: String,
    /// The policy in force; 0 for none.
    pub policy: u64,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Its racks, by name.
    pub racks: Vec<Rack>,
    /// What is open, newest first.
    pub alerts: Vec<Alert>,
    /// How much is going on.
    pub rates: Rates,
    index: HashMap<String, usize>,
    groups: Vec<Group>,
    /// What happened since the whole began to be loaded; its answer may be older.
    meanwhile: Option<Vec<Value>>,
}

impl Fleet {
    /// The whole is being asked for from now on.
    pub fn loading(&mut self) {
        self.meanwhile = Some(Vec::new());
    }

    /// Takes the whole, and once more what happened while it was loaded.
    pub fn load(&mut self, loaded: Loaded) {
        self.status(&loaded.status, loaded.now);
        self.nodes = loaded.nodes;
        self.index = self.nodes.iter().enumerate().map(|(at, node)| (node.node_id.clone(), at)).collect();
        self.groups = loaded.groups;
        self.alerts = loaded.alerts;
        for row in self.meanwhile.take().unwrap_or_default() {
            // Who is not known was asked for when it happened.
            self.changed(&row);
        }
        self.arrange();
    }

    /// Keeps what changes nodes for the whole that is being loaded; says whether that is too much to be kept.
    fn keep(&mut self, rows: &[Value]) -> bool {
        let Some(kept) = &mut self.meanwhile else { return false };
        let changes = rows.iter().filter(|row| changes_a_node(row));
        kept.extend(changes.cloned());
        let is_too_much = kept.len() > MOST_KEPT;
        if is_too_much {
            self.meanwhile = None;
        }
        is_too_much
    }

    /// Takes the zone at a glance.
    pub fn status(&mut self, status: &Status, now: Timestamp) {
        status.zone.name.clone_into(&mut self.zone);
        self.policy = status.policy_version;
        self.footing = match (status.broker.as_str(), status.database.as_str()) {
            ("up", "up" | "") => "up".into(),
            ("up", database) => format!("database {database}"),
            (broker, _) => format!("broker {broker}"),
        };
        for (id, summary) in &status.summaries {
            self.rates.counted(id, summary.statuses, now);
        }
    }

    /// Takes the alerts that are open.
    pub fn alerts(&mut self, alerts: Vec<Alert>) {
        self.alerts = alerts;
        self.count_alerts();
    }

    /// A node by its id.
    #[must_use]
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.index.get(id).and_then(|at| self.nodes.get(*at))
    }

    /// Takes events, rows of `v_events`.
    pub fn happened(&mut self, rows: &[Value], now: Timestamp) -> Stale {
        self.rates.happened(rows.len(), now);
        let mut stale = Stale { fleet: self.keep(rows), ..Stale::default() };
        let mut moved = false;
        for row in rows {
            let kind = row["kind"].as_str().unwrap_or_default();
            match kind {
                _ if changes_a_node(row) => {
                    stale.alerts = true;
                    match self.changed(row) {
                        Some(()) => moved = true,
                        None => stale.fleet = true,
                    }
                }
                "node_was_down" | "alert_acknowledged" => stale.alerts = true,
                "group_alarm_raised" | "group_alarm_cleared" => stale = Stale { fleet: true, alerts: true },
                _ if kind.starts_with("node_") || kind.starts_with("group_") || kind == "zone_started" => {
                    stale.fleet = true;
                }
                _ => {}
            }
        }
        if moved {
            self.arrange();
        }
        stale
    }

    /// A node as an event tells of it; nothing where it says too little, or of a node that is not known.
    fn changed(&mut self, row: &Value) -> Option<()> {
        let at = *self.index.get(row["subject_id"].as_str()?)?;
        let detail = crate::ask::watch::detail(row);
        let node = self.nodes.get_mut(at)?;
        let state = detail["to"].as_str()?;
        let word = |key: &str| detail[key].as_u64().and_then(|word| u32::try_from(word).ok());
        (node.health_bits, node.unmeasurable) = (word("bits")?, word("mask")?);
        if node.state != state {
            state.clone_into(&mut node.state);
            node.since = row["at"].as_str().map(str::to_owned);
        }
        Some(())
    }

    /// Puts the nodes into their racks, worst first.
    fn arrange(&mut self) {
        let mut racks: BTreeMap<&str, Rack> = self
            .groups
            .iter()
            .filter(|group| group.kind == "physical")
            .map(|group| {
                let rack = Rack {
                    id: group.group_id.clone(),
                    name: group.name.clone(),
                    place: group.place.clone(),
                    ..Rack::default()
                };
                (group.group_id.as_str(), rack)
            })
            .collect();
        for (at, node) in self.nodes.iter().enumerate() {
            let rack = racks.entry(node.physical_group_id.as_deref().unwrap_or_default()).or_insert_with(|| Rack {
                id: node.physical_group_id.clone().unwrap_or_default(),
                name: node.physical_group.clone().unwrap_or_else(|| NOWHERE.into()),
                ..Rack::default()
            });
            rack.nodes.push(at);
            rack.counts[rank(&node.state)] += 1;
        }
        let nodes = &self.nodes;
        let mut racks: Vec<Rack> = racks.into_values().collect();
        for rack in &mut racks {
            rack.nodes.sort_by(|a, b| by_worst(&nodes[*a], &nodes[*b]));
        }
        racks.sort_by(|a, b| natural(&a.name, &b.name));
        self.racks = racks;
        self.count_alerts();
    }

    fn count_alerts(&mut self) {
        for rack in &mut self.racks {
            // Another group may have the same name.
            let is_here = |alert: &&Alert| match &alert.group_id {
                Some(id) => *id == rack.id,
                None => alert.group_name == rack.name,
            };
            rack.alerts = self.alerts.iter().filter(is_here).count();
        }
    }
}

/// Whether an event says what a node has become.
fn changes_a_node(row: &Value) -> bool {
    row["kind"] == "node_state" || row["kind"] == "node_health"
}

/// The worst first, then those with more bits set, then by name.
#[must_use]
pub fn by_worst(a: &Node, b: &Node) -> std::cmp::Ordering {
    let bits = |node: &Node| std::cmp::Reverse((node.health_bits & !node.unmeasurable).count_ones());
    rank(&a.state).cmp(&rank(&b.state)).then_with(|| bits(a).cmp(&bits(b))).then_with(|| natural(&a.name, &b.name))
}

/// By name as people count: `web-9` before `web-10`.
#[must_use]
pub fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let split = |text: &str| {
        let at = text.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
        let at = (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        (text[..at].to_owned(), text[at..].parse::<u64>().unwrap_or_default())
    };
    split(a).cmp(&split(b)).then_with(|| a.cmp(b))
}

/// Names of the bits that are set and measured.
#[must_use]
pub fn set_bits(node: &Node) -> Vec<&'static str> {
    let set = node.health_bits & !node.unmeasurable;
    INDICATORS.iter().filter(|it| set >> it.bit & 1 == 1).map(|it| it.name).collect()
}
