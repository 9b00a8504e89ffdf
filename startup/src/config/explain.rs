//! From serde's error to words: which key, where it stands, what was probably meant.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Place};
use super::overlay::{Overlay, Spot};
use crate::nearest;

/// Line and column of a position in a text, both from 1.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

struct Found {
    path: Vec<String>,
    place: Place,
}

pub(super) struct Explainer<'a> {
    file: Option<&'a Path>,
    text: &'a str,
    overlay: &'a Overlay<'a>,
    /// Position and key of all that stands in the file.
    keys: Vec<(Range<usize>, Vec<String>)>,
}

impl<'a> Explainer<'a> {
    pub(super) fn new(
        file: Option<&'a Path>,
        text: &'a str,
        overlay: &'a Overlay<'a>,
        root: &Spanned<DeTable<'_>>,
    ) -> Self {
        let mut keys = Vec::new();
        list(root.get_ref(), &mut Vec::new(), &mut keys);
        Self { file, text, overlay, keys }
    }

    pub(super) fn explain(&self, error: &toml::de::Error) -> ConfigError {
        let found = self.find(error.span());
        let message = error.message();
        if let Some((key, known)) = unknown_field(message) {
            return self.unknown(found, key, known);
        }
        if let Some(key) = message.strip_prefix("missing field ").map(unquoted) {
            let path = inside(&found.path, key);
            let variable = self.overlay.variable_for(&path);
            return ConfigError::Missing { key: path.join("."), place: found.place, variable };
        }
        ConfigError::WrongValue { key: found.path.join("."), place: found.place, message: message.to_owned() }
    }

    /// The variable whose value alone has the wrong type.
    pub(super) fn variable_of_wrong_type(&self, error: &toml::de::Error) -> Option<usize> {
        if !error.message().starts_with("invalid type") {
            return None;
        }
        self.spot(error.span()).map(|spot| spot.variable)
    }

    fn spot(&self, span: Option<Range<usize>>) -> Option<&Spot> {
        self.overlay.spot(span?.start)
    }

    fn unknown(&self, found: Found, key: &str, known: Vec<&str>) -> ConfigError {
        let tables = match found.path.split_last() {
            Some((last, tables)) if last == key => tables,
            _ => &found.path,
        };
        let meant = nearest(key, known.iter().copied()).map(|meant| match &found.place {
            // Of a variable the whole name is told, with what follows the wrong part.
            Place::Variable(name) => {
                let right = self.overlay.variable_for(&inside(tables, meant));
                let wrong = self.overlay.variable_for(&inside(tables, key));
                name.strip_prefix(&wrong).map_or_else(|| right.clone(), |rest| format!("{right}{rest}"))
            }
            _ => meant.to_owned(),
        });
        ConfigError::UnknownKey {
            key: inside(tables, key).join("."),
            place: found.place,
            nearest: meant,
            known: known.into_iter().map(str::to_owned).collect(),
        }
    }

    fn find(&self, span: Option<Range<usize>>) -> Found {
        if let Some(spot) = self.spot(span.clone()) {
            let variable = self.overlay.name(spot.variable).to_owned();
            return Found { path: spot.path.clone(), place: Place::Variable(variable) };
        }
        let path = span
            .as_ref()
            .and_then(|span| self.keys.iter().find(|(at, _)| at == span))
            .map(|(_, path)| path.clone())
            .unwrap_or_default();
        let place = match (self.file, span) {
            (None, _) => Place::Nowhere,
            // Without a key, the error is about the file as a whole.
            (Some(file), Some(span)) if !path.is_empty() => {
                Place::Line { path: file.to_owned(), line: position(self.text, span.start).0 }
            }
            (Some(file), _) => Place::File(file.to_owned()),
        };
        Found { path, place }
    }
}

fn inside(tables: &[String], key: &str) -> Vec<String> {
    tables.iter().cloned().chain([key.to_owned()]).collect()
}

fn list(table: &DeTable<'_>, path: &mut Vec<String>, keys: &mut Vec<(Range<usize>, Vec<String>)>) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        keys.push((key.span(), path.clone()));
        list_value(value, path, keys);
        path.pop();
    }
}

fn list_value(value: &Spanned<DeValue<'_>>, path: &mut Vec<String>, keys: &mut Vec<(Range<usize>, Vec<String>)>) {
    keys.push((value.span(), path.clone()));
    match value.get_ref() {
        DeValue::Table(table) => list(table, path, keys),
        DeValue::Array(array) => array.iter().for_each(|value| list_value(value, path, keys)),
        _ => {}
    }
}

/// Serde's words for a key nobody reads: "unknown field `a`, expected `b` or `c`".
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

fn unquoted(text: &str) -> &str {
    text.trim_matches('`')
}
