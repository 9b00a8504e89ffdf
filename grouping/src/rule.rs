//! A rule: a text that was checked, and what it says of a node.

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::types::CelBool;
use cel::{Context, Env, IdedExpr as Expression, Value};

use crate::check;
use crate::schema::{Known, Seen};
use crate::{Facts, RuleError};

/// Longest text of a rule, in characters.
pub const LONGEST_RULE: usize = 2_000;
/// Most facts that a reason names.
const TOLD: usize = 6;

/// The functions and macros of CEL's standard, made once.
static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A rule that was checked. Cheap to clone.
#[derive(Clone)]
pub struct Rule(Arc<Compiled>);

struct Compiled {
    text: String,
    expression: Expression,
    /// The facts it names, by name.
    facts: Vec<(&'static str, Known)>,
}

/// What a rule says of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The node fulfils it.
    Holds,
    /// The node does not.
    Fails,
    /// It cannot be decided, because something it asks for is not known: nobody enters or leaves because of it.
    Unknown,
}

impl Rule {
    /// Checks a text and takes it for a rule (Z8).
    ///
    /// # Errors
    /// When it is too long, is not CEL, names a fact that is not there, compares what cannot be compared, is not a
    /// question with the answer true or false, or could cost too much on one node. The error says where and what to do.
    pub fn compile(text: &str) -> Result<Self, RuleError> {
        let facts = check::check(text)?;
        // The same text once more, with the list macros expanded.
        let (expression, _) = check::parse(STANDARD.parser(), text)?;
        Ok(Self(Arc::new(Compiled { text: text.to_owned(), expression, facts })))
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Names of the facts it asks for, in order.
    pub fn facts(&self) -> impl Iterator<Item = &'static str> {
        self.0.facts.iter().map(|(name, _)| *name)
    }

    /// What it says of a node with these facts.
    #[must_use]
    pub fn evaluate(&self, facts: &Facts) -> Verdict {
        let mut context = Context::with_env(Arc::clone(&STANDARD));
        context.set_variable_resolver(facts);
        let answer = Value::resolve_val(&self.0.expression, &context);
        let answer = answer.ok().and_then(|answer| answer.downcast_ref::<CelBool>().map(|answer| *answer.inner()));
        match answer {
            Some(true) => Verdict::Holds,
            Some(false) => Verdict::Fails,
            None => Verdict::Unknown,
        }
    }

    /// The facts it asks for as a node has them, for people: `cpu.cores = 64, health.fan = false`.
    #[must_use]
    pub fn seen(&self, facts: &Facts) -> String {
        let told: Vec<String> =
            self.0.facts.iter().take(TOLD).map(|(name, known)| format!("{name} = {}", known.see(facts))).collect();
        let more = self.0.facts.len().saturating_sub(TOLD);
        let mut text = told.join(", ");
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        text
    }

    /// Why it cannot be decided for a node, for people.
    #[must_use]
    pub fn why_unknown(&self, facts: &Facts) -> String {
        let unknown: Vec<&str> = self
            .0
            .facts
            .iter()
            .filter(|(_, known)| matches!(known.see(facts), Seen::Unknown))
            .map(|(name, _)| *name)
            .collect();
        if !unknown.is_empty() {
            return format!("not known: {}", unknown.join(", "));
        }
        let mut context = Context::with_env(Arc::clone(&STANDARD));
        context.set_variable_resolver(facts);
        match Value::resolve_val(&self.0.expression, &context) {
            Err(error) => format!("cannot be computed: {error}"),
            Ok(_) => "it can be decided".to_owned(),
        }
    }
}

impl PartialEq for Rule {
    /// Rules of the same text are the same.
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Rule {}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {:?}", self.0.text)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}
