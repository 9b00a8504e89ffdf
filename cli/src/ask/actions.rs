//! `rollcall action` and `rollcall actions`: what was ordered to be done to nodes, and what came of it.

use std::io::{self, Write};
use std::time::Duration;

use rollcall_startup::Failure;
use serde_json::{Value, json};

use super::Asker;
use super::answer::Action;
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, clean, short};
use super::when::age;
use crate::arguments::{Deed, DoOn};

/// How often an order is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Orders an action, and waits for its end where that is asked for.
///
/// # Errors
/// As the zone answers; exit code 1 where the action was not done.
pub async fn order(asker: &Asker<'_>, what: DoOn) -> Result<(), Failure> {
    let deadline = what.deadline.as_secs().max(1);
    let ordered = asker.client.order_action(&what.node, &deed(&what.deed), deadline).await?;
    let id = ordered.document["action_id"].as_str().unwrap_or_default().to_owned();
    if !what.wait {
        let text =
            format!("ordered: `rollcall actions --node {}` says how it goes  [{}]\n", clean(&what.node), short(&id));
        return asker.conclude(&ordered.document, &text);
    }
    let shows = asker.settings.shows_progress();
    let mut last = String::new();
    let ended = loop {
        let answer = asker.client.action(&id).await?;
        let action: Action = answer.read()?;
        if matches!(action.state.as_str(), "done" | "failed" | "refused" | "expired") {
            break (answer, action);
        }
        if shows && last != action.state {
            // Nobody is left to be told when stderr is closed.
            let _ = writeln!(io::stderr(), "{} …", clean(&action.state));
        }
        last = action.state;
        tokio::time::sleep(LOOK).await;
    };
    let (answer, action) = ended;
    asker.conclude(&answer.document, &outcome(&action, &asker.look()))?;
    match action.state.as_str() {
        "done" => Ok(()),
        state => Err(Failure::other(format!("{} on {} {}", said(&action), clean(&action.node), was(state)))),
    }
}

fn deed(deed: &Deed) -> Value {
    match deed {
        Deed::Identify { seconds } => json!({ "kind": "identify", "seconds": seconds }),
        Deed::Drain => json!({ "kind": "drain" }),
        Deed::Restart { service } => json!({ "kind": "restart_service", "service": service }),
        Deed::Reboot => json!({ "kind": "reboot" }),
    }
}

fn was(state: &str) -> &'static str {
    match state {
        "failed" => "failed",
        "refused" => "was refused",
        _ => "was not begun, or not heard of, in time",
    }
}

fn outcome(action: &Action, look: &Look) -> String {
    let state = look.paint(&clean(&action.state), tone(&action.state));
    let message = action.message.as_ref().filter(|message| !message.is_empty());
    let message = message.map(|message| format!(": {}", clean(message))).unwrap_or_default();
    format!("{} on {}: {state}{message}\n", said(action), clean(&action.node))
}

/// `restart_service nginx.service`, `identify for 60 s`.
fn said(action: &Action) -> String {
    let kind = clean(&action.kind);
    if let Some(service) = action.action["service"].as_str() {
        return format!("{kind} {}", clean(service));
    }
    match action.action["seconds"].as_u64() {
        Some(seconds) => format!("{kind} for {seconds} s"),
        None => kind,
    }
}

fn tone(state: &str) -> Tone {
    match state {
        "done" => Tone::Good,
        "failed" => Tone::Bad,
        "refused" | "expired" => Tone::Warning,
        _ => Tone::Plain,
    }
}

/// The orders, newest first.
#[must_use]
pub fn list(actions: &[Action], look: &Look) -> String {
    if actions.is_empty() {
        return "no actions were ordered\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::fixed("ACTION"),
        Column::text("NODE"),
        Column::text("WHAT"),
        Column::fixed("STATE"),
        Column::fixed("ORDERED"),
        Column::text("BY"),
        Column::fixed("ENDED").only_wide(),
        Column::text("MESSAGE"),
    ]);
    for action in actions {
        let ago = |at: &Option<String>| at.as_ref().map(|at| age(at, look.now));
        grid.row([
            Text::plain(short(&action.action_id)),
            Text::plain(&action.node),
            Text::plain(said(action)),
            Text::toned(&action.state, tone(&action.state)),
            Text::or_dash(ago(&action.ordered_at)),
            Text::plain(&action.ordered_by),
            Text::or_dash(ago(&action.ended_at)),
            Text::or_dash(action.message.as_ref()),
        ]);
    }
    grid.render(look)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions() -> Vec<Action> {
        serde_json::from_value(json!([
            { "action_id": "0a010200-x", "node": "web-3", "kind": "restart_service", "state": "failed",
              "action": { "kind": "restart_service", "service": "nginx.service" }, "message": "exit status 1",
              "ordered_by": "ada", "ordered_at": "2026-11-20T08:15:30.000Z", "ended_at": "2026-11-20T08:15:31.000Z" },
            { "action_id": "0b010200-x", "node": "web-4", "kind": "identify", "state": "ordered",
              "action": { "kind": "identify", "seconds": 60 }, "message": null, "ordered_by": "hot-remedy",
              "automatic": 1, "ordered_at": "2026-11-20T08:15:32.000Z", "ended_at": null }
        ]))
        .unwrap()
    }

    fn look() -> Look {
        Look { width: Some(100), colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() }
    }

    #[test]
    fn orders_tell_what_by_whom_and_how_they_stand() {
        let expected = "\
ACTION    NODE   WHAT                           STATE    ORDERED  BY          MESSAGE
0a010200  web-3  restart_service nginx.service  failed   3 s ago  ada         exit status 1
0b010200  web-4  identify for 60 s              ordered  1 s ago  hot-remedy  -
";
        assert_eq!(list(&actions(), &look()), expected);
        assert_eq!(list(&[], &look()), "no actions were ordered\n");
    }

    #[test]
    fn an_outcome_is_one_sentence() {
        let told: Vec<String> = actions().iter().map(|action| outcome(action, &look())).collect();
        let expected = [
            "restart_service nginx.service on web-3: failed: exit status 1\n",
            "identify for 60 s on web-4: ordered\n",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_deed_is_told_the_zone_as_its_actions_are_written() {
        for told in [
            deed(&Deed::Identify { seconds: 5 }),
            deed(&Deed::Drain),
            deed(&Deed::Restart { service: "x.service".into() }),
            deed(&Deed::Reboot),
        ] {
            let action: Result<rollcall_model::packet::Action, _> = serde_json::from_value(told.clone());
            assert!(action.is_ok(), "{told}");
        }
    }
}
