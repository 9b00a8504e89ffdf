//! The asking side of `rollcall`: a question or an order goes to the zone's REST API, its answer to standard output.
//!
//! What an answer looks like is decided in pure functions, from JSON to text, one module per command.

pub mod actions;
pub mod analytics;
pub mod answer;
pub mod audit;
pub mod channel;
pub mod client;
pub mod combinations;
pub mod events;
mod follow;
pub(crate) mod grid;
pub mod groups;
pub(crate) mod hardware;
pub mod indicators;
pub mod lists;
pub mod look;
pub mod node;
pub mod nodes;
pub(crate) mod output;
pub mod policy;
pub mod readings;
mod renewal;
pub mod sql;
pub mod status;
pub mod trust;
pub mod users;
pub mod when;

use std::io::{self, Read, Write};

use rollcall_startup::Failure;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::answer::{Alert, Checkin, Group, NodeDetail, NodeReadings, Table};
use self::client::credential::Credential;
use self::client::{Answer, Client, ClientError, NodeFilter};
use self::look::Look;
use self::readings::Known;
use crate::arguments::{AlertCommand, Alerts, Analytics, Global, Question};

/// Asks, and writes the answer to standard output.
///
/// # Errors
/// Exit code 3 where the zone cannot be reached, 2 where the arguments are wrong, 1 where the zone refuses or knows
/// no such thing.
pub async fn run(question: Question, global: &Global) -> Result<(), Failure> {
    if matches!(question, Question::Indicators) {
        let text = match global.json {
            true => output::document(&indicators::document()),
            false => indicators::render(&output::look(global.no_color, None)),
        };
        return output::print(&text).map(drop);
    }
    let asker = Asker { client: client(global).await?, global };
    match question {
        Question::Status => asker.status().await,
        Question::Nodes { state, group, bit } => asker.nodes(NodeFilter { state, group, bit }).await,
        Question::Node { node } => asker.node(&node).await,
        Question::Groups => asker.list("groups", lists::groups).await,
        Question::Channels => asker.list("channels", lists::channels).await,
        Question::Checkins => asker.list("checkins", lists::checkins).await,
        Question::Alerts(alerts) => asker.alerts(alerts).await,
        Question::Group(command) => groups::run(&asker, command).await,
        Question::Policy(command) => policy::flow::run(&asker, command).await,
        Question::Action(what) => actions::order(&asker, what).await,
        Question::Actions { node, state } => {
            asker.show_list(&asker.client.actions(node.as_deref(), state.as_deref()).await?, actions::list)
        }
        Question::Channel(command) => channel::run(&asker, command).await,
        Question::Analytics(what) => asker.analytics(what).await,
        Question::Combinations { command: None } => asker.list("combinations", combinations::list).await,
        Question::Combinations { command: Some(command) } => combinations::decide(&asker, command).await,
        Question::Events { follow: true, limit } => asker.follow(limit).await,
        Question::Events { follow: false, limit } => {
            asker.show_list(&asker.client.latest_events(limit).await?, events::render)
        }
        Question::Sql { query, csv } => asker.sql(query, csv).await,
        Question::Token(command) => trust::token(&asker, command).await,
        Question::Join(command) => trust::join(&asker, command).await,
        Question::Revoke(revocation) => trust::revoke(&asker, revocation).await,
        Question::Certificates { state, of } => {
            let answer = asker.client.certificates(state.as_deref(), of.as_deref()).await?;
            asker.show_list(&answer, trust::certificates)
        }
        Question::User(command) => users::run(&asker, command).await,
        Question::Audit(asked) => audit::run(&asker, asked).await,
        Question::Whoami => asker.show(&asker.client.whoami().await?, trust::whoami),
        Question::Indicators => Ok(()),
    }
}

/// A client that shows who asks; a certificate that grew old is renewed on the way.
async fn client(global: &Global) -> Result<Client, Failure> {
    let Global { identity, token, site, .. } = global;
    let credential = Credential::of(identity.clone(), token.clone(), site.clone())?;
    let client = Client::new(&global.api, &credential)?;
    match identity {
        Some(directory) if renewal::renew(&client, directory).await => Ok(Client::new(&global.api, &credential)?),
        _ => Ok(client),
    }
}

/// What every question and order needs.
pub struct Asker<'a> {
    client: Client,
    global: &'a Global,
}

impl Asker<'_> {
    /// The document itself with `--json`, otherwise what `render` makes of it.
    fn show<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        render: impl FnOnce(&T, &Look) -> String,
    ) -> Result<(), Failure> {
        let text = match self.global.json {
            true => output::document(&answer.document),
            false => render(&answer.read()?, &output::look(self.global.no_color, answer.clock)),
        };
        output::print(&text).map(drop)
    }

    fn show_list<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        render: impl FnOnce(&[T], &Look) -> String,
    ) -> Result<(), Failure> {
        self.show(answer, |list: &Vec<T>, look: &Look| render(list, look))
    }

    async fn list<T: DeserializeOwned>(&self, what: &str, render: fn(&[T], &Look) -> String) -> Result<(), Failure> {
        self.show_list(&self.client.list(what).await?, render)
    }

    fn look(&self) -> Look {
        output::look(self.global.no_color, None)
    }

    /// Something to read on the way; nothing with `--json`, whose answer is one document.
    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.global.json { Ok(()) } else { output::print(text).map(drop) }
    }

    /// Something to know beside the answer, on standard error.
    fn note(&self, text: &str) {
        // Nobody is left to be told when stderr is closed.
        drop(writeln!(io::stderr(), "note: {text}"));
    }

    /// The end of an order: the document with `--json`, otherwise the text.
    fn conclude(&self, document: &Value, text: &str) -> Result<(), Failure> {
        let text = if self.global.json { output::document(document) } else { text.to_owned() };
        output::print(&text).map(drop)
    }

    async fn status(&self) -> Result<(), Failure> {
        let answer = self.client.status().await?;
        let (groups, checkins): (Vec<Group>, Vec<Checkin>) = match self.global.json {
            true => (Vec::new(), Vec::new()),
            false => (self.client.list("groups").await?.read()?, self.client.list("checkins").await?.read()?),
        };
        self.show(&answer, |status, look| status::render(status, &groups, &checkins, look))
    }

    async fn nodes(&self, mut filter: NodeFilter) -> Result<(), Failure> {
        if let Some(wanted) = filter.group {
            let groups: Vec<Group> = self.client.list("groups").await?.read()?;
            filter.group = Some(group_id(&wanted, &groups)?);
        }
        self.show_list(&self.client.nodes(&filter).await?, nodes::render)
    }

    /// The saved facts, and what the node measures right now; where it does not answer, its saved bits.
    async fn node(&self, wanted: &str) -> Result<(), Failure> {
        let mut answer = self.client.node(wanted).await?;
        let id = answer.document["node"]["node_id"].as_str().unwrap_or(wanted).to_owned();
        let known = match self.client.readings(&id).await {
            Ok(readings) => {
                if let Some(document) = answer.document.as_object_mut() {
                    document.insert("readings".into(), readings.document.clone());
                }
                Known::Now(readings.read::<NodeReadings>()?)
            }
            Err(error @ ClientError::Refused { .. }) => Known::Saved(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        self.show(&answer, |detail: &NodeDetail, look| node::render(detail, &known, look))
    }

    async fn alerts(&self, asked: Alerts) -> Result<(), Failure> {
        let Alerts { all, group, node, command } = asked;
        let Some(AlertCommand::Ack { ids, comment }) = command else {
            let state = if all { None } else { Some("open") };
            let answer = self.client.alerts(state, group.as_deref(), node.as_deref()).await?;
            return self.show_list(&answer, |alerts: &[Alert], look: &Look| lists::alerts(alerts, look));
        };
        let mut done = Vec::new();
        for id in ids {
            done.push(self.client.acknowledge(id, &comment).await?.document);
            self.say(&format!("alert {id} is acknowledged\n"))?;
        }
        if self.global.json { self.conclude(&Value::Array(done), "") } else { Ok(()) }
    }

    async fn analytics(&self, asked: Analytics) -> Result<(), Failure> {
        let Analytics { group, indicator, limit } = asked;
        let answer = self.client.analytics(group.as_deref(), indicator.as_deref(), limit).await?;
        match indicator {
            Some(_) => self.show_list(&answer, analytics::metrics),
            None => self.show_list(&answer, analytics::periods),
        }
    }

    async fn follow(&self, limit: u16) -> Result<(), Failure> {
        let look = output::look(self.global.no_color, None);
        let show = |events: &[answer::Event], documents: &[serde_json::Value]| {
            output::print(&match self.global.json {
                true => documents.iter().map(output::json_line).collect::<String>(),
                false => events::render(events, &look),
            })
        };
        // Nobody is left to be told when stderr is closed.
        let note = |text: &str| drop(writeln!(io::stderr(), "note: {text}"));
        follow::follow(&self.client, limit, show, note).await
    }

    async fn sql(&self, query: String, csv: bool) -> Result<(), Failure> {
        if csv && self.global.json {
            return Err(Failure::usage("--csv and --json exclude each other"));
        }
        let query = if query == "-" { from_stdin()? } else { query };
        let answer = self.client.sql(&query).await?;
        if !csv {
            return self.show(&answer, sql::render);
        }
        let table: Table = answer.read()?;
        if table.truncated {
            let _ = writeln!(io::stderr(), "note: only the first {} rows; there are more", table.rows.len());
        }
        output::print(&sql::csv(&table)).map(drop)
    }
}

fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|error| Failure::usage(format!("standard input: {error}")))?;
    Ok(text)
}

/// The full id of the group with this name, id, or beginning of an id.
fn group_id(wanted: &str, groups: &[Group]) -> Result<String, Failure> {
    let exact = groups.iter().find(|group| group.name == wanted || group.group_id == wanted);
    let begins: Vec<&Group> =
        groups.iter().filter(|group| !wanted.is_empty() && group.group_id.starts_with(wanted)).collect();
    match (exact, begins.as_slice()) {
        (Some(group), _) => Ok(group.group_id.clone()),
        (None, [group]) => Ok(group.group_id.clone()),
        (None, []) => {
            let failure = Failure::other(format!("there is no group {wanted:?} in this zone"));
            let nearest = rollcall_startup::nearest(wanted, groups.iter().map(|group| group.name.as_str()));
            Err(failure.hint(match nearest {
                Some(name) => format!("did you mean {name}?"),
                None => "`rollcall groups` lists them".into(),
            }))
        }
        _ => Err(Failure::other(format!("{wanted:?} means more than one group; give more of its id"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<Group> {
        let group = |id: &str, name: &str| Group { group_id: id.into(), name: name.into(), ..Group::default() };
        vec![group("0a010200-x", "rack-a"), group("0a010300-x", "rack-b"), group("ff000000-x", "0a")]
    }

    #[test]
    fn a_group_is_found_by_name_id_and_beginning_of_its_id() {
        for (wanted, found) in
            [("rack-a", "0a010200-x"), ("0a010300-x", "0a010300-x"), ("0a0102", "0a010200-x"), ("0a", "ff000000-x")]
        {
            assert_eq!(group_id(wanted, &groups()), Ok(found.to_owned()));
        }
    }

    #[test]
    fn an_unknown_group_is_an_error_with_the_one_that_was_meant() {
        let unknown = group_id("rack-aa", &groups()).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "error: there is no group \"rack-aa\" in this zone\nhint: did you mean rack-a?"
        );
        let several = group_id("0a01", &groups()).unwrap_err();
        assert!(several.to_string().contains("more than one group"), "{several}");
        assert_eq!(group_id("", &groups()).unwrap_err().exit().code(), 1);
    }
}
