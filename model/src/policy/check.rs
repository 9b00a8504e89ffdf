//! Whether a policy can be obeyed, asked before anybody hears of it. Every problem is told, not only the first.

use std::collections::BTreeSet;
use std::fmt;

use super::{PolicyDocument, Settings, matches_name};
use crate::Name;

/// What is wrong with a policy: where, what, and what would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, e.g. `overrides[0].settings.indicators.disk_space.clear`.
    pub key: String,
    /// For people.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// What a policy may speak of.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Names of the physical groups.
    pub groups: &'a [Name],
    /// Names of the nodes.
    pub nodes: &'a [Name],
}

impl PolicyDocument {
    /// Everything that is wrong; empty when the policy can be obeyed. Rules (CEL) are checked by who evaluates them.
    #[must_use]
    pub fn problems(&self, known: Known<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        // What is wrong underneath is told once, not with every override.
        let mut under = self.settings.clone();
        if let Err(error) = self.settings.resolve() {
            problems.push(Problem { key: format!("settings.{}", error.key), message: error.message });
            under = Settings::default();
        }
        for (at, over) in self.overrides.iter().enumerate() {
            let key = format!("overrides[{at}]");
            match (&over.group, &over.node) {
                (Some(group), None) => unknown(&mut problems, &format!("{key}.group"), "group", group, known.groups),
                (None, Some(node)) => unknown(&mut problems, &format!("{key}.node"), "node", node, known.nodes),
                _ => problems.push(Problem {
                    key: key.clone(),
                    message: "exactly one of group and node says whom this is for".into(),
                }),
            }
            if over.settings.availability.is_some() {
                let message = "it holds for the whole zone (settings.availability): nodes that speak by another k or                                another min could not be compared with the rest";
                problems.push(Problem { key: format!("{key}.settings.availability"), message: message.into() });
            }
            // What holds with the wider scope underneath must hold together.
            if let Err(error) = under.overlaid_by(&over.settings).resolve() {
                problems.push(Problem { key: format!("{key}.settings.{}", error.key), message: error.message });
            }
        }
        if !(1_000..=3_600_000).contains(&self.analytics.period_ms) {
            let message =
                format!("{} is out of bounds; it must lie between 1000 and 3600000", self.analytics.period_ms);
            problems.push(Problem { key: "analytics.period_ms".into(), message });
        }
        self.check_actions(&mut problems);
        problems
    }

    fn check_actions(&self, problems: &mut Vec<Problem>) {
        let budget = self.actions.budget_per_rack;
        if !(1..=100).contains(&budget) {
            let message = format!("{budget} is out of bounds; it must lie between 1 and 100");
            problems.push(Problem { key: "actions.budget_per_rack".into(), message });
        }
        let mut names = BTreeSet::new();
        for (at, remedy) in self.actions.remedies.iter().enumerate() {
            let kind = remedy.action.kind();
            if !self.actions.allowed.contains(&kind) {
                let message = format!("{} is not in actions.allowed, so it would never be done", kind.as_str());
                problems.push(Problem { key: format!("actions.remedies[{at}].action"), message });
            }
            if !names.insert(remedy.name.as_str()) {
                let message = format!("{:?} names a remedy above already", remedy.name);
                problems.push(Problem { key: format!("actions.remedies[{at}].name"), message });
            }
        }
    }
}

fn unknown(problems: &mut Vec<Problem>, key: &str, what: &str, pattern: &str, known: &[Name]) {
    if !known.iter().any(|name| matches_name(pattern, name.as_str())) {
        let some: Vec<&str> = known.iter().take(5).map(Name::as_str).collect();
        let there = if some.is_empty() { "there is none yet".into() } else { format!("there are {}", some.join(", ")) };
        problems.push(Problem { key: key.into(), message: format!("no {what} is named {pattern:?}; {there}") });
    }
}
