//! A client of a stream of server-sent events.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::timeout;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One event; a comment has none of these.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sent {
    pub id: Option<i64>,
    pub event: String,
    pub data: Value,
}

/// An open stream.
pub struct Follower {
    answer: Response,
    received: Vec<u8>,
}

impl Follower {
    /// Follows what is asked for, after an id that was seen.
    pub async fn of(asked: RequestBuilder, seen: Option<i64>) -> Self {
        let mut asked = asked.header("accept", "text/event-stream");
        if let Some(seen) = seen {
            asked = asked.header("last-event-id", seen);
        }
        let answer = asked.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let mut follower = Self { answer, received: Vec::new() };
        let first = follower.block(PATIENCE).await.expect("a first word");
        assert!(first.starts_with("retry: "), "{first}");
        follower
    }

    /// What comes next, comments passed over; `None` at the end.
    pub async fn next(&mut self) -> Option<Sent> {
        timeout(PATIENCE, self.sent()).await.expect("something is told, or the end")
    }

    async fn sent(&mut self) -> Option<Sent> {
        loop {
            let block = self.block(PATIENCE).await?;
            let mut sent = Sent::default();
            for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
                match line.split_once(": ").expect("a field") {
                    ("id", id) => sent.id = Some(id.parse().expect("an id")),
                    ("event", event) => sent.event = event.to_owned(),
                    ("data", data) => sent.data = serde_json::from_str(data).expect("a row"),
                    other => panic!("{other:?}"),
                }
            }
            if !sent.event.is_empty() {
                return Some(sent);
            }
        }
    }

    /// The next so many, by the text of a column.
    pub async fn texts(&mut self, many: usize, column: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..many {
            let sent = self.next().await.expect("the stream goes on");
            texts.push(sent.data[column].as_str().expect("a text").to_owned());
        }
        texts
    }

    /// Lines up to an empty one.
    pub async fn block(&mut self, patience: Duration) -> Option<String> {
        loop {
            if let Some(end) = self.received.windows(2).position(|two| two == b"\n\n") {
                let block = self.received.drain(..end + 2).collect();
                return Some(String::from_utf8(block).expect("text"));
            }
            let chunk = timeout(patience, self.answer.chunk()).await.expect("something comes, or the end");
            // An end in the midst of a chunk is an end.
            self.received.extend(chunk.ok().flatten()?);
        }
    }
}
