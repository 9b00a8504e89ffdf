//! Wire forms. Frozen once released: `tests/snapshots` holds their bytes.

pub mod availability;
pub mod bytes;
pub mod status;
pub mod targets;
pub mod txt;
pub mod v1;
