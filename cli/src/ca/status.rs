//! `rollcall ca status`: what there is, until when it counts, what is to be done.

use std::path::{Path, PathBuf};

use rollcall_identity::bundle::TrustBundle;
use rollcall_identity::site::{BUNDLE_FILE, Rotation, SPREADING_TAKES};
use rollcall_identity::{Announcer, ZoneAuthority};
use rollcall_model::UnixMillis;
use rollcall_startup::{Exit, Failure};
use serde_json::{Value, json};

use super::{Done, site_failure};

const DAY: u64 = 24 * 60 * 60 * 1000;
/// What ends sooner than this is said.
const SOON: u64 = 30 * DAY;

/// What is found on the way.
#[derive(Default)]
struct Report {
    text: String,
    warnings: Vec<String>,
    ended: Vec<String>,
}

impl Report {
    fn line(&mut self, what: &str, until: UnixMillis, now: UnixMillis) {
        let left = until.0.saturating_sub(now.0);
        let until_text = date(until);
        if left == 0 {
            self.text += &format!("  {what:<34} ended {until_text}\n");
            self.ended.push(format!("{what} ended {until_text}"));
        } else {
            self.text += &format!("  {what:<34} until {until_text}, {}\n", days(left));
            if left < SOON {
                self.warnings.push(format!("{what} ends in {}", days(left)));
            }
        }
    }
}

pub(super) fn word(rotation: Rotation) -> &'static str {
    match rotation {
        Rotation::None => "none",
        Rotation::Spreading { .. } => "spreading",
        Rotation::Switched { .. } => "switched",
    }
}

pub(super) fn look(dir: &Path, zones: &[PathBuf], now: UnixMillis) -> Result<Done, Failure> {
    let bundle = TrustBundle::load(&dir.join(BUNDLE_FILE)).map_err(|error| site_failure(&error.into()))?;
    let rotation = Rotation::of(dir).map_err(|error| site_failure(&error))?;
    let mut report = Report::default();
    let site = site(dir, &bundle, rotation, now, &mut report);
    let mut found = Vec::new();
    for directory in zones {
        found.push(zone(directory, &bundle, now, &mut report)?);
    }
    let Report { mut text, warnings, ended } = report;
    for warning in &warnings {
        text += &format!("warning: {warning}\n");
    }
    let document = json!({ "site": site, "zones": found, "warnings": warnings, "ended": ended });
    Ok(Done { document, text, wrong: (!ended.is_empty()).then(|| ended.join("; ")) })
}

fn site(dir: &Path, bundle: &TrustBundle, rotation: Rotation, now: UnixMillis, report: &mut Report) -> Value {
    let facts = bundle.facts();
    let name = facts.first().map(|root| root.organisation.clone()).unwrap_or_default();
    let keys = dir.join("root.key").exists();
    let place = if keys { "its keys are here" } else { "its keys are elsewhere" };
    report.text += &format!("site {name} in {}; {place}\n", dir.display());
    let mut roots = Vec::new();
    for (fingerprint, root) in bundle.fingerprints().zip(&facts) {
        report.line(&format!("root {}", &fingerprint.to_string()[..16]), root.not_after, now);
        roots.push(json!({ "fingerprint": fingerprint.to_string(), "not_after_ms": root.not_after }));
    }
    if let Some((said, since, next)) = match rotation {
        Rotation::None => None,
        Rotation::Spreading { since } => Some(("a new root is being spread", since, "--switch")),
        Rotation::Switched { since } => Some(("the new root signs", since, "--finish")),
    } {
        let ready = UnixMillis(since.0.saturating_add(SPREADING_TAKES));
        let when = if ready <= now { "now".to_owned() } else { format!("from {} UTC", moment(ready)) };
        report.text += &format!("  {said}; next, {when}: `rollcall ca rotate {next}`\n");
    }
    json!({
        "name": name, "directory": dir, "keys": keys, "rotation": word(rotation), "roots": roots,
        "announce_keys": bundle.announce_keys().len(),
    })
}

fn zone(directory: &Path, site: &TrustBundle, now: UnixMillis, report: &mut Report) -> Result<Value, Failure> {
    let failure = |error: &rollcall_identity::issuer::LoadError| Failure::caused_by(Exit::Failed, error);
    let authority = ZoneAuthority::load(directory).map_err(|error| failure(&error))?;
    let announcer = Announcer::load(directory).map_err(|error| failure(&error))?;
    let name = authority.zone_name();
    report.text += &format!("zone {name} in {}\n", directory.display());
    report.line(&format!("authorities of {name}"), authority.expires(), now);
    report.line(&format!("announcer of {name}"), announcer.expires(), now);
    let current = authority.bundle() == site;
    if !authority.bundle().overlaps(site) {
        report.warnings.push(format!("the zone {name} belongs to another site"));
    } else if !current {
        report
            .warnings
            .push(format!("the zone {name} has another site.pem than the site; `rollcall ca zone {name} --renew`"));
    }
    Ok(json!({
        "name": name, "directory": directory, "authorities_until_ms": authority.expires(),
        "announcer_until_ms": announcer.expires(), "bundle_is_current": current, "root": announcer.ca().to_string(),
    }))
}

fn days(left: u64) -> String {
    match left / DAY {
        0 => format!("{} h", left / 3_600_000),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn date(at: UnixMillis) -> String {
    moment(at).chars().take(10).collect()
}

fn moment(at: UnixMillis) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}
