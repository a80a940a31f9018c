//! The instruments of a file, and how fine their numbers are.

use super::plausible::prices;
use super::{Reader, Wrong};
use crate::databento::prefix_of_publisher;
use crate::import::cells::Cells;
use crate::import::layout::Dialect;
use crate::import::number::Number;
use crate::import::row::{NUMBERS_MAX, Prices, Row};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use tickloom_types::{InstrumentDef, Instruments, Ts};

/// One instrument of the file.
pub(in crate::import) struct Ticker {
    pub(in crate::import) name: String,
    pub(in crate::import) price_decimals: u8,
    pub(in crate::import) qty_decimals: u8,
    /// What its prices may be.
    pub(super) prices: Prices,
    /// Its last row.
    pub(super) last: Option<LastRow>,
    /// Number of its last trade, 0 if there was none.
    pub(super) last_trade: u64,
    /// What its first row has in the columns in which all have the same.
    pub(super) apart: Vec<Vec<u8>>,
    /// The publisher and the number of a row of Databento.
    pub(super) of_databento: Option<(u16, Option<u32>)>,
}

impl Ticker {
    /// What its rows have in one of the columns in which all have the same.
    pub(in crate::import) fn apart(&self, place: usize) -> Option<&[u8]> {
        self.apart.get(place).map(Vec::as_slice)
    }
}

/// What a row is held to that follows it.
#[derive(Clone, Copy, Default)]
pub(super) struct LastRow {
    pub(super) ts: Ts,
    pub(super) numbers: [Number; NUMBERS_MAX],
    pub(super) side: u8,
}

/// What a symbol has to be.
const A_NAME: &str = "a name of 1 to 64 bytes of UTF-8";
/// Ends of symbols of Databento that stand for all contracts of a kind.
const PARENTS: [&[u8]; 3] = [b".FUT", b".OPT", b".SPOT"];

fn is_name(name: &str) -> bool {
    let def = InstrumentDef::new(name, 0, 0, "USD");
    Instruments::new().add(def).is_ok()
}

/// Whether a symbol of Databento stands for several contracts: a parent such as `ES.FUT`, or a continuous one such as `ES.c.0`.
fn is_by_rule(symbol: &[u8]) -> bool {
    let is_parent = PARENTS.iter().any(|end| symbol.ends_with(end));
    let mut parts = symbol.rsplit(|b| *b == b'.');
    let (rank, rule) = (parts.next(), parts.next());
    let is_rank = rank.is_some_and(|rank| !rank.is_empty() && rank.iter().all(u8::is_ascii_digit));
    is_parent || is_rank && matches!(rule, Some(b"c" | b"n" | b"v")) && parts.next().is_some()
}

/// The name of an instrument of one of several publishers.
fn name_apart(publisher: u16, symbol: &str, number: Option<u32>) -> String {
    let prefix = prefix_of_publisher(publisher);
    match number {
        Some(number) => format!("{prefix}.{symbol}-{number}"),
        None => format!("{prefix}.{symbol}"),
    }
}

/// What is worth knowing of the names: symbols that differ in the case of their letters alone.
pub(in crate::import) fn note_of_cases(tickers: &[Ticker]) -> Option<String> {
    let mut by_lower: BTreeMap<String, &str> = BTreeMap::new();
    for ticker in tickers {
        if let Some(other) = by_lower.insert(ticker.name.to_lowercase(), &ticker.name) {
            return Some(format!(
                "symbols that differ in the case of letters alone, such as {other} and {}, are instruments of their own",
                ticker.name
            ));
        }
    }
    None
}

/// The name of an instrument of Tardis with the venue called as captures and Binance's files call it.
fn of_tardis(name: &str) -> String {
    const VENUES: [(&str, &str); 8] = [
        ("binance-futures", "binance-usdm"),
        ("binance-delivery", "binance-cm"),
        ("okex", "okx"),
        ("okex-swap", "okx"),
        ("okex-futures", "okx"),
        ("okex-options", "okx"),
        ("okex-spreads", "okx"),
        ("cryptofacilities", "kraken-futures"),
    ];
    let Some((venue, symbol)) = name.split_once('.') else {
        return name.to_owned();
    };
    let known = VENUES.iter().find(|(theirs, _)| *theirs == venue);
    let venue = known.map_or(venue, |(_, ours)| ours);
    format!("{venue}.{symbol}")
}

impl Reader<'_> {
    pub(super) fn add_ticker(&mut self, key: &[u8], name: &str) -> usize {
        let at = self.tickers.len();
        self.by_name.insert(key.to_vec(), at);
        self.tickers.push(Ticker {
            name: name.to_owned(),
            price_decimals: 0,
            qty_decimals: 0,
            prices: prices(self.options, self.layout, name),
            last: None,
            last_trade: 0,
            apart: Vec::new(),
            of_databento: None,
        });
        at
    }

    /// The name of an instrument that a file calls so.
    fn name_of<'n>(&self, called: &'n str) -> Cow<'n, str> {
        match self.layout.dialect {
            Dialect::Tardis => Cow::Owned(of_tardis(called)),
            _ => Cow::Borrowed(called),
        }
    }

    /// Whether the row whose name was put together is of the instrument of this name, or symbol.
    pub(super) fn is_called(&self, only: &str, cells: &impl Cells) -> bool {
        let is_symbol = |at: usize| cells.text(at).as_ref() == only.as_bytes();
        let is_named = || std::str::from_utf8(&self.key).is_ok_and(|key| self.name_of(key) == only);
        self.key == only.as_bytes() || self.columns.ticker.is_some_and(is_symbol) || is_named()
    }

    /// Puts together what an instrument is called in this row.
    pub(super) fn name_key(&mut self, cells: &impl Cells) {
        self.key.clear();
        let Some(at) = self.columns.ticker else {
            return;
        };
        if let Some(venue) = self.columns.venue.filter(|_| self.layout.is_by_venue) {
            self.key.extend_from_slice(&cells.text(venue));
            self.key.push(b'.');
        }
        let symbol = cells.text(at);
        self.key.extend_from_slice(&symbol);
        if let Some(number) = self.columns.number
            && is_by_rule(&symbol)
        {
            self.key.push(b'-');
            self.key.extend_from_slice(&cells.text(number));
        }
    }

    pub(super) fn ticker(&mut self, cells: &impl Cells) -> Result<usize, Wrong> {
        let Some(at) = self.columns.ticker else {
            return Ok(0);
        };
        if self.layout.is_databento() {
            return self.ticker_of_databento(cells, at);
        }
        let key = std::mem::take(&mut self.key);
        let name = std::str::from_utf8(&key).ok();
        let ticker = match name.filter(|name| is_name(name)) {
            Some(name) => {
                let name = self.name_of(name);
                Ok(self.add_ticker(&key, &name))
            }
            None => Err(self.wrong(cells, at, A_NAME)),
        };
        self.key = key;
        ticker
    }

    /// An instrument of Databento is a symbol of a publisher; of a symbol that stands for several contracts, one of these.
    fn ticker_of_databento(&mut self, cells: &impl Cells, at: usize) -> Result<usize, Wrong> {
        let number = self.number_of(cells, self.columns.number)?;
        let number = self.columns.number.and(u32::try_from(number).ok());
        let publisher = match self.columns.venue {
            None => None,
            Some(at) => {
                let publisher = self.number_of(cells, Some(at))?;
                let publisher = u16::try_from(publisher).ok();
                let expected = "the number of a publisher, 0 to 65535";
                Some(publisher.ok_or_else(|| self.wrong(cells, at, expected))?)
            }
        };
        let symbol = cells.text(at).into_owned();
        let name = std::str::from_utf8(&symbol).ok();
        let is_right = |name: &&str| is_name(&name_apart(publisher.unwrap_or(0), name, number));
        let Some(name) = name.filter(|name| !name.is_empty()).filter(is_right) else {
            return Err(self.wrong(cells, at, A_NAME));
        };
        let key = std::mem::take(&mut self.key);
        let ticker = self.add_ticker(&key, name);
        self.key = key;
        if let Some(ticker) = self.tickers.get_mut(ticker) {
            let is_by_number = is_by_rule(&symbol);
            let publisher = publisher.unwrap_or(0);
            ticker.of_databento = Some((publisher, number.filter(|_| is_by_number)));
        }
        Ok(ticker)
    }

    /// Names instruments once all are known: those of several publishers of Databento by dataset and venue, as in DBN, and the contracts
    /// behind one symbol by their numbers. With `is_told` they are named by their publishers in any case.
    pub(in crate::import) fn name_tickers(&mut self, is_told: bool) {
        let of = |ticker: &Ticker| ticker.of_databento;
        let publishers: BTreeSet<u16> = self
            .tickers
            .iter()
            .filter_map(of)
            .map(|(publisher, _)| publisher)
            .collect();
        let is_apart = self.columns.venue.is_some() && (is_told || publishers.len() > 1);
        let is_symbol = self
            .columns
            .ticker
            .is_some_and(|at| self.columns.number != Some(at));
        let counts: Vec<usize> = self
            .tickers
            .iter()
            .map(|one| {
                let same = self.tickers.iter().filter(|other| {
                    let is_of = |of: &Ticker| of.of_databento.map(|(publisher, _)| publisher);
                    other.name == one.name && is_of(other) == is_of(one)
                });
                // Only the contracts of a rule have one name.
                one.of_databento
                    .and_then(|(_, number)| number)
                    .map_or(1, |_| same.count())
            })
            .collect();
        for (ticker, count) in self.tickers.iter_mut().zip(counts) {
            let Some((publisher, number)) = ticker.of_databento else {
                continue;
            };
            let number = number.filter(|_| count > 1);
            let name = match (is_symbol, is_apart) {
                (false, true) => format!("id-{}", ticker.name),
                _ => ticker.name.clone(),
            };
            ticker.name = match (is_apart, number) {
                (true, number) => name_apart(publisher, &name, number),
                (false, Some(number)) => format!("{name}-{number}"),
                (false, None) => name,
            };
        }
    }

    pub(super) fn widen(&mut self, row: &Row) {
        let shape = self.layout.shape;
        let ticker = &mut self.tickers[row.ticker];
        let (mut is_below, mut is_low) = (false, false);
        let mut one = |is_qty: bool, number: &Number| {
            let decimals = if is_qty {
                &mut ticker.qty_decimals
            } else {
                is_below |= number.mantissa < 0;
                is_low |= number.mantissa <= 0;
                &mut ticker.price_decimals
            };
            *decimals = number.decimals.max(*decimals);
        };
        for (at, number) in row.numbers.iter().take(shape.count()).enumerate() {
            one(shape.is_qty(at), number);
        }
        for level in &self.levels {
            one(false, &level.price);
            one(true, &level.qty);
        }
        self.has_low_prices |= is_low;
        self.below_zero += u64::from(is_below);
    }

    /// As [`Reader::widen`], of the current row, which has no levels.
    #[inline]
    pub(super) fn widen_current(&mut self) {
        let shape = self.layout.shape;
        let Some(ticker) = self.tickers.get_mut(self.current.ticker) else {
            return;
        };
        let mut finest = [ticker.price_decimals, ticker.qty_decimals];
        let (mut is_below, mut is_low) = (false, false);
        let numbers = self.current.numbers.iter().take(shape.count());
        for (at, number) in numbers.enumerate() {
            let is_qty = shape.is_qty(at);
            let decimals = &mut finest[usize::from(is_qty)];
            *decimals = number.decimals.max(*decimals);
            is_below |= !is_qty && number.mantissa < 0;
            is_low |= !is_qty && number.mantissa <= 0;
        }
        [ticker.price_decimals, ticker.qty_decimals] = finest;
        self.has_low_prices |= is_low;
        self.below_zero += u64::from(is_below);
    }

    /// Rows read and refused, and whether it matters what prices may be.
    pub(in crate::import) fn surveyed(&self) -> ((u64, u64), bool) {
        ((self.read, self.problems.count), self.has_low_prices)
    }

    pub(super) fn note_low_prices(&mut self, row: &Row) {
        let shape = self.layout.shape;
        let mut numbers = row.numbers.iter().take(shape.count()).enumerate();
        self.has_low_prices |=
            numbers.any(|(at, number)| !shape.is_qty(at) && number.mantissa <= 0);
    }

    /// What prices may be of an instrument, or of the one that the row names first.
    pub(super) fn prices(&self, known: Option<usize>) -> Prices {
        match known.and_then(|at| self.tickers.get(at)) {
            Some(ticker) => ticker.prices,
            None => {
                let name = String::from_utf8_lossy(&self.key);
                prices(self.options, self.layout, &self.name_of(&name))
            }
        }
    }
}
