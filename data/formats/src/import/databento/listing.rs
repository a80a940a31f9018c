//! The instruments of a file: which one a row is of, by its publisher, its number and its time.
//!
//! An instrument is a symbol of a publisher, whatever numbers it had on which days. A symbol that stands for several contracts
//! is one instrument for each number, and where a file maps nothing at all the number is the name. A row whose number stands for nothing
//! at its time is refused, so that it is never another symbol's.

use super::fields::Wrong;
use super::symbols::Symbols;
use crate::databento::{DBN_DATASET, DbnInstrument, Venue, dataset_prefix};
use std::collections::{BTreeSet, HashMap, HashSet};
use tickloom_types::{InstrumentDef, InstrumentId, Instruments, Ts};

/// What makes an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    publisher: u16,
    symbol: Option<u32>,
    /// The number, of those without a symbol of their own.
    id: Option<u32>,
}

/// An instrument that rows are of.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) publisher: u16,
    pub(super) symbol: Option<u32>,
    /// Whether its number is part of what it is.
    is_by_id: bool,
    /// Its numbers, each with the time from when and before which it has it.
    pub(super) ids: Vec<(u32, u64, u64)>,
}

/// What is known of a number of a publisher, within a span of time.
#[derive(Clone, Copy, Debug)]
struct Slot {
    publisher: u16,
    id: u32,
    from: u64,
    to: u64,
    /// Count of changes of symbols before which it holds.
    changes: u64,
    found: Result<InstrumentId, Refusal>,
}

/// Why a row is of no instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Unmapped,
    Name(u32),
}

/// The instruments so far, in the order of their first rows.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    dataset: String,
    /// Whether the file maps numbers to symbols, be it later than here.
    is_mapped: bool,
    entries: Vec<Entry>,
    by_key: HashMap<Key, InstrumentId>,
    slots: HashMap<(u16, u32), Slot>,
    newest: Option<Slot>,
    /// What entries have in `ids`.
    known_ids: HashSet<(InstrumentId, u32, u64, u64)>,
    changes: u64,
}

impl Listing {
    pub(super) fn new(dataset: &str, is_mapped: bool) -> Listing {
        Listing {
            dataset: dataset.to_owned(),
            is_mapped,
            entries: Vec::new(),
            by_key: HashMap::new(),
            slots: HashMap::new(),
            newest: None,
            known_ids: HashSet::new(),
            changes: 0,
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Forgets what numbers stand for, as that has changed or the file is read anew; instruments stay.
    pub(super) fn forget(&mut self) {
        self.changes += 1;
    }

    /// What the row before was of, and the times from when and before which its number is that; none if it is not known any more.
    pub(super) fn newest(&self) -> Option<(InstrumentId, u64, u64)> {
        let slot = self.newest.filter(|slot| slot.changes == self.changes)?;
        Some((slot.found.ok()?, slot.from, slot.to))
    }

    /// The instrument of a row.
    #[inline]
    pub(super) fn find(
        &mut self,
        symbols: &Symbols,
        publisher: u16,
        id: u32,
        ts: u64,
    ) -> Result<InstrumentId, Wrong> {
        let changes = self.changes;
        let is_it = |slot: &Slot| {
            let is_of = slot.id == id && slot.publisher == publisher;
            is_of && slot.from <= ts && ts < slot.to && slot.changes == changes
        };
        let slot = match self.newest.filter(is_it) {
            Some(slot) => slot,
            None => match self.slots.get(&(publisher, id)).copied().filter(is_it) {
                Some(slot) => slot,
                None => self.look_up(symbols, publisher, id, ts),
            },
        };
        self.newest = Some(slot);
        slot.found.map_err(|refusal| wrong(refusal, symbols, id))
    }

    fn look_up(&mut self, symbols: &Symbols, publisher: u16, id: u32, ts: u64) -> Slot {
        let meaning = symbols.meaning(id, ts);
        let found = match meaning.symbol {
            Some(symbol) => {
                let name = symbols.name(symbol).unwrap_or_default();
                let is_by_id = symbols.is_shared(symbol);
                if self.is_name(publisher, name, is_by_id.then_some(id)) {
                    Ok(self.list(
                        publisher,
                        Some(symbol),
                        is_by_id,
                        id,
                        (meaning.from, meaning.to),
                    ))
                } else {
                    Err(Refusal::Name(symbol))
                }
            }
            None if !self.is_mapped => Ok(self.list(publisher, None, true, id, (0, u64::MAX))),
            None => Err(Refusal::Unmapped),
        };
        let slot = Slot {
            publisher,
            id,
            from: meaning.from,
            to: meaning.to,
            changes: self.changes,
            found,
        };
        self.slots.insert((publisher, id), slot);
        slot
    }

    fn list(
        &mut self,
        publisher: u16,
        symbol: Option<u32>,
        is_by_id: bool,
        id: u32,
        (from, to): (u64, u64),
    ) -> InstrumentId {
        let key = Key {
            publisher,
            symbol,
            id: is_by_id.then_some(id),
        };
        let next = InstrumentId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        let known = *self.by_key.entry(key).or_insert(next);
        if known == next {
            self.entries.push(Entry {
                publisher,
                symbol,
                is_by_id,
                ids: Vec::new(),
            });
        }
        let at = usize::try_from(known.0).unwrap_or(usize::MAX);
        if self.known_ids.insert((known, id, from, to))
            && let Some(entry) = self.entries.get_mut(at)
        {
            entry.ids.push((id, from, to));
        }
        known
    }

    /// What a name begins with: the dataset, and the venue if it is not the dataset's own.
    fn prefix(&self, publisher: u16, is_told_apart: bool) -> String {
        if self.dataset == DBN_DATASET {
            // What was exported has our names.
            return String::new();
        }
        let mut prefix = dataset_prefix(&self.dataset);
        let apart = match Venue::of(&self.dataset, publisher) {
            Venue::Named(venue) => Some(venue.to_ascii_lowercase()),
            Venue::Unknown if is_told_apart => Some(format!("publisher-{publisher}")),
            Venue::Own | Venue::Unknown => None,
        };
        if let Some(apart) = apart {
            if !prefix.is_empty() {
                prefix.push('-');
            }
            prefix.push_str(&apart);
        }
        if !prefix.is_empty() {
            prefix.push('.');
        }
        prefix
    }

    /// Whether a symbol of this publisher can be kept as it is in a name.
    fn is_name(&self, publisher: u16, symbol: &str, id: Option<u32>) -> bool {
        !symbol.is_empty() && is_name(&self.name_of(publisher, symbol, id, true))
    }

    fn name_of(
        &self,
        publisher: u16,
        symbol: &str,
        id: Option<u32>,
        is_told_apart: bool,
    ) -> String {
        let prefix = self.prefix(publisher, is_told_apart);
        match id {
            Some(id) => format!("{prefix}{symbol}-{id}"),
            None => format!("{prefix}{symbol}"),
        }
    }

    /// The names of the instruments, no two of which are the same. Those of a publisher that is not known of the dataset are told apart
    /// only if there are others.
    pub(super) fn names(&self, symbols: &Symbols) -> Vec<String> {
        let publishers: BTreeSet<u16> = self.entries.iter().map(|entry| entry.publisher).collect();
        let mut taken = BTreeSet::new();
        let mut names = Vec::new();
        for entry in &self.entries {
            let id = entry.ids.first().map_or(0, |(id, _, _)| *id);
            let symbol = entry.symbol.and_then(|symbol| symbols.name(symbol));
            let is_told_apart = publishers.len() > 1;
            let mut name = match symbol {
                Some(symbol) => {
                    let id = entry.is_by_id.then_some(id);
                    self.name_of(entry.publisher, symbol, id, is_told_apart)
                }
                None => self.name_of(entry.publisher, "id", Some(id), is_told_apart),
            };
            // A symbol may be what another one is together with its number.
            while !taken.insert(name.clone()) {
                name = format!("{name}-{id}");
            }
            names.push(name);
        }
        names
    }

    /// What is kept of the instruments, to write them again under the same numbers.
    pub(super) fn origin(&self, symbols: &Symbols) -> Vec<DbnInstrument> {
        let ts = |ns: u64| Ts(i64::try_from(ns).unwrap_or(i64::MAX));
        let instrument = |entry: &Entry| DbnInstrument {
            publisher: entry.publisher,
            symbol: entry
                .symbol
                .and_then(|symbol| symbols.name(symbol))
                .map(str::to_owned),
            ids: entry
                .ids
                .iter()
                .map(|(id, from, to)| (*id, ts(*from), ts(*to)))
                .collect(),
        };
        self.entries.iter().map(instrument).collect()
    }
}

fn is_name(name: &str) -> bool {
    let def = InstrumentDef::new(name, 0, 0, "USD");
    Instruments::new().add(def).is_ok()
}

fn wrong(refusal: Refusal, symbols: &Symbols, id: u32) -> Wrong {
    match refusal {
        Refusal::Unmapped => (
            "instrument_id",
            id.to_string(),
            "a number that the file maps to a symbol at the time of the row",
        ),
        Refusal::Name(symbol) => (
            "symbol",
            symbols.name(symbol).unwrap_or_default().to_owned(),
            "one that makes a name of 1 to 64 bytes with its dataset, without control characters and spaces at its ends",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dataset: &str, rows: &[(u16, u32)]) -> Vec<String> {
        let symbols = Symbols::default();
        let mut listing = Listing::new(dataset, false);
        for (publisher, id) in rows {
            listing.find(&symbols, *publisher, *id, 5).unwrap();
        }
        listing.names(&symbols)
    }

    #[test]
    fn publishers_are_told_apart_by_name() {
        type Case<'a> = (&'a str, &'a [(u16, u32)], &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            (
                "GLBX.MDP3",
                &[(1, 7), (1, 7), (1, 8)],
                &["glbx-mdp3.id-7", "glbx-mdp3.id-8"],
            ),
            (
                "DBEQ.BASIC",
                &[(39, 7), (40, 7)],
                &["dbeq-basic-xchi.id-7", "dbeq-basic-xcis.id-7"],
            ),
            // One that is not known of its dataset, alone and beside another one.
            ("GLBX.MDP3", &[(9, 7)], &["glbx-mdp3.id-7"]),
            (
                "GLBX.MDP3",
                &[(1, 7), (9, 7)],
                &["glbx-mdp3.id-7", "glbx-mdp3-publisher-9.id-7"],
            ),
            ("", &[(1, 7)], &["id-7"]),
            (
                "",
                &[(1, 7), (2, 7)],
                &["publisher-1.id-7", "publisher-2.id-7"],
            ),
        ];
        for (dataset, rows, expected) in cases {
            assert_eq!(names(dataset, rows), *expected, "{dataset} {rows:?}");
        }
    }
}
