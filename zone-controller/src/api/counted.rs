//! What there is, counted: the one place for whoever tells the zone at a glance, as `/v1/status`, `/metrics` and the head of
//! the web page do.

use rollcall_model::NodeState;
use serde::Deserialize;
use serde_json::Value;

use super::Shared;
use super::asking::rows;
use super::errors::Problem;

/// Nodes by state, as the views over groups have them.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct States {
    joining: i64,
    healthy: i64,
    degraded: i64,
    suspect: i64,
    down: i64,
    unknown: i64,
    left_nodes: i64,
}

impl States {
    /// How many are in a state.
    #[must_use]
    pub const fn of(&self, state: NodeState) -> i64 {
        match state {
            NodeState::Joining => self.joining,
            NodeState::Healthy => self.healthy,
            NodeState::Degraded => self.degraded,
            NodeState::Suspect => self.suspect,
            NodeState::Down => self.down,
            NodeState::Unknown => self.unknown,
            NodeState::Left => self.left_nodes,
        }
    }

    /// The worst first, without states nobody is in.
    pub fn worst_first(self) -> impl Iterator<Item = (NodeState, i64)> {
        NodeState::WORST_FIRST.into_iter().map(move |state| (state, self.of(state))).filter(|(_, count)| *count > 0)
    }

    fn all(&self) -> i64 {
        NodeState::ALL.into_iter().map(|state| self.of(state)).sum()
    }
}

/// Open alerts of a severity: those that are raised, and those somebody has seen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OpenAlerts {
    /// `critical` or `warning`.
    pub severity: String,
    /// How many.
    pub alerts: i64,
    /// Of these: nobody has seen.
    pub unseen: i64,
    /// When the first of them began.
    pub oldest: String,
}

/// Nodes by state, the worst first.
///
/// # Errors
/// When the store does not answer.
pub async fn nodes(shared: &Shared) -> Result<Vec<(NodeState, i64)>, Problem> {
    // Sums of groups are kept: a fleet is too large to be counted through whenever somebody looks.
    let kept = "SELECT (SELECT nodes FROM v_zones) AS nodes, CAST(COALESCE(SUM(joining), 0) AS BIGINT) AS joining, \
                CAST(COALESCE(SUM(healthy), 0) AS BIGINT) AS healthy, \
                CAST(COALESCE(SUM(degraded), 0) AS BIGINT) AS degraded, \
                CAST(COALESCE(SUM(suspect), 0) AS BIGINT) AS suspect, \
                CAST(COALESCE(SUM(down), 0) AS BIGINT) AS down, \
                CAST(COALESCE(SUM(unknown), 0) AS BIGINT) AS unknown, \
                CAST(COALESCE(SUM(left_nodes), 0) AS BIGINT) AS left_nodes FROM v_groups WHERE kind = 'physical'";
    let kept = read::<Kept>(shared, kept).await?.pop().unwrap_or_default();
    if kept.nodes.unwrap_or_default() == kept.states.all() {
        return Ok(kept.states.worst_first().collect());
    }
    // Somebody stands in no rack yet.
    let counted = read::<Counted>(shared, "SELECT state AS name, COUNT(*) AS n FROM v_nodes GROUP BY state").await?;
    let mut counted: Vec<(NodeState, i64)> =
        counted.into_iter().filter_map(|it| Some((it.name.parse().ok()?, it.n))).collect();
    counted.sort_by_key(|(state, _)| state.rank());
    Ok(counted)
}

/// Groups in force by kind.
///
/// # Errors
/// When the store does not answer.
pub async fn groups(shared: &Shared) -> Result<Vec<(String, i64)>, Problem> {
    let sql = "SELECT kind AS name, COUNT(*) AS n FROM v_groups GROUP BY kind ORDER BY kind";
    Ok(read::<Counted>(shared, sql).await?.into_iter().map(|it| (it.name, it.n)).collect())
}

/// Alerts that are open, by severity.
///
/// # Errors
/// When the store does not answer.
pub async fn alerts(shared: &Shared) -> Result<Vec<OpenAlerts>, Problem> {
    let sql = "SELECT severity, COUNT(*) AS alerts, COUNT(CASE WHEN state = 'raised' THEN 1 END) AS unseen, \
               MIN(raised_at) AS oldest FROM v_alerts WHERE open GROUP BY severity ORDER BY severity";
    read(shared, sql).await
}

/// The policy in force; 0 for none.
///
/// # Errors
/// When the store does not answer.
pub async fn policy_version(shared: &Shared) -> Result<i64, Problem> {
    let rows = rows(shared, "SELECT max(version) AS version FROM v_policies", &[]).await?;
    Ok(rows.first().and_then(|row| row["version"].as_i64()).unwrap_or_default())
}

#[derive(Default, Deserialize)]
struct Kept {
    /// In the zone; nothing before it was ever started.
    nodes: Option<i64>,
    #[serde(flatten)]
    states: States,
}

#[derive(Deserialize)]
struct Counted {
    name: String,
    n: i64,
}

async fn read<T: serde::de::DeserializeOwned>(shared: &Shared, sql: &'static str) -> Result<Vec<T>, Problem> {
    let found: Vec<Value> = rows(shared, sql, &[]).await?;
    found.into_iter().map(|row| serde_json::from_value(row).map_err(Problem::store)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_worst_first_and_only_where_somebody_is_in_them() {
        let states = States { healthy: 5, down: 2, unknown: 1, suspect: 3, ..States::default() };
        let told: Vec<_> = states.worst_first().collect();
        let expected =
            [(NodeState::Down, 2), (NodeState::Unknown, 1), (NodeState::Suspect, 3), (NodeState::Healthy, 5)];
        assert_eq!(told, expected);
        assert_eq!(states.all(), 11);
    }
}
