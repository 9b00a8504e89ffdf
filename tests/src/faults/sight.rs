//! What the store says, asked as any user asks: in SQL over the API, a page at a time.

use serde_json::Value;

use super::truth::{Alert, Change, Store};
use crate::stage::Api;

/// Rows of a page.
const PAGE: usize = 500;

/// Everything the checker looks at.
///
/// # Errors
/// When the zone does not answer.
pub async fn store(api: &Api) -> Result<Store, String> {
    let nodes = api.sql("SELECT name, state, epoch FROM v_nodes").await?;
    let actions =
        paged(api, "SELECT action_id, state FROM v_actions WHERE action_id > {} ORDER BY action_id", "''").await?;
    let tokens = paged(api, "SELECT token FROM v_tokens WHERE token > {} ORDER BY token", "''").await?;
    let alerts =
        "SELECT alert_id, kind, node, raised_ms, state, group_name FROM v_alerts WHERE alert_id > {} ORDER BY alert_id";
    let afterwards = "SELECT e.event_id, n.name, e.at_ms FROM v_events e JOIN v_nodes n ON n.node_id = e.subject_id \
                      WHERE e.kind = 'node_was_down' AND e.event_id > {} ORDER BY e.event_id";
    Ok(Store {
        tokens: tokens.iter().map(|row| text(row, 0)).collect(),
        actions: actions.iter().map(|row| (text(row, 0), text(row, 1))).collect(),
        nodes: nodes.iter().map(|row| (text(row, 0), (text(row, 1), number(row, 2)))).collect(),
        events: events(api, 0).await?.into_iter().collect(),
        changes: changes(api, 0).await?,
        afterwards: paged(api, afterwards, "0").await?.iter().map(|row| (text(row, 1), number(row, 2))).collect(),
        alerts: paged(api, alerts, "0").await?.iter().map(|row| alert(row)).collect(),
    })
}

/// Number and kind of all events after that number.
///
/// # Errors
/// When the zone does not answer.
pub async fn events(api: &Api, after: i64) -> Result<Vec<(i64, String)>, String> {
    let query = "SELECT event_id, kind FROM v_events WHERE event_id > {} ORDER BY event_id";
    let rows = paged(api, query, &after.to_string()).await?;
    Ok(rows.iter().map(|row| (number(row, 0), text(row, 1))).collect())
}

/// All changes of states after that number.
///
/// # Errors
/// When the zone does not answer.
pub async fn changes(api: &Api, after: i64) -> Result<Vec<Change>, String> {
    let query = "SELECT history_id, at_ms, node, group_name, state, cause FROM v_health_history \
                 WHERE history_id > {} ORDER BY history_id";
    let change = |row: &Vec<Value>| Change {
        number: number(row, 0),
        at: number(row, 1),
        node: text(row, 2),
        group: text(row, 3),
        state: text(row, 4),
        cause: text(row, 5),
    };
    Ok(paged(api, query, &after.to_string()).await?.iter().map(change).collect())
}

fn alert(row: &[Value]) -> Alert {
    let open = matches!(text(row, 4).as_str(), "raised" | "acknowledged");
    Alert {
        kind: text(row, 1),
        node: row[2].as_str().map(str::to_owned),
        group: text(row, 5),
        at: number(row, 3),
        open,
    }
}

/// All rows of a query in the order of its first column, which stands for `{}` in it.
async fn paged(api: &Api, query: &str, after: &str) -> Result<Vec<Vec<Value>>, String> {
    let (mut all, mut after) = (Vec::new(), after.to_owned());
    loop {
        let rows = api.sql(&format!("{} LIMIT {PAGE}", query.replace("{}", &after))).await?;
        let Some(last) = rows.last() else { return Ok(all) };
        after = last[0].as_str().map_or_else(|| last[0].to_string(), |text| format!("'{text}'"));
        let is_last = rows.len() < PAGE;
        all.extend(rows);
        if is_last {
            return Ok(all);
        }
    }
}

fn text(row: &[Value], column: usize) -> String {
    row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(row: &[Value], column: usize) -> i64 {
    row.get(column).and_then(Value::as_i64).unwrap_or_default()
}
