//! What parts of a rule are, and names that are not there.

use std::fmt;

use crate::schema::{self, Field, Kind};

/// A single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    Int,
    Uint,
    Double,
    Text,
}

impl Scalar {
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Int => "an int",
            Self::Uint => "a uint",
            Self::Double => "a double",
            Self::Text => "text",
        })
    }
}

/// What a part of a rule is.
#[derive(Clone, Debug)]
pub(super) enum Type {
    Null,
    Scalar(Scalar),
    List(Box<Type>),
    Entry(&'static [Field]),
}

impl Type {
    pub(super) fn list_of(is: Self) -> Self {
        Self::List(Box::new(is))
    }
}

impl From<Kind> for Type {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Scalar(Scalar::Bool),
            Kind::Int => Self::Scalar(Scalar::Int),
            Kind::Double => Self::Scalar(Scalar::Double),
            Kind::Text => Self::Scalar(Scalar::Text),
            Kind::Texts => Self::list_of(Self::Scalar(Scalar::Text)),
            Kind::Entries(fields) => Self::list_of(Self::Entry(fields)),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::List(_) => f.write_str("a list"),
            Self::Entry(_) => f.write_str("an entry of a list"),
        }
    }
}

/// Names this near are proposed.
const NEAR: f64 = 0.6;

/// The nearest of some names, if one is near.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known))
        .filter(|(nearness, _)| *nearness >= NEAR)
        // Of equally near ones the first, so that the proposal is always the same.
        .fold(None, |best: Option<(f64, &str)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })
        .map(|(_, known)| known)
}

pub(super) fn no_such_fact(name: &str) -> String {
    let shown: String = name.chars().take(60).collect();
    if let Some(head) = schema::head(name) {
        let some: Vec<&str> = under(head).take(4).collect();
        return format!("{head} is not a fact, but has facts; write one of them, e.g. {}", some.join(", "));
    }
    // `disk_space` alone, or `cpu.disk_space`.
    let last = name.rsplit('.').next().unwrap_or(name);
    let elsewhere: Vec<&str> = schema::names().filter(|known| known.rsplit('.').next() == Some(last)).collect();
    let near = nearest(name, schema::names());
    match (near, elsewhere.is_empty()) {
        (Some(near), true) => format!("there is no fact {shown}; did you mean {near}?"),
        (_, false) => format!("there is no fact {shown}; did you mean {}?", elsewhere.join(" or ")),
        (None, true) => match name.split_once('.').and_then(|(head, _)| schema::head(head)) {
            Some(head) => {
                let some: Vec<&str> = under(head).take(8).collect();
                format!("there is no fact {shown}; there are {}, see docs/rules.md", some.join(", "))
            }
            None => format!("there is no fact {shown}; docs/rules.md lists the facts"),
        },
    }
}

fn under(head: &str) -> impl Iterator<Item = &'static str> {
    schema::names().filter(move |name| name.split_once('.').is_some_and(|(of, _)| of == head))
}

pub(super) fn no_such_field(name: &str, fields: &[Field]) -> String {
    let shown: String = name.chars().take(60).collect();
    match nearest(name, fields.iter().map(|field| field.name)) {
        Some(near) => format!("these entries have no {shown}; did you mean {near}?"),
        None => {
            let all: Vec<&str> = fields.iter().map(|field| field.name).collect();
            format!("these entries have no {shown}; they have {}", all.join(", "))
        }
    }
}
