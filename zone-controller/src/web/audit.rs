//! The audit log: what people did to the zone, newest first.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use rollcall_store::Bind;
use serde::Deserialize;

use super::answer::Answer;
use super::ask::{read, text};
use super::frame::Frame;
use super::page;
use crate::api::{Caller, Shared};

/// Lines on one page.
const MOST: usize = 100;
/// Longest text shown of what was or is, characters.
const LONGEST: usize = 400;

/// Which lines are wanted.
#[derive(Deserialize)]
pub(super) struct Wish {
    before: Option<i64>,
}

#[derive(Deserialize)]
struct Line {
    seq: i64,
    at: String,
    who: String,
    #[serde(deserialize_with = "text")]
    origin: String,
    action: String,
    #[serde(deserialize_with = "text")]
    subject: String,
    #[serde(deserialize_with = "text")]
    before: String,
    #[serde(deserialize_with = "text")]
    after: String,
}

impl Line {
    fn by(&self) -> &str {
        self.who.trim_start_matches("user.")
    }

    fn was(&self) -> String {
        short(&self.before)
    }

    fn is(&self) -> String {
        short(&self.after)
    }
}

/// JSON as people read it, as far as it is short.
fn short(json: &str) -> String {
    let text = if json == "null" { "" } else { json.trim_matches(['{', '}']) };
    let readable = text.replace("\\n", " ").replace("\":", ": ").replace(",\"", ", ").replace('"', "");
    if readable.chars().count() <= LONGEST { readable } else { readable.chars().take(LONGEST).chain(['…']).collect() }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    lines: Vec<Line>,
    next: Option<i64>,
    is_newest: bool,
}

/// `GET /ui/audit?before=`
pub(super) async fn page(State(shared): State<Arc<Shared>>, caller: Caller, Query(wish): Query<Wish>) -> Answer {
    let frame = Frame::of(&shared, &caller, "audit").await?;
    let sql = "SELECT seq, at, who, origin, action, subject, before, after FROM v_audit WHERE seq < $1 \
               ORDER BY seq DESC LIMIT 100";
    let lines: Vec<Line> = read(&shared, sql, &[Bind::Integer(wish.before.unwrap_or(i64::MAX))]).await?;
    let next = lines.last().filter(|line| lines.len() == MOST && line.seq > 1).map(|line| line.seq);
    page::html(&AuditPage { frame, lines, next, is_newest: wish.before.is_none() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_and_is_reads_like_a_line() {
        assert_eq!(short(r#"{"role":"viewer","by":"ada"}"#), "role: viewer, by: ada");
        assert_eq!(short("null"), "");
        assert_eq!(short(&"x".repeat(1_000)).chars().count(), LONGEST + 1);
    }
}
