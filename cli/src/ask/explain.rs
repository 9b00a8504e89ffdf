//! `rollcall explain`: why a node is as it is, in sentences. The sentences are made by pure functions
//! ([`sentences`]) of what was asked.

mod happening;
mod sentences;

use rollcall_model::policy::{PolicyDocument, Remedy};
use rollcall_startup::Failure;
use serde_json::{Value, json};

use super::Asker;
use super::answer::trust::Certificate;
use super::answer::{Action, Alert, GroupDetail, Matching, NodeDetail, NodeReadings, Policy, RuleGroup, is_true};
use super::client::{Client, ClientError};
use super::format;
use super::output;
use super::readings::Known;
use crate::progress::Progress;

/// More rules than this are not looked up for one node.
const MOST_RULES: usize = 50;

/// What is known of a node.
pub struct Facts {
    /// Itself, its groups, its latest events.
    detail: NodeDetail,
    /// What it measures.
    known: Known,
    /// The rules of the groups it is in, by their names.
    rules: Vec<(String, RuleGroup)>,
    /// Its alerts that are open.
    alerts: Vec<Alert>,
    /// The policy in force.
    policy: Policy,
    /// Its certificates, none where nobody issues any.
    certificates: Vec<Certificate>,
    /// What was ordered for it, newest first.
    actions: Vec<Action>,
    /// The policy's remedies, and whether it fulfils their rules; nothing where that cannot be said.
    remedies: Vec<(Remedy, Option<bool>)>,
}

/// Explains a node.
///
/// # Errors
/// As the zone answers.
pub async fn run(asker: &Asker<'_>, node: &str) -> Result<(), Failure> {
    let progress = Progress::new(asker.settings.shows_progress());
    let (facts, documents) = progress.during("asking the zone and the node", gather(&asker.client, node)).await?;
    drop(progress);
    let look = output::look(asker.settings, facts.1);
    let paragraphs = sentences::told(&facts.0, look.now);
    let sentences: serde_json::Map<String, Value> =
        paragraphs.iter().map(|it| (it.title.to_owned(), json!(it.sentences))).collect();
    let document = json!({ "sentences": sentences, "facts": documents });
    let text = format::written(asker.settings.format, &document, &[]);
    output::print(&text.unwrap_or_else(|| sentences::render(&paragraphs, &look))).map(drop)
}

/// Everything that is to be known, and as it came.
async fn gather(client: &Client, node: &str) -> Result<((Facts, Option<jiff::Timestamp>), Value), ClientError> {
    let answer = client.node(node).await?;
    let detail: NodeDetail = answer.read()?;
    let (id, name) = (detail.node.node_id.clone(), detail.node.name.clone());
    let known = match client.readings(&id).await {
        Ok(readings) => Known::Now(readings.read::<NodeReadings>()?),
        Err(error @ ClientError::Refused { .. }) => Known::Saved(error.to_string()),
        Err(error) => return Err(error),
    };
    let mut rules = Vec::new();
    for group in detail.memberships.iter().filter(|it| is_true(&it.by_rule)).take(MOST_RULES) {
        // A group that was dissolved this moment has no rule to tell.
        if let Some(rule) =
            allowed(client.group(&group.group_name).await)?.and_then(|it| it.read::<GroupDetail>().ok()?.rule)
        {
            rules.push((group.group_name.clone(), rule));
        }
    }
    let alerts = client.list("alerts", &[("node", Some(&id)), ("state", Some("open"))]).await?;
    let policy = client.policy(None).await?;
    let certificates = allowed(client.list("certificates", &[("principal", Some(&format!("node.{id}")))]).await)?;
    let actions = client.list("actions", &[("node", Some(&id))]).await?;
    let remedies = remedies(client, &policy.read()?, &name).await?;
    let documents = json!({
        "node": answer.document, "alerts": alerts.document, "policy_version": policy.document["version"],
        "certificates": certificates.as_ref().map(|it| it.document.clone()), "actions": actions.document,
    });
    let facts = Facts {
        detail,
        known,
        rules,
        alerts: alerts.read()?,
        policy: policy.read()?,
        certificates: certificates.and_then(|it| it.read().ok()).unwrap_or_default(),
        actions: actions.read()?,
        remedies,
    };
    Ok(((facts, answer.clock), documents))
}

/// What the zone refuses to tell is not told.
fn allowed<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(ClientError::Refused { status, .. }) if status.is_client_error() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn remedies(client: &Client, policy: &Policy, node: &str) -> Result<Vec<(Remedy, Option<bool>)>, ClientError> {
    // A policy of a newer zone, which this command cannot read, has no remedies that it could explain.
    let Ok(document) = toml_edit::de::from_str::<PolicyDocument>(&policy.document) else { return Ok(Vec::new()) };
    let mut told = Vec::new();
    for remedy in document.actions.remedies.into_iter().take(MOST_RULES) {
        let matching = allowed(client.test_rule(&remedy.when).await)?.and_then(|it| it.read::<Matching>().ok());
        told.push((remedy, matching.map(|it| it.matching.iter().any(|name| name == node))));
    }
    Ok(told)
}
