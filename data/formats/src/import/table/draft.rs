//! The records of a table, made while it is read for the first time: when all is known of it they only need their scales, their times and
//! their source, and the file is not read again. That is so for the common case: rows in the order of time that each make one record.
//! What cannot be held so, or might not fit, is read again.

mod records;

pub(crate) use records::DraftedRecords;

use super::plan::Plan;
use crate::Result;
use crate::import::layout::Layout;
use crate::import::number::Number;
use crate::import::reader::{ReadRows, Reader, Ticker, numbers_of};
use crate::import::row::{Row, Shape};
use crate::spool::columns::{COLUMNS, ColumnSpool, Columns};
use tickloom_catalog::Table;
use tickloom_types::{BarBody, Header, InstrumentId, Record, SourceId, Ts, pow10};

/// The columns of a draft: times, how long after them rows arrived, or bars closed, the ticker, and what the bodies of records hold.
const TS: usize = 0;
const LAG: usize = 1;
const TICKER: usize = 2;
const BODY: usize = 3;

/// Numbers of bars that are no further from zero than others of them.
const OPEN: usize = 0;
const CLOSE: usize = 3;

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
    spool: ColumnSpool,
    scales: Vec<Scales>,
    changes: Vec<Change>,
    last: Ts,
    /// Least and greatest time of a row.
    times: (Ts, Ts),
    /// Whether each row is later than the one before.
    is_ascending: bool,
}

impl Draft {
    /// For a file of this layout, if its rows can be held so; more than so many bytes of them wait in a temporary file.
    pub(super) fn of(layout: &Layout, bytes: u64) -> Option<Draft> {
        #[cfg(test)]
        if crate::import::reader::IS_OFF.get() {
            return None;
        }
        let is_plain = matches!(layout.shape, Shape::Bars | Shape::Quotes | Shape::Trades);
        (is_plain && !layout.has_trades_beside()).then(|| Draft {
            shape: layout.shape,
            spool: ColumnSpool::new(bytes),
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
        let ts = row.close.unwrap_or(row.stamped.ts);
        self.note_times(&[order.0], (ts, ts), row.ticker)?;
        self.note_scales(row.ticker, ticker)?;
        let scales = self.scales.get_mut(row.ticker)?;
        let row = columns(self.shape, row, scales)?;
        self.spool.push(row).ok()
    }

    /// Takes rows that a reader read at once; `None` if they cannot be held.
    pub(super) fn take_all(&mut self, rows: &ReadRows, reader: &Reader<'_>) -> Option<()> {
        let ends = match rows.closes.is_empty() {
            true => &rows.ts,
            false => &rows.closes,
        };
        let (from, to) = (*ends.iter().min()?, *ends.iter().max()?);
        self.note_times(rows.order(), (Ts(from), Ts(to)), rows.ticker)?;
        self.note_scales(rows.ticker, reader.tickers.get(rows.ticker)?)?;
        let scales = self.scales.get_mut(rows.ticker)?;
        let shape = self.shape;
        for (at, numbers) in rows.numbers.iter().enumerate() {
            // Opens and closes of bars are between their lows and their highs.
            if shape == Shape::Bars && matches!(at, OPEN | CLOSE) {
                continue;
            }
            let largest = numbers.iter().map(|number| number.unsigned_abs()).max();
            let of = match shape.is_qty(at) {
                true => &mut scales.qty_max,
                false => &mut scales.price_max,
            };
            *of = (*of).max(largest.unwrap_or(0).into());
        }
        let ticker = i64::try_from(rows.ticker).ok()?;
        let lags = match shape {
            Shape::Bars => &rows.closes,
            _ => &rows.arrivals,
        };
        let extend = |block: &mut Columns, range: std::ops::Range<usize>| {
            let [ts, lag, tickers, body @ ..] = block;
            let own = rows.ts.get(range.clone()).unwrap_or_default();
            ts.extend_from_slice(own);
            let filled = ts.len();
            tickers.resize(filled, ticker);
            if let Some(lags) = lags.get(range.clone()) {
                lag.extend(
                    lags.iter()
                        .zip(own)
                        .map(|(late, ts)| late.wrapping_sub(*ts)),
                );
            }
            lag.resize(filled, 0);
            let numbers = rows.numbers.iter().take(numbers_of(shape));
            for (column, numbers) in body.iter_mut().zip(numbers) {
                column.extend_from_slice(numbers.get(range.clone()).unwrap_or_default());
            }
            let [.., id, side] = &mut *body;
            match shape {
                Shape::Quotes => {
                    side.extend_from_slice(rows.sequences.get(range).unwrap_or_default());
                }
                Shape::Trades => {
                    id.extend_from_slice(rows.ids.get(range.clone()).unwrap_or_default());
                    let sides = rows.sides.get(range).unwrap_or_default();
                    side.extend(sides.iter().map(|side| i64::from(*side)));
                }
                _ => {}
            }
            // What no row has is zero.
            for column in body {
                column.resize(filled, 0);
            }
        };
        self.spool.extend(rows.ts.len(), extend).ok()
    }

    /// Notes times of rows of a ticker: those by which they are in order, and the least and the greatest that records may bear. `None` if
    /// they are not in order.
    #[inline]
    fn note_times(&mut self, order: &[i64], ends: (Ts, Ts), ticker: usize) -> Option<()> {
        for order in order {
            let order = Ts(*order);
            if order < self.last {
                return None;
            }
            self.is_ascending &= order > self.last;
            self.last = order;
        }
        self.times = (self.times.0.min(ends.0), self.times.1.max(ends.1));
        if self.scales.len() <= ticker {
            self.scales.resize(ticker + 1, Scales::default());
        }
        let scales = self.scales.get_mut(ticker)?;
        let (from, to) = scales.times.unwrap_or(ends);
        scales.times = Some((from.min(ends.0), to.max(ends.1)));
        Some(())
    }

    /// Has the mantissas of a ticker the decimals that its rows so far need.
    #[inline]
    fn note_scales(&mut self, at: usize, ticker: &Ticker) -> Option<()> {
        let scales = self.scales.get_mut(at)?;
        let (price, qty) = (ticker.price_decimals, ticker.qty_decimals);
        if (scales.price_decimals, scales.qty_decimals) != (price, qty) {
            scales.widen(price, qty)?;
            self.changes.push(Change {
                row: self.spool.len(),
                ticker: at,
                price_decimals: price,
                qty_decimals: qty,
            });
        }
        Some(())
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
            && plan.closing.shift().is_some()
            && plan.closing.close(from).is_some()
            && plan.closing.close(to).is_some()
    }

    /// The records as the plan says they are; `has_close` if bars say when they close.
    pub(super) fn finish(self, plan: &Plan, has_close: bool) -> Drafted {
        Drafted {
            scales: (0..self.scales.len()).map(|at| plan.scale(at)).collect(),
            source: plan.source(),
            shift: plan.closing.shift().unwrap_or_default(),
            is_closed: has_close && plan.closing.takes_closes(),
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

    /// The records.
    pub(crate) fn records(self) -> Result<DraftedRecords> {
        DraftedRecords::of(self)
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

/// A row, at the scales so far. Of a quote the last column is its sequence, of a trade the last two are its number and its side.
#[inline]
fn columns(shape: Shape, row: &Row, scales: &mut Scales) -> Option<[i64; COLUMNS]> {
    let ts = row.stamped.ts.0;
    let late = match shape {
        Shape::Bars => row.close,
        _ => row.arrival,
    };
    let lag = late.map_or(0, |late| late.0.wrapping_sub(ts));
    let ticker = i64::try_from(row.ticker).ok()?;
    let [a, b, c, d, e, ..] = row.numbers;
    let [a, b, c, d, e] = match shape {
        Shape::Bars => [
            scales.price(a)?,
            scales.price(b)?,
            scales.price(c)?,
            scales.price(d)?,
            scales.qty(e)?,
        ],
        Shape::Quotes => [
            scales.price(a)?,
            scales.qty(b)?,
            scales.price(c)?,
            scales.qty(d)?,
            row.sequence.cast_signed(),
        ],
        Shape::Trades => [
            scales.price(a)?,
            scales.qty(b)?,
            0,
            row.id.cast_signed(),
            i64::from(row.side),
        ],
        _ => return None,
    };
    Some([ts, lag, ticker, a, b, c, d, e])
}
