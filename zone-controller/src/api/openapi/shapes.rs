//! What answers look like, in a few words, and as JSON Schema.

use serde_json::json;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::api::lists::{Column, Kind, List};

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A time, `2026-11-20T08:15:30.250Z`.
    Time,
    /// A UUID with hyphens.
    Uuid,
    /// What people name things by.
    Name,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// 1 or 0.
    Flag,
    /// Anything.
    Any,
    /// An object with anything in it.
    Anything,
    /// Null, or this.
    Or(&'static Shape),
    /// A list of these.
    List(&'static Shape),
    /// An object with any keys.
    Map(&'static Shape),
    /// An object with these keys; a `?` behind one says that it may be absent.
    Object(&'static [(&'static str, Shape)]),
    /// A row of a list.
    Row(&'static List),
    /// One of these, or of several at once.
    Either(&'static [Shape]),
}

/// Its schema.
pub fn schema(shape: &Shape) -> RefOr<Schema> {
    match shape {
        Shape::Text => of(Type::String).into(),
        Shape::Words(words) => of(Type::String).enum_values(Some(words.iter().copied())).into(),
        Shape::Time => of(Type::String).format(Some(SchemaFormat::Custom("date-time".into()))).into(),
        Shape::Uuid => of(Type::String).format(Some(SchemaFormat::Custom("uuid".into()))).into(),
        Shape::Name => of(Type::String).pattern(Some("^[A-Za-z0-9._-]{1,63}$")).into(),
        Shape::Integer => of(Type::Integer).into(),
        Shape::Number => of(Type::Number).into(),
        Shape::Boolean => of(Type::Boolean).into(),
        Shape::Flag => of(Type::Integer).enum_values(Some([json!(0), json!(1)])).into(),
        Shape::Any => ObjectBuilder::new().schema_type(SchemaType::AnyValue).into(),
        Shape::Anything => of(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(true))).into(),
        Shape::Or(shape) => OneOfBuilder::new().item(of(Type::Null)).item(schema(shape)).into(),
        Shape::List(shape) => ArrayBuilder::new().items(schema(shape)).into(),
        Shape::Map(shape) => {
            of(Type::Object).additional_properties(Some(AdditionalProperties::RefOr(schema(shape)))).into()
        }
        Shape::Object(members) => object(members),
        Shape::Row(list) => RefOr::Ref(Ref::from_schema_name(component(list))),
        Shape::Either(shapes) => shapes.iter().fold(AnyOfBuilder::new(), |any, shape| any.item(schema(shape))).into(),
    }
}

fn of(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

fn object(members: &[(&'static str, Shape)]) -> RefOr<Schema> {
    let mut built = of(Type::Object);
    for (name, shape) in members {
        let required = name.strip_suffix('?').is_none();
        let name = name.trim_end_matches('?');
        built = built.property(name, schema(shape));
        if required {
            built = built.required(name);
        }
    }
    built.into()
}

/// The name of a list's rows among the schemas.
pub fn component(list: &List) -> String {
    let words = list.name.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_ascii_uppercase(), letters.as_str()))
    });
    format!("{}Row", words.collect::<String>())
}

/// A row: `fields=` may leave any column out.
pub fn row(list: &List) -> RefOr<Schema> {
    let about = format!(
        "{}: a row of {}",
        list.about,
        list.view.split(' ').next_back().unwrap_or_default().trim_end_matches(')')
    );
    let built = of(Type::Object).description(Some(about));
    list.columns.iter().fold(built, |built, column| built.property(column.name, cell(column))).into()
}

fn cell(column: &Column) -> RefOr<Schema> {
    let kind = |kind: Type| -> SchemaType {
        if column.nullable { SchemaType::from_iter([kind, Type::Null]) } else { kind.into() }
    };
    let built = ObjectBuilder::new();
    match column.kind {
        Kind::Text => built.schema_type(kind(Type::String)).into(),
        Kind::Integer => built.schema_type(kind(Type::Integer)).into(),
        Kind::Real => built.schema_type(kind(Type::Number)).into(),
        Kind::Flag => built.schema_type(kind(Type::Integer)).enum_values(Some([json!(0), json!(1)])).into(),
        Kind::Time => {
            let time = SchemaFormat::Custom("date-time".into());
            built.schema_type(kind(Type::String)).format(Some(time)).into()
        }
        Kind::Json => schema(&Shape::Any),
    }
}

/// Problem details (RFC 9457).
pub fn problem() -> RefOr<Schema> {
    const FAULT: Shape = Shape::Object(&[("field", Shape::Text), ("message", Shape::Text)]);
    schema(&Shape::Object(&[
        ("type", Shape::Text),
        ("title", Shape::Text),
        ("status", Shape::Integer),
        ("detail", Shape::Text),
        ("reason?", Shape::Text),
        ("details?", Shape::List(&Shape::Text)),
        ("errors?", Shape::List(&FAULT)),
        ("retry_after_ms?", Shape::Integer),
    ]))
}
