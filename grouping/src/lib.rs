//! Groups by rule (Z8): rules over the facts of nodes become membership, with dwell.
//!
//! A [`Rule`] is a text in CEL, the Common Expression Language, checked in full before it is taken: names, types and
//! what it can cost on one node. [`Facts`] are what a rule can see of a node; [`schema`] lists them. The [`Engine`] keeps
//! who is in which group and says who enters and who leaves.
//!
//! Pure: `now` is handed in, nothing is read or written. The rules are explained to people in `docs/rules.md`.

mod check;
mod engine;
mod error;
mod facts;
mod rule;
pub mod schema;
mod values;

pub use engine::{Engine, Matching, Move, Undecided};
pub use error::{Position, RuleError};
pub use facts::{Facts, NodeIdentity};
pub use rule::{LONGEST_RULE, Rule, Verdict};
