//! How the rows of a table become records: of which instruments, at which scale, stamped with which time.

use super::closing::Closing;
use super::survey::Survey;
use crate::Result;
use crate::import::layout::{Layout, currency_of};
use crate::import::number::Number;
use crate::import::options::{ImportOptions, Stamp};
use crate::import::reader::{Level, Reader, Ticker, Wrong};
use crate::import::role::Role;
use crate::import::row::{NUMBERS_MAX, Row, Shape};
use jiff::tz::TimeZone;
use tickloom_types::{
    BarBody, BarSpec, BookAction, Clock, Flags, Header, InstrumentDef, InstrumentId, Instruments,
    Kind, LevelBody, OrderUpdateBody, QuoteBody, Record, Side, SourceDef, SourceId, SourceKind,
    Term, TradeBody, Ts,
};

/// What the bars of the bid and of the ask are called after their instrument's name.
const SIDES: [&str; 2] = [".bid", ".ask"];

/// How rows become records.
pub(super) struct Plan {
    pub(super) shape: Shape,
    pub(super) instruments: Instruments,
    /// Decimals of prices and sizes, by ticker.
    scales: Vec<(u8, u8)>,
    pub(super) bar: Option<BarSpec>,
    /// Source of the main records, and of quotes beside bars.
    source: SourceId,
    quote_source: SourceId,
    /// When bars close.
    pub(super) closing: Closing,
    /// Whether rows say when they arrived.
    pub(super) has_arrival: bool,
    is_databento: bool,
    /// Tickers whose last level was of a snapshot.
    in_snapshot: Vec<bool>,
}

impl Plan {
    pub(super) fn new(
        layout: &Layout,
        options: &ImportOptions,
        bar: Option<BarSpec>,
        tickers: &[Ticker],
        survey: &Survey,
        reader: &Reader<'_>,
    ) -> Result<Plan> {
        let has_arrival = layout.column(Role::Arrival).is_some() && layout.uses(Role::Arrival);
        let mut instruments = Instruments::new();
        for ticker in tickers {
            let names: Vec<String> = match layout.shape {
                Shape::BidAskBars => {
                    let bars = SIDES.iter().map(|side| format!("{}{side}", ticker.name));
                    let quotes = survey.has_sizes.then(|| ticker.name.clone());
                    bars.chain(quotes).collect()
                }
                _ => vec![ticker.name.clone()],
            };
            for name in names {
                instruments.add(define(&name, ticker, layout, options))?;
            }
        }
        let file = SourceDef::new(format!("file/{}", layout.known.file), SourceKind::File);
        let file = match has_arrival {
            true => file.with_clock(Clock::Recv),
            false => file,
        };
        let source = match bar {
            None => instruments.add_source(file.clone())?,
            Some(bar) => instruments.bar_source(bar)?,
        };
        let quote_source = match layout.shape {
            Shape::BidAskBars => instruments.add_source(file)?,
            _ => source,
        };
        let times = &reader.times;
        let stamp = match options.stamp {
            Stamp::Auto if layout.known.are_closes => Stamp::Close,
            told => told,
        };
        // Times that are no midnights of the zone, as sessions that open in the evening, close so much later.
        let zone = match reader.is_midnight(survey.first) {
            true => reader.zone(),
            false => &TimeZone::UTC,
        };
        let closing = Closing::of(bar, stamp, times.days, times.all_dates, zone);
        Ok(Plan {
            shape: layout.shape,
            instruments,
            scales: tickers
                .iter()
                .map(|ticker| (ticker.price_decimals, ticker.qty_decimals))
                .collect(),
            bar,
            source,
            quote_source,
            closing,
            has_arrival,
            is_databento: layout.is_databento(),
            in_snapshot: vec![false; tickers.len()],
        })
    }

    /// Decimals of the prices and sizes of an instrument.
    pub(super) fn scale(&self, ticker: usize) -> (u8, u8) {
        self.scales.get(ticker).copied().unwrap_or((0, 0))
    }

    /// The source of the main records.
    pub(super) fn source(&self) -> SourceId {
        self.source
    }

    /// Appends the records of a row.
    pub(super) fn records(
        &mut self,
        row: &Row,
        levels: &[Level],
        records: &mut Vec<Record>,
    ) -> Result<(), Wrong> {
        let mantissas = self.mantissas(row)?;
        let close = match row.close {
            Some(close) if self.closing.takes_closes() => Some(close),
            _ => self.closing.close(row.stamped.ts),
        };
        let ts = close.ok_or_else(|| {
            let value = row.stamped.ts.to_string();
            let expected = "a close before the year 2262".to_owned();
            ("time".to_owned(), value, expected)
        })?;
        let id = u32::try_from(row.ticker).expect("Instruments has checked the count");
        let arrival = row.arrival.unwrap_or(ts);
        let source = self.source;
        let header = |kind, id| Header::new(kind, InstrumentId(id), source, ts, arrival);
        let flags = match self.is_databento {
            true => row.flags,
            false => Flags::LAST,
        };
        match self.shape {
            Shape::Bars => records.push(bar(&mantissas[..5], header(Kind::Bar, id))),
            Shape::Quotes => {
                let body = QuoteBody {
                    update_id: row.sequence,
                    ..quote([0, 1, 2, 3].map(|at| mantissas[at]))
                };
                if row.has_quote() {
                    records.push(body.record(header(Kind::Quote, id).with_flags(flags)));
                }
                if row.has_trade() {
                    let trade = self.trade(row, &mantissas[4..6]);
                    records.push(trade.record(header(Kind::Trade, id).with_flags(flags)));
                }
            }
            Shape::Trades => {
                let trade = self.trade(row, &mantissas[..2]);
                records.push(trade.record(header(Kind::Trade, id).with_flags(flags)));
            }
            Shape::Levels => {
                let level = self.level(row, &mantissas);
                records.push(level.record(header(Kind::Level, id).with_flags(row.flags)));
            }
            Shape::Depth => {
                if row.action == b'T' {
                    let trade = self.trade(row, &mantissas[..2]);
                    records.push(trade.record(header(Kind::Trade, id).with_flags(row.flags)));
                }
                self.book(row, levels, header(Kind::Level, id), records)?;
            }
            Shape::Orders => {
                let order = order(row, &mantissas);
                records.push(order.record(header(Kind::OrderUpdate, id).with_flags(row.flags)));
                if row.action == b'T' {
                    let trade = self.trade(row, &mantissas[..2]);
                    records.push(trade.record(header(Kind::Trade, id).with_flags(row.flags)));
                }
            }
            Shape::BidAskBars => self.bid_and_ask(row, &mantissas, ts, records),
        }
        Ok(())
    }

    /// A trade. Databento's have the number of their message, as in DBN.
    fn trade(&self, row: &Row, mantissas: &[i64]) -> TradeBody {
        TradeBody {
            price: mantissas[0],
            qty: mantissas[1],
            trade_id: if self.is_databento {
                row.sequence
            } else {
                row.id
            },
            side: row.side,
            ..TradeBody::default()
        }
    }

    /// A level; the first of a snapshot empties the book.
    fn level(&mut self, row: &Row, mantissas: &[i64]) -> LevelBody {
        let is_snapshot = row.flags & Flags::SNAPSHOT != 0;
        let was = match self.in_snapshot.get_mut(row.ticker) {
            Some(was) => std::mem::replace(was, is_snapshot),
            None => is_snapshot,
        };
        LevelBody {
            price: mantissas[0],
            qty: mantissas[1],
            first_id: row.sequence,
            last_id: row.sequence,
            side: row.side,
            clear: u8::from(is_snapshot && !was),
            ..LevelBody::default()
        }
    }

    /// All levels of a book as they are.
    fn book(
        &self,
        row: &Row,
        levels: &[Level],
        header: Header,
        records: &mut Vec<Record>,
    ) -> Result<(), Wrong> {
        if levels.is_empty() {
            let expected = "a level of the bid or of the ask".to_owned();
            return Err(("levels".to_owned(), "none".to_owned(), expected));
        }
        let (price_decimals, qty_decimals) = self.scales.get(row.ticker).copied().unwrap_or((0, 0));
        let header = header.with_flags(row.flags & !Flags::LAST | Flags::SNAPSHOT);
        let sides = [(true, Side::Buy), (false, Side::Sell)];
        let mut clear = 1;
        for (is_bid, side) in sides {
            for level in levels.iter().filter(|level| level.is_bid == is_bid) {
                let level = LevelBody {
                    price: at_scale(level.price, price_decimals, || "price")?,
                    qty: at_scale(level.qty, qty_decimals, || "size")?,
                    first_id: row.sequence,
                    last_id: row.sequence,
                    side: side as u8,
                    clear: std::mem::take(&mut clear),
                    ..LevelBody::default()
                };
                records.push(level.record(header));
            }
        }
        if let Some(last) = records.last_mut().filter(|_| self.is_databento) {
            last.header.flags |= row.flags & Flags::LAST;
        }
        Ok(())
    }

    /// A bar of the bid, one of the ask, and, where there are sizes, the quote that both closed with: sizes of a quote are no
    /// volume. A side that is missing has no bar.
    fn bid_and_ask(&self, row: &Row, mantissas: &[i64], ts: Ts, records: &mut Vec<Record>) {
        let per_ticker = self.instruments.len() / self.scales.len().max(1);
        let first = row.ticker * per_ticker;
        let id = |leg: usize| {
            let id = u32::try_from(first + leg).expect("Instruments has checked the count");
            InstrumentId(id)
        };
        for (leg, numbers) in mantissas.chunks(5).enumerate() {
            if numbers[0] != 0 {
                let ohlc = [numbers[0], numbers[1], numbers[2], numbers[3], 0];
                let header = Header::new(Kind::Bar, id(leg), self.source, ts, ts);
                records.push(bar(&ohlc, header));
            }
        }
        if mantissas[4] > 0 || mantissas[9] > 0 {
            let quote = quote([3, 4, 8, 9].map(|at| mantissas[at]));
            let header = Header::new(Kind::Quote, id(2), self.quote_source, ts, ts);
            records.push(quote.record(header.with_flags(Flags::LAST)));
        }
    }

    /// The numbers of a row at the scale of its instrument.
    fn mantissas(&self, row: &Row) -> Result<[i64; NUMBERS_MAX], Wrong> {
        // A file that grew since it was read first has instruments and digits that are not known.
        let (price_decimals, qty_decimals) = self.scales.get(row.ticker).copied().unwrap_or((0, 0));
        let mut mantissas = [0; NUMBERS_MAX];
        for (at, number) in row.numbers.iter().take(self.shape.count()).enumerate() {
            let decimals = if self.shape.is_qty(at) {
                qty_decimals
            } else {
                price_decimals
            };
            mantissas[at] = at_scale(*number, decimals, || self.shape.field_name(at))?;
        }
        Ok(mantissas)
    }
}

/// A number with the decimals of its instrument.
fn at_scale(
    number: Number,
    decimals: u8,
    field: impl FnOnce() -> &'static str,
) -> Result<i64, Wrong> {
    number.at(decimals).ok_or_else(|| {
        let value = tickloom_types::format_decimal(i128::from(number.mantissa), number.decimals);
        let expected =
            format!("a number that fits in 64 bits at {decimals} decimals, which other rows need");
        (field().to_owned(), value, expected)
    })
}

/// What happened to an order, by Databento's letter.
fn order(row: &Row, mantissas: &[i64]) -> OrderUpdateBody {
    let action = match row.action {
        b'A' => BookAction::Add,
        b'M' => BookAction::Modify,
        b'C' => BookAction::Cancel,
        b'R' => BookAction::Clear,
        b'T' => BookAction::Trade,
        b'N' => BookAction::None,
        _ => BookAction::Fill,
    };
    OrderUpdateBody {
        order_id: row.id,
        price: mantissas[0],
        qty: mantissas[1],
        update_id: row.sequence,
        side: row.side,
        action: action as u8,
        ..OrderUpdateBody::default()
    }
}

fn define(name: &str, ticker: &Ticker, layout: &Layout, options: &ImportOptions) -> InstrumentDef {
    let mut def = InstrumentDef::of_name(name, ticker.price_decimals, ticker.qty_decimals);
    let known = &layout.known;
    let of_rows = known.currency_place.and_then(|place| ticker.apart(place));
    let told = options.currency.as_deref().or(known.currency.as_deref());
    if let Some(currency) = told.or_else(|| of_rows.and_then(currency_of)) {
        currency.clone_into(&mut def.currency);
        def.contract.assumed.remove(&Term::Currency);
    }
    def.calendar.clone_from(&options.calendar);
    def
}

fn bar(numbers: &[i64], header: Header) -> Record {
    BarBody {
        open: numbers[0],
        high: numbers[1],
        low: numbers[2],
        close: numbers[3],
        volume: numbers[4],
    }
    .record(header)
}

fn quote([bid, bid_qty, ask, ask_qty]: [i64; 4]) -> QuoteBody {
    QuoteBody {
        bid,
        bid_qty,
        ask,
        ask_qty,
        update_id: 0,
    }
}
