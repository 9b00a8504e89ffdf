//! Environment variables laid over the parsed file.
//!
//! What a variable sets gets a position past the end of the file; the list of spots tells which variable
//! and which key a position stands for.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::{ConfigError, Environment};

/// What a position past the end of the file stands for.
pub(super) struct Spot {
    /// Number of the variable.
    pub variable: usize,
    /// The key with its tables.
    pub path: Vec<String>,
}

struct Variable<'a> {
    name: &'a str,
    path: Vec<String>,
    raw: &'a str,
    as_text: bool,
}

pub(super) struct Overlay<'a> {
    prefix: &'a str,
    variables: Vec<Variable<'a>>,
    spots: Vec<Spot>,
    /// First position past the end of the file.
    base: usize,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(environment: &'a Environment, length_of_file: usize) -> Result<Self, ConfigError> {
        let variables = environment
            .variables
            .iter()
            .map(|(name, value)| {
                let wrong = |message: &str| ConfigError::Variable { variable: name.clone(), message: message.into() };
                let raw = value.to_str().ok_or_else(|| wrong("its value is not UTF-8"))?;
                let key = name.get(environment.prefix.len()..).unwrap_or_default().to_lowercase();
                let path: Vec<String> = key.split("__").map(str::to_owned).collect();
                if path.iter().any(String::is_empty) {
                    return Err(wrong("its name has an empty part; write PREFIX_TABLE__KEY"));
                }
                Ok(Variable { name, path, raw, as_text: false })
            })
            .collect::<Result<_, ConfigError>>()?;
        Ok(Self { prefix: &environment.prefix, variables, spots: Vec::new(), base: length_of_file + 1 })
    }

    /// The spot of a position, if it is past the end of the file.
    pub(super) fn spot(&self, position: usize) -> Option<&Spot> {
        self.spots.get(position.checked_sub(self.base)?)
    }

    pub(super) fn name(&self, variable: usize) -> &str {
        self.variables.get(variable).map_or("", |variable| variable.name)
    }

    /// The variable that sets a key.
    pub(super) fn variable_for(&self, path: &[String]) -> String {
        format!("{}{}", self.prefix, path.join("__").to_uppercase())
    }

    /// From now on the variable's value is text, whatever it looks like; `false` if it already was.
    pub(super) fn take_as_text(&mut self, variable: usize) -> bool {
        match self.variables.get_mut(variable) {
            Some(variable) if !variable.as_text => {
                variable.as_text = true;
                true
            }
            _ => false,
        }
    }

    /// Sets every variable's key.
    pub(super) fn lay_over(&mut self, mut root: Spanned<DeTable<'a>>) -> Result<Spanned<DeTable<'a>>, ConfigError> {
        self.spots.clear();
        for number in 0..self.variables.len() {
            let path = self.variables[number].path.clone();
            let value = self.value(number, &path);
            self.set(root.get_mut(), number, &path, 0, value)?;
        }
        Ok(root)
    }

    fn set(
        &mut self,
        table: &mut DeTable<'a>,
        number: usize,
        path: &[String],
        depth: usize,
        value: Spanned<DeValue<'a>>,
    ) -> Result<(), ConfigError> {
        let Some(key) = path.get(depth) else { return Ok(()) };
        let here = &path[..=depth];
        if depth + 1 == path.len() {
            table.remove(key.as_str());
            table.insert(self.at(number, here, key.clone().into()), value);
            return Ok(());
        }
        if table.get(key.as_str()).is_none() {
            let spanned_key = self.at(number, here, key.clone().into());
            table.insert(spanned_key, self.at(number, here, DeValue::Table(DeTable::new())));
        }
        match table.get_mut(key.as_str()).map(Spanned::get_mut) {
            Some(DeValue::Table(inner)) => self.set(inner, number, path, depth + 1, value),
            _ => Err(ConfigError::Variable {
                variable: self.name(number).to_owned(),
                message: format!("`{}` is not a table; set it as a whole", here.join(".")),
            }),
        }
    }

    fn value(&mut self, number: usize, path: &[String]) -> Spanned<DeValue<'a>> {
        let Variable { raw, as_text, .. } = self.variables[number];
        let parsed = if as_text { None } else { DeValue::parse(raw).ok() };
        let value = match parsed {
            Some(value) => self.moved(number, path, value.into_inner()),
            None => DeValue::String(raw.into()),
        };
        self.at(number, path, value)
    }

    /// The same value with positions that stand for the variable.
    fn moved(&mut self, number: usize, path: &[String], value: DeValue<'a>) -> DeValue<'a> {
        match value {
            DeValue::Table(table) => {
                let mut moved = DeTable::new();
                for (key, inner) in table {
                    let key = key.into_inner();
                    let here: Vec<String> = path.iter().cloned().chain([key.to_string()]).collect();
                    let inner = self.moved(number, &here, inner.into_inner());
                    moved.insert(self.at(number, &here, key), self.at(number, &here, inner));
                }
                DeValue::Table(moved)
            }
            DeValue::Array(array) => {
                let mut moved = DeArray::new();
                for inner in array {
                    let inner = self.moved(number, path, inner.into_inner());
                    moved.push(self.at(number, path, inner));
                }
                DeValue::Array(moved)
            }
            other => other,
        }
    }

    fn at<T>(&mut self, variable: usize, path: &[String], value: T) -> Spanned<T> {
        let position = self.base + self.spots.len();
        self.spots.push(Spot { variable, path: path.to_vec() });
        Spanned::new(position..position + 1, value)
    }
}
