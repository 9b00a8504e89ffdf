//! What the two databases say differently.

use super::shape::Shape;

/// Whose SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// A list of values, the JSON of bind `$n`, as rows of a table `alias` with the column `value`.
    pub(crate) fn each(self, bind: u8, alias: &str) -> String {
        match self {
            Self::Sqlite => format!("json_each(${bind}) AS {alias}"),
            Self::Postgres => format!("json_array_elements_text(${bind}::json) AS {alias}(value)"),
        }
    }

    /// One element, by its place, of a list among those values.
    pub(crate) fn element(self, value: &str, place: u8) -> String {
        match self {
            Self::Sqlite => format!("({value} ->> {place})"),
            Self::Postgres => format!("({value}::json ->> {place})"),
        }
    }

    /// A list of objects, the JSON of bind `$n`, as rows of a table `alias` with these columns, `name type, …`.
    pub(crate) fn records(self, bind: u8, alias: &str, columns: &str) -> String {
        match self {
            Self::Sqlite => {
                let names = columns.split(", ").map(|column| column.split(' ').next().unwrap_or(column));
                let values: Vec<String> = names.map(|name| format!("value ->> '{name}' AS {name}")).collect();
                format!("(SELECT {} FROM json_each(${bind})) AS {alias}", values.join(", "))
            }
            Self::Postgres => format!("json_to_recordset(${bind}::json) AS {alias}({columns})"),
        }
    }

    /// A row as the text of a JSON object of these pairs.
    pub(crate) fn object(self, pairs: &str) -> String {
        match self {
            Self::Sqlite => format!("json_object({pairs})"),
            Self::Postgres => format!("json_build_object({pairs})::text"),
        }
    }

    /// An object inside another.
    pub(crate) fn nested(self, pairs: &str) -> String {
        match self {
            Self::Sqlite => format!("json_object({pairs})"),
            Self::Postgres => format!("json_build_object({pairs})"),
        }
    }

    /// Values as the text of a JSON list.
    pub(crate) fn array(self, values: &str) -> String {
        match self {
            Self::Sqlite => format!("json_array({values})"),
            Self::Postgres => format!("json_build_array({values})::text"),
        }
    }

    /// The JSON that a column of text holds.
    pub(crate) fn json(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("json({column})"),
            Self::Postgres => format!("{column}::json"),
        }
    }

    /// A text as the text of a JSON string.
    pub(crate) fn quoted(self, text: &str) -> String {
        match self {
            Self::Sqlite => format!("json_quote({text})"),
            Self::Postgres => format!("to_json({text})::text"),
        }
    }

    /// The JSON of a column of yes and no.
    pub(crate) fn flag(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("json(CASE {column} WHEN 1 THEN 'true' ELSE 'false' END)"),
            Self::Postgres => column.to_owned(),
        }
    }

    /// Names and values of a row that is called `t`, as the inside of an object.
    pub(crate) fn pairs(self, shape: &Shape) -> String {
        let value = |column: &str| match self {
            _ if shape.lists.contains(&column) => self.json(&format!("t.{column}")),
            _ if shape.flags.contains(&column) => self.flag(&format!("t.{column}")),
            _ => format!("t.{column}"),
        };
        let pairs: Vec<String> = shape.columns.iter().map(|column| format!("'{column}', {}", value(column))).collect();
        pairs.join(", ")
    }

    /// A row that is called `t` as the text of a JSON object.
    pub(crate) fn row(self, shape: &Shape) -> String {
        self.object(&self.pairs(shape))
    }

    /// Appends rows: `$1` is a JSON list of objects.
    pub(crate) fn insert(self, shape: &Shape) -> String {
        self.append(shape.table, shape.columns)
    }

    /// [`Self::insert`] for any table and columns of it.
    pub(crate) fn append(self, table: &str, columns: &[impl AsRef<str>]) -> String {
        let names: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
        let columns = names.join(", ");
        match self {
            Self::Sqlite => {
                let values: Vec<String> = names.iter().map(|column| format!("value ->> '{column}'")).collect();
                let values = values.join(", ");
                format!("INSERT INTO {table} ({columns}) SELECT {values} FROM json_each($1) WHERE true ORDER BY key")
            }
            Self::Postgres => format!(
                "INSERT INTO {table} ({columns}) SELECT {columns} \
                 FROM json_populate_recordset(NULL::{table}, $1::json) WITH ORDINALITY ORDER BY ordinality"
            ),
        }
    }

    /// Inserts rows, or replaces those of the same key; of several new ones the last wins.
    pub(crate) fn upsert(self, shape: &Shape) -> String {
        let (table, columns, key) = (shape.table, shape.columns.join(", "), shape.key.join(", "));
        let others = shape.columns.iter().filter(|column| !shape.key.contains(column));
        let set: Vec<String> = others.map(|column| format!("{column} = excluded.{column}")).collect();
        let insert = match self {
            Self::Sqlite => self.insert(shape),
            // One statement may not change a row twice.
            Self::Postgres => format!(
                "INSERT INTO {table} ({columns}) SELECT {columns} FROM (SELECT DISTINCT ON ({key}) * \
                 FROM json_populate_recordset(NULL::{table}, $1::json) WITH ORDINALITY \
                 ORDER BY {key}, ordinality DESC) AS last ORDER BY ordinality"
            ),
        };
        format!("{insert} ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", "))
    }

    /// Names the index to take, where a planner would choose worse.
    pub(crate) fn indexed_by(self, index: &str) -> String {
        match self {
            Self::Sqlite => format!("INDEXED BY {index}"),
            Self::Postgres => String::new(),
        }
    }

    /// What rows of the table `certificates AS t` are ordered by to stand as they were inserted.
    pub(crate) fn certificate_order(self) -> &'static str {
        match self {
            Self::Sqlite => "t.rowid",
            Self::Postgres => "t.certificate_no",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::BITS;
    use super::*;

    #[test]
    fn both_databases_get_a_list_of_rows_in_one_bind() {
        let shape = Shape { table: "t", key: &["a"], columns: &["a", "b", "c"], lists: &["b"], flags: &["c"] };
        assert_eq!(
            Dialect::Sqlite.upsert(&shape),
            "INSERT INTO t (a, b, c) SELECT value ->> 'a', value ->> 'b', value ->> 'c' FROM json_each($1) WHERE true \
             ORDER BY key ON CONFLICT (a) DO UPDATE SET b = excluded.b, c = excluded.c"
        );
        assert_eq!(
            Dialect::Postgres.upsert(&shape),
            "INSERT INTO t (a, b, c) SELECT a, b, c FROM (SELECT DISTINCT ON (a) * \
             FROM json_populate_recordset(NULL::t, $1::json) WITH ORDINALITY ORDER BY a, ordinality DESC) AS last \
             ORDER BY ordinality ON CONFLICT (a) DO UPDATE SET b = excluded.b, c = excluded.c"
        );
        assert_eq!(
            Dialect::Sqlite.row(&shape),
            "json_object('a', t.a, 'b', json(t.b), 'c', json(CASE t.c WHEN 1 THEN 'true' ELSE 'false' END))"
        );
        assert_eq!(Dialect::Postgres.row(&shape), "json_build_object('a', t.a, 'b', t.b::json, 'c', t.c)::text");
        assert!(Dialect::Postgres.upsert(&BITS).contains("DISTINCT ON (node_id, bit)"));
    }

    #[test]
    fn objects_in_a_list_become_rows_with_columns() {
        let columns = "a text, n bigint";
        assert_eq!(
            Dialect::Sqlite.records(1, "r", columns),
            "(SELECT value ->> 'a' AS a, value ->> 'n' AS n FROM json_each($1)) AS r"
        );
        assert_eq!(Dialect::Postgres.records(1, "r", columns), "json_to_recordset($1::json) AS r(a text, n bigint)");
    }
}
