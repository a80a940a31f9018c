//! Lines, packing and places of errors in captures; what the samples hold.

use super::*;
use crate::limits;
use crate::samples::samples;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::PathBuf;
use tickloom_types::{BarBody, Kind, StatusBody, StatusCode, TradeBody};

const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":1,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;

fn reader(bytes: &[u8]) -> CaptureReader {
    CaptureReader::new("x".to_owned(), std::io::Cursor::new(bytes.to_vec())).unwrap()
}

/// Number, offset and either frame or error of each line.
fn lines(bytes: &[u8]) -> Vec<(u64, u64, String)> {
    let mut reader = reader(bytes);
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        lines.push(match line {
            Ok(line) => {
                let frame = String::from_utf8_lossy(line.frame);
                (
                    line.number,
                    line.byte,
                    format!("{} {frame}", line.ts_recv.0),
                )
            }
            Err(bad) => (bad.line, bad.byte, bad.cause.to_string()),
        });
    }
    lines
}

#[test]
fn lines_have_numbers_offsets_and_times() {
    let text = b"1700000000000000012 {}\r\n\n1700000000000034 {\"a\":1}\nx {}\n5\n99999999999999999999 {}\n1700000006 last\n\
        2023-11-14T22:13:20.0000034Z {}\n2023-11-14T23:13:20.5+01:00\t[]\n2023-11-14T22:13:20.5 {}\n2023-11-14 22:13:20.5Z {}\n";
    let time = |value: &str| {
        format!(
            "time is {value:?}, expected seconds, milliseconds, microseconds or nanoseconds since the epoch (10, 13, 16 or 19 digits) or a time with its zone (2024-08-08T23:54:15.03Z), and a space"
        )
    };
    let expected = [
        (1, 0, "1700000000000000012 {}".to_owned()),
        (3, 25, "1700000000000034000 {\"a\":1}".to_owned()),
        (4, 50, time("x")),
        (5, 55, time("5")),
        (6, 57, time("99999999999999999999")),
        (7, 81, "1700000006000000000 last".to_owned()),
        (8, 97, "1700000000000003400 {}".to_owned()),
        (9, 129, "1700000000500000000 []".to_owned()),
        (10, 160, time("2023-11-14T22:13:20.5")),
        (11, 185, time("2023-11-14")),
    ];
    assert_eq!(lines(text), expected);

    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    assert_eq!(lines(&packed.finish().unwrap()), expected);
}

#[test]
fn a_line_that_is_too_long_is_skipped_whole() {
    let mut text = b"1700000000000000001 ".to_vec();
    text.resize(limits::LINE_BYTES_MAX + 100, b'x');
    text.extend_from_slice(b"\n1700000000000000002 {}\n");
    let lines = lines(&text);
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0].2,
        format!("longer than {} bytes", limits::LINE_BYTES_MAX)
    );
    assert_eq!(lines[1].2, "1700000000000000002 {}");
}

#[test]
fn a_gzip_file_that_is_cut_off_is_an_error_and_not_an_end() {
    let CaptureSource::Bytes(_, bytes) = samples()[0].capture else {
        panic!("samples are bytes");
    };
    let mut reader = reader(&bytes[..bytes.len() / 2]);
    let error = loop {
        match reader.next_line() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("half a file looked whole"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().starts_with("x: "), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let source = CaptureSource::File(PathBuf::from("no/such.gz"));
    let error = source.open().err().unwrap().to_string();
    assert!(error.starts_with("no/such.gz: "), "{error}");
}

#[test]
fn samples_say_what_they_are() {
    for sample in samples() {
        let sniffed = sniff_capture(&sample.capture).unwrap();
        assert_eq!(sniffed.venue, Some(sample.venue));
        assert_eq!(sniffed.symbols, [sample.symbol]);
    }
    let nothing = CaptureSource::Bytes(
        "nothing",
        b"1700000000000000001 {}\n1700000000000000002 [1]\nx\n",
    );
    let error = sniff_capture(&nothing).unwrap_err().to_string();
    assert!(error.starts_with("nothing: no depthUpdate"), "{error}");
}

#[test]
fn samples_hold_what_their_readme_says() {
    let expected = [[9_131, 6_665, 1_617, 848], [20_028, 15_399, 3_025, 1_603]];
    for (sample, expected) in samples().into_iter().zip(expected) {
        let mut records: Vec<Record> = Vec::new();
        let config = CaptureConfig::default();
        let mut instruments = Instruments::new();
        let sources = [sample.capture];
        let report = decode_captures(&sources, &config, &mut instruments, &mut records).unwrap();
        let found = [report.lines, report.quotes, report.trades, report.diffs];
        assert_eq!(found, expected);
        assert_eq!((report.bad, report.snapshots, report.sync.gaps), (0, 1, 0));
        assert_eq!(report.records, records.len() as u64);
    }
}

#[test]
fn bad_lines_are_listed_with_their_place_and_go_into_the_records() {
    let good = format!("1700000000000000001 {TRADE}\n");
    let text = format!(
        "{good}1700000000000000002 {}\nnonsense\n{}",
        TRADE.replace("61837.63", "61837,63"),
        good.replace("\"t\":1,", "\"t\":2,")
    );
    let source = CaptureSource::Bytes("capture", text.leak().as_bytes());
    let mut records: Vec<Record> = Vec::new();
    let config = CaptureConfig::default();
    let mut instruments = Instruments::new();
    let report = decode_captures(&[source], &config, &mut instruments, &mut records).unwrap();
    assert_eq!((report.lines, report.trades, report.bad), (4, 2, 2));
    let texts: Vec<String> = report.bad_lines.iter().map(ToString::to_string).collect();
    let length = good.len();
    assert_eq!(
        texts[0],
        format!("capture: line 2 (byte {length}): p is \"61837,63000000\": not a decimal number")
    );
    assert!(texts[1].starts_with(&format!("capture: line 3 (byte {}): time", 2 * length)));
    let kinds: Vec<_> = records.iter().map(Record::kind).collect();
    assert_eq!(
        kinds,
        [Some(Kind::Trade), Some(Kind::Status), Some(Kind::Trade)]
    );
    let body = StatusBody::of(&records[1]);
    assert_eq!(body.code, StatusCode::BadFrame as u16);
    assert_eq!((body.from, body.detail), (2, 5));
}

/// A diff of a book with these ids.
fn diff(first: u64, last: u64) -> String {
    format!(
        r#"1700000000000000001 {{"e":"depthUpdate","E":1723161255000,"s":"BTCUSDT","U":{first},"u":{last},"b":[["10.00","1.0"]],"a":[]}}"#
    )
}

/// What a capture with a diff that begins at 8 makes after these ends: levels, where its book stands, and what came to nothing.
fn after(ends: Vec<BookEnd>) -> (usize, Vec<u64>, Vec<u64>) {
    let config = CaptureConfig {
        after: ends,
        ..CaptureConfig::default()
    };
    let text = format!("{}\n{}\n", diff(8, 9), diff(10, 11));
    let source = CaptureSource::Unpacked(PathBuf::from("x"), text.into_bytes().into());
    let mut records: Vec<Record> = Vec::new();
    let report =
        decode_captures(&[source], &config, &mut Instruments::new(), &mut records).unwrap();
    let levels = records.iter().filter(|r| r.kind() == Some(Kind::Level));
    let unjoined = report
        .unjoined
        .iter()
        .flat_map(|book| [book.changes, book.after_id]);
    let ends = report.ends.iter().map(|end| end.last_id);
    (levels.count(), ends.collect(), unjoined.collect())
}

#[test]
fn a_book_goes_on_exactly_where_it_was_left() {
    let end = |last_id, is_joined| BookEnd {
        source: "binance".to_owned(),
        instrument: "binance.BTCUSDT".to_owned(),
        first_id: last_id,
        last_id,
        is_joined,
        venue_time: None,
    };
    let goes_on = (2, vec![11], vec![]);
    let is_left_out = (0, vec![], vec![2, 7]);
    assert_eq!(after(vec![]), is_left_out);
    assert_eq!(after(vec![end(3, true), end(7, true)]), goes_on);
    for wrong in [end(6, true), end(8, true), end(11, true)] {
        assert_eq!(after(vec![wrong]), is_left_out);
    }
    // A snapshot alone is joined by the change that lies across it.
    assert_eq!(after(vec![end(8, false)]), goes_on);
    // The capture begins with what the other has too.
    let goes_on_later = (1, vec![11], vec![]);
    assert_eq!(after(vec![end(9, true)]), goes_on_later);
    assert_eq!(after(vec![end(9, false)]), goes_on_later);
    let other_book = BookEnd {
        instrument: "binance.ETHUSDT".to_owned(),
        ..end(7, true)
    };
    let other_venue = BookEnd {
        source: "binance-usdm".to_owned(),
        ..end(7, true)
    };
    assert_eq!(after(vec![other_book, other_venue]), is_left_out);
}

/// Trades of a venue whose clock is `offset` from that of arrival; each with its own further offset, in milliseconds.
fn trades(offset: i64, stamps: &[i64]) -> Vec<(i64, String)> {
    let first = 1_723_161_255_000;
    let line = |(at, stamp): (i64, &i64)| {
        let arrival = first + 100 * at;
        let told = arrival + offset + stamp;
        let frame = format!(
            r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{told},"s":"BTCUSDT","t":{at},"p":"1.00000000","q":"1.00000000","T":{told},"m":true,"M":true}}}}"#
        );
        (arrival * 1_000_000, frame)
    };
    (1..).zip(stamps).map(line).collect()
}

/// Times and kinds of all records, the flag for a bad time, and what a status says.
type Seen = (i64, Option<Kind>, bool, u64);

fn seen(records: &[Record]) -> Vec<Seen> {
    let kept = records.iter().filter(|record| match record.kind() {
        Some(Kind::Status) => StatusBody::of(record).code == StatusCode::ClockSkew as u16,
        kind => kind == Some(Kind::Trade),
    });
    let see = |record: &Record| {
        let is_status = record.kind() == Some(Kind::Status);
        let detail = is_status.then(|| StatusBody::of(record).detail);
        let bad = record.has(tickloom_types::Flags::BAD_TIME);
        (record.ts_event().0, record.kind(), bad, detail.unwrap_or(0))
    };
    kept.map(see).collect()
}

/// What a capture of these lines gives, and how many bad times are counted.
fn imported(lines: &[(i64, String)]) -> (Vec<Seen>, u64) {
    let mut text = String::new();
    for (arrival, frame) in lines {
        text += &format!("{arrival} {frame}\n");
    }
    let source = CaptureSource::Unpacked(PathBuf::from("x"), text.into_bytes().into());
    let mut records: Vec<Record> = Vec::new();
    let mut instruments = Instruments::new();
    let config = CaptureConfig::default();
    let report = decode_captures(&[source], &config, &mut instruments, &mut records).unwrap();
    (seen(&records), report.bad_times)
}

/// What a live session makes of the same frames at the same times.
fn lived(lines: &[(i64, String)]) -> (Vec<Seen>, u64) {
    use crate::session::{Now, Session};
    use crate::{FeedConfig, FeedMetrics, LineId};
    let config = FeedConfig::parse("binance:BTCUSDT").unwrap();
    let feed = config.resolve(&mut Instruments::new()).unwrap();
    let metrics = FeedMetrics::new();
    let mut session = Session::new(&feed, &metrics);
    let mut records: Vec<Record> = Vec::new();
    let at = |arrival: i64| Now {
        wall: tickloom_types::Ts(arrival),
        mono: arrival - lines[0].0,
    };
    session.connected(LineId(0), at(lines[0].0), &mut records);
    for (arrival, frame) in lines {
        session.frame(LineId(0), at(*arrival), frame.as_bytes(), &mut records);
    }
    let bad = metrics.bad_times.load(std::sync::atomic::Ordering::Relaxed);
    (seen(&records), bad)
}

const HOUR_MS: i64 = 3_600_000;

/// Only what comes before the first snapshot of a recording may be what another capture has: the rest is this one's own book.
#[test]
fn a_book_that_has_begun_does_not_begin_again_where_another_capture_ended() {
    let file = |lines: &[String]| {
        // Of the time of the messages.
        let text = lines.join("\n").replace("1700000000", "1723161255");
        CaptureSource::Unpacked(PathBuf::from("x"), text.into_bytes().into())
    };
    let snapshot =
        r#"1700000000000000001 {"lastUpdateId":1,"bids":[["9.00","1.0"]],"asks":[]}"#.to_owned();
    // Of this symbol there is no book, so that all changes are looked at.
    let other = r#"1700000000000000001 {"e":"trade","E":1723161255000,"s":"ETHUSDT","t":1,"p":"1.00","q":"1.0","T":1723161255000,"m":true,"M":true}"#
        .to_owned();
    let sources = [
        file(&[diff(2, 3), snapshot, diff(4, 5)]),
        file(&[diff(6, 7), other, diff(8, 9)]),
    ];
    let end = BookEnd {
        source: "binance".to_owned(),
        instrument: "binance.BTCUSDT".to_owned(),
        first_id: 6,
        last_id: 7,
        is_joined: true,
        venue_time: None,
    };
    let config = CaptureConfig {
        after: vec![end],
        ..CaptureConfig::default()
    };
    let mut records: Vec<Record> = Vec::new();
    let report = decode_captures(&sources, &config, &mut Instruments::new(), &mut records).unwrap();
    let levels = records.iter().filter(|r| r.kind() == Some(Kind::Level));
    let found = (levels.count(), report.sync.overlaps);
    assert_eq!(found, (5, 0));
}

#[test]
fn a_sample_of_which_a_part_is_there_twice_is_what_it_is_without_it() {
    for sample in samples() {
        let mut reader = sample.capture.open().unwrap();
        let mut lines: Vec<Vec<u8>> = Vec::new();
        while lines.len() < 3_000 && reader.advance().unwrap() {
            lines.push(reader.text().unwrap().text.to_vec());
        }
        let decode = |parts: &[&[Vec<u8>]]| {
            let file = |lines: &&[Vec<u8>]| {
                let text: Unpacked = lines.join(&b'\n').into();
                CaptureSource::Unpacked(PathBuf::from("x"), text)
            };
            let sources: Vec<CaptureSource> = parts.iter().map(file).collect();
            let mut records: Vec<Record> = Vec::new();
            let (config, mut instruments) = (CaptureConfig::default(), Instruments::new());
            let report =
                decode_captures(&sources, &config, &mut instruments, &mut records).unwrap();
            (records, report.lines_again, report.sync)
        };
        let (whole, again, sync) = decode(&[&lines]);
        assert_eq!(again, 0);
        for end in [700, 1_500, 3_000] {
            let (head, tail) = (&lines[..end], &lines[end - 300..]);
            let twice = [head, tail].concat();
            assert_eq!(decode(&[&twice]), (whole.clone(), 300, sync));
            assert_eq!(decode(&[head, tail]), (whole.clone(), 300, sync));
        }
        // Without the times of arrival, which are taken from the messages, the numbers tell what comes again.
        let bare = |lines: &[Vec<u8>]| {
            let message =
                |line: &Vec<u8>| line.split(|byte| *byte == b' ').nth(1).unwrap().to_vec();
            let lines: Vec<Vec<u8>> = lines.iter().map(message).collect();
            let text: Unpacked = lines.join(&b'\n').into();
            let source = CaptureSource::Unpacked(PathBuf::from("x"), text);
            let origin = Origin::of(&source).unwrap();
            let mut records: Vec<Record> = Vec::new();
            Recording::survey(origin, vec![source])
                .and_then(|recording| recording.decode(&mut records))
                .unwrap();
            records.retain(|record| record.kind() != Some(Kind::Status));
            records
        };
        let whole = bare(&lines);
        assert!(bare(&[&lines[..1_500], &lines[1_200..]].concat()) == whole);
    }
}

#[test]
fn an_import_marks_the_bad_times_that_a_live_feed_marks() {
    let mut one_ahead = [0; 60];
    one_ahead[30] = 23 * HOUR_MS;
    one_ahead[40] = -2 * HOUR_MS;
    let mut first_ahead = [0; 60];
    first_ahead[0] = 23 * HOUR_MS;
    // A clock like ours, one that is two hours off, and one that is years off.
    for offset in [-1_000, 2 * HOUR_MS, -20_000 * HOUR_MS] {
        for (stamps, bad) in [([0; 60], 0), (one_ahead, 2), (first_ahead, 1)] {
            let lines = trades(offset, &stamps);
            let (found, count) = imported(&lines);
            let marked = found
                .iter()
                .filter(|(_, kind, is_bad, _)| *kind == Some(Kind::Trade) && *is_bad);
            assert_eq!(marked.count() as u64, bad, "{offset} {stamps:?}");
            let (live, live_count) = lived(&lines);
            assert_eq!((count, live_count), (bad, bad));
            let trades = |seen: &[Seen]| -> Vec<Seen> {
                seen.iter()
                    .filter(|seen| seen.1 == Some(Kind::Trade))
                    .copied()
                    .collect()
            };
            assert_eq!(trades(&found), trades(&live), "{offset} {stamps:?}");
            let told = found.iter().filter(|seen| seen.1 == Some(Kind::Status));
            assert_eq!(told.count() as u64, bad.min(1), "once a capture");
        }
    }
}

#[test]
fn the_digits_of_a_stamp_tell_its_unit() {
    let at = |text: &str| super::reader::stamp(text.as_bytes()).map(|ts| ts.to_string());
    let expected = Some("2026-06-24T00:00:00Z".to_owned());
    for stamp in [
        "1782259200",
        "1782259200000",
        "1782259200000000",
        "1782259200000000000",
    ] {
        assert_eq!(at(stamp), expected, "{stamp}");
    }
    for stamp in [
        "",
        "1",
        "178225920",
        "17822592000",
        "0782259200",
        "-782259200",
        "9999999999999999999",
    ] {
        assert_eq!(at(stamp), None, "{stamp}");
    }
}

/// What a capture of these frames makes: its report, and number and size of each trade.
fn once(frames: &[String]) -> (CaptureReport, Vec<(u64, i64)>) {
    let mut text = String::new();
    for (at, frame) in (1..).zip(frames) {
        text += &format!("{} {frame}\n", 1_700_000_000_000_000_000_i64 + at);
    }
    let source = CaptureSource::Unpacked(PathBuf::from("x"), text.into_bytes().into());
    let mut records: Vec<Record> = Vec::new();
    let config = CaptureConfig::default();
    let mut instruments = Instruments::new();
    let report = decode_captures(&[source], &config, &mut instruments, &mut records).unwrap();
    let trades = records
        .iter()
        .filter(|r| r.kind() == Some(Kind::Trade))
        .map(|record| {
            let trade = tickloom_types::TradeBody::of(record);
            (trade.trade_id, trade.qty / 100_000_000)
        });
    let trades = trades.collect();
    (report, trades)
}

/// A trade over a channel: `t` and `trade`, or `a` and `aggTrade`.
fn trade_over(event: &str, id: u64, qty: u64) -> String {
    let field = if event == "trade" { "t" } else { "a" };
    format!(
        r#"{{"e":"{event}","E":1723161255000,"s":"ABUSDT","{field}":{id},"p":"10","q":"{qty}","T":1723161255000,"m":true,"M":true}}"#
    )
}

#[test]
fn trades_over_two_channels_count_once() {
    // Two takers: the one of 3 meets two makers. The aggregated ones come first.
    let frames = [
        trade_over("aggTrade", 90, 3),
        trade_over("trade", 7, 1),
        trade_over("trade", 8, 2),
        format!(
            r#"{{"stream":"abusdt@aggTrade","data":{}}}"#,
            trade_over("aggTrade", 91, 4)
        ),
        trade_over("trade", 9, 4),
    ];
    let (report, trades) = once(&frames);
    assert_eq!(trades, [(7, 1), (8, 2), (9, 4)]);
    assert_eq!((report.trades, report.repeated, report.bad), (3, 0, 0));
    let other = "aggTrade of binance.ABUSDT (its trades are trade)".to_owned();
    assert_eq!(report.other_books, BTreeMap::from([(other, 2)]));
    // Alone they are its trades.
    let (report, trades) = once(&frames[3..4]);
    assert_eq!((trades, report.other_books.len()), (vec![(91, 4)], 0));
}

#[test]
fn single_trades_that_come_late_in_a_capture_do_not_come_beside_aggregated_ones() {
    let mut frames: Vec<String> = (1..=10_001)
        .map(|id| trade_over("aggTrade", id, 1))
        .collect();
    frames.push(trade_over("trade", 1, 1));
    let (report, trades) = once(&frames);
    assert_eq!((trades.len(), report.trades), (10_001, 10_001));
    let other = "trade of binance.ABUSDT (its trades are aggTrade)".to_owned();
    assert_eq!(report.other_books, BTreeMap::from([(other, 1)]));
}

#[test]
fn a_trade_that_comes_again_counts_once_and_one_that_contradicts_it_is_refused() {
    let frames = [
        trade_over("trade", 8, 2),
        trade_over("trade", 7, 1),
        trade_over("trade", 8, 2),
        trade_over("trade", 7, 5),
        trade_over("trade", 7, 1).replace("\"E\":1723161255000", "\"E\":1723161255001"),
    ];
    let (report, trades) = once(&frames);
    assert_eq!(trades, [(8, 2), (7, 1), (7, 1)]);
    assert_eq!((report.trades, report.repeated, report.bad), (3, 1, 1));
    assert_eq!(report.reasons, BTreeMap::from([("contradiction", 1)]));
    assert!(
        report.bad_lines[0]
            .to_string()
            .ends_with("trade 7 of 2024-08-08T23:54:15Z came before with another price or size"),
        "{}",
        report.bad_lines[0]
    );
}

/// Of one minute, in raw form and over a stream.
fn kline(open: u64, close: &str, is_closed: bool, interval: &str) -> String {
    let end = open + 59_999;
    format!(
        r#"{{"e":"kline","E":{end},"s":"BTCUSDT","k":{{"t":{open},"T":{end},"s":"BTCUSDT","i":"{interval}","f":1,"L":2,"o":"61837.5","c":"{close}","h":"61900","l":"61800.25","v":"12.5","n":2,"x":{is_closed},"q":"60","V":"1","Q":"12","B":"0"}}}}"#
    )
}

/// Whoever records trades and klines together has both: a closed kline is a bar, once, at its close.
#[test]
fn klines_beside_trades_are_bars() {
    let first = 1_723_161_240_000_u64;
    let over = |body: &str| format!(r#"{{"stream":"btcusdt@kline_1m","data":{body}}}"#);
    let frames = [
        TRADE.to_owned(),
        over(&kline(first, "61850", false, "1m")),
        over(&kline(first, "61837.75", true, "1m")),
        // Over a second connection, in raw form.
        kline(first, "61837.75", true, "1m"),
        kline(first + 60_000, "61840", true, "1m"),
        // It cannot have closed otherwise too.
        kline(first + 60_000, "61841", true, "1m"),
        kline(first, "61840", true, "1M"),
    ];
    let mut text = String::new();
    for (at, frame) in frames.iter().enumerate() {
        text += &format!("17231613600{at:02}000000 {frame}\n");
    }
    let sources = [CaptureSource::Unpacked(
        PathBuf::from("x"),
        text.into_bytes().into(),
    )];
    let origin = Origin::of(&sources[0]).unwrap();
    let recording = Recording::survey(origin, sources.to_vec()).unwrap();
    let known = recording.instruments().clone();
    let mut records: Vec<Record> = Vec::new();
    let report = recording.decode(&mut records).unwrap();

    let bars = records.iter().filter(|r| r.kind() == Some(Kind::Bar));
    let bars: Vec<_> = bars
        .map(|bar| {
            let body = BarBody::of(bar);
            let spec = known.bar_spec(bar.source()).unwrap().to_string();
            let prices = [body.open, body.high, body.low, body.close, body.volume];
            (spec, bar.ts_event().0, bar.ts_recv().0, prices)
        })
        .collect();
    let at_eight = |hundredths: i64| hundredths * 1_000_000;
    let bar = |close_ms: i64, arrival: i64, close| {
        let prices = [6_183_750, 6_190_000, 6_180_025, close, 1_250].map(at_eight);
        (
            "1m".to_owned(),
            close_ms * 1_000_000,
            arrival * 1_000_000,
            prices,
        )
    };
    let expected = [
        bar(1_723_161_300_000, 1_723_161_360_002, 6_183_775),
        bar(1_723_161_360_000, 1_723_161_360_004, 6_184_000),
    ];
    assert_eq!(bars, expected);
    assert_eq!([report.trades, report.bars, report.repeated], [1, 2, 1]);
    assert_eq!(report.bad_lines.len(), 1, "{:?}", report.bad_lines);
    assert_eq!(report.bad_lines[0].line, 6);
    let not_kept = [("kline, not closed", 1), ("kline, of months", 1)];
    assert_eq!(report.no_market_data, not_kept.into());
}

/// A recorder that wrote each message as a text, in an object or behind a time, wrote the same messages.
#[test]
fn messages_that_are_strings_are_the_messages_in_them() {
    let quoted = format!("{TRADE:?}");
    let decode = |line: &str| {
        let unpacked = format!("{line}\n").into_bytes().into();
        let source = CaptureSource::Unpacked(PathBuf::from("x"), unpacked);
        let origin = Origin::of(&source).unwrap();
        let mut records: Vec<Record> = Vec::new();
        let recording = Recording::survey(origin, vec![source]).unwrap();
        let report = recording.decode(&mut records).unwrap();
        assert_eq!((report.trades, report.bad), (1, 0), "{line}");
        let trade = TradeBody::of(&records[records.len() - 1]);
        let ts = records[records.len() - 1].ts_recv().0;
        (trade.price, trade.qty, trade.trade_id, ts)
    };
    let as_it_is = decode(&format!("1723161255350 {TRADE}"));
    assert_eq!(
        as_it_is,
        (6_183_763_000_000, 2_000_000, 1, 1_723_161_255_350_000_000)
    );
    for line in [
        format!("1723161255350 {quoted}"),
        format!(r#"{{"ts": 1723161255.35, "msg": {quoted}}}"#),
        format!(r#"{{"payload":{quoted},"received_at":"2024-08-08T23:54:15.350Z"}}"#),
    ] {
        assert_eq!(decode(&line), as_it_is, "{line}");
    }
    // Without a time of arrival it is that at which the venue sent it.
    let alone = decode(&quoted);
    assert_eq!((alone.2, alone.3), (1, 1_723_161_255_343_000_000));
}

/// Whoever writes what comes from two markets into one file has two instruments of one name: what is not of the first market is refused,
/// in lines of ours and in those of others.
#[test]
fn messages_of_another_market_are_refused() {
    let at = 1_723_161_255_343_i64;
    let over =
        |stream: &str, data: &str| format!(r#"{{"stream":"btcusdt@{stream}","data":{data}}}"#);
    let trade = |id: u64, more: &str| {
        let data = format!(
            r#"{{"e":"trade","E":{at},"s":"BTCUSDT","t":{id},"p":"61837.63","q":"0.02","T":{at},"m":true{more}}}"#
        );
        over("trade", &data)
    };
    let spot = |id| trade(id, r#","M":true"#);
    let futures = |id| trade(id, r#","X":"MARKET""#);
    let depth = format!(
        r#"{{"e":"depthUpdate","E":{at},"T":{at},"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}}"#
    );
    let quote =
        format!(r#"{{"u":7,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1","T":{at},"E":{at}}}"#);
    let frames = [
        spot(1),
        futures(2),
        // One that is cut down is of the other market beside those that are not.
        trade(3, ""),
        over("bookTicker", &quote),
        spot(4),
    ];
    let with_depth = [&frames[..], &[over("depth@100ms", &depth)]].concat();
    let read = |frames: &[String], is_stamped: bool| {
        let line = |frame: &String| match is_stamped {
            true => format!("{at} {frame}\n"),
            false => format!("{frame}\n"),
        };
        let text: String = frames.iter().map(line).collect();
        let source = CaptureSource::Unpacked(PathBuf::from("x"), text.into_bytes().into());
        let origin = Origin::of(&source).unwrap();
        let mut records: Vec<Record> = Vec::new();
        let recording = Recording::survey(origin, vec![source]).unwrap();
        let report = recording.decode(&mut records).unwrap();
        let trades = records.iter().filter(|r| r.kind() == Some(Kind::Trade));
        let ids: Vec<u64> = trades.map(|trade| TradeBody::of(trade).trade_id).collect();
        let bad: Vec<u64> = report.bad_lines.iter().map(|bad| bad.line).collect();
        (origin.venue.name(), ids, bad)
    };
    for is_stamped in [true, false] {
        let found = read(&frames, is_stamped);
        assert_eq!(found, ("binance", vec![1, 4], vec![2, 3, 4]));
        // In captures of ours depth decides of which market they are.
        let expected = match is_stamped {
            true => ("binance-usdm", vec![2, 3], vec![1, 5]),
            false => ("binance", vec![1, 4], vec![2, 3, 4, 6]),
        };
        assert_eq!(read(&with_depth, is_stamped), expected);
        let futures = [futures(1), spot(2), trade(3, "")];
        let found = read(&futures, is_stamped);
        assert_eq!(found, ("binance-usdm", vec![1, 3], vec![2]));
        // Those of spot that are all cut down are as they are.
        let cut = [trade(1, ""), trade(2, "")];
        assert_eq!(read(&cut, true), ("binance", vec![1, 2], vec![]));
    }
}
