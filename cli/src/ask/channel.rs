//! `rollcall channel`: what is said on the channels made by configuration.

use std::io::{self, Write};
use std::time::Duration;

use rollcall_startup::Failure;
use serde_json::{Value, json};

use super::Asker;
use super::answer::Message;
use super::follow::is_passing;
use super::format::Stream;
use super::look::{Look, Tone, clean};
use super::output::Reader;
use super::when::moment;
use crate::arguments::ChannelCommand;

/// How long the zone is asked to wait for the next message.
const WAIT: Duration = Duration::from_secs(20);
/// How long to wait before a zone that went away is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// Most messages of one answer.
const MOST: u16 = 1_000;

/// Carries out a command on a channel.
///
/// # Errors
/// As the zone answers.
pub async fn run(asker: &Asker<'_>, command: ChannelCommand) -> Result<(), Failure> {
    match command {
        ChannelCommand::Read { name, follow: false, limit } => {
            let answer = asker.client.messages(&name, None, Duration::ZERO, limit).await?;
            asker.show_list(&answer, |messages: &[Message], look: &Look| match messages {
                [] => format!("nothing was said on {} yet\n", clean(&name)),
                messages => render(messages, look),
            })
        }
        ChannelCommand::Read { name, follow: true, limit } => follow(asker, &name, limit).await,
        ChannelCommand::Send { name, text, what, subject } => {
            let message = json!({ "what": what, "subject": subject, "message": text });
            let answer = asker.client.say(&name, &message).await?;
            asker.conclude(&answer.document, &format!("said on {}\n", clean(&name)))
        }
    }
}

/// On and on, through restarts of the zone controller.
async fn follow(asker: &Asker<'_>, name: &str, limit: u16) -> Result<(), Failure> {
    let mut answer = asker.client.messages(name, None, Duration::ZERO, limit).await?;
    let (mut last, mut away) = (0, false);
    let mut stream = Stream::new(asker.settings.format);
    loop {
        let messages: Vec<Message> = answer.read()?;
        last = messages.last().map_or(last, |message| message.number);
        let documents: &[Value] = answer.document.as_array().map_or(&[], Vec::as_slice);
        if stream.print(documents, || render(&messages, &asker.look()))? == Reader::Gone {
            return Ok(());
        }
        answer = loop {
            match asker.client.messages(name, Some(last), WAIT, MOST).await {
                Ok(answer) => break answer,
                Err(error) if !is_passing(&error) => return Err(error.into()),
                Err(error) if !away => note(&format!("{error}; trying again")),
                Err(_) => {}
            }
            away = true;
            tokio::time::sleep(RETRY).await;
        };
        if std::mem::take(&mut away) {
            note("the zone answers again");
        }
    }
}

fn note(text: &str) {
    // Nobody is left to be told when stderr is closed.
    let _ = writeln!(io::stderr(), "note: {text}");
}

/// Messages, one line each, so that lines can be followed and filtered.
#[must_use]
pub fn render(messages: &[Message], look: &Look) -> String {
    let line = |message: &Message| {
        let at = look.paint(&clean(&moment(&message.at)), Tone::Faint);
        let what = look.paint(&clean(&message.what), Tone::of_severity(&message.severity));
        let subject = match message.subject.as_str() {
            "" => String::new(),
            subject => format!(" {}:", clean(subject)),
        };
        format!("{at}  {what}{subject} {}\n", clean(&message.message))
    };
    messages.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_it_says() {
        let messages: Vec<Message> = serde_json::from_value(json!([
            { "channel": "security", "number": 7, "at": "2026-11-20T08:15:30.250Z", "sender": "inbox.zone.x",
              "what": "join_refused", "subject": "web-9", "severity": "warning", "message": "not\nknown", "detail": {} },
            { "number": 8, "at": "2026-11-20T08:15:31.250Z", "what": "note", "subject": "", "severity": "warning",
              "message": "rear door is open" }
        ]))
        .unwrap();
        let look = Look { width: Some(40), colour: false, now: jiff::Timestamp::UNIX_EPOCH };
        let expected = "\
2026-11-20 08:15:30 UTC  join_refused web-9: not\u{fffd}known
2026-11-20 08:15:31 UTC  note rear door is open
";
        assert_eq!(render(&messages, &look), expected);
    }
}
