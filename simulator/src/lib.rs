//! A simulated fleet, but for its nodes' packets: what is to happen when ([`Script`], made of a [`Scenario`]), what came of
//! it ([`Report`]), and what a fleet of another size will need ([`plan`]).
//!
//! Pure: no clock, no socket, no chance that is not drawn from the scenario's seed. `rollcall sim` drives it.

pub mod arrivals;
pub mod behaviour;
mod dice;
pub mod figures;
pub mod load;
pub mod mix;
pub mod plan;
pub mod report;
pub mod scenario;
pub mod script;
pub mod span;
pub mod statistics;
pub mod verdicts;

pub use behaviour::Behaviour;
pub use dice::Dice;
pub use figures::Figures;
pub use mix::Generation;
pub use report::Report;
pub use scenario::{Scenario, ScenarioError};
pub use script::Script;
pub use span::Span;
