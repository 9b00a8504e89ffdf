//! Facts as the interpreter sees them: made when a rule asks for them, and borrowed from the node's facts.

use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Iterable, Iterator as Elements, Sizer};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelNull, CelString, DYN_TYPE, LIST_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;

use crate::Facts;
use crate::schema::{self, Item, Seen};

impl VariableResolver for Facts {
    /// A whole name at once: the interpreter asks for `cpu.cores` before it asks for `cpu`.
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match schema::find(variable) {
            // A reading that is not there is absent, not null: what is asked of it is unknown.
            Some((name, known)) => match known.see(self) {
                Seen::Unknown if name.starts_with("metrics.") => None,
                seen => Some(value(seen)),
            },
            None => schema::head(variable).map(|head| CowVal::owned(Object { head, facts: self })),
        }
    }
}

fn value<'v>(seen: Seen<'v>) -> CowVal<'v, 'v> {
    match seen {
        Seen::Unknown => CowVal::Borrowed(&CelNull),
        Seen::Bool(true) => CowVal::Borrowed(&CelBool::TRUE),
        Seen::Bool(false) => CowVal::Borrowed(&CelBool::FALSE),
        Seen::Int(number) => CowVal::owned(CelInt::from(number)),
        Seen::Double(number) => CowVal::owned(CelDouble::from(number)),
        Seen::Text(text) => CowVal::owned(CelString::from(text)),
        Seen::Texts(texts) => CowVal::owned(Texts { texts, values: OnceLock::new() }),
        Seen::Entries(items) => {
            let entries: Vec<Box<dyn Val + 'v>> =
                items.into_iter().map(|item| Box::new(Entry(item)) as Box<dyn Val + 'v>).collect();
            CowVal::owned(CelList::from(entries))
        }
    }
}

/// The name that was asked for.
fn key(index: &dyn Val) -> Result<&str, ExecutionError> {
    index.downcast_ref::<CelString<'_>>().map(CelString::inner).ok_or_else(|| ExecutionError::UnexpectedType {
        got: index.get_type().name().to_owned(),
        want: "a name".to_owned(),
    })
}

/// What stands before the dot, for `has(cpu.cores)`: an unknown fact is not there.
#[derive(Clone, Debug)]
struct Object<'a> {
    head: &'static str,
    facts: &'a Facts,
}

impl Indexer for Object<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = format!("{}.{}", self.head, key(index)?);
        match schema::find(&name).map(|(_, known)| known.see(self.facts)) {
            None | Some(Seen::Unknown) => Err(ExecutionError::no_such_key(&name)),
            Some(seen) => Ok(value(seen)),
        }
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

impl Val for Object<'_> {
    fn get_type(&self) -> &Type {
        &DYN_TYPE
    }

    fn cel_type() -> &'static Type {
        &DYN_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }
}

/// An entry of a list: `n` in `nics.exists(n, …)`.
#[derive(Clone, Copy, Debug)]
struct Entry<'a>(Item<'a>);

impl Indexer for Entry<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let field = key(index)?;
        self.0.see(field).map(value).ok_or_else(|| ExecutionError::no_such_key(field))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

impl Val for Entry<'_> {
    fn get_type(&self) -> &Type {
        &DYN_TYPE
    }

    fn cel_type() -> &'static Type {
        &DYN_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

/// A list of texts. `in` reads them where they are; only a macro over them makes values of them.
#[derive(Debug)]
struct Texts<'a> {
    texts: &'a [String],
    values: OnceLock<Vec<CelString<'a>>>,
}

impl<'a> Texts<'a> {
    fn values(&self) -> &[CelString<'a>] {
        self.values.get_or_init(|| self.texts.iter().map(|text| CelString::from(text.as_str())).collect())
    }
}

impl Container for Texts<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        let text = value.downcast_ref::<CelString<'_>>();
        Ok(text.is_some_and(|text| self.texts.iter().any(|known| known == text.inner())))
    }
}

impl Sizer for Texts<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.texts.len()).unwrap_or(i64::MAX))
    }
}

impl Iterable for Texts<'_> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn Elements<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Walk(self.values().iter()))
    }
}

impl Indexer for Texts<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let at = index.downcast_ref::<CelInt>().and_then(|at| usize::try_from(*at.inner()).ok());
        let text = at.and_then(|at| self.texts.get(at));
        text.map(|text| CowVal::owned(CelString::from(text.as_str())))
            .ok_or_else(|| ExecutionError::no_such_key("no entry at that place of the list"))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

impl Val for Texts<'_> {
    fn get_type(&self) -> &Type {
        &LIST_TYPE
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Self { texts: self.texts, values: OnceLock::new() })
    }
}

struct Walk<'b, 'a>(std::slice::Iter<'b, CelString<'a>>);

impl<'b, 'a: 'v, 'v> Elements<'b, 'v> for Walk<'b, 'a> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|text| text as &'b (dyn Val + 'v))
    }
}
