//! Where in a scenario's text a key stands.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into the table's value of this name.
    Key(&'static str),
    /// Into the element of this number.
    Number(usize),
}

/// The line of a byte, from 1.
pub(super) fn line(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

/// `behaviour[2].rack`, elements counted from 1.
pub(super) fn words(key: &[Step]) -> String {
    let mut words = String::new();
    for step in key {
        match step {
            Step::Key(name) if words.is_empty() => words.push_str(name),
            Step::Key(name) => words = format!("{words}.{name}"),
            Step::Number(number) => words = format!("{words}[{}]", number + 1),
        }
    }
    words
}

/// The line of a value; of the nearest table around it that is there; `None` if not even its beginning is.
pub(super) fn of(text: &str, key: &[Step]) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let Some((Step::Key(first), rest)) = key.split_first() else { return None };
    let value = root.get_ref().get(*first)?;
    Some(line(text, deepest(value, rest).span().start))
}

fn deepest<'a, 'b>(value: &'a Spanned<DeValue<'b>>, key: &[Step]) -> &'a Spanned<DeValue<'b>> {
    let Some((step, rest)) = key.split_first() else { return value };
    let within = match (step, value.get_ref()) {
        (Step::Key(name), DeValue::Table(table)) => table.get(*name),
        (Step::Number(number), DeValue::Array(array)) => array.get(*number),
        _ => None,
    };
    within.map_or(value, |within| deepest(within, rest))
}
