//! `rollcall target`: where to place something.

use rollcall_startup::Failure;

use super::answer::placing::{Look as Looked, TargetNode, Targets};
use super::availability::{free, heard_ago};
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, clean};
use super::{Asker, format, output};
use crate::arguments::Targeting;
use crate::settings::Format;

/// Asks for targets, and shows them.
///
/// # Errors
/// As the zone answers; exit code 1 where there is no target.
pub async fn run(asker: &Asker<'_>, asked: &Targeting) -> Result<(), Failure> {
    let answer = asker.client.targets(asked).await?;
    let told: Targets = answer.read()?;
    let format = asker.settings.format;
    // A table is the part of the answer that is one.
    let part = if asked.explain { "considered" } else { "targets" };
    let document = if format == Format::Csv { &answer.document[part] } else { &answer.document };
    let text = format::written(format, document, &[]);
    let text = text.unwrap_or_else(|| render(&told, asked.explain, &output::look(asker.settings, answer.clock)));
    output::print(&text)?;
    match &told.missing {
        Some(missing) if told.targets.is_empty() => Err(Failure::other(clean(missing))),
        Some(missing) => {
            asker.note(&clean(missing));
            Ok(())
        }
        None => Ok(()),
    }
}

/// The targets as a table, and where it is explained the nodes that were looked at.
#[must_use]
pub fn render(told: &Targets, explain: bool, look: &Look) -> String {
    let mut text = if told.targets.is_empty() { "no target\n".to_owned() } else { targets(&told.targets, look) };
    if explain && !told.considered.is_empty() {
        text.push_str(&format!("\n{}\n", look.paint("LOOKED AT, IN THIS ORDER", Tone::Title)));
        text.push_str(&considered(&told.considered, look));
    }
    text
}

fn targets(targets: &[TargetNode], look: &Look) -> String {
    let mut grid = Grid::new(vec![
        Column::text("NODE"),
        Column::text("RACK"),
        Column::fixed("ADDRESS"),
        Column::fixed("STATE"),
        Column::number("FREE"),
        Column::fixed("HEARD"),
    ]);
    for target in targets {
        grid.row([
            Text::plain(&target.node),
            Text::or_dash(target.rack.as_ref()),
            Text::or_dash(target.address.as_ref()),
            Text::state(target.state.as_deref().unwrap_or("unknown")),
            Text::or_dash(free(target.availability, target.error)),
            Text::plain(heard_ago(target.age_ms)),
        ]);
    }
    grid.render(look)
}

fn considered(looks: &[Looked], look: &Look) -> String {
    let mut grid = Grid::new(vec![
        Column::text("NODE"),
        Column::text("RACK"),
        Column::fixed("FROM").only_wide(),
        Column::fixed("OUTCOME"),
        Column::number("SCORE"),
        Column::text("WHY"),
    ]);
    for it in looks {
        let tone = match it.outcome.as_str() {
            "chosen" => Tone::Good,
            "compared" => Tone::Plain,
            _ => Tone::Faint,
        };
        grid.row([
            Text::plain(&it.node),
            Text::or_dash(it.rack.as_ref()),
            Text::plain(&it.source),
            Text::toned(it.outcome.replace('_', " "), tone),
            Text::or_dash(it.score.map(|score| format!("{score:.2}"))),
            Text::plain(&it.why),
        ]);
    }
    grid.render(look)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn look() -> Look {
        Look { width: Some(80), colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() }
    }

    #[test]
    fn a_target_is_told_with_where_it_is_and_how_free() {
        let told: Targets = serde_json::from_value(json!({
            "for": "balance", "placed": false, "missing": null,
            "targets": [
                { "node_id": "0e80-x", "node": "web-3", "rack": "rack-a", "address": "10.1.0.7", "state": "healthy",
                  "availability": 0.6214, "error": 0.0071, "age_ms": 340 },
                { "node_id": "1e80-x", "node": "web-4", "rack": null, "address": null, "state": null,
                  "availability": null, "error": null, "age_ms": 61_000 }
            ],
            "considered": [
                { "node": "web-3", "rack": "rack-a", "source": "recent", "outcome": "chosen", "score": 0.6214,
                  "why": "the best of those compared" },
                { "node": "db-1", "rack": "rack-a", "source": "ranked", "outcome": "no_room", "score": null,
                  "why": "has no room for 0.5 of the largest node" }
            ]
        }))
        .unwrap();
        let expected = "\
NODE   RACK    ADDRESS   STATE         FREE  HEARD
web-3  rack-a  10.1.0.7  healthy  62 % ±1 %  0.3 s ago
web-4  -       -         unknown          -  61 s ago

LOOKED AT, IN THIS ORDER
NODE   RACK    OUTCOME  SCORE  WHY
web-3  rack-a  chosen    0.62  the best of those compared
db-1   rack-a  no room      -  has no room for 0.5 of the largest node
";
        assert_eq!(render(&told, true, &look()), expected);
        assert!(!render(&told, false, &look()).contains("LOOKED"));
        assert_eq!(render(&Targets::default(), true, &look()), "no target\n");
    }
}
