//! Bars and numbered trades that earlier imports have: the same again counts once, another of the same time (and number) is refused.
//!
//! What is there is read in stretches of time, of all instruments of a file at once: rows come in the order of their times, or near it,
//! so that each stretch is read once.

mod place;
mod stretch;
mod twins;

use super::report::ImportReport;
use super::room::Room;
use crate::Result;
use place::{AGAIN_NS, Content, Numbers, content, number, number_place, place, price_place};
use std::collections::HashMap;
use stretch::{Place, Stretches};
use tickloom_catalog::{Catalog, CatalogError, RecordBlocks, ScanQuery, Table};
use tickloom_types::{InstrumentDef, Instruments, Kind, Record, TradeBody, Ts};
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

/// What earlier imports have of the instruments of a file or a recording.
pub struct Known<'a> {
    catalog: &'a Catalog,
    run: String,
    /// Imports that have one of the instruments.
    runs: Vec<String>,
    instruments: Instruments,
    bars: Stretches,
    trades: Stretches,
    twins: Twins,
    /// Bars that came.
    pub told_bars: Told,
    /// Trades that came.
    pub told_trades: Told,
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
            twins: Twins::default(),
            told_bars: Told::default(),
            told_trades: Told::default(),
        };
        known.look()?;
        Ok(known)
    }

    fn look(&mut self) -> Result<(), CatalogError> {
        let names = self.instruments.defs().iter().map(|def| def.name.as_str());
        self.runs = self.catalog.other_imports(&self.run, names)?;
        Ok(())
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
            if self.is_new(record)? {
                fresh.push(*record);
            }
        }
        Ok(())
    }

    /// Whether a record is to be kept. Of what is no bar of a size in time and no trade with a number nothing is known.
    ///
    /// # Errors
    /// As [`Catalog::scan`].
    pub fn is_new(&mut self, record: &Record) -> Result<bool, CatalogError> {
        if self.runs.is_empty() {
            return Ok(true);
        }
        let is_trade = record.kind() == Some(Kind::Trade);
        let there = match self.place(record) {
            Some(place) if !is_trade => self.find(Table::Bars, place)?,
            Some(place) => self.find(Table::Trades, place)?,
            None => None,
        };
        if is_trade {
            self.note_twin(record, there.is_some())?;
        }
        let (Some(there), Some(def)) = (there, self.instruments.get(record.instrument())) else {
            return Ok(true);
        };
        let is_same = there == content(record, def);
        let text = self.text(record, def, is_same);
        let told = match record.kind() {
            Some(Kind::Bar) => &mut self.told_bars,
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

    fn text(&self, record: &Record, def: &InstrumentDef, is_same: bool) -> String {
        let (name, ts) = (&def.name, record.ts_event());
        let (what, other) = match self.instruments.bar_spec(record.source()) {
            Some(spec) if record.kind() == Some(Kind::Bar) => (
                format!("the bar of {spec} that closes at {ts}"),
                " with other numbers",
            ),
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
        place(
            record,
            record.instrument().0,
            record.header.source,
            &self.instruments,
        )
    }

    fn stretches(&mut self, table: Table) -> &mut Stretches {
        match table {
            Table::Bars => &mut self.bars,
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

    /// Reads what there is from a time to another; nothing if it is more than so many. What is read may go into a bundle
    /// meanwhile, and is then looked for there.
    fn read(
        &mut self,
        table: Table,
        times: (i64, i64),
        most: usize,
    ) -> Result<Option<HashMap<Place, Content>>, CatalogError> {
        loop {
            match self.read_once(table, times, most) {
                Err(error @ CatalogError::Bundled { .. }) => {
                    let before = std::mem::take(&mut self.runs);
                    self.look()?;
                    if self.runs == before {
                        return Err(error);
                    }
                }
                read => return read,
            }
        }
    }

    fn read_once(
        &mut self,
        table: Table,
        times: (i64, i64),
        most: usize,
    ) -> Result<Option<HashMap<Place, Content>>, CatalogError> {
        let mut found = HashMap::new();
        if self.runs.is_empty() {
            return Ok(Some(found));
        }
        let all = self.instruments.clone();
        for defs in all.defs().chunks(INSTRUMENTS_AT_ONCE) {
            if !self.add(table, defs, times, most, &mut found)? {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    /// Adds what there is of some instruments; false if there is too much.
    fn add(
        &mut self,
        table: Table,
        defs: &[InstrumentDef],
        (from, to): (i64, i64),
        most: usize,
        found: &mut HashMap<Place, Content>,
    ) -> Result<bool, CatalogError> {
        // Of bars a query has those that close after its first time and not after its second, of others those before its second.
        let (from, to) = match table.is_bars() {
            true => (from.saturating_sub(1), Some(to)),
            false => (from, to.checked_add(1)),
        };
        let query = ScanQuery {
            instruments: defs.iter().map(|def| def.name.clone()).collect(),
            tables: vec![table],
            runs: self.runs.clone(),
            from: Some(Ts(from)),
            to: to.map(Ts),
            ..ScanQuery::default()
        };
        let mut scan = match self.catalog.scan(&query) {
            Ok(scan) => scan,
            Err(CatalogError::Empty { .. }) => return Ok(true),
            Err(error) => return Err(error),
        };
        let there = scan.instruments().clone();
        let own = Numbers::new(&there, &self.instruments);
        while let Some(block) = scan.next_block()? {
            for record in block.records {
                let def = there.get(record.instrument());
                let (instrument, source) = own.of(record);
                let place = instrument
                    .and_then(|instrument| place(record, instrument, source?, &self.instruments));
                if let (Some(place), Some(def)) = (place, def) {
                    found.insert(place, content(record, def));
                }
                let price = def
                    .zip(instrument)
                    .and_then(|(def, instrument)| price_place(record, instrument, def));
                if let (Some(price), Some(instrument)) = (price, instrument) {
                    let id = TradeBody::of(record).trade_id;
                    self.twins.there(instrument, id, record.header.ts_event);
                    let known = found.entry(price).or_default();
                    *known = (*known).max(Content::from(id != 0));
                    let number = def.and_then(|def| number(record, def));
                    let about = |number| number_place(instrument, number, record.header.ts_event);
                    found.extend(number.map(|number| (about(number), NUMBERED)));
                }
            }
            if found.len() > most {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says what is there already of a file that is taken whole: what it has is less by that. How many records contradict it is returned, with
    /// the first of them.
    pub(super) fn tell_own(self, report: &mut ImportReport) -> (u64, Option<String>) {
        let (mut contradicted, mut first) = (0, None);
        for (table, told) in [
            (Table::Bars, self.told_bars),
            (Table::Trades, self.told_trades),
        ] {
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
        for (table, told, reason) in [
            (Table::Bars, self.told_bars, OTHER_BAR),
            (Table::Trades, self.told_trades, OTHER_TRADE),
        ] {
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
pub const OTHER_BAR: &str = "bar that is there already with other numbers";
/// Why a trade is refused.
pub const OTHER_TRADE: &str = "trade that is there already with another price or size";

#[cfg(test)]
mod tests;
