//! Lists, and the macros over them.

use cel::IdedExpr as Expression;
use cel::common::ast::{Expr, ListExpr};

use super::types::{Scalar, Type};
use super::{Checker, ENTRIES, Judged, MOST_STEPS, too_many};
use crate::RuleError;
use crate::schema;

impl Checker<'_> {
    /// A list that is written out: all of one kind.
    pub(super) fn list(&mut self, whole: &Expression, list: &ListExpr) -> Result<Judged, RuleError> {
        let mut of: Option<Scalar> = None;
        let mut steps = 1;
        for element in &list.elements {
            let judged = self.judge(element)?;
            steps += judged.steps;
            match (judged.is, of) {
                (Type::Scalar(scalar), None) => of = Some(scalar),
                (Type::Scalar(scalar), Some(of)) if scalar == of => {}
                (is, Some(of)) => {
                    return Err(
                        self.error(element, format!("this is {is}, but the list begins with {of}; write one kind"))
                    );
                }
                (is, None) => {
                    return Err(
                        self.error(element, format!("this is {is}; a list that is written out has numbers or texts"))
                    );
                }
            }
        }
        match of {
            Some(of) => Ok(Judged { is: Type::list_of(Type::Scalar(of)), steps }),
            None => Err(self.error(whole, "nothing is in an empty list; write what you look for, e.g. [\"a\", \"b\"]")),
        }
    }

    /// `nics.exists(n, …)` and its like, over a list of the node's own.
    pub(super) fn list_macro(
        &mut self,
        whole: &Expression,
        function: &str,
        list: &Expression,
        name: &Expression,
        bodies: &[&Expression],
    ) -> Result<Judged, RuleError> {
        if matches!(list.expr, Expr::List(_)) {
            let message = format!("{function}() goes over lists of the node, e.g. nics; for a list of words use in");
            return Err(self.error(list, message));
        }
        let range = self.judge(list)?;
        let Type::List(of) = range.is else {
            return Err(self.error(list, format!("this is {}; {function}() goes over a list, e.g. nics", range.is)));
        };
        let variable = self.entry_name(function, name)?;
        self.variables.push((variable, of.as_ref().clone()));
        let judged = self.macro_body(function, bodies);
        self.variables.pop();
        let (body, steps) = judged?;
        let is = match function {
            "filter" => Type::List(of),
            "map" => match body {
                body @ Type::Scalar(_) => Type::list_of(body),
                is => {
                    return Err(
                        self.error(whole, format!("map() makes {is} of each entry; make numbers or texts of them"))
                    );
                }
            },
            _ => Type::Scalar(Scalar::Bool),
        };
        // Bounded here and not only at the end, so that what is summed up elsewhere cannot overflow.
        let steps = range.steps.saturating_add(ENTRIES.saturating_mul(steps.saturating_add(1)));
        if steps > MOST_STEPS { Err(self.error(whole, too_many(steps))) } else { Ok(Judged { is, steps }) }
    }

    /// What the body of a macro is, and its steps for one entry.
    fn macro_body(&mut self, function: &str, bodies: &[&Expression]) -> Result<(Type, u64), RuleError> {
        let mut steps = 0_u64;
        let mut is = Type::Scalar(Scalar::Bool);
        for (at, body) in bodies.iter().enumerate() {
            if function == "map" && at + 1 == bodies.len() {
                let judged = self.judge(body)?;
                steps = steps.saturating_add(judged.steps);
                is = judged.is;
            } else {
                steps = steps.saturating_add(self.truth(body)?);
            }
        }
        Ok((is, steps))
    }

    /// The name a macro gives to each entry.
    fn entry_name(&self, function: &str, name: &Expression) -> Result<String, RuleError> {
        let Expr::Ident(variable) = &name.expr else {
            let message = format!("{function}() first takes a name for the entry, e.g. n in nics.{function}(n, …)");
            return Err(self.error(name, message));
        };
        let taken =
            self.variable(variable).is_some() || schema::find(variable).is_some() || schema::head(variable).is_some();
        if taken || variable.contains('.') {
            return Err(self.error(name, format!("{variable} names something else already; take another name, e.g. n")));
        }
        Ok(variable.clone())
    }
}
