//! Operators: what can be compared, counted and combined.

use cel::IdedExpr as Expression;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators as op};
use rollcall_model::NodeState;

use super::types::{Scalar, Type};
use super::{Checker, ENTRIES, Judged};
use crate::RuleError;

impl Checker<'_> {
    /// Judges an operator; `None` when the call is none.
    pub(super) fn operator(&mut self, expression: &Expression, call: &CallExpr) -> Option<Result<Judged, RuleError>> {
        Some(match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_AND | op::LOGICAL_OR, [left, right]) => self.both_true(left, right),
            (op::LOGICAL_NOT, [operand]) => self.truth(operand).map(|steps| Judged::scalar(Scalar::Bool, steps + 1)),
            (op::EQUALS | op::NOT_EQUALS, [left, right]) => self.equality(expression, left, right),
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [left, right]) => {
                self.order(expression, left, right)
            }
            (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [left, right]) => {
                self.arithmetic(expression, &call.func_name, left, right)
            }
            (op::NEGATE, [operand]) => self.negation(operand),
            (op::CONDITIONAL, [condition, yes, no]) => self.conditional(expression, condition, yes, no),
            (op::IN, [entry, list]) => self.contained(expression, entry, list),
            (op::INDEX, [list, at]) => self.indexed(expression, list, at),
            _ => return None,
        })
    }

    /// Steps of a part that must be true or false.
    pub(super) fn truth(&mut self, operand: &Expression) -> Result<u64, RuleError> {
        let judged = self.judge(operand)?;
        match judged.is {
            Type::Scalar(Scalar::Bool) => Ok(judged.steps),
            is => {
                let message =
                    format!("this is {is}, but what stands here must be true or false; compare it with something");
                Err(self.error(operand, message))
            }
        }
    }

    fn both_true(&mut self, left: &Expression, right: &Expression) -> Result<Judged, RuleError> {
        let steps = self.truth(left)? + self.truth(right)?;
        Ok(Judged::scalar(Scalar::Bool, steps + 1))
    }

    fn equality(&mut self, whole: &Expression, left: &Expression, right: &Expression) -> Result<Judged, RuleError> {
        let (a, b) = (self.judge(left)?, self.judge(right)?);
        match (&a.is, &b.is) {
            (Type::Null, Type::Null) => return Err(self.error(whole, "this is always the same; name a fact")),
            (Type::Null, _) => self.can_be_null(right)?,
            (_, Type::Null) => self.can_be_null(left)?,
            (Type::Scalar(one), Type::Scalar(other)) => {
                if one != other && !(one.is_number() && other.is_number()) {
                    let message = format!(
                        "{} is {one} and {} is {other}: they are never equal; compare like with like",
                        self.excerpt(left),
                        self.excerpt(right)
                    );
                    return Err(self.error(whole, message));
                }
            }
            _ => {
                let message = "lists and their entries cannot be compared as a whole; use in, size() or exists()";
                return Err(self.error(whole, message));
            }
        }
        self.known_state(left, right)?;
        self.known_state(right, left)?;
        Ok(Judged::scalar(Scalar::Bool, a.steps + b.steps + 1))
    }

    fn can_be_null(&self, part: &Expression) -> Result<(), RuleError> {
        let name = self.path(part).unwrap_or_default();
        match name.split_once('.').map(|(head, _)| head) {
            Some("metrics") => {
                Err(self.error(part, format!("a reading is absent, not null; write has({name}) or !has({name})")))
            }
            Some("health" | "measured") => Err(self.error(part, "this is never null; leave the comparison out")),
            _ if matches!(part.expr, Expr::Select(_) | Expr::Ident(_)) => Ok(()),
            _ => Err(self.error(part, "only a fact can be null; compare it with what it can be")),
        }
    }

    /// A state that is none would never be met.
    fn known_state(&self, fact: &Expression, word: &Expression) -> Result<(), RuleError> {
        if let Expr::Literal(LiteralValue::String(word_is)) = &word.expr
            && self.path(fact).as_deref() == Some("node.state")
            && word_is.inner().parse::<NodeState>().is_err()
        {
            let all: Vec<&str> = NodeState::ALL.iter().map(|state| state.as_str()).collect();
            return Err(self.error(word, format!("there is no such state; there are {}", all.join(", "))));
        }
        Ok(())
    }

    fn order(&mut self, whole: &Expression, left: &Expression, right: &Expression) -> Result<Judged, RuleError> {
        let (a, b) = (self.judge(left)?, self.judge(right)?);
        for (part, judged) in [(left, &a), (right, &b)] {
            match judged.is {
                Type::Scalar(Scalar::Bool) => {
                    let message = "this is true or false and has no order; use it as it is, or == and !=";
                    return Err(self.error(part, message));
                }
                Type::Scalar(_) => {}
                ref is => {
                    return Err(self.error(part, format!("this is {is} and has no order; compare numbers or texts")));
                }
            }
        }
        if let (Type::Scalar(one), Type::Scalar(other)) = (&a.is, &b.is)
            && one != other
            && !(one.is_number() && other.is_number())
        {
            let message = format!(
                "{} is {one} and {} is {other}: they have no order; compare like with like",
                self.excerpt(left),
                self.excerpt(right)
            );
            return Err(self.error(whole, message));
        }
        Ok(Judged::scalar(Scalar::Bool, a.steps + b.steps + 1))
    }

    fn arithmetic(
        &mut self,
        whole: &Expression,
        operator: &str,
        left: &Expression,
        right: &Expression,
    ) -> Result<Judged, RuleError> {
        let (a, b) = (self.judge(left)?, self.judge(right)?);
        let (Some(one), Some(other)) = (number(&a.is), number(&b.is)) else {
            let (part, is) = if number(&a.is).is_none() { (left, &a.is) } else { (right, &b.is) };
            return Err(self.error(part, format!("this is {is}; rules count with numbers only")));
        };
        if one != other {
            let message = format!(
                "{} is {one} and {} is {other}; numbers are counted with their like: write double(…) around the int, \
                 or write 2.0 for 2",
                self.excerpt(left),
                self.excerpt(right)
            );
            return Err(self.error(whole, message));
        }
        if operator == op::MODULO && one == Scalar::Double {
            return Err(self.error(whole, "a double leaves no remainder; write int(…) around both"));
        }
        Ok(Judged::scalar(one, a.steps + b.steps + 1))
    }

    fn negation(&mut self, operand: &Expression) -> Result<Judged, RuleError> {
        let judged = self.judge(operand)?;
        match judged.is {
            Type::Scalar(scalar @ (Scalar::Int | Scalar::Double)) => Ok(Judged::scalar(scalar, judged.steps + 1)),
            is => Err(self.error(operand, format!("this is {is} and cannot be negative; use ! before true or false"))),
        }
    }

    fn conditional(
        &mut self,
        whole: &Expression,
        condition: &Expression,
        yes: &Expression,
        no: &Expression,
    ) -> Result<Judged, RuleError> {
        let steps = self.truth(condition)?;
        let (a, b) = (self.judge(yes)?, self.judge(no)?);
        match (a.is, b.is) {
            (Type::Scalar(one), Type::Scalar(other)) if one == other => {
                Ok(Judged::scalar(one, steps + a.steps.max(b.steps) + 1))
            }
            (one, other) => {
                let message = format!("one answer is {one}, the other {other}; both must be of one kind, and no lists");
                Err(self.error(whole, message))
            }
        }
    }

    fn contained(&mut self, whole: &Expression, entry: &Expression, list: &Expression) -> Result<Judged, RuleError> {
        let (a, b) = (self.judge(entry)?, self.judge(list)?);
        let of = match &b.is {
            Type::List(of) => of,
            Type::Scalar(Scalar::Text) => {
                return Err(self.error(whole, "in asks a list; for text within text write text.contains(\"…\")"));
            }
            is => return Err(self.error(list, format!("this is {is}; in asks a list, e.g. \"avx2\" in cpu.flags"))),
        };
        let steps = a.steps + b.steps + if matches!(list.expr, Expr::List(_)) { 1 } else { ENTRIES };
        match (&a.is, of.as_ref()) {
            (Type::Scalar(one), Type::Scalar(other)) if one == other || one.is_number() && other.is_number() => {
                if let Expr::List(words) = &list.expr {
                    words.elements.iter().try_for_each(|word| self.known_state(entry, word))?;
                }
                Ok(Judged::scalar(Scalar::Bool, steps))
            }
            (_, Type::Entry(_)) => {
                let message = "the entries of this list have fields; ask them with exists(), \
                               e.g. nics.exists(n, n.driver == \"mlx5_core\")";
                Err(self.error(whole, message))
            }
            (one, other) => {
                let message =
                    format!("{} is {one}, and the list is of {other}: it is never in it", self.excerpt(entry));
                Err(self.error(whole, message))
            }
        }
    }

    fn indexed(&mut self, whole: &Expression, list: &Expression, at: &Expression) -> Result<Judged, RuleError> {
        let (a, b) = (self.judge(list)?, self.judge(at)?);
        match (a.is, b.is) {
            (Type::List(of), Type::Scalar(Scalar::Int)) => Ok(Judged { is: *of, steps: a.steps + b.steps + 1 }),
            (Type::List(_), is) => {
                Err(self.error(at, format!("this is {is}; entries of a list are numbered by an int")))
            }
            (is, _) => {
                Err(self.error(whole, format!("{} is {is}; only lists have [ ]; use a dot", self.excerpt(list))))
            }
        }
    }
}

fn number(is: &Type) -> Option<Scalar> {
    match is {
        Type::Scalar(scalar) if scalar.is_number() => Some(*scalar),
        _ => None,
    }
}
