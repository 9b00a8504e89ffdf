//! Lists: what may be asked of each, the statement that answers it, and the pages it comes in.
//!
//! Each list is described once, in `catalogue`: its view, columns, filters, and what it may be sorted by. Everything else
//! follows from that: what a query string may say (`asked`), the statement (`plan`), where the next page begins
//! (`cursor`), and what the API says of itself (`super::openapi`). A page begins behind the last row of the page before,
//! by the values it was sorted by and its key, and not by counting rows: what comes and goes meanwhile moves no row from
//! one page to another.

mod asked;
pub mod catalogue;
mod cursor;
mod page;
mod plan;
#[cfg(test)]
mod tests;

pub use self::page::{listed, one, page, rows_of};

/// Rows of a page unless asked for otherwise.
pub const DEFAULT_LIMIT: i64 = 1_000;
/// Most rows of a page.
pub const MOST_LIMIT: i64 = 10_000;
/// Longest value of a filter, characters.
pub const LONGEST_VALUE: usize = 512;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Real,
    /// 1 for yes, 0 for no.
    Flag,
    /// A time, `2026-11-20T08:15:30.250Z`.
    Time,
    /// JSON, told as what it says.
    Json,
}

/// A column of a list, and of its view.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may hold nothing.
    pub nullable: bool,
    /// What a list sorted by it is ordered by, which is never NULL; `None` where it cannot be sorted by it.
    pub order: Option<&'static str>,
    /// Whether it is left out unless it is asked for: it is large.
    pub on_request: bool,
}

impl Column {
    /// A column nothing is sorted by.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, nullable: false, order: None, on_request: false }
    }

    /// It may hold nothing.
    #[must_use]
    pub const fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// The list may be sorted by it.
    #[must_use]
    pub const fn sorts(self) -> Self {
        let order = Some(self.name);
        Self { order, ..self }
    }

    /// The list may be sorted by it, by means of `order`.
    #[must_use]
    pub const fn sorts_by(self, order: &'static str) -> Self {
        Self { order: Some(order), ..self }
    }

    /// It is left out unless it is asked for.
    #[must_use]
    pub const fn on_request(self) -> Self {
        Self { on_request: true, ..self }
    }
}

/// What the value of a filter may be, and what it stands for in the statement: each `?` of a text is the value.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// Any text.
    Text(&'static str),
    /// One of these words or several with commas between, each with what it means.
    Words(&'static [(&'static str, &'static str)]),
    /// Name of an indicator; `?` is its name.
    Indicator(&'static str),
    /// Name of an indicator; `?` is the number of its bit.
    Bit(&'static str),
    /// `true` or `false`, with what each means.
    Flag(&'static str, &'static str),
    /// A time; `?` is the milliseconds since 1970.
    Time(&'static str),
}

/// A filter of a list.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Its name in the query string.
    pub name: &'static str,
    /// What it keeps, for people.
    pub about: &'static str,
    /// What it takes and does. The view's row is `r`.
    pub check: Check,
}

/// A list.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// Its name in the API.
    pub name: &'static str,
    /// What a row is about, for people.
    pub about: &'static str,
    /// Where the rows come from.
    pub view: &'static str,
    /// Its columns, in the order they are told.
    pub columns: &'static [Column],
    /// Columns that together tell every row from every other; they are never NULL.
    pub key: &'static [&'static str],
    /// How it is sorted unless asked for otherwise, as in `sort=`.
    pub sort: &'static str,
    /// What it may be filtered by.
    pub filters: &'static [Filter],
    /// Where rows are found without making them: which they are is decided first, and only then is a row made of them.
    pub found_in: Option<Narrow>,
}

/// Where rows are found that cost more to make than to find.
#[derive(Clone, Copy, Debug)]
pub struct Narrow {
    /// Something with the key and less beside it than the view has.
    pub source: &'static str,
    /// What it can be ordered by; anything else takes the view. Every filter of the list can be said of it.
    pub orders: &'static [&'static str],
}

impl List {
    /// A column by its name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// What is wrong with a query string, and in which parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The parameter.
    pub parameter: String,
    /// What is wrong with it.
    pub message: String,
}

impl Fault {
    fn new(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), message: message.into() }
    }
}
