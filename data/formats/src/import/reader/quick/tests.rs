//! What is read quickly is what is read the other way: the same records, and the same report to the last word.

mod columns;

use super::{COUNT, IS_OFF};
use crate::import::{FileRecords, ImportOptions, Input, RefusedMax};
use crate::{FormatError, Result};
use proptest::prelude::*;
use std::path::Path;
use tickloom_catalog::{InTurn, ScanQuery};
use tickloom_types::{InstrumentId, Kind, Record, Ts};

fn read(text: &[u8], options: &ImportOptions, is_quick: bool) -> Result<FileRecords> {
    IS_OFF.set(!is_quick);
    let read = Input::bytes(Path::new("ABC.csv"), text.to_vec()).read(options);
    IS_OFF.set(false);
    read
}

/// Reads a text both ways. How many of its lines were read quickly.
fn agree(text: &[u8], options: &ImportOptions) -> u64 {
    let before = COUNT.get();
    let quick = read(text, options, true);
    let count = COUNT.get() - before;
    let slow = read(text, options, false);
    let lossy = String::from_utf8_lossy(text);
    match (quick, slow) {
        (Ok(quick), Ok(slow)) => {
            assert_eq!(quick, slow, "{lossy}");
            packed(text, options, &slow);
        }
        (quick, slow) => {
            let text = |read: Result<FileRecords>| read.map_err(|error| format!("{error:?}"));
            assert_eq!(text(quick), text(slow), "{lossy}");
        }
    }
    count
}

/// What is packed for a run is the same, whatever of it is in memory and whatever of it is asked for.
fn packed(text: &[u8], options: &ImportOptions, whole: &FileRecords) {
    let times = whole.records.iter().map(Record::ts_event);
    let middle = times.clone().min().zip(times.max());
    let middle = middle.map(|(from, to)| Ts(i64::midpoint(from.0, to.0)));
    for from in [None, middle] {
        let query = ScanQuery {
            from,
            ..ScanQuery::default()
        };
        let mut expected = whole.clone();
        let kept = expected.keep(&query);
        let spooled = Input::bytes(Path::new("ABC.csv"), text.to_vec()).spool(options, &query, 0);
        let (Ok(()), Ok(spooled)) = (&kept, &spooled) else {
            let text = |error: &FormatError| error.to_string();
            assert_eq!(
                kept.as_ref().err().map(text),
                spooled.as_ref().err().map(text)
            );
            continue;
        };
        assert_eq!(spooled.report, expected.report);
        let spooled = &spooled.packed;
        assert_eq!(spooled.instruments, expected.instruments);
        assert_eq!(spooled.len(), expected.records.len() as u64);
        let is_series = expected.records.windows(2).all(|pair| {
            let [a, b] = [pair[0].header, pair[1].header];
            (a.instrument, a.source) == (b.instrument, b.source) && a.ts_event < b.ts_event
        });
        let are_plain = expected.records.iter().all(|record| {
            let header = record.header;
            record.kind() == Some(Kind::Bar)
                && header.flags == 0
                && header.ts_event == header.ts_recv
        });
        assert_eq!(spooled.is_one_series(), is_series && are_plain);
        for (id, _) in (0..).map(InstrumentId).zip(expected.instruments.defs()) {
            let own = expected.records.iter().filter(|r| r.instrument() == id);
            let lies = own.map(|record| {
                let before = i64::from(record.kind() == Some(Kind::Bar));
                Ts(record.ts_event().0 - before)
            });
            assert_eq!(spooled.times(id), lies.clone().min().zip(lies.max()));
        }
    }
    let whole = whole.records.iter().copied();
    if let Ok(spooled) =
        Input::bytes(Path::new("ABC.csv"), text.to_vec()).spool(options, &ScanQuery::default(), 0)
    {
        let records: Result<Vec<_>> = InTurn::new(spooled.packed.records().unwrap()).collect();
        assert_eq!(records.unwrap(), (0..).zip(whole).collect::<Vec<_>>());
    }
}

fn told() -> ImportOptions {
    ImportOptions {
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    }
}

const HEADERS: [&str; 9] = [
    "timestamp,open,high,low,close,volume",
    "date,open,high,low,close,volume",
    "date,time,open,high,low,close,volume",
    "open_time,open,high,low,close,volume,close_time,note",
    "symbol,timestamp,open,high,low,close",
    "timestamp,bid,bid_size,ask,ask_size",
    "timestamp,price,size,side,id",
    "exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
    "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount",
];

#[test]
fn common_files_are_read_quickly() {
    let mut bars = HEADERS[0].to_owned();
    let mut dated = HEADERS[2].to_owned();
    let mut quotes = HEADERS[5].to_owned();
    let mut levels = HEADERS[8].to_owned();
    for row in 0..100_i64 {
        let ts = 1_577_836_800 + row * 60;
        bars += &format!("\n{ts},100.{row:02},101.5,99,100.25,{row}");
        dated += &format!(
            "\r\n2024-01-02,{:02}:{:02}:00,1,2,1,2,{row}",
            row / 60,
            row % 60
        );
        quotes += &format!("\n{ts}000,10.5,{row},10.75,3");
        levels += &format!(
            "\nvenue,A-{},{ts}000000,{ts}000001,{},bid,1.5,{row}",
            row % 3,
            row < 9
        );
    }
    for text in [bars, dated, quotes] {
        let count = agree((text + "\n").as_bytes(), &told());
        assert!(count >= 95, "{count} of 100");
    }
    assert!(agree((levels + "\n").as_bytes(), &told()) >= 180);
}

/// A field of a row: mostly what belongs there, now and then something else.
fn field(kind: &str) -> BoxedStrategy<String> {
    let common = match kind {
        "time" => prop_oneof![
            (0_i64..500).prop_map(|n| (1_577_836_800 + n * 60).to_string()),
            (0_i64..500).prop_map(|n| (1_577_836_800_000 + n * 60_000).to_string()),
            (0_i64..50, 0_i64..24).prop_map(|(day, hour)| format!(
                "2024-{:02}-{:02} {hour:02}:30:00",
                day % 12 + 1,
                day % 28 + 1
            )),
        ]
        .boxed(),
        "date" => (1..28).prop_map(|day| format!("2024-01-{day:02}")).boxed(),
        "clock" => (0..24, 0..60)
            .prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}:00"))
            .boxed(),
        "number" => (1..3, 0_usize..2, 0_usize..4)
            .prop_map(|(whole, half, decimals)| {
                let fraction = "05"[half..=half].repeat(decimals);
                format!("{whole}.{fraction}")
            })
            .boxed(),
        "side" => prop_oneof![Just("buy".to_owned()), Just("sell".to_owned())].boxed(),
        "id" => (1_u64..60).prop_map(|id| id.to_string()).boxed(),
        "flag" => prop_oneof![Just("true".to_owned()), Just("false".to_owned())].boxed(),
        _ => "[A-C]".boxed(),
    };
    let other = prop_oneof![
        "[0-9]{0,20}",
        "-?[0-9]{1,3}[.,][0-9]{0,12}",
        " ?[0-9]{1,4}(\\.[0-9]{1,2})? ?",
        "\"[0-9]{1,3}\"",
        "\"?[ -~]{0,6}",
        Just(String::new()),
        Just("NaN".to_owned()),
        Just("1e3".to_owned()),
        Just("\r".to_owned()),
    ];
    prop_oneof![24 => common, 1 => other].boxed()
}

fn kind(name: &str) -> &'static str {
    match name {
        "timestamp" | "open_time" | "close_time" | "local_timestamp" => "time",
        "date" => "date",
        "time" => "clock",
        "symbol" | "exchange" | "note" => "word",
        "side" => "side",
        "id" => "id",
        "is_snapshot" => "flag",
        _ => "number",
    }
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(HEADERS.to_vec()).prop_flat_map(|header| {
        let fields: Vec<BoxedStrategy<String>> =
            header.split(',').map(|name| field(kind(name))).collect();
        let end = prop_oneof![20 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\n\n"), 1 => Just("\r\r\n"), 1 => Just(",\n")];
        let row = (fields, end).prop_map(|(fields, end)| fields.join(",") + end);
        prop::collection::vec(row, 1..40).prop_map(move |rows| format!("{header}\n{}", rows.concat()).into_bytes())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn files_with_faults(text in file(), zone in 0_usize..2, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)) {
        let mut text = text;
        for (at, byte) in edits {
            let at = at.index(text.len());
            text[at] = byte;
        }
        let options = ImportOptions {
            zone: [None, Some("America/New_York".to_owned())][zone].clone(),
            ..told()
        };
        agree(&text, &options);
        agree(&text, &ImportOptions { instrument: Some("A".to_owned()), ..options });
    }
}
