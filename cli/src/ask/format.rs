//! Answers for programs: JSON, YAML, CSV.

use rollcall_startup::Failure;
use serde_json::{Map, Value};

use super::output::{self, Reader};
use crate::settings::Format;

/// A whole answer for programs; `None` where people read it. `columns` says which of a list CSV has, and in which order;
/// none for all of them.
#[must_use]
pub fn written(format: Format, document: &Value, columns: &[String]) -> Option<String> {
    match format {
        Format::Table | Format::Wide => None,
        Format::Json => Some(output::document(document)),
        Format::Yaml => Some(yaml(document)),
        Format::Csv => Some(csv(document, columns)),
    }
}

/// A list that goes on: what of it was written before decides how it goes on.
#[derive(Clone, Debug)]
pub struct Stream {
    format: Format,
    /// What the line of CSV's names said.
    columns: Option<Vec<String>>,
}

impl Stream {
    /// Nothing was written yet.
    #[must_use]
    pub const fn new(format: Format) -> Self {
        Self { format, columns: None }
    }

    /// Some more of it: a line of JSON each, a YAML document each, rows of CSV under one line of names; for people what
    /// `render` says.
    pub fn text(&mut self, documents: &[Value], render: impl FnOnce() -> String) -> String {
        match self.format {
            Format::Table | Format::Wide => render(),
            Format::Json => documents.iter().map(output::json_line).collect(),
            Format::Yaml => documents.iter().map(|it| format!("---\n{}", yaml(it))).collect(),
            Format::Csv => self.rows(documents),
        }
    }

    fn rows(&mut self, documents: &[Value]) -> String {
        if documents.is_empty() {
            return String::new();
        }
        let begins = self.columns.is_none();
        let columns = self.columns.get_or_insert_with(|| names(documents));
        let head = if begins { line(columns.iter().map(|name| field(name))) } else { String::new() };
        documents.iter().fold(head, |text, row| text + &line(columns.iter().map(|name| cell(row.get(name)))))
    }

    /// [`Self::text`] to standard output.
    ///
    /// # Errors
    /// As [`output::print`].
    pub fn print(&mut self, documents: &[Value], render: impl FnOnce() -> String) -> Result<Reader, Failure> {
        match self.text(documents, render) {
            text if text.is_empty() => Ok(Reader::Listens),
            text => output::print(&text),
        }
    }
}

/// A YAML document, with a line break at its end.
#[must_use]
pub fn yaml(document: &Value) -> String {
    match serde_saphyr::to_string(document) {
        Ok(text) if text.ends_with('\n') => text,
        Ok(text) => text + "\n",
        // JSON is YAML: what the writer will not say is said so.
        Err(_) => output::document(document),
    }
}

/// CSV (RFC 4180) with a line of names: of a list its rows, of anything else the one. What is nested is JSON text. Nothing
/// (`null`) is an empty field, an empty text is `""`.
#[must_use]
pub fn csv(document: &Value, columns: &[String]) -> String {
    if let Some((columns, rows)) = table(document) {
        let head = line(columns.iter().map(|name| cell(Some(name))));
        return rows.iter().fold(head, |text, row| match row.as_array() {
            Some(cells) => text + &line(cells.iter().map(|it| cell(Some(it)))),
            None => text,
        });
    }
    let one = [document.clone()];
    let rows: &[Value] = document.as_array().map_or(&one, Vec::as_slice);
    let columns = if columns.is_empty() { names(rows) } else { columns.to_vec() };
    if columns.is_empty() {
        return rows.iter().map(|it| line(std::iter::once(cell(Some(it))))).collect();
    }
    let head = line(columns.iter().map(|name| field(name)));
    rows.iter().fold(head, |text, row| text + &line(columns.iter().map(|name| cell(row.get(name)))))
}

/// What `/v1/sql` answers: its columns stand beside its rows.
fn table(document: &Value) -> Option<(&Vec<Value>, &Vec<Value>)> {
    let it: &Map<String, Value> = document.as_object()?;
    Some((it.get("columns")?.as_array()?, it.get("rows")?.as_array()?))
}

/// The keys of all rows, in the order they come up.
fn names(rows: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for key in rows.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !names.contains(key) {
            names.push(key.clone());
        }
    }
    names
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = fields.collect();
    format!("{}\r\n", fields.join(","))
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => field(text),
        Some(Value::Array(_) | Value::Object(_)) => field(&value.map(Value::to_string).unwrap_or_default()),
        Some(other) => other.to_string(),
    }
}

fn field(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains([',', '"', '\r', '\n']);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_a_row_each_under_the_names_of_its_columns() {
        let list = json!([{ "a": 1, "b": "x,y" }, { "a": null, "c": ["z"] }]);
        assert_eq!(csv(&list, &[]), "a,b,c\r\n1,\"x,y\",\r\n,,\"[\"\"z\"\"]\"\r\n");
        assert_eq!(csv(&list, &["b".into(), "a".into()]), "b,a\r\n\"x,y\",1\r\n,\r\n");
        assert_eq!(csv(&json!([]), &["b".into()]), "b\r\n");
        assert_eq!(csv(&json!({ "a": { "b": 1 } }), &[]), "a\r\n\"{\"\"b\"\":1}\"\r\n");
        assert_eq!(csv(&json!("text"), &[]), "text\r\n");
    }

    #[test]
    fn csv_quotes_what_must_be_quoted_and_tells_null_from_empty() {
        let answer = json!({ "columns": ["name", "n", "note"], "truncated": false,
                             "rows": [["web-1", 3, null], ["db,1", 12, "say \"hi\"\nagain"], ["", 0.5, ""]] });
        let expected = "name,n,note\r\nweb-1,3,\r\n\"db,1\",12,\"say \"\"hi\"\"\nagain\"\r\n\"\",0.5,\"\"\r\n";
        assert_eq!(csv(&answer, &[]), expected);
    }

    #[test]
    fn yaml_says_texts_that_look_like_something_else_as_texts() {
        let document =
            json!({ "name": "no", "since": "2026-11-20T08:15:30.000Z", "list": [1, null, "x: y"], "on": true });
        let text = yaml(&document);
        assert!(text.contains("list:\n") && text.ends_with('\n'), "{text}");
        assert!(text.contains("name: \"no\"") || text.contains("name: 'no'"), "{text}");
    }

    #[test]
    fn a_stream_has_its_names_once() {
        let mut csv = Stream::new(Format::Csv);
        let row = |number: i64| [json!({ "a": number })];
        assert_eq!(csv.text(&row(1), String::new) + &csv.text(&row(2), String::new), "a\r\n1\r\n2\r\n");
        assert_eq!(Stream::new(Format::Json).text(&row(1), String::new), "{\"a\":1}\n");
        assert_eq!(Stream::new(Format::Yaml).text(&row(1), String::new), "---\na: 1\n");
        assert_eq!(Stream::new(Format::Table).text(&row(1), || "for people".into()), "for people");
    }
}
