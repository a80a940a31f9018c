//! The fields of a line, read where they lie.

use super::{Kind, Quick};
use crate::import::number::Number;
use crate::import::reader::columns::side_of;
use crate::import::row::{Row, Shape};
use crate::import::text::digits_at;
use crate::import::time::{QuickTimes, Stamped};
use tickloom_types::Flags;

/// Digits of a number, with its point.
const NUMBER_DIGITS_MAX: usize = 18;

/// Where in a text a field is.
pub(super) type Span = (usize, usize);

/// What of a line is not in its row yet.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) date: Span,
    pub(super) close: Option<Stamped>,
    pub(super) ticker: Option<Span>,
    pub(super) venue: Option<Span>,
    pub(super) apart: Option<Span>,
}

impl Quick {
    /// Reads the line that a text begins with into `row`: its bytes, with its end.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8], row: &mut Row, rest: &mut Rest) -> Option<usize> {
        let mut at = 0;
        let last = self.kinds.len() - 1;
        for column in 0..=last {
            let kind = self.kinds[column];
            let end = self.field(kind, text, at, row, rest)?;
            let sign = *text.get(end)?;
            if column < last {
                if sign != self.delimiter {
                    return None;
                }
                at = end + 1;
            } else {
                at = match sign {
                    b'\n' => end + 1,
                    b'\r' if text.get(end + 1) == Some(&b'\n') => end + 2,
                    _ => return None,
                };
            }
        }
        Some(at)
    }

    /// Reads the field that begins at a place: where it ends.
    #[inline]
    fn field(
        &mut self,
        kind: Kind,
        text: &[u8],
        at: usize,
        row: &mut Row,
        rest: &mut Rest,
    ) -> Option<usize> {
        match kind {
            Kind::Number(place) => {
                let (number, end) = number_at(text, at)?;
                *row.numbers.get_mut(place)? = number;
                Some(end)
            }
            Kind::Time if self.times.as_ref().is_some_and(QuickTimes::are_digits) => {
                let digits = digits_at(text, at)?;
                row.stamped = self.times.as_ref()?.of_digits(digits)?;
                Some(at + digits.count)
            }
            Kind::Id | Kind::Sequence => {
                let digits = digits_at(text, at).filter(|digits| digits.count > 0)?;
                let place = match kind {
                    Kind::Id => &mut row.id,
                    _ => &mut row.sequence,
                };
                *place = digits.value;
                Some(at + digits.count)
            }
            _ => {
                let span = self.span(text, at)?;
                self.texts(kind, text, span, row, rest)?;
                Some(span.1)
            }
        }
    }

    /// Reads a field that has more than digits.
    fn texts(
        &mut self,
        kind: Kind,
        text: &[u8],
        span: Span,
        row: &mut Row,
        rest: &mut Rest,
    ) -> Option<()> {
        let field = text.get(span.0..span.1)?;
        // Spaces around a field are none of it.
        let is_trimmed = field.trim_ascii().len() == field.len();
        match kind {
            Kind::Other => return Some(()),
            _ if !is_trimmed => return None,
            Kind::Time => row.stamped = self.times.as_mut()?.of_field(field)?,
            Kind::Date => rest.date = span,
            Kind::TimeOfDay => {
                let date = text.get(rest.date.0..rest.date.1)?;
                row.stamped = self.times.as_mut()?.of_fields(date, field)?;
            }
            Kind::Close => rest.close = Some(self.times.as_mut()?.of_field(field)?),
            Kind::Arrival => row.arrival = Some(self.times.as_mut()?.of_field(field)?.ts),
            Kind::Ticker => rest.ticker = Some(span),
            Kind::Venue => rest.venue = Some(span),
            Kind::Apart => rest.apart = Some(span),
            Kind::Side(by) => {
                row.side =
                    side_of(field, by).filter(|side| self.shape != Shape::Levels || *side != 0)?;
            }
            Kind::Snapshot => {
                row.flags = match field {
                    b"true" | b"1" => Flags::SNAPSHOT,
                    b"false" | b"0" => 0,
                    _ => return None,
                }
            }
            Kind::Rule(at) => self.rules.get(at)?.counts(field).then_some(())?,
            Kind::Number(_) | Kind::Id | Kind::Sequence => return None,
        }
        Some(())
    }

    /// Where a field without quotes is that begins at a place.
    #[inline]
    fn span(&self, text: &[u8], from: usize) -> Option<Span> {
        let rest = text.get(from..)?;
        let is_end = |b: &u8| *b == self.delimiter || matches!(b, b'\n' | b'"');
        let mut end = from + rest.iter().position(is_end)?;
        match text.get(end)? {
            b'"' => return None,
            b'\n' => {
                while end > from && text.get(end - 1) == Some(&b'\r') {
                    end -= 1;
                }
            }
            _ => {}
        }
        Some((from, end))
    }
}

/// A number of digits and perhaps a point, and where it ends.
#[inline]
fn number_at(text: &[u8], at: usize) -> Option<(Number, usize)> {
    let whole = digits_at(text, at)?;
    let end = at + whole.count;
    if text.get(end) != Some(&b'.') {
        let mantissa = i64::try_from(whole.value).ok()?;
        let is_number = (1..=NUMBER_DIGITS_MAX).contains(&whole.count);
        let decimals = 0;
        return is_number.then_some((Number { mantissa, decimals }, end));
    }
    let fraction = digits_at(text, end + 1)?;
    let count = whole.count + fraction.count;
    if !(1..NUMBER_DIGITS_MAX).contains(&count) {
        return None;
    }
    let decimals = u8::try_from(fraction.count).ok()?;
    let whole_part = i64::try_from(whole.value).ok()?;
    let mantissa =
        whole_part * tickloom_types::pow10(decimals) + i64::try_from(fraction.value).ok()?;
    let number = Number { mantissa, decimals }.shortest();
    let is_fine = number.decimals <= tickloom_types::PRICE_DECIMALS_MAX;
    is_fine.then_some((number, end + 1 + fraction.count))
}
