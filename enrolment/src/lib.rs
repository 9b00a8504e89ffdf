//! How a daemon gets its certificate from its zone, and keeps it fresh.
