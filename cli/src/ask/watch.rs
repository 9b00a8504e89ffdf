//! `rollcall watch`: a line for each change of nodes, groups and alerts.

mod scope;

use std::time::Duration;

use rollcall_startup::Failure;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

pub(crate) use self::scope::detail;
use self::scope::{Scope, Subject};
use super::Asker;
use super::answer::Group;
use super::client::ClientError;
use super::follow::{Following, newest};
use super::format::Stream;
use super::look::{Look, Tone, clean};
use super::output::Reader;
use super::when::moment;
use crate::arguments::Watch;

/// Most events of one answer.
const MOST: u16 = 1_000;
/// Who watches without an end looks for so long.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Watches until Ctrl-C, or as long as was said.
///
/// # Errors
/// When the zone cannot be reached at the beginning, knows no such node or group, or refuses later.
pub async fn run(asker: &Asker<'_>, asked: Watch) -> Result<(), Failure> {
    let mut scope = scope(asker, &asked).await?;
    let latest = asker.client.latest_events(MOST).await?;
    let mut events = Following::after(&asker.client, newest(latest.document.as_array()));
    let mut rows = latest.document.as_array().cloned().unwrap_or_default();
    rows.retain(|row| scope.takes(row));
    rows.drain(..rows.len().saturating_sub(usize::from(asked.limit)));
    let mut stream = Stream::new(asker.settings.format);
    let end = Instant::now() + asked.lasting.unwrap_or(FOREVER).min(FOREVER);
    loop {
        if stream.print(&rows, || render(&rows, &asker.look()))? == Reader::Gone {
            return Ok(());
        }
        rows = tokio::select! {
            rows = events.next(|text| asker.note(text)) => rows?,
            () = sleep_until(end) => return Ok(()),
        };
        rows.retain(|row| scope.takes(row));
    }
}

async fn scope(asker: &Asker<'_>, asked: &Watch) -> Result<Scope, Failure> {
    let mut scope = Scope::new(&asked.only);
    for name in &asked.node {
        let node = asker.client.node(name).await?;
        scope.node(node.document["node"]["node_id"].as_str().unwrap_or(name));
    }
    if asked.group.is_empty() {
        return Ok(scope);
    }
    let known: Vec<Group> = asker.client.list("groups", &[]).await?.read()?;
    for name in &asked.group {
        let group = super::group_id(name, &known)?;
        let members = asker.client.list("nodes", &[("group", Some(&group))]).await?;
        let ids = members.document.as_array().into_iter().flatten().filter_map(|node| node["node_id"].as_str());
        scope.group(&group, ids);
    }
    Ok(scope)
}

/// Changes, one line each.
fn render(rows: &[Value], look: &Look) -> String {
    rows.iter().map(|row| line(row, look)).collect()
}

fn line(row: &Value, look: &Look) -> String {
    let text = |key: &str| clean(row[key].as_str().unwrap_or_default());
    let at = look.paint(&moment(&text("at")), Tone::Faint);
    let subject = Subject::of(row).map_or("other", Subject::as_str);
    let what = look.paint(&format!("{subject:<5}"), Tone::Title);
    format!("{at}  {what}  {}\n", look.paint(&text("message"), tone(row)))
}

/// The words say it as well.
fn tone(row: &Value) -> Tone {
    let detail = scope::detail(row);
    match row["kind"].as_str().unwrap_or_default() {
        "node_state" => Tone::of_state(detail["to"].as_str().unwrap_or_default()),
        "node_health" if scope::has_any(&detail["set"]) => Tone::Warning,
        "node_health" => Tone::Good,
        "group_alarm_raised" => Tone::Bad,
        "group_alarm_cleared" => Tone::Good,
        _ => Tone::Plain,
    }
}

/// Whether what is asked for is not there.
pub(super) fn is_missing(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { status, .. } if status.as_u16() == 404)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_one_line_with_what_it_is_about() {
        let rows = [
            json!({ "at": "2026-11-20T08:15:30.250Z", "kind": "node_state", "subject_type": "node", "subject_id": "x",
                    "message": "node web-3 healthy → down: connection closed", "detail": "{\"to\":\"down\"}" }),
            json!({ "at": "2026-11-20T08:15:31.250Z", "kind": "group_alarm_raised", "subject_type": "group",
                    "message": "group rack-a:\n9 of 20 nodes fell silent", "detail": {} }),
        ];
        let look = Look { width: Some(80), colour: false, now: jiff::Timestamp::UNIX_EPOCH };
        let expected = "\
2026-11-20 08:15:30 UTC  node   node web-3 healthy → down: connection closed
2026-11-20 08:15:31 UTC  alert  group rack-a:\u{fffd}9 of 20 nodes fell silent
";
        assert_eq!(render(&rows, &look), expected);
    }
}
