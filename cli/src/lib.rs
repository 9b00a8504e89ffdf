//! The `rollcall` command: asks a zone over REST, and starts whole zones for `demo` and `sim`.

pub mod arguments;
pub mod ask;
pub mod ca;
pub mod contexts;
pub mod db;
pub mod demo;
pub mod manual;
pub mod plan;
pub mod progress;
pub mod settings;
pub mod sim;
pub mod top;
