//! What a request may say in its path, its query and its headers.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use super::operations::{Answer, Operation};
use super::shapes::{Shape, schema};
use super::{takes_conditions, takes_key};
use crate::api::idempotency;
use crate::api::lists::{Check, LONGEST_VALUE, List, MOST_LIMIT};
use crate::api::routes::Route;

/// A parameter in the query that belongs to no list.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Its name.
    pub name: &'static str,
    /// What it does, for people.
    pub about: &'static str,
    /// What it takes.
    pub shape: Shape,
}

/// All that a route takes.
pub fn of(route: &Route, operation: &Operation) -> Vec<Parameter> {
    let mut found: Vec<Parameter> = route.path.split('/').filter_map(in_path).collect();
    found.extend(operation.query.iter().map(|query| {
        let mut built = optional(query.name, ParameterIn::Query, query.about);
        built = built.schema(Some(schema(&query.shape)));
        built.build()
    }));
    found.extend(operation.lists.iter().flat_map(|list| of_list(list)).fold(Vec::new(), once));
    if operation.answers.iter().any(|answer| matches!(answer, Answer::Tagged(_))) {
        found.push(header("If-None-Match", "tags of what whoever asks knows already"));
    }
    if operation.answers.iter().any(|answer| matches!(answer, Answer::Live(_))) {
        let about = "the last id that was heard; wins over `after`";
        let id = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]{0,18}$"));
        found.push(optional("Last-Event-ID", ParameterIn::Header, about).schema(Some(id)).build());
    }
    if takes_conditions(route) {
        found.push(header("If-Match", "do it only while what is there has one of these tags; * for anything"));
        found.push(header("If-None-Match", "do it only while what is there has none of these tags; * for nothing"));
    }
    if takes_key(route) {
        let about = "of whoever asks: the same request with the same key is carried out once within the hour";
        let visible = format!("^[!-~]{{1,{}}}$", idempotency::LONGEST_KEY);
        let taken = ObjectBuilder::new().schema_type(Type::String).pattern(Some(visible));
        found.push(optional("Idempotency-Key", ParameterIn::Header, about).schema(Some(taken)).build());
    }
    found
}

/// Two lists of one route may have a parameter in common.
fn once(mut found: Vec<Parameter>, next: Parameter) -> Vec<Parameter> {
    if found.iter().all(|known| known.name != next.name) {
        found.push(next);
    }
    found
}

fn optional(name: &str, place: ParameterIn, about: &str) -> ParameterBuilder {
    ParameterBuilder::new().name(name).parameter_in(place).required(Required::False).description(Some(about))
}

fn header(name: &str, about: &str) -> Parameter {
    const TAGS: &str = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#;
    let pattern = if name == "If-Match" { TAGS.replace("(W/)?", "") } else { TAGS.to_owned() };
    let tags = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    optional(name, ParameterIn::Header, about).schema(Some(tags)).build()
}

fn in_path(part: &str) -> Option<Parameter> {
    let name = part.strip_prefix('{')?.strip_suffix('}')?;
    let (shape, about) = match name {
        "alert" => (Shape::Integer, "its number"),
        "version" => (Shape::Integer, "a version, from 1"),
        "join" => (Shape::Uuid, "its id"),
        "name" => (Shape::Name, "their name"),
        "node" => (Shape::Text, "a name, an id, or the beginning of an id"),
        "group" => (Shape::Text, "a name or an id"),
        "channel" => (Shape::Text, "its name"),
        _ => (Shape::Text, "its id"),
    };
    let built = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    Some(built.description(Some(about)).schema(Some(schema(&shape))).build())
}

fn of_list(list: &'static List) -> Vec<Parameter> {
    let query = |name: &str, about: &str, taken: RefOr<Schema>| {
        optional(name, ParameterIn::Query, about).schema(Some(taken)).build()
    };
    let mut found: Vec<Parameter> = list
        .filters
        .iter()
        .map(|filter| {
            let built = optional(filter.name, ParameterIn::Query, filter.about).schema(Some(taken(filter.check)));
            let is_several = matches!(filter.check, Check::Words(_));
            if is_several { built.explode(Some(false)).build() } else { built.build() }
        })
        .collect();
    let names = |columns: Vec<String>| -> RefOr<Schema> {
        let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(columns));
        ArrayBuilder::new().items(name).min_items(Some(1)).unique_items(true).into()
    };
    let sortable = list.columns.iter().filter(|column| column.order.is_some());
    let sortable = sortable.flat_map(|column| [column.name.to_owned(), format!("-{}", column.name)]).collect();
    let about = format!("columns to sort by, `-` in front of one for downwards; `{}` unless said", list.sort);
    let commas = |name: &str, about: &str, taken| {
        optional(name, ParameterIn::Query, about).schema(Some(taken)).explode(Some(false)).build()
    };
    found.push(commas("sort", &about, names(sortable)));
    let all = list.columns.iter().map(|column| column.name.to_owned()).collect();
    found.push(commas("fields", "columns to tell; all but the large ones unless said", names(all)));
    let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(MOST_LIMIT));
    found.push(query("limit", "most rows of the page; 1,000 unless said", limit.into()));
    found.push(query("cursor", "from the link to the next page", schema(&Shape::Text)));
    found
}

fn taken(check: Check) -> RefOr<Schema> {
    match check {
        Check::Text(_) => ObjectBuilder::new().schema_type(Type::String).max_length(Some(LONGEST_VALUE)).into(),
        Check::Words(words) => {
            let word =
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().map(|(it, _)| *it)));
            ArrayBuilder::new().items(word).min_items(Some(1)).into()
        }
        Check::Indicator(_) | Check::Bit(_) => {
            let names = rollcall_model::indicator::INDICATORS.iter().map(|indicator| indicator.name);
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
        }
        Check::Flag(..) => schema(&Shape::Boolean),
        Check::Time(_) => {
            let time = SchemaFormat::Custom("date-time".into());
            ObjectBuilder::new().schema_type(Type::String).format(Some(time)).into()
        }
    }
}
