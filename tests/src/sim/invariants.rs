//! What must hold, whatever happens. One file per invariant; each `check` says what is wrong, in words.

/// A violation of the invariant in whose file this stands, in words.
macro_rules! violated {
    ($($words:tt)*) => { $crate::sim::invariants::Violation::new(module_path!(), format!($($words)*)) };
}

pub mod a_stalled_observer_blames_nobody;
pub mod an_alert_for_every_lasting_change;
pub mod every_order_ends;
pub mod everybody_runs_at_rest;
pub mod everyone_obeys_the_policy;
pub mod no_action_takes_effect_twice;
pub mod no_assignment_without_a_row;
pub mod no_core_spins;
pub mod no_epoch_goes_back;
pub mod no_lie_is_believed;
pub mod no_older_generation_is_obeyed;
pub mod no_older_generation_writes;
pub mod no_target_that_is_not_well;
pub mod no_word_is_left_on_disk;
pub mod nobody_gets_what_he_cannot_take;
pub mod nobody_is_down_for_its_broker_node;
pub mod nobody_is_down_who_speaks;
pub mod one_group_per_kind;
pub mod one_zone_controller_acts;
pub mod rosters_equal_the_store;
pub mod rule_groups_follow_their_rules;
pub mod saved_state_equals_truth_at_rest;
pub mod speech_keeps_to_its_budget;
pub mod the_store_can_be_read;
pub mod the_store_never_refuses;
pub mod what_was_confirmed_is_there_once;

use std::fmt;

use rollcall_model::{GroupId, Health, NodeId, NodeState, SessionEpoch};
use rollcall_store::GroupKind;

pub use super::truth::{End, NodeTruth};
pub use super::watch::Blame;

/// What is wrong; empty when all is well.
pub type Violations = Vec<Violation>;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant does not hold: the name of its file.
    pub invariant: &'static str,
    /// What was seen.
    pub words: String,
}

impl Violation {
    /// Of the invariant in this module.
    pub(super) fn new(module: &'static str, words: String) -> Self {
        Self { invariant: module.rsplit("::").next().unwrap_or(module), words }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.words)
    }
}

/// A current row of `v_assignments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Who.
    pub node: NodeId,
    /// In what kind of group.
    pub kind: GroupKind,
    /// In which.
    pub group: GroupId,
}

/// A row of `v_nodes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedNode {
    /// Who.
    pub node: NodeId,
    /// Its state.
    pub state: NodeState,
    /// Its epoch.
    pub epoch: SessionEpoch,
    /// Its bits and mask.
    pub health: Health,
    /// Where it stands.
    pub physical: Option<GroupId>,
    /// What it is made of.
    pub logical: Option<GroupId>,
}

/// A row of `v_alerts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedAlert {
    /// About whom; `None` for a whole group.
    pub node: Option<NodeId>,
    /// Of which group.
    pub group: GroupId,
    /// An indicator, `liveness` or `mass_darkness`.
    pub kind: String,
    /// Whether it is over.
    pub cleared: bool,
    /// When it was raised, milliseconds of the world.
    pub raised_at: u64,
}
