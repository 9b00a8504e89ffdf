//! The `rollcall` command: asks a zone over REST, and starts whole zones for `demo`.

pub mod arguments;
pub mod ask;
pub mod ca;
pub mod contexts;
pub mod db;
pub mod demo;
pub mod manual;
pub mod progress;
pub mod settings;
pub mod top;
