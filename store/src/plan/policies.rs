//! Policies: set, obeyed, refused.

use rollcall_model::{NodeId, UnixMillis};
use serde_json::json;

use super::{Plan, counted, must_grow, written};
use crate::row::PolicyRow;
use crate::{Change, CommitError};

impl Plan {
    /// The same policy under the same version is a repetition; any other version must be greater than the stored one.
    pub(super) fn policy_set(&mut self, change: &Change) -> Result<(), CommitError> {
        let Change::PolicySet { version, document, by, comment, at } = change else { return Ok(()) };
        let (version, at) = (counted(*version), written(*at));
        if let Some(had) = &self.stored.policy {
            if had.version == version && had.document == *document {
                return Ok(());
            }
            must_grow("version", || "the zone's policy".to_owned(), had.version, version)?;
        } else {
            must_grow("version", || "the zone's policy".to_owned(), 0, version)?;
        }
        let row =
            PolicyRow { version, document: document.clone(), set_ms: at, set_by: by.clone(), comment: comment.clone() };
        self.stored.policy = Some(row.clone());
        self.writes.policies.push(row);
        let said = if comment.is_empty() { String::new() } else { format!(": {comment}") };
        let message = format!("policy {version} set by {by}{said}");
        let detail = json!({ "version": version, "by": by, "comment": comment });
        self.event(at, "policy_set", about(version), message, &detail);
        Ok(())
    }

    /// One event for all of them. Nodes that are not stored, and those that obey it or a later one already, are passed
    /// over.
    pub(super) fn policy_applied(&mut self, nodes: &[NodeId], version: u64, at: UnixMillis) {
        let version = counted(version);
        let mut newly = Vec::new();
        for node in nodes {
            let Some(known) = self.known_if_stored(*node).filter(|known| known.version < version) else { continue };
            known.version = version;
            known.applied_ms = Some(at);
            if known.refused_version.is_some_and(|refused| refused <= version) {
                (known.refused_version, known.refused_ms, known.problem) = (None, None, None);
            }
            newly.push(known.name.clone());
            self.writes.touched.policies.insert(*node);
        }
        let message = match newly.as_slice() {
            [] => return,
            [name] => format!("node {name} obeys policy {version}"),
            names => format!("{} nodes obey policy {version}", names.len()),
        };
        let detail = json!({ "version": version, "nodes": newly.len() });
        self.event(at, "policy_applied", about(version), message, &detail);
    }

    /// Passed over where the node obeys it or a later one by now, or said the same before.
    pub(super) fn policy_refused(&mut self, node: NodeId, version: u64, problem: &str, at: UnixMillis) {
        let version = counted(version);
        let Some(known) = self.known_if_stored(node) else { return };
        let is_news = known.refused_version.is_none_or(|had| had < version)
            || (known.refused_version == Some(version) && known.problem.as_deref() != Some(problem));
        if known.version >= version || !is_news {
            return;
        }
        known.refused_version = Some(version);
        known.refused_ms = Some(at);
        known.problem = Some(problem.to_owned());
        let name = known.name.clone();
        self.writes.touched.policies.insert(node);
        let message = format!("node {name} cannot obey policy {version}: {problem}");
        let detail = json!({ "version": version, "problem": problem });
        self.event(at, "policy_refused", ("node", node.to_string()), message, &detail);
    }
}

fn about(version: u64) -> (&'static str, String) {
    ("other", format!("policy {version}"))
}
