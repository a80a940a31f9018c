//! The clauses that standard SQL does not have, found among the tokens of a statement before it is parsed: `SAMPLE BY …` becomes
//! a mark that the parser takes for a grouping, `ASOF JOIN` without a condition gets one.

use crate::error::{Place, SqlError};
use crate::limits::{STATEMENT_BYTES_MAX, TOKENS_MAX};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Word};

/// Identifiers of ours begin so; nobody else's may.
pub(crate) const OURS: &str = "__";
/// Grouping that stands for a `SAMPLE BY`; its number follows.
pub(crate) const SAMPLE_MARK: &str = "__sample_";
/// Match condition of an as-of join that has none: by `ts_event`.
pub(crate) const BY_TIME_MARK: &str = "__by_time";

/// A `SAMPLE BY` clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Length of a bucket as the engine writes it, such as `5m`.
    pub(crate) every: String,
    /// Zone whose midnights and hours begin buckets; UTC if none.
    pub(crate) zone: Option<String>,
    /// Calendar whose sessions begin and end buckets.
    pub(crate) calendar: Option<String>,
    /// Where it stands.
    pub(crate) place: Place,
}

/// A statement as tokens that the parser understands.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<TokenWithSpan>,
    pub(crate) samples: Vec<Sample>,
}

/// Units of buckets: as written, as the engine writes them, and how many of them a bucket may have: a hundred years. Upper case
/// counts, as in QuestDB: `m` is a minute, `M` a month.
const UNITS: &[(&str, &str, u64)] = &[
    ("n", "ns", 36_500 * DAY_NS),
    ("ns", "ns", 36_500 * DAY_NS),
    ("U", "us", 36_500 * DAY_NS / 1_000),
    ("us", "us", 36_500 * DAY_NS / 1_000),
    ("T", "ms", 36_500 * DAY_NS / 1_000_000),
    ("ms", "ms", 36_500 * DAY_NS / 1_000_000),
    ("s", "s", 36_500 * 86_400),
    ("m", "m", 36_500 * 1_440),
    ("h", "h", 36_500 * 24),
    ("d", "d", 36_500),
    ("w", "w", 5_200),
    ("M", "mo", 1_200),
    ("y", "y", 100),
];
const DAY_NS: u64 = 86_400_000_000_000;

/// Splits a text into statements at its semicolons.
///
/// # Errors
/// [`SqlError::At`] for a quoted text or comment that does not end, or a character that begins no token.
pub fn split(text: &str) -> Result<Vec<String>, SqlError> {
    let mut statements = Vec::new();
    let mut statement = String::new();
    let mut rest = text.chars();
    let mut at = Location::new(1, 1);
    for token in tokenize(text)? {
        if token.token != Token::SemiColon {
            continue;
        }
        for c in rest.by_ref() {
            if at == token.span.start {
                break;
            }
            statement.push(c);
            at = after(at, c);
        }
        at = after(at, ';');
        statements.push(std::mem::take(&mut statement));
    }
    statements.push(rest.collect());
    Ok(statements
        .iter()
        .filter(|statement| has_words(statement))
        .map(|statement| statement.trim().to_owned())
        .collect())
}

fn after(at: Location, c: char) -> Location {
    if c == '\n' {
        Location::new(at.line + 1, 1)
    } else {
        Location::new(at.line, at.column + 1)
    }
}

/// Whether there is more in it than blanks and comments.
fn has_words(statement: &str) -> bool {
    tokenize(statement).map_or(true, |tokens| {
        tokens
            .iter()
            .any(|t| !matches!(t.token, Token::Whitespace(_)))
    })
}

fn tokenize(text: &str) -> Result<Vec<TokenWithSpan>, SqlError> {
    if text.len() > STATEMENT_BYTES_MAX {
        let what = format!("a statement may have {STATEMENT_BYTES_MAX} bytes at most");
        return Err(SqlError::Statement(what));
    }
    Tokenizer::new(&GenericDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| SqlError::at(text, Some(place(error.location)), error.message))
}

/// The place of a location.
pub(crate) fn place(at: Location) -> Place {
    Place {
        line: usize::try_from(at.line).unwrap_or(usize::MAX),
        column: usize::try_from(at.column).unwrap_or(usize::MAX),
    }
}

/// Reads one statement and replaces the clauses.
///
/// # Errors
/// [`SqlError::At`] for what is no token, for a clause that is not understood, and for identifiers that are ours.
pub(crate) fn read(text: &str) -> Result<Tokens, SqlError> {
    let mut tokens = tokenize(text)?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let mut nested = tokens.iter().filter(|token| !is_plain(&token.token));
    if let Some(token) = nested.nth(TOKENS_MAX) {
        let what = format!("a statement may have {TOKENS_MAX} words and operators at most");
        return Err(SqlError::at(text, Some(place(token.span.start)), what));
    }
    let mut rewrite = Rewrite {
        text,
        tokens,
        at: 0,
        done: Vec::new(),
        samples: Vec::new(),
        conditions: Vec::new(),
    };
    rewrite.run()?;
    Ok(Tokens {
        tokens: rewrite.done,
        samples: rewrite.samples,
    })
}

/// Whether a token may come in any number: part of a long list.
fn is_plain(token: &Token) -> bool {
    matches!(
        token,
        Token::Comma | Token::Number(..) | Token::SingleQuotedString(_)
    )
}

struct Rewrite<'a> {
    text: &'a str,
    tokens: Vec<TokenWithSpan>,
    at: usize,
    done: Vec<TokenWithSpan>,
    samples: Vec<Sample>,
    /// Tokens before which the condition of an as-of join goes.
    conditions: Vec<usize>,
}

impl Rewrite<'_> {
    fn run(&mut self) -> Result<(), SqlError> {
        loop {
            while let Some(at) = self.conditions.iter().position(|at| *at == self.at) {
                self.conditions.swap_remove(at);
                self.put_condition();
            }
            if self.at >= self.tokens.len() {
                return Ok(());
            }
            if self.takes(&["SAMPLE", "BY"]) {
                self.sample()?;
            } else if self.sees(&["ASOF", "JOIN"]) {
                self.asof();
            } else {
                self.check_ours()?;
                self.copy();
            }
        }
    }

    fn copy(&mut self) {
        self.done.push(self.tokens[self.at].clone());
        self.at += 1;
    }

    fn check_ours(&self) -> Result<(), SqlError> {
        match &self.tokens[self.at].token {
            Token::Word(word) if word.value.starts_with(OURS) => {
                Err(self.wrong(self.at, format!("names may not begin with {OURS}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether these words, without quotes, come next.
    fn sees(&self, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(i, word)| self.word(self.at + i).is_some_and(|w| is(w, word)))
    }

    /// Passes over these words if they come next.
    fn takes(&mut self, words: &[&str]) -> bool {
        let found = self.sees(words);
        if found {
            self.at += words.len();
        }
        found
    }

    fn word(&self, at: usize) -> Option<&Word> {
        match &self.tokens.get(at)?.token {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at).map(|token| &token.token)
    }

    /// An error at a token, or after the last one.
    fn wrong(&self, at: usize, what: impl Into<String>) -> SqlError {
        let span = |at: usize| self.tokens.get(at).map(|token| token.span);
        let here = span(at).map(|span| span.start);
        let end = || span(self.tokens.len() - 1).map(|span| span.end);
        SqlError::at(self.text, here.or_else(end).map(place), what)
    }

    /// `SAMPLE BY 5m [ALIGN TO CALENDAR [TIME ZONE 'Europe/Paris']] [CALENDAR 'us-equity'] [FILL(NONE)]`, whose first two words are passed.
    fn sample(&mut self) -> Result<(), SqlError> {
        let span = self.tokens[self.at - 2].span;
        let mut sample = Sample {
            every: self.length()?,
            zone: None,
            calendar: None,
            place: place(span.start),
        };
        loop {
            if self.takes(&["ALIGN", "TO"]) {
                if !self.takes(&["CALENDAR"]) {
                    return Err(self.wrong(self.at, "only ALIGN TO CALENDAR is understood here"));
                }
                if self.takes(&["TIME", "ZONE"]) {
                    sample.zone = Some(self.text()?);
                }
            } else if self.takes(&["CALENDAR"]) {
                sample.calendar = Some(self.text()?);
            } else if self.takes(&["FILL"]) {
                self.fill_none()?;
            } else {
                break;
            }
        }
        for word in ["FROM", "TO", "WITH", "ALIGN"] {
            if self.sees(&[word]) {
                let what = format!(
                    "{word} is not understood in SAMPLE BY; bounds of time belong into WHERE"
                );
                return Err(self.wrong(self.at, what));
            }
        }
        if sample.zone.is_some() && sample.calendar.is_some() {
            let what = "a calendar has its own time zone";
            return Err(SqlError::at(self.text, Some(sample.place), what));
        }
        let mark = format!("{SAMPLE_MARK}{}", self.samples.len());
        self.samples.push(sample);
        for word in ["GROUP", "BY", mark.as_str()] {
            self.put(Token::make_word(word, None), span);
        }
        Ok(())
    }

    fn put(&mut self, token: Token, span: Span) {
        self.done.push(TokenWithSpan { token, span });
    }

    /// A number and a unit, written without a blank: `5m`.
    fn length(&mut self) -> Result<String, SqlError> {
        const EXPECTED: &str = "expected the length of a bucket, such as 30s, 5m, 1h, 1d, 1w, 1M";
        let number = match self.token(self.at) {
            Some(Token::Number(digits, false)) => digits.parse::<u64>().ok().filter(|n| *n > 0),
            _ => None,
        };
        let unit = self
            .word(self.at + 1)
            .and_then(|word| UNITS.iter().find(|(unit, ..)| *unit == word.value));
        let (Some(number), Some((_, unit, number_max))) = (number, unit) else {
            return Err(self.wrong(self.at, EXPECTED));
        };
        if number > *number_max {
            let what = "a bucket may be a hundred years long at most";
            return Err(self.wrong(self.at, what));
        }
        self.at += 2;
        Ok(format!("{number}{unit}"))
    }

    fn text(&mut self) -> Result<String, SqlError> {
        match self.token(self.at) {
            Some(Token::SingleQuotedString(text)) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.wrong(self.at, "expected a text in single quotes")),
        }
    }

    fn fill_none(&mut self) -> Result<(), SqlError> {
        let is_none = self.token(self.at) == Some(&Token::LParen)
            && self.word(self.at + 1).is_some_and(|word| is(word, "NONE"))
            && self.token(self.at + 2) == Some(&Token::RParen);
        if !is_none {
            let what = "only FILL(NONE) is understood: a bucket without rows has no row";
            return Err(self.wrong(self.at, what));
        }
        self.at += 3;
        Ok(())
    }

    /// `ASOF JOIN relation [[AS] alias]`: notes where its condition goes, unless there is one.
    fn asof(&mut self) {
        let mut end = self.after_relation(self.at + 2);
        let follows = |at: usize, words: &[&str]| {
            self.word(at)
                .is_some_and(|word| words.iter().any(|expected| is(word, expected)))
        };
        if follows(end, &["AS"]) {
            end += 2;
        } else if self.word(end).is_some() && !follows(end, &AFTER_ASOF) {
            end += 1;
        }
        if !follows(end, &["MATCH_CONDITION"]) {
            self.conditions.push(end);
        }
        self.copy();
        self.copy();
    }

    /// Where the tokens after a name, or after a query in parentheses, begin.
    fn after_relation(&self, start: usize) -> usize {
        let mut open = 0_usize;
        let mut at = start;
        while let Some(token) = self.token(at) {
            match token {
                Token::LParen => open += 1,
                Token::RParen => open = open.saturating_sub(1),
                _ => {}
            }
            at += 1;
            if open == 0 {
                break;
            }
        }
        at
    }

    fn put_condition(&mut self) {
        let here = self.tokens.get(self.at).or(self.tokens.last());
        let span = here.map_or(Span::empty(), |token| token.span);
        self.put(Token::make_keyword("MATCH_CONDITION"), span);
        self.put(Token::LParen, span);
        self.put(Token::make_word(BY_TIME_MARK, None), span);
        self.put(Token::RParen, span);
    }
}

/// What may come after the relation of an as-of join that has no alias.
const AFTER_ASOF: [&str; 12] = [
    "ON",
    "USING",
    "MATCH_CONDITION",
    "WHERE",
    "SAMPLE",
    "GROUP",
    "ORDER",
    "LIMIT",
    "ASOF",
    "JOIN",
    "LEFT",
    "INNER",
];

/// Whether a word, without quotes, is this one.
fn is(word: &Word, expected: &str) -> bool {
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected)
}
#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let tokens = read(text).unwrap();
        let words: Vec<String> = tokens.tokens.iter().map(|t| t.token.to_string()).collect();
        words.join(" ")
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn sample_by_becomes_a_mark() {
        let text = "select first(price) from trades sample by 5m align to calendar time zone 'Europe/Paris' fill(none) limit 3";
        assert_eq!(
            shown(text),
            "select first ( price ) from trades GROUP BY __sample_0 limit 3"
        );
        let samples = read(text).unwrap().samples;
        assert_eq!(samples[0].every, "5m");
        assert_eq!(samples[0].zone.as_deref(), Some("Europe/Paris"));
        assert_eq!(
            samples[0].place,
            Place {
                line: 1,
                column: 33
            }
        );
    }

    #[test]
    fn wrong_samples_are_refused_where_they_are_wrong() {
        for (text, place) in [
            ("select 1 from t sample by x", "column 27"),
            ("select 1 from t sample by 0m", "column 27"),
            ("select 1 from t sample by 5q", "column 27"),
            ("select 1 from t sample by 101y", "column 27"),
            (
                "select 1 from t sample by 99999999999999999999n",
                "column 27",
            ),
            ("select 1 from t sample by", "column 26"),
            (
                "select 1 from t sample by 5m align to first observation",
                "column 39",
            ),
            ("select 1 from t sample by 5m fill(prev)", "column 34"),
            ("select 1 from t sample by 5m from '2024'", "column 30"),
            ("select __sample_0 from t", "column 8"),
            ("select 'abc from t", "column 8"),
        ] {
            assert!(refused(text).contains(place), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn as_of_joins_get_a_condition() {
        for (text, expected) in [
            (
                "from t asof join q on (i)",
                "from t asof join q MATCH_CONDITION ( __by_time ) on ( i )",
            ),
            (
                "from t asof join q as x on (i)",
                "from t asof join q as x MATCH_CONDITION ( __by_time ) on ( i )",
            ),
            (
                "from t asof join (select a from q sample by 1s) x on (i)",
                "from t asof join ( select a from q GROUP BY __sample_0 ) x MATCH_CONDITION ( __by_time ) on ( i )",
            ),
            (
                "from t asof join q x match_condition (t.seq > x.seq) on (i)",
                "from t asof join q x match_condition ( t . seq > x . seq ) on ( i )",
            ),
            (
                "from t asof join q",
                "from t asof join q MATCH_CONDITION ( __by_time )",
            ),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn a_text_is_split_at_semicolons_that_are_none_of_a_text() {
        let text = "select ';' -- a;b\n from t;\n\n ; show tables;-- end";
        let statements = split(text).unwrap();
        assert_eq!(statements, ["select ';' -- a;b\n from t", "show tables"]);
    }

    proptest! {
        /// Whatever is read from outside, there is an answer or an error with a place, and never a panic.
        #[test]
        fn any_text_is_read_or_refused(text in any_text()) {
            drop(read(&text));
            drop(split(&text));
        }

        /// Statements that are joined by semicolons come apart again.
        #[test]
        fn what_is_joined_is_split(words in proptest::collection::vec("[a-z ';,()\n]{0,12}", 0..5)) {
            let statements: Vec<String> = words
                .iter()
                .map(|word| format!("select '{}'", word.replace('\'', "''")))
                .collect();
            prop_assert_eq!(split(&statements.join(" ;\n")).unwrap(), statements);
        }
    }

    /// Texts of words that mean something here, and of anything.
    fn any_text() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            proptest::sample::select(vec![
                "select",
                "sample",
                "by",
                "5m",
                "1",
                "asof",
                "join",
                "as",
                "(",
                ")",
                "q",
                "on",
                "fill",
                "none",
                "align",
                "to",
                "calendar",
                "time",
                "zone",
                "'x'",
                ";",
                "--",
                "/*",
                "\"",
                "'",
                "match_condition",
                ".",
                ",",
            ])
            .prop_map(str::to_owned),
            "\\PC{0,4}",
        ];
        proptest::collection::vec(word, 0..30).prop_map(|words| words.join(" "))
    }
}
