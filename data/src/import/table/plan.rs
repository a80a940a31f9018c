//! How the rows of a table become records: of which instruments, at which scale, stamped with which time.

use super::Survey;
use crate::Result;
use crate::import::layout::Layout;
use crate::import::reader::{Ticker, Wrong};
use crate::import::row::{Row, Shape};
use crate::import::{ImportOptions, Stamp};
use tickloom_types::{
    BarBody, BarSpec, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind,
    NANOS_PER_SECOND, QuoteBody, Record, SourceDef, SourceId, SourceKind, TradeBody, Ts,
};

const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;
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
    /// What is added to the time of a row.
    shift: i64,
    /// What the times of bars are.
    pub(super) stamp: &'static str,
}

impl Plan {
    pub(super) fn new(
        layout: &Layout,
        options: &ImportOptions,
        bar: Option<BarSpec>,
        tickers: &[Ticker],
        survey: &Survey,
    ) -> Result<Plan> {
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
        let source = match bar {
            None => instruments.add_source(file.clone())?,
            Some(bar) => instruments.bar_source(bar)?,
        };
        let quote_source = match layout.shape {
            Shape::BidAskBars => instruments.add_source(file)?,
            _ => source,
        };
        let (shift, stamp) = shift(bar, options.stamp, survey.all_dates);
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
            shift,
            stamp,
        })
    }

    /// Appends the records of a row.
    pub(super) fn records(&self, row: &Row, records: &mut Vec<Record>) -> Result<(), Wrong> {
        let mantissas = self.mantissas(row)?;
        let close = match (row.close, self.stamp) {
            (Some(close), "open") => Some(close.0),
            _ => row.stamped.ts.0.checked_add(self.shift),
        };
        let ts = close.map(Ts).ok_or_else(|| {
            let value = row.stamped.ts.to_string();
            let expected = "a close before the year 2262".to_owned();
            ("time".to_owned(), value, expected)
        })?;
        let id = u32::try_from(row.ticker).expect("Instruments has checked the count");
        let header = |kind, id| Header::new(kind, InstrumentId(id), self.source, ts, ts);
        match self.shape {
            Shape::Bars => records.push(bar(&mantissas[..5], header(Kind::Bar, id))),
            Shape::Quotes => {
                let header = header(Kind::Quote, id).with_flags(Flags::LAST);
                records.push(quote([0, 1, 2, 3].map(|at| mantissas[at])).record(header));
            }
            Shape::Trades => {
                let trade = TradeBody {
                    price: mantissas[0],
                    qty: mantissas[1],
                    trade_id: row.trade_id,
                    side: row.side,
                    ..TradeBody::default()
                };
                records.push(trade.record(header(Kind::Trade, id).with_flags(Flags::LAST)));
            }
            Shape::BidAskBars => self.bid_and_ask(row, &mantissas, ts, records),
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
    fn mantissas(&self, row: &Row) -> Result<Vec<i64>, Wrong> {
        // A file that grew since it was read first has instruments and digits that are not known.
        let (price_decimals, qty_decimals) = self.scales.get(row.ticker).copied().unwrap_or((0, 0));
        let mut mantissas = Vec::with_capacity(row.numbers.len());
        for (at, number) in row.numbers.iter().enumerate() {
            let decimals = if self.shape.is_qty(at) {
                qty_decimals
            } else {
                price_decimals
            };
            mantissas.push(number.at(decimals).ok_or_else(|| {
                let value =
                    tickloom_types::format_decimal(i128::from(number.mantissa), number.decimals);
                let expected = format!(
                    "a number that fits in 64 bits at {decimals} decimals, which other rows need"
                );
                (self.shape.field_name(at).to_owned(), value, expected)
            })?);
        }
        Ok(mantissas)
    }
}

fn define(name: &str, ticker: &Ticker, layout: &Layout, options: &ImportOptions) -> InstrumentDef {
    let currency = options.currency.as_ref().or(layout.known.currency.as_ref());
    let currency = currency.map_or("USD", String::as_str);
    let (price, qty) = (ticker.price_decimals, ticker.qty_decimals);
    InstrumentDef {
        calendar: options.calendar.clone(),
        ..InstrumentDef::new(name, price, qty, currency)
    }
}

/// What is added to the times of bars to make them closes, and what they were.
fn shift(bar: Option<BarSpec>, stamp: Stamp, all_dates: bool) -> (i64, &'static str) {
    let length = match bar {
        Some(BarSpec::Time(length)) => length,
        _ => 0,
    };
    match (bar, stamp) {
        (None, _) | (_, Stamp::Close) => (0, "close"),
        (_, Stamp::Auto) if all_dates && length >= DAY_NS => {
            (DAY_NS, "session date, closing at the end of the day in UTC")
        }
        (_, Stamp::Open | Stamp::Auto) => (length, "open"),
    }
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
