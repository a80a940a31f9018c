//! Gives an instrument's sizes a finer scale, so that fractions of its unit can be held.

use crate::{DataError, Result};
use tickloom_types::{
    BarBody, InstrumentDef, InstrumentId, Instruments, Kind, LevelBody, OrderUpdateBody,
    PRICE_DECIMALS_MAX, QuoteBody, Record, TradeBody, pow10,
};

/// Gives the sizes of one instrument `decimals` decimals, not fewer than it has; its smallest lot becomes one step of them.
///
/// # Errors
/// [`DataError::Record`] if a size does not fit then, or is of a kind that has none (outputs); [`DataError::Option`] for a scale
/// that is coarser or finer than nine decimals, or an unknown instrument. Some records may have been changed by then.
pub fn rescale_qty(
    records: &mut [Record],
    instruments: &mut Instruments,
    instrument: InstrumentId,
    decimals: u8,
) -> Result<()> {
    let wrong = |expected| DataError::Option {
        field: "decimals",
        value: decimals.to_string(),
        expected,
    };
    let def = instruments
        .get(instrument)
        .ok_or_else(|| wrong("a known instrument"))?;
    let more = decimals
        .checked_sub(def.qty_decimals)
        .filter(|_| decimals <= PRICE_DECIMALS_MAX)
        .ok_or_else(|| wrong("no fewer than the instrument has, and at most nine"))?;
    let factor = pow10(more);
    for (seq, record) in (0..).zip(records.iter_mut()) {
        if record.instrument() == instrument {
            *record = rescaled(record, factor).ok_or_else(|| DataError::Record {
                seq,
                field: "qty",
                value: format!("too large for {decimals} decimals"),
                expected: "at most 64 bits",
            })?;
        }
    }
    *instruments = with_scale(instruments, instrument, decimals)?;
    Ok(())
}

fn rescaled(record: &Record, factor: i64) -> Option<Record> {
    let header = record.header;
    Some(match record.kind()? {
        Kind::Trade => {
            let mut body = TradeBody::of(record);
            body.qty = body.qty.checked_mul(factor)?;
            body.record(header)
        }
        Kind::Quote => {
            let mut body = QuoteBody::of(record);
            body.bid_qty = body.bid_qty.checked_mul(factor)?;
            body.ask_qty = body.ask_qty.checked_mul(factor)?;
            body.record(header)
        }
        Kind::Level => {
            let mut body = LevelBody::of(record);
            body.qty = body.qty.checked_mul(factor)?;
            body.record(header)
        }
        Kind::OrderUpdate => {
            let mut body = OrderUpdateBody::of(record);
            body.qty = body.qty.checked_mul(factor)?;
            body.record(header)
        }
        Kind::Bar => {
            let mut body = BarBody::of(record);
            body.volume = body.volume.checked_mul(factor)?;
            body.record(header)
        }
        Kind::Timer | Kind::Status => *record,
        _ => return None,
    })
}

pub(crate) fn with_scale(
    all: &Instruments,
    changed: InstrumentId,
    decimals: u8,
) -> Result<Instruments> {
    let mut rescaled = Instruments::new();
    for (id, def) in (0..).zip(all.defs()) {
        rescaled.add(if InstrumentId(id) == changed {
            InstrumentDef {
                qty_decimals: decimals,
                lot_size: 1,
                ..def.clone()
            }
        } else {
            def.clone()
        })?;
    }
    for source in all.sources() {
        rescaled.add_source(source.clone())?;
    }
    Ok(rescaled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{Header, SourceId, Ts};

    #[test]
    fn sizes_get_finer_or_it_is_an_error() {
        let mut instruments = Instruments::new();
        let a = instruments
            .add(InstrumentDef::new("A", 2, 0, "USD"))
            .unwrap();
        let b = instruments
            .add(InstrumentDef::new("B", 2, 0, "USD"))
            .unwrap();
        let bar = |id, volume| {
            let body = BarBody {
                volume,
                open: 7,
                ..BarBody::default()
            };
            body.record(Header::new(Kind::Bar, id, SourceId(0), Ts(0), Ts(0)))
        };
        let mut records = vec![bar(a, 22_351_900), bar(b, 5)];
        rescale_qty(&mut records, &mut instruments, a, 9).unwrap();
        assert_eq!(records, [bar(a, 22_351_900_000_000_000), bar(b, 5)]);
        assert_eq!(instruments.get(a).unwrap().qty_decimals, 9);
        assert_eq!(instruments.get(b).unwrap().qty_decimals, 0);
        let error = rescale_qty(&mut records, &mut instruments, a, 8).unwrap_err();
        assert!(
            error.to_string().starts_with("decimals is \"8\""),
            "{error}"
        );
        let mut records = vec![bar(b, i64::MAX / 10)];
        let error = rescale_qty(&mut records, &mut instruments, b, 2).unwrap_err();
        assert!(
            error.to_string().starts_with("record 0: qty is too large"),
            "{error}"
        );
    }
}
