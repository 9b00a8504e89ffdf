//! Every list on a database of its own: what is described can be asked, and pages put together are the whole.

use rollcall_model::NodeState;
use rollcall_store::{Sql, Store, Table};
use serde_json::{Value, json};

use super::catalogue::{ALERTS, ALL, CONCERN, INDICATORS, NODES};
use super::plan::statement;
use super::{Check, Fault, Kind, List, asked};

fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
    query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn planned(list: &'static List, query: &[(&str, &str)], after: Option<&[Value]>) -> Result<Sql, Fault> {
    asked::read(list, &pairs(query)).map(|asked| statement(list, &asked, None, after))
}

fn fault(list: &'static List, query: &[(&str, &str)]) -> String {
    planned(list, query, None).unwrap_err().parameter
}

async fn answer(store: &Store, sql: &Sql) -> Table {
    store.select_built(sql).await.unwrap_or_else(|error| panic!("{}: {error}", sql.text()))
}

/// Something a filter takes.
fn taken(check: Check) -> Vec<String> {
    match check {
        Check::Text(_) => vec!["a'b\"c".into()],
        Check::Words(words) => {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            vec![words[0].0.into(), all.join(",")]
        }
        Check::Indicator(_) | Check::Bit(_) => vec!["disk_space".into()],
        Check::Flag(..) => vec!["true".into(), "false".into()],
        Check::Time(_) => vec!["2026-11-20T08:15:30.250Z".into(), "2026-11-20T09:15:30+01:00".into()],
    }
}

#[tokio::test]
async fn every_list_can_be_asked_all_it_says_it_can() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    for list in ALL {
        let all: Vec<&str> = list.columns.iter().map(|column| column.name).collect();
        let table = answer(&store, &planned(list, &[("fields", &all.join(","))], None).unwrap()).await;
        assert_eq!(table.columns[..all.len()], all, "{}", list.name);
        for filter in list.filters {
            for value in taken(filter.check) {
                answer(&store, &planned(list, &[(filter.name, &value)], None).unwrap()).await;
            }
        }
        for column in list.columns.iter().filter(|column| column.order.is_some()) {
            for sort in [column.name.to_owned(), format!("-{}", column.name)] {
                let query = [("sort", sort.as_str())];
                let terms = asked::read(list, &pairs(&query)).unwrap().terms.len();
                let after = vec![json!("x"); terms];
                answer(&store, &planned(list, &query, Some(&after)).unwrap()).await;
            }
        }
        for key in list.key {
            assert!(list.column(key).is_some_and(|column| !column.nullable), "{}.{key}", list.name);
        }
    }
}

#[tokio::test]
async fn the_columns_of_a_list_are_those_of_its_view() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    for list in ALL.into_iter().filter(|list| list.view.starts_with("v_")) {
        let table = answer(&store, Sql::new("SELECT * FROM ").push(list.view)).await;
        let told: Vec<&str> = list.columns.iter().map(|column| column.name).collect();
        assert_eq!(table.columns, told, "{}", list.view);
    }
}

#[tokio::test]
async fn pages_put_together_are_the_whole() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    for sort in ["bit", "-bit", "severity,-name", "-severity,unit", "unit,severity,-name", "-unit,-severity"] {
        let whole = answer(&store, &planned(&INDICATORS, &[("sort", sort)], None).unwrap()).await.rows;
        assert_eq!(whole.len(), 24);
        let columns = INDICATORS.columns.len();
        for limit in 1..=7 {
            let (mut walked, mut after): (Vec<Vec<Value>>, Option<Vec<Value>>) = (Vec::new(), None);
            loop {
                let query = [("sort", sort), ("limit", &limit.to_string())];
                let mut rows = answer(&store, &planned(&INDICATORS, &query, after.as_deref()).unwrap()).await.rows;
                let is_last = rows.len() <= limit;
                rows.truncate(limit);
                after = rows.last().map(|row| row[columns..].to_vec());
                walked.extend(rows);
                if is_last {
                    break;
                }
            }
            assert_eq!(walked, whole, "{sort}, {limit} at a time");
        }
    }
}

#[tokio::test]
async fn the_worst_first_is_what_the_model_says_it_is() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    for state in NodeState::WORST_FIRST {
        let mut sql = Sql::new("SELECT ");
        sql.push(CONCERN).push(" FROM (SELECT '").push(state.as_str()).push("' AS state)");
        let concern = answer(&store, &sql).await.rows[0][0].as_u64();
        assert_eq!(concern, Some(u64::from(state.concern())), "{state}");
    }
}

#[test]
fn nodes_are_found_before_they_are_made_by_whatever_they_are_filtered() {
    for filter in NODES.filters {
        for value in taken(filter.check) {
            let sql = planned(&NODES, &[(filter.name, &value), ("sort", "concern,since")], None).unwrap();
            assert!(sql.text().contains("FROM (SELECT r.node_id AS found_node_id FROM nodes AS r"), "{}", sql.text());
        }
    }
}

#[test]
fn values_never_become_text_of_the_statement() {
    let evil = "x'; DROP TABLE nodes; --";
    let sql =
        planned(&NODES, &[("q", evil), ("group", evil), ("state", "down,unknown")], Some(&[json!(evil), json!(evil)]));
    let sql = sql.unwrap();
    assert!(!sql.text().contains("DROP"), "{}", sql.text());
    assert!(sql.text().contains("(r.state = 'down' OR r.state = 'unknown')"), "{}", sql.text());
    assert_eq!(sql.binds().len(), 7, "q, group, four of the cursor, the limit");
}

#[test]
fn the_parameter_at_fault_is_named() {
    for (query, parameter) in [
        (&[("limit", "0")][..], "limit"),
        (&[("limit", "10001")], "limit"),
        (&[("limit", "ten")], "limit"),
        (&[("sort", "")], "sort"),
        (&[("sort", "name,-name")], "sort"),
        (&[("sort", "bits_set")], "sort"),
        (&[("fields", "name,nmae")], "fields"),
        (&[("fields", "name,name")], "fields"),
        (&[("fields", "")], "fields"),
        (&[("state", "loud")], "state"),
        (&[("state", "down,")], "state"),
        (&[("bit", "no_such")], "bit"),
        (&[("refusing", "yes")], "refusing"),
        (&[("sate", "down")], "sate"),
        (&[("state", "down"), ("state", "up")], "state"),
        (&[("q", &"x".repeat(513))], "q"),
    ] {
        assert_eq!(fault(&NODES, query), parameter, "{query:?}");
    }
    assert_eq!(fault(&ALERTS, &[("from", "yesterday")]), "from");
    assert_eq!(fault(&ALERTS, &[("from", "1960-01-01T00:00:00Z")]), "from");
}

#[test]
fn only_what_is_asked_for_is_told_and_large_columns_only_then() {
    let asked = |query: &[(&str, &str)]| {
        let asked = asked::read(&super::catalogue::HARDWARE, &pairs(query)).unwrap();
        asked.columns.iter().map(|column| column.name).collect::<Vec<_>>()
    };
    assert!(!asked(&[]).contains(&"topology"));
    assert_eq!(asked(&[("fields", "topology,node")]), ["topology", "node"]);
}

#[test]
fn every_list_has_its_own_name_and_parameters() {
    for (at, list) in ALL.iter().enumerate() {
        assert!(ALL[..at].iter().all(|other| other.name != list.name), "{}", list.name);
        let mut names: Vec<&str> = list.filters.iter().map(|filter| filter.name).collect();
        names.extend(["sort", "fields", "limit", "cursor"]);
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{}", list.name);
        assert!(list.columns.iter().all(|column| column.kind != Kind::Json || column.order.is_none()));
    }
}
