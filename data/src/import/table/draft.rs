//! The records of a table, made while it is read for the first time: when all is known of it they only need their scales, their times and
//! their source, and the file is not read again. That is so for the common case: rows in the order of time that each make one record.
//! What cannot be held so, or might not fit, is read again.

use super::plan::Plan;
use crate::Result;
use crate::import::layout::Layout;
use crate::import::number::Number;
use crate::import::reader::{Reader, Ticker};
use crate::import::row::{Row, Shape};
use crate::limits::DRAFT_BYTES;
use crate::spool::Spool;
use tickloom_types::{
    BarBody, Flags, Header, InstrumentId, Kind, QuoteBody, Record, SourceId, TradeBody, Ts, pow10,
};

/// What is known of an instrument so far.
#[derive(Clone, Copy, Default)]
struct Scales {
    price_decimals: u8,
    qty_decimals: u8,
    /// The largest mantissas at these scales.
    price_max: u128,
    qty_max: u128,
}

/// From a row on, the mantissas of an instrument have so many decimals.
#[derive(Clone, Copy)]
struct Change {
    row: u64,
    ticker: usize,
    price_decimals: u8,
    qty_decimals: u8,
}

/// Records of which the scale is that of the rows so far.
pub(super) struct Draft {
    shape: Shape,
    spool: Spool,
    scales: Vec<Scales>,
    changes: Vec<Change>,
    last: Ts,
    /// Least and greatest time of a row.
    times: (Ts, Ts),
}

impl Draft {
    /// For a file of this layout, if its rows can be held so.
    pub(super) fn of(layout: &Layout) -> Option<Draft> {
        #[cfg(test)]
        if crate::import::reader::IS_OFF.get() {
            return None;
        }
        let is_plain = matches!(layout.shape, Shape::Bars | Shape::Quotes | Shape::Trades);
        (is_plain && !layout.is_databento()).then(|| Draft {
            shape: layout.shape,
            spool: Spool::new(DRAFT_BYTES),
            scales: Vec::new(),
            changes: Vec::new(),
            last: Ts(i64::MIN),
            times: (Ts(i64::MAX), Ts(i64::MIN)),
        })
    }

    /// Takes the current row of a reader; `None` if it cannot be held.
    #[inline]
    pub(super) fn take(&mut self, reader: &Reader<'_>) -> Option<()> {
        let row = &reader.current;
        self.take_row(row, reader.tickers.get(row.ticker)?)
    }

    #[inline]
    fn take_row(&mut self, row: &Row, ticker: &Ticker) -> Option<()> {
        let order = row.arrival.unwrap_or(row.stamped.ts);
        if order < self.last {
            return None;
        }
        self.last = order;
        let ts = row.close.unwrap_or(row.stamped.ts);
        self.times = (self.times.0.min(ts), self.times.1.max(ts));
        if self.scales.len() <= row.ticker {
            self.scales.resize(row.ticker + 1, Scales::default());
        }
        let scales = self.scales.get_mut(row.ticker)?;
        let (price, qty) = (ticker.price_decimals, ticker.qty_decimals);
        if (scales.price_decimals, scales.qty_decimals) != (price, qty) {
            scales.widen(price, qty)?;
            self.changes.push(Change {
                row: self.spool.len(),
                ticker: row.ticker,
                price_decimals: price,
                qty_decimals: qty,
            });
        }
        let record = record(self.shape, row, scales)?;
        self.spool.push(&record).ok()
    }

    /// Whether every record fits once it has the scale and the time that the plan says.
    pub(super) fn fits(&self, plan: &Plan) -> bool {
        let is_known = |(at, scales): (usize, &Scales)| {
            let (price, qty) = plan.scale(at);
            let fits = |largest: u128, from: u8, to: u8| {
                let factor = to.checked_sub(from).map(|more| pow10(more).unsigned_abs());
                let largest = factor.and_then(|by| largest.checked_mul(by.into()));
                largest.is_some_and(|largest| largest < i64::MAX.unsigned_abs().into())
            };
            fits(scales.price_max, scales.price_decimals, price)
                && fits(scales.qty_max, scales.qty_decimals, qty)
        };
        let (from, to) = self.times;
        self.scales.iter().enumerate().all(is_known)
            && plan.moved(from).is_some()
            && plan.moved(to).is_some()
    }

    /// Gives the records to `push` as the plan says they are.
    pub(super) fn emit(
        self,
        plan: &Plan,
        has_close: bool,
        push: &mut dyn FnMut(&Record) -> Result<()>,
    ) -> Result<()> {
        let mut changes = self.changes.iter().peekable();
        let mut factors = vec![(1, 1); self.scales.len()];
        for (at, factors) in factors.iter_mut().enumerate() {
            *factors = plan.factors(at, 0, 0);
        }
        let is_closed = has_close && plan.stamp == "open";
        for next in self.spool.read()? {
            let (row, mut record) = next?;
            while let Some(change) = changes.next_if(|change| change.row <= row) {
                let (price, qty) = (change.price_decimals, change.qty_decimals);
                if let Some(factors) = factors.get_mut(change.ticker) {
                    *factors = plan.factors(change.ticker, price, qty);
                }
            }
            let at = usize::try_from(record.header.instrument).unwrap_or(usize::MAX);
            if let Some((price, qty)) = factors.get(at).filter(|by| **by != (1, 1)) {
                rescale(self.shape, &mut record, *price, *qty);
            }
            let header = &mut record.header;
            header.source = plan.source().0;
            match self.shape {
                Shape::Bars => {
                    // Of a bar that says its close, that is held in place of the arrival.
                    let ts = match is_closed {
                        true => Some(Ts(header.ts_recv)),
                        false => plan.moved(Ts(header.ts_event)),
                    };
                    header.ts_event = ts.map_or(header.ts_event, |ts| ts.0);
                    header.ts_recv = header.ts_event;
                }
                _ => header.flags = Flags::LAST,
            }
            push(&record)?;
        }
        Ok(())
    }
}

impl Scales {
    fn widen(&mut self, price: u8, qty: u8) -> Option<()> {
        let by = |from: u8, to: u8| Some(u128::from(pow10(to.checked_sub(from)?).unsigned_abs()));
        self.price_max = self.price_max.checked_mul(by(self.price_decimals, price)?)?;
        self.qty_max = self.qty_max.checked_mul(by(self.qty_decimals, qty)?)?;
        (self.price_decimals, self.qty_decimals) = (price, qty);
        Some(())
    }

    #[inline]
    fn price(&mut self, number: Number) -> Option<i64> {
        let mantissa = number.at(self.price_decimals)?;
        self.price_max = self.price_max.max(mantissa.unsigned_abs().into());
        Some(mantissa)
    }

    #[inline]
    fn qty(&mut self, number: Number) -> Option<i64> {
        let mantissa = number.at(self.qty_decimals)?;
        self.qty_max = self.qty_max.max(mantissa.unsigned_abs().into());
        Some(mantissa)
    }
}

/// The record of a row, at the scales so far.
#[inline]
fn record(shape: Shape, row: &Row, scales: &mut Scales) -> Option<Record> {
    let ts = row.stamped.ts;
    let arrival = match shape {
        Shape::Bars => row.close.unwrap_or(ts),
        _ => row.arrival.unwrap_or(ts),
    };
    let id = InstrumentId(u32::try_from(row.ticker).ok()?);
    let header = |kind| Header::new(kind, id, SourceId(0), ts, arrival);
    let [a, b, c, d, e, ..] = row.numbers;
    Some(match shape {
        Shape::Bars => BarBody {
            open: scales.price(a)?,
            high: scales.price(b)?,
            low: scales.price(c)?,
            close: scales.price(d)?,
            volume: scales.qty(e)?,
        }
        .record(header(Kind::Bar)),
        Shape::Quotes => QuoteBody {
            bid: scales.price(a)?,
            bid_qty: scales.qty(b)?,
            ask: scales.price(c)?,
            ask_qty: scales.qty(d)?,
            update_id: row.sequence,
        }
        .record(header(Kind::Quote)),
        Shape::Trades => TradeBody {
            price: scales.price(a)?,
            qty: scales.qty(b)?,
            trade_id: row.id,
            side: row.side,
            ..TradeBody::default()
        }
        .record(header(Kind::Trade)),
        _ => return None,
    })
}

/// Multiplies the mantissas of a record, which are known to fit.
fn rescale(shape: Shape, record: &mut Record, price: i64, qty: i64) {
    let header = record.header;
    *record = match shape {
        Shape::Bars => {
            let body = BarBody::of(record);
            BarBody {
                open: body.open.wrapping_mul(price),
                high: body.high.wrapping_mul(price),
                low: body.low.wrapping_mul(price),
                close: body.close.wrapping_mul(price),
                volume: body.volume.wrapping_mul(qty),
            }
            .record(header)
        }
        Shape::Quotes => {
            let body = QuoteBody::of(record);
            QuoteBody {
                bid: body.bid.wrapping_mul(price),
                bid_qty: body.bid_qty.wrapping_mul(qty),
                ask: body.ask.wrapping_mul(price),
                ask_qty: body.ask_qty.wrapping_mul(qty),
                ..body
            }
            .record(header)
        }
        _ => {
            let body = TradeBody::of(record);
            TradeBody {
                price: body.price.wrapping_mul(price),
                qty: body.qty.wrapping_mul(qty),
                ..body
            }
            .record(header)
        }
    };
}
