//! `rollcall availability`: how free nodes are, as the zone hears it, and as a node says itself.

use std::cmp::Ordering;

use rollcall_startup::Failure;

use super::answer::placing::{HeardNode, NodeHeard, Sent};
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, clean, counted};
use super::{Asker, node};
use crate::arguments::{Heard, Listing};

/// Shows all nodes, or one.
///
/// # Errors
/// As the zone answers: refused where no policy has nodes speak.
pub async fn run(asker: &Asker<'_>, asked: &Heard) -> Result<(), Failure> {
    if let Some(node) = &asked.node {
        return asker.show(&asker.client.availability_of(node).await?, one);
    }
    let filters = [("group", asked.group.as_deref()), ("kind", asked.kind.as_deref())];
    let listing = Listing { limit: asked.limit, ..Listing::default() };
    asker.list("availability", &filters, &listing, all).await
}

/// `62 % ±1 %`: how much is free, and how far off that may be. `None` where it cannot be told.
pub(super) fn free(availability: Option<f64>, error: Option<f64>) -> Option<String> {
    let percent = |part: f64| format!("{:.0} %", part * 100.0);
    let availability = availability?;
    Some(match error {
        Some(error) => format!("{} ±{}", percent(availability), percent((availability * error).max(0.01))),
        None => percent(availability),
    })
}

/// How long ago, to a tenth of a second while that says something.
pub(super) fn heard_ago(millis: u64) -> String {
    match millis {
        ..10_000 => format!("{:.1} s ago", millis as f64 / 1_000.0),
        10_000..120_000 => format!("{} s ago", millis / 1_000),
        120_000..7_200_000 => format!("{} min ago", millis / 60_000),
        _ => format!("{} h ago", millis / 3_600_000),
    }
}

/// The nodes as a table, each kind by itself, those with most room first.
#[must_use]
pub fn all(rows: &[HeardNode], look: &Look) -> String {
    if rows.is_empty() {
        return "nobody is listened to\n".into();
    }
    let mut sorted: Vec<&HeardNode> = rows.iter().collect();
    sorted.sort_by(|a, b| a.kind.cmp(&b.kind).then_with(|| room(a, b)).then_with(|| a.node.cmp(&b.node)));
    let heard = rows.iter().filter(|row| row.messages_per_second.is_some()).count();
    let barred = rows.iter().filter(|row| !row.barred.is_empty()).count();
    let told = counted(i64::try_from(rows.len()).unwrap_or(i64::MAX), "row", "rows");
    format!("{}\n{told}: {heard} with a frequency, {barred} barred\n", table(&sorted, look))
}

/// Nodes that are no targets come last.
fn room(a: &HeardNode, b: &HeardNode) -> Ordering {
    let free = |row: &HeardNode| row.availability.filter(|_| row.barred.is_empty()).unwrap_or(-1.0);
    free(b).total_cmp(&free(a))
}

fn table(rows: &[&HeardNode], look: &Look) -> String {
    let mut grid = Grid::new(vec![
        Column::text("NODE"),
        Column::text("RACK"),
        Column::fixed("KIND"),
        Column::number("FREE"),
        Column::number("MSG/S"),
        Column::fixed("HEARD"),
        Column::number("SHARE").only_wide(),
        Column::fixed("STATE").only_wide(),
        Column::text("NO TARGET BECAUSE"),
    ]);
    for row in rows {
        grid.row([
            Text::plain(row.node.as_deref().unwrap_or(&row.node_id)),
            Text::or_dash(row.rack.as_ref()),
            Text::plain(&row.kind),
            Text::or_dash(free(row.availability, row.error)),
            Text::or_dash(row.messages_per_second.map(|rate| format!("{rate:.3}"))),
            Text::or_dash(row.age_ms.map(heard_ago)),
            Text::plain(format!("{:.2}", row.share)),
            Text::state(row.state.as_deref().unwrap_or("unknown")),
            Text::toned(why_not(row), if row.barred.is_empty() { Tone::Faint } else { Tone::Warning }),
        ]);
    }
    grid.render(look)
}

fn why_not(row: &HeardNode) -> String {
    match (row.barred.is_empty(), row.age_ms, row.messages_per_second) {
        (false, ..) => row.barred.join(", "),
        (true, None, _) => "not heard yet".into(),
        (true, Some(_), None) => "silent, or heard once".into(),
        (true, Some(_), Some(_)) => String::new(),
    }
}

/// One node: as it was heard, beside what it says itself.
#[must_use]
pub fn one(told: &NodeHeard, look: &Look) -> String {
    let rows: Vec<&HeardNode> = told.heard.iter().collect();
    let heard = match rows.is_empty() {
        true => "the zone does not listen to it\n".to_owned(),
        false => table(&rows, look),
    };
    let own = match (&told.sent, &told.problem) {
        (Some(sent), _) => as_sent(sent, look),
        (None, problem) => format!("not known: {}\n", clean(problem.as_deref().unwrap_or("it did not say"))),
    };
    let title = |text: &str| look.paint(text, Tone::Title);
    format!("{}\n{heard}\n{}\n{own}", title("AS IT WAS HEARD"), title("AS IT SAYS ITSELF"))
}

fn as_sent(sent: &Sent, look: &Look) -> String {
    let percent = |part: f64| format!("{:.0} %", part * 100.0);
    let communications = sent.communications.map_or_else(|| "not measured".into(), percent);
    let kinds = sent.kinds.iter().map(|it| {
        let text = format!("{} free, {:.3} messages/s", percent(it.availability), it.messages_per_second);
        (clean(&it.kind), text)
    });
    let mut pairs = vec![
        ("in use".to_owned(), {
            let (storage, processing) = (percent(sent.storage), percent(sent.processing));
            format!("storage {storage}, processing {processing}, communications {communications}")
        }),
        ("share".to_owned(), format!("{:.2} of the largest node", sent.share)),
    ];
    pairs.extend(kinds);
    let pairs: Vec<(&str, String)> = pairs.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    node::lines(&pairs, look)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn look() -> Look {
        Look { width: Some(100), colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() }
    }

    fn row(node: &str, availability: Option<f64>, rate: Option<f64>, age: Option<u64>, barred: &[&str]) -> Value {
        json!({ "node_id": node, "node": node, "rack": "rack-a", "state": "healthy", "kind": "balance",
                "availability": availability, "error": 0.02, "messages_per_second": rate, "age_ms": age, "share": 0.5,
                "barred": barred })
    }

    fn rows() -> Value {
        json!([
            row("n1", Some(0.2), Some(0.1), Some(5_400), &[]),
            row("n2", Some(0.9), Some(0.45), Some(100), &["draining", "unmeasured"]),
            row("n3", Some(0.75), Some(0.375), Some(12_000), &[]),
            row("n4", None, None, None, &[]),
        ])
    }

    #[test]
    fn those_with_most_room_come_first_and_those_that_are_no_targets_last() {
        let expected = "\
NODE  RACK    KIND          FREE  MSG/S  HEARD      NO TARGET BECAUSE
n3    rack-a  balance  75 % ±2 %  0.375  12 s ago
n1    rack-a  balance  20 % ±1 %  0.100  5.4 s ago
n2    rack-a  balance  90 % ±2 %  0.450  0.1 s ago  draining, unmeasured
n4    rack-a  balance          -      -  -          not heard yet

4 rows: 3 with a frequency, 1 barred
";
        let rows: Vec<HeardNode> = serde_json::from_value(rows()).unwrap();
        assert_eq!(all(&rows, &look()), expected);
        assert_eq!(all(&[], &look()), "nobody is listened to\n");
    }

    #[test]
    fn a_node_is_told_as_it_was_heard_and_as_it_says_itself() {
        let told = json!({ "node_id": "n1", "node": "n1", "heard": [rows()[0]], "problem": null,
            "sent": { "storage": 0.4, "processing": 0.85, "communications": null, "share": 0.5,
                      "kinds": [{ "kind": "balance", "availability": 0.1875, "messages_per_second": 0.09375 }] } });
        let text = one(&serde_json::from_value(told.clone()).unwrap(), &look());
        let expected = "
AS IT SAYS ITSELF
in use   storage 40 %, processing 85 %, communications not measured
share    0.50 of the largest node
balance  19 % free, 0.094 messages/s
";
        assert!(text.starts_with("AS IT WAS HEARD\n") && text.ends_with(expected), "{text}");
        let silent = json!({ "node": "n1", "heard": [], "sent": null, "problem": "node n1 is not connected" });
        let text = one(&serde_json::from_value(silent).unwrap(), &look());
        assert!(text.contains("does not listen") && text.ends_with("not known: node n1 is not connected\n"), "{text}");
    }

    #[test]
    fn an_age_is_told_as_exactly_as_it_matters() {
        for (millis, told) in [(40, "0.0 s ago"), (9_949, "9.9 s ago"), (61_000, "61 s ago"), (600_000, "10 min ago")] {
            assert_eq!(heard_ago(millis), told);
        }
        assert_eq!(free(Some(0.5), None).as_deref(), Some("50 %"));
        assert_eq!(free(None, Some(1.0)), None);
    }
}
