//! What earlier imports have of the instruments of a capture: a trade that is there already counts once, and of one instrument there
//! can be one book at a time.

use crate::commands::import::ERRORS_SHOWN;
use std::collections::HashMap;
use tickloom_data::{Catalog, CatalogError, ScanQuery, Table};
use tickloom_types::{Instruments, Kind, Record, TradeBody, Ts, pow10};

const DAY: i64 = 86_400_000_000_000;
/// Days of instruments whose trades are remembered at a time.
const DAYS_MAX: usize = 64;

/// The number and the time of a trade.
type Number = (u64, i64);
/// Price and size at nine decimals.
type Content = (i128, i128);

/// What earlier imports have.
pub(super) struct Known<'a> {
    catalog: &'a Catalog,
    /// Imports that have something of these instruments.
    runs: Vec<String>,
    instruments: Instruments,
    trades: HashMap<(u32, i64), HashMap<Number, Content>>,
    /// Trades that are there already.
    pub(super) repeated: u64,
    /// The first of them, in words.
    pub(super) repeats: Vec<String>,
    /// Trades that contradict one that is there, in words.
    pub(super) contradicted: u64,
    pub(super) contradictions: Vec<String>,
    /// Of each instrument the first and the last time of its book.
    books: HashMap<u32, (Ts, Ts)>,
}

impl<'a> Known<'a> {
    /// Looks for imports other than `run` that have one of the instruments.
    pub(super) fn of(
        catalog: &'a Catalog,
        run: &str,
        instruments: &Instruments,
    ) -> Result<Known<'a>, CatalogError> {
        let names = instruments.defs().iter().map(|def| def.name.as_str());
        let runs = catalog.other_imports(run, names)?;
        Ok(Known {
            catalog,
            runs,
            instruments: instruments.clone(),
            trades: HashMap::new(),
            repeated: 0,
            repeats: Vec::new(),
            contradicted: 0,
            contradictions: Vec::new(),
            books: HashMap::new(),
        })
    }

    /// Whether a record is to be kept.
    pub(super) fn is_new(&mut self, record: &Record) -> Result<bool, CatalogError> {
        if self.runs.is_empty() {
            return Ok(true);
        }
        match record.kind() {
            Some(Kind::Trade) => self.is_new_trade(record),
            Some(Kind::Level) => {
                let ts = record.ts_event();
                let span = self.books.entry(record.header.instrument);
                let span = span.or_insert((ts, ts));
                *span = (span.0.min(ts), span.1.max(ts));
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    fn is_new_trade(&mut self, record: &Record) -> Result<bool, CatalogError> {
        let trade = TradeBody::of(record);
        let Some(def) = self.instruments.get(record.instrument()) else {
            return Ok(true);
        };
        if trade.trade_id == 0 {
            return Ok(true);
        }
        let (name, ts) = (def.name.clone(), record.ts_event());
        let content = content(&trade, (def.price_decimals, def.qty_decimals));
        let day = (record.header.instrument, ts.0.div_euclid(DAY));
        if !self.trades.contains_key(&day) {
            if self.trades.len() >= DAYS_MAX {
                self.trades.clear();
            }
            let there = self.day(&name, day.1)?;
            self.trades.insert(day, there);
        }
        let there = self.trades.get(&day);
        let Some(there) = there.and_then(|there| there.get(&(trade.trade_id, ts.0))) else {
            return Ok(true);
        };
        let id = trade.trade_id;
        let (count, texts, what) = match *there == content {
            true => (&mut self.repeated, &mut self.repeats, "is there already"),
            false => (
                &mut self.contradicted,
                &mut self.contradictions,
                "is there already with another price or size",
            ),
        };
        *count += 1;
        if texts.len() < ERRORS_SHOWN {
            texts.push(format!("{name}: trade {id} of {ts} {what}"));
        }
        Ok(false)
    }

    /// The numbered trades of a day.
    fn day(&self, name: &str, day: i64) -> Result<HashMap<Number, Content>, CatalogError> {
        let from = day.saturating_mul(DAY);
        let query = ScanQuery {
            from: Some(Ts(from)),
            to: Some(Ts(from.saturating_add(DAY))),
            ..self.query(name, vec![Table::Trades])
        };
        let mut trades = HashMap::new();
        let scan = match self.catalog.scan(&query) {
            Ok(scan) => scan,
            Err(CatalogError::Empty { .. }) => return Ok(trades),
            Err(error) => return Err(error),
        };
        let instruments = scan.instruments().clone();
        for next in scan {
            let (_, record) = next?;
            if record.kind() == Some(Kind::Trade)
                && let Some(def) = instruments.get(record.instrument())
                && def.name == name
            {
                let trade = TradeBody::of(&record);
                let content = content(&trade, (def.price_decimals, def.qty_decimals));
                trades.insert((trade.trade_id, record.ts_event().0), content);
            }
        }
        Ok(trades)
    }

    fn query(&self, name: &str, tables: Vec<Table>) -> ScanQuery {
        ScanQuery {
            instruments: vec![name.to_owned()],
            tables,
            runs: self.runs.clone(),
            ..ScanQuery::default()
        }
    }

    /// An instrument whose book another import has at the same time, in words. What begins where another ends may go on there.
    pub(super) fn other_book(&self) -> Result<Option<String>, CatalogError> {
        if self.books.is_empty() {
            return Ok(None);
        }
        // None is named if there are none, which would mean all.
        if self.runs.is_empty() {
            return Ok(None);
        }
        for span in self.catalog.book_spans(&self.runs)? {
            let found = self.instruments.find(&span.instrument);
            let own = found.and_then(|(id, _)| self.books.get(&id.0));
            if let Some((from, to)) = own
                && *from < span.to
                && span.from < *to
            {
                return Ok(Some(format!(
                    "{}: an earlier import ({}) has its book from {} to {}, this one from {from} to {to}, and two recordings of one \
                     book cannot be kept as one: import this one into a catalog of its own",
                    span.instrument, span.run, span.from, span.to
                )));
            }
        }
        Ok(None)
    }
}

fn content(trade: &TradeBody, (price, qty): (u8, u8)) -> Content {
    let at_nine = |mantissa: i64, decimals: u8| {
        i128::from(mantissa) * i128::from(pow10(9_u8.saturating_sub(decimals)))
    };
    (at_nine(trade.price, price), at_nine(trade.qty, qty))
}
