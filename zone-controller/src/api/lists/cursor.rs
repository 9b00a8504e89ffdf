//! Where the next page begins: the values the last row was sorted by. A cursor is opaque to whoever carries it, and good
//! for the list, the filters and the order it was made for, in the zone that made it. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Longest cursor that is read, characters.
const LONGEST: usize = 4_096;
/// Of the digest in front of the values, bytes: enough to know an altered cursor. The first part of the question is the zone's
/// own secret, so that nobody else makes one.
const MARK: usize = 8;

fn mark(question: &[&str], values: &[u8]) -> [u8; MARK] {
    let mut digest = Sha256::new();
    for part in question.iter().map(|part| part.as_bytes()).chain([values]) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    std::array::from_fn(|at| digest[at])
}

/// The cursor behind a row with these values, for this question.
pub fn write(question: &[&str], values: &[Value]) -> String {
    let values = Value::from(values.to_vec()).to_string().into_bytes();
    URL_SAFE_NO_PAD.encode([mark(question, &values).as_slice(), &values].concat())
}

/// The values in a cursor; `None` for one that was not made for this question.
pub fn read(question: &[&str], cursor: &str) -> Option<Vec<Value>> {
    if cursor.len() > LONGEST {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (shown, values) = bytes.split_at_checked(MARK)?;
    if shown != mark(question, values) {
        return None;
    }
    serde_json::from_slice(values).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cursor_is_read_for_its_own_question_only() {
        let question = ["zone", "nodes", "state=down"];
        let values = vec![json!("rack-1"), json!(7), json!("n")];
        let cursor = write(&question, &values);
        assert_eq!(read(&question, &cursor), Some(values));
        for other in [["zone", "nodes", "state=up"], ["zone", "node", "sstate=down"], ["other", "nodes", "state=down"]]
        {
            assert_eq!(read(&other, &cursor), None, "{other:?}");
        }
    }

    #[test]
    fn an_altered_cursor_is_none() {
        let question = ["zone", "nodes"];
        let cursor = write(&question, &[json!("a")]);
        for at in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(read(&question, std::str::from_utf8(&altered).unwrap()), None, "{at}");
        }
        for bad in ["", "A", "####", "AAAAAAAAAAAAAAAAAA", &"A".repeat(5_000)] {
            assert_eq!(read(&question, bad), None, "{bad:.40}");
        }
    }
}
