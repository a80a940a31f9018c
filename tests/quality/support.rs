//! Real records to work on, catalogs made of them, and what the binary says of those.

use crate::cli::tickloom;
use serde_json::Value;
use std::io::BufRead;
use std::path::Path;
use tickloom_data::{Catalog, open_text};
use tickloom_feeds::capture::{CaptureConfig, decode_captures};
use tickloom_feeds::samples::samples;
use tickloom_journal::RunMeta;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, QuoteBody, Record, SourceDef, SourceId,
    SourceKind, Ts, parse_decimal,
};

/// By how much the recorder of the sample was behind the venue, and a usual delay: with both added its clock is right.
pub(crate) const RECORDER_LAG: i64 = 1_290_000_000;

/// 85 seconds of a perpetual's trades, quotes and book, as recorded.
pub(crate) fn recorded() -> (Vec<Record>, Instruments) {
    let [_, usdm] = samples();
    let mut instruments = Instruments::new();
    let mut records: Vec<Record> = Vec::new();
    let captures = [usdm.capture];
    let config = CaptureConfig::default();
    decode_captures(&captures, &config, &mut instruments, &mut records).unwrap();
    (records, instruments)
}

/// Writes records as one run of a catalog.
pub(crate) fn write(
    dir: &Path,
    run: &str,
    records: &[Record],
    instruments: &Instruments,
) -> String {
    let catalog = Catalog::create(dir).unwrap();
    let meta = RunMeta::new(run, Ts(0), instruments.clone()).unwrap();
    let mut writer = catalog.writer(&meta, 0, "test").unwrap();
    for (seq, record) in (0..).zip(records) {
        writer.push(seq, record).unwrap();
    }
    writer.finish().unwrap();
    dir.display().to_string()
}

/// What a row of the ledger says, without its evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) from: i64,
    pub(crate) kind: &'static str,
    pub(crate) table: &'static str,
    pub(crate) to: i64,
    pub(crate) count: u64,
}

impl Row {
    pub(crate) fn new(
        kind: &'static str,
        table: &'static str,
        from: i64,
        to: i64,
        count: u64,
    ) -> Row {
        Row {
            from,
            kind,
            table,
            to,
            count,
        }
    }
}

/// The rows that `tickloom quality` finds, as `kind table from to count`.
pub(crate) fn quality(catalog: &str, more: &[&str]) -> Vec<Value> {
    let mut words = vec!["quality", "--catalog", catalog, "--json"];
    words.extend(more);
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["more"], 0);
    found["rows"].as_array().unwrap().clone()
}

/// Rows as lines without evidence, in a fixed order.
pub(crate) fn lines(rows: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let table = row["table"].as_str().unwrap_or("all");
            format!(
                "{} {} {table} {} {}",
                row["from"],
                row["kind"].as_str().unwrap(),
                row["to"],
                row["count"]
            )
        })
        .collect();
    lines.sort();
    lines
}

/// The same of rows that are expected.
pub(crate) fn expected(rows: &[Row]) -> Vec<String> {
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {} {}",
                row.from, row.kind, row.table, row.to, row.count
            )
        })
        .collect();
    lines.sort();
    lines
}

/// Quotes of a LEAN tick file, `milliseconds since midnight, bid, ask`, whose midnight is at this time; at five decimals.
pub(crate) fn lean_quotes(file: &str, midnight: Ts) -> Vec<Record> {
    let text = open_text(Path::new(file)).unwrap();
    let quote = |line: std::io::Result<String>| {
        let line = line.unwrap();
        let mut fields = line.split(',');
        let mut number = |decimals| parse_decimal(fields.next()?.as_bytes(), decimals).ok();
        let (ms, bid, ask) = (number(6)?, number(5)?, number(5)?);
        let ts = Ts(midnight.0 + ms);
        let header = Header::new(Kind::Quote, InstrumentId(0), SourceId(0), ts, ts);
        let body = QuoteBody {
            bid,
            ask,
            ..QuoteBody::default()
        };
        Some(body.record(header))
    };
    text.lines().filter_map(quote).collect()
}

/// EURUSD at five decimals, from one source.
pub(crate) fn eurusd() -> Instruments {
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("EURUSD", 5, 0, "USD"))
        .unwrap();
    let (name, kind) = ("file".to_owned(), SourceKind::File);
    instruments.add_source(SourceDef::new(name, kind)).unwrap();
    instruments
}
