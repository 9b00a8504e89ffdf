//! The chain of the audit log: each row holds the digest of itself and of everything before it. `docs/sql.md` says how,
//! so that anybody can check it with a program of their own.

use rollcall_model::Sha256;
use serde::{Deserialize, Serialize};

use crate::row::AuditRow;

/// How far the log was found whole: a row and its digest. Kept elsewhere (on paper, say) it tells later whether the end
/// of the log was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditMark {
    /// Number of the row; 0 before the first.
    pub seq: u64,
    /// Its digest; all zeros before the first.
    pub hash: Sha256,
}

impl Default for AuditMark {
    /// Before the first row.
    fn default() -> Self {
        Self { seq: 0, hash: Sha256::from_bytes(&[0; 32]) }
    }
}

/// What a look at some of the log found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AuditStep {
    /// Whole up to here; there is more to look at.
    More(AuditMark),
    /// Whole to its end.
    Whole(AuditMark),
    /// Broken.
    Broken {
        /// The first row that is not as it was written, or is missing.
        seq: u64,
        /// What is wrong, for people.
        problem: String,
    },
}

/// The digest of a row that follows one of digest `before`: SHA-256 over the 32 bytes of that, then each field as its
/// length (eight bytes, big-endian) and its bytes.
pub(crate) fn digest(before: &Sha256, row: &AuditRow) -> Sha256 {
    let mut bytes: Vec<u8> = Vec::with_capacity(256 + row.before.len() + row.after.len());
    bytes.extend(raw(before));
    let (seq, at) = (row.seq.to_string(), row.at_ms.0.to_string());
    for field in [&seq, &at, &row.who, &row.origin, &row.action, &row.subject, &row.before, &row.after] {
        bytes.extend((field.len() as u64).to_be_bytes());
        bytes.extend(field.as_bytes());
    }
    Sha256::of(&bytes)
}

/// The 32 bytes of a digest.
fn raw(digest: &Sha256) -> Vec<u8> {
    let digit = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'a' + 10 };
    digest.as_str().as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Walks rows that follow `from`, in order. `is_end` says that there are no more after them.
pub(crate) fn walk(from: AuditMark, rows: &[AuditRow], is_end: bool) -> AuditStep {
    let mut mark = from;
    for row in rows {
        let seq = mark.seq + 1;
        if row.seq != seq {
            return AuditStep::Broken { seq, problem: format!("row {seq} is missing; row {} follows", row.seq) };
        }
        if digest(&mark.hash, row) != row.hash {
            let problem = format!("row {seq} or its digest was changed after it was written");
            return AuditStep::Broken { seq, problem };
        }
        mark = AuditMark { seq, hash: row.hash.clone() };
    }
    if is_end { AuditStep::Whole(mark) } else { AuditStep::More(mark) }
}

#[cfg(test)]
mod tests {
    use rollcall_model::UnixMillis;

    use super::*;

    fn row(seq: u64, before: &Sha256, who: &str, origin: &str) -> AuditRow {
        let mut row = AuditRow {
            seq,
            at_ms: UnixMillis(1_000 + seq),
            who: who.into(),
            origin: origin.into(),
            action: "policy_set".into(),
            subject: "policy 1".into(),
            before: "null".into(),
            after: "{}".into(),
            hash: before.clone(),
        };
        row.hash = digest(before, &row);
        row
    }

    /// What a program in another language must come to.
    #[test]
    fn the_first_rows_digest_is_what_the_guide_says() {
        let first = row(1, &AuditMark::default().hash, "ada", "10.0.0.1");
        let mut bytes = vec![0; 32];
        for field in ["1", "1001", "ada", "10.0.0.1", "policy_set", "policy 1", "null", "{}"] {
            bytes.extend([0, 0, 0, 0, 0, 0, 0, field.len() as u8]);
            bytes.extend(field.bytes());
        }
        assert_eq!(first.hash, Sha256::of(&bytes));
    }

    #[test]
    fn letters_that_move_to_the_next_field_are_another_row() {
        let zero = AuditMark::default().hash;
        assert_ne!(row(1, &zero, "ada", "x").hash, row(1, &zero, "ad", "ax").hash);
    }

    #[test]
    fn whatever_is_changed_left_out_or_moved_is_named() {
        let mut rows: Vec<AuditRow> = Vec::new();
        for seq in 1..=5 {
            let before = rows.last().map_or(AuditMark::default().hash, |row| row.hash.clone());
            rows.push(row(seq, &before, "ada", "x"));
        }
        let start = AuditMark::default;
        assert!(matches!(walk(start(), &rows, true), AuditStep::Whole(mark) if mark.seq == 5));
        let AuditStep::More(mark) = walk(start(), &rows[..2], false) else { panic!("whole so far") };
        assert!(matches!(walk(mark, &rows[2..], true), AuditStep::Whole(mark) if mark.seq == 5));
        let broken = |rows: &[AuditRow]| match walk(start(), rows, true) {
            AuditStep::Broken { seq, .. } => seq,
            other => panic!("{other:?}"),
        };
        for at in 0..5 {
            let mut changed = rows.clone();
            changed[at].after = r#"{"x":1}"#.into();
            assert_eq!(broken(&changed), at as u64 + 1);
            // A changed row with a digest made anew breaks the next one.
            let before = at.checked_sub(1).map_or(start().hash, |at| rows[at].hash.clone());
            changed[at].hash = digest(&before, &changed[at]);
            if at < 4 {
                assert_eq!(broken(&changed), at as u64 + 2);
                let mut without = rows.clone();
                without.remove(at);
                assert_eq!(broken(&without), at as u64 + 1);
            }
        }
    }
}
