//! A node in sentences: what it is, why it is in its groups, what its bits say.

use jiff::Timestamp;
use rollcall_model::indicator::{Indicator, by_name};

use super::super::analytics::number;
use super::super::answer::{Bit, NodeReading, is_true};
use super::super::look::{Look, Tone, clean};
use super::super::readings::Known;
use super::super::when::moment_and_age;
use super::{Facts, happening};

/// Sentences about one thing.
pub(super) struct Paragraph {
    /// What they are about, in a word.
    pub title: &'static str,
    /// The sentences.
    pub sentences: Vec<String>,
}

/// Everything, in the order a person at 03:00 asks.
pub(super) fn told(facts: &Facts, now: Timestamp) -> Vec<Paragraph> {
    let paragraph = |title, sentences| Paragraph { title, sentences };
    vec![
        paragraph("state", state(facts, now)),
        paragraph("health", health(facts, now)),
        paragraph("alerts", happening::alerts(facts, now)),
        paragraph("groups", groups(facts, now)),
        paragraph("policy", policy(facts, now)),
        paragraph("certificate", happening::certificate(facts, now)),
        paragraph("last change", happening::last_change(facts, now)),
        paragraph("next", happening::next(facts, now)),
    ]
}

/// As text: a title, and its sentences below each other.
pub(super) fn render(paragraphs: &[Paragraph], look: &Look) -> String {
    let width = paragraphs.iter().map(|it| it.title.len()).max().unwrap_or_default();
    let mut text = String::new();
    for it in paragraphs {
        for (at, sentence) in it.sentences.iter().enumerate() {
            let title = if at == 0 { it.title } else { "" };
            let title = look.paint(&format!("{title:<width$}"), Tone::Title);
            text.push_str(&format!("{title}  {}\n", look.wrapped(sentence, width + 2)));
        }
    }
    text
}

pub(super) fn when(at: Option<&String>, now: Timestamp) -> String {
    at.map_or_else(|| "a time nobody knows".into(), |at| clean(&moment_and_age(at, now)))
}

fn state(facts: &Facts, now: Timestamp) -> Vec<String> {
    let node = &facts.detail.node;
    let since = when(node.since.as_ref(), now);
    let means = match node.state.as_str() {
        "healthy" => "it is heard, and no bit is set",
        "degraded" => "it is heard, and at least one bit is set",
        "suspect" => "it has fallen silent, and is given a moment before it is called down",
        "down" => "it is not heard, or the broker said that its connection ended",
        "unknown" => "its rack cannot be heard, so nobody can say how it is; nothing is done to it meanwhile",
        "joining" => "it is known and has not checked in yet",
        "left" => "it said that it goes",
        _ => "a state this command does not know",
    };
    let mut told = vec![format!("{} is {} since {since}: {means}.", clean(&node.name), clean(&node.state))];
    if let Some(event) = facts.detail.events.iter().find(|event| event.kind == "node_state") {
        told.push(format!("That came by: {}.", clean(event.message.trim_end_matches('.'))));
    }
    told
}

fn health(facts: &Facts, now: Timestamp) -> Vec<String> {
    let mut told = match &facts.known {
        Known::Now(readings) => {
            let set = readings.indicators.iter().filter(|it| it.set && it.reason.is_none());
            set.map(|it| measured(it, bit(facts, &it.name), now)).collect()
        }
        Known::Saved(why) => {
            let set: Vec<&Bit> = facts.detail.bits.iter().filter(|bit| bit.state == "set").collect();
            let mut told = vec![format!(
                "It does not answer ({}); what follows was saved with its last report.",
                clean(why.trim_end_matches('.'))
            )];
            told.extend(set.iter().map(|bit| saved(bit, now)));
            if set.is_empty() && !facts.detail.bits.is_empty() {
                told.push("No bit was set.".into());
            }
            told
        }
    };
    if told.is_empty() {
        told.push("No bit is set.".into());
    }
    if facts.detail.bits.is_empty() && matches!(facts.known, Known::Saved(_)) {
        told.push("It has reported nothing yet.".into());
    }
    told.extend(unmeasurable(facts));
    told
}

fn bit<'a>(facts: &'a Facts, name: &str) -> Option<&'a Bit> {
    facts.detail.bits.iter().find(|bit| bit.indicator == name)
}

/// `disk_space is set since …: 96.1 % used, above the limit of 85. (warning) …`
fn measured(reading: &NodeReading, bit: Option<&Bit>, now: Timestamp) -> String {
    let known = by_name(&reading.name);
    let since = bit
        .filter(|bit| bit.state == "set")
        .map_or_else(String::new, |bit| format!(" since {}", when(bit.since.as_ref(), now)));
    let unit =
        known.map_or(String::new(), |it| if it.unit == "0 or 1" { String::new() } else { format!(" {}", it.unit) });
    let side = if reading.above { "above" } else { "below" };
    let value = reading.value.map_or_else(String::new, |value| {
        format!("it measures {}{unit}, and the limit is {side} {}", number(value), number(reading.limit))
    });
    format!("{} is set{since}: {value}{}", clean(&reading.name), meaning(known))
}

fn saved(bit: &Bit, now: Timestamp) -> String {
    format!(
        "{} is set since {}{}",
        clean(&bit.indicator),
        when(bit.since.as_ref(), now),
        meaning(by_name(&bit.indicator))
    )
}

fn meaning(known: Option<&Indicator>) -> String {
    let Some(it) = known else { return ".".into() };
    format!(" ({}). {} What to do: {}", it.severity.as_str(), it.meaning, it.remedy)
}

fn unmeasurable(facts: &Facts) -> Option<String> {
    let names: Vec<String> =
        facts.detail.bits.iter().filter(|bit| bit.state == "unmeasurable").map(|bit| clean(&bit.indicator)).collect();
    match names.len() {
        0 => None,
        number => Some(format!("{number} of 24 indicators cannot be measured on it: {}.", names.join(", "))),
    }
}

fn groups(facts: &Facts, now: Timestamp) -> Vec<String> {
    let mut told = Vec::new();
    for it in &facts.detail.memberships {
        let (name, since) = (clean(&it.group_name), when(it.since.as_ref(), now));
        let reason = clean(it.reason.trim_end_matches('.'));
        if is_true(&it.by_rule) {
            let rule = facts.rules.iter().find(|(group, _)| *group == it.group_name).map(|(_, rule)| rule);
            let rule = rule.map_or_else(String::new, |rule| {
                format!(
                    ", by the rule `{}`, which must hold {} s to let it in and not hold {} s to let it go",
                    clean(&rule.rule),
                    number(rule.enter_dwell_ms as f64 / 1_000.0),
                    number(rule.leave_dwell_ms as f64 / 1_000.0)
                )
            });
            told.push(format!("It is in the {} group {name} since {since}{rule}: {reason}.", clean(&it.kind)));
        } else if it.kind == "physical" {
            let place =
                facts.detail.node.place.as_ref().map(|place| format!(", at {}", clean(place))).unwrap_or_default();
            told.push(format!("It stands in {name} since {since}{place}: {reason}."));
        } else {
            let capability = facts.detail.node.capability.as_ref().filter(|it| !reason.contains(it.as_str()));
            let capability = capability.map(|it| format!(", by what it is made of, {}", clean(it)));
            told.push(format!("It belongs to {name} since {since}{}: {reason}.", capability.unwrap_or_default()));
        }
    }
    if told.is_empty() {
        told.push("It is in no group: it has not checked in, and no rule holds for it.".into());
    }
    told
}

fn policy(facts: &Facts, now: Timestamp) -> Vec<String> {
    let (node, policy) = (&facts.detail.node, &facts.policy);
    if policy.version == 0 {
        return vec!["No policy was ever set: the dictionary's limits hold (`rollcall indicators`).".into()];
    }
    let set = format!("set by {} on {}", clean(policy.by.as_deref().unwrap_or("?")), when(policy.set_at.as_ref(), now));
    let comment =
        policy.comment.as_ref().filter(|text| !text.is_empty()).map(|text| format!(", saying “{}”", clean(text)));
    let comment = comment.unwrap_or_default();
    let mut told = match node.policy_version {
        version if version == policy.version => {
            vec![format!("It obeys policy {version}, the one in force, {set}{comment}.")]
        }
        0 => vec![format!("It obeys no policy yet; {} is in force, {set}{comment}.", policy.version)],
        version => vec![format!("It obeys policy {version}, but {} is in force, {set}{comment}.", policy.version)],
    };
    if let Some(problem) = &node.policy_problem {
        told.push(format!("It cannot obey a later one: {}.", clean(problem.trim_end_matches('.'))));
    }
    told
}

#[cfg(test)]
mod tests;
