//! Tests that need several daemons at once. What lives here is what they share: the simulation of a whole zone, and the
//! stage on which the real daemons play.

pub mod browser;
pub mod faults;
pub mod sim;
pub mod stage;
