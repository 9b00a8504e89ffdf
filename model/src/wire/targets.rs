//! Questions for targets over AMQP (A8), for programs of other people: plain JSON, versioned, without an envelope.
//!
//! ```json
//! {"v":1,"request":"42","for":"balance","group":"rack-a","size":0.1,"count":2,"choices":2}
//! {"v":1,"request":"42","targets":[{"node":"…","name":"web-1","availability":0.71,"error":0.02,"age_ms":130}]}
//! ```

use serde::{Deserialize, Serialize};

use crate::{AvailabilityKind, Millis, Name, NodeId};

/// The version this module reads and writes.
pub const VERSION: u64 = 1;
/// The AMQP `type` of a question.
pub const REQUEST_KIND: &str = "target_request";
/// The AMQP `type` of an answer.
pub const ANSWER_KIND: &str = "target_answer";
/// Longest question that is read, bytes.
pub const MAX_BYTES: usize = 4_096;
/// Most targets of one answer.
pub const MOST_TARGETS: u32 = 64;
/// Most nodes that are compared for one target.
pub const MOST_CHOICES: u32 = 8;
/// Longest `request`, bytes.
pub const LONGEST_REQUEST: usize = 64;

/// A program → the zone, key `targets.<its user's name>`: where can this go?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetRequest {
    /// Format version.
    pub v: u64,
    /// What the answer is known by: any text of the program's own, at most 64 bytes.
    #[serde(default)]
    pub request: String,
    /// The queue the answer goes to, one of the program's own, where the AMQP property `reply-to` does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// What for.
    #[serde(rename = "for")]
    pub kind: AvailabilityKind,
    /// Only nodes of this group, of any kind: its id or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How large what is to be placed is beside the largest node's capacity, in [0, 1]; 0 where it is not known.
    #[serde(default)]
    pub size: f64,
    /// How many different nodes, 1 to 64.
    #[serde(default = "one")]
    pub count: u32,
    /// How many nodes are compared for each, 1 to 8.
    #[serde(default = "two")]
    pub choices: u32,
}

const fn one() -> u32 {
    1
}

const fn two() -> u32 {
    2
}

/// The zone → the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetAnswer {
    /// Format version.
    pub v: u64,
    /// As asked.
    pub request: String,
    /// The best first; fewer than asked for where there are no more.
    pub targets: Vec<TargetNode>,
    /// Why there are fewer than asked for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A node to place something on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetNode {
    /// Who.
    pub node: NodeId,
    /// Its name.
    pub name: Option<Name>,
    /// f_RA as its frequency says, in [min, 1]; null where it cannot be said.
    pub availability: Option<f64>,
    /// The relative error of that.
    pub error: f64,
    /// How long ago it spoke.
    #[serde(rename = "age_ms")]
    pub age: Millis,
}

/// A question that is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// More bytes than any question has.
    #[error("the request has {0} bytes, at most {MAX_BYTES} are read")]
    Oversized(usize),
    /// No JSON, or not of this shape.
    #[error("the request cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// From a later program.
    #[error("the request has version {0}; this zone reads version {VERSION}: upgrade it")]
    Version(u64),
    /// A field out of its bounds.
    #[error("{field} must be {must}")]
    Field {
        /// Which.
        field: &'static str,
        /// Its bounds.
        must: &'static str,
    },
}

impl TargetRequest {
    /// Reads bytes from a stranger.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_BYTES {
            return Err(RequestError::Oversized(bytes.len()));
        }
        let request: Self = serde_json::from_slice(bytes)?;
        if request.v != VERSION {
            return Err(RequestError::Version(request.v));
        }
        request.check()?;
        Ok(request)
    }

    /// Who asks, of a question that cannot be read otherwise: its `request` and `reply_to`, so that it can be told why.
    #[must_use]
    pub fn address(bytes: &[u8]) -> (String, Option<String>) {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Address {
            request: String,
            reply_to: Option<String>,
        }
        let is_short = bytes.len() <= MAX_BYTES;
        let Address { request, reply_to } =
            is_short.then(|| serde_json::from_slice(bytes).ok()).flatten().unwrap_or_default();
        (request.chars().take(LONGEST_REQUEST).collect(), reply_to)
    }

    fn check(&self) -> Result<(), RequestError> {
        for (is_good, field, must) in [
            (self.request.len() <= LONGEST_REQUEST, "request", "at most 64 bytes"),
            ((0.0..=1.0).contains(&self.size), "size", "between 0 and 1: its part of the largest node"),
            ((1..=MOST_TARGETS).contains(&self.count), "count", "between 1 and 64"),
            ((1..=MOST_CHOICES).contains(&self.choices), "choices", "between 1 and 8"),
        ] {
            if !is_good {
                return Err(RequestError::Field { field, must });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_needs_no_more_than_what_it_is_for() {
        let request = TargetRequest::decode(br#"{"v":1,"for":"power","later":true}"#).expect("a request");
        assert_eq!((request.kind, request.count, request.choices), (AvailabilityKind::Power, 1, 2));
        assert_eq!((request.size, request.group, request.reply_to), (0.0, None, None));
    }

    #[test]
    fn what_cannot_be_answered_says_why() {
        for (body, why) in [
            (r#"{"v":1}"#, "missing field `for`"),
            (r#"{"v":1,"for":"speed"}"#, "unknown variant"),
            (r#"{"v":2,"for":"power"}"#, "version 2"),
            (r#"{"v":1,"for":"power","size":1.5}"#, "size must be between 0 and 1"),
            (r#"{"v":1,"for":"power","count":0}"#, "count must be between 1 and 64"),
            (r#"{"v":1,"for":"power","choices":9}"#, "choices must be between 1 and 8"),
            ("x", "cannot be read"),
        ] {
            let error = TargetRequest::decode(body.as_bytes()).expect_err(body).to_string();
            assert!(error.contains(why), "{body}: {error}");
        }
        let asked = br#"{"v":3,"request":"a","reply_to":"user.ci.0","for":7}"#;
        assert_eq!(TargetRequest::address(asked), ("a".into(), Some("user.ci.0".into())));
        assert_eq!(TargetRequest::address(b"x"), (String::new(), None));
        let error = TargetRequest::decode(&[b' '; MAX_BYTES + 1]).expect_err("too long").to_string();
        assert!(error.contains("4097 bytes"), "{error}");
    }

    #[test]
    fn an_answer_reads_as_the_page_on_the_protocol_shows_it() {
        let node = TargetNode {
            node: NodeId::derived_from("n"),
            name: Name::new("web-1").ok(),
            availability: Some(0.5),
            error: 0.25,
            age: Millis(130),
        };
        let answer = TargetAnswer { v: VERSION, request: "42".into(), targets: vec![node], problem: None };
        let text = serde_json::to_string(&answer).expect("JSON");
        let id = NodeId::derived_from("n");
        let expected = format!(
            r#"{{"v":1,"request":"42","targets":[{{"node":"{id}","name":"web-1","availability":0.5,"error":0.25,"age_ms":130}}]}}"#
        );
        assert_eq!(text, expected);
    }
}
