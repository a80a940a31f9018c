//! Bars and numbered trades that earlier imports have: the same again counts once, another of the same time (and number) is refused. The same
//! quote with the same number counts once too; another one is another state of the moment.
//!
//! What is there is read in stretches of time, of all instruments of a file at once: rows come in the order of their times, or near it,
//! so that each stretch is read once.

mod place;
mod reading;
mod stretch;
mod twins;

use super::report::ImportReport;
use super::room::Room;
use crate::Result;
use place::{AGAIN_NS, Content, bare_place, content, number, number_place, place, price_place};
use stretch::{Place, Stretches};
use tickloom_catalog::{Catalog, CatalogError, Table};
use tickloom_types::{InstrumentDef, Instruments, Kind, QuoteBody, Record, TradeBody, Ts};
use twins::Twins;

/// Instruments that are read at once: each may have files of its own, which are open at the same time.
const INSTRUMENTS_AT_ONCE: usize = 256;
/// How long before the record that is looked for a stretch of trades begins: some come late.
const LATE_NS: i64 = 60_000_000_000;
/// What stands at a time and a price of which a trade has a number.
const NUMBERED: Content = 1;
/// Records of each kind that are named.
const NAMED_MAX: usize = 20;

/// What became of the records of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Those that are there already.
    pub repeated: u64,
    /// The first of them, in words.
    pub repeats: Vec<String>,
    /// Those that contradict one that is there.
    pub contradicted: u64,
    /// The first of them, in words.
    pub contradictions: Vec<String>,
}

/// Rows without numbers that may be there.
#[derive(Debug, Default)]
struct Maybe {
    count: u64,
    /// The number of the instrument and the time of the first.
    first: Option<(u32, Ts)>,
}

/// What earlier imports have of the instruments of a file or a recording.
pub struct Known<'a> {
    catalog: &'a Catalog,
    run: String,
    /// Imports that have one of the instruments.
    runs: Vec<String>,
    instruments: Instruments,
    bars: Stretches,
    trades: Stretches,
    quotes: Stretches,
    twins: Twins,
    /// What may be there of rows that have no number.
    maybe: Maybe,
    /// Those are taken for what they seem to be, and count once.
    is_once: bool,
    told_bars: Told,
    told_trades: Told,
    told_quotes: Told,
}

impl<'a> Known<'a> {
    /// Looks for imports other than `run` that have one of the instruments. Of what they have, so much is held at a time that an import with
    /// so many bytes of memory has room for it.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn within(
        catalog: &'a Catalog,
        run: &str,
        instruments: &Instruments,
        bytes: u64,
    ) -> Result<Known<'a>, CatalogError> {
        Known::of(catalog, run, instruments, Room::of(bytes).known)
    }

    /// As [`Known::within`], with about so many bars, and trades, held at a time.
    pub(super) fn of(
        catalog: &'a Catalog,
        run: &str,
        instruments: &Instruments,
        most: usize,
    ) -> Result<Known<'a>, CatalogError> {
        let mut known = Known {
            catalog,
            run: run.to_owned(),
            runs: Vec::new(),
            instruments: instruments.clone(),
            bars: Stretches::new(most),
            trades: Stretches::new(most),
            quotes: Stretches::new(most),
            maybe: Maybe::default(),
            is_once: false,
            twins: Twins::default(),
            told_bars: Told::default(),
            told_trades: Told::default(),
            told_quotes: Told::default(),
        };
        known.look()?;
        Ok(known)
    }

    fn look(&mut self) -> Result<(), CatalogError> {
        let names = self.instruments.defs().iter().map(|def| def.name.as_str());
        self.runs = self.catalog.other_imports(&self.run, names)?;
        Ok(())
    }

    /// The same, taking rows without numbers for those that are there with all that they say.
    pub(super) fn once(self) -> Known<'a> {
        Known {
            is_once: true,
            ..self
        }
    }

    /// Imports other than the own one that have one of the instruments.
    #[must_use]
    pub fn runs(&self) -> &[String] {
        &self.runs
    }

    /// Those of the records that are to be kept.
    pub(super) fn keep_new(&mut self, block: &[Record], fresh: &mut Vec<Record>) -> Result<()> {
        fresh.clear();
        for record in block {
            if self.is_new(record)? && !(self.is_there_maybe(record)? && self.is_once) {
                fresh.push(*record);
            }
        }
        Ok(())
    }

    /// Whether a record is to be kept. Of what is no bar of a size in time, and no trade or quote with a number, nothing is known.
    ///
    /// # Errors
    /// As [`Catalog::scan`].
    pub fn is_new(&mut self, record: &Record) -> Result<bool, CatalogError> {
        if self.runs.is_empty() {
            return Ok(true);
        }
        let kind = record.kind();
        let there = match (self.place(record), kind) {
            (Some(place), Some(Kind::Trade)) => self.find_trade(place, record)?,
            (Some(place), Some(Kind::Quote)) => self.find(Table::Quotes, place)?,
            (Some(place), _) => self.find(Table::Bars, place)?,
            (None, _) => None,
        };
        if kind == Some(Kind::Trade) {
            self.note_twin(record, there.is_some())?;
        }
        let (Some(there), Some(def)) = (there, self.instruments.get(record.instrument())) else {
            return Ok(true);
        };
        let is_same = there == content(record, def);
        let text = self.text(record, def, is_same);
        let told = match record.kind() {
            Some(Kind::Bar) => &mut self.told_bars,
            Some(Kind::Quote) => &mut self.told_quotes,
            _ => &mut self.told_trades,
        };
        let (count, texts) = match is_same {
            true => (&mut told.repeated, &mut told.repeats),
            false => (&mut told.contradicted, &mut told.contradictions),
        };
        *count += 1;
        if texts.len() < NAMED_MAX {
            texts.push(text);
        }
        Ok(false)
    }

    /// Whether there is a row that says what this one says and is not known by its number: a trade at its time and price where both have none,
    /// or the same quote.
    fn is_there_maybe(&mut self, record: &Record) -> Result<bool, CatalogError> {
        let kind = record.kind();
        let is_bare = kind == Some(Kind::Trade) && TradeBody::of(record).trade_id == 0;
        if self.runs.is_empty() || !is_bare && kind != Some(Kind::Quote) {
            return Ok(false);
        }
        let instrument = record.header.instrument;
        let def = self.instruments.get(record.instrument());
        let Some(place) = def.and_then(|def| bare_place(record, instrument, def)) else {
            return Ok(false);
        };
        let table = if is_bare {
            Table::Trades
        } else {
            Table::Quotes
        };
        let is_there = self.find(table, place)?.is_some();
        if is_there {
            let first = (instrument, record.ts_event());
            self.maybe.count += 1;
            self.maybe.first.get_or_insert(first);
        }
        Ok(is_there)
    }

    /// What is to be said of rows that may count twice.
    pub(super) fn maybe_twice(&self) -> Option<String> {
        let (instrument, ts) = self.maybe.first.filter(|_| !self.is_once)?;
        let def = usize::try_from(instrument).ok();
        let def = def.and_then(|at| self.instruments.defs().get(at))?;
        let (count, name) = (self.maybe.count, &def.name);
        Some(format!(
            "{count} rows that have no number say what rows of earlier imports say at the same times, the first one of {name} at {ts}: such as a file \
             that has grown; they count twice if they are the same"
        ))
    }

    /// Notes whether there is a trade with its number, or another at its time and price, or its number, price and size at another time.
    fn note_twin(&mut self, record: &Record, is_known: bool) -> Result<(), CatalogError> {
        let instrument = record.header.instrument;
        if is_known {
            self.twins.known(instrument);
            return Ok(());
        }
        let def = self.instruments.get(record.instrument());
        let Some(place) = def.and_then(|def| price_place(record, instrument, def)) else {
            return Ok(());
        };
        let there = self.find(Table::Trades, place)?;
        // Of two without a number nobody can say that they are one.
        let (id, ts) = (TradeBody::of(record).trade_id, record.header.ts_event);
        let is_twin = there.is_some_and(|there| id != 0 || there == NUMBERED)
            && !self.twins.is_between(instrument, id, ts);
        let def = self.instruments.get(record.instrument());
        let is_again = def
            .and_then(|def| number(record, def))
            .is_some_and(|number| {
                let about = [ts.saturating_sub(AGAIN_NS), ts.saturating_add(AGAIN_NS)];
                let mut places = about
                    .map(|ts| number_place(instrument, number, ts))
                    .into_iter();
                places.any(|place| self.trades.has(&place))
            });
        self.twins.other(instrument, ts, (is_twin, is_again));
        Ok(())
    }

    /// Why the trades of an instrument cannot be taken: those of an earlier import are the same under other numbers, and all of them would
    /// count twice.
    #[must_use]
    pub fn counted_twice(&self) -> Option<String> {
        let found = self.twins.found()?;
        let def = usize::try_from(found.instrument).ok();
        let def = def.and_then(|at| self.instruments.defs().get(at))?;
        let (count, of, name, first) = (found.count, found.of, &def.name, found.first);
        Some(match found.are_again {
            true => format!(
                "{count} of {of} trades of {name} with numbers, prices and sizes of trades that an earlier import has at other times, the first of \
                 {first}: such as a file of a venue beside a capture, whose times are those of messages; its volume would count twice"
            ),
            false => format!(
                "{count} of {of} trades of {name} at times and prices of trades that an earlier import has under other numbers, the first of {first}: \
                 such as aggregated trades beside single ones, which would count its volume twice"
            ),
        })
    }

    /// What became of records by table, with the reason for which those are refused that contradict one that is there. A quote contradicts none.
    #[must_use]
    pub fn told(self) -> [(Table, Told, &'static str); 3] {
        [
            (Table::Bars, self.told_bars, OTHER_BAR),
            (Table::Trades, self.told_trades, OTHER_TRADE),
            (Table::Quotes, self.told_quotes, ""),
        ]
    }

    fn text(&self, record: &Record, def: &InstrumentDef, is_same: bool) -> String {
        let (name, ts) = (&def.name, record.ts_event());
        let (what, other) = match self.instruments.bar_spec(record.source()) {
            Some(spec) if record.kind() == Some(Kind::Bar) => (
                format!("the bar of {spec} that closes at {ts}"),
                " with other numbers",
            ),
            _ if record.kind() == Some(Kind::Quote) => {
                let id = QuoteBody::of(record).update_id;
                (format!("quote {id} of {ts}"), "")
            }
            _ => {
                let id = TradeBody::of(record).trade_id;
                (format!("trade {id} of {ts}"), " with another price or size")
            }
        };
        let other = if is_same { "" } else { other };
        format!("{name}: {what} is there already{other}")
    }

    /// What the record is known by.
    fn place(&self, record: &Record) -> Option<Place> {
        let def = self.instruments.get(record.instrument())?;
        let of = (record.instrument().0, def);
        place(record, of, record.header.source, &self.instruments)
    }

    fn stretches(&mut self, table: Table) -> &mut Stretches {
        match table {
            Table::Bars => &mut self.bars,
            Table::Quotes => &mut self.quotes,
            _ => &mut self.trades,
        }
    }

    /// What is said of a place by what is there.
    fn find(&mut self, table: Table, place: Place) -> Result<Option<Content>, CatalogError> {
        let ts = place.2;
        let from = match table {
            Table::Bars => ts,
            _ => ts.saturating_sub(LATE_NS),
        };
        loop {
            if let Some(found) = self.stretches(table).find(&place) {
                return Ok(found);
            }
            let (to, most) = self.stretches(table).next(from, ts);
            let read = self.read(table, (from, to), most)?;
            self.stretches(table).add((from, to), read);
        }
    }

    /// Says what is there already of a file that is taken whole: what it has is less by that. How many records contradict it is returned, with
    /// the first of them.
    pub(super) fn tell_own(self, report: &mut ImportReport) -> (u64, Option<String>) {
        report.maybe_repeated += self.maybe.count;
        report.repeats.extend(self.maybe_twice());
        let (mut contradicted, mut first) = (0, None);
        for (table, told, _) in self.told() {
            report.repeated += told.repeated;
            report.written -= told.repeated;
            if let Some(count) = report.kinds.get_mut(&table) {
                count.written -= told.repeated;
            }
            report.repeats.extend(told.repeats);
            contradicted += told.contradicted;
            first = first.or(told.contradictions.into_iter().next());
        }
        (contradicted, first)
    }

    /// Says what was left out.
    pub(super) fn tell(self, report: &mut ImportReport) {
        if self.is_once {
            report.repeated += self.maybe.count;
        } else {
            report.maybe_repeated += self.maybe.count;
            report.repeats.extend(self.maybe_twice());
        }
        for (table, told, reason) in self.told() {
            report.repeated += told.repeated;
            report.repeats.extend(told.repeats);
            if told.contradicted > 0 {
                report.refused += told.contradicted;
                report.kinds.entry(table).or_default().refused += told.contradicted;
                *report.reasons.entry(reason.to_owned()).or_default() += told.contradicted;
                report.notes.extend(told.contradictions);
            }
        }
    }
}

/// Why a bar is refused.
const OTHER_BAR: &str = "bar that is there already with other numbers";
/// Why a trade is refused.
const OTHER_TRADE: &str = "trade that is there already with another price or size";

#[cfg(test)]
mod tests;
