//! `rollcall sql`: answers as a table or as CSV.

use serde_json::Value;

use super::answer::Table;
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, counted};

/// The rows as a table and their number.
#[must_use]
pub fn render(table: &Table, look: &Look) -> String {
    let mut grid = Grid::new(table.columns.iter().enumerate().map(|(at, name)| column(table, at, name)).collect());
    for row in &table.rows {
        grid.row(row.iter().map(text));
    }
    let rows = counted(i64::try_from(table.rows.len()).unwrap_or(i64::MAX), "row", "rows");
    let more = if table.truncated { "; there are more: narrow the question with WHERE or LIMIT" } else { "" };
    format!("{}({rows}{more})\n", grid.render(look))
}

/// A column of nothing but numbers is aligned as such.
fn column(table: &Table, at: usize, name: &str) -> Column {
    let mut values = table.rows.iter().filter_map(|row| row.get(at)).filter(|value| !value.is_null()).peekable();
    if values.peek().is_some() && values.all(Value::is_number) { Column::number(name) } else { Column::text(name) }
}

fn text(value: &Value) -> Text {
    match value {
        Value::Null => Text::toned("NULL", Tone::Faint),
        Value::String(text) => Text::lines(text),
        other => Text::plain(other.to_string()),
    }
}

/// The columns that were chosen of a list.
#[must_use]
pub fn chosen(rows: &Value, columns: &[String]) -> Table {
    let row = |row: &Value| columns.iter().map(|name| row.get(name).cloned().unwrap_or_default()).collect();
    let rows = rows.as_array().map(|rows| rows.iter().map(row).collect()).unwrap_or_default();
    Table { columns: columns.to_vec(), rows, truncated: false }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(truncated: bool) -> Table {
        serde_json::from_value(json!({
            "columns": ["name", "n", "note"],
            "rows": [["web-1", 3, null], ["db,1", 12, "say \"hi\"\nagain"], ["", 0.5, ""]],
            "truncated": truncated
        }))
        .unwrap()
    }

    fn look() -> Look {
        Look { width: Some(80), colour: false, now: jiff::Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn numbers_stand_right_and_nothing_is_called_null() {
        let expected = "\
name     n  note
web-1    3  NULL
db,1    12  say \"hi\"
            again
       0.5
(3 rows)
";
        assert_eq!(render(&table(false), &look()), expected);
    }

    #[test]
    fn a_cut_answer_says_so() {
        assert!(
            render(&table(true), &look())
                .ends_with("(3 rows; there are more: narrow the question with WHERE or LIMIT)\n")
        );
    }

    #[test]
    fn no_rows_still_have_columns() {
        let empty = Table { columns: vec!["name".into()], rows: vec![], truncated: false };
        assert_eq!(render(&empty, &look()), "name\n(0 rows)\n");
    }

    #[test]
    fn chosen_columns_stand_as_they_are() {
        let rows = json!([{ "name": "web-1", "epoch": 3, "state": "down" }, { "name": "web-2" }]);
        let text = render(&chosen(&rows, &["epoch".into(), "name".into()]), &look());
        assert_eq!(text, "epoch  name\n    3  web-1\n NULL  web-2\n(2 rows)\n");
    }
}
