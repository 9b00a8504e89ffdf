//! What a query string asks of a list. Pure.

use jiff::Timestamp;
use rollcall_model::indicator;
use rollcall_store::Bind;

use super::{Check, Column, DEFAULT_LIMIT, Fault, Filter, LONGEST_VALUE, List, MOST_LIMIT};

/// One way for a row to be kept by a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    pub sql: &'static str,
    pub value: Option<Bind>,
}

/// What a page is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    pub order: &'static str,
    pub is_descending: bool,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// For each filter the ways to be kept by it.
    pub filters: Vec<Vec<Way>>,
    /// The columns to tell.
    pub columns: Vec<&'static Column>,
    /// What it is sorted by; the last of them tell every row from every other.
    pub terms: Vec<Term>,
    pub limit: i64,
    pub cursor: Option<String>,
    /// What a cursor belongs to: filters and order as they were written.
    pub question: String,
}

/// Reads the parameters of a query string.
pub fn read(list: &'static List, pairs: &[(String, String)]) -> Result<Asked, Fault> {
    let mut asked = Asked {
        filters: Vec::new(),
        columns: list.columns.iter().filter(|column| !column.on_request).collect(),
        terms: terms(list, list.sort)?,
        limit: DEFAULT_LIMIT,
        cursor: None,
        question: String::new(),
    };
    let mut written = Vec::new();
    for (at, (name, value)) in pairs.iter().enumerate() {
        if pairs[..at].iter().any(|(before, _)| before == name) {
            return Err(Fault::new(name, "is given more than once"));
        }
        if value.chars().count() > LONGEST_VALUE && name != "cursor" && name != "fields" {
            return Err(Fault::new(name, format!("has more than {LONGEST_VALUE} characters")));
        }
        match name.as_str() {
            "limit" => asked.limit = limit(value)?,
            "cursor" => asked.cursor = Some(value.clone()),
            "fields" => asked.columns = columns(list, value)?,
            "sort" => {
                asked.terms = terms(list, value)?;
                written.push(format!("sort={value}"));
            }
            _ => {
                let filter = list.filters.iter().find(|filter| filter.name == name);
                let filter = filter.ok_or_else(|| Fault::new(name, unknown(list)))?;
                asked.filters.push(ways(filter, value)?);
                written.push(format!("{name}={value}"));
            }
        }
    }
    written.sort_unstable();
    asked.question = written.join("\n");
    Ok(asked)
}

fn unknown(list: &List) -> String {
    let names: Vec<&str> =
        list.filters.iter().map(|filter| filter.name).chain(["sort", "fields", "limit", "cursor"]).collect();
    format!("is no parameter of this list; it takes {}", names.join(", "))
}

fn limit(value: &str) -> Result<i64, Fault> {
    let number = value.parse().ok().filter(|number| (1..=MOST_LIMIT).contains(number));
    number.ok_or_else(|| Fault::new("limit", format!("expected a number from 1 to {MOST_LIMIT}, not {value:?}")))
}

fn columns(list: &'static List, value: &str) -> Result<Vec<&'static Column>, Fault> {
    let mut found: Vec<&'static Column> = Vec::new();
    for name in value.split(',') {
        let there = || list.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let column = list
            .column(name)
            .ok_or_else(|| Fault::new("fields", format!("there is no {name:?}; there are {}", there())))?;
        if found.iter().any(|known| known.name == column.name) {
            return Err(Fault::new("fields", format!("{name} is given more than once")));
        }
        found.push(column);
    }
    Ok(found)
}

/// What `sort=` says, and the key behind it, in the direction of the last term.
fn terms(list: &'static List, value: &str) -> Result<Vec<Term>, Fault> {
    let mut found: Vec<Term> = Vec::new();
    for word in value.split(',') {
        let (name, is_descending) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
        let order = list.column(name).and_then(|column| column.order);
        let Some(order) = order else {
            let sortable = list.columns.iter().filter(|column| column.order.is_some());
            let sortable = sortable.map(|column| column.name).collect::<Vec<_>>().join(", ");
            return Err(Fault::new("sort", format!("cannot sort by {name:?}; by {sortable}")));
        };
        if found.iter().any(|known| known.order == order) {
            return Err(Fault::new("sort", format!("{name} is given more than once")));
        }
        found.push(Term { order, is_descending });
    }
    let is_descending = found.last().is_some_and(|term| term.is_descending);
    for key in list.key {
        if !found.iter().any(|known| known.order == *key) {
            found.push(Term { order: key, is_descending });
        }
    }
    Ok(found)
}

fn ways(filter: &Filter, value: &str) -> Result<Vec<Way>, Fault> {
    let fault = |message: String| Fault::new(filter.name, message);
    let one = |sql, value: Bind| Ok(vec![Way { sql, value: Some(value) }]);
    match filter.check {
        Check::Text(sql) => one(sql, value.into()),
        Check::Words(words) => {
            let way = |asked: &str| {
                let known = words.iter().find(|(word, _)| *word == asked);
                known.map(|(_, sql)| Way { sql, value: None }).ok_or_else(|| {
                    let known = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
                    fault(format!("expected one or more of {known}, with commas between, not {asked:?}"))
                })
            };
            value.split(',').map(way).collect()
        }
        Check::Indicator(sql) | Check::Bit(sql) => {
            let known = indicator::by_name(value);
            let known = known.ok_or_else(|| fault(format!("there is no indicator {value:?}; see /v1/indicators")))?;
            let is_name = matches!(filter.check, Check::Indicator(_));
            one(sql, if is_name { value.into() } else { Bind::Integer(i64::try_from(known.bit).unwrap_or(-1)) })
        }
        Check::Flag(yes, no) => match value {
            "true" => Ok(vec![Way { sql: yes, value: None }]),
            "false" => Ok(vec![Way { sql: no, value: None }]),
            _ => Err(fault(format!("expected true or false, not {value:?}"))),
        },
        Check::Time(sql) => {
            let time = value.parse::<Timestamp>().ok().filter(|time| time.as_millisecond() >= 0);
            let time =
                time.ok_or_else(|| fault(format!("expected a time like 2026-11-20T08:15:30Z, not {value:?}")))?;
            one(sql, time.as_millisecond().into())
        }
    }
}
