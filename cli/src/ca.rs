//! `rollcall ca`: the site's root and its zones' authorities, on files. No zone is asked.

mod broker;
mod status;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rollcall_identity::Site;
use rollcall_identity::issuer::{IssueError, LoadError};
use rollcall_identity::site::{Rotation, SiteError};
use rollcall_model::{Name, UnixMillis};
use rollcall_startup::{Exit, Failure};
use serde_json::{Value, json};

use crate::arguments::CaCommand;
use crate::ask::{format, output};
use crate::settings::Settings;

/// Does it, and tells what was done.
///
/// # Errors
/// Exit code 1 where it cannot be done, with what to do instead; nothing that is there is overwritten unasked.
pub fn run(command: &CaCommand, settings: &Settings) -> Result<(), Failure> {
    let now = now();
    let done = match command {
        CaCommand::Init { name, site, zone, zone_dir } => {
            init(&site.dir, name, zone.as_ref().zip(zone_dir.as_deref()), now)?
        }
        CaCommand::Zone { name, site, zone_dir, renew } => make_zone(&site.dir, name, zone_dir, *renew, now)?,
        CaCommand::Status { site, zone_dir } => status::look(&site.dir, zone_dir, now)?,
        CaCommand::Rotate { site, zone_dir, switch, finish, force } => {
            let step = match (switch, finish) {
                (true, _) => Step::Switch,
                (_, true) => Step::Finish,
                _ => Step::Begin,
            };
            rotate(&site.dir, zone_dir, step, *force, now)?
        }
        CaCommand::Broker(wanted) => broker::make(wanted, now)?,
    };
    let written = format::written(settings.format, &done.document, &[]);
    output::print(&written.unwrap_or(done.text))?;
    match done.wrong {
        Some(wrong) => Err(Failure::other(wrong)),
        None => Ok(()),
    }
}

/// What is told at the end.
struct Done {
    document: Value,
    text: String,
    /// What makes the exit code 1 all the same.
    wrong: Option<String>,
}

impl Done {
    fn well(document: Value, text: String) -> Self {
        Self { document, text, wrong: None }
    }
}

fn now() -> UnixMillis {
    UnixMillis(u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0))
}

fn site_failure(error: &SiteError) -> Failure {
    let failure = Failure::caused_by(Exit::Failed, error);
    if error.is_missing() {
        return failure.hint("`rollcall ca init` makes a site, --dir says where it is; its keys may be in the safe");
    }
    failure
}

fn zone_failure(error: &LoadError) -> Failure {
    let failure = Failure::caused_by(Exit::Failed, error);
    match error {
        LoadError::File(_) | LoadError::Bundle(_) => failure.hint("`rollcall ca zone` makes a zone's directory"),
        _ => failure,
    }
}

fn issue_failure(error: &IssueError) -> Failure {
    Failure::caused_by(Exit::Failed, error)
}

fn init(dir: &Path, name: &Name, zone: Option<(&Name, &Path)>, now: UnixMillis) -> Result<Done, Failure> {
    let site = Site::create(dir, name, now).map_err(|error| site_failure(&error))?;
    let pinned = dir.join("site.pem");
    let mut text = format!(
        "made the site {name} in {}\n  {} is what every machine pins: public, to be given to all of them\n  \
         root.key and announce-root.key are the site's secrets: keep them offline\n",
        dir.display(),
        pinned.display()
    );
    if let Some((zone, directory)) = zone {
        site.make_zone(zone, directory, now).map_err(|error| site_failure(&error))?;
        text += &format!("made the zone {zone} in {}\n", directory.display());
    } else {
        text += "next: `rollcall ca zone NAME --zone-dir DIR` makes a zone\n";
    }
    let fingerprints: Vec<String> = site.bundle().fingerprints().map(|one| one.to_string()).collect();
    let zone = zone.map(|(name, directory)| json!({ "name": name, "directory": directory }));
    Ok(Done::well(
        json!({ "site": name, "directory": dir, "bundle": pinned, "roots": fingerprints, "zone": zone }),
        text,
    ))
}

fn make_zone(dir: &Path, name: &Name, zone_dir: &Path, renew: bool, now: UnixMillis) -> Result<Done, Failure> {
    let site = Site::load(dir).map_err(|error| site_failure(&error))?;
    let document = json!({ "zone": name, "directory": zone_dir, "renewed": renew });
    if !renew {
        site.make_zone(name, zone_dir, now).map_err(|error| match error {
            SiteError::File(rollcall_identity::files::FileError::Exists { .. }) => {
                site_failure(&error).hint("`--renew` signs it again with the keys it has")
            }
            error => site_failure(&error),
        })?;
        let text = format!("made the zone {name} in {}\n", zone_dir.display());
        return Ok(Done::well(document, text));
    }
    let found = rollcall_identity::ZoneAuthority::load(zone_dir).map_err(|error| zone_failure(&error))?;
    if found.zone_name() != name {
        return Err(Failure::other(format!("{} is the zone {}, not {name}", zone_dir.display(), found.zone_name())));
    }
    site.renew_zone(zone_dir, now).map_err(|error| site_failure(&error))?;
    let text = format!("signed the zone {name} again; the zone controller takes it up when it is started again\n");
    Ok(Done::well(document, text))
}

#[derive(Clone, Copy)]
enum Step {
    Begin,
    Switch,
    Finish,
}

fn rotate(dir: &Path, zones: &[PathBuf], step: Step, force: bool, now: UnixMillis) -> Result<Done, Failure> {
    let zones: Vec<&Path> = zones.iter().map(PathBuf::as_path).collect();
    let (done, next) = match step {
        Step::Begin => (
            Site::begin_rotation(dir, &zones, now),
            "a new root is pinned beside the old one\n  restart the zone controllers and give the broker the new roots; machines get the \
             bundle with their next\n  certificate, within a day\nnext, in a day: `rollcall ca rotate --switch`\n",
        ),
        Step::Switch => (
            Site::switch(dir, &zones, now, force),
            "the new root signs\n  restart the zone controllers, and make the broker's certificate anew\n\
             next, in a day: `rollcall ca rotate --finish`\n",
        ),
        Step::Finish => (
            Site::finish_rotation(dir, &zones, now, force),
            "the old root is dropped\n  restart the zone controllers and give the broker the roots that are left; give the new site.pem to \
             machines\n  that are still to join\n",
        ),
    };
    let site = done.map_err(|error| site_failure(&error))?;
    let rotation = Rotation::of(dir).map_err(|error| site_failure(&error))?;
    let mut text = next.to_owned();
    if zones.is_empty() {
        text += "warning: no zone was given with --zone-dir: theirs are unchanged\n";
    }
    let roots: Vec<String> = site.bundle().fingerprints().map(|one| one.to_string()).collect();
    Ok(Done::well(json!({ "rotation": status::word(rotation), "roots": roots, "zones": zones }), text))
}

#[cfg(test)]
mod tests;
