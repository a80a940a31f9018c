//! What a record of DBN becomes. Prices keep nine decimals here.
//!
//! Each change of an L3 book is an order update; a trade in it (`T`) is a trade besides, so that bars and signals have it. A fill of
//! a resting order (`F`) is the other side of such a trade and no trade of its own. Best bid and ask are quotes, the ten levels of
//! `mbp-10` are the snapshot of a book. Statistics, imbalances, definitions and messages of the service are no events of a market
//! and are counted by name.

use crate::catalog::Table;
use dbn::flags::{BAD_TS_RECV, LAST, MAYBE_BAD_BOOK, SNAPSHOT};
use dbn::{
    BboMsg, BidAskPair, CbboMsg, Cmbp1Msg, FlagSet, MboMsg, Mbp1Msg, Mbp10Msg, OhlcvMsg,
    RecordHeader, RecordRef, TradeMsg, rtype,
};
use std::collections::HashMap;
use std::ffi::c_char;
use tickloom_types::{
    BarBody, BarSpec, BookAction, Flags, Header, InstrumentId, Kind, LevelBody, NANOS_PER_SECOND,
    OrderUpdateBody, QuoteBody, Record, Side, SourceId, TradeBody, Ts,
};

/// What a price is where there is none.
pub(super) const UNDEFINED_PRICE: i64 = i64::MAX;
/// The source of all records but bars, whose sources follow.
const FILE_SOURCE: u16 = 0;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Kept,
    /// It is no event of a market, but this.
    NotKept(&'static str),
}

/// A wrong field: its name, its value and what was expected.
pub(super) type Wrong = (&'static str, String, &'static str);

/// Makes records, and gives instruments and sizes of bars their identifiers in the order in which they come.
#[derive(Default)]
pub(super) struct Converter {
    ids: Vec<u32>,
    by_id: HashMap<u32, u32>,
    bars: Vec<BarSpec>,
}

/// What a row says of a trade.
struct Trade {
    price: i64,
    size: u32,
    side: c_char,
}

impl Converter {
    /// Databento's numbers of the instruments so far.
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Sizes of the bars so far.
    pub(super) fn bars(&self) -> &[BarSpec] {
        &self.bars
    }

    /// Appends the records of a row. Of a wrong row some may have been appended.
    pub(super) fn convert(
        &mut self,
        record: &RecordRef<'_>,
        records: &mut Vec<Record>,
    ) -> Result<Row, Wrong> {
        let kind = record.header().rtype;
        match kind {
            rtype::MBO => self.mbo(get(record)?, records),
            rtype::MBP_0 => {
                let trade: &TradeMsg = get(record)?;
                let header = self.header(&trade.hd, trade.ts_recv, trade.flags)?;
                let (price, size, side) = (trade.price, trade.size, trade.side);
                push_trade(&Trade { price, size, side }, header, records)?;
                Ok(Row::Kept)
            }
            rtype::MBP_1 => {
                let row: &Mbp1Msg = get(record)?;
                let header = self.header(&row.hd, row.ts_recv, row.flags)?;
                push_quote(&row.levels[0], row.sequence, header, records);
                if is(row.action, b'T') {
                    let (price, size, side) = (row.price, row.size, row.side);
                    push_trade(&Trade { price, size, side }, header, records)?;
                }
                Ok(Row::Kept)
            }
            rtype::CMBP_1 | rtype::TCBBO => {
                let row: &Cmbp1Msg = get(record)?;
                let header = self.header(&row.hd, row.ts_recv, row.flags)?;
                push_quote(&pair(&row.levels[0]), 0, header, records);
                if is(row.action, b'T') {
                    let (price, size, side) = (row.price, row.size, row.side);
                    push_trade(&Trade { price, size, side }, header, records)?;
                }
                Ok(Row::Kept)
            }
            rtype::BBO_1S | rtype::BBO_1M => {
                let row: &BboMsg = get(record)?;
                let header = self.sampled(&row.hd, row.ts_recv, row.flags)?;
                push_quote(&row.levels[0], row.sequence, header, records);
                Ok(Row::Kept)
            }
            rtype::CBBO_1S | rtype::CBBO_1M => {
                let row: &CbboMsg = get(record)?;
                let header = self.sampled(&row.hd, row.ts_recv, row.flags)?;
                push_quote(&pair(&row.levels[0]), 0, header, records);
                Ok(Row::Kept)
            }
            rtype::MBP_10 => self.mbp_10(get(record)?, records),
            rtype::OHLCV_1S | rtype::OHLCV_1M | rtype::OHLCV_1H | rtype::OHLCV_1D => {
                self.bar(kind, get(record)?, records)
            }
            _ => Ok(Row::NotKept(not_kept(kind))),
        }
    }

    fn mbo(&mut self, row: &MboMsg, records: &mut Vec<Record>) -> Result<Row, Wrong> {
        let header = self.header(&row.hd, row.ts_recv, row.flags)?;
        let action = match byte(row.action) {
            b'A' => BookAction::Add,
            b'M' => BookAction::Modify,
            b'C' => BookAction::Cancel,
            b'R' => BookAction::Clear,
            b'T' => BookAction::Trade,
            b'F' => BookAction::Fill,
            b'N' => return Ok(Row::NotKept("mbo without an action")),
            other => return Err(("action", word(other), "one of A, M, C, R, T, F, N")),
        };
        let update = OrderUpdateBody {
            order_id: row.order_id,
            price: price(row.price),
            qty: i64::from(row.size),
            update_id: u64::from(row.sequence),
            side: side(row.side)?,
            action: action as u8,
            ..OrderUpdateBody::default()
        };
        records.push(update.record(of_kind(header, Kind::OrderUpdate)));
        if action == BookAction::Trade {
            let (price, size, side) = (row.price, row.size, row.side);
            push_trade(&Trade { price, size, side }, header, records)?;
        }
        Ok(Row::Kept)
    }

    /// Each row has all ten levels as they are after it.
    fn mbp_10(&mut self, row: &Mbp10Msg, records: &mut Vec<Record>) -> Result<Row, Wrong> {
        let header = self.header(&row.hd, row.ts_recv, row.flags)?;
        if is(row.action, b'T') {
            let (price, size, side) = (row.price, row.size, row.side);
            push_trade(&Trade { price, size, side }, header, records)?;
        }
        let id = u64::from(row.sequence);
        let bids = row.levels.iter().map(|l| (Side::Buy, l.bid_px, l.bid_sz));
        let asks = row.levels.iter().map(|l| (Side::Sell, l.ask_px, l.ask_sz));
        let from = records.len();
        for (side, price, size) in bids.chain(asks) {
            if price == UNDEFINED_PRICE || size == 0 {
                continue;
            }
            let level = LevelBody {
                price,
                qty: i64::from(size),
                first_id: id,
                last_id: id,
                side: side as u8,
                clear: u8::from(records.len() == from),
                ..LevelBody::default()
            };
            let flags = header.flags & !Flags::LAST | Flags::SNAPSHOT;
            records.push(level.record(header.as_kind(Kind::Level).with_flags(flags)));
        }
        match records[from..].last_mut() {
            Some(last) => last.header.flags |= header.flags & Flags::LAST,
            None if from == 0 => return Ok(Row::NotKept("mbp-10 without a level")),
            None => {}
        }
        Ok(Row::Kept)
    }

    fn bar(&mut self, kind: u8, row: &OhlcvMsg, records: &mut Vec<Record>) -> Result<Row, Wrong> {
        let seconds = match kind {
            rtype::OHLCV_1S => 1,
            rtype::OHLCV_1M => 60,
            rtype::OHLCV_1H => 3_600,
            _ => 86_400,
        };
        let length = seconds * NANOS_PER_SECOND;
        let open = time("ts_event", row.hd.ts_event)?;
        let close = open.checked_add(length).map(Ts).ok_or_else(|| {
            let value = row.hd.ts_event.to_string();
            ("ts_event", value, "a close before the year 2262")
        })?;
        let bar = BarSpec::Time(length);
        let at = self.bars.iter().position(|known| *known == bar);
        let at = at.unwrap_or_else(|| {
            self.bars.push(bar);
            self.bars.len() - 1
        });
        let source = u16::try_from(at).expect("there are four sizes") + FILE_SOURCE + 1;
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
            && !prices.contains(&UNDEFINED_PRICE);
        if !is_right {
            let value = format!("{prices:?}");
            return Err(("prices", value, "a high and a low around open and close"));
        }
        let id = self.id(row.hd.instrument_id);
        records.push(body.record(Header::new(Kind::Bar, id, SourceId(source), close, close)));
        Ok(Row::Kept)
    }

    fn id(&mut self, id: u32) -> InstrumentId {
        let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let known = *self.by_id.entry(id).or_insert(next);
        if known == next {
            self.ids.push(id);
        }
        InstrumentId(known)
    }

    /// The header of an event, as a trade's; its kind is for the caller to change.
    fn header(&mut self, of: &RecordHeader, recv: u64, flags: FlagSet) -> Result<Header, Wrong> {
        let ts_event = Ts(time("ts_event", of.ts_event)?);
        let ts_recv = match recv {
            u64::MAX => ts_event,
            recv => Ts(time("ts_recv", recv)?),
        };
        let id = self.id(of.instrument_id);
        let header = Header::new(Kind::Trade, id, SourceId(FILE_SOURCE), ts_event, ts_recv);
        Ok(header.with_flags(map_flags(flags)))
    }

    /// The header of a quote that was looked at in intervals: `ts_event` there is the last trade's, so the time is the look's, ours.
    fn sampled(&mut self, of: &RecordHeader, recv: u64, flags: FlagSet) -> Result<Header, Wrong> {
        let ts = Ts(time("ts_recv", recv)?);
        let id = self.id(of.instrument_id);
        let header = Header::new(Kind::Quote, id, SourceId(FILE_SOURCE), ts, ts);
        Ok(header.with_flags(map_flags(flags) | Flags::BAD_TIME | Flags::LAST))
    }
}

/// A row's header as that of a record of this kind, with the row's flags.
fn of_kind(header: Header, kind: Kind) -> Header {
    Header {
        kind: kind as u8,
        ..header
    }
}

/// The record as one of its kind, unless it is too short for that.
fn get<'a, T>(record: &RecordRef<'a>) -> Result<&'a T, Wrong>
where
    T: dbn::HasRType<Header = RecordHeader>,
{
    record.try_get::<T>().map_err(|_| {
        let value = record.header().record_size().to_string();
        ("length", value, "that of a record of its type")
    })
}

/// The table that records of a row of this type are in first.
pub(super) fn table(record: &RecordRef<'_>) -> Option<Table> {
    match record.header().rtype {
        rtype::MBO => Some(Table::OrderUpdates),
        rtype::MBP_0 => Some(Table::Trades),
        rtype::MBP_10 => Some(Table::BookSnapshots),
        rtype::OHLCV_1S | rtype::OHLCV_1M | rtype::OHLCV_1H | rtype::OHLCV_1D => Some(Table::Bars),
        rtype::MBP_1
        | rtype::CMBP_1
        | rtype::TCBBO
        | rtype::BBO_1S
        | rtype::BBO_1M
        | rtype::CBBO_1S
        | rtype::CBBO_1M => Some(Table::Quotes),
        _ => None,
    }
}

fn not_kept(kind: u8) -> &'static str {
    match kind {
        rtype::INSTRUMENT_DEF => "definition",
        rtype::IMBALANCE => "imbalance",
        rtype::STATISTICS => "statistics",
        rtype::STATUS => "trading status",
        rtype::ERROR | rtype::SYSTEM | rtype::SYMBOL_MAPPING => "message of the service",
        rtype::OHLCV_EOD => "end of day bar",
        _ => "record of an unknown type",
    }
}

fn time(field: &'static str, value: u64) -> Result<i64, Wrong> {
    i64::try_from(value).map_err(|_| (field, value.to_string(), "a time before the year 2262"))
}

fn map_flags(flags: FlagSet) -> u8 {
    let raw = flags.raw();
    let has = |theirs: u8, ours: u8| if raw & theirs != 0 { ours } else { 0 };
    has(LAST, Flags::LAST)
        | has(SNAPSHOT, Flags::SNAPSHOT)
        | has(BAD_TS_RECV, Flags::BAD_TIME)
        | has(MAYBE_BAD_BOOK, Flags::MAYBE_BAD_BOOK)
}

fn byte(letter: c_char) -> u8 {
    letter.to_ne_bytes()[0]
}

fn is(letter: c_char, wanted: u8) -> bool {
    byte(letter) == wanted
}

fn word(byte: u8) -> String {
    char::from(byte).escape_default().to_string()
}

fn side(letter: c_char) -> Result<u8, Wrong> {
    match byte(letter) {
        b'B' => Ok(Side::Buy as u8),
        b'A' => Ok(Side::Sell as u8),
        b'N' => Ok(0),
        other => Err(("side", word(other), "one of A, B, N")),
    }
}

/// A price, 0 if there is none.
fn price(price: i64) -> i64 {
    if price == UNDEFINED_PRICE { 0 } else { price }
}

fn push_trade(trade: &Trade, header: Header, records: &mut Vec<Record>) -> Result<(), Wrong> {
    if trade.price == UNDEFINED_PRICE {
        return Err(("price", "undefined".to_owned(), "the price of a trade"));
    }
    if trade.size == 0 {
        return Err(("size", "0".to_owned(), "above zero"));
    }
    let body = TradeBody {
        price: trade.price,
        qty: i64::from(trade.size),
        side: side(trade.side)?,
        ..TradeBody::default()
    };
    records.push(body.record(of_kind(header, Kind::Trade)));
    Ok(())
}

fn push_quote(level: &BidAskPair, sequence: u32, header: Header, records: &mut Vec<Record>) {
    let body = QuoteBody {
        bid: price(level.bid_px),
        bid_qty: i64::from(level.bid_sz),
        ask: price(level.ask_px),
        ask_qty: i64::from(level.ask_sz),
        update_id: u64::from(sequence),
    };
    records.push(body.record(of_kind(header, Kind::Quote)));
}

fn pair(level: &dbn::ConsolidatedBidAskPair) -> BidAskPair {
    BidAskPair {
        bid_px: level.bid_px,
        ask_px: level.ask_px,
        bid_sz: level.bid_sz,
        ask_sz: level.ask_sz,
        bid_ct: 0,
        ask_ct: 0,
    }
}

/// Shows or changes each price of a record.
pub(super) fn visit_prices(record: &mut Record, visit: &mut dyn FnMut(&mut i64)) {
    let header = record.header;
    *record = match record.kind() {
        Some(Kind::Trade) => {
            let mut body = TradeBody::of(record);
            visit(&mut body.price);
            body.record(header)
        }
        Some(Kind::Quote) => {
            let mut body = QuoteBody::of(record);
            visit(&mut body.bid);
            visit(&mut body.ask);
            body.record(header)
        }
        Some(Kind::Level) => {
            let mut body = LevelBody::of(record);
            visit(&mut body.price);
            body.record(header)
        }
        Some(Kind::OrderUpdate) => {
            let mut body = OrderUpdateBody::of(record);
            visit(&mut body.price);
            body.record(header)
        }
        Some(Kind::Bar) => {
            let mut body = BarBody::of(record);
            for price in [
                &mut body.open,
                &mut body.high,
                &mut body.low,
                &mut body.close,
            ] {
                visit(price);
            }
            body.record(header)
        }
        _ => *record,
    };
}

/// Decimals that a price needs, which has nine.
pub(super) fn decimals(price: i64) -> u8 {
    let mut rest = price;
    let mut decimals = 9;
    while decimals > 0 && rest % 10 == 0 {
        rest /= 10;
        decimals -= 1;
    }
    decimals
}
