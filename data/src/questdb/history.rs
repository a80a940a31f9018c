//! The way back: what the server has, and which pages of rows a scan of it reads. The query means the same as for the catalog.

use super::QuestDbAddress;
use super::merge::{QuestDbScan, RunMerge};
use super::page::{Page, PageReader, Shape, Span};
use super::sink::{is_ours, parse_run};
use super::sql::{Sql, quote, text};
use super::tables::RUNS;
use crate::Result;
use crate::limits::{PAGE_ROWS, PAGE_SPAN_ROWS_MAX};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tickloom_catalog::{HELD, NUMBER, NUMBER_BEFORE, Spans, empty, name_all, unite_where_possible};
use tickloom_catalog::{Range, ScanQuery, Table};
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, DurationNs, InstrumentDef, Instruments, SourceDef, Ts};

/// History on a QuestDB server.
pub struct QuestDb {
    sql: Arc<Sql>,
}

/// What there is of one run and instrument in one table.
struct Extent {
    table: Table,
    run: String,
    instrument: Option<String>,
    bar: Option<BarSpec>,
    from: i64,
    to: i64,
    rows: u64,
}

impl QuestDb {
    /// Asks for the server.
    ///
    /// # Errors
    /// [`crate::DataError::QuestDb`] if it does not answer, or has none of our tables.
    pub fn connect(address: &QuestDbAddress) -> Result<QuestDb> {
        let sql = Arc::new(Sql::new(address));
        let found = sql.exec(&format!(
            "SELECT table_name FROM tables() WHERE table_name = '{RUNS}'"
        ))?;
        if found.is_empty() {
            return Err(sql.error("it has no table `runs`: nothing was sent to it yet"));
        }
        Ok(QuestDb { sql })
    }

    /// Our tables of which the server has confirmed rows that it has not put into them: history from them is not whole yet.
    ///
    /// # Errors
    /// [`crate::DataError::QuestDb`].
    pub fn unapplied(&self) -> Result<Vec<String>> {
        let rows = self
            .sql
            .exec("SELECT name FROM wal_tables() WHERE writerTxn < sequencerTxn")?;
        let names = rows.iter().map(|row| text(row.first()));
        let ours = names.filter(|name| is_ours(name));
        Ok(ours.map(str::to_owned).collect())
    }

    /// All runs and imports, by name.
    ///
    /// # Errors
    /// [`crate::DataError::QuestDb`].
    pub fn runs(&self) -> Result<Vec<RunMeta>> {
        let rows = self.sql.exec(&format!(
            "SELECT meta, run FROM \"{RUNS}\" ORDER BY ts_event"
        ))?;
        let mut runs = BTreeMap::new();
        for row in &rows {
            let run = parse_run(&self.sql, row.first())?;
            runs.entry(run.run.clone()).or_insert(run);
        }
        Ok(runs.into_values().collect())
    }

    /// What inputs there are, by table, instrument and bar size.
    ///
    /// # Errors
    /// [`crate::DataError::QuestDb`].
    pub fn ranges(&self) -> Result<Vec<Range>> {
        let mut ranges: BTreeMap<_, Range> = BTreeMap::new();
        for extent in self.extents(&ScanQuery::default())? {
            let key = (extent.table, extent.instrument.clone(), extent.bar);
            let range = ranges.entry(key).or_insert(Range {
                table: extent.table,
                instrument: extent.instrument,
                bar: extent.bar,
                from: Ts(extent.from),
                to: Ts(extent.to),
                rows: 0,
            });
            range.from = range.from.min(Ts(extent.from));
            range.to = range.to.max(Ts(extent.to));
            range.rows += extent.rows;
        }
        Ok(ranges.into_values().collect())
    }

    /// All instruments that have data, in the order of their names.
    ///
    /// # Errors
    /// As [`crate::Catalog::instruments`].
    pub fn instruments(&self) -> Result<Instruments> {
        let extents = self.extents(&ScanQuery::default())?;
        let metas = self.runs()?;
        let definitions = definitions(&metas, &extents).cloned().collect();
        Ok(unite_where_possible(definitions)?)
    }

    /// Reads records in order; see [`ScanQuery`].
    ///
    /// # Errors
    /// [`tickloom_catalog::CatalogError::Empty`], with the nearest data there is, if nothing is selected; otherwise as [`crate::Catalog::scan`].
    pub fn scan(&self, query: &ScanQuery) -> Result<QuestDbScan> {
        let mut extents = self.extents(query)?;
        if !query.instruments.is_empty() {
            let named: BTreeSet<String> = extents
                .iter()
                .filter(|extent| extent.instrument.is_some())
                .map(|extent| extent.run.clone())
                .collect();
            extents.retain(|extent| named.contains(&extent.run));
        }
        if extents.is_empty() {
            return Err(empty(query, &self.ranges()?).into());
        }
        let runs: BTreeSet<&str> = extents.iter().map(|extent| extent.run.as_str()).collect();
        let mut metas = self.runs()?;
        metas.retain(|meta| runs.contains(meta.run.as_str()));
        metas.sort_by_cached_key(RunMeta::place);
        if metas.len() < runs.len() {
            return Err(self.sql.error("a run has rows but none in table runs"));
        }
        let instruments = instruments(query, &metas, &extents)?;
        let shared = Arc::new(instruments.clone());
        let mut merges = Vec::new();
        for meta in &metas {
            let own: BTreeSet<Table> = extents
                .iter()
                .filter(|extent| extent.run == meta.run)
                .map(|extent| extent.table)
                .collect();
            let sources = Arc::new(sources_of(meta, &shared, query.feed_latency));
            let mut pages = Vec::new();
            for table in own {
                let names = (Arc::clone(&shared), Arc::clone(&sources));
                pages.extend(self.pages(table, &meta.run, query, &names)?);
            }
            merges.push(RunMerge::new(pages));
        }
        let rows_max = extents.iter().map(|extent| extent.rows).sum();
        Ok(QuestDbScan::new(instruments, rows_max, merges))
    }

    fn extents(&self, query: &ScanQuery) -> Result<Vec<Extent>> {
        let there = self.sql.exec("SELECT table_name FROM tables()")?;
        let there: BTreeSet<&str> = there.iter().map(|row| text(row.first())).collect();
        let mut extents = Vec::new();
        for table in Table::ALL {
            let Some(filter) = filter(*table, query) else {
                continue;
            };
            if !there.contains(table.name()) {
                continue;
            }
            let bar = if table.is_bars() { ", bar_spec" } else { "" };
            let rows = self.sql.exec(&format!(
                "SELECT run, instrument, CAST(min(ts_event) AS LONG), CAST(max(ts_event) AS LONG), count(){bar} \
                 FROM \"{table}\"{filter} GROUP BY run, instrument{bar}"
            ))?;
            for row in &rows {
                extents.push(self.extent(*table, row)?);
            }
        }
        Ok(extents)
    }

    fn extent(&self, table: Table, row: &[Value]) -> Result<Extent> {
        let number = |at: usize| row.get(at).and_then(Value::as_i64);
        let bar = row.get(5).and_then(Value::as_str);
        let parsed = bar.map(str::parse::<BarSpec>).transpose();
        let (Some(from), Some(to), Some(rows), Ok(bar)) = (number(2), number(3), number(4), parsed)
        else {
            return Err(self
                .sql
                .error(format!("table {table} has a row that is not ours")));
        };
        Ok(Extent {
            table,
            run: text(row.first()).to_owned(),
            instrument: row.get(1).and_then(Value::as_str).map(str::to_owned),
            bar,
            from,
            to,
            rows: rows.unsigned_abs(),
        })
    }

    /// The pages of one run in one table, each a span of time with a bounded number of rows.
    fn pages(
        &self,
        table: Table,
        run: &str,
        query: &ScanQuery,
        (instruments, sources): &(Arc<Instruments>, Arc<Vec<SourceDef>>),
    ) -> Result<Vec<PageReader>> {
        let Some(filter) = filter(table, query) else {
            return Ok(Vec::new());
        };
        let and = if filter.is_empty() { " WHERE" } else { " AND" };
        let filter = format!("{filter}{and} run = {}", quote(run));
        let mut spans = Vec::new();
        for day in self.spans(table, &filter, Unit::Day)? {
            if day.rows <= PAGE_SPAN_ROWS_MAX {
                spans.push(day);
                continue;
            }
            let of_day = format!("{filter} AND ts_event BETWEEN {} AND {}", day.from, day.to);
            spans.extend(self.spans(table, &of_day, Unit::Minute)?);
        }
        let shape = self.shape(table)?;
        let page = |span| {
            PageReader::new(
                Arc::clone(&self.sql),
                Page {
                    table,
                    filter: filter.clone(),
                    span,
                    instruments: Arc::clone(instruments),
                    sources: Arc::clone(sources),
                    shape,
                },
            )
        };
        Ok(join(spans).into_iter().map(page).collect())
    }

    /// In what a table that was made by an earlier version differs.
    fn shape(&self, table: Table) -> Result<Shape> {
        let columns = self.sql.exec(&format!("SHOW COLUMNS FROM \"{table}\""))?;
        let has = |name: &str| columns.iter().any(|row| text(row.first()) == name);
        Ok(Shape {
            has_places: has(HELD),
            number: match has(NUMBER_BEFORE) {
                true => NUMBER_BEFORE,
                false => NUMBER,
            },
        })
    }

    fn spans(&self, table: Table, filter: &str, unit: Unit) -> Result<Vec<Span>> {
        let (letter, length) = unit.parts();
        let rows = self.sql.exec(&format!(
            "SELECT CAST(timestamp_floor('{letter}', ts_event) AS LONG) AS at, count(), min(seq) FROM \"{table}\"{filter} \
             GROUP BY at ORDER BY at"
        ))?;
        let span = |row: &Vec<Value>| {
            let number = |at: usize| row.get(at).and_then(Value::as_i64);
            let from = number(0)?;
            Some(Span {
                from,
                to: from.saturating_add(length - 1),
                rows: number(1)?.unsigned_abs(),
                first_seq: number(2)?.unsigned_abs(),
            })
        };
        let spans: Option<Vec<Span>> = rows.iter().map(span).collect();
        spans.ok_or_else(|| self.sql.error("an answer that is not as asked for"))
    }
}

/// Lengths in which time is cut.
#[derive(Clone, Copy)]
enum Unit {
    Day,
    Minute,
}

impl Unit {
    /// The server's letter for it, and its nanoseconds.
    fn parts(self) -> (char, i64) {
        match self {
            Unit::Day => ('d', 86_400_000_000_000),
            Unit::Minute => ('m', 60_000_000_000),
        }
    }
}

/// Joins neighbours as long as their rows fit on a page together: few rows over many years are few questions.
fn join(spans: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if last.rows + span.rows <= PAGE_ROWS => {
                last.to = span.to;
                last.rows += span.rows;
                last.first_seq = last.first_seq.min(span.first_seq);
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// The condition for wanted rows, beginning with ` WHERE`; empty for all, `None` for no row at all.
fn filter(table: Table, query: &ScanQuery) -> Option<String> {
    if !query.wants_table(table) {
        return None;
    }
    let (from, to) = query.times(table)?;
    let mut conditions = Vec::new();
    if query.from.is_some() || query.to.is_some() {
        // The server has no time before 1970.
        let from = from.max(0);
        if to < from {
            return None;
        }
        conditions.push(format!("ts_event BETWEEN {from} AND {to}"));
    }
    if !query.instruments.is_empty() {
        let names = list(query.instruments.clone());
        conditions.push(format!("(instrument IN ({names}) OR instrument IS NULL)"));
    }
    if table.is_bars() {
        conditions.extend(of_sizes(query));
    }
    if !query.runs.is_empty() {
        conditions.push(format!("run IN ({})", list(query.runs.clone())));
    }
    if conditions.is_empty() {
        return Some(String::new());
    }
    Some(format!(" WHERE {}", conditions.join(" AND ")))
}

/// The condition for bars of wanted sizes; `None` for all.
fn of_sizes(query: &ScanQuery) -> Option<String> {
    let of = |sizes: &[BarSpec]| {
        let sizes = list(sizes.iter().map(ToString::to_string).collect());
        format!("(bar_spec IN ({sizes}) OR bar_spec IS NULL)")
    };
    if query.bars_of.is_empty() {
        return (!query.bars.is_empty()).then(|| of(&query.bars));
    }
    let mut by_size: BTreeMap<BarSpec, Vec<String>> = BTreeMap::new();
    for (name, size) in &query.bars_of {
        by_size.entry(*size).or_default().push(name.clone());
    }
    let named = by_size.into_iter();
    let mut cases: Vec<String> = named
        .map(|(size, names)| format!("(instrument IN ({}) AND {})", list(names), of(&[size])))
        .collect();
    let names = list(query.bars_of.keys().cloned().collect());
    let others = format!("(instrument NOT IN ({names}) OR instrument IS NULL)");
    cases.push(match query.bars.is_empty() {
        true => others,
        false => format!("({others} AND {})", of(&query.bars)),
    });
    Some(format!("({})", cases.join(" OR ")))
}

/// Words of a statement, quoted.
fn list(words: Vec<String>) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    quoted.join(", ")
}

/// Definitions of the instruments that have data.
fn definitions<'a>(
    metas: &'a [RunMeta],
    extents: &'a [Extent],
) -> impl Iterator<Item = &'a InstrumentDef> {
    extents.iter().filter_map(|extent| {
        let meta = metas.iter().find(|meta| meta.run == extent.run)?;
        let (_, def) = meta.instruments.find(extent.instrument.as_ref()?)?;
        Some(def)
    })
}

/// The instruments of what is read, with what is said of them.
fn instruments(query: &ScanQuery, metas: &[RunMeta], extents: &[Extent]) -> Result<Instruments> {
    let said = query.definitions.as_deref().cloned().unwrap_or_default();
    let mut spans = Spans::default();
    for extent in extents {
        if let Some(name) = &extent.instrument {
            let within = (Ts(extent.from), Ts(extent.to));
            spans.widen(name, within, extent.table.is_bars());
        }
    }
    let definitions = definitions(metas, extents);
    Ok(name_all(&said, &spans, metas, definitions)?)
}

/// The sources of a run by the identifiers of `all`, with the feed latency that a query declares.
fn sources_of(meta: &RunMeta, all: &Instruments, latency: Option<DurationNs>) -> Vec<SourceDef> {
    let own = |known: &SourceDef| {
        let mut sources = meta.instruments.sources().iter();
        let own = sources
            .find(|source| source.name == known.name)
            .unwrap_or(known);
        match latency {
            Some(latency) => own.clone().with_feed_latency(latency),
            None => own.clone(),
        }
    };
    all.sources().iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_of_many_days_are_one_page() {
        let span = |from, rows| Span {
            from,
            to: from + 9,
            rows,
            first_seq: 0,
        };
        let spans = vec![span(0, 10), span(10, 20), span(30, PAGE_ROWS), span(40, 1)];
        let joined = join(spans);
        assert_eq!(
            joined
                .iter()
                .map(|s| (s.from, s.to, s.rows))
                .collect::<Vec<_>>(),
            [(0, 19, 30), (30, 39, PAGE_ROWS), (40, 49, 1)]
        );
    }

    #[test]
    fn a_size_of_some_instruments_is_a_condition() {
        let size = |text: &str| text.parse::<BarSpec>().unwrap();
        let check = |bars: &[&str], expected: &str| {
            let query = ScanQuery {
                bars: bars.iter().map(|text| size(text)).collect(),
                bars_of: BTreeMap::from([("A".to_owned(), size("1h"))]),
                ..ScanQuery::default()
            };
            assert_eq!(filter(Table::Bars, &query).unwrap(), expected);
            assert_eq!(filter(Table::Trades, &query).unwrap(), "");
        };
        let of_a = "(instrument IN ('A') AND (bar_spec IN ('1h') OR bar_spec IS NULL))";
        let others = "(instrument NOT IN ('A') OR instrument IS NULL)";
        check(&[], &format!(" WHERE ({of_a} OR {others})"));
        let of_size = "(bar_spec IN ('1d') OR bar_spec IS NULL)";
        check(
            &["1d"],
            &format!(" WHERE ({of_a} OR ({others} AND {of_size}))"),
        );
    }

    #[test]
    fn a_query_is_a_condition() {
        let query = ScanQuery {
            instruments: vec!["it's".to_owned()],
            runs: vec!["r".to_owned()],
            from: Some(Ts(-5)),
            to: Some(Ts(10)),
            ..ScanQuery::default()
        };
        assert_eq!(
            filter(Table::Trades, &query).unwrap(),
            " WHERE ts_event BETWEEN 0 AND 9 AND (instrument IN ('it''s') OR instrument IS NULL) AND run IN ('r')"
        );
        assert_eq!(filter(Table::Signals, &query), None);
        assert_eq!(filter(Table::Trades, &ScanQuery::default()).unwrap(), "");
    }
}
