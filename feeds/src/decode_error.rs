//! The ways in which a frame can be wrong, at any venue.

use crate::json::JsonError;
use std::borrow::Cow;
use thiserror::Error;
use tickloom_types::DecimalError;

/// Why a frame was refused. [`DecodeError::reason`] gives the number that status records and metrics carry.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// Not JSON.
    #[error("not JSON at byte {byte}: {message}")]
    Syntax {
        /// Offset in the frame or, for `data`, in that part.
        byte: usize,
        /// What the parser says.
        message: String,
    },
    /// JSON of another type than expected.
    #[error("wrong type at byte {byte}: {message}")]
    WrongType {
        /// Offset in the frame or, for `data`, in that part.
        byte: usize,
        /// What the parser says.
        message: String,
    },
    /// JSON that is none of the known messages.
    #[error("unknown message {what:?}: expected {expected}")]
    UnknownMessage {
        /// What it calls itself, if it does.
        what: String,
        /// Messages that are known.
        expected: &'static str,
    },
    /// A field is not there.
    #[error("{field} is missing")]
    Missing {
        /// Its name in the message.
        field: Cow<'static, str>,
    },
    /// A value that is none of those that the field can have.
    #[error("{field} is {value:?}, expected {expected}")]
    Value {
        /// Its name in the message.
        field: &'static str,
        /// Its text.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A price or size that is not a decimal at the instrument's scale.
    #[error("{field} is {value:?}: {cause}")]
    Decimal {
        /// Its name in the message.
        field: &'static str,
        /// Its text.
        value: String,
        /// What is wrong.
        cause: DecimalError,
    },
    /// A price that is not above zero or a size below zero (or zero where something must have traded).
    #[error("{field} is {value:?}, expected {expected}")]
    NotPositive {
        /// Its name in the message.
        field: &'static str,
        /// Its text.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A list of levels that is not `[["price","size"], ...]`.
    #[error("{field} at byte {byte} of the list: expected [[\"price\",\"size\"], ...]")]
    Levels {
        /// Its name in the message.
        field: &'static str,
        /// Offset in the list.
        byte: usize,
    },
    /// A symbol that this feed did not subscribe to.
    #[error("unknown symbol {symbol:?}")]
    UnknownSymbol {
        /// The symbol.
        symbol: String,
    },
    /// A symbol that cannot be part of an instrument's name.
    #[error(
        "symbol {symbol:?}: expected letters, digits and . - _ / :, short enough for a name of 64 bytes"
    )]
    BadSymbol {
        /// The symbol.
        symbol: String,
    },
    /// Update ids that run backwards within one message.
    #[error("update ids run backwards: previous {previous}, first {first}, last {last}")]
    Ids {
        /// `pu`, or 0.
        previous: u64,
        /// `U`.
        first: u64,
        /// `u`.
        last: u64,
    },
    /// A time before 1970 or after 2262.
    #[error("time {value} is out of range")]
    Time {
        /// As the venue writes it.
        value: i64,
    },
    /// Larger than this crate reads.
    #[error("{what} is {size}, at most {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// A snapshot or quote whose best bid is above its best ask. They may be equal.
    #[error("crossed: best bid above best ask")]
    Crossed,
    /// A message without the venue's time before any message with it.
    #[error("no venue time yet: a message without time came before any with it")]
    NoVenueTime,
    /// A binary message: the venue sends text only.
    #[error("binary message of {bytes} bytes, expected text")]
    Binary {
        /// Its length.
        bytes: usize,
    },
    /// JSON that nests deeper than any message.
    #[error("nested too deep")]
    TooDeep,
    /// A trade or a bar that came before and says something else now.
    #[error("{what}")]
    Contradiction {
        /// What it is, and how it differs.
        what: String,
    },
}

/// Longest part of a stranger's text that an error repeats, in characters.
const QUOTED_CHARS_MAX: usize = 64;

/// The beginning of a text from outside, for an error.
pub(crate) fn quoted(text: &[u8]) -> String {
    let start = &text[..text.len().min(4 * QUOTED_CHARS_MAX)];
    String::from_utf8_lossy(start)
        .chars()
        .take(QUOTED_CHARS_MAX)
        .collect()
}

/// [`DecodeError`] as a number: the `detail` of a `bad_frame` status record. Never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// Not JSON.
    Syntax = 1,
    /// JSON of another type than expected.
    WrongType = 2,
    /// None of the known messages.
    UnknownMessage = 3,
    /// A field is not there.
    Missing = 4,
    /// Not a decimal.
    DecimalSyntax = 5,
    /// More decimals than the instrument's scale.
    DecimalTooFine = 6,
    /// A decimal that does not fit.
    DecimalOverflow = 7,
    /// A price or size that is not positive.
    NotPositive = 8,
    /// A malformed list of levels.
    Levels = 9,
    /// Not subscribed to.
    UnknownSymbol = 10,
    /// Update ids run backwards.
    Ids = 11,
    /// Time out of range.
    Time = 12,
    /// Too large.
    TooLarge = 13,
    /// Bid above ask.
    Crossed = 14,
    /// No venue time yet.
    NoVenueTime = 15,
    /// Binary message.
    Binary = 16,
    /// Nested too deep.
    TooDeep = 17,
    /// A value that the field cannot have.
    Value = 18,
    /// A symbol that cannot be part of a name.
    BadSymbol = 19,
    /// It came before and says something else now.
    Contradiction = 20,
}

impl Reason {
    /// All of them, in the order of their numbers from 1.
    pub const ALL: [Reason; 20] = [
        Reason::Syntax,
        Reason::WrongType,
        Reason::UnknownMessage,
        Reason::Missing,
        Reason::DecimalSyntax,
        Reason::DecimalTooFine,
        Reason::DecimalOverflow,
        Reason::NotPositive,
        Reason::Levels,
        Reason::UnknownSymbol,
        Reason::Ids,
        Reason::Time,
        Reason::TooLarge,
        Reason::Crossed,
        Reason::NoVenueTime,
        Reason::Binary,
        Reason::TooDeep,
        Reason::Value,
        Reason::BadSymbol,
        Reason::Contradiction,
    ];

    /// The word for it in metrics and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Syntax => "syntax",
            Reason::WrongType => "wrong_type",
            Reason::UnknownMessage => "unknown_message",
            Reason::Missing => "missing_field",
            Reason::DecimalSyntax => "decimal_syntax",
            Reason::DecimalTooFine => "decimal_too_fine",
            Reason::DecimalOverflow => "decimal_overflow",
            Reason::NotPositive => "not_positive",
            Reason::Levels => "levels",
            Reason::UnknownSymbol => "unknown_symbol",
            Reason::Ids => "ids",
            Reason::Time => "time",
            Reason::TooLarge => "too_large",
            Reason::Crossed => "crossed",
            Reason::NoVenueTime => "no_venue_time",
            Reason::Binary => "binary",
            Reason::TooDeep => "too_deep",
            Reason::Value => "value",
            Reason::BadSymbol => "bad_symbol",
            Reason::Contradiction => "contradiction",
        }
    }

    /// The reason with this number.
    #[must_use]
    pub fn from_raw(raw: u64) -> Option<Reason> {
        let at = usize::try_from(raw).ok()?.checked_sub(1)?;
        Reason::ALL.get(at).copied()
    }
}

impl DecodeError {
    /// Which kind of error this is.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            DecodeError::Syntax { .. } => Reason::Syntax,
            DecodeError::WrongType { .. } => Reason::WrongType,
            DecodeError::UnknownMessage { .. } => Reason::UnknownMessage,
            DecodeError::Missing { .. } => Reason::Missing,
            DecodeError::Decimal { cause, .. } => match cause {
                DecimalError::Syntax => Reason::DecimalSyntax,
                DecimalError::TooFine => Reason::DecimalTooFine,
                DecimalError::Overflow => Reason::DecimalOverflow,
            },
            DecodeError::NotPositive { .. } => Reason::NotPositive,
            DecodeError::Levels { .. } => Reason::Levels,
            DecodeError::UnknownSymbol { .. } => Reason::UnknownSymbol,
            DecodeError::Ids { .. } => Reason::Ids,
            DecodeError::Time { .. } => Reason::Time,
            DecodeError::TooLarge { .. } => Reason::TooLarge,
            DecodeError::Crossed => Reason::Crossed,
            DecodeError::NoVenueTime => Reason::NoVenueTime,
            DecodeError::Binary { .. } => Reason::Binary,
            DecodeError::TooDeep => Reason::TooDeep,
            DecodeError::Value { .. } => Reason::Value,
            DecodeError::BadSymbol { .. } => Reason::BadSymbol,
            DecodeError::Contradiction { .. } => Reason::Contradiction,
        }
    }

    pub(crate) fn json(error: &JsonError) -> DecodeError {
        let error = match error {
            JsonError::TooDeep => return DecodeError::TooDeep,
            JsonError::NotUtf8(byte) => {
                return DecodeError::Syntax {
                    byte: *byte,
                    message: "not UTF-8".to_owned(),
                };
            }
            JsonError::Parser(error) => error,
        };
        let byte = error.offset();
        // The parser's text quotes the frame over several lines; its first line says what is wrong.
        let text = error.to_string();
        let message = quoted(text.lines().next().unwrap_or_default().as_bytes());
        if let Some(field) = missing_field(&message) {
            return DecodeError::Missing { field };
        }
        if error.is_unmatched_type() {
            DecodeError::WrongType { byte, message }
        } else {
            DecodeError::Syntax { byte, message }
        }
    }
}

/// The name of the field that the parser says is missing.
fn missing_field(message: &str) -> Option<Cow<'static, str>> {
    let rest = message.strip_prefix("missing field `")?;
    let (field, _) = rest.split_once('`')?;
    Some(Cow::Owned(field.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_from_one_without_holes() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(reason as u8), index + 1);
            assert_eq!(Reason::from_raw(reason as u64), Some(reason));
        }
        assert_eq!(Reason::from_raw(0), None);
        assert_eq!(Reason::from_raw(21), None);
    }
}
