//! A node in sentences: what happened to it, and what comes next.

use jiff::{SignedDuration, Timestamp};
use rollcall_model::packet::Action as Deed;

use super::super::answer::Action;
use super::super::look::clean;
use super::super::when::moment_and_age;
use super::Facts;
use super::sentences::when;

/// Certificates are renewed after this part of their life, percent.
const RENEWED_AT: i64 = 60;
/// Orders that are told of.
const ORDERS: usize = 3;

pub(super) fn alerts(facts: &Facts, now: Timestamp) -> Vec<String> {
    if facts.alerts.is_empty() {
        return vec!["None is open.".into()];
    }
    let told = facts.alerts.iter().map(|it| {
        let seen = match &it.acknowledged_by {
            None => "nobody has said that they saw it".to_owned(),
            Some(by) => {
                let comment = it.comment.as_ref().filter(|text| !text.is_empty());
                let comment = comment.map(|text| format!(", saying “{}”", clean(text))).unwrap_or_default();
                format!("{} has seen it{comment}", clean(by))
            }
        };
        let message = clean(it.said().trim_end_matches('.'));
        let since = when(it.raised_at.as_ref(), now);
        format!(
            "Alert {} ({}, {}) is open since {since}: {message}; {seen}.",
            it.alert_id,
            clean(&it.severity),
            clean(&it.kind)
        )
    });
    told.collect()
}

pub(super) fn certificate(facts: &Facts, now: Timestamp) -> Vec<String> {
    let newest = facts.certificates.iter().filter(|it| it.state != "revoked").max_by_key(|it| it.expires_at.clone());
    let Some(it) = newest else {
        return match facts.certificates.iter().find(|it| it.state == "revoked") {
            Some(it) => vec![format!(
                "Its certificate was revoked by {}: {}.",
                clean(it.revoked_by.as_deref().unwrap_or("?")),
                clean(it.reason.as_deref().filter(|text| !text.is_empty()).unwrap_or("no reason was given"))
            )],
            None => vec!["It has none in this zone.".into()],
        };
    };
    let until = when(it.expires_at.as_ref(), now);
    let issued = clean(it.issued_by.trim_end_matches('.'));
    match times(it.issued_at.as_ref(), it.expires_at.as_ref()) {
        Some((_, ends)) if ends <= now => vec![format!("Its certificate ended {until}; it came by {issued}.")],
        Some((renewal, _)) if renewal > now => vec![format!(
            "Its certificate is good until {until}, and came by {issued}; it gets the next one by itself from {} on.",
            moment_and_age(&renewal.to_string(), now)
        )],
        Some(_) => vec![format!(
            "Its certificate is good until {until}, and came by {issued}; it should have got the next one already: see its log."
        )],
        None => vec![format!("Its certificate is good until {until}, and came by {issued}.")],
    }
}

/// When the next one is due, and when this one ends.
fn times(issued: Option<&String>, expires: Option<&String>) -> Option<(Timestamp, Timestamp)> {
    let issued: Timestamp = issued?.parse().ok()?;
    let expires: Timestamp = expires?.parse().ok()?;
    let life = expires.as_millisecond().saturating_sub(issued.as_millisecond());
    let renewal = issued.checked_add(SignedDuration::from_millis(life / 100 * RENEWED_AT)).ok()?;
    Some((renewal, expires))
}

pub(super) fn last_change(facts: &Facts, now: Timestamp) -> Vec<String> {
    match facts.detail.events.first() {
        None => vec!["Nothing was written down about it yet.".into()],
        Some(event) => {
            let at = when(Some(&event.at), now);
            vec![format!("{at}: {}.", clean(event.message.trim_end_matches('.')))]
        }
    }
}

/// What is under way, and what would come by itself.
pub(super) fn next(facts: &Facts, now: Timestamp) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let under_way = facts.actions.iter().filter(|it| matches!(it.state.as_str(), "ordered" | "running"));
    told.extend(under_way.take(ORDERS).map(|it| under_way_told(it, now)));
    for (remedy, holds) in &facts.remedies {
        let (name, rule, deed) = (clean(remedy.name.as_str()), clean(&remedy.when), deed(&remedy.action));
        told.push(match holds {
            Some(true) => {
                format!("`{rule}` holds for it: the policy's remedy {name} was to {deed} once when that began.")
            }
            Some(false) => format!("When `{rule}` comes to hold for it, the policy's remedy {name} will {deed}."),
            None => format!(
                "The policy's remedy {name} would {deed} by `{rule}`, of which it cannot be said whether it holds."
            ),
        });
    }
    told.extend(by_itself(facts.detail.node.state.as_str()).map(str::to_owned));
    if told.is_empty() {
        told.push("Nothing is ordered for it, and the policy has no remedy: what is done is up to you.".into());
    }
    told
}

fn under_way_told(it: &Action, now: Timestamp) -> String {
    let by = format!("ordered by {} on {}", clean(&it.ordered_by), when(it.ordered_at.as_ref(), now));
    match it.state.as_str() {
        "running" => format!("{} is being done, {by}.", clean(&it.kind)),
        _ => format!("{} waits to be begun, {by}.", clean(&it.kind)),
    }
}

fn deed(action: &Deed) -> String {
    match action {
        Deed::Identify { seconds } => format!("let it be found for {seconds} s"),
        Deed::Drain => "drain it".into(),
        Deed::RestartService { service } => format!("restart its {}", clean(service)),
        Deed::Reboot => "reboot it".into(),
    }
}

fn by_itself(state: &str) -> Option<&'static str> {
    match state {
        "suspect" => Some("If it stays silent it is called down, and an alert is raised."),
        "down" => Some("When it is heard again its alert clears by itself."),
        "unknown" => Some("When its rack is heard again its state is told anew."),
        "joining" => Some("It is placed as soon as it checks in."),
        _ => None,
    }
}
