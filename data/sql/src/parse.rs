//! From tokens to the tree of one statement, which is nested no deeper than the engine can follow.

use crate::clauses::{Tokens, place};
use crate::error::{Place, SqlError};
use crate::limits::EXPRESSION_DEPTH_MAX;
use sqlparser::ast::{Expr, Query, Spanned, Statement, Visit, Visitor};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError, ParserOptions};
use std::ops::ControlFlow;

/// Parses one statement.
pub(crate) fn parse(text: &str, tokens: &Tokens) -> Result<Statement, SqlError> {
    let options = ParserOptions {
        trailing_commas: true,
        ..ParserOptions::default()
    };
    let parsed = Parser::new(&GenericDialect {})
        .with_options(options)
        .with_tokens_with_locations(tokens.tokens.clone())
        .parse_statements();
    let mut statements = parsed.map_err(|error| syntax(text, &error))?;
    match statements.len() {
        1 => {
            let statement = statements.remove(0);
            let mut depth = Depth { text, depth: 0 };
            match statement.visit(&mut depth) {
                ControlFlow::Break(error) => Err(error),
                ControlFlow::Continue(()) => Ok(statement),
            }
        }
        0 => Err(SqlError::Statement("there is no statement".to_owned())),
        _ => Err(SqlError::Statement(
            "one statement at a time; several can be given on standard input".to_owned(),
        )),
    }
}

/// What the parser says, without its own words for the place.
fn syntax(text: &str, error: &ParserError) -> SqlError {
    let said = match error {
        ParserError::TokenizerError(said) | ParserError::ParserError(said) => said.as_str(),
        ParserError::RecursionLimitExceeded => "it is nested too deep",
    };
    let Some((what, rest)) = said.rsplit_once(" at Line: ") else {
        return SqlError::at(text, end_of(text), said);
    };
    let place = rest.split_once(", Column: ").and_then(|(line, column)| {
        Some(Place {
            line: line.parse().ok()?,
            column: column.trim().parse().ok()?,
        })
    });
    SqlError::at(text, place, what)
}

/// The place behind the last character.
pub(crate) fn end_of(text: &str) -> Option<Place> {
    let line = text.lines().count();
    let column = text.lines().last()?.chars().count() + 1;
    Some(Place { line, column })
}

/// A query that was written here.
pub(crate) fn parsed(text: &str) -> Result<Box<Query>, SqlError> {
    Parser::new(&GenericDialect {})
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_query())
        .map_err(|error| SqlError::Engine(error.to_string()))
}

/// Counts how deep expressions are nested: a chain of operators is as deep as it is long.
struct Depth<'a> {
    text: &'a str,
    depth: usize,
}

impl Visitor for Depth<'_> {
    type Break = SqlError;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<SqlError> {
        self.depth += 1;
        if self.depth > EXPRESSION_DEPTH_MAX {
            let place = Some(place(expr.span().start)).filter(|place| place.line > 0);
            let what = format!("an expression may have {EXPRESSION_DEPTH_MAX} operators in a row");
            return ControlFlow::Break(SqlError::at(self.text, place, what));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<SqlError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}
