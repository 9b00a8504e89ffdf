//! Whether a text is a rule, asked before anybody obeys it: names, types, and what it can cost on one node.
//!
//! The text is read without expanding the list macros, so that every complaint points at what was written. What the
//! interpreter could do beyond this (maps, time, text building, patterns) is refused: it has no use in a rule, and what
//! cannot be written need not be bounded.

mod calls;
mod lists;
mod operators;
mod place;
mod types;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::ast::{Expr, LiteralValue, SelectExpr, SourceInfo};
use cel::parser::{ParseError, Parser};
use cel::{Env, IdedExpr as Expression};

use self::types::{Scalar, Type};
use crate::rule::LONGEST_RULE;
use crate::schema::{self, Known};
use crate::{Position, RuleError};

/// Deepest nesting of a rule.
const DEEPEST: usize = 24;
/// Most steps one evaluation may take on the worst node that is believed.
const MOST_STEPS: u64 = 100_000;
/// Most entries of a list that are believed.
const ENTRIES: u64 = rollcall_model::hardware::MAX_ENTRIES as u64;

/// Checks a text; returns the facts it names.
pub(crate) fn check(text: &str) -> Result<Vec<(&'static str, Known)>, RuleError> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        return Err(RuleError::whole("it is empty; write a condition, e.g. cpu.cores >= 32"));
    }
    if length > LONGEST_RULE {
        let message =
            format!("it has {length} characters, at most {LONGEST_RULE} are taken; make several groups of it");
        return Err(RuleError::whole(message));
    }
    let parser = Env::default().with_optional_support(false).parser();
    let (expression, info) = parse(parser, text)?;
    let mut checker = Checker { text, info: &info, facts: BTreeMap::new(), variables: Vec::new(), depth: 0 };
    let judged = checker.judge(&expression)?;
    if !matches!(judged.is, Type::Scalar(Scalar::Bool)) {
        let message = format!(
            "this is {}, but a rule is a question with the answer true or false; compare it with something, \
             e.g. cpu.cores >= 32",
            judged.is
        );
        return Err(checker.error(&expression, message));
    }
    if judged.steps > MOST_STEPS {
        return Err(RuleError::whole(too_many(judged.steps)));
    }
    Ok(checker.facts.into_iter().collect())
}

fn too_many(steps: u64) -> String {
    format!(
        "it could take {steps} steps on a node with the longest lists, at most {MOST_STEPS} are allowed; do not nest \
         exists() and its like, and ask fewer questions of each entry"
    )
}

/// Reads a text with a parser.
pub(crate) fn parse(parser: Parser, text: &str) -> Result<(Expression, SourceInfo), RuleError> {
    // The parser is not ours, and a text from outside must not end the process whatever is in it.
    let read = catch_unwind(AssertUnwindSafe(|| parser.parse_with_source_info(text)));
    match read {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(errors)) => Err(errors.errors.first().map_or_else(unreadable, |first| syntax(text, first))),
        Err(_) => Err(unreadable()),
    }
}

fn unreadable() -> RuleError {
    RuleError::whole("it cannot be read as CEL; write a condition, e.g. cpu.cores >= 32")
}

/// The parser's complaint in fewer words.
fn syntax(text: &str, error: &ParseError) -> RuleError {
    let at = match (usize::try_from(error.pos.0), usize::try_from(error.pos.1)) {
        (Ok(line @ 1..), Ok(column @ 1..)) => Some(Position { line, column }),
        _ => None,
    };
    let excerpt = at.map_or_else(String::new, |at| place::from(text, at));
    let complaint = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
    let complaint = complaint.split(" expecting ").next().unwrap_or(complaint);
    let message = if complaint.contains("Recursion limit") {
        format!("it is nested too deeply, at most {DEEPEST} levels are taken; make several groups of it")
    } else {
        let complaint: String = complaint.chars().take(120).collect();
        format!("it cannot be read as CEL from here on ({complaint}); see docs/rules.md for what a rule looks like")
    };
    RuleError { at, excerpt, message }
}

/// What was found out about a part of a rule.
struct Judged {
    /// What it is.
    is: Type,
    /// Steps it takes at worst.
    steps: u64,
}

impl Judged {
    fn scalar(scalar: Scalar, steps: u64) -> Self {
        Self { is: Type::Scalar(scalar), steps }
    }
}

struct Checker<'t> {
    text: &'t str,
    info: &'t SourceInfo,
    facts: BTreeMap<&'static str, Known>,
    /// Names that list macros gave to entries, innermost last.
    variables: Vec<(String, Type)>,
    depth: usize,
}

impl Checker<'_> {
    fn judge(&mut self, expression: &Expression) -> Result<Judged, RuleError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message =
                format!("it is nested too deeply, at most {DEEPEST} levels are taken; make several groups of it");
            return Err(RuleError::whole(message));
        }
        let judged = match &expression.expr {
            Expr::Literal(literal) => self.literal(expression, literal),
            Expr::Ident(name) => self.name(expression, name),
            Expr::Select(select) => self.select(expression, select),
            Expr::Call(call) => self.call(expression, call),
            Expr::List(list) => self.list(expression, list),
            _ => Err(self.error(expression, "rules have no maps and no structures; name a fact, see docs/rules.md")),
        };
        self.depth -= 1;
        judged
    }

    fn literal(&self, expression: &Expression, literal: &LiteralValue) -> Result<Judged, RuleError> {
        let is = match literal {
            LiteralValue::Boolean(_) => Type::Scalar(Scalar::Bool),
            LiteralValue::Int(_) => Type::Scalar(Scalar::Int),
            LiteralValue::UInt(_) => Type::Scalar(Scalar::Uint),
            LiteralValue::Double(_) => Type::Scalar(Scalar::Double),
            LiteralValue::String(_) => Type::Scalar(Scalar::Text),
            LiteralValue::Null => Type::Null,
            LiteralValue::Bytes(_) => {
                return Err(self.error(expression, "no fact is made of bytes; write text, without the b before it"));
            }
        };
        Ok(Judged { is, steps: 1 })
    }

    fn variable(&self, name: &str) -> Option<&Type> {
        self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, is)| is)
    }

    /// A name without a dot.
    fn name(&mut self, expression: &Expression, name: &str) -> Result<Judged, RuleError> {
        match self.variable(name) {
            Some(is) => Ok(Judged { is: is.clone(), steps: 1 }),
            None => self.fact(expression, name),
        }
    }

    fn fact(&mut self, expression: &Expression, name: &str) -> Result<Judged, RuleError> {
        let Some((name, known)) = schema::find(name) else {
            return Err(self.error(expression, types::no_such_fact(name)));
        };
        self.facts.insert(name, known);
        Ok(Judged { is: known.kind().into(), steps: 1 })
    }

    /// A name with dots, or a field of an entry.
    fn select(&mut self, expression: &Expression, select: &SelectExpr) -> Result<Judged, RuleError> {
        if let Some(name) = self.path(expression) {
            return self.fact(expression, &name);
        }
        let operand = self.judge(&select.operand)?;
        match operand.is {
            Type::Entry(fields) => match fields.iter().find(|field| field.name == select.field) {
                Some(field) => Ok(Judged { is: field.kind.into(), steps: operand.steps + 1 }),
                None => Err(self.error(expression, types::no_such_field(&select.field, fields))),
            },
            Type::List(_) => {
                let message = "this asks a whole list; ask its entries, e.g. nics.exists(n, n.speed_mbps >= 25000)";
                Err(self.error(expression, message))
            }
            is => Err(self.error(expression, format!("{is} has no fields; leave out .{}", select.field))),
        }
    }

    /// The dotted name this is, unless it begins with the name of an entry.
    fn path(&self, expression: &Expression) -> Option<String> {
        let mut segments = Vec::new();
        let mut at = expression;
        loop {
            match &at.expr {
                Expr::Select(select) => {
                    segments.push(select.field.as_str());
                    at = &select.operand;
                }
                Expr::Ident(name) if self.variable(name).is_none() => {
                    segments.push(name);
                    segments.reverse();
                    return Some(segments.join("."));
                }
                _ => return None,
            }
        }
    }

    /// The part of the text that is meant, shortened.
    fn excerpt(&self, expression: &Expression) -> String {
        place::excerpt(self.text, place::span(self.text, self.info, expression))
    }

    fn error(&self, expression: &Expression, message: impl Into<String>) -> RuleError {
        let span = place::span(self.text, self.info, expression);
        let at = Some(place::position(self.text, span.0));
        RuleError { at, excerpt: place::excerpt(self.text, span), message: message.into() }
    }
}

#[cfg(test)]
mod tests;
