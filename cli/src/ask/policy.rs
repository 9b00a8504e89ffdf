//! `rollcall policy`: what the zone wants of its nodes, what would change, and who obeys already.

pub mod flow;

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::answer::{Difference, Policy, PolicyVersion, is_true};
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, clean, counted};
use super::when::{age, moment_and_age};

/// The policy as TOML. What is known about it stands above in comments, so that the whole can be edited and set again.
#[must_use]
pub fn document(policy: &Policy, look: &Look) -> String {
    if policy.version == 0 {
        return "# no policy was ever set: the dictionary's defaults hold (`rollcall indicators`)\n".into();
    }
    let set = policy.set_at.as_ref().map(|at| format!(", set {}", moment_and_age(at, look.now))).unwrap_or_default();
    let by = policy.by.as_ref().map(|by| format!(" by {}", clean(by))).unwrap_or_default();
    let comment = policy.comment.as_ref().filter(|comment| !comment.is_empty());
    let comment = comment.map(|comment| format!(": {}", clean(comment))).unwrap_or_default();
    let mut text = format!("# policy {}{set}{by}{comment}\n", policy.version);
    for group in &policy.groups {
        let refused = if group.refused > 0 { format!(", {} cannot", group.refused) } else { String::new() };
        // Writing to a String cannot fail.
        let _ = match group.version {
            version if version < policy.version => writeln!(text, "# {}: not taken yet", clean(&group.group)),
            _ => {
                writeln!(text, "# {}: {} of {} nodes obey{refused}", clean(&group.group), group.applied, group.members)
            }
        };
    }
    // A control character in a policy would be a mistake of TOML; what is no text is shown as such all the same.
    let lines = policy.document.lines().filter(|line| !is_told(line)).map(|line| clean(&line.replace('\t', "    ")));
    lines.fold(text, |text, line| text + &line + "\n")
}

/// A comment that an earlier `policy get` wrote.
fn is_told(line: &str) -> bool {
    line.starts_with("# policy ")
        || (line.starts_with("# ") && line.contains(" nodes obey"))
        || line.ends_with(": not taken yet")
}

/// What a policy changes, key by key.
#[must_use]
pub fn differences(changes: &[Difference], look: &Look) -> String {
    if changes.is_empty() {
        return "nothing differs from the policy in force\n".into();
    }
    let mut grid =
        Grid::new(vec![Column::text("FOR"), Column::text("KEY"), Column::text("WAS"), Column::text("BECOMES")]);
    for change in changes {
        grid.row([Text::plain(&change.scope), Text::plain(&change.key), value(&change.old), value(&change.new)]);
    }
    grid.render(look)
}

fn counted_keys(number: usize) -> String {
    counted(i64::try_from(number).unwrap_or(i64::MAX), "key", "keys")
}

fn value(value: &Value) -> Text {
    match value {
        Value::Null => Text::toned("not set", Tone::Faint),
        Value::String(text) => Text::plain(text),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            Text::plain(format!("[{}]", words.join(", ")))
        }
        other => Text::plain(other.to_string()),
    }
}

/// Every version, newest first.
#[must_use]
pub fn history(versions: &[PolicyVersion], look: &Look) -> String {
    if versions.is_empty() {
        return "no policy was ever set\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::number("VERSION"),
        Column::fixed("SET"),
        Column::text("BY"),
        Column::text("NODES"),
        Column::text("WHY"),
    ]);
    for version in versions {
        let number = version.version.to_string();
        let refused = if version.refused > 0 { format!(", {} cannot", version.refused) } else { String::new() };
        grid.row([
            if is_true(&version.current) {
                Text::toned(format!("* {number}"), Tone::Good)
            } else {
                Text::plain(number)
            },
            Text::or_dash(version.set_at.as_ref().map(|at| age(at, look.now))),
            Text::or_dash(version.by.as_ref()),
            Text::plain(format!("{} obey{refused}", version.nodes)),
            Text::or_dash(version.comment.as_ref()),
        ]);
    }
    format!("{}\n* in force\n", grid.render(look))
}

/// How far the live nodes have come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obedience {
    /// Nodes that are heard.
    pub live: i64,
    /// Of them, those that obey.
    pub obeying: i64,
    /// Of them, those that cannot, with the reason.
    pub refusing: Vec<(String, String)>,
    /// Some of those that neither obey nor refuse yet.
    pub waiting: Vec<String>,
}

impl Obedience {
    /// Whether nothing more is to be expected.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.obeying + i64::try_from(self.refusing.len()).unwrap_or(i64::MAX) >= self.live
    }

    /// `12 of 50 live nodes obey policy 4`.
    #[must_use]
    pub fn line(&self, version: u64) -> String {
        format!("{} of {} obey policy {version}", self.obeying, counted(self.live, "live node", "live nodes"))
    }

    /// How it ended, and after how long.
    #[must_use]
    pub fn told(&self, version: u64, after: Duration) -> String {
        let mut text = format!("{}, {:.2} s after it was set\n", self.line(version), after.as_secs_f64());
        for (node, why) in &self.refusing {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {} cannot: {}", clean(node), clean(why));
        }
        if !self.is_final() {
            let names: Vec<String> = self.waiting.iter().map(|name| clean(name)).collect();
            let _ = writeln!(text, "  not yet: {}", names.join(", "));
        }
        text
    }
}

#[cfg(test)]
mod tests;
