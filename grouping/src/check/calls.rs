//! Functions.

use cel::IdedExpr as Expression;
use cel::common::ast::{CallExpr, Expr};

use super::types::{Scalar, Type, nearest};
use super::{Checker, Judged};
use crate::RuleError;
use crate::schema;

/// What a rule can call.
const FUNCTIONS: [&str; 12] = [
    "has",
    "size",
    "int",
    "double",
    "startsWith",
    "endsWith",
    "contains",
    "exists",
    "exists_one",
    "all",
    "filter",
    "map",
];

impl Checker<'_> {
    pub(super) fn call(&mut self, whole: &Expression, call: &CallExpr) -> Result<Judged, RuleError> {
        if call.target.is_none()
            && let Some(judged) = self.operator(whole, call)
        {
            return judged;
        }
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            ("has", None, [fact]) => self.has(fact),
            ("size", None, [of]) | ("size", Some(of), []) => self.size(of),
            ("int" | "double", None, [number]) => self.conversion(&call.func_name, number),
            ("startsWith" | "endsWith" | "contains", Some(text), [part]) => self.text_within(text, part),
            ("exists" | "exists_one" | "all" | "filter" | "map", Some(list), [name, body]) => {
                self.list_macro(whole, &call.func_name, list, name, &[body])
            }
            ("map", Some(list), [name, condition, body]) => {
                self.list_macro(whole, "map", list, name, &[condition, body])
            }
            (name, _, _) => Err(self.error(whole, no_such_call(name))),
        }
    }

    /// `has(cpu.cores)`: whether a fact is known.
    fn has(&mut self, fact: &Expression) -> Result<Judged, RuleError> {
        match (&fact.expr, self.path(fact)) {
            (Expr::Select(_), Some(name)) if schema::head(&name).is_none() => {
                let judged = self.fact(fact, &name)?;
                Ok(Judged::scalar(Scalar::Bool, judged.steps + 1))
            }
            _ => {
                let message = "has() takes a fact with a dot, e.g. has(metrics.fan); for others compare with null, \
                               e.g. kernel != null";
                Err(self.error(fact, message))
            }
        }
    }

    fn size(&mut self, of: &Expression) -> Result<Judged, RuleError> {
        let judged = self.judge(of)?;
        match judged.is {
            Type::List(_) | Type::Scalar(Scalar::Text) => Ok(Judged::scalar(Scalar::Int, judged.steps + 1)),
            is => Err(self.error(of, format!("this is {is}; size() takes a list or text"))),
        }
    }

    fn conversion(&mut self, to: &str, number: &Expression) -> Result<Judged, RuleError> {
        let judged = self.judge(number)?;
        match judged.is {
            Type::Scalar(scalar) if scalar.is_number() => {
                let scalar = if to == "int" { Scalar::Int } else { Scalar::Double };
                Ok(Judged::scalar(scalar, judged.steps + 1))
            }
            is => Err(self.error(number, format!("this is {is}; {to}() takes a number"))),
        }
    }

    fn text_within(&mut self, text: &Expression, part: &Expression) -> Result<Judged, RuleError> {
        let mut steps = 1;
        for operand in [text, part] {
            let judged = self.judge(operand)?;
            if !matches!(judged.is, Type::Scalar(Scalar::Text)) {
                let message = format!("this is {}; startsWith, endsWith and contains ask a text for a text", judged.is);
                return Err(self.error(operand, message));
            }
            steps += judged.steps;
        }
        Ok(Judged::scalar(Scalar::Bool, steps))
    }
}

fn no_such_call(name: &str) -> String {
    let shown: String = name.chars().take(40).collect();
    if name == "matches" {
        return "rules have no patterns; write startsWith, endsWith or contains, as often as needed".into();
    }
    if FUNCTIONS.contains(&name) {
        return format!("{shown} is not called like this; see docs/rules.md for what it takes");
    }
    match nearest(name, FUNCTIONS.into_iter()) {
        Some(near) => format!("there is no function {shown}; did you mean {near}?"),
        None => format!("there is no function {shown}; there are {}", FUNCTIONS.join(", ")),
    }
}
