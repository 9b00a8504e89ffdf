//! `rollcall history`: what changed on a node or in a group, and what it looked like at some time.

mod questions;
mod time;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rollcall_startup::Failure;
use serde_json::{Value, json};

use self::questions::Whose;
use super::Asker;
use super::answer::{Group, Table};
use super::client::{Answer, Client, ClientError};
use super::look::{Look, Tone, clean};
use super::when::moment;
use super::{format, output, sql};
use crate::arguments::History;
use crate::settings::Format;

/// What was found.
struct Found {
    title: &'static str,
    empty: &'static str,
    answer: Answer,
    table: Table,
}

/// Tells what was.
///
/// # Errors
/// As the zone answers; exit code 2 where the time cannot be understood, 1 where there is no such node and no such group.
pub async fn run(asker: &Asker<'_>, asked: History) -> Result<(), Failure> {
    let client = &asker.client;
    let (whose, name, clock) = whose(client, &asked.whose).await?;
    let now = clock.unwrap_or_else(Timestamp::now);
    let Some(text) = &asked.at else {
        let latest = found(client, "changes", "nothing changed within what is kept", whose.latest(asked.limit)).await?;
        return tell(asker, &name, None, &[latest]);
    };
    let at = time::parse(text, now).map_err(|why| Failure::usage(format!("--at {text}: {why}")))?;
    let before = at.checked_sub(span(asked.around)).unwrap_or(Timestamp::MIN);
    let sections = [
        found(client, "state", "nothing had been reported by then", whose.stood(at)).await?,
        found(client, "alerts open then", "none", whose.alerts(at)).await?,
        found(client, "changes before", "none", whose.changed(before, at, asked.limit)).await?,
    ];
    tell(asker, &name, Some(at), &sections)
}

fn span(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

/// The node of this name, or the group.
async fn whose(client: &Client, wanted: &str) -> Result<(Whose, String, Option<Timestamp>), Failure> {
    match client.node(wanted).await {
        Ok(node) => {
            let text = |key: &str| node.document["node"][key].as_str().unwrap_or_default().to_owned();
            Ok((Whose::Node(text("node_id")), text("name"), node.clock))
        }
        Err(error @ ClientError::Refused { .. }) => {
            let groups = client.list("groups", &[]).await?;
            let known: Vec<Group> = groups.read()?;
            let Ok(id) = super::group_id(wanted, &known) else {
                return Err(Failure::other(format!("{error}, and no group either"))
                    .hint("`rollcall nodes` and `rollcall groups` list them"));
            };
            let group = known.iter().find(|group| group.group_id == id);
            let name = group.map_or(wanted, |group| &group.name).to_owned();
            let kind = group.map(|group| group.kind.clone()).unwrap_or_default();
            Ok((Whose::Group { id, is_rack: kind == "physical" }, name, groups.clock))
        }
        Err(error) => Err(error.into()),
    }
}

async fn found(client: &Client, title: &'static str, empty: &'static str, query: String) -> Result<Found, Failure> {
    let answer = client.sql(&query).await?;
    let table = answer.read()?;
    Ok(Found { title, empty, answer, table })
}

fn tell(asker: &Asker<'_>, name: &str, at: Option<Timestamp>, sections: &[Found]) -> Result<(), Failure> {
    let look = output::look(asker.settings, sections.first().and_then(|it| it.answer.clock));
    let text = match asker.settings.format {
        // Rows of one kind: what it looked like, or what changed.
        Format::Csv => sections.first().map(|it| format::csv(&it.answer.document, &[])).unwrap_or_default(),
        kind => format::written(kind, &document(name, at, sections), &[])
            .unwrap_or_else(|| render(name, at, sections, &look)),
    };
    output::print(&text).map(drop)
}

fn document(name: &str, at: Option<Timestamp>, sections: &[Found]) -> Value {
    let mut document = json!({ "name": name, "at": at.map(|at| at.to_string()) });
    for it in sections {
        let row = |row: &Vec<Value>| -> Value {
            it.table.columns.iter().cloned().zip(row.iter().cloned()).collect::<serde_json::Map<_, _>>().into()
        };
        document[it.title.replace(' ', "_")] = it.table.rows.iter().map(row).collect();
    }
    document
}

fn render(name: &str, at: Option<Timestamp>, sections: &[Found], look: &Look) -> String {
    let mut text = match at {
        Some(at) => format!("{} at {}\n", clean(name), moment(&at.to_string())),
        None => format!("{}, newest first\n", clean(name)),
    };
    for it in sections {
        text.push_str(&format!("\n{}\n", look.paint(&it.title.to_uppercase(), Tone::Title)));
        match it.table.rows.is_empty() {
            true => text.push_str(&format!("{}\n", it.empty)),
            false => text.push_str(&sql::render(&it.table, look)),
        }
    }
    text
}
