//! `rollcall events`: what happened, one line each, so that lines can be followed and filtered.

use super::answer::Event;
use super::look::{Look, Tone, clean};
use super::when::moment;

/// Width of the column of kinds; longer ones push their message to the right.
const KIND: usize = 18;

/// Events, one line each, in the order given.
#[must_use]
pub fn render(events: &[Event], look: &Look) -> String {
    events.iter().map(|event| line(event, look)).collect()
}

fn line(event: &Event, look: &Look) -> String {
    let at = look.paint(&clean(&moment(&event.at)), Tone::Faint);
    let kind = format!("{:<KIND$}", clean(&event.kind));
    format!("{at}  {}  {}\n", look.paint(&kind, Tone::Title), clean(&event.message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_it_says() {
        let events: Vec<Event> = serde_json::from_value(json!([
            { "event_id": 1, "at": "2026-11-20T08:15:30.250Z", "kind": "node_changed", "subject_type": "node",
              "subject_id": "x", "message": "node web-3 healthy → down: connection closed", "detail": "{}" },
            { "event_id": 2, "at": "2026-11-20T08:15:31.250Z", "kind": "ignored", "message": "line\nbreak" }
        ]))
        .unwrap();
        let look = Look { width: Some(40), colour: false, now: jiff::Timestamp::UNIX_EPOCH };
        let expected = "\
2026-11-20 08:15:30 UTC  node_changed        node web-3 healthy → down: connection closed
2026-11-20 08:15:31 UTC  ignored             line\u{fffd}break
";
        assert_eq!(render(&events, &look), expected);
    }
}
