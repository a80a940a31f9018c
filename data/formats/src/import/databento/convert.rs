//! What a record of DBN becomes. Prices keep nine decimals here.
//!
//! Each change of an L3 book is an order update; a trade in it (`T`) is a trade besides, so that bars and signals have it. A fill of
//! a resting order (`F`) is the other side of such a trade and no trade of its own. Best bid and ask are quotes (`quotes`), the ten
//! levels of `mbp-10` are the snapshot of a book. Statistics, imbalances, definitions and messages of the service are no events of a
//! market and are counted by name.

use super::fields::{Wrong, of_kind, size};
use super::kinds::not_kept;
use super::listing::Listing;
use super::quotes::{pair, push_quote};
use super::raw::{
    BboRow, CbboRow, Cmbp1Row, Head, MboRow, Mbp1Row, Mbp10Row, OhlcvRow, Raw, TradeRow,
};
use super::symbols::Symbols;
use crate::databento::{DBN_BARS, flags_from_dbn, is_without_price};
use dbn::{Schema, UNDEF_PRICE, UNDEF_TIMESTAMP, rtype};
use tickloom_types::{
    BarBody, BarSpec, BookAction, Flags, Header, InstrumentId, Kind, LevelBody, OrderUpdateBody,
    Record, Side, SourceId, TradeBody, Ts,
};

/// The source of all records but bars, whose sources follow.
pub(super) const FILE_SOURCE: u16 = 0;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// It is an event of a market; whether the last of its venue's, if rows of its kind say so.
    Kept(Option<bool>),
    /// It is no event of a market, but this.
    NotKept(&'static str),
}

/// Makes records, and gives instruments and sizes of bars their identifiers in the order in which they come.
pub(super) struct Converter {
    pub(super) symbols: Symbols,
    pub(super) listing: Listing,
    bars: Vec<BarSpec>,
    /// The type of bars that do not say their size themselves.
    bar_type: Option<u8>,
    /// Rows that do not say when they arrived.
    pub(super) without_arrival: u64,
}

/// What a row says of a trade.
struct Trade {
    price: i64,
    size: u32,
    side: u8,
    sequence: u32,
}

impl Converter {
    pub(super) fn new(symbols: Symbols, listing: Listing, schema: Option<Schema>) -> Converter {
        let bars = DBN_BARS.iter().find(|(_, of, _)| Some(*of) == schema);
        Converter {
            symbols,
            listing,
            bars: Vec::new(),
            bar_type: bars.map(|(.., rtype)| *rtype),
            without_arrival: 0,
        }
    }

    /// Sizes of the bars so far.
    pub(super) fn bars(&self) -> &[BarSpec] {
        &self.bars
    }

    /// Appends the records of a row. Of a wrong row some may have been appended.
    pub(super) fn convert(
        &mut self,
        record: &Raw<'_>,
        records: &mut Vec<Record>,
    ) -> Result<Row, Wrong> {
        let kind = record.head.rtype;
        match kind {
            rtype::MBO => self.mbo(&record.get()?, records),
            rtype::MBP_0 => {
                let row: TradeRow = record.get()?;
                let header = self.header(&row.hd, row.ts_recv, row.flags)?;
                push_trade(
                    &Trade::of(row.price, row.size, row.side, row.sequence),
                    header,
                    records,
                )?;
                Ok(kept(header))
            }
            rtype::MBP_1 => {
                let row: Mbp1Row = record.get()?;
                let header = self.header(&row.hd, row.ts_recv, row.flags)?;
                push_quote(&row.levels[0], row.sequence, header, records)?;
                if row.action == b'T' {
                    let trade = Trade::of(row.price, row.size, row.side, row.sequence);
                    push_trade(&trade, header, records)?;
                }
                Ok(kept(header))
            }
            rtype::CMBP_1 | rtype::TCBBO => {
                let row: Cmbp1Row = record.get()?;
                let header = self.header(&row.hd, row.ts_recv, row.flags)?;
                push_quote(&pair(&row.levels[0]), 0, header, records)?;
                if row.action == b'T' {
                    push_trade(
                        &Trade::of(row.price, row.size, row.side, 0),
                        header,
                        records,
                    )?;
                }
                Ok(kept(header))
            }
            rtype::BBO_1S | rtype::BBO_1M => {
                let row: BboRow = record.get()?;
                let header = self.sampled(&row.hd, row.ts_recv, row.flags)?;
                push_quote(&row.levels[0], row.sequence, header, records)?;
                Ok(Row::Kept(None))
            }
            rtype::CBBO_1S | rtype::CBBO_1M => {
                let row: CbboRow = record.get()?;
                let header = self.sampled(&row.hd, row.ts_recv, row.flags)?;
                push_quote(&pair(&row.levels[0]), 0, header, records)?;
                Ok(Row::Kept(None))
            }
            rtype::MBP_10 => self.mbp_10(&record.get()?, records),
            rtype::OHLCV_1S | rtype::OHLCV_1M | rtype::OHLCV_1H | rtype::OHLCV_1D => {
                self.bar(kind, &record.get()?, records)
            }
            rtype::OHLCV_DEPRECATED => match self.bar_type {
                Some(kind) => self.bar(kind, &record.get()?, records),
                None => Ok(Row::NotKept(not_kept(kind))),
            },
            _ => Ok(Row::NotKept(not_kept(kind))),
        }
    }

    fn mbo(&mut self, row: &MboRow, records: &mut Vec<Record>) -> Result<Row, Wrong> {
        let action = match row.action {
            b'A' => BookAction::Add,
            b'M' => BookAction::Modify,
            b'C' => BookAction::Cancel,
            b'R' => BookAction::Clear,
            b'T' => BookAction::Trade,
            b'F' => BookAction::Fill,
            b'N' => BookAction::None,
            other => return Err(("action", word(other), "one of A, M, C, R, T, F, N")),
        };
        let side = side(row.side)?;
        let qty = size(row.size)?;
        let header = self.header(&row.hd, row.ts_recv, row.flags)?;
        let price = match (row.price, is_without_price(action, header.flags, qty)) {
            (UNDEF_PRICE, true) => 0,
            (UNDEF_PRICE, false) => {
                return Err(("price", "undefined".to_owned(), "a price for this action"));
            }
            (price, _) => price,
        };
        let update = OrderUpdateBody {
            order_id: row.order_id,
            price,
            qty,
            update_id: u64::from(row.sequence),
            side,
            action: action as u8,
            ..OrderUpdateBody::default()
        };
        records.push(update.record(of_kind(header, Kind::OrderUpdate)));
        if action == BookAction::Trade {
            let trade = Trade::of(row.price, row.size, row.side, row.sequence);
            push_trade(&trade, header, records)?;
        }
        Ok(kept(header))
    }

    /// Each row has all ten levels as they are after it; of one without any, the book is empty.
    fn mbp_10(&mut self, row: &Mbp10Row, records: &mut Vec<Record>) -> Result<Row, Wrong> {
        let header = self.header(&row.hd, row.ts_recv, row.flags)?;
        if row.action == b'T' {
            let trade = Trade::of(row.price, row.size, row.side, row.sequence);
            push_trade(&trade, header, records)?;
        }
        let id = u64::from(row.sequence);
        let flags = header.flags & !Flags::LAST | Flags::SNAPSHOT;
        let header_of_levels = header.as_kind(Kind::Level).with_flags(flags);
        let bids = row.levels.iter().map(|l| (Side::Buy, l.bid_px, l.bid_sz));
        let asks = row.levels.iter().map(|l| (Side::Sell, l.ask_px, l.ask_sz));
        let from = records.len();
        let mut level = LevelBody {
            first_id: id,
            last_id: id,
            side: Side::Buy as u8,
            clear: 1,
            ..LevelBody::default()
        };
        for (side, price, theirs) in bids.chain(asks) {
            let qty = size(theirs)?;
            if price == UNDEF_PRICE && qty == 0 {
                continue;
            }
            if price == UNDEF_PRICE || qty == 0 {
                let value = format!("{qty} at {price}");
                return Err(("levels", value, "a price and a size, or neither"));
            }
            (level.price, level.qty, level.side) = (price, qty, side as u8);
            records.push(level.record(header_of_levels));
            level.clear = 0;
        }
        if records.len() == from {
            // An empty book has to empty the one before: a deletion at price zero of a book that is empty.
            records.push(level.record(header_of_levels));
        }
        if let Some(last) = records.last_mut() {
            last.header.flags |= header.flags & Flags::LAST;
        }
        Ok(kept(header))
    }

    fn bar(&mut self, kind: u8, row: &OhlcvRow, records: &mut Vec<Record>) -> Result<Row, Wrong> {
        let known = DBN_BARS.iter().find(|(_, _, rtype)| *rtype == kind);
        let Some((length, ..)) = known.copied() else {
            return Ok(Row::NotKept(not_kept(kind)));
        };
        let open = time("ts_event", row.hd.ts_event)?;
        let close = open.checked_add(length).map(Ts).ok_or_else(|| {
            let value = row.hd.ts_event.to_string();
            ("ts_event", value, "a close before the year 2262")
        })?;
        let body = BarBody {
            open: row.open,
            high: row.high,
            low: row.low,
            close: row.close,
            volume: i64::try_from(row.volume)
                .map_err(|_| ("volume", row.volume.to_string(), "below 2^63"))?,
        };
        let prices = [row.open, row.high, row.low, row.close];
        let is_right = row.high >= row.open.max(row.close)
            && row.low <= row.open.min(row.close)
            && !prices.contains(&UNDEF_PRICE);
        if !is_right {
            let value = format!("{prices:?}");
            return Err(("prices", value, "a high and a low around open and close"));
        }
        let id = self.instrument(&row.hd, row.hd.ts_event)?;
        let bar = BarSpec::Time(length);
        let at = self.bars.iter().position(|known| *known == bar);
        let at = at.unwrap_or_else(|| {
            self.bars.push(bar);
            self.bars.len() - 1
        });
        let source = u16::try_from(at).expect("there are four sizes") + FILE_SOURCE + 1;
        records.push(body.record(Header::new(Kind::Bar, id, SourceId(source), close, close)));
        Ok(Row::Kept(None))
    }

    #[inline]
    fn instrument(&mut self, of: &Head, ts: u64) -> Result<InstrumentId, Wrong> {
        let (publisher, id) = (of.publisher_id, of.instrument_id);
        self.listing.find(&self.symbols, publisher, id, ts)
    }

    /// The header of an event, as a trade's; its kind is for the caller to change. Symbols go by the time of arrival, which is DBN's
    /// index; a row without one is taken to have arrived at the venue's time, and bears that it is not exact.
    #[inline]
    fn header(&mut self, of: &Head, recv: u64, flags: u8) -> Result<Header, Wrong> {
        let mut flags = flags_from_dbn(flags);
        let ts_event = time("ts_event", of.ts_event)?;
        let ts_recv = match recv {
            UNDEF_TIMESTAMP => {
                flags |= Flags::BAD_TIME;
                self.without_arrival += 1;
                ts_event
            }
            recv => time("ts_recv", recv)?,
        };
        let id = self.instrument(of, ts_recv.cast_unsigned())?;
        let source = SourceId(FILE_SOURCE);
        Ok(Header::new(Kind::Trade, id, source, Ts(ts_event), Ts(ts_recv)).with_flags(flags))
    }

    /// The header of a quote that was looked at in intervals: `ts_event` there is the last trade's, so the time is the look's, ours.
    fn sampled(&mut self, of: &Head, recv: u64, flags: u8) -> Result<Header, Wrong> {
        let ts = Ts(time("ts_recv", recv)?);
        let id = self.instrument(of, recv)?;
        let header = Header::new(Kind::Quote, id, SourceId(FILE_SOURCE), ts, ts);
        let flags = flags_from_dbn(flags);
        Ok(header.with_flags(flags | Flags::BAD_TIME))
    }
}

fn kept(header: Header) -> Row {
    Row::Kept(Some(header.flags & Flags::LAST != 0))
}

#[inline]
fn time(field: &'static str, value: u64) -> Result<i64, Wrong> {
    let expected = "a time before the year 2262";
    match i64::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) if value == UNDEF_TIMESTAMP => Err((field, "undefined".to_owned(), expected)),
        Err(_) => Err((field, value.to_string(), expected)),
    }
}

fn word(byte: u8) -> String {
    char::from(byte).escape_default().to_string()
}

fn side(letter: u8) -> Result<u8, Wrong> {
    match letter {
        b'B' => Ok(Side::Buy as u8),
        b'A' => Ok(Side::Sell as u8),
        b'N' => Ok(0),
        other => Err(("side", word(other), "one of A, B, N")),
    }
}

impl Trade {
    fn of(price: i64, size: u32, side: u8, sequence: u32) -> Trade {
        Trade {
            price,
            size,
            side,
            sequence,
        }
    }
}

fn push_trade(trade: &Trade, header: Header, records: &mut Vec<Record>) -> Result<(), Wrong> {
    if trade.price == UNDEF_PRICE {
        return Err(("price", "undefined".to_owned(), "the price of a trade"));
    }
    let qty = size(trade.size)?;
    if qty == 0 {
        return Err(("size", "0".to_owned(), "above zero"));
    }
    let body = TradeBody {
        price: trade.price,
        qty,
        trade_id: u64::from(trade.sequence),
        side: side(trade.side)?,
        ..TradeBody::default()
    };
    records.push(body.record(of_kind(header, Kind::Trade)));
    Ok(())
}
