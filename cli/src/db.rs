//! `rollcall db`: the upkeep of a zone's database, on the database itself. No zone is asked.

mod report;

use std::path::Path;

use jiff::Timestamp;
use rollcall_model::UnixMillis;
use rollcall_startup::{Environment, Exit, Failure, load_with};
use rollcall_store::upkeep::{self, DatabaseStatus, UpkeepError};
use rollcall_store::{CommitError, OpenError, Pruning, Retention, Store};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments::{DatabaseAt, DbCommand, Kept};
use crate::ask::{format, output};
use crate::progress::Progress;
use crate::settings::Settings;

/// Where a zone controller's configuration is where nobody says otherwise.
const CONFIG: &str = "/etc/rollcall/zone-controller.toml";

/// Does it, and tells what was done.
///
/// # Errors
/// Exit code 3 where the database cannot be reached or is in use, 2 where the arguments or the configuration are wrong, 1
/// where it is refused for what it is, and where a moved database differs.
pub async fn run(command: DbCommand, settings: &Settings) -> Result<(), Failure> {
    let done = match command {
        DbCommand::Status { at } => status(&at, settings).await?,
        DbCommand::Migrate { at, create } => migrate(&at, create).await?,
        DbCommand::Prune { at, keep } => prune(&at, &keep, settings).await?,
        DbCommand::Backup { to, at } => backup(&at, &to).await?,
        DbCommand::Restore { from, at, replace } => restore(&at, &from, replace).await?,
        DbCommand::Move { from, to } => transfer(&from, &to, settings).await?,
    };
    let written = format::written(settings.format, &done.document, &[]);
    output::print(&written.unwrap_or(done.text))?;
    done.wrong.map_or(Ok(()), |wrong| Err(Failure::other(wrong)))
}

/// What is told at the end.
struct Done {
    document: Value,
    text: String,
    /// What makes the exit code 1 all the same.
    wrong: Option<String>,
}

impl Done {
    fn well(document: &impl serde::Serialize, text: String) -> Result<Self, Failure> {
        let document = serde_json::to_value(document).map_err(Failure::other)?;
        Ok(Self { document, text, wrong: None })
    }
}

/// What of a zone controller's configuration is about its database.
#[derive(Debug, Deserialize)]
struct Configured {
    database: String,
    #[serde(default)]
    retention: Retention,
}

/// A database, and how long its history is kept where somebody said so.
struct Found {
    url: String,
    retention: Option<Retention>,
}

/// Where the database is: as it is said, or as the zone controller's configuration has it.
fn find(at: &DatabaseAt) -> Result<Found, Failure> {
    let path = at.config.as_deref().unwrap_or(Path::new(CONFIG));
    match &at.database {
        Some(url) if at.config.is_none() && !path.exists() => Ok(Found { url: url.clone(), retention: None }),
        Some(url) => Ok(Found { url: url.clone(), retention: Some(configured(path)?.retention) }),
        None => {
            let hint = "name the database with --database, or the zone controller's configuration with --config";
            let Configured { database, retention } = configured(path).map_err(|failure| failure.hint(hint))?;
            Ok(Found { url: database, retention: Some(retention) })
        }
    }
}

fn configured(path: &Path) -> Result<Configured, Failure> {
    let environment = Environment::of_process("ROLLCALL", &["ROLLCALL_TOKEN", "ROLLCALL_SITE"]);
    let configured: Configured = load_with(Some(path), &environment)?;
    configured.retention.validate().map_err(|why| Failure::usage(format!("{}: {why}", path.display())))?;
    Ok(configured)
}

fn now() -> UnixMillis {
    UnixMillis(u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0))
}

/// Who sits at this machine, as far as it says.
fn who() -> String {
    let named = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    named("SUDO_USER").or_else(|| named("USER")).unwrap_or_else(|| "somebody at the machine".into())
}

/// Whoever is stopped may try again; what is wrong with words is said as such.
fn open_failure(error: &OpenError) -> Failure {
    let failure = |exit| Failure::caused_by(exit, error);
    match error {
        OpenError::InUse { .. } | OpenError::Held { .. } => {
            failure(Exit::Unreachable).hint("stop the zone controller first: systemctl stop rollcall-zone-controller")
        }
        OpenError::Unreachable { .. } | OpenError::Login { .. } => failure(Exit::Unreachable),
        OpenError::Insecure { .. } | OpenError::NoDatabase { .. } => failure(Exit::Unreachable),
        OpenError::Url { .. } => failure(Exit::Usage),
        _ => failure(Exit::Failed),
    }
}

fn upkeep_failure(error: &UpkeepError) -> Failure {
    match error {
        UpkeepError::Open(error) => open_failure(error),
        UpkeepError::InMemory | UpkeepError::Same { .. } => Failure::caused_by(Exit::Usage, error),
        error => Failure::caused_by(Exit::Failed, error),
    }
}

fn commit_failure(error: &CommitError) -> Failure {
    Failure::caused_by(if error.is_passing() { Exit::Unreachable } else { Exit::Failed }, error)
}

async fn look(url: &str) -> Result<DatabaseStatus, Failure> {
    upkeep::status(url).await.map_err(|error| upkeep_failure(&error))
}

async fn status(at: &DatabaseAt, settings: &Settings) -> Result<Done, Failure> {
    let Found { url, retention } = find(at)?;
    let found = look(&url).await?;
    let text = report::status(&found, retention.as_ref(), &output::look(settings, None));
    let mut done = Done::well(&found, text)?;
    if let Some(document) = done.document.as_object_mut() {
        document.insert("retention".into(), serde_json::to_value(retention).unwrap_or(Value::Null));
    }
    Ok(done)
}

async fn migrate(at: &DatabaseAt, create: bool) -> Result<Done, Failure> {
    let Found { url, .. } = find(at)?;
    let before = match upkeep::status(&url).await {
        Ok(found) => found.schema_version,
        Err(UpkeepError::Open(OpenError::NoFile { .. })) if create => None,
        Err(error @ UpkeepError::Open(OpenError::NoFile { .. })) => {
            return Err(upkeep_failure(&error).hint("--create makes it"));
        }
        Err(error) => return Err(upkeep_failure(&error)),
    };
    Store::open(&url).await.map_err(|error| open_failure(&error))?.close().await;
    let found = look(&url).await?;
    let after = found.schema_version;
    let text = match (before, after) {
        (Some(before), Some(after)) if before == after => {
            format!("{} has schema version {after} already\n", found.database)
        }
        (before, after) => format!(
            "{}: schema version {} → {}\n",
            found.database,
            before.map_or_else(|| "none".to_owned(), |version| version.to_string()),
            after.unwrap_or_default()
        ),
    };
    Done::well(&json!({ "database": found.database, "before": before, "after": after }), text)
}

/// What is configured, and over it what was said. Without a configuration only what is said is pruned: another zone's defaults
/// are no reason to remove anything for good.
fn kept(configured: Option<Retention>, said: &[Kept]) -> Result<Retention, Failure> {
    if configured.is_none() && said.is_empty() {
        let why = "nobody says how long this zone keeps its history";
        return Err(
            Failure::usage(why).hint("name its configuration with --config, or a kind and its days with --keep")
        );
    }
    let mut retention = configured.unwrap_or_else(Retention::for_ever);
    for Kept { kind, days } in said {
        let key = match kind.as_str() {
            "health_history" => &mut retention.health_history_days,
            "events" => &mut retention.events_days,
            "alerts" => &mut retention.alerts_days,
            "memberships" => &mut retention.memberships_days,
            "actions" => &mut retention.actions_days,
            "channel_messages" => &mut retention.channel_messages_days,
            "analytics" => &mut retention.analytics_days,
            _ => &mut retention.credentials_days,
        };
        *key = *days;
    }
    retention.validate().map_err(Failure::usage)?;
    Ok(retention)
}

async fn prune(at: &DatabaseAt, keep: &[Kept], settings: &Settings) -> Result<Done, Failure> {
    let Found { url, retention } = find(at)?;
    let retention = kept(retention, keep)?;
    // Makes nothing, and tells who has it open.
    let found = look(&url).await?;
    if found.schema_version != Some(found.newest_version) {
        let version = found.schema_version.map_or_else(|| "no schema".to_owned(), |it| format!("schema version {it}"));
        let why = format!("{} has {version}, this program's is {}", found.database, found.newest_version);
        return Err(Failure::other(why).hint("`rollcall db migrate` brings it there; make a backup first"));
    }
    let store = Store::open(&url).await.map_err(|error| match error {
        OpenError::InUse { .. } | OpenError::Held { .. } => Failure::caused_by(Exit::Unreachable, &error)
            .hint("a zone controller prunes by itself: `rollcall db status` tells when it did"),
        error => open_failure(&error),
    })?;
    let mut pruning = Pruning::new(&retention, now(), None);
    let progress = Progress::new(settings.shows_progress());
    let pruned = loop {
        if let Some(history) = pruning.at() {
            progress.say(&format!("pruning {}: {} rows removed", history.table(), pruning.removed()));
        }
        match store.prune(&mut pruning, now()).await {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(commit_failure(&error)),
        }
    };
    progress.clear();
    store.close().await;
    pruned?;
    let document = json!({
        "database": found.database, "removed": pruning.removed(), "histories": pruning.done(), "retention": retention,
    });
    Done::well(&document, report::pruned(&found.database, &pruning, &retention, &output::look(settings, None)))
}

async fn backup(at: &DatabaseAt, to: &Path) -> Result<Done, Failure> {
    let Found { url, .. } = find(at)?;
    let made = upkeep::backup(&url, to).await.map_err(|error| upkeep_failure(&error))?;
    Done::well(&made, report::backup(&made))
}

async fn restore(at: &DatabaseAt, from: &Path, replace: bool) -> Result<Done, Failure> {
    let Found { url, .. } = find(at)?;
    let restored = upkeep::restore(&url, from, replace, &who(), now()).await.map_err(|error| upkeep_failure(&error))?;
    Done::well(&restored, report::restored(&restored))
}

async fn transfer(from: &str, to: &str, settings: &Settings) -> Result<Done, Failure> {
    let progress = Progress::new(settings.shows_progress());
    let moved = upkeep::transfer(from, to, |step| {
        progress.say(&format!("{} {}: {} of {} rows", step.doing, step.table, step.rows, step.of));
    });
    let moved = moved.await;
    progress.clear();
    let moved = moved.map_err(|error| upkeep_failure(&error))?;
    let mut done = Done::well(&moved, report::moved(&moved, &output::look(settings, None)))?;
    if !moved.is_equal {
        let wrong: Vec<&str> = moved.tables.iter().filter(|one| !one.is_equal()).map(|one| one.table).collect();
        done.wrong = Some(format!("{} differs: nothing is kept in {}", wrong.join(", "), moved.target));
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_laid_over_what_is_configured() {
        let configured = Retention { events_days: 7, alerts_days: 8, ..Retention::default() };
        let said = [Kept { kind: "events".into(), days: 0 }, Kept { kind: "credentials".into(), days: 3 }];
        let kept = kept(Some(configured), &said).unwrap();
        assert_eq!((kept.events_days, kept.alerts_days, kept.credentials_days), (0, 8, 3));
        let wrong = super::kept(None, &[Kept { kind: "events".into(), days: 99_999 }]).unwrap_err();
        assert_eq!(wrong.exit().code(), 2);
    }
}
