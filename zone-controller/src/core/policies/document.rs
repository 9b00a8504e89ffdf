//! A policy as text: read, with the place of every mistake, and checked.

use std::fmt::Display;

use rollcall_model::Name;
use rollcall_model::policy::{Known, PolicyDocument};
use rollcall_startup::nearest;

use super::super::{Rejection, RejectionKind, actions, rules};

/// Longest policy that is read, bytes.
const LONGEST: usize = 256 * 1024;
/// Most remedies of a policy: each is looked at with every change of a node.
const MOST_REMEDIES: usize = 50;

/// Reads a policy.
///
/// # Errors
/// When it is no TOML or no policy; says line and column, and which key was probably meant.
pub(super) fn parse(text: &str) -> Result<PolicyDocument, Rejection> {
    if text.len() > LONGEST {
        return Err(wrong(vec![format!("it has {} bytes, at most {LONGEST} are read", text.len())]));
    }
    toml::from_str(text).map_err(|error| {
        let said = explain(error.message());
        wrong(vec![match error.span() {
            Some(span) => format!("{}: {said}", position(text, span.start)),
            None => said,
        }])
    })
}

/// Refuses what cannot be obeyed, with every problem.
///
/// # Errors
/// When there is one.
pub(super) fn check(policy: &PolicyDocument, groups: &[Name], nodes: &[Name]) -> Result<(), Rejection> {
    let mut problems: Vec<String> = policy.problems(Known { groups, nodes }).iter().map(ToString::to_string).collect();
    // What is out of bounds is told above; whether the rest can work together only placement knows.
    if let Some(availability) = &policy.settings.availability
        && availability.check().is_ok()
        && let Err(error) = rollcall_placement::plan(availability)
    {
        problems.push(format!("settings.availability.{}: {error}", error.key()));
    }
    let remedies = &policy.actions.remedies;
    if remedies.len() > MOST_REMEDIES {
        problems.push(format!("actions.remedies: there are {}, at most {MOST_REMEDIES} can be", remedies.len()));
    }
    for (at, remedy) in remedies.iter().take(MOST_REMEDIES).enumerate() {
        let mut told = |key: &str, error: &dyn Display| problems.push(format!("actions.remedies[{at}].{key}: {error}"));
        if let Err(error) = rules::compile(&remedy.when) {
            told("when", &error);
        }
        if let Err(error) = actions::check(&remedy.action) {
            told("action", &error);
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(wrong(problems)) }
}

fn wrong(details: Vec<String>) -> Rejection {
    let message = match &details[..] {
        [one] => format!("the policy cannot be obeyed, nothing was changed: {one}"),
        more => {
            format!("the policy cannot be obeyed for {} reasons, nothing was changed: {}", more.len(), more.join("; "))
        }
    };
    Rejection { kind: RejectionKind::Invalid, message, details, reason: None, field: None, retry_after: None }
}

/// Line and column of a place in a text, both from 1.
fn position(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

/// Serde's words for a key nobody reads, "unknown field `a`, expected `b` or `c`", with the key that was meant.
fn explain(message: &str) -> String {
    let message = message.trim().replace('\n', " ");
    let Some(rest) = message.strip_prefix("unknown field ").or_else(|| message.strip_prefix("unknown variant ")) else {
        return message;
    };
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let Some(key) = quoted.next() else { return message };
    let known: Vec<&str> = quoted.collect();
    match nearest(key, known.iter().copied()) {
        Some(meant) => format!("`{key}` is not known here; did you mean `{meant}`?"),
        None => format!("`{key}` is not known here; known are {}", known.join(", ")),
    }
}
