//! The facts, in one table: what each is called, what it is, and what it means.
//!
//! The checker knows names and types from here, the evaluation its values; `docs/rules.md` and the help of
//! `rollcall group test` show [`rows`].

mod lists;
mod table;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use rollcall_model::indicator::INDICATORS;

pub(crate) use self::lists::{Field, Item};
use self::table::{FACTS, FAMILIES};
use crate::Facts;

/// What kind of value a fact is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction.
    Double,
    /// Text.
    Text,
    /// A list of texts.
    Texts,
    /// A list of entries with these fields.
    Entries(&'static [Field]),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "text",
            Self::Texts => "list of text",
            Self::Entries(_) => "list",
        })
    }
}

/// A fact as a node has it.
#[derive(Clone, Debug)]
pub(crate) enum Seen<'a> {
    /// `null` to a rule.
    Unknown,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Texts(&'a [String]),
    Entries(Vec<Item<'a>>),
}

impl<'a> Seen<'a> {
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(crate) fn spelled(what: impl fmt::Display) -> Self {
        Self::Text(Cow::Owned(what.to_string()))
    }

    /// A count too large for CEL's `int` is its largest.
    pub(crate) fn count(number: impl TryInto<i64>) -> Self {
        Self::Int(number.try_into().unwrap_or(i64::MAX))
    }

    /// `null` when there is nothing.
    pub(crate) fn or_null<T>(value: Option<T>, see: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Unknown, see)
    }
}

impl fmt::Display for Seen<'_> {
    /// As people read it in a reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Double(value) => value.fmt(f),
            Self::Text(text) if text.chars().count() > 60 => {
                write!(f, "{:?}…", text.chars().take(60).collect::<String>())
            }
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Texts(texts) => write!(f, "{} entries", texts.len()),
            Self::Entries(entries) => write!(f, "{} entries", entries.len()),
        }
    }
}

/// One fact that is there once.
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) meaning: &'static str,
    pub(crate) see: for<'a> fn(&'a Facts) -> Seen<'a>,
}

/// One fact for each indicator of the dictionary.
pub(crate) struct Family {
    pub(crate) head: &'static str,
    pub(crate) kind: Kind,
    pub(crate) meaning: &'static str,
    pub(crate) see: fn(&Facts, usize) -> Seen<'static>,
}

/// A fact a rule can name.
#[derive(Clone, Copy)]
pub(crate) enum Known {
    Fact(&'static Fact),
    Indicator(&'static Family, usize),
}

impl Known {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Fact(fact) => fact.kind,
            Self::Indicator(family, _) => family.kind,
        }
    }

    pub(crate) fn see(self, facts: &Facts) -> Seen<'_> {
        match self {
            Self::Fact(fact) => (fact.see)(facts),
            Self::Indicator(family, bit) => (family.see)(facts, bit),
        }
    }
}

static INDEX: LazyLock<BTreeMap<String, Known>> = LazyLock::new(|| {
    let facts = FACTS.iter().map(|fact| (fact.name.to_owned(), Known::Fact(fact)));
    let indicators = FAMILIES.iter().flat_map(|family| {
        INDICATORS.iter().map(move |indicator| {
            (format!("{}.{}", family.head, indicator.name), Known::Indicator(family, indicator.bit))
        })
    });
    facts.chain(indicators).collect()
});

/// The fact of this name, with the name as the table has it.
pub(crate) fn find(name: &str) -> Option<(&'static str, Known)> {
    INDEX.get_key_value(name).map(|(name, known)| (name.as_str(), *known))
}

/// Every name, in order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    INDEX.keys().map(String::as_str)
}

/// The head of this name, e.g. `cpu`: it has facts, but is none.
pub(crate) fn head(name: &str) -> Option<&'static str> {
    names().filter_map(|known| known.split_once('.')).map(|(head, _)| head).find(|head| *head == name)
}

/// One line of the table of facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is called; `<indicator>` stands for each name of the dictionary, `[]` for an entry of a list.
    pub name: String,
    /// What kind of value it is.
    pub kind: String,
    /// What it means.
    pub meaning: &'static str,
}

/// The table of facts, in the order it is shown to people.
#[must_use]
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for fact in FACTS {
        rows.push(Row { name: fact.name.to_owned(), kind: fact.kind.to_string(), meaning: fact.meaning });
        if let Kind::Entries(fields) = fact.kind {
            rows.extend(fields.iter().map(|field| Row {
                name: format!("{}[].{}", fact.name, field.name),
                kind: field.kind.to_string(),
                meaning: field.meaning,
            }));
        }
    }
    rows.extend(FAMILIES.iter().map(|family| Row {
        name: format!("{}.<indicator>", family.head),
        kind: family.kind.to_string(),
        meaning: family.meaning,
    }));
    rows
}
