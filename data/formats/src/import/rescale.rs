//! Gives an instrument's numbers a finer scale, so that fractions of its unit can be held.

use super::mantissas::{Mantissa, visit_mantissas};
use crate::{FormatError, Result};
use tickloom_catalog::with_definition;
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
            value: definition.name,
            expected: "a known instrument",
        });
    };
    definition.check()?;
    let factors = Factors {
        price: pow10(more(
            "decimals of prices",
            definition.price_decimals,
            known.price_decimals,
        )?),
        qty: pow10(more(
            "decimals of sizes",
            definition.qty_decimals,
            known.qty_decimals,
        )?),
    };
    if factors.price > 1 || factors.qty > 1 {
        for (seq, record) in (0..).zip(records.iter_mut()) {
            if record.instrument() == instrument && !rescale(record, factors) {
                return Err(FormatError::Record {
                    seq,
                    field: "price or size",
                    value: format!(
                        "too large for {} and {} decimals",
                        definition.price_decimals, definition.qty_decimals
                    ),
                    expected: "at most 64 bits",
                });
            }
        }
    }
    *instruments = with_definition(instruments, instrument, definition)?;
    Ok(())
}

/// By what mantissas are multiplied.
#[derive(Clone, Copy)]
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
    use tickloom_catalog::finer_sizes;
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
        let fine = |instruments: &Instruments, id, decimals| {
            finer_sizes(instruments.get(id).unwrap(), decimals)
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
}
