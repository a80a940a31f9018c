//! Shapes that the messages of many venues share: a value as its text, a row of values, a list of bounded length, a time.
//!
//! Numbers are taken from the text of the message, quoted or not, and never go through a float.

use super::batch::{Number, number};
use crate::decode_error::{DecodeError, quoted};
use crate::json;
use crate::limits;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use sonic_rs::LazyValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use tickloom_types::{Side, Ts, parse_decimal};

/// One JSON value as it stands in the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a>(&'a str);

/// The first `N` values of a list; what comes after them is not looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a, const N: usize>(pub(super) [Raw<'a>; N]);

/// A list of at most [`limits::LIST_MAX`] elements.
#[derive(Clone, Debug)]
pub(super) struct Many<T>(pub(super) Vec<T>);

/// Parses a whole message, or a part of one.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    json::parse(bytes).map_err(|error| DecodeError::json(&error))
}

/// The value of a field that has to be there.
pub(super) fn need<T>(field: &'static str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::Missing {
        field: field.into(),
    })
}

/// The error for a message that the venue's decoder does not know.
pub(super) fn unknown(what: &str, expected: &'static str) -> DecodeError {
    DecodeError::UnknownMessage {
        what: quoted(what.as_bytes()),
        expected,
    }
}

/// The error for a value that the field cannot have.
pub(super) fn wrong(field: &'static str, value: &str, expected: &'static str) -> DecodeError {
    DecodeError::Value {
        field,
        value: quoted(value.as_bytes()),
        expected,
    }
}

/// `buy` or `sell`, `bid` or `ask`, in whatever case.
pub(super) fn side(field: &'static str, text: &str) -> Result<Side, DecodeError> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("buy") || is("bid") || is("b") {
        Ok(Side::Buy)
    } else if is("sell") || is("ask") || is("offer") || is("s") || is("a") {
        Ok(Side::Sell)
    } else {
        Err(wrong(field, text, "buy, sell, bid or ask"))
    }
}

/// A venue's identifier as a number: itself if it is one, otherwise the 64-bit FNV-1a hash of its text. One of zeros alone is none.
pub(super) fn number_of_id(text: &str) -> u64 {
    if text.bytes().all(|byte| matches!(byte, b'0' | b'-')) {
        return 0;
    }
    if let Ok(number) = text.parse() {
        return number;
    }
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl<'a> Raw<'a> {
    /// What stands between the quotes, or the whole if it is not quoted.
    pub(super) fn text(self) -> &'a str {
        let inner = self
            .0
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        inner.unwrap_or(self.0)
    }

    /// The value as it stands in the message.
    pub(super) fn json(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    pub(super) fn is_list(self) -> bool {
        self.0.starts_with('[')
    }

    pub(super) fn parse<T: Deserialize<'a>>(self) -> Result<T, DecodeError> {
        parse(self.0.as_bytes())
    }

    pub(super) fn number(self, field: &'static str) -> Result<Number, DecodeError> {
        number::parse(field, self.text())
    }

    pub(super) fn integer(self, field: &'static str) -> Result<u64, DecodeError> {
        let text = self.text();
        text.parse()
            .map_err(|_| wrong(field, text, "a whole number from zero on"))
    }

    pub(super) fn side(self, field: &'static str) -> Result<Side, DecodeError> {
        side(field, self.text())
    }

    /// A time in milliseconds since the epoch.
    pub(super) fn millis(self, field: &'static str) -> Result<Ts, DecodeError> {
        self.since_epoch(field, 6, "milliseconds since the epoch")
    }

    /// A time in microseconds since the epoch.
    pub(super) fn micros(self, field: &'static str) -> Result<Ts, DecodeError> {
        self.since_epoch(field, 3, "microseconds since the epoch")
    }

    /// A time in seconds since the epoch, with a fraction.
    pub(super) fn seconds(self, field: &'static str) -> Result<Ts, DecodeError> {
        self.since_epoch(field, 9, "seconds since the epoch")
    }

    fn since_epoch(
        self,
        field: &'static str,
        decimals: u8,
        expected: &'static str,
    ) -> Result<Ts, DecodeError> {
        let text = self.text();
        match parse_decimal(text.as_bytes(), decimals) {
            Ok(nanos) if nanos >= 0 => Ok(Ts(nanos)),
            _ => Err(wrong(field, text, expected)),
        }
    }

    /// A date and time as text.
    pub(super) fn stamp(self, field: &'static str) -> Result<Ts, DecodeError> {
        let text = self.text();
        let is_text = text.len() <= 40 && text.contains('-');
        match Ts::parse(text) {
            Ok(ts) if is_text && ts.0 >= 0 => Ok(ts),
            _ => Err(wrong(
                field,
                text,
                "a time such as 2024-08-09T00:00:01.5Z, from 1970 on",
            )),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match LazyValue::deserialize(deserializer)?.as_raw_cow() {
            Cow::Borrowed(text) => Ok(Raw(text)),
            Cow::Owned(_) => Err(D::Error::custom("a text with escapes")),
        }
    }
}

impl<'de: 'a, 'a, const N: usize> Deserialize<'de> for Row<'a, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<'a, const N: usize>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a, const N: usize> Visitor<'de> for Values<'a, N> {
            type Value = Row<'a, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of {N} values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut row = [Raw("null"); N];
                for (at, slot) in row.iter_mut().enumerate() {
                    *slot = seq
                        .next_element()?
                        .ok_or_else(|| A::Error::invalid_length(at, &self))?;
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Row(row))
            }
        }

        deserializer.deserialize_seq(Values(PhantomData))
    }
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Many(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if elements.len() == limits::LIST_MAX {
                        let limit = limits::LIST_MAX;
                        return Err(A::Error::custom(format_args!(
                            "a list of more than {limit}"
                        )));
                    }
                    elements.push(element);
                }
                Ok(Many(elements))
            }
        }

        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_as_they_stand() {
        let Row([a, b, c]): Row<'_, 3> = parse(br#"["1.50", 2e-3, {"x":[1]}, "more"]"#).unwrap();
        assert_eq!(
            (a.text(), b.text(), c.text()),
            ("1.50", "2e-3", r#"{"x":[1]}"#)
        );
        assert!(!c.is_list());
        let short = parse::<Row<'_, 3>>(b"[1,2]").unwrap_err().to_string();
        assert!(short.contains("a list of 3 values"), "{short}");
    }

    #[test]
    fn a_list_has_a_bounded_length() {
        let text = format!("[{}1]", "1,".repeat(limits::LIST_MAX));
        let error = parse::<Many<Raw<'_>>>(text.as_bytes()).unwrap_err();
        assert!(
            error.to_string().contains("a list of more than 50000"),
            "{error}"
        );
    }

    #[test]
    fn times_in_every_unit_are_the_same_instant() {
        let raw = |text| Raw(text);
        let ts = Ts(1_618_677_825_537_545_000);
        assert_eq!(raw("1618677825.537545").seconds("t").unwrap(), ts);
        assert_eq!(raw("\"1618677825537545\"").micros("t").unwrap(), ts);
        assert_eq!(
            raw("\"2021-04-17T16:43:45.537545Z\"").stamp("t").unwrap(),
            ts
        );
        assert_eq!(raw("1000").millis("t").unwrap(), Ts(1_000_000_000));
        for text in ["-1", "1e999", "99999999999999999999", "x", "null"] {
            assert!(raw(text).millis("t").is_err(), "{text}");
        }
        for text in ["1618677825537545", "1900-01-01", "3000-01-01", ""] {
            assert!(raw(text).stamp("t").is_err(), "{text}");
        }
    }

    #[test]
    fn identifiers_that_are_no_numbers_are_hashed() {
        assert_eq!(number_of_id("403691824"), 403_691_824);
        // The reference values of FNV-1a.
        assert_eq!(number_of_id("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(number_of_id("foobar"), 0x8594_4171_f739_67e8);
        for none in ["", "0", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(number_of_id(none), 0, "{none}");
        }
    }
}
