//! The records of a draft, some at a time.

use super::{BODY, Change, Drafted, LAG, TICKER, TS};
use crate::import::row::Shape;
use crate::spool::columns::{Columns, ColumnsRead};
use crate::{FormatError, Result};
use std::iter::Peekable;
use std::vec::IntoIter;
use tickloom_catalog::{RecordBlock, RecordBlocks};
use tickloom_types::{
    BarBody, Flags, Header, InstrumentId, Kind, QuoteBody, Record, Seq, SourceId, TradeBody, Ts,
    pow10,
};

/// The records of a draft, with their places as their sequences.
pub(crate) struct DraftedRecords {
    shape: Shape,
    rows: ColumnsRead,
    columns: Columns,
    seqs: Vec<Seq>,
    records: Vec<Record>,
    /// Records before those in hand.
    before: Seq,
    changes: Peekable<IntoIter<Change>>,
    /// Decimals that prices and sizes come to, by instrument.
    scales: Vec<(u8, u8)>,
    /// What they are multiplied with, by instrument, as of the last row.
    factors: Vec<(i64, i64)>,
    source: SourceId,
    shift: i64,
    is_closed: bool,
}

impl DraftedRecords {
    pub(super) fn of(drafted: Drafted) -> Result<DraftedRecords> {
        let scales = drafted.scales;
        Ok(DraftedRecords {
            shape: drafted.draft.shape,
            rows: drafted.draft.spool.read()?,
            columns: Columns::default(),
            seqs: Vec::new(),
            records: Vec::new(),
            before: 0,
            changes: drafted.draft.changes.into_iter().peekable(),
            factors: (0..scales.len())
                .map(|at| factors(&scales, at, 0, 0))
                .collect(),
            scales,
            source: drafted.source,
            shift: drafted.shift,
            is_closed: drafted.is_closed,
        })
    }

    /// Has instruments the factors that they have from a row on.
    fn change(&mut self, row: u64) {
        while let Some(change) = self.changes.next_if(|change| change.row <= row) {
            let (price, qty) = (change.price_decimals, change.qty_decimals);
            if let Some(of) = self.factors.get_mut(change.ticker) {
                *of = factors(&self.scales, change.ticker, price, qty);
            }
        }
    }

    /// Makes records of the rows in hand from `from` on, up to the first whose instrument has other decimals than before it: the place
    /// of that.
    fn make(&mut self, from: usize) -> usize {
        let rows = self.columns[TS].len();
        self.change(self.before + from as u64);
        let next = self.changes.peek();
        let next = next.and_then(|change| usize::try_from(change.row - self.before).ok());
        let to = next.map_or(rows, |next| next.min(rows));
        let (source, shift) = (self.source, self.shift);
        let slice = |at: usize| self.columns[at].get(from..to).unwrap_or_default();
        let heads = slice(TS).iter().zip(slice(LAG)).zip(slice(TICKER));
        let bodies = slice(BODY).iter().zip(slice(BODY + 1)).zip(slice(BODY + 2));
        let bodies = bodies.zip(slice(BODY + 3)).zip(slice(BODY + 4));
        let factors = |ticker: i64| {
            let at = usize::try_from(ticker).unwrap_or(usize::MAX);
            self.factors.get(at).copied().unwrap_or((1, 1))
        };
        let id = |ticker: i64| InstrumentId(u32::try_from(ticker).unwrap_or(u32::MAX));
        let rows = heads.zip(bodies);
        // What is multiplied is known to fit.
        match self.shape {
            Shape::Bars => {
                let is_closed = self.is_closed;
                self.records
                    .extend(rows.map(|(((ts, lag), ticker), ((((a, b), c), d), e))| {
                        let ts = match is_closed {
                            true => ts.wrapping_add(*lag),
                            false => ts.saturating_add(shift),
                        };
                        let (price, qty) = factors(*ticker);
                        let header = Header::new(Kind::Bar, id(*ticker), source, Ts(ts), Ts(ts));
                        BarBody {
                            open: a.wrapping_mul(price),
                            high: b.wrapping_mul(price),
                            low: c.wrapping_mul(price),
                            close: d.wrapping_mul(price),
                            volume: e.wrapping_mul(qty),
                        }
                        .record(header)
                    }));
            }
            shape => {
                self.records
                    .extend(rows.map(|(((ts, lag), ticker), ((((a, b), c), d), e))| {
                        let (price, qty) = factors(*ticker);
                        let header = |kind| {
                            let recv = Ts(ts.wrapping_add(*lag));
                            Header::new(kind, id(*ticker), source, Ts(*ts), recv)
                                .with_flags(Flags::LAST)
                        };
                        if shape == Shape::Quotes {
                            return QuoteBody {
                                bid: a.wrapping_mul(price),
                                bid_qty: b.wrapping_mul(qty),
                                ask: c.wrapping_mul(price),
                                ask_qty: d.wrapping_mul(qty),
                                update_id: e.cast_unsigned(),
                            }
                            .record(header(Kind::Quote));
                        }
                        TradeBody {
                            price: a.wrapping_mul(price),
                            qty: b.wrapping_mul(qty),
                            trade_id: d.cast_unsigned(),
                            side: u8::try_from(*e).unwrap_or_default(),
                            ..TradeBody::default()
                        }
                        .record(header(Kind::Trade))
                    }));
            }
        }
        to
    }
}

impl RecordBlocks for DraftedRecords {
    type Error = FormatError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>> {
        self.before += self.records.len() as Seq;
        self.records.clear();
        let rows = self.rows.next(&mut self.columns)?;
        if rows == 0 {
            return Ok(None);
        }
        let mut made = 0;
        while made < rows {
            made = self.make(made).max(made + 1);
        }
        self.seqs.clear();
        self.seqs
            .extend(self.before..self.before + self.records.len() as Seq);
        Ok(Some(RecordBlock {
            seqs: &self.seqs,
            records: &self.records,
        }))
    }
}

/// What makes mantissas of so many decimals those of an instrument.
fn factors(scales: &[(u8, u8)], at: usize, price: u8, qty: u8) -> (i64, i64) {
    let (price_decimals, qty_decimals) = scales.get(at).copied().unwrap_or((0, 0));
    let factor = |to: u8, from: u8| pow10(to.saturating_sub(from));
    (factor(price_decimals, price), factor(qty_decimals, qty))
}
