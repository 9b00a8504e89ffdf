//! The guide says what the code does.

use std::fs;
use std::path::Path;

use rollcall_grouping::{Rule, schema};

use crate::machines::facts;

fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines between the marks `<!-- what -->` and `<!-- end -->`.
fn marked<'t>(guide: &'t str, what: &str) -> Vec<&'t str> {
    let mark = format!("<!-- {what} -->");
    let lines = guide.lines().skip_while(|line| *line != mark).skip(1).take_while(|line| *line != "<!-- end -->");
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_table_of_facts_is_the_one_in_the_code() {
    let mut expected = vec!["| fact | kind | meaning |".to_owned(), "|---|---|---|".to_owned()];
    expected.extend(schema::rows().iter().map(|row| format!("| `{}` | {} | {} |", row.name, row.kind, row.meaning)));
    let guide = guide();
    assert_eq!(marked(&guide, "facts"), expected, "docs/rules.md should have:\n{}", expected.join("\n"));
}

/// Texts in fenced blocks of this kind.
fn blocks(guide: &str, kind: &str) -> Vec<String> {
    let fence = format!("```{kind}");
    let mut found = Vec::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        if line == fence {
            found.push(lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n"));
        }
    }
    found
}

#[test]
fn every_example_of_the_guide_is_a_rule() {
    let examples = blocks(&guide(), "cel");
    assert!(examples.len() >= 10, "the examples were found: {}", examples.len());
    for example in examples {
        let rule = Rule::compile(&example).unwrap_or_else(|error| panic!("{example}: {error}"));
        let _ = rule.evaluate(&facts(1));
    }
}

#[test]
fn every_refusal_of_the_guide_is_what_the_checker_says() {
    let guide = guide();
    let refusals = marked(&guide, "refusals");
    assert!(refusals.len() > 6, "the refusals were found: {}", refusals.len());
    for line in refusals.iter().skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').splitn(2, " | ").map(str::trim).collect();
        let [text, told] = cells[..] else { panic!("two cells: {line}") };
        let error = Rule::compile(text.trim_matches('`')).unwrap_err();
        assert_eq!(error.message, told, "{text}");
    }
}
