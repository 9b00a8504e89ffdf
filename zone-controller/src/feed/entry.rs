//! One row, rendered once for all who follow.

use axum::body::Bytes;
use serde_json::{Map, Value};

/// One row of the feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `event_id` or `history_id`.
    pub id: i64,
    /// The kind of an event; `health` for a change of health.
    pub kind: String,
    /// The row, by the view's columns.
    pub row: Map<String, Value>,
    frame: Bytes,
    json: Bytes,
}

impl Entry {
    pub(crate) fn new(id: i64, kind: &str, row: Map<String, Value>) -> Self {
        // A line feed in it would begin another field.
        let kind = kind.replace(char::is_control, " ");
        // Cannot fail: its keys are text.
        let text = serde_json::to_string(&row).unwrap_or_default();
        let head = format!("id: {id}\nevent: {kind}\ndata: ");
        let frame = Bytes::from(format!("{head}{text}\n\n"));
        let json = frame.slice(head.len()..head.len() + text.len());
        Self { id, kind, row, frame, json }
    }

    /// As a server-sent event (WHATWG HTML, section 9.2): `id`, `event` and one line of `data`.
    #[must_use]
    pub fn frame(&self) -> Bytes {
        self.frame.clone()
    }

    /// The row as JSON, one line.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.json.clone()
    }

    /// The text of a column; empty where there is none.
    #[must_use]
    pub fn text(&self, column: &str) -> &str {
        self.row.get(column).and_then(Value::as_str).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_one_event_whatever_stands_in_it() {
        let Value::Object(row) = json!({ "event_id": 7, "message": "two\nlines\r\n\n: no comment" }) else { panic!() };
        let entry = Entry::new(7, "a\nkind", row);
        let frame = String::from_utf8(entry.frame().to_vec()).unwrap();
        let lines: Vec<&str> = frame.split('\n').collect();
        assert_eq!(lines[..2], ["id: 7", "event: a kind"]);
        assert!(lines[2].starts_with("data: {") && lines[3..] == ["", ""], "{frame}");
        assert_eq!(serde_json::from_slice::<Value>(&entry.json()).unwrap()["message"], "two\nlines\r\n\n: no comment");
        assert_eq!(entry.text("message").len(), 24);
    }
}
