//! What earlier imports have, read for a stretch of time.

use super::place::{
    Content, Numbers, SEVERAL, bare_place, content, number, number_place, one_of, place,
    price_place,
};
use super::stretch::Place;
use super::{INSTRUMENTS_AT_ONCE, Known, NUMBERED};
use std::collections::HashMap;
use tickloom_catalog::{CatalogError, RecordBlocks, ScanQuery, Table};
use tickloom_types::{InstrumentDef, Record, TradeBody, Ts};

impl Known<'_> {
    /// What is said of the place of a trade by what is there; of several that which says the same.
    pub(super) fn find_trade(
        &mut self,
        place: Place,
        record: &Record,
    ) -> Result<Option<Content>, CatalogError> {
        let there = self.find(Table::Trades, place)?;
        match (there, self.instruments.get(record.instrument())) {
            (Some(SEVERAL), Some(def)) => {
                let place = one_of(place, content(record, def));
                self.find(Table::Trades, place)
            }
            _ => Ok(there),
        }
    }

    /// Reads what there is from a time to another; nothing if it is more than so many. What is read may go into a bundle
    /// meanwhile, and is then looked for there.
    pub(super) fn read(
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
                let of = instrument.zip(def);
                let place = of.and_then(|of| place(record, of, source?, &self.instruments));
                if let (Some(place), Some(def)) = (place, def) {
                    let content = content(record, def);
                    match table {
                        Table::Trades => note(found, place, content),
                        _ => found.insert(place, content),
                    };
                }
                let bare = def
                    .zip(instrument)
                    .and_then(|(def, instrument)| bare_place(record, instrument, def));
                found.extend(bare.map(|bare| (bare, 0)));
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
}

/// Notes what a trade says at a place. Trades of one message have one number with some venues, as those of a packet of CME.
fn note(found: &mut HashMap<Place, Content>, place: Place, content: Content) -> Option<Content> {
    match found.get(&place).copied() {
        Some(there) if there == content => None,
        None => found.insert(place, content),
        Some(there) => {
            if there != SEVERAL {
                found.insert(one_of(place, there), there);
                found.insert(place, SEVERAL);
            }
            found.insert(one_of(place, content), content)
        }
    }
}
