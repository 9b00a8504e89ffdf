//! Statements put together while the program runs.

use crate::Bind;

/// A statement put together of the program's own text and of values. What is a value cannot become text: text is
/// `&'static str`, and a value only ever stands as `$1`, `$2` ….
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sql {
    text: String,
    binds: Vec<Bind>,
}

impl Sql {
    /// A statement that begins so.
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), binds: Vec::new() }
    }

    /// Adds text.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a value.
    pub fn bind(&mut self, value: impl Into<Bind>) -> &mut Self {
        self.binds.push(value.into());
        self.text.push_str(&format!("${}", self.binds.len()));
        self
    }

    /// Adds text in which every `?` is the same value.
    pub fn push_with(&mut self, template: &'static str, value: impl Into<Bind>) -> &mut Self {
        let mut value = Some(value.into());
        let mut parts = template.split('?');
        self.text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            // Taken once, however often it stands there.
            self.binds.extend(value.take());
            self.text.push_str(&format!("${}{part}", self.binds.len()));
        }
        self
    }

    /// The statement.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its values, in the order of their numbers.
    #[must_use]
    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_and_never_text() {
        let mut sql = Sql::new("SELECT 1 WHERE ");
        sql.push_with("(a = ? OR b = ?)", "x' OR 1").push(" AND c > ").bind(7).push_with(" AND true", 9);
        assert_eq!(sql.text(), "SELECT 1 WHERE (a = $1 OR b = $1) AND c > $2 AND true");
        assert_eq!(sql.binds(), [Bind::from("x' OR 1"), Bind::Integer(7)]);
    }
}
