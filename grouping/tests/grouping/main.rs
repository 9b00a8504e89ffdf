//! Rules, evaluated and kept, and the guide to them.

mod engine;
mod evaluation;
mod guide;
mod machines;
mod properties;
