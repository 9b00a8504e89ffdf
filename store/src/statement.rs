//! Which SQL people may send: one question. The connection that answers cannot write either way; what is refused here
//! is what a read-only connection would still do (`ATTACH`, `PRAGMA`), and several statements at once.

use crate::AskError;

/// Tables nobody may mention: they hold digests of tokens. The views over them leave those out.
const HIDDEN: [(&str, &str); 2] = [("join_tokens", "v_tokens"), ("api_users", "v_users")];

/// Functions of PostgreSQL nobody may mention: by them a question changes how itself is answered, or carries another
/// statement in a text, where nobody sees what it mentions. Whole families, by how their names begin.
const POWERS: [&str; 13] = [
    "pg_terminate_",
    "pg_cancel_",
    "lo_",
    "set_config",
    "query_to_",
    "cursor_to_",
    "table_to_",
    "schema_to_",
    "database_to_",
    "ts_stat",
    "ts_rewrite",
    "dblink",
    "pg_read_",
];

/// Lets one `SELECT`, `WITH`, `VALUES`, or `EXPLAIN` of those pass, with or without a `;` behind it.
///
/// `EXPLAIN` of anything else is refused: SQLite carries out some `PRAGMA`s while it merely prepares them.
///
/// # Errors
/// When there is no statement, a second one, or one that does not ask.
pub(crate) fn check(sql: &str) -> Result<(), AskError> {
    if let Some(at) = sql.find('\0') {
        return Err(AskError::Refused { message: format!("character {} is a zero byte", characters(sql, at)) });
    }
    let mut words = Vec::new();
    let mut is_ended = false;
    for (at, token) in (Scanner { sql, at: 0 }) {
        let name = token.trim_matches(['\'', '"', '`', '[', ']']);
        if let Some((hidden, view)) = HIDDEN.iter().find(|(hidden, _)| name.eq_ignore_ascii_case(hidden)) {
            return Err(AskError::Refused { message: format!("{hidden} holds what is shown to nobody; ask {view}") });
        }
        let is_text = token.starts_with('\'');
        if let Some(power) = POWERS.iter().find(|power| !is_text && begins_with(name, power)) {
            return Err(AskError::Refused { message: format!("{power}… may not be used in a question") });
        }
        if token.starts_with('"') && (sql[..at].ends_with("u&") || sql[..at].ends_with("U&")) {
            return Err(AskError::Refused { message: "names are written as they are, not as U&\"…\"".into() });
        }
        if token == ";" {
            is_ended |= !words.is_empty();
        } else if is_ended {
            return Err(AskError::Several { at: characters(sql, at) });
        } else if words.len() < 4 {
            words.push(token.to_uppercase());
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let asked = match words.as_slice() {
        [] => return Err(AskError::Empty),
        ["EXPLAIN", "QUERY", "PLAN", asked, ..] | ["EXPLAIN", asked, ..] => asked,
        [asked, ..] => asked,
    };
    match *asked {
        "SELECT" | "WITH" | "VALUES" => Ok(()),
        word => Err(AskError::NotAQuestion { word: word.chars().take(40).collect() }),
    }
}

fn begins_with(name: &str, beginning: &str) -> bool {
    name.get(..beginning.len()).is_some_and(|it| it.eq_ignore_ascii_case(beginning))
}

/// 1-based position in characters of the byte `at`.
fn characters(sql: &str, at: usize) -> usize {
    sql[..at].chars().count() + 1
}

/// Words, quoted texts and single other characters; comments and blanks are skipped.
struct Scanner<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.sql[self.at..]
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let rest = self.rest();
            let skip = if rest.starts_with("--") {
                rest.find('\n').map_or(rest.len(), |end| end + 1)
            } else if let Some(comment) = rest.strip_prefix("/*") {
                comment.find("*/").map_or(rest.len(), |end| end + 4)
            } else {
                // Also a byte-order mark, which SQLite takes for a blank at the beginning.
                rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len()
            };
            if skip == 0 {
                return;
            }
            self.at += skip;
        }
    }

    /// Length of the token that begins here with `first`.
    fn length(&self, first: char) -> usize {
        let rest = self.rest();
        let closed_by = match first {
            '\'' | '"' | '`' => first,
            '[' => ']',
            _ if is_word(first) => return rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ => return first.len_utf8(),
        };
        // A doubled quote inside closes and opens again at once: two tokens instead of one do no harm here.
        rest[1..].find(closed_by).map_or(rest.len(), |end| end + 2)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

impl<'a> Iterator for Scanner<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blanks_and_comments();
        let first = self.rest().chars().next()?;
        let (at, length) = (self.at, self.length(first));
        self.at += length;
        Some((at, &self.sql[at..self.at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_passes() {
        for sql in [
            "SELECT 1",
            "  select 1 ; ",
            "-- why\n/* because; of */ With x AS (SELECT ';') SELECT * FROM x;;",
            "VALUES (1), (2)",
            "EXPLAIN QUERY PLAN SELECT 1",
            "explain select 1",
            "SELECT 'it''s; fine', \"a;b\", `c;d`, [e;f] -- ; and so on",
            "\u{feff}SELECT 1",
            "SELECT 1 /* open",
        ] {
            assert!(check(sql).is_ok(), "{sql}: {:?}", check(sql));
        }
    }

    #[test]
    fn what_is_shown_to_nobody_cannot_be_mentioned() {
        for sql in [
            "SELECT * FROM join_tokens",
            "SELECT * FROM JOIN_Tokens",
            "SELECT * FROM \"join_tokens\"",
            "SELECT * FROM 'api_users'",
            "SELECT * FROM [api_users]",
            "SELECT * FROM main.`api_users` u",
            "WITH x AS (SELECT sha256 FROM/**/api_users) SELECT * FROM x",
        ] {
            assert!(matches!(check(sql), Err(AskError::Refused { .. })), "{sql}");
        }
        assert!(check("SELECT name AS users FROM v_users -- join_tokens").is_ok());
    }

    #[test]
    fn what_changes_how_a_question_is_answered_cannot_be_mentioned() {
        for sql in [
            "SELECT set_config('role', 'none', true)",
            "SELECT pg_catalog.\"set_config\"('role', 'none', true)",
            "SELECT Query_To_Xml('SELECT 1', true, true, '')",
            "SELECT U&\"set\\005fconfig\"('role', 'none', true)",
        ] {
            assert!(matches!(check(sql), Err(AskError::Refused { .. })), "{sql}");
        }
        assert!(check("SELECT 'set_config' AS text").is_ok());
        assert!(check("SELECT u & 3 AS u, \"name\" FROM v_nodes").is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        for sql in ["", " ;; ", "-- SELECT 1", "/* SELECT 1"] {
            assert!(matches!(check(sql), Err(AskError::Empty)), "{sql}");
        }
        for (sql, word) in [
            ("DELETE FROM nodes", "DELETE"),
            ("pragma query_only = 0", "PRAGMA"),
            ("ATTACH '/etc/x' AS x", "ATTACH"),
            ("EXPLAIN PRAGMA query_only = 0", "PRAGMA"),
            ("EXPLAIN QUERY PLAN PRAGMA query_only = 0", "PRAGMA"),
            ("EXPLAIN QUERY DELETE", "QUERY"),
            ("EXPLAIN", "EXPLAIN"),
            ("(SELECT 1)", "("),
            ("'SELECT'", "'SELECT'"),
        ] {
            assert!(matches!(check(sql), Err(AskError::NotAQuestion { word: found }) if found == word), "{sql}");
        }
        assert!(matches!(check("SELECT 'ä'; SELECT 2"), Err(AskError::Several { at: 13 })));
        assert!(matches!(check("SELECT 1; PRAGMA query_only = 0"), Err(AskError::Several { at: 11 })));
        assert!(check("SELECT 1 \0; DELETE").is_err());
    }
}
