//! `rollcall audit`: who changed what, from where, and whether the log of it is whole.

use std::time::Duration;

use rollcall_startup::Failure;
use serde_json::Value;

use super::Asker;
use super::answer::trust::{AuditLine, Verified};
use super::follow::is_passing;
use super::format::Stream;
use super::look::{Look, Tone, clean};
use super::output::Reader;
use super::when::moment;
use crate::arguments::{Audit, AuditCommand};

/// How long the zone is asked to wait for the next line.
const WAIT: Duration = Duration::from_secs(20);
/// How long to wait before a zone that went away is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// Most lines of one answer.
const MOST: u16 = 1_000;
/// More of a value is not shown, characters.
const SHOWN: usize = 200;

/// The audit log.
///
/// # Errors
/// As the zone answers; exit code 1 where the log is broken.
pub async fn run(asker: &Asker<'_>, asked: Audit) -> Result<(), Failure> {
    match asked {
        Audit { command: Some(AuditCommand::Verify), .. } => verify(asker).await,
        Audit { follow: true, limit, .. } => follow(asker, limit).await,
        Audit { limit, .. } => {
            let answer = asker.client.audit(None, Duration::ZERO, limit).await?;
            asker.show_list(&answer, |lines: &[AuditLine], look: &Look| match lines {
                [] => "nothing was changed yet\n".into(),
                lines => render(lines, look),
            })
        }
    }
}

async fn verify(asker: &Asker<'_>) -> Result<(), Failure> {
    let answer = asker.client.verify_audit().await?;
    let found: Verified = answer.read()?;
    if found.whole {
        let text = format!("{} lines, none changed or taken out; the last has the digest {}\n", found.rows, found.hash);
        return asker.conclude(&answer.document, &text);
    }
    asker.conclude(&answer.document, "")?;
    Err(Failure::other(format!("the audit log is broken at line {}: {}", found.broken_at, clean(&found.problem)))
        .hint("somebody had the database in hand; compare with a backup, and with `rollcall events`"))
}

async fn follow(asker: &Asker<'_>, limit: u16) -> Result<(), Failure> {
    let mut answer = asker.client.audit(None, Duration::ZERO, limit).await?;
    let (mut last, mut away) = (0, false);
    let mut stream = Stream::new(asker.settings.format);
    loop {
        let lines: Vec<AuditLine> = answer.read()?;
        last = lines.last().map_or(last, |line| line.seq);
        let documents: &[Value] = answer.document.as_array().map_or(&[], Vec::as_slice);
        if stream.print(documents, || render(&lines, &asker.look()))? == Reader::Gone {
            return Ok(());
        }
        answer = loop {
            match asker.client.audit(Some(last), WAIT, MOST).await {
                Ok(answer) => break answer,
                Err(error) if !is_passing(&error) => return Err(error.into()),
                Err(error) if !away => asker.note(&format!("{error}; trying again")),
                Err(_) => {}
            }
            away = true;
            tokio::time::sleep(RETRY).await;
        };
        if std::mem::take(&mut away) {
            asker.note("the zone answers again");
        }
    }
}

/// One line each, so that lines can be followed and filtered.
#[must_use]
pub fn render(lines: &[AuditLine], look: &Look) -> String {
    lines.iter().map(|line| one(line, look)).collect()
}

fn one(line: &AuditLine, look: &Look) -> String {
    let at = look.paint(&clean(&moment(&line.at)), Tone::Faint);
    let who = match line.origin.as_str() {
        "" => clean(&line.who),
        origin => format!("{} from {}", clean(&line.who), clean(origin)),
    };
    let what = look.paint(&clean(&line.action), Tone::Title);
    let change = match (shown(&line.before), shown(&line.after)) {
        (None, None) => String::new(),
        (None, Some(after)) => format!(": {after}"),
        (Some(before), None) => format!(": {before} → nothing"),
        (Some(before), Some(after)) => format!(": {before} → {after}"),
    };
    format!("{at}  {who}  {what} {}{change}\n", clean(&line.subject))
}

fn shown(value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let text = clean(&value.to_string());
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => Some(format!("{}…", &text[..at])),
        None => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_one_line_with_who_from_where_and_what() {
        let lines: Vec<AuditLine> = serde_json::from_value(json!([
            { "seq": 7, "at": "2026-11-26T04:00:30.250Z", "who": "user.ada", "origin": "10.1.0.7",
              "action": "user_set", "subject": "user.bob", "before": { "role": "viewer" }, "after": { "role": "operator" } },
            { "seq": 8, "at": "2026-11-26T04:00:31.250Z", "who": "zone", "origin": "", "action": "x\ny", "subject": "s",
              "before": null, "after": "a".repeat(300) }
        ]))
        .unwrap();
        let look = Look { width: Some(80), colour: false, now: jiff::Timestamp::UNIX_EPOCH };
        let text = render(&lines, &look);
        let first = "2026-11-26 04:00:30 UTC  user.ada from 10.1.0.7  user_set user.bob: {\"role\":\"viewer\"} → \
                     {\"role\":\"operator\"}";
        assert_eq!(text.lines().next(), Some(first));
        assert!(text.lines().count() == 2 && text.ends_with("…\n"), "{text}");
    }
}
