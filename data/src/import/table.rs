//! Tables of bars, quotes and trades: read through once to find scales and sizes, and once more to make the records, so that a
//! file may be larger than memory. One that is not in the order of time (instrument after instrument) is held to be sorted.

use super::layout::Layout;
use super::reader::{Reader, Ticker, Wrong};
use super::report::Found;
use super::row::{Row, Shape};
use super::text::Lines;
use super::{ImportOptions, Input, KindCount, Prepared, Push, Stamp};
use crate::limits::{DISTANCES_MAX, SORTED_RECORDS_MAX};
use crate::{DataError, Result};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tickloom_types::{
    BarBody, BarSpec, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind,
    NANOS_PER_SECOND, QuoteBody, Record, SourceDef, SourceId, SourceKind, TradeBody, Ts,
};

/// Lines that are looked at to find out what the file is.
const HEAD_LINES: usize = 50;
const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;
/// What the bars of the bid and of the ask are called after their instrument's name.
const SIDES: [&str; 2] = [".bid", ".ask"];

/// The first lines of a file.
pub(super) fn head(input: &Input) -> Result<Vec<Vec<u8>>> {
    let mut lines = Lines::new(input.path(), input.open()?);
    let mut head = Vec::new();
    while head.len() < HEAD_LINES
        && let Some((_, line)) = lines.next()?
    {
        head.push(std::mem::take(line));
    }
    Ok(head)
}

/// Reads a file of this layout through once.
pub(super) fn prepare(
    input: &Input,
    options: &ImportOptions,
    layout: Layout,
) -> Result<Box<dyn Prepared>> {
    let mut reader = Reader::new(input, options, &layout)?;
    let mut survey = Survey::default();
    while let Some(row) = reader.next()? {
        survey.note(&row);
    }
    if survey.rows == 0 {
        return Err(nothing(&reader, input.path()));
    }
    let tickers = std::mem::take(&mut reader.tickers);
    let mut notes = layout.notes.clone();
    notes.push(format!("times are {}", layout.time));
    let bar = match layout.shape.is_bars() {
        true => Some(bar_spec(
            input.path(),
            options,
            &layout,
            &survey,
            &mut notes,
        )?),
        false => None,
    };
    let plan = Plan::new(&layout, options, bar, &tickers, &survey)?;
    Ok(Box::new(TableFile {
        input: input.clone(),
        options: options.clone(),
        layout,
        plan,
        notes,
        first: survey.first,
        is_sorted: survey.is_sorted,
    }))
}

/// What a first reading finds out.
struct Survey {
    rows: u64,
    first: Ts,
    last: Ts,
    /// Whether times never go back, from one instrument to the next either.
    is_sorted: bool,
    all_dates: bool,
    has_sizes: bool,
    /// Line of the first row.
    line: u64,
    last_of: HashMap<usize, Ts>,
    /// How often bars are so far apart, or so long.
    distances: BTreeMap<i64, u64>,
}

impl Default for Survey {
    fn default() -> Survey {
        Survey {
            rows: 0,
            first: Ts(i64::MAX),
            last: Ts(i64::MIN),
            is_sorted: true,
            all_dates: true,
            has_sizes: false,
            line: 0,
            last_of: HashMap::new(),
            distances: BTreeMap::new(),
        }
    }
}

impl Survey {
    fn note(&mut self, row: &Row) {
        let ts = row.stamped.ts;
        if self.rows == 0 {
            self.line = row.line;
        }
        self.rows += 1;
        self.is_sorted &= ts >= self.last;
        self.last = ts;
        self.first = self.first.min(ts);
        self.all_dates &= row.stamped.is_date;
        self.has_sizes |= row.numbers[4].mantissa > 0 || row.numbers[9].mantissa > 0;
        let before = self.last_of.insert(row.ticker, ts);
        let distance = match (row.close, before) {
            (Some(close), _) => close.0.checked_sub(ts.0),
            (None, Some(before)) => ts.0.checked_sub(before.0),
            (None, None) => None,
        };
        if let Some(distance) = distance
            && (self.distances.len() < DISTANCES_MAX || self.distances.contains_key(&distance))
        {
            *self.distances.entry(distance).or_default() += 1;
        }
    }
}

/// The size of the bars: as given, as the file says, or the most common distance between two of an instrument.
fn bar_spec(
    path: &Path,
    options: &ImportOptions,
    layout: &Layout,
    survey: &Survey,
    notes: &mut Vec<String>,
) -> Result<BarSpec> {
    if let Some(bar) = options.bar.or(layout.known.bar) {
        return Ok(bar);
    }
    let all: u64 = survey.distances.values().sum();
    // Of equally common ones the shortest: a longer one would contain gaps.
    let most = survey.distances.iter().rev().max_by_key(|(_, n)| **n);
    let Some((distance, count)) = most else {
        return Err(DataError::Import {
            file: path.to_owned(),
            line: survey.line,
            found: "a single bar".to_owned(),
            expected: "two bars whose distance is their size, or the size given".to_owned(),
        });
    };
    let bar = BarSpec::Time(*distance);
    notes.push(format!(
        "bar size {bar}, the most common distance ({count} of {all})"
    ));
    Ok(bar)
}

/// How rows become records.
struct Plan {
    shape: Shape,
    instruments: Instruments,
    /// Decimals of prices and sizes, by ticker.
    scales: Vec<(u8, u8)>,
    bar: Option<BarSpec>,
    /// Source of the main records, and of quotes beside bars.
    source: SourceId,
    quote_source: SourceId,
    /// What is added to the time of a row.
    shift: i64,
    /// What the times of bars are.
    stamp: &'static str,
}

impl Plan {
    fn new(
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
        let file = SourceDef {
            name: format!("file/{}", layout.known.file),
            kind: SourceKind::File,
        };
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
    fn records(&self, row: &Row, records: &mut Vec<Record>) -> Result<(), Wrong> {
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

/// A table of which all is known that its records need.
struct TableFile {
    input: Input,
    options: ImportOptions,
    layout: Layout,
    plan: Plan,
    notes: Vec<String>,
    first: Ts,
    is_sorted: bool,
}

impl Prepared for TableFile {
    fn instruments(&self) -> &Instruments {
        &self.plan.instruments
    }

    fn started(&self) -> Ts {
        self.first
    }

    fn emit(self: Box<Self>, push: Push<'_>) -> Result<Found> {
        let mut reader = Reader::new(&self.input, &self.options, &self.layout)?;
        let mut records = Vec::new();
        let mut made = 0_u64;
        while let Some(row) = reader.next()? {
            if let Err(wrong) = self.plan.records(&row, &mut records) {
                reader.problems.note(self.input.path(), row.line, wrong);
                continue;
            }
            made += 1;
            if self.is_sorted {
                for record in records.drain(..) {
                    push(&record)?;
                }
            } else if records.len() > SORTED_RECORDS_MAX {
                return Err(DataError::Import {
                    file: self.input.path().to_owned(),
                    line: row.line,
                    found: format!("more than {SORTED_RECORDS_MAX} records, not in order of time"),
                    expected: "a file in order of time, or cut into several".to_owned(),
                });
            }
        }
        records.sort_by_key(|record: &Record| record.header.ts_event);
        for record in &records {
            push(record)?;
        }
        if made == 0 {
            return Err(nothing(&reader, self.input.path()));
        }
        Ok(self.found(reader))
    }
}

impl TableFile {
    fn found(&self, reader: Reader<'_>) -> Found {
        let count = KindCount {
            read: reader.read,
            written: 0,
            refused: reader.problems.count,
        };
        Found {
            rows: [(self.plan.shape.table(), count)].into(),
            read: reader.read,
            refused: reader.problems.count,
            rounded: reader.rounded,
            errors: reader.problems.first,
            notes: self.notes.clone(),
            bar: self.plan.bar,
            stamp: self.plan.bar.map(|_| self.plan.stamp.to_owned()),
            ..Found::default()
        }
    }
}

/// The error for a file of which no line is right.
fn nothing(reader: &Reader<'_>, path: &Path) -> DataError {
    let (line, found, expected) = match reader.problems.first.first() {
        Some(e) => {
            let found = format!("{} is {:?}", e.field, e.value);
            (e.line, found, e.expected.clone())
        }
        None => {
            let expected = "rows of the instrument asked for";
            (1, "no rows".to_owned(), expected.to_owned())
        }
    };
    DataError::Import {
        file: path.to_owned(),
        line,
        found,
        expected,
    }
}
