//! Where in the text something stands.

use cel::IdedExpr as Expression;
use cel::common::ast::{Expr, SourceInfo};

use crate::Position;

/// Longest excerpt, in characters.
const SHOWN: usize = 60;

/// Bytes from (inclusive) and to (exclusive).
pub(super) type Span = (usize, usize);

/// The part of the text an expression was written as; the whole text if that is not known.
pub(super) fn span(text: &str, info: &SourceInfo, expression: &Expression) -> Span {
    // The parser knows one token of each expression: a literal's or name's own, else the operator or bracket.
    let Some((start, stop)) = info.offset_for(expression.id) else { return (0, text.len()) };
    let (mut from, mut to) = (start as usize, stop as usize + 1);
    let mut take = |part: &Expression| {
        let part = span(text, info, part);
        (from, to) = (from.min(part.0), to.max(part.1));
    };
    match &expression.expr {
        Expr::Select(select) => {
            take(&select.operand);
            to = to.max(stop as usize + 1 + select.field.len());
        }
        Expr::Call(call) => {
            call.target.iter().for_each(|target| take(target));
            call.args.iter().for_each(&mut take);
            let bracket = closing(text, start as usize);
            to = to.max(bracket);
            // `size(…)`: the name stands before the bracket.
            if call.target.is_none() && text[..start as usize].ends_with(&call.func_name) {
                from = from.min(start as usize - call.func_name.len());
            }
        }
        Expr::List(list) => {
            list.elements.iter().for_each(&mut take);
            to = to.max(closing(text, start as usize));
        }
        _ => {}
    }
    (from.min(text.len()), to.min(text.len()))
}

/// Where the bracket that opens here is closed; 0 if none opens here.
fn closing(text: &str, at: usize) -> usize {
    let mut depth = 0_usize;
    let mut quote = None;
    for (offset, byte) in text.bytes().enumerate().skip(at) {
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        if depth == 0 {
            return if offset == at { 0 } else { offset + 1 };
        }
    }
    0
}

pub(super) fn position(text: &str, at: usize) -> Position {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    Position { line, column }
}

/// A span's text on one line, shortened.
pub(super) fn excerpt(text: &str, span: Span) -> String {
    shortened(text.get(span.0..span.1).unwrap_or(text))
}

/// What stands from a position on, to the end of its line, shortened.
pub(super) fn from(text: &str, at: Position) -> String {
    let line = text.lines().nth(at.line - 1).unwrap_or_default();
    shortened(&line.chars().skip(at.column - 1).take(SHOWN / 2).collect::<String>())
}

fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= SHOWN { words } else { words.chars().take(SHOWN - 1).chain(['…']).collect() }
}
