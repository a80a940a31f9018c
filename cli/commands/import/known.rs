//! What earlier imports have of the instruments of a capture: a trade that is there already counts once, and of one instrument there
//! can be one book at a time.

use crate::commands::import::ERRORS_SHOWN;
use std::collections::HashMap;
use tickloom_data::{Catalog, CatalogError, ScanQuery, Table};
use tickloom_types::{Instruments, Kind, Record, TradeBody, Ts, pow10};

/// Trades that are remembered at a time, of all instruments; some 100 bytes each.
const TRADES_MAX: usize = 500_000;
/// Trades of one window of time, unless there are more within the shortest.
const WINDOW_TRADES: usize = 100_000;
/// A window begins at a whole minute, at least one minute before the trade that is looked for: some come late.
const MINUTE: i64 = 60_000_000_000;
/// How long a window is at first, and at least.
const WIDTH: i64 = 24 * 60 * MINUTE;
const WIDTH_MIN: i64 = 3 * MINUTE;

/// The number and the time of a trade.
type Number = (u64, i64);
/// Price and size at nine decimals.
type Content = (i128, i128);

/// Trades of one instrument that the catalog has from a time on and before another.
struct Window {
    instrument: u32,
    from: i64,
    to: i64,
    trades: HashMap<Number, Content>,
}

/// Windows of trades that were read last. They hold a bounded number of trades, however many the catalog has.
#[derive(Default)]
struct Windows {
    /// The one that was used last is at the end.
    all: Vec<Window>,
    /// How long those of an instrument are that had more trades than fit into the longest.
    widths: HashMap<u32, i64>,
}

impl Windows {
    /// The window of an instrument in which a time is.
    fn find(&mut self, instrument: u32, ts: i64) -> Option<&Window> {
        let is_it = |one: &Window| one.instrument == instrument && (one.from..one.to).contains(&ts);
        let at = self.all.iter().rposition(is_it)?;
        let last = self.all.len() - 1;
        if at != last {
            let found = self.all.remove(at);
            self.all.push(found);
        }
        self.all.last()
    }

    /// Remembers a window, and forgets those that were not used for longest if there are too many trades, or windows, in all.
    fn add(&mut self, window: Window) {
        // A window without trades takes room too.
        let size = |one: &Window| one.trades.len().max(WINDOW_TRADES / 100);
        self.all.push(window);
        let mut held: usize = self.all.iter().map(size).sum();
        while held > TRADES_MAX && self.all.len() > 1 {
            held -= size(&self.all.remove(0));
        }
    }
}

/// What earlier imports have.
pub(super) struct Known<'a> {
    catalog: &'a Catalog,
    /// Imports that have something of these instruments.
    runs: Vec<String>,
    instruments: Instruments,
    windows: Windows,
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
            windows: Windows::default(),
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
        let instrument = record.header.instrument;
        if self.windows.find(instrument, ts.0).is_none() {
            let window = self.read(instrument, &name, ts)?;
            self.windows.add(window);
        }
        let window = self.windows.find(instrument, ts.0);
        let there = window.and_then(|window| window.trades.get(&(trade.trade_id, ts.0)));
        let Some(there) = there else {
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

    /// The numbered trades around a time: of a day, or of less if that has many.
    fn read(&mut self, instrument: u32, name: &str, ts: Ts) -> Result<Window, CatalogError> {
        let minute = ts.0.div_euclid(MINUTE) - 1;
        let from = minute.saturating_mul(MINUTE);
        let mut width = *self.windows.widths.get(&instrument).unwrap_or(&WIDTH);
        loop {
            let to = from.saturating_add(width);
            let most = match width {
                WIDTH_MIN => usize::MAX,
                _ => WINDOW_TRADES,
            };
            if let Some(trades) = self.read_between(name, (from, to), most)? {
                return Ok(Window {
                    instrument,
                    from,
                    to,
                    trades,
                });
            }
            width = (width / 4).max(WIDTH_MIN);
            self.windows.widths.insert(instrument, width);
        }
    }

    /// The numbered trades from a time on and before another; `None` if there are more than so many.
    fn read_between(
        &self,
        name: &str,
        (from, to): (i64, i64),
        most: usize,
    ) -> Result<Option<HashMap<Number, Content>>, CatalogError> {
        let query = ScanQuery {
            from: Some(Ts(from)),
            to: Some(Ts(to)),
            ..self.query(name, vec![Table::Trades])
        };
        let mut trades = HashMap::new();
        let scan = match self.catalog.scan(&query) {
            Ok(scan) => scan,
            Err(CatalogError::Empty { .. }) => return Ok(Some(trades)),
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
                if trades.len() > most {
                    return Ok(None);
                }
            }
        }
        Ok(Some(trades))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn window(instrument: u32, from: i64, trades: u64) -> Window {
        let trade = |id| ((id, from), (0, 0));
        Window {
            instrument,
            from,
            to: from + 10,
            trades: (0..trades).map(trade).collect(),
        }
    }

    #[test]
    fn windows_hold_a_bounded_number_of_trades() {
        let mut windows = Windows::default();
        for at in 0..20 {
            windows.add(window(at % 2, i64::from(at) * 10, 90_000));
            let held: usize = windows.all.iter().map(|one| one.trades.len()).sum();
            assert!(held <= TRADES_MAX, "{held}");
        }
        // The newest are there, and what is used is not the first to go.
        assert!(windows.find(0, 185).is_some() && windows.find(0, 195).is_none());
        assert!(windows.find(1, 195).is_some() && windows.find(1, 0).is_none());
        let oldest = windows.all[0].from;
        let instrument = windows.all[0].instrument;
        assert!(windows.find(instrument, oldest).is_some());
        windows.add(window(5, 0, 90_000));
        assert!(windows.find(instrument, oldest).is_some());
        // Those without trades are bounded too.
        for at in 0..10_000 {
            windows.add(window(7, at * 10, 0));
        }
        assert!(windows.all.len() <= 500);
    }
}
