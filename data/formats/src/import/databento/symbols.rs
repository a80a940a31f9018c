//! Which symbol a number of an instrument stands for at a time: by the intervals of days in a file's metadata, or by what a live stream
//! says on the way.

use crate::limits::DBN_SYMBOLS_MAX;
use dbn::{Metadata, RecordRef, SType, TsSymbolMap, rtype, v1};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The symbols of a file, by number and time.
#[derive(Clone, Debug, Default)]
pub(super) struct Symbols {
    names: Vec<String>,
    by_name: HashMap<String, u32>,
    /// By number: intervals in the order of time, none of which overlap.
    intervals: HashMap<u32, Vec<Interval>>,
    /// By number: what the stream said last.
    live: HashMap<u32, Interval>,
    /// Symbols that stand for several contracts, which are not one instrument.
    shared: HashSet<u32>,
    /// Whether symbols are those of single instruments as the venue has them.
    is_raw: bool,
    stype_in: Option<SType>,
}

/// A symbol and the time for which it holds, in nanoseconds; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interval {
    from: u64,
    to: u64,
    symbol: u32,
}

/// What a number stands for, and the time around for which nothing else is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// `None` if the file says nothing for this time.
    pub(super) symbol: Option<u32>,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Symbols {
    /// As the metadata say. An error is what is wrong with them.
    pub(super) fn of(metadata: &Metadata) -> Result<Symbols, String> {
        let mut symbols = Symbols {
            is_raw: matches!(
                metadata.stype_in,
                Some(SType::RawSymbol | SType::InstrumentId) | None
            ),
            stype_in: metadata.stype_in,
            ..Symbols::default()
        };
        if metadata.is_inverse().is_err() {
            // The numbers of records are neither what was asked for nor what was answered.
            return Ok(symbols);
        }
        let map = TsSymbolMap::from_metadata(metadata).map_err(|error| error.to_string())?;
        let by_id: BTreeMap<_, _> = map.inner().iter().collect();
        for (id, of_id) in by_id {
            for interval in of_id.intervals() {
                let symbol = symbols.intern(&interval.symbol);
                symbols.intervals.entry(*id).or_default().push(Interval {
                    from: interval.start_ts,
                    to: interval.end_ts,
                    symbol,
                });
            }
        }
        symbols.share();
        Ok(symbols)
    }

    /// As definitions in the file say, of a file that maps nothing: (number, time, symbol). The first of a number holds since ever.
    pub(super) fn of_definitions(mut definitions: Vec<(u32, u64, String)>) -> Symbols {
        let mut symbols = Symbols {
            is_raw: true,
            ..Symbols::default()
        };
        definitions.sort();
        for (id, ts, name) in definitions {
            let symbol = symbols.intern(&name);
            let of_id = symbols.intervals.entry(id).or_default();
            let from = match of_id.last_mut() {
                Some(last) if last.symbol == symbol => continue,
                Some(last) => {
                    last.to = ts;
                    ts
                }
                None => 0,
            };
            of_id.push(Interval {
                from,
                to: u64::MAX,
                symbol,
            });
        }
        symbols.share();
        symbols
    }

    /// Finds the symbols that do not name one instrument: those that follow a rule (`ES.c.0`, `ES.FUT`) and stand for several numbers, and
    /// those that stand for two at one time.
    fn share(&mut self) {
        let mut uses: HashMap<u32, Vec<(u64, u64, u32)>> = HashMap::new();
        for (id, intervals) in &self.intervals {
            for interval in intervals {
                let of_symbol = uses.entry(interval.symbol).or_default();
                of_symbol.push((interval.from, interval.to, *id));
            }
        }
        #[expect(deprecated, reason = "old files have it")]
        let is_rule = matches!(
            self.stype_in,
            Some(SType::Continuous | SType::Parent | SType::Smart)
        );
        for (symbol, mut of_symbol) in uses {
            of_symbol.sort_unstable();
            let is_shared = if is_rule {
                of_symbol.windows(2).any(|pair| pair[0].2 != pair[1].2)
            } else {
                overlap(&of_symbol)
            };
            if is_shared {
                self.shared.insert(symbol);
            }
        }
    }

    fn intern(&mut self, name: &str) -> u32 {
        if let Some(symbol) = self.by_name.get(name) {
            return *symbol;
        }
        let symbol = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), symbol);
        symbol
    }

    /// Takes what a stream says of its symbols; whether the record was of that kind. Others change nothing.
    pub(super) fn take(&mut self, record: &RecordRef<'_>) -> bool {
        if record.header().rtype != rtype::SYMBOL_MAPPING {
            return false;
        }
        macro_rules! read {
            ($type:ty) => {
                record.try_get::<$type>().ok().and_then(|mapping| {
                    let symbol = mapping.stype_out_symbol().ok()?;
                    let id = mapping.hd.instrument_id;
                    Some((id, symbol.to_owned(), mapping.start_ts, mapping.end_ts))
                })
            };
        }
        let mapping = read!(dbn::SymbolMappingMsg).or_else(|| read!(v1::SymbolMappingMsg));
        if let Some((id, symbol, from, to)) = mapping {
            let symbol = self.intern(&symbol);
            // Without a beginning it holds from here on, as nothing was said before.
            let from = if from == u64::MAX { 0 } else { from };
            self.live.insert(id, Interval { from, to, symbol });
        }
        true
    }

    /// Whether more symbols were told than a file may have.
    pub(super) fn are_too_many(&self) -> bool {
        self.names.len() > DBN_SYMBOLS_MAX || self.live.len() > DBN_SYMBOLS_MAX
    }

    /// Whether nothing is said of any number.
    pub(super) fn is_empty(&self) -> bool {
        self.intervals.is_empty() && self.live.is_empty()
    }

    pub(super) fn name(&self, symbol: u32) -> Option<&str> {
        let at = usize::try_from(symbol).ok()?;
        self.names.get(at).map(String::as_str)
    }

    /// Whether a symbol stands for several contracts, so that its name alone is none of an instrument.
    pub(super) fn is_shared(&self, symbol: u32) -> bool {
        self.shared.contains(&symbol)
    }

    /// Whether symbols are those that definitions give to instruments.
    pub(super) fn is_raw(&self) -> bool {
        self.is_raw
    }

    pub(super) fn stype_in(&self) -> Option<SType> {
        self.stype_in
    }

    /// What a number stands for at a time.
    pub(super) fn meaning(&self, id: u32, ts: u64) -> Meaning {
        let Some(live) = self.live.get(&id) else {
            return self.listed(id, ts);
        };
        if live.from <= ts && ts < live.to {
            return Meaning {
                symbol: Some(live.symbol),
                from: live.from,
                to: live.to,
            };
        }
        let mut listed = self.listed(id, ts);
        if ts < live.from {
            listed.to = listed.to.min(live.from);
        } else {
            listed.from = listed.from.max(live.to);
        }
        listed
    }

    /// The same, by the metadata alone.
    fn listed(&self, id: u32, ts: u64) -> Meaning {
        let is_at = |interval: &Interval| interval.from <= ts && ts < interval.to;
        let intervals = self.intervals.get(&id).map_or(&[][..], Vec::as_slice);
        let next = intervals.partition_point(|interval| interval.from <= ts);
        let before = next.checked_sub(1).and_then(|at| intervals.get(at));
        match before {
            Some(interval) if is_at(interval) => Meaning {
                symbol: Some(interval.symbol),
                from: interval.from,
                to: interval.to,
            },
            before => Meaning {
                symbol: None,
                from: before.map_or(0, |interval| interval.to),
                to: intervals.get(next).map_or(u64::MAX, |next| next.from),
            },
        }
    }
}

/// Whether two of these overlap that are of different numbers; they are sorted.
fn overlap(uses: &[(u64, u64, u32)]) -> bool {
    // The latest end so far, and the latest of another number than that one's.
    let mut latest: Option<(u64, u32)> = None;
    let mut of_others = 0;
    for (from, to, id) in uses {
        let before = match latest {
            Some((end, of)) if of != *id => end,
            _ => of_others,
        };
        if before > *from {
            return true;
        }
        match latest {
            Some((end, of)) if of == *id => latest = Some((end.max(*to), of)),
            Some((end, _)) if end >= *to => of_others = of_others.max(*to),
            other => {
                of_others = of_others.max(other.map_or(0, |(end, _)| end));
                latest = Some((*to, *id));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbn::record::ts_to_dt;
    use dbn::{MappingInterval, Schema, SymbolMapping};

    const DAY: u64 = 86_400_000_000_000;

    type Mapping<'a> = (&'a str, &'a [(u8, u8, u32)]);

    /// Mappings of symbols to (first day, day after the last, number), in days of January 1970.
    fn symbols(stype_in: SType, mappings: &[Mapping<'_>]) -> Symbols {
        let day = |day: u8| ts_to_dt(u64::from(day) * DAY).unwrap().date();
        let mapping = |(symbol, intervals): &Mapping<'_>| SymbolMapping {
            raw_symbol: (*symbol).to_owned(),
            intervals: intervals
                .iter()
                .map(|(from, to, id)| MappingInterval {
                    start_date: day(*from),
                    end_date: day(*to),
                    symbol: id.to_string(),
                })
                .collect(),
        };
        let metadata = Metadata::builder()
            .dataset("GLBX.MDP3")
            .schema(Some(Schema::Trades))
            .start(0)
            .stype_in(Some(stype_in))
            .stype_out(SType::InstrumentId)
            .mappings(mappings.iter().map(mapping).collect())
            .build();
        Symbols::of(&metadata).unwrap()
    }

    fn at(symbols: &Symbols, id: u32, ts: u64) -> Option<&str> {
        symbols.name(symbols.meaning(id, ts).symbol?)
    }

    #[test]
    fn a_number_stands_for_what_its_interval_says() {
        let symbols = symbols(
            SType::RawSymbol,
            &[
                ("A", &[(1, 2, 7), (4, 6, 7)]),
                ("B", &[(2, 3, 7), (1, 6, 8)]),
            ],
        );
        let days = [None, Some("A"), Some("B"), None, Some("A"), Some("A"), None];
        for (day, expected) in (0..).zip(days) {
            assert_eq!(at(&symbols, 7, day * DAY), expected, "day {day}");
            assert_eq!(at(&symbols, 7, (day + 1) * DAY - 1), expected, "day {day}");
        }
        assert_eq!(at(&symbols, 9, DAY), None);
        let gap = symbols.meaning(7, 3 * DAY + 5);
        assert_eq!((gap.from, gap.to), (3 * DAY, 4 * DAY));
        // B stands for 7 and for 8 on one day.
        assert!(symbols.is_shared(1) && !symbols.is_shared(0));
    }

    #[test]
    fn a_symbol_that_follows_a_rule_is_shared_by_its_contracts() {
        let rolls: &[Mapping<'_>] = &[("ES.c.0", &[(1, 2, 7), (2, 3, 8)])];
        assert!(symbols(SType::Continuous, rolls).is_shared(0));
        // The number of a share changes from day to day, and it stays what it is.
        assert!(!symbols(SType::RawSymbol, rolls).is_shared(0));
        let one: &[Mapping<'_>] = &[("ES.c.0", &[(1, 2, 7), (3, 4, 7)])];
        assert!(!symbols(SType::Continuous, one).is_shared(0));
    }

    #[test]
    fn definitions_say_what_numbers_stand_for_where_nothing_else_does() {
        let told = [(7, 50, "B"), (7, 20, "A"), (7, 30, "A"), (8, 10, "C")];
        let told = told.map(|(id, ts, name): (u32, u64, &str)| (id, ts, name.to_owned()));
        let symbols = Symbols::of_definitions(told.to_vec());
        for (ts, expected) in [(0, "A"), (49, "A"), (50, "B"), (u64::MAX - 1, "B")] {
            assert_eq!(at(&symbols, 7, ts), Some(expected), "{ts}");
        }
        assert_eq!(at(&symbols, 8, 0), Some("C"));
        assert_eq!(at(&symbols, 9, 0), None);
    }

    #[test]
    fn what_overlaps_is_found_wherever_it_stands() {
        assert!(overlap(&[(0, 9, 1), (1, 2, 1), (3, 4, 2)]));
        assert!(overlap(&[(0, 5, 1), (5, 20, 2), (6, 7, 2), (19, 30, 3)]));
        assert!(!overlap(&[(0, 5, 1), (1, 9, 1), (9, 12, 2), (12, 13, 1)]));
    }
}
