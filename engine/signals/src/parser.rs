//! Tokens to a tree, by binding powers (a Pratt parser). It knows functions and fields, not instruments or parameters.

use crate::error::{ExprError, Fault, Problem};
use crate::expr::{Expr, FieldRef, Node, NodeKind};
use crate::field::Field;
use crate::functions::{Function, FunctionDoc, table};
use crate::lexer::{self, Spanned, Token};
use crate::limits::{DEPTH_MAX, TEXT_BYTES_MAX};
use crate::ops::{Binary, Unary};

/// Words that cannot be names without quotes.
pub(crate) const KEYWORDS: [&str; 5] = ["and", "or", "not", "true", "false"];

/// What may stand where a value is expected.
const VALUE: &str = "a value (field, function, number, $parameter or parenthesis)";

/// Parses an expression.
///
/// # Errors
/// [`ExprError`], which points at the column.
pub fn parse(text: &str) -> Result<Expr, ExprError> {
    let root = parse_text(text).map_err(|fault| fault.within(text))?;
    Ok(Expr {
        text: text.to_owned(),
        root,
    })
}

fn parse_text(text: &str) -> Result<Node, Fault> {
    if text.len() > TEXT_BYTES_MAX {
        let bytes = text.len();
        return Err(Fault::new(0, Problem::TooLong { bytes }));
    }
    let mut parser = Parser {
        tokens: lexer::tokens(text)?,
        next: 0,
        depth: 0,
    };
    let root = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(root),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    /// The last is [`Token::End`] and is never passed.
    tokens: Vec<Spanned>,
    next: usize,
    /// Calls of [`Parser::expression`] that are open.
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].token
    }

    fn at(&self) -> usize {
        self.tokens[self.next].at
    }

    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn is_symbol(&self, symbol: &'static str) -> bool {
        *self.peek() == Token::Symbol(symbol)
    }

    fn take_symbol(&mut self, symbol: &'static str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn unexpected(&self, expected: &str) -> Fault {
        Fault::expected(self.at(), expected, self.peek().to_string())
    }

    /// An expression whose operators bind at least as tightly as `power_min`.
    fn expression(&mut self, power_min: u8) -> Result<Node, Fault> {
        if self.depth >= DEPTH_MAX {
            return Err(Fault::new(self.at(), Problem::TooDeep));
        }
        self.depth += 1;
        let mut left = self.prefix(power_min)?;
        while let Some(binary) = self.infix().filter(|b| b.power() >= power_min) {
            let at = self.at();
            self.advance();
            let right = self.expression(binary.power() + 1)?;
            left = node(
                at,
                NodeKind::Binary(binary, Box::new(left), Box::new(right)),
            )?;
            let next = self.infix();
            if binary.is_comparison() && next.is_some_and(Binary::is_comparison) {
                return Err(self.unexpected("\"and\" between two comparisons (a < b and b < c)"));
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    /// The binary operator that comes next.
    fn infix(&self) -> Option<Binary> {
        match self.peek() {
            Token::Symbol(symbol) => Binary::find(symbol),
            Token::Word(word) => Binary::find(word),
            _ => None,
        }
    }

    fn prefix(&mut self, power_min: u8) -> Result<Node, Fault> {
        let at = self.at();
        let kind = match self.peek().clone() {
            Token::Number(value) => NodeKind::Number(value),
            Token::Parameter(name) => NodeKind::Parameter(name),
            Token::Word(word) if word == "true" => NodeKind::Truth(true),
            Token::Word(word) if word == "false" => NodeKind::Truth(false),
            Token::Word(word) if word == "not" => return self.unary(Unary::Not, power_min),
            Token::Word(word) if KEYWORDS.contains(&word.as_str()) => {
                return Err(self.unexpected(VALUE));
            }
            Token::Word(word) => return self.named(word),
            Token::Quoted(name) => return self.field_of_quoted(name),
            Token::Symbol("-") => return self.unary(Unary::Neg, power_min),
            Token::Symbol("(") => return self.parenthesis(),
            Token::Symbol(_) | Token::Bar(_) | Token::End => return Err(self.unexpected(VALUE)),
        };
        self.advance();
        node(at, kind)
    }

    fn unary(&mut self, unary: Unary, power_min: u8) -> Result<Node, Fault> {
        let at = self.at();
        if unary.power() < power_min {
            return Err(self.unexpected("a value or (not …) in parentheses"));
        }
        self.advance();
        let operand = self.expression(unary.power())?;
        node(at, NodeKind::Unary(unary, Box::new(operand)))
    }

    fn parenthesis(&mut self) -> Result<Node, Fault> {
        self.advance();
        let inner = self.expression(0)?;
        if !self.take_symbol(")") {
            return Err(self.unexpected("an operator or \")\""));
        }
        Ok(inner)
    }

    /// A word that is no keyword: a function if a parenthesis follows, otherwise a field, with its instrument or without.
    fn named(&mut self, word: String) -> Result<Node, Fault> {
        let at = self.at();
        self.advance();
        if self.is_symbol("(") {
            let names = table().iter().map(|doc| doc.name);
            let function = Function::find(&word)
                .ok_or_else(|| Fault::unknown(at, "function", &word, names))?;
            return self.call(at, function.doc());
        }
        if !self.is_symbol(".") {
            if Function::find(&word).is_some() {
                return Err(self.unexpected("\"(\" after the name of a function"));
            }
            return self.field(at, at, None, &word);
        }
        let mut instrument = word;
        loop {
            self.advance();
            let (last_at, last) = self.word("a field")?;
            if !self.is_symbol(".") {
                return self.field(at, last_at, Some(instrument), &last);
            }
            instrument = format!("{instrument}.{last}");
        }
    }

    fn field_of_quoted(&mut self, name: String) -> Result<Node, Fault> {
        let at = self.at();
        self.advance();
        if !self.take_symbol(".") {
            return Err(self.unexpected("\".\" and a field after the instrument"));
        }
        let (field_at, field) = self.word("a field")?;
        self.field(at, field_at, Some(name), &field)
    }

    fn field(
        &mut self,
        at: usize,
        field_at: usize,
        instrument: Option<String>,
        name: &str,
    ) -> Result<Node, Fault> {
        let Some(field) = Field::find(name) else {
            let fields = Field::ALL.iter().map(|field| field.name());
            // Without an instrument it may as well be a function whose parenthesis is missing.
            let functions = table().iter().map(|doc| doc.name);
            let functions = functions.filter(|_| instrument.is_none());
            return Err(Fault::unknown(
                field_at,
                "field",
                name,
                fields.chain(functions),
            ));
        };
        let mut bar = None;
        if let Token::Bar(spec) = *self.peek() {
            if !field.is_bar() {
                let field = field.name();
                return Err(Fault::new(self.at(), Problem::TickField { field }));
            }
            bar = Some(spec);
            self.advance();
        }
        let field = FieldRef {
            instrument,
            field,
            bar,
        };
        node(at, NodeKind::Field(field))
    }

    fn call(&mut self, at: usize, doc: &'static FunctionDoc) -> Result<Node, Fault> {
        self.advance();
        let mut arguments = Vec::new();
        if !self.is_symbol(")") {
            loop {
                arguments.push(self.expression(0)?);
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        if !self.take_symbol(")") {
            return Err(self.unexpected("an operator, \",\" or \")\""));
        }
        if !doc.takes(arguments.len()) {
            let problem = Problem::Arguments {
                usage: doc.usage(),
                found: arguments.len(),
            };
            return Err(Fault::new(at, problem));
        }
        let output = self.output(doc)?;
        node(
            at,
            NodeKind::Call {
                function: doc.function,
                arguments,
                output,
            },
        )
    }

    fn output(&mut self, doc: &'static FunctionDoc) -> Result<Option<&'static str>, Fault> {
        if doc.outputs.is_empty() || !self.take_symbol(".") {
            return Ok(None);
        }
        let (at, word) = self.word(&format!("one of {}", doc.outputs.join(", ")))?;
        let found = doc.outputs.iter().find(|output| **output == word);
        match found {
            Some(output) => Ok(Some(output)),
            None => Err(Fault::unknown(
                at,
                "output",
                &word,
                doc.outputs.iter().copied(),
            )),
        }
    }

    fn word(&mut self, expected: &str) -> Result<(usize, String), Fault> {
        match self.peek().clone() {
            Token::Word(word) => {
                let at = self.at();
                self.advance();
                Ok((at, word))
            }
            _ => Err(self.unexpected(expected)),
        }
    }
}

/// A node one level above its children.
fn node(at: usize, kind: NodeKind) -> Result<Node, Fault> {
    let below = match &kind {
        NodeKind::Unary(_, operand) => operand.depth,
        NodeKind::Binary(_, left, right) => left.depth.max(right.depth),
        NodeKind::Call { arguments, .. } => arguments.iter().map(|a| a.depth).max().unwrap_or(0),
        _ => 0,
    };
    if below >= DEPTH_MAX {
        return Err(Fault::new(at, Problem::TooDeep));
    }
    Ok(Node {
        at,
        depth: below + 1,
        kind,
    })
}
