//! Setting a policy: the differences first, then the order, then the wait until the nodes obey.

use std::time::{Duration, Instant};

use rollcall_startup::Failure;
use serde_json::json;

use super::super::Asker;
use super::super::answer::{Policy, PolicySet, PolicyVersion, Table};
use super::super::client::{Client, ClientError};
use super::{Obedience, differences, document, history};
use crate::arguments::{PolicyCommand, Waiting};
use crate::progress::Progress;

/// How often the nodes are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Names shown of those that do not obey yet.
const SHOWN: usize = 5;

/// Carries out a command on policies.
///
/// # Errors
/// As the zone answers; exit code 1 where nodes do not obey in time.
pub async fn run(asker: &Asker<'_>, command: PolicyCommand) -> Result<(), Failure> {
    match command {
        PolicyCommand::Get { version } => {
            asker.show(&asker.client.policy(version).await?, |policy: &Policy, look| document(policy, look))
        }
        PolicyCommand::History => {
            asker.show_list(&asker.client.policy_history().await?, |list: &[PolicyVersion], look| history(list, look))
        }
        PolicyCommand::Diff { file } => {
            let compared = asker.client.set_policy(&read(&file)?, "", true).await?;
            asker.show(&compared, |set: &PolicySet, look| differences(&set.changes, look))
        }
        PolicyCommand::Check { file } => {
            let checked = asker.client.set_policy(&read(&file)?, "", true).await?;
            asker.show(&checked, |set: &PolicySet, _| {
                format!("{file} can be obeyed; {} would differ\n", super::counted_keys(set.changes.len()))
            })
        }
        PolicyCommand::Set { file, comment, waiting } => {
            let document = read(&file)?;
            set(asker, &document, Order::Set(&document, &comment), waiting).await
        }
        PolicyCommand::Rollback { version, waiting } => {
            let former: Policy = asker.client.policy(Some(version)).await?.read()?;
            set(asker, &former.document, Order::RollBack(version), waiting).await
        }
    }
}

fn read(file: &str) -> Result<String, Failure> {
    if file == "-" {
        return super::super::from_stdin();
    }
    std::fs::read_to_string(file).map_err(|error| Failure::usage(format!("cannot read {file}: {error}")))
}

enum Order<'a> {
    Set(&'a str, &'a str),
    RollBack(u64),
}

async fn set(asker: &Asker<'_>, document: &str, order: Order<'_>, waiting: Waiting) -> Result<(), Failure> {
    let compared: PolicySet = asker.client.set_policy(document, "", true).await?.read()?;
    asker.say(&differences(&compared.changes, &asker.look()))?;
    if compared.changes.is_empty() {
        let answer = json!({ "version": null, "changes": [], "set": false });
        return asker.conclude(&answer, "nothing was set\n");
    }
    let began = Instant::now();
    let answer = match order {
        Order::Set(document, comment) => asker.client.set_policy(document, comment, false).await?,
        Order::RollBack(version) => asker.client.roll_back(version).await?,
    };
    let set: PolicySet = answer.read()?;
    let version = set.version;
    if waiting.no_wait {
        return asker.conclude(&answer.document, &format!("\npolicy {version} is in force; nodes come to obey it\n"));
    }
    asker.say(&format!("\npolicy {version} is in force\n"))?;
    let (obedience, after) = wait(asker, version, began, waiting.patience).await?;
    let refusing: Vec<_> =
        obedience.refusing.iter().map(|(node, why)| json!({ "node": node, "message": why })).collect();
    let told = json!({
        "version": version, "changes": answer.document["changes"], "set": true, "live": obedience.live,
        "obeying": obedience.obeying, "refusing": refusing, "ms": u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
    });
    asker.conclude(&told, &obedience.told(version, after))?;
    match obedience.obeying < obedience.live {
        true => Err(Failure::other(format!("not every live node obeys policy {version}"))
            .hint("`rollcall policy get` says how far the groups are; `rollcall policy rollback` goes back")),
        false => Ok(()),
    }
}

/// Waits until every live node obeys or says why not, with a line on a terminal that shows how far they are.
async fn wait(
    asker: &Asker<'_>,
    version: u64,
    began: Instant,
    patience: Duration,
) -> Result<(Obedience, Duration), Failure> {
    let progress = Progress::new(asker.settings.shows_progress());
    loop {
        let obedience = look(&asker.client, version).await?;
        let after = began.elapsed();
        if obedience.is_final() || after >= patience {
            return Ok((obedience, after));
        }
        progress.say(&obedience.line(version));
        tokio::time::sleep(LOOK).await;
    }
}

/// How far the live nodes have come with a version.
///
/// # Errors
/// As the zone answers.
pub async fn look(client: &Client, version: u64) -> Result<Obedience, ClientError> {
    let live = "v_nodes WHERE state IN ('healthy', 'degraded')";
    let counts: Table = client
        .sql(&format!(
            "SELECT count(*), coalesce(sum(CASE WHEN policy_version >= {version} THEN 1 ELSE 0 END), 0) FROM {live}"
        ))
        .await?
        .read()?;
    let number = |at: usize| counts.rows.first().and_then(|row| row.get(at)?.as_i64()).unwrap_or_default();
    let mut obedience = Obedience { live: number(0), obeying: number(1), ..Obedience::default() };
    if obedience.obeying < obedience.live {
        let others: Table = client
            .sql(&format!("SELECT name, policy_problem FROM {live} AND policy_version < {version} ORDER BY name"))
            .await?
            .read()?;
        for row in &others.rows {
            let name = row.first().and_then(|name| name.as_str()).unwrap_or_default().to_owned();
            match row.get(1).and_then(|why| why.as_str()) {
                Some(why) => obedience.refusing.push((name, why.to_owned())),
                None if obedience.waiting.len() < SHOWN => obedience.waiting.push(name),
                None => {}
            }
        }
    }
    Ok(obedience)
}
