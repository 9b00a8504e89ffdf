//! Users of the API, and the audit log of what they do.

use rollcall_model::{Name, UnixMillis};
use serde_json::json;

use super::{Plan, written};
use crate::TrustChange;
use crate::audit::{AuditMark, digest};
use crate::row::{AuditRow, UserRow, without_zeros};

impl Plan {
    /// What is so already is no news. A user who was removed begins anew.
    pub(super) fn user_set(&mut self, change: &TrustChange) {
        let TrustChange::UserSet { name, role, token, entry, by, at } = change else { return };
        let at = written(*at);
        let known = self.stored.users.get(name);
        let had = known.filter(|had| had.removed_ms.is_none());
        let sha256 = token.clone().or_else(|| had.and_then(|had| had.sha256.clone()));
        if had.is_some_and(|had| (had.role, &had.sha256) == (*role, &sha256)) {
            return;
        }
        let (is_new, before) = (had.is_none(), had.map(|had| had.role));
        let row = UserRow {
            name: name.clone(),
            role: *role,
            sha256,
            created_ms: had.map_or(at, |had| had.created_ms),
            created_by: had.map_or_else(|| by.clone(), |had| had.created_by.clone()),
            changed_ms: had.map(|_| at),
            changed_by: had.map(|_| by.clone()),
            removed_ms: None,
            removed_by: None,
            entry: match (had, known) {
                (Some(had), _) => had.entry.clone(),
                (None, Some(_)) => Some(entry.clone()),
                (None, None) => None,
            },
        };
        self.stored.users.insert(name.clone(), row);
        self.writes.touched.users.insert(name.clone());
        let how = match (is_new, token) {
            (true, _) => format!("made {role}"),
            (false, None) => format!("is {role} from now on"),
            (false, Some(_)) => format!("is {role} with a new token"),
        };
        let detail = json!({ "role": role, "before": before, "by": by });
        self.event(at, "user_set", ("other", format!("user.{name}")), format!("user {name} {how}, by {by}"), &detail);
    }

    pub(super) fn user_removed(&mut self, name: &Name, by: &str, at: UnixMillis) {
        let Some(row) = self.stored.users.get_mut(name).filter(|row| row.removed_ms.is_none()) else { return };
        (row.removed_ms, row.removed_by, row.sha256) = (Some(at), Some(by.to_owned()), None);
        self.writes.touched.users.insert(name.clone());
        let message = format!("user {name} removed by {by}");
        self.event(at, "user_removed", ("other", format!("user.{name}")), message, &json!({ "by": by }));
    }

    /// No event: the log is its own history.
    pub(super) fn audited(&mut self, change: &TrustChange) {
        let TrustChange::Audited { at, who, origin, action, subject, before, after } = change else { return };
        let AuditMark { seq, hash } = self.stored.audit_end.take().unwrap_or_default();
        let mut row = AuditRow {
            seq: seq + 1,
            at_ms: written(*at),
            who: plain(who),
            origin: plain(origin),
            action: plain(action),
            subject: plain(subject),
            before: without_zeros(before.to_string()),
            after: without_zeros(after.to_string()),
            hash: hash.clone(),
        };
        row.hash = digest(&hash, &row);
        self.stored.audit_end = Some(AuditMark { seq: row.seq, hash: row.hash.clone() });
        self.writes.audit.push(row);
    }
}

/// Without control characters: SQL text may end at a zero, and a terminal may obey the others.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}
