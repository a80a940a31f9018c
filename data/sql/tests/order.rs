//! `first`, `last` and as-of joins go by time, run and sequence, in whatever order the files have their rows; and rows that are in
//! that order already are not sorted.

#![cfg(test)]

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use tickloom_catalog::{Catalog, RunWriter};
use tickloom_journal::RunMeta;
use tickloom_sql::{Format, Session};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, SourceDef, SourceId, SourceKind,
    TradeBody, Ts,
};

const NAMES: [&str; 2] = ["test.A", "test.B"];
const SECOND: u64 = 1_000_000_000;
/// Seconds in a bucket.
const BUCKET: u64 = 10;

/// A trade; its price is a number that no other has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    second: u64,
    run: usize,
    seq: u64,
    instrument: usize,
    price: u64,
}

/// Runs of parts of trades, of each the second and the instrument.
type Runs = Vec<Vec<Vec<(u64, usize)>>>;

fn any_runs() -> impl Strategy<Value = Runs> {
    let trade = (0..40_u64, 0..2_usize);
    let part = prop::collection::vec(trade, 1..6);
    prop::collection::vec(prop::collection::vec(part, 1..4), 1..4)
}

/// The same with times that do not go back, neither in a run nor from one to the next.
fn in_order(mut runs: Runs) -> Runs {
    let mut seconds: Vec<u64> = runs.iter().flatten().flatten().map(|row| row.0).collect();
    seconds.sort_unstable();
    let mut next = seconds.into_iter();
    for run in &mut runs {
        for row in run.iter_mut().flatten() {
            row.0 = next.next().unwrap();
        }
    }
    runs
}

fn meta(run: usize) -> RunMeta {
    let mut instruments = Instruments::new();
    for name in NAMES {
        let def = InstrumentDef::new(name, 0, 0, "USD");
        instruments.add(def).unwrap();
    }
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    RunMeta::new(&format!("run-{run}"), Ts(0), instruments).unwrap()
}

/// Writes a catalog; gives its rows.
fn write(path: &Path, runs: &Runs) -> (Catalog, Vec<Row>) {
    let catalog = Catalog::create(path).unwrap();
    let mut rows = Vec::new();
    for (run, parts) in runs.iter().enumerate() {
        let mut seq = 0;
        for (number, part) in parts.iter().enumerate() {
            let number = u32::try_from(number).unwrap();
            let mut writer = catalog.writer(&meta(run), number, "test").unwrap();
            for &(second, instrument) in part {
                let row = Row {
                    second,
                    run,
                    seq,
                    instrument,
                    price: rows.len() as u64 + 1,
                };
                push(&mut writer, &row);
                rows.push(row);
                seq += 1;
            }
            writer.finish().unwrap();
        }
    }
    rows.sort();
    (catalog, rows)
}

fn push(writer: &mut RunWriter, row: &Row) {
    let ts = Ts(i64::try_from(row.second * SECOND).unwrap());
    let instrument = InstrumentId(u32::try_from(row.instrument).unwrap());
    let header = Header::new(Kind::Trade, instrument, SourceId(0), ts, ts);
    let body = TradeBody {
        price: i64::try_from(row.price).unwrap(),
        qty: 1,
        ..TradeBody::default()
    };
    writer.push(row.seq, &body.record(header)).unwrap();
}

fn lines(session: &Session, statement: &str) -> Vec<String> {
    let mut csv = Vec::new();
    let answer = session.run(statement).unwrap();
    answer.write(Format::Csv, &mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    csv.lines().skip(1).map(str::to_owned).collect()
}

/// First, last and number of the rows with the same key, which are in order, by key.
fn bars<K: Ord>(
    rows: &[Row],
    key: impl Fn(&Row) -> K,
    label: impl Fn(&K) -> String,
) -> Vec<String> {
    let mut groups: BTreeMap<K, Vec<u64>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().push(row.price);
    }
    let bar = |(key, prices): (&K, &Vec<u64>)| {
        let (first, last) = (prices[0], prices[prices.len() - 1]);
        format!("{}{first},{last},{}", label(key), prices.len())
    };
    groups.iter().map(bar).collect()
}

fn check(runs: &Runs) {
    let dir = tempfile::tempdir().unwrap();
    let (catalog, rows) = write(dir.path(), runs);
    let session = Session::new(catalog, None);

    let whole = "select first(price), last(price), count(price) from trades sample by 10s";
    let key = |row: &Row| row.second / BUCKET;
    assert_eq!(lines(&session, whole), bars(&rows, key, |_| String::new()));

    let by_instrument = "select instrument, first(price), last(price), count(price) from trades \
        sample by 10s order by instrument, ts_event";
    let key = |row: &Row| (row.instrument, row.second / BUCKET);
    let label = |key: &(usize, u64)| format!("{},", NAMES[key.0]);
    assert_eq!(lines(&session, by_instrument), bars(&rows, key, label));

    let latest = |row: &Row| {
        let is_before =
            |other: &&Row| other.instrument == row.instrument && other.second <= row.second;
        rows.iter().rfind(is_before).unwrap().price
    };
    let joined = "select a.price, b.price from trades a asof join trades b on (instrument)";
    let mut expected: Vec<(u64, u64)> = rows.iter().map(|row| (row.price, latest(row))).collect();
    expected.sort_unstable();
    let expected: Vec<String> = expected.iter().map(|(a, b)| format!("{a},{b}")).collect();
    let ordered = format!("{joined} order by a.price");
    assert_eq!(lines(&session, &ordered), expected);

    // The order is that of the rows on the left.
    let of_joined = format!(
        "{} sample by 10s",
        joined.replace("a.price, b.price", "last(a.price), last(b.price)")
    );
    let mut last: BTreeMap<u64, String> = BTreeMap::new();
    for row in &rows {
        let pair = format!("{},{}", row.price, latest(row));
        last.insert(row.second / BUCKET, pair);
    }
    let expected: Vec<String> = last.into_values().collect();
    assert_eq!(lines(&session, &of_joined), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn first_last_and_latest_go_by_time_run_and_sequence(runs in any_runs()) {
        check(&runs);
        check(&in_order(runs));
    }
}

#[test]
fn what_is_in_order_is_not_sorted() {
    let sorts = |runs: &Runs, statement: &str| {
        let dir = tempfile::tempdir().unwrap();
        let (catalog, _) = write(dir.path(), runs);
        let plan = lines(
            &Session::new(catalog, None),
            &format!("explain {statement}"),
        );
        plan.iter().filter(|line| line.contains("SORT BY")).count()
    };
    let whole = "select last(price) from trades sample by 10s order by 1";
    let each = "select instrument, last(price) from trades sample by 10s order by 1";
    let asof = "select b.price from trades a asof join trades b on (instrument)";
    // One is the statement's own.
    for (case, runs, expected) in [
        (
            "one instrument",
            vec![vec![vec![(1, 0), (2, 0)], vec![(2, 0), (3, 0)]]],
            [1, 1, 0],
        ),
        (
            "two instruments",
            vec![vec![vec![(1, 0), (2, 1)], vec![(2, 0), (3, 1)]]],
            [2, 1, 1],
        ),
        (
            "runs one after the other",
            vec![vec![vec![(1, 0)]], vec![vec![(2, 0)]]],
            [1, 1, 0],
        ),
        (
            "runs that meet",
            vec![vec![vec![(1, 0)]], vec![vec![(1, 0)]]],
            [2, 2, 2],
        ),
        (
            "a time that goes back",
            vec![vec![vec![(2, 0), (1, 0)]]],
            [2, 2, 2],
        ),
        (
            "a part that goes back",
            vec![vec![vec![(2, 0)], vec![(1, 0)]]],
            [1, 1, 0],
        ),
    ] {
        let found = [whole, each, asof].map(|statement| sorts(&runs, statement));
        assert_eq!(found, expected, "{case}");
    }
}
