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
use crate::spool::{Spool, Spooled};
use std::iter::Peekable;
use std::vec::IntoIter;
use tickloom_catalog::Table;
use tickloom_types::{
    BarBody, Flags, Header, InstrumentId, Kind, QuoteBody, Record, Seq, SourceId, TradeBody, Ts,
    pow10,
};

/// What is known of an instrument so far.
#[derive(Clone, Copy, Default)]
struct Scales {
    price_decimals: u8,
    qty_decimals: u8,
    /// The largest mantissas at these scales.
    price_max: u128,
    qty_max: u128,
    /// The least and the greatest time of its rows.
    times: Option<(Ts, Ts)>,
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
    /// Whether each row is later than the one before.
    is_ascending: bool,
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
            is_ascending: true,
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
        self.is_ascending &= order > self.last;
        self.last = order;
        let ts = row.close.unwrap_or(row.stamped.ts);
        self.times = (self.times.0.min(ts), self.times.1.max(ts));
        if self.scales.len() <= row.ticker {
            self.scales.resize(row.ticker + 1, Scales::default());
        }
        let scales = self.scales.get_mut(row.ticker)?;
        let (from, to) = scales.times.unwrap_or((ts, ts));
        scales.times = Some((from.min(ts), to.max(ts)));
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

    /// Whether no two of them can be one moment.
    pub(super) fn are_apart(&self) -> bool {
        let tickers = self.scales.iter().filter(|of| of.times.is_some());
        self.shape != Shape::Bars || tickers.count() == 1
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

    /// The records as the plan says they are; `has_close` if bars say when they close.
    pub(super) fn finish(self, plan: &Plan, has_close: bool) -> Drafted {
        Drafted {
            scales: (0..self.scales.len()).map(|at| plan.scale(at)).collect(),
            source: plan.source(),
            shift: plan.shift(),
            is_closed: has_close && plan.stamp == "open",
            draft: self,
        }
    }
}

/// Records of which all is known.
pub(crate) struct Drafted {
    draft: Draft,
    /// Decimals of prices and sizes, by instrument.
    scales: Vec<(u8, u8)>,
    source: SourceId,
    shift: i64,
    /// Whether the times of bars are the closes that they say.
    is_closed: bool,
}

/// What is known of the records of one instrument.
pub(crate) struct DraftedOf {
    /// One like them.
    pub(crate) sample: Record,
    /// The least and the greatest time.
    pub(crate) times: (Ts, Ts),
    /// The largest mantissas of prices and of sizes.
    pub(crate) largest: (u64, u64),
}

impl Drafted {
    pub(crate) fn len(&self) -> u64 {
        self.draft.spool.len()
    }

    pub(crate) fn table(&self) -> Table {
        self.draft.shape.table()
    }

    /// Whether they are bars of one instrument, each after that before it.
    pub(crate) fn is_one_series(&self) -> bool {
        self.draft.shape == Shape::Bars && self.draft.is_ascending && self.draft.are_apart()
    }

    /// Those of each instrument; of one without any, none.
    pub(crate) fn by_instrument(&self) -> impl Iterator<Item = Option<DraftedOf>> {
        let all = (0..).zip(self.draft.scales.iter().zip(&self.scales));
        all.map(|(at, (of, finest))| {
            let (from, to) = of.times?;
            let moved = |ts: Ts| Ts(ts.0.saturating_add(self.shift));
            let (kind, id) = (self.table().kind(), InstrumentId(at));
            let header = Header::new(kind, id, self.source, moved(from), moved(from));
            let finer = |largest: u128, from: u8, to: u8| {
                let by = u128::from(pow10(to.saturating_sub(from)).unsigned_abs());
                u64::try_from(largest.saturating_mul(by)).unwrap_or(u64::MAX)
            };
            Some(DraftedOf {
                sample: BarBody::default().record(header),
                times: (moved(from), moved(to)),
                largest: (
                    finer(of.price_max, of.price_decimals, finest.0),
                    finer(of.qty_max, of.qty_decimals, finest.1),
                ),
            })
        })
    }

    /// The records, one after the other.
    pub(crate) fn records(self) -> Result<DraftedRecords> {
        let factors = (0..self.scales.len()).map(|at| factors(&self.scales, at, 0, 0));
        Ok(DraftedRecords {
            shape: self.draft.shape,
            factors: factors.collect(),
            spooled: self.draft.spool.read()?,
            changes: self.draft.changes.into_iter().peekable(),
            scales: self.scales,
            source: self.source,
            shift: self.shift,
            is_closed: self.is_closed,
        })
    }
}

/// What makes mantissas of so many decimals those of an instrument.
fn factors(scales: &[(u8, u8)], at: usize, price: u8, qty: u8) -> (i64, i64) {
    let (price_decimals, qty_decimals) = scales.get(at).copied().unwrap_or((0, 0));
    let factor = |to: u8, from: u8| pow10(to.saturating_sub(from));
    (factor(price_decimals, price), factor(qty_decimals, qty))
}

/// The records of a draft.
pub(crate) struct DraftedRecords {
    shape: Shape,
    spooled: Spooled,
    changes: Peekable<IntoIter<Change>>,
    scales: Vec<(u8, u8)>,
    /// By instrument, as of the last row.
    factors: Vec<(i64, i64)>,
    source: SourceId,
    shift: i64,
    is_closed: bool,
}

impl Iterator for DraftedRecords {
    type Item = Result<(Seq, Record)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (row, mut record) = match self.spooled.next()? {
            Ok(next) => next,
            Err(error) => return Some(Err(error)),
        };
        while let Some(change) = self.changes.next_if(|change| change.row <= row) {
            let (price, qty) = (change.price_decimals, change.qty_decimals);
            if let Some(of) = self.factors.get_mut(change.ticker) {
                *of = factors(&self.scales, change.ticker, price, qty);
            }
        }
        let at = usize::try_from(record.header.instrument).unwrap_or(usize::MAX);
        if let Some((price, qty)) = self.factors.get(at).filter(|by| **by != (1, 1)) {
            rescale(self.shape, &mut record, *price, *qty);
        }
        let header = &mut record.header;
        header.source = self.source.0;
        match self.shape {
            Shape::Bars => {
                // Of a bar that says its close, that is held in place of the arrival.
                header.ts_event = match self.is_closed {
                    true => header.ts_recv,
                    false => header.ts_event.saturating_add(self.shift),
                };
                header.ts_recv = header.ts_event;
            }
            _ => header.flags = Flags::LAST,
        }
        Some(Ok((row, record)))
    }
}

impl Scales {
    fn widen(&mut self, price: u8, qty: u8) -> Option<()> {
        let by = |from: u8, to: u8| Some(u128::from(pow10(to.checked_sub(from)?).unsigned_abs()));
        self.price_max = self
            .price_max
            .checked_mul(by(self.price_decimals, price)?)?;
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
