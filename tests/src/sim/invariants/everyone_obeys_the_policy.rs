//! At rest every live node obeys the zone's latest policy, and the topology says so (G8, Z9).

use rollcall_model::Name;

use super::Violations;

/// Live nodes: what each obeys, and what the store says that it obeys.
#[must_use]
pub fn check(version: u64, nodes: &[(Name, u64, Option<u64>)]) -> Violations {
    let mut violations = Vec::new();
    for (node, obeyed, saved) in nodes {
        if *obeyed != version {
            violations.push(violated!("{node} obeys policy {obeyed}, the zone has {version}"));
        } else if saved.unwrap_or_default() != version {
            violations.push(violated!("{node} obeys policy {version}, the store says {saved:?}"));
        }
    }
    violations
}
