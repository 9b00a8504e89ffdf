//! `rollcall combinations`: hardware nobody foresaw, held until somebody decides.

use rollcall_startup::Failure;

use super::Asker;
use super::answer::Combination;
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, clean};
use super::when::age;
use crate::arguments::CombinationCommand;

/// Decides on a combination.
///
/// # Errors
/// As the zone answers; exit code 1 where no combination, or more than one, is meant.
pub async fn decide(asker: &Asker<'_>, command: CombinationCommand) -> Result<(), Failure> {
    let (wanted, approve, name) = match command {
        CombinationCommand::Approve { combination, name } => (combination, true, name),
        CombinationCommand::Deny { combination } => (combination, false, None),
    };
    let known: Vec<Combination> = asker.client.list("combinations", &[]).await?.read()?;
    let capability = meant(&wanted, &known)?;
    let answer = asker.client.decide(&capability, approve, name.as_deref()).await?;
    let group = answer.document["name"].as_str().map(|name| format!(" into group {}", clean(name))).unwrap_or_default();
    let text = match approve {
        true => {
            format!("nodes of {} may join{group}; those that wait are let in when they ask again\n", clean(&capability))
        }
        false => format!("nodes of {} may not join\n", clean(&capability)),
    };
    asker.conclude(&answer.document, &text)
}

/// The combination that is meant: itself, or a part of it that no other has.
fn meant(wanted: &str, known: &[Combination]) -> Result<String, Failure> {
    let exact = known.iter().find(|it| it.capability == wanted);
    let parts: Vec<&Combination> =
        known.iter().filter(|it| !wanted.is_empty() && it.capability.contains(wanted)).collect();
    match (exact, parts.as_slice()) {
        (Some(it), _) => Ok(it.capability.clone()),
        (None, [it]) => Ok(it.capability.clone()),
        (None, []) => Err(Failure::other(format!("no combination {wanted:?} waits for a decision"))
            .hint("`rollcall combinations` lists them")),
        (None, more) => Err(Failure::other(format!("{wanted:?} means {} combinations; give more of one", more.len()))),
    }
}

/// The combinations, those that wait first as they come.
#[must_use]
pub fn list(combinations: &[Combination], look: &Look) -> String {
    if combinations.is_empty() {
        return "no combinations were held\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::fixed("STATE"),
        Column::text("FIRST NODE"),
        Column::fixed("HELD"),
        Column::text("DECIDED").only_wide(),
        Column::text("GROUP").only_wide(),
        Column::text("COMBINATION"),
    ]);
    for it in combinations {
        let tone = if it.state == "waiting" { Tone::Warning } else { Tone::Plain };
        let decided = it.decided_at.as_ref().map(|at| {
            let by = it.decided_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            format!("{}{by}", age(at, look.now))
        });
        grid.row([
            Text::toned(&it.state, tone),
            Text::or_dash(it.node.as_ref()),
            Text::or_dash(it.held_at.as_ref().map(|at| age(at, look.now))),
            Text::or_dash(decided),
            Text::or_dash(it.group_name.as_ref()),
            Text::plain(&it.capability),
        ]);
    }
    let waiting = combinations.iter().any(|it| it.state == "waiting");
    let hint = if waiting { "\n`rollcall combinations approve COMBINATION` lets its nodes join\n" } else { "" };
    format!("{}{hint}", grid.render(look))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Vec<Combination> {
        serde_json::from_value(json!([
            { "capability": "v1;cpu=amd-25-17;mem=ddr5;nic=igb-1g", "state": "waiting", "node": "web-9",
              "held_at": "2026-11-20T08:15:30.000Z" },
            { "capability": "v1;cpu=intel-6-143;mem=ddr5;nic=ice-25g", "state": "denied", "node": "db-1",
              "held_at": "2026-11-20T06:15:30.000Z", "decided_at": "2026-11-20T07:15:33.000Z", "decided_by": "ada" }
        ]))
        .unwrap()
    }

    #[test]
    fn combinations_tell_what_waits_and_what_to_do() {
        let look = Look { width: Some(80), colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() };
        let expected = "\
STATE    FIRST NODE  HELD     COMBINATION
waiting  web-9       3 s ago  v1;cpu=amd-25-17;mem=ddr5;nic=igb-1g
denied   db-1        2 h ago  v1;cpu=intel-6-143;mem=ddr5;nic=ice-25g

`rollcall combinations approve COMBINATION` lets its nodes join
";
        assert_eq!(list(&known(), &look), expected);
    }

    #[test]
    fn a_combination_is_meant_by_a_part_no_other_has() {
        assert_eq!(meant("amd-25", &known()).unwrap(), "v1;cpu=amd-25-17;mem=ddr5;nic=igb-1g");
        assert!(meant("ddr5", &known()).unwrap_err().to_string().contains("means 2 combinations"));
        let none = meant("arm", &known()).unwrap_err();
        assert!(none.to_string().contains("hint: `rollcall combinations` lists them"), "{none}");
        assert!(meant("", &known()).is_err());
    }
}
