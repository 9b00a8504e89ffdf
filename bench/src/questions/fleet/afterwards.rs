//! What else happened in the week: obedience, members by rule, moves, other hardware, orders, messages, summaries.

use rollcall_model::indicator::{INDICATORS, Severity};
use rollcall_model::packet::{Action, ActionState, ChannelMessage, Quantiles, Summary};
use rollcall_model::{ActionId, GroupId, Millis, NodeState, Purpose, SessionEpoch};
use rollcall_store::{AskLimits, Change, Store};

use super::{DAY, Fleet, HOUR, KINDS, capability, chance, node, node_name, rack};

impl Fleet {
    /// What happened to one node beside its health.
    pub(super) fn afterwards_of(&self, number: u32) -> anyhow::Result<Vec<Change>> {
        let mut changes = self.trust_of(number)?;
        let (node, soon) = (node(number), 20_000 + u64::from(number));
        if !number.is_multiple_of(500) {
            changes.push(Change::PolicyApplied { nodes: vec![node], version: 3, at: self.at(soon) });
        } else if number.is_multiple_of(2_000) {
            let message = "keep_alive_ms = 10: the least is 200".into();
            changes.push(Change::PolicyRefused { node, version: 3, message, at: self.at(soon) });
        }
        if number % 25 == 1 {
            changes.extend(self.hot(number));
        }
        if number % 200 == 7 {
            let moved = self.at(6 * DAY + 100 * u64::from(number));
            changes.push(self.placed(number, self.rack_of(number + 1), moved)?);
        }
        if number % 300 == 8 {
            let at = self.at(5 * DAY + 100 * u64::from(number));
            changes.push(self.joined(number, SessionEpoch(2), (number + 1) % KINDS, at)?);
        }
        if number % 50 == 9 {
            changes.extend(self.ordered(number));
        }
        Ok(changes)
    }

    /// Hot three times, and some still.
    fn hot(&self, number: u32) -> Vec<Change> {
        let (node, group) = (node(number), GroupId::derived_from("hot"));
        let mut changes = Vec::new();
        for time in 1..=3 {
            let begun = time * 2 * DAY + u64::from(number);
            let entered =
                Change::NodeEntered { node, group, reason: "cpu_temperature is set".into(), at: self.at(begun) };
            changes.push(entered);
            if time < 3 || !number.is_multiple_of(4) {
                let at = self.at(begun + 60_000 + chance(u64::from(number) + time) % HOUR);
                changes.push(Change::NodeLeft { node, group, reason: "cool again".into(), at });
            }
        }
        changes
    }

    fn ordered(&self, number: u32) -> [Change; 3] {
        let (action_id, begun) = (ActionId::derived_from(&format!("order {number}")), DAY + 4_000 * u64::from(number));
        let moved = |state, message: &str, ms| Change::ActionMoved {
            action_id,
            state,
            message: message.into(),
            at: self.at(begun + ms),
        };
        let ordered = Change::ActionOrdered {
            action_id,
            node: node(number),
            action: Action::RestartService { service: "nginx.service".into() },
            by: "ada".into(),
            automatic: false,
            deadline: self.at(begun + 60_000),
            time_limit_ms: 90_000,
            at: self.at(begun),
        };
        [ordered, moved(ActionState::Running, "begun", 300), moved(ActionState::Done, "restarted", 2_300)]
    }

    /// Refusals, combinations nobody foresaw, and what the racks told of themselves.
    pub(super) fn told(&self) -> anyhow::Result<Vec<Change>> {
        let mut changes = Vec::new();
        for number in 1..=2_000_u32 {
            let message = ChannelMessage {
                channel: Purpose::new("security")?,
                what: "join_refused".into(),
                subject: format!("node-{number}"),
                severity: Severity::Warning,
                message: "token expired".into(),
                detail: serde_json::json!({ "address": "10.0.0.9" }),
                at: self.at(DAY + 1_000 * u64::from(number)),
            };
            changes.push(Change::ChannelMessage { message, from: "zone.inbox".into() });
        }
        for kind in KINDS..KINDS + 12 {
            changes.push(Change::CombinationHeld {
                capability: capability(kind),
                node: node(self.size.nodes + kind),
                name: node_name(self.size.nodes + kind)?,
                at: self.at(6 * DAY + u64::from(kind)),
            });
        }
        // An hour of the first rack, a minute and a half of the others.
        for period in 1..=360_u64 {
            let racks = if period > 350 { self.racks } else { 1 };
            changes.extend((1..=racks).map(|number| self.summed(number, period)));
        }
        Ok(changes)
    }

    fn summed(&self, number: u32, period: u64) -> Change {
        let metrics = INDICATORS.iter().enumerate().map(|(bit, indicator)| {
            let warm = (chance(u64::from(number) << 16 | period << 8 | bit as u64) % 400) as f64 / 10.0;
            let quantiles = Quantiles {
                count: 102,
                min: 20.25,
                p50: 30.5 + warm,
                p90: 41.5 + warm,
                p99: 52.75 + warm,
                max: 61.25 + warm,
            };
            (indicator.name.to_owned(), quantiles)
        });
        let summary = Summary {
            group: rack(number),
            session: 1,
            states: [(NodeState::Healthy, 50), (NodeState::Degraded, 2)].into(),
            bits: [("fan".to_owned(), 2)].into(),
            statuses: 4_711,
            refused: std::collections::BTreeMap::default(),
            metrics: metrics.collect(),
            period_ms: Millis(10_000),
        };
        Change::Analytics { summary: Box::new(summary), at: self.at(7 * DAY - 10_000 * (361 - period)) }
    }

    /// Somebody has looked at every twentieth open alert.
    pub(super) async fn seen_by_somebody(&self, store: &Store) -> anyhow::Result<Vec<Change>> {
        let limits = AskLimits { rows: 100_000, ..AskLimits::default() };
        let open = store.ask("SELECT alert_id FROM v_alerts WHERE open ORDER BY alert_id", limits).await?;
        let some = open.rows.iter().filter_map(|row| row[0].as_i64()).step_by(20);
        let seen = some.map(|alert| Change::AlertAcknowledged {
            alert,
            by: "ada".into(),
            comment: "known, the part is on its way".into(),
            at: self.at(7 * DAY),
        });
        Ok(seen.collect())
    }
}
