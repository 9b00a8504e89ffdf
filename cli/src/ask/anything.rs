//! `rollcall list` and `rollcall show`: what has no page of its own, as it stands in the views.

use rollcall_startup::Failure;
use serde_json::Value;

use super::Asker;
use super::look::{Look, clean};
use super::node::lines;
use super::{format, output, sql};
use crate::arguments::AnyList;
use crate::progress::Progress;

/// Columns that a table has on a terminal of any width; wide ones have all.
const COLUMNS: [(&str, &[&str]); 10] = [
    ("assignments", &["node", "kind", "group_name", "since", "until", "reason"]),
    ("capabilities", &["nodes", "group_name", "capability"]),
    ("changes", &["at", "node", "state", "bits_set", "cause"]),
    ("hardware", &["node", "cpu", "cores", "memory_bytes", "nics", "since", "until"]),
    ("health", &["bit", "indicator", "state", "since", "severity", "remedy"]),
    ("indicators", &["bit", "name", "unit", "severity", "meaning"]),
    ("memberships", &["node", "group_name", "kind", "by_rule", "since", "reason"]),
    ("policies", &["version", "current", "set_at", "by", "nodes", "refused", "comment"]),
    ("rules", &["name", "kind", "members", "rule", "created_at", "dissolved_at"]),
    ("zones", &["name", "generation", "nodes", "physical_groups", "logical_groups", "open_alerts", "started_at"]),
];

/// A list of any kind.
///
/// # Errors
/// As the zone answers; exit code 2 where it cannot be asked so.
pub async fn list(asker: &Asker<'_>, asked: AnyList) -> Result<(), Failure> {
    let AnyList { what, node, filters, listing } = asked;
    let path: Vec<&str> = match (what.as_str(), &node) {
        ("health", None) => {
            return Err(
                Failure::usage("whose health? --node NAME says so").hint("`rollcall nodes --bit INDICATOR` asks all")
            );
        }
        ("health" | "hardware" | "assignments", Some(node)) => vec!["nodes", node, &what],
        (_, Some(_)) => {
            return Err(Failure::usage(format!("{what} are of no one node; --where node=NAME may narrow them")));
        }
        ("changes", None) => vec!["health", "history"],
        ("policies", None) => vec!["policy", "history"],
        (_, None) => vec![&what],
    };
    let filters: Vec<(&str, String)> = filters.iter().map(|text| filter(text)).collect::<Result<_, _>>()?;
    let progress = Progress::new(asker.settings.shows_progress());
    let answer = asker.client.rows(&path, &filters, &listing, &progress).await?;
    drop(progress);
    let text = format::written(asker.settings.format, &answer.document, &listing.fields);
    let look = output::look(asker.settings, answer.clock);
    output::print(&text.unwrap_or_else(|| table(&what, &answer.document, &listing.fields, &look))).map(drop)
}

fn filter(text: &str) -> Result<(&str, String), Failure> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("--where {text}: expected KEY=VALUE, e.g. state=down")))?;
    Ok((key.trim(), value.to_owned()))
}

/// Rows under the columns that were chosen, or that say most of this list, or all where there is room.
fn table(what: &str, rows: &Value, chosen: &[String], look: &Look) -> String {
    let known = COLUMNS.iter().find(|(name, _)| *name == what).map(|(_, columns)| *columns);
    let all = || {
        let first = rows.as_array().and_then(|rows| rows.first()).and_then(Value::as_object);
        first.map(|row| row.keys().cloned().collect::<Vec<String>>()).unwrap_or_default()
    };
    let columns = match known {
        _ if !chosen.is_empty() => chosen.to_vec(),
        Some(columns) if !look.is_wide() => columns.iter().map(|&name| name.to_owned()).collect(),
        // In the order people read them, and then what else there is.
        Some(columns) => {
            let named = columns.iter().map(|&name| name.to_owned());
            named.chain(all().into_iter().filter(|name| !columns.contains(&name.as_str()))).collect()
        }
        None => all(),
    };
    if columns.is_empty() { "nothing\n".into() } else { sql::render(&sql::chosen(rows, &columns), look) }
}

/// One thing by its id.
///
/// # Errors
/// As the zone answers.
pub async fn show(asker: &Asker<'_>, what: &str, id: &str) -> Result<(), Failure> {
    let answer = asker.client.one(&format!("{what}s"), id).await?;
    let look = output::look(asker.settings, answer.clock);
    let text = format::written(asker.settings.format, &answer.document, &[]);
    output::print(&text.unwrap_or_else(|| facts(&answer.document, &look))).map(drop)
}

/// Everything that is known of it, a line each.
fn facts(document: &Value, look: &Look) -> String {
    let known = document.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let pairs: Vec<(&str, String)> = known
        .map(|(key, value)| (key.as_str(), value.as_str().map_or_else(|| clean(&value.to_string()), clean)))
        .collect();
    lines(&pairs, look)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::arguments::LISTS;

    fn look(width: Option<u16>) -> Look {
        Look { width, colour: false, now: jiff::Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_list_has_the_columns_that_say_most_and_all_where_there_is_room() {
        let rows = json!([{ "capability": "v1;cpu=x", "digest": "ab", "group_name": "x", "nodes": 3 }]);
        let narrow = "nodes  group_name  capability\n    3  x           v1;cpu=x\n(1 row)\n";
        assert_eq!(table("capabilities", &rows, &[], &look(Some(80))), narrow);
        assert!(table("capabilities", &rows, &[], &look(None)).starts_with("nodes  group_name  capability  digest\n"));
        assert!(table("capabilities", &rows, &["digest".into()], &look(None)).starts_with("digest\nab\n"));
        assert_eq!(table("memberships", &json!([]), &[], &look(Some(80))).lines().last(), Some("(0 rows)"));
    }

    #[test]
    fn every_list_with_columns_of_its_own_is_one() {
        assert!(COLUMNS.iter().all(|(name, _)| LISTS.contains(name)));
    }

    #[test]
    fn a_thing_is_told_line_by_line_and_what_is_not_known_is_left_out() {
        let text = facts(&json!({ "alert_id": 12, "node": null, "message": "a\u{1b}b" }), &look(None));
        assert_eq!(text, "alert_id  12\nmessage   a\u{fffd}b\n");
        assert_eq!(filter("a=b=c").unwrap(), ("a", "b=c".to_owned()));
        assert!(filter("a").is_err());
    }
}
