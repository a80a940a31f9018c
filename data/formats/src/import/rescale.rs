//! Gives an instrument's numbers a finer scale, so that fractions of its unit can be held.

use super::mantissas::{Mantissa, visit_mantissas};
use crate::{FormatError, Result};
use tickloom_types::{InstrumentDef, InstrumentId, Instruments, Kind, Record, pow10};

/// Gives the numbers of an instrument the scale of a definition of it, which is no coarser than theirs, and puts that in place of
/// the one that they were read with.
///
/// # Errors
/// [`FormatError::Record`] if a number does not fit then, or the record is of a kind that has none (outputs); [`FormatError::Option`] for a
/// scale that is coarser, or an unknown instrument; [`FormatError::Instrument`] for a definition out of range. Some records may have been
/// changed by then.
pub fn redefine(
    records: &mut [Record],
    instruments: &mut Instruments,
    instrument: InstrumentId,
    definition: InstrumentDef,
) -> Result<()> {
    let factors = Decimals::more(instruments, instrument, &definition)?.factors();
    if factors.price > 1 || factors.qty > 1 {
        for (seq, record) in (0..).zip(records.iter_mut()) {
            if record.instrument() == instrument && !rescale(record, factors) {
                return Err(too_large(seq, &definition));
            }
        }
    }
    instruments.redefine(instrument, definition)?;
    Ok(())
}

fn too_large(seq: u64, definition: &InstrumentDef) -> FormatError {
    FormatError::Record {
        seq,
        field: "price or size",
        value: format!(
            "too large for {} and {} decimals",
            definition.price_decimals, definition.qty_decimals
        ),
        expected: "at most 64 bits",
    }
}

/// Decimals of prices and of sizes.
#[derive(Clone, Copy)]
struct Decimals {
    price: u8,
    qty: u8,
}

impl Decimals {
    /// How many more a definition has than what is known of its instrument.
    fn more(
        instruments: &Instruments,
        instrument: InstrumentId,
        definition: &InstrumentDef,
    ) -> Result<Decimals> {
        let more = |field, wanted: u8, has: u8| {
            wanted.checked_sub(has).ok_or_else(|| FormatError::Option {
                field,
                value: wanted.to_string(),
                expected: "no fewer than the instrument has",
            })
        };
        let Some(known) = instruments.get(instrument) else {
            return Err(FormatError::Option {
                field: "instrument",
                value: definition.name.clone(),
                expected: "a known instrument",
            });
        };
        definition.check()?;
        Ok(Decimals {
            price: more(
                "decimals of prices",
                definition.price_decimals,
                known.price_decimals,
            )?,
            qty: more(
                "decimals of sizes",
                definition.qty_decimals,
                known.qty_decimals,
            )?,
        })
    }

    fn factors(self) -> Factors {
        Factors {
            price: pow10(self.price),
            qty: pow10(self.qty),
        }
    }
}

/// Records of an instrument that do not fit with so many more decimals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unfit {
    instrument: InstrumentId,
    price: u8,
    qty: u8,
}

impl Unfit {
    /// Whether a record is one of them.
    pub(super) fn is(self, record: &Record) -> bool {
        let by = |more: u8| pow10(more.min(MORE_U8_MAX));
        let factors = Factors {
            price: by(self.price),
            qty: by(self.qty),
        };
        record.instrument() == self.instrument && !rescale(&mut { *record }, factors)
    }
}

/// Gives records other scales one by one, on their way.
#[derive(Clone, Debug, Default)]
pub struct Rescaling {
    /// By instrument.
    factors: Vec<Factors>,
}

impl Rescaling {
    /// As [`redefine`], of records of which the largest numbers are known.
    pub(super) fn redefine(
        &mut self,
        instruments: &mut Instruments,
        largest: Option<&mut Largest>,
        (instrument, definition): (InstrumentId, InstrumentDef),
        find: &mut dyn FnMut(Unfit) -> Result<u64>,
    ) -> Result<()> {
        let more = Decimals::more(instruments, instrument, &definition)?;
        if let Some(largest) = largest {
            match largest.first_beyond(more) {
                None => {}
                Some(SOMEWHERE) => {
                    let (price, qty) = largest.given;
                    let seq = find(Unfit {
                        instrument,
                        price: price.saturating_add(more.price),
                        qty: qty.saturating_add(more.qty),
                    })?;
                    return Err(too_large(seq, &definition));
                }
                Some(seq) => return Err(too_large(seq, &definition)),
            }
            largest.scale(more);
        }
        let at = usize::try_from(instrument.0).unwrap_or(usize::MAX);
        if self.factors.len() < instruments.len() {
            let same = Factors { price: 1, qty: 1 };
            self.factors.resize(instruments.len(), same);
        }
        if let Some(factors) = self.factors.get_mut(at) {
            let by = more.factors();
            factors.price = factors.price.saturating_mul(by.price);
            factors.qty = factors.qty.saturating_mul(by.qty);
        }
        instruments.redefine(instrument, definition)?;
        Ok(())
    }

    /// Whether records stay as they are.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let mut factors = self.factors.iter();
        factors.all(|by| by.price == 1 && by.qty == 1)
    }

    /// Gives a record its scale.
    ///
    /// # Errors
    /// [`FormatError::Record`] if it is none of those of which the largest numbers were known.
    pub fn apply(&self, seq: u64, record: &mut Record) -> Result<()> {
        let at = usize::try_from(record.header.instrument).unwrap_or(usize::MAX);
        let by = self.factors.get(at).filter(|by| by.price > 1 || by.qty > 1);
        match by {
            Some(by) if !rescale(record, *by) => Err(FormatError::Record {
                seq,
                field: "price or size",
                value: "too large".to_owned(),
                expected: "at most 64 bits",
            }),
            _ => Ok(()),
        }
    }
}

/// More decimals than a number of 64 bits can be given.
const MORE_MAX: usize = 18;
const MORE_U8_MAX: u8 = 18;

/// Which record is the first with a number that does not fit with so many more decimals.
#[derive(Clone, Debug, Default)]
pub struct Largest {
    price: Beyond,
    qty: Beyond,
    /// More decimals that the numbers were given since.
    given: (u8, u8),
}

#[derive(Clone, Debug, Default)]
struct Beyond {
    largest: u64,
    /// By how many more decimals.
    first: [Option<u64>; MORE_MAX + 1],
}

impl Beyond {
    #[inline]
    fn note(&mut self, seq: u64, mantissa: i64) {
        if mantissa.unsigned_abs() <= self.largest {
            return;
        }
        self.largest = mantissa.unsigned_abs();
        for (more, first) in (0..).zip(&mut self.first) {
            if first.is_none() && mantissa.checked_mul(pow10(more)).is_none() {
                *first = Some(seq);
            }
        }
    }

    fn scale(&mut self, more: u8) {
        self.largest = self.largest.saturating_mul(pow10(more).unsigned_abs());
        let more = usize::from(more).min(MORE_MAX);
        self.first.rotate_left(more);
        let beyond = MORE_MAX + 1 - more;
        // What lies beyond the table fits as little as its last.
        let last = self.first[..beyond].last().copied().flatten();
        self.first[beyond..].fill(last);
    }
}

/// The place of a record that is not known without looking for it.
const SOMEWHERE: u64 = u64::MAX;

impl Largest {
    /// Of numbers of which the largest are these.
    pub(super) fn of(price: u64, qty: u64) -> Largest {
        let beyond = |largest: u64| {
            let does_not_fit = |more: u8| {
                let by = u128::from(pow10(more).unsigned_abs());
                u128::from(largest) * by > i64::MAX.unsigned_abs().into()
            };
            let mut first = [None; MORE_MAX + 1];
            for (more, first) in (0..).zip(&mut first) {
                *first = does_not_fit(more).then_some(SOMEWHERE);
            }
            Beyond { largest, first }
        };
        Largest {
            price: beyond(price),
            qty: beyond(qty),
            given: (0, 0),
        }
    }

    /// Takes the next record, which has this sequence.
    #[inline]
    pub fn note(&mut self, seq: u64, record: &Record) {
        let mut shown = *record;
        let (price, qty) = (&mut self.price, &mut self.qty);
        let has_numbers = visit_mantissas(&mut shown, &mut |of, mantissa| match of {
            Mantissa::Price => price.note(seq, *mantissa),
            Mantissa::Qty => qty.note(seq, *mantissa),
        });
        if !has_numbers && !matches!(record.kind(), Some(Kind::Timer | Kind::Status)) {
            for first in self
                .price
                .first
                .iter_mut()
                .chain(&mut self.qty.first)
                .skip(1)
            {
                first.get_or_insert(seq);
            }
        }
    }

    /// How many more decimals all sizes have room for, at most 18.
    #[must_use]
    pub fn qty_room(&self) -> u8 {
        let beyond = self.qty.first.iter().skip(1);
        let fit = beyond.take_while(|first| first.is_none()).count();
        u8::try_from(fit).unwrap_or(MORE_U8_MAX)
    }

    /// The first record that has no place with so many more decimals.
    fn first_beyond(&self, more: Decimals) -> Option<u64> {
        let of = |beyond: &Beyond, more: u8| match more {
            0 => None,
            more => beyond.first.get(usize::from(more)).copied().flatten(),
        };
        let price = of(&self.price, more.price);
        let qty = of(&self.qty, more.qty);
        price.into_iter().chain(qty).min()
    }

    fn scale(&mut self, more: Decimals) {
        self.price.scale(more.price);
        self.qty.scale(more.qty);
        self.given.0 = self.given.0.saturating_add(more.price);
        self.given.1 = self.given.1.saturating_add(more.qty);
    }
}

/// By what mantissas are multiplied.
#[derive(Clone, Copy, Debug)]
struct Factors {
    price: i64,
    qty: i64,
}

/// Gives the numbers of a record another scale; false if one does not fit, or if it is of a kind whose numbers are not known here.
fn rescale(record: &mut Record, by: Factors) -> bool {
    let mut fits = true;
    let has_numbers = visit_mantissas(record, &mut |of, mantissa| {
        let factor = match of {
            Mantissa::Price => by.price,
            Mantissa::Qty => by.qty,
        };
        match mantissa.checked_mul(factor) {
            Some(scaled) => *mantissa = scaled,
            None => fits = false,
        }
    });
    fits && (has_numbers || matches!(record.kind(), Some(Kind::Timer | Kind::Status)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{BarBody, Header, SourceId, Ts};

    #[test]
    fn numbers_get_finer_or_it_is_an_error() {
        let mut instruments = Instruments::new();
        let a = instruments
            .add(InstrumentDef::new("A", 2, 0, "USD"))
            .unwrap();
        let b = instruments
            .add(InstrumentDef::new("B", 2, 0, "USD"))
            .unwrap();
        let bar = |id, open, volume| {
            let body = BarBody {
                volume,
                open,
                ..BarBody::default()
            };
            body.record(Header::new(Kind::Bar, id, SourceId(0), Ts(0), Ts(0)))
        };
        let mut records = vec![bar(a, 7, 22_351_900), bar(b, 7, 5)];
        let fine = |instruments: &Instruments, id, decimals| InstrumentDef {
            qty_decimals: decimals,
            ..instruments.get(id).unwrap().clone()
        };
        let def = fine(&instruments, a, 9);
        redefine(&mut records, &mut instruments, a, def).unwrap();
        assert_eq!(records, [bar(a, 7, 22_351_900_000_000_000), bar(b, 7, 5)]);
        assert_eq!(instruments.get(a).unwrap().qty_decimals, 9);
        assert_eq!(instruments.get(b).unwrap().qty_decimals, 0);
        let coarse = fine(&instruments, a, 8);
        let error = redefine(&mut records, &mut instruments, a, coarse).unwrap_err();
        assert!(
            error.to_string().starts_with("decimals of sizes"),
            "{error}"
        );
        let mut prices = fine(&instruments, b, 0);
        prices.price_decimals = 5;
        redefine(&mut records, &mut instruments, b, prices).unwrap();
        assert_eq!(records[1], bar(b, 7_000, 5));
        let mut records = vec![bar(b, 7, i64::MAX / 10)];
        let def = fine(&instruments, b, 2);
        let error = redefine(&mut records, &mut instruments, b, def).unwrap_err();
        assert!(
            error.to_string().contains("too large for 5 and 2 decimals"),
            "{error}"
        );
    }

    /// What is refused of records that pass is what is refused of them at once, and what comes of them is the same.
    #[test]
    fn records_on_their_way_are_as_those_at_once() {
        let mut known = Instruments::new();
        let a = known.add(InstrumentDef::new("A", 0, 0, "USD")).unwrap();
        let bar = |close: i64, volume| {
            let body = BarBody {
                close,
                volume,
                ..BarBody::default()
            };
            body.record(Header::new(Kind::Bar, a, SourceId(0), Ts(0), Ts(0)))
        };
        let records = [
            bar(7, 3),
            bar(-5_000_000_000, 100),
            bar(7_000_000_000_000_000, 5_000_000_000_000_000_000),
        ];
        for (price, qty) in [(0, 0), (1, 0), (4, 0), (9, 0), (0, 1), (3, 9), (9, 9)] {
            for (price_again, qty_again) in [(0, 0), (1, 0), (0, 2), (5, 5)] {
                let (mut at_once, mut all) = (known.clone(), records.to_vec());
                let (mut passing, mut rescaling) = (known.clone(), Rescaling::default());
                let mut largest = Largest::default();
                for (seq, record) in (0..).zip(&records) {
                    largest.note(seq, record);
                }
                for (price, qty) in [(price, qty), (price + price_again, qty + qty_again)] {
                    let def = InstrumentDef {
                        price_decimals: price.min(9),
                        qty_decimals: qty.min(9),
                        ..InstrumentDef::new("A", price.min(9), qty.min(9), "USD")
                    };
                    let mut known_largest =
                        Largest::of(7_000_000_000_000_000, 5_000_000_000_000_000_000);
                    let by_largest = Rescaling::default().redefine(
                        &mut known.clone(),
                        Some(&mut known_largest),
                        (a, def.clone()),
                        &mut |unfit| {
                            let place = records.iter().position(|record| unfit.is(record));
                            Ok(place.unwrap() as u64)
                        },
                    );
                    let expected = redefine(&mut all, &mut at_once, a, def.clone());
                    assert_eq!(
                        by_largest.map_err(|error| error.to_string()),
                        expected.as_ref().copied().map_err(ToString::to_string)
                    );
                    let found = rescaling.redefine(
                        &mut passing,
                        Some(&mut largest),
                        (a, def.clone()),
                        &mut |_| Ok(0),
                    );
                    assert_eq!(
                        found.as_ref().map_err(ToString::to_string),
                        expected.as_ref().map_err(ToString::to_string),
                        "{price} {qty}"
                    );
                    if expected.is_err() {
                        break;
                    }
                    let mut passed = records;
                    for (seq, record) in (0..).zip(&mut passed) {
                        rescaling.apply(seq, record).unwrap();
                    }
                    assert_eq!(passed.as_slice(), all.as_slice());
                    assert_eq!(passing, at_once);
                }
            }
        }
    }
}
