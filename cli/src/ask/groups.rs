//! `rollcall group`: groups by rule, their members and why.

use rollcall_startup::Failure;
use serde_json::json;

use super::Asker;
use super::answer::{GroupDetail, Matching};
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, clean, counted};
use super::node::lines;
use super::when::age;
use crate::arguments::GroupCommand;

/// Names of members shown in one line.
const NAMED: usize = 20;

/// Carries out a command on groups.
///
/// # Errors
/// As the zone answers.
pub async fn run(asker: &Asker<'_>, command: GroupCommand) -> Result<(), Failure> {
    match command {
        GroupCommand::Create { name, rule, kind, enter, leave } => {
            let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            let group = json!({
                "name": name, "kind": kind, "rule": rule.text,
                "enter_dwell_ms": millis(enter), "leave_dwell_ms": millis(leave),
            });
            let answer = asker.client.set_group(&group).await?;
            let members = answer.document["members"].as_i64();
            let members =
                members.map(|members| format!("; {}", counted(members, "member", "members"))).unwrap_or_default();
            asker.conclude(&answer.document, &format!("group {} is in force{members}\n", clean(&name)))
        }
        GroupCommand::Test(rule) => asker.show(&asker.client.test_rule(&rule.text).await?, matching),
        GroupCommand::Show { name } => asker.show(&asker.client.group(&name).await?, detail),
        GroupCommand::Delete { name } => {
            let answer = asker.client.dissolve_group(&name).await?;
            asker.conclude(&answer.document, &format!("group {} is dissolved; its history stays\n", clean(&name)))
        }
    }
}

/// Who would be in a group of a rule.
#[must_use]
pub fn matching(matching: &Matching, look: &Look) -> String {
    let number = i64::try_from(matching.matching.len()).unwrap_or(i64::MAX);
    let mut text = format!("{} of {} would be in it", number, counted(matching.nodes, "node", "nodes"));
    if matching.unknown > 0 {
        let unknown = format!("; of {} it cannot be said", matching.unknown);
        text.push_str(&look.paint(&unknown, Tone::Warning));
    }
    text.push('\n');
    for name in matching.matching.iter().take(NAMED) {
        text.push_str(&format!("  {}\n", clean(name)));
    }
    if matching.matching.len() > NAMED {
        text.push_str(&format!("  … and {} more; --json lists all\n", matching.matching.len() - NAMED));
    }
    text
}

/// A group from its rule to its members.
#[must_use]
pub fn detail(detail: &GroupDetail, look: &Look) -> String {
    let group = &detail.group;
    let mut facts =
        vec![("group", format!("{}  {}", clean(&group.name), clean(&group.group_id))), ("kind", clean(&group.kind))];
    if let Some(place) = &group.place {
        facts.push(("place", clean(place)));
    }
    if let Some(capability) = &group.capability {
        facts.push(("capability", clean(capability)));
    }
    if let Some(rule) = &detail.rule {
        facts.push(("rule", clean(&rule.rule)));
        facts.push(("enter after", format!("{} s", rule.enter_dwell_ms as f64 / 1_000.0)));
        facts.push(("leave after", format!("{} s", rule.leave_dwell_ms as f64 / 1_000.0)));
        facts.push(("made by", clean(&rule.origin)));
    }
    let alerts: Vec<String> = detail
        .alerts
        .iter()
        .map(|open| {
            let seen =
                if open.acknowledged > 0 { format!(" ({} acknowledged)", open.acknowledged) } else { String::new() };
            let text = format!("{} {}{seen}", open.raised + open.acknowledged, clean(&open.severity));
            look.paint(&text, Tone::of_severity(&open.severity))
        })
        .collect();
    facts.push(("open alerts", if alerts.is_empty() { "none".into() } else { alerts.join(", ") }));
    let title = look.paint("MEMBERS", Tone::Title);
    format!("{}\n{title}\n{}", lines(&facts, look), members(detail, look))
}

fn members(detail: &GroupDetail, look: &Look) -> String {
    if detail.members.is_empty() {
        return "none\n".into();
    }
    let mut grid = Grid::new(vec![Column::text("NODE"), Column::fixed("SINCE"), Column::text("WHY")]);
    for member in &detail.members {
        grid.row([
            Text::plain(&member.node),
            Text::or_dash(member.since.as_ref().map(|at| age(at, look.now))),
            Text::or_dash(Some(&member.reason)),
        ]);
    }
    grid.render(look)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look() -> Look {
        Look { width: Some(80), colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() }
    }

    #[test]
    fn a_group_is_told_from_its_rule_to_its_members_and_why() {
        let told: GroupDetail = serde_json::from_value(json!({
            "group": { "group_id": "0a010200-x", "name": "hot", "kind": "health", "place": null, "members": 1 },
            "rule": { "rule": "health.cpu_temperature", "enter_dwell_ms": 5000, "leave_dwell_ms": 1500,
                      "origin": "default" },
            "members": [{ "node_id": "x", "node": "web-3", "since": "2026-11-20T08:15:30.000Z",
                          "reason": "health.cpu_temperature holds" }],
            "alerts": [{ "severity": "critical", "raised": 1, "acknowledged": 2, "nodes": 1 }]
        }))
        .unwrap();
        let expected = "\
group        hot  0a010200-x
kind         health
rule         health.cpu_temperature
enter after  5 s
leave after  1.5 s
made by      default
open alerts  3 critical (2 acknowledged)

MEMBERS
NODE   SINCE    WHY
web-3  3 s ago  health.cpu_temperature holds
";
        assert_eq!(detail(&told, &look()), expected);
    }

    #[test]
    fn a_tried_rule_tells_who_and_of_how_many_nothing_can_be_said() {
        let names: Vec<String> = (0..22).map(|at| format!("web-{at}")).collect();
        let tried = Matching { matching: names, nodes: 40, unknown: 3 };
        let text = matching(&tried, &look());
        assert!(text.starts_with("22 of 40 nodes would be in it; of 3 it cannot be said\n  web-0\n"), "{text}");
        assert!(text.ends_with("  … and 2 more; --json lists all\n"), "{text}");
        let none = Matching { matching: vec![], nodes: 1, unknown: 0 };
        assert_eq!(matching(&none, &look()), "0 of 1 node would be in it\n");
    }
}
