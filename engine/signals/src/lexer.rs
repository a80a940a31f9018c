//! Text to tokens. Knows no names: what a word means is the parser's question.

use crate::error::{Fault, Problem};
use std::fmt;
use tickloom_types::BarSpec;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Number(f64),
    /// A word: keyword, field, function or instrument.
    Word(String),
    /// An instrument's name in single quotes.
    Quoted(String),
    /// `@` and a bar size.
    Bar(BarSpec),
    /// `$` and a name.
    Parameter(String),
    Symbol(&'static str),
    End,
}

/// A token and the character at which it starts, counted from 0.
#[derive(Clone, Debug)]
pub(crate) struct Spanned {
    pub(crate) at: usize,
    pub(crate) token: Token,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Number(value) => write!(f, "{value}"),
            Token::Word(word) => write!(f, "{word:?}"),
            Token::Quoted(name) => write!(f, "'{name}'"),
            Token::Bar(spec) => write!(f, "@{spec}"),
            Token::Parameter(name) => write!(f, "${name}"),
            Token::Symbol(symbol) => write!(f, "{symbol:?}"),
            Token::End => write!(f, "the end"),
        }
    }
}

/// Longer symbols before their beginnings.
const SYMBOLS: [&str; 15] = [
    "<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", ",", ".", "@",
];

/// What people write in other languages, and what it is called here.
const FOREIGN: [(&str, &str); 6] = [
    ("&&", "and"),
    ("||", "or"),
    ("!", "not"),
    ("<>", "!="),
    ("=", "=="),
    ("^", "*"),
];

/// All tokens, the last of them [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Spanned>, Fault> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer {
        chars: &chars,
        at: 0,
    };
    let mut tokens = Vec::new();
    loop {
        let spanned = lexer.next_token()?;
        let end = spanned.token == Token::End;
        tokens.push(spanned);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Result<Spanned, Fault> {
        self.take(char::is_whitespace);
        let at = self.at;
        let token = match self.peek(0) {
            None => Token::End,
            Some(c) if c.is_ascii_digit() => self.number()?,
            Some(c) if is_word_start(c) => Token::Word(self.take(is_word)),
            Some('\'') => self.quoted()?,
            Some('$') => self.parameter()?,
            Some('@') => self.bar()?,
            Some(c) => self.symbol(c)?,
        };
        Ok(Spanned { at, token })
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek(0).filter(|c| wanted(*c)) {
            taken.push(c);
            self.at += 1;
        }
        taken
    }

    /// Digits, a fraction, an exponent.
    fn number(&mut self) -> Result<Token, Fault> {
        let at = self.at;
        let mut text = self.take(|c| c.is_ascii_digit());
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        if self.peek(0) == Some('.') && digit(self.peek(1)) {
            self.at += 1;
            text.push('.');
            text.push_str(&self.take(|c| c.is_ascii_digit()));
        }
        let signed = matches!(self.peek(1), Some('+' | '-')) && digit(self.peek(2));
        if matches!(self.peek(0), Some('e' | 'E')) && (signed || digit(self.peek(1))) {
            self.at += 1;
            text.push('e');
            text.push_str(&self.take(|c| matches!(c, '+' | '-')));
            text.push_str(&self.take(|c| c.is_ascii_digit()));
        }
        if self.peek(0).is_some_and(is_word) {
            text.push_str(&self.take(is_word));
            return Err(Fault::expected(
                at,
                "a number (a name that begins with a digit needs single quotes)",
                format!("{text:?}"),
            ));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Token::Number(value)),
            _ => Err(Fault::expected(at, "a number in range", text)),
        }
    }

    fn quoted(&mut self) -> Result<Token, Fault> {
        let at = self.at;
        self.at += 1;
        let name = self.take(|c| c != '\'');
        if self.peek(0).is_none() {
            return Err(Fault::expected(at, "a closing single quote", "the end"));
        }
        self.at += 1;
        Ok(Token::Quoted(name))
    }

    fn parameter(&mut self) -> Result<Token, Fault> {
        self.at += 1;
        let name = self.take(is_word);
        if name.is_empty() {
            return Err(Fault::expected(
                self.at,
                "a parameter's name",
                self.found(0),
            ));
        }
        Ok(Token::Parameter(name))
    }

    fn bar(&mut self) -> Result<Token, Fault> {
        self.at += 1;
        let at = self.at;
        let text = self.take(|c| c.is_ascii_alphanumeric());
        text.parse()
            .map(Token::Bar)
            .map_err(|error| Fault::new(at, Problem::BarSize(error)))
    }

    fn symbol(&mut self, first: char) -> Result<Token, Fault> {
        let starts = |symbol: &str| {
            symbol
                .chars()
                .enumerate()
                .all(|(i, c)| self.peek(i) == Some(c))
        };
        let foreign = FOREIGN.iter().find(|(theirs, _)| starts(theirs));
        let known = SYMBOLS.iter().find(|symbol| starts(symbol));
        match (known, foreign) {
            (Some(known), foreign) if foreign.is_none_or(|f| f.0.len() <= known.len()) => {
                self.at += known.len();
                Ok(Token::Symbol(known))
            }
            (_, Some((theirs, ours))) => Err(Fault::expected(
                self.at,
                format!("{ours:?}"),
                format!("{theirs:?}"),
            )),
            _ => Err(Fault::expected(
                self.at,
                "a name, a number or an operator",
                format!("{first:?}"),
            )),
        }
    }

    fn found(&self, ahead: usize) -> String {
        self.peek(ahead)
            .map_or_else(|| "the end".to_owned(), |c| format!("{c:?}"))
    }
}

pub(crate) fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[Token]) {
        let found: Vec<Token> = tokens(text).unwrap().into_iter().map(|t| t.token).collect();
        assert_eq!(found[..found.len() - 1], *expected, "{text}");
    }

    #[test]
    fn text_becomes_tokens() {
        let word = |w: &str| Token::Word(w.to_owned());
        let bar = |b: &str| Token::Bar(b.parse().unwrap());
        check("close@5m", &[word("close"), bar("5m")]);
        check("1.5e-3", &[Token::Number(0.0015)]);
        check("2E2", &[Token::Number(200.0)]);
        check("a<=b", &[word("a"), Token::Symbol("<="), word("b")]);
        check(
            "'x-y.Z'.bid",
            &[
                Token::Quoted("x-y.Z".to_owned()),
                Token::Symbol("."),
                word("bid"),
            ],
        );
        check("$fast", &[Token::Parameter("fast".to_owned())]);
    }

    #[test]
    fn errors_are_where_they_belong() {
        let at = |text: &str| tokens(text).unwrap_err().at;
        assert_eq!(at("a ? b"), 2);
        assert_eq!(at("close@5y"), 6);
        assert_eq!(at("a + 'x"), 4);
        assert_eq!(at("1e999"), 0);
        assert_eq!(at("a && b"), 2);
        assert_eq!(at("a = b"), 2);
        assert_eq!(at("12abc"), 0);
        assert_eq!(at("$ x"), 1);
    }
}
