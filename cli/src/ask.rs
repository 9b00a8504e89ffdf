//! The asking side of `rollcall`: a question or an order goes to the zone's REST API, its answer to standard output.
//!
//! What an answer looks like is decided in pure functions, from JSON to text, one module per command.

pub mod actions;
pub mod analytics;
pub mod answer;
pub mod anything;
pub mod audit;
pub mod availability;
pub mod channel;
pub mod client;
pub mod combinations;
pub mod events;
pub mod explain;
pub(crate) mod follow;
pub mod format;
pub(crate) mod grid;
pub mod groups;
pub(crate) mod hardware;
pub mod history;
pub mod indicators;
pub mod lists;
pub mod look;
pub mod node;
pub mod nodes;
pub(crate) mod output;
pub mod policy;
pub mod raw;
pub mod readings;
mod renewal;
pub mod sql;
pub mod status;
pub mod target;
pub mod trust;
pub mod users;
pub mod wait;
pub mod watch;
pub mod when;

use std::io::{self, Read, Write};

use rollcall_startup::Failure;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::answer::{Alert, Checkin, Group, NodeDetail, NodeReadings, Table};
use self::client::credential::Credential;
use self::client::{Answer, Client, ClientError};
use self::look::Look;
use self::readings::Known;
use crate::arguments::{AlertCommand, Alerts, Analytics, Listing, Question};
use crate::progress::Progress;
use crate::settings::{Format, Settings};
use crate::top;

/// Asks, and writes the answer to standard output.
///
/// # Errors
/// Exit code 3 where the zone cannot be reached, 2 where the arguments are wrong, 4 where what is waited for does not come
/// true in time, 1 where the zone refuses or knows no such thing.
pub async fn run(question: Question, settings: &Settings) -> Result<(), Failure> {
    if matches!(question, Question::Indicators) {
        let text = format::written(settings.format, &indicators::document(), &[]);
        let text = text.unwrap_or_else(|| indicators::render(&output::look(settings, None)));
        return output::print(&text).map(drop);
    }
    let asker = Asker { client: client(settings).await?, settings };
    match question {
        Question::Status => asker.status().await,
        Question::Top(asked) => top::run(asker.client, asked, settings).await,
        Question::Watch(asked) => watch::run(&asker, asked).await,
        Question::Wait(asked) => wait::run(&asker, asked).await,
        Question::Explain(asked) => explain::run(&asker, &asked.node).await,
        Question::History(asked) => history::run(&asker, asked).await,
        Question::Node { node } => asker.node(&node).await,
        Question::Readings { node } => asker.show(&asker.client.readings(&node).await?, readings::alone),
        Question::Target(asked) => target::run(&asker, &asked).await,
        Question::Availability(asked) => availability::run(&asker, &asked).await,
        Question::Alerts(alerts) => asker.alerts(alerts).await,
        Question::Group(command) => groups::run(&asker, command).await,
        Question::Policy(command) => policy::flow::run(&asker, command).await,
        Question::Action(what) => actions::order(&asker, what).await,
        Question::Channel(command) => channel::run(&asker, command).await,
        Question::Analytics(what) => asker.analytics(what).await,
        Question::Combinations { command: Some(command), .. } => combinations::decide(&asker, command).await,
        Question::Events { follow, limit, kind } => follow::events(&asker, follow, limit, &kind).await,
        Question::Sql { query, csv } => asker.sql(query, csv).await,
        Question::Token(command) => trust::token(&asker, command).await,
        Question::Join(command) => trust::join(&asker, command).await,
        Question::Revoke(revocation) => trust::revoke(&asker, revocation).await,
        Question::User(command) => users::run(&asker, command).await,
        Question::Audit(asked) => audit::run(&asker, asked).await,
        Question::Whoami => asker.show(&asker.client.whoami().await?, trust::whoami),
        Question::List(asked) => anything::list(&asker, asked).await,
        Question::Show(asked) => anything::show(&asker, &asked.what, &asked.id).await,
        Question::Api(asked) => raw::run(&asker.client, asked, settings).await,
        list => asker.listed(list).await,
    }
}

/// A client that shows who asks; a certificate that grew old is renewed on the way.
async fn client(settings: &Settings) -> Result<Client, Failure> {
    let Settings { identity, token, site, .. } = settings;
    let credential = Credential::of(identity.clone(), token.clone(), site.clone())?;
    let client = Client::new(&settings.api, &credential)?;
    match identity {
        Some(directory) if renewal::renew(&client, directory).await => Ok(Client::new(&settings.api, &credential)?),
        _ => Ok(client),
    }
}

/// What every question and order needs.
pub struct Asker<'a> {
    client: Client,
    settings: &'a Settings,
}

impl Asker<'_> {
    /// The document itself for programs, otherwise what `render` makes of it.
    fn show<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        render: impl FnOnce(&T, &Look) -> String,
    ) -> Result<(), Failure> {
        let text = match format::written(self.settings.format, &answer.document, &[]) {
            Some(text) => text,
            None => render(&answer.read()?, &output::look(self.settings, answer.clock)),
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

    /// A list as it was asked for: columns that were chosen stand as they are.
    async fn list<T: DeserializeOwned>(
        &self,
        what: &str,
        filters: &[(&str, Option<&str>)],
        listing: &Listing,
        render: impl FnOnce(&[T], &Look) -> String,
    ) -> Result<(), Failure> {
        let progress = Progress::new(self.settings.shows_progress());
        let answer = self.client.rows(&[what], &client::given(filters), listing, &progress).await?;
        drop(progress);
        if listing.fields.is_empty() {
            return self.show_list(&answer, render);
        }
        let text = format::written(self.settings.format, &answer.document, &listing.fields);
        let look = output::look(self.settings, answer.clock);
        output::print(&text.unwrap_or_else(|| sql::render(&sql::chosen(&answer.document, &listing.fields), &look)))
            .map(drop)
    }

    async fn listed(&self, question: Question) -> Result<(), Failure> {
        match question {
            Question::Nodes { state, group, bit, listing } => {
                let group = match group {
                    Some(wanted) => {
                        Some(group_id(&wanted, &self.client.list("groups", &[]).await?.read::<Vec<Group>>()?)?)
                    }
                    None => None,
                };
                let filters = [("state", state.as_deref()), ("group", group.as_deref()), ("bit", bit.as_deref())];
                self.list("nodes", &filters, &listing, nodes::render).await
            }
            Question::Groups(listing) => self.list("groups", &[], &listing, lists::groups).await,
            Question::Channels(listing) => self.list("channels", &[], &listing, lists::channels).await,
            Question::Checkins(listing) => self.list("checkins", &[], &listing, lists::checkins).await,
            Question::Actions { node, state, listing } => {
                let filters = [("node", node.as_deref()), ("state", state.as_deref())];
                self.list("actions", &filters, &listing, actions::list).await
            }
            Question::Combinations { listing, .. } => {
                self.list("combinations", &[], &listing, combinations::list).await
            }
            Question::Certificates(asked) => {
                let filters = [("state", asked.state.as_deref()), ("principal", asked.of.as_deref())];
                self.list("certificates", &filters, &asked.listing, trust::certificates).await
            }
            // The others are no lists, and have their own arms above.
            _ => Ok(()),
        }
    }

    fn look(&self) -> Look {
        output::look(self.settings, None)
    }

    /// Something to read on the way; nothing for programs, whose answer is one document.
    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.settings.format.is_for_programs() { Ok(()) } else { output::print(text).map(drop) }
    }

    /// Something to know beside the answer, on standard error.
    fn note(&self, text: &str) {
        // Nobody is left to be told when stderr is closed.
        drop(writeln!(io::stderr(), "note: {text}"));
    }

    /// The end of an order: the document for programs, otherwise the text.
    fn conclude(&self, document: &Value, text: &str) -> Result<(), Failure> {
        let written = format::written(self.settings.format, document, &[]);
        output::print(written.as_deref().unwrap_or(text)).map(drop)
    }

    async fn status(&self) -> Result<(), Failure> {
        let answer = self.client.status().await?;
        let (groups, checkins): (Vec<Group>, Vec<Checkin>) = match self.settings.format.is_for_programs() {
            true => (Vec::new(), Vec::new()),
            false => (self.client.list("groups", &[]).await?.read()?, self.client.list("checkins", &[]).await?.read()?),
        };
        self.show(&answer, |status, look| status::render(status, &groups, &checkins, look))
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
        let Alerts { all, group, node, listing, command } = asked;
        let Some(AlertCommand::Ack { ids, comment }) = command else {
            let state = if all { None } else { Some("open") };
            let filters = [("state", state), ("group", group.as_deref()), ("node", node.as_deref())];
            return self.list("alerts", &filters, &listing, |it: &[Alert], look: &Look| lists::alerts(it, look)).await;
        };
        let mut done = Vec::new();
        for id in ids {
            done.push(self.client.acknowledge(id, &comment).await?.document);
            self.say(&format!("alert {id} is acknowledged\n"))?;
        }
        if self.settings.format.is_for_programs() { self.conclude(&Value::Array(done), "") } else { Ok(()) }
    }

    async fn analytics(&self, asked: Analytics) -> Result<(), Failure> {
        let Analytics { group, indicator, limit } = asked;
        let answer = self.client.analytics(group.as_deref(), indicator.as_deref(), limit).await?;
        match indicator {
            Some(_) => self.show_list(&answer, analytics::metrics),
            None => self.show_list(&answer, analytics::periods),
        }
    }

    async fn sql(&self, query: String, csv: bool) -> Result<(), Failure> {
        if csv && self.settings.is_format_told && self.settings.format != Format::Csv {
            return Err(Failure::usage(format!("--csv and -o {} exclude each other", self.settings.format.as_str())));
        }
        let query = if query == "-" { from_stdin()? } else { query };
        let progress = Progress::new(self.settings.shows_progress());
        let answer = progress.during("the zone looks for it", self.client.sql(&query)).await?;
        drop(progress);
        let format = if csv { Format::Csv } else { self.settings.format };
        let Some(text) = format::written(format, &answer.document, &[]) else {
            return self.show(&answer, sql::render);
        };
        let table: Table = answer.read()?;
        if format == Format::Csv && table.truncated {
            self.note(&format!("only the first {} rows; there are more", table.rows.len()));
        }
        output::print(&text).map(drop)
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
