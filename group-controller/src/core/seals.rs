//! The sealed capability tag (N3): a key for each run of a node's agent, and what the tags of its status packets say.
//!
//! ```text
//!            presence answered          a tag opens
//!  no key ────────────────────▶ given ──────────────▶ proven
//!     ▲                           │                      │  no tag, a bad tag: refused and told
//!     │ this controller starts    │ no tag, a bad tag: it lives, and is asked to call;
//!     └───────────────────────────┘ after a while refused and told
//! ```
//!
//! A key is derived from a secret of this run and the run of the agent, so that an answer that is lost or doubled
//! gives the same key again, and none is used twice. It is kept nowhere else: after a restart nobody has one, and a status
//! packet without says no more than that its node lives, until it has called and been answered.

use rollcall_identity::seal;
use rollcall_model::wire::status::NodeStatus;
use rollcall_model::{CapabilityDigest, InstanceId, Millis, NodeId, Now, SealKey, SessionEpoch, Tick};
use sha2::{Digest, Sha256};

use super::roster::Member;
use super::security::Alarm;
use super::{Effect, Group};

/// A node that was given a key has this long until its packets must be sealed with it.
const LEARNING: Millis = Millis(30_000);

/// What the keys of one run are derived from. Never shown.
#[derive(Clone)]
pub struct SealSecret([u8; 32]);

impl SealSecret {
    /// From 32 bytes by chance.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn key(&self, node: NodeId, instance: InstanceId) -> SealKey {
        let mut hash = Sha256::new_with_prefix(b"rollcall seal key v1");
        hash.update(self.0);
        hash.update(node.as_bytes());
        hash.update(instance.as_bytes());
        SealKey::from_bytes(hash.finalize().into())
    }
}

impl std::fmt::Debug for SealSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealSecret(…)")
    }
}

/// A node's key.
#[derive(Clone, Debug)]
pub struct Seal {
    key: SealKey,
    since: Tick,
    /// Whether a tag was opened with it.
    proven: bool,
}

/// What a status packet's tag says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It is the node's own word.
    True,
    /// It may be: the node has no key of ours, or does not know it yet.
    Unknown,
    /// It is not.
    Refused(&'static str),
    /// It is, but the node has other hardware than it checked in with.
    Other,
}

fn said(now: Tick, member: &Member, status: &NodeStatus) -> Said {
    let Some(seal) = &member.seal else { return Said::Unknown };
    let refused = |reason| {
        if seal.proven || now.since(seal.since) >= LEARNING { Said::Refused(reason) } else { Said::Unknown }
    };
    if status.tag.is_none() {
        return refused("no_tag");
    }
    let Ok(digest) = seal::open(&seal.key, status) else { return refused("bad_tag") };
    // What the hardware of another epoch is, the zone has not told yet.
    match member.hardware {
        Some((epoch, expected)) if epoch == status.epoch && expected != digest => Said::Other,
        _ => Said::True,
    }
}

impl Group {
    /// The key for a run of a node's agent; `None` where no tags are asked for.
    pub(super) fn give_seal(&mut self, now: Now, node: NodeId, instance: InstanceId) -> Option<SealKey> {
        let key = self.settings.seals.as_ref()?.key(node, instance);
        let member = self.roster.get_mut(node)?;
        if member.seal.as_ref().is_none_or(|known| known.key != key) {
            member.seal = Some(Seal { key: key.clone(), since: now.tick, proven: false });
        }
        Some(key)
    }

    /// What the zone says a node is made of in an epoch.
    pub(super) fn expect(&mut self, node: NodeId, epoch: SessionEpoch, digest: Option<CapabilityDigest>) {
        if let (Some(member), Some(digest)) = (self.roster.get_mut(node), digest)
            && member.hardware.is_none_or(|(known, _)| known <= epoch)
        {
            member.hardware = Some((epoch, digest));
        }
    }

    /// Whether the roster may see a status packet. One that is a repetition, or of an old epoch, says nothing new whatever
    /// its tag; one of a stranger has no key. The hot path.
    pub(super) fn passes(&mut self, now: Now, status: &NodeStatus, effects: &mut Vec<Effect>) -> bool {
        if self.settings.seals.is_none() {
            return true;
        }
        let Some(member) = self.roster.get_mut(status.node).filter(|member| !member.is_over(status)) else {
            return true;
        };
        let node = status.node;
        match said(now.tick, member, status) {
            Said::True => {
                if let Some(seal) = member.seal.as_mut().filter(|seal| !seal.proven) {
                    seal.proven = true;
                }
                return true;
            }
            Said::Unknown => {
                member.lives(now.tick, status);
                self.roster.look_again();
                self.ask(now, node, "unsealed", effects);
            }
            Said::Other => {
                let name = member.name.to_string();
                member.lives(now.tick, status);
                self.roster.look_again();
                self.doubt(now.tick, node);
                let why = "is made of something else than it checked in with: a changed board, or a copied disk";
                let alarm = Alarm::about(node, "other_hardware");
                self.alarm(now, alarm, || (name.clone(), format!("{name} ({node}) {why}")), effects);
                self.ask_again(now, node, effects);
            }
            Said::Refused(reason) => {
                let name = member.name.to_string();
                self.doubt(now.tick, node);
                let why = "a status packet in its name was not sealed with its session's key";
                let alarm = Alarm::about(node, reason);
                self.alarm(now, alarm, || (name.clone(), format!("{name} ({node}): {why}")), effects);
                // The key may be that of a former run, whose call came last, and the call of the one that runs may be lost.
                self.ask_again(now, node, effects);
            }
        }
        false
    }
}
