//! Which records to read, and what to say if there are none. Pure.

use super::file_meta::FileMeta;
use super::{Range, Table};
use crate::{CatalogError, Definitions};
use std::collections::BTreeMap;
use tickloom_types::{BarSpec, DurationNs, Ts, some_of};

/// Which records to read. Empty lists select all.
///
/// A time range holds what happened from `from` on and before `to`. A bar lies before its stamp, so bars are selected that
/// close after `from` and at or before `to`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanQuery {
    /// Names of instruments. Records without one, such as timers, always come with them.
    pub instruments: Vec<String>,
    /// Tables; all inputs if empty.
    pub tables: Vec<Table>,
    /// Sizes of bars.
    pub bars: Vec<BarSpec>,
    /// The size of bars of instruments of which another is wanted than [`ScanQuery::bars`], by name: this and no other.
    pub bars_of: BTreeMap<String, BarSpec>,
    /// Names of runs and imports.
    pub runs: Vec<String>,
    /// Earliest time.
    pub from: Option<Ts>,
    /// Time before which to end.
    pub to: Option<Ts>,
    /// Bytes of memory that reading may take, the catalog's cache included; as much as is fastest if there is no limit.
    pub memory_max: Option<u64>,
    /// By name of an instrument: at least how many decimals its sizes get, if its lot is not known ([`finer_sizes`](crate::finer_sizes)).
    pub qty_decimals: BTreeMap<String, u8>,
    /// What is said of instruments before all that the catalog says.
    pub definitions: Option<std::sync::Arc<Definitions>>,
    /// Time from the venue to arrival of sources whose arrival is not known, instead of what was declared at import.
    pub feed_latency: Option<DurationNs>,
}

impl ScanQuery {
    /// Whether rows of a table are wanted.
    #[must_use]
    pub fn wants_table(&self, table: Table) -> bool {
        if self.tables.is_empty() {
            !table.is_output()
        } else {
            self.tables.contains(&table)
        }
    }

    /// Times of wanted records, inclusive; `None` if there can be none.
    #[must_use]
    pub fn times(&self, table: Table) -> Option<(i64, i64)> {
        let (mut from, mut to) = (i64::MIN, i64::MAX);
        if let Some(ts) = self.from {
            from = ts.0.checked_add(i64::from(table.is_bars()))?;
        }
        if let Some(ts) = self.to {
            to = ts.0.checked_sub(i64::from(!table.is_bars()))?;
        }
        (from <= to).then_some((from, to))
    }

    /// Whether a record of this table, instrument, bar size and time is wanted.
    #[must_use]
    pub fn wants_record(
        &self,
        table: Table,
        instrument: Option<&String>,
        bar: Option<BarSpec>,
        ts: Ts,
    ) -> bool {
        self.wants_table(table)
            && self.wants_instrument(instrument)
            && self.wants_bar(instrument, bar)
            && self
                .times(table)
                .is_some_and(|(from, to)| (from..=to).contains(&ts.0))
    }

    /// Whether records of an instrument are wanted, or of none.
    #[must_use]
    pub fn wants_instrument(&self, name: Option<&String>) -> bool {
        self.instruments.is_empty() || name.is_none_or(|name| self.instruments.contains(name))
    }

    /// Whether bars of a size of this instrument are wanted, or records that are no bars.
    #[must_use]
    pub fn wants_bar(&self, instrument: Option<&String>, bar: Option<BarSpec>) -> bool {
        let Some(bar) = bar else {
            return true;
        };
        match instrument.and_then(|name| self.bars_of.get(name)) {
            Some(own) => *own == bar,
            None => self.bars.is_empty() || self.bars.contains(&bar),
        }
    }

    /// Whether a file may have wanted records.
    pub(crate) fn wants(&self, meta: &FileMeta) -> bool {
        let name = meta.instrument.as_ref().map(|def| &def.name);
        let in_time = self
            .times(meta.table)
            .is_some_and(|(from, to)| meta.ts_min.0 <= to && meta.ts_max.0 >= from);
        in_time
            && self.wants_table(meta.table)
            && self.wants_instrument(name)
            && self.wants_bar(name, meta.bar)
    }

    /// What is asked for, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let list = |names: Vec<String>, all: &str| {
            if names.is_empty() {
                all.to_owned()
            } else {
                some_of(names)
            }
        };
        let tables = self.tables.iter().map(ToString::to_string).collect();
        let bars: Vec<String> = self.bars.iter().map(ToString::to_string).collect();
        let mut text = list(tables, "records");
        if !bars.is_empty() {
            text = format!("{text} of size {}", bars.join(", "));
        }
        if !self.bars_of.is_empty() {
            let others = self.bars_of.iter();
            text = format!(
                "{text} ({})",
                some_of(others.map(|(name, size)| format!("{size} of {name}")))
            );
        }
        text = format!(
            "{text} of {}",
            list(self.instruments.clone(), "any instrument")
        );
        if let Some(from) = self.from {
            text = format!("{text} from {from}");
        }
        if let Some(to) = self.to {
            text = format!("{text} to {to}");
        }
        text
    }
}

/// The error for a query that selects nothing: what there is instead, nearest in time.
#[must_use]
pub fn empty(query: &ScanQuery, ranges: &[Range]) -> CatalogError {
    let named = |range: &&Range| {
        query.instruments.is_empty()
            || range
                .instrument
                .as_ref()
                .is_some_and(|name| query.instruments.contains(name))
    };
    let distance = |range: &&Range| {
        let from = query.from.map_or(i128::MIN, |ts| i128::from(ts.0));
        let to = query.to.map_or(i128::MAX, |ts| i128::from(ts.0));
        let wanted = query.wants_table(range.table);
        let gap = (i128::from(range.from.0).saturating_sub(to))
            .max(from.saturating_sub(i128::from(range.to.0)));
        (!wanted, gap.max(0))
    };
    let nearest = match ranges.iter().filter(named).min_by_key(distance) {
        Some(range) => format!(
            "the nearest are {}{} of {} from {} to {}",
            range.table,
            range
                .bar
                .map_or(String::new(), |bar| format!(" of size {bar}")),
            range.instrument.as_deref().unwrap_or("no instrument"),
            range.from,
            range.to
        ),
        None => {
            let mut names: Vec<&str> = ranges
                .iter()
                .filter_map(|r| r.instrument.as_deref())
                .collect();
            names.dedup();
            names.sort_unstable();
            names.dedup();
            if names.is_empty() {
                "the catalog is empty".to_owned()
            } else {
                format!("the catalog has {}", some_of(names))
            }
        }
    };
    CatalogError::Empty {
        asked: query.describe(),
        nearest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instrument_may_have_a_size_of_its_own() {
        let size = |text: &str| text.parse::<BarSpec>().unwrap();
        let query = |bars: &[&str]| ScanQuery {
            bars: bars.iter().map(|text| size(text)).collect(),
            bars_of: BTreeMap::from([("A".to_owned(), size("1h"))]),
            ..ScanQuery::default()
        };
        let check = |query: &ScanQuery, name: &str, wanted: [bool; 3]| {
            let found = ["1h", "1d", "1w"].map(|text| {
                let bar = Some(size(text));
                query.wants_bar(Some(&name.to_owned()), bar)
            });
            assert_eq!(found, wanted, "{name} {query:?}");
            assert!(query.wants_bar(Some(&name.to_owned()), None));
        };
        check(&query(&[]), "A", [true, false, false]);
        check(&query(&[]), "B", [true; 3]);
        check(&query(&["1d"]), "A", [true, false, false]);
        check(&query(&["1d"]), "B", [false, true, false]);
    }
}
