//! Candidates for a target: whether each fulfils what is asked of one, by what the zone knows of it. A receiver draws few
//! candidates, so this looks at few nodes, however many there are.

use rollcall_grouping::{Rule, Verdict};
use rollcall_model::NodeId;
use serde_json::{Map, Value};

use super::{Rejection, Zone, rules};

/// What is asked of a target beyond room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demands {
    /// Its combination of hardware (C4), as it is written.
    pub capability: Option<String>,
    /// How large it is at least, in units of a thread with 4 GiB ([`rollcall_placement::capacity::Capacity::of_hardware`]).
    pub min_units: Option<f64>,
    /// A rule (CEL) that it fulfils now.
    pub rule: Option<String>,
}

impl Demands {
    /// Whether nothing is asked.
    #[must_use]
    pub const fn are_none(&self) -> bool {
        self.capability.is_none() && self.min_units.is_none() && self.rule.is_none()
    }
}

impl Zone {
    /// Of each of these nodes why it is no candidate; null where it is one.
    ///
    /// # Errors
    /// When the rule is none.
    pub(super) fn judge_candidates(&self, nodes: &[NodeId], demands: &Demands) -> Result<Value, Rejection> {
        let rule = demands.rule.as_deref().map(rules::compile).transpose();
        let rule = rule.map_err(|error| Rejection::invalid(error.to_string()).at("rule"))?;
        let judged = nodes.iter().map(|node| {
            let why_not = self.why_no_candidate(*node, demands, rule.as_ref());
            (node.to_string(), why_not.map_or(Value::Null, Value::String))
        });
        Ok(Value::Object(judged.collect::<Map<_, _>>()))
    }

    fn why_no_candidate(&self, node: NodeId, demands: &Demands, rule: Option<&Rule>) -> Option<String> {
        let Some(record) = self.nodes.get(&node) else { return Some("is no node of this zone any more".into()) };
        if let Some(wanted) = &demands.capability {
            match &record.capability {
                None => return Some("its combination of hardware is not known yet".into()),
                Some(own) if own.to_string() != *wanted => return Some(format!("is {own}")),
                Some(_) => {}
            }
        }
        if let Some(least) = demands.min_units {
            match self.makes.get(&node).and_then(|make| make.capacity) {
                None => return Some("how large it is is not known".into()),
                Some(own) if own.units() < least => return Some(format!("has {:.1} units", own.units())),
                Some(_) => {}
            }
        }
        let rule = rule?;
        let Some(facts) = self.rules.facts_of(node) else {
            return Some("nothing is known of it that a rule could see".into());
        };
        match rule.evaluate(facts) {
            Verdict::Holds => None,
            Verdict::Fails => Some(format!("does not fulfil the rule: {}", rule.seen(facts))),
            Verdict::Unknown => Some(format!("the rule cannot be decided: {}", rule.why_unknown(facts))),
        }
    }
}
