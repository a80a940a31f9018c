//! `tickloom import` from outside: files in, catalog out, wrong lines named, and a backtest over the catalog.

#![cfg(test)]

mod cli;

use cli::{Ran, shared_data, tickloom, workspace};
use serde_json::Value;
use std::path::Path;

const BARS: &str = "\
time,open,high,low,close,volume
2024-01-01T00:00:00Z,10.00,10.50,9.50,10.00,100
2024-01-01T00:01:00Z,10.00,11.50,10.00,11.00,100
2024-01-01T00:02:00Z,12.00,12.50,11.50,12.00,100
2024-01-01T00:03:00Z,13.00,13.50,12.50,ten,100
2024-01-01T00:04:00Z,12.50,12.50,10.50,11.00,100
2024-01-01T00:05:00Z,10.00,9.00,9.50,10.00,100
2024-01-01T00:06:00Z,10.00,10.50,9.50,10.50,100
";

fn write(dir: &Path, name: &str, text: &str) -> String {
    let file = dir.join(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn import(files: &[&str], catalog: &str, more: &[&str]) -> Ran {
    let mut words = vec!["import"];
    words.extend(files);
    words.extend(["--catalog", catalog]);
    words.extend(more);
    tickloom(&words)
}

fn object(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn wrong_lines_are_named_counted_and_left_out() {
    let dir = workspace();
    let file = write(dir.path(), "X.csv", BARS);
    let catalog = dir.path().join("catalog").display().to_string();
    let lenient = ["--refused-max", "2"];
    let ran = import(&[&file], &catalog, &lenient);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let line_5 = format!("{file}, line 5: close is \"ten\", expected ");
    assert!(ran.stderr.contains(&line_5), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("{file}, line 7: ")),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("2 left out"), "{}", ran.stdout);
    let again = object(&import(
        &[&file],
        &catalog,
        &[&lenient[..], &["--json"]].concat(),
    ));
    assert_eq!(again["imports"][0]["unchanged"], true);
    assert_eq!(again["refused"], 2);
}

#[test]
fn what_was_imported_can_be_backtested() {
    let dir = workspace();
    let file = write(dir.path(), "X.csv", BARS);
    let catalog = dir.path().join("catalog").display().to_string();
    let imported = object(&import(
        &[&file],
        &catalog,
        &["--json", "--instrument", "ACME", "--refused-max", "30%"],
    ));
    assert_eq!(imported["written"], 5);
    assert_eq!(imported["imports"][0]["instruments"][0], "ACME");
    let over = |data: &str| {
        let words = [
            "backtest",
            "--data",
            data,
            "--instrument",
            "ACME",
            "--json",
            "--size",
            "1",
            "--enter",
            "change(close) > 0",
            "--exit",
            "change(close) < 0",
        ];
        // A catalog has what was imported already.
        let lenient: &[&str] = if data == file {
            &["--refused-max", "30%"]
        } else {
            &[]
        };
        let ran = tickloom(&[&words[..], lenient].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        object(&ran)
    };
    let (from_catalog, from_file) = (over(&catalog), over(&file));
    assert_eq!(from_catalog["bars"], 5);
    let unknown = tickloom(&[
        "backtest",
        "--data",
        &catalog,
        "--instrument",
        "Y",
        "--enter",
        "close > 1",
        "--exit",
        "close < 1",
    ]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.stderr.contains("\"Y\": expected one of ACME"),
        "{}",
        unknown.stderr
    );
    for field in ["final_equity", "fills", "output_hash"] {
        assert_eq!(from_catalog[field], from_file[field], "{field}");
    }
}

#[test]
fn a_packing_that_is_not_read_is_named() {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    for (name, bytes) in [
        ("bzip2", &b"BZh91AY&SY\x06\xcdJk\0\0"[..]),
        ("xz", b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F\x02\0"),
    ] {
        let file = dir.path().join(format!("X.csv.{name}"));
        std::fs::write(&file, bytes).unwrap();
        let file = file.display().to_string();
        let rules = ["--enter", "close > 1", "--exit", "close < 1"];
        for ran in [
            import(&[&file], &catalog, &[]),
            import(&[&file], &catalog, &["--format", "csv"]),
            tickloom(&[&["backtest", "--data", &file], &rules[..]].concat()),
        ] {
            assert_eq!(ran.code, 2, "{ran:?}");
            let expected = format!(
                "bytes that are packed with {name}, expected a file as it is, or packed with gzip, zstd or zip"
            );
            assert!(ran.stderr.contains(&expected), "{ran:?}");
        }
    }
}

#[test]
fn an_empty_range_of_the_catalog_names_the_nearest_data() {
    let dir = workspace();
    let file = write(dir.path(), "X.csv", BARS);
    let catalog = dir.path().join("catalog").display().to_string();
    let imported = import(&[&file], &catalog, &["--refused-max", "2"]);
    assert_eq!(imported.code, 0);
    let ran = tickloom(&[
        "backtest",
        "--data",
        &catalog,
        "--from",
        "2024-02-01",
        "--enter",
        "close > 1",
        "--exit",
        "close < 1",
    ]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("2024-01-01T00:07:00Z"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_of_which_nothing_can_be_read_is_an_error_and_the_others_are_read() {
    let dir = workspace();
    let good = write(dir.path(), "X.csv", BARS);
    let bad = write(dir.path(), "bad.csv", "this is\nno table\n");
    let catalog = dir.path().join("catalog").display().to_string();
    let more = ["--json", "--refused-max", "2"];
    let ran = import(&[&bad, &good, "nowhere.csv"], &catalog, &more);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("bad.csv"), "{}", ran.stderr);
    let report = object(&ran);
    assert_eq!(
        (&report["failed"], &report["written"]),
        (&Value::from(2), &Value::from(5))
    );
}

/// Raw frames of the exchange: a trade, a quote, a line that is no JSON, and one without a time.
#[test]
fn a_raw_capture_is_decoded_as_it_would_be_live() {
    let dir = workspace();
    let capture = "\
1723161255030314667 {\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",\"E\":1723161256300,\"T\":1723161256299,\"s\":\"BTCUSDT\",\"t\":1,\"p\":\"61837.60\",\"q\":\"0.002\",\"X\":\"MARKET\",\"m\":true}}
1723161255030314668 {\"stream\":\"btcusdt@bookTicker\",\"data\":{\"e\":\"bookTicker\",\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"61837.50\",\"B\":\"1.5\",\"a\":\"61837.60\",\"A\":\"2.5\",\"T\":1723161256299,\"E\":1723161256300}}
1723161255030314669 {\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",
now {}
";
    let file = write(dir.path(), "raw.txt", capture);
    let catalog = dir.path().join("catalog").display().to_string();
    let ran = import(&[&file], &catalog, &["--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = object(&ran);
    assert_eq!(report["refused"], 2, "{report}");
    assert_eq!(
        report["imports"][0]["instruments"][0],
        "binance-usdm.BTCUSDT"
    );
    let errors = report["imports"][0]["errors"].to_string();
    assert!(
        errors.contains("line 3") && errors.contains("line 4"),
        "{errors}"
    );
    let again = object(&import(&[&file], &catalog, &["--json"]));
    assert_eq!(again["imports"][0]["unchanged"], true);
    let named = import(&[&file], &catalog, &["--instrument", "X"]);
    assert_eq!(named.code, 2, "{}", named.stdout);
}

#[test]
fn the_shared_captures_and_bars_are_read() {
    let Some(bars) = shared_data("peer-bars/EURUSD.csv.gz") else {
        return;
    };
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let report = object(&import(&[&bars], &catalog, &["--json"]));
    assert_eq!(
        (&report["written"], &report["refused"]),
        (&Value::from(5_000), &Value::from(0))
    );
}

/// The sums of what is expected of each venue in the decoders' own tests, which say how it was counted.
#[test]
fn captures_of_all_venues_are_imported_in_one_command() {
    let folders = [
        "ws-captures",
        "ws-fixtures",
        "bybit-ob500",
        "binance-l1-multi",
    ];
    let found: Vec<String> = folders.into_iter().filter_map(shared_data).collect();
    if found.len() < folders.len() {
        return;
    }
    let paths: Vec<&str> = found.iter().map(String::as_str).collect();
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let ran = import(&paths, &catalog, &["--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = object(&ran);
    let count = |field: &str| report[field].as_u64().unwrap();
    assert_eq!(
        (count("read"), count("refused"), count("failed")),
        // Seven of the decoders' tests, and two changes of books that are alone in their files, without a snapshot to join.
        (74_661, 9, 0)
    );
    let written = |kind: &str| report["kinds"][kind]["written"].as_u64().unwrap();
    // Of the fixtures of Binance one symbol has a trade and an aggregated one: one of them counts.
    // Of those of Deribit, OKX and Bybit one symbol each has a ticker beside its best bid and ask, which does not count.
    assert_eq!((written("trades"), written("quotes")), (13_035, 39_839));
    assert_eq!((written("order_updates"), written("bars")), (10, 2));
    let of_bitmex = |one: &&Value| one["reasons"]["decimal_too_fine"] == 4;
    let imports = report["imports"].as_array().unwrap();
    let bitmex = imports.iter().find(of_bitmex).unwrap();
    let error = bitmex["errors"][0].as_str().unwrap();
    assert!(
        error.contains("BITMEX.ws.1.0.gz: line 41 (byte "),
        "{error}"
    );
    let again = object(&import(&paths, &catalog, &["--json"]));
    for one in again["imports"].as_array().unwrap() {
        assert_eq!(one["unchanged"], true, "{one}");
    }
    // A dry run says what an import would come to: into this catalog nothing, into another one all of it.
    let other = dir.path().join("other").display().to_string();
    let all = import(&[paths[0]], &other, &["--dry-run"]);
    assert_eq!(all.code, 0, "{}", all.stderr);
    assert!(
        all.stdout.contains("heartbeat (no market data)"),
        "{}",
        all.stdout
    );
}

/// Quotes of many instruments: the rows of a moment after each other, or those of an instrument.
#[cfg(target_os = "linux")]
fn quotes_of_many(is_by_instrument: bool) -> String {
    use std::fmt::Write;
    const INSTRUMENTS: u64 = 80;
    const MOMENTS: u64 = 4_000;
    let mut text = "symbol,timestamp,bid,bid_size,ask,ask_size\n".to_owned();
    for at in 0..INSTRUMENTS * MOMENTS {
        let (instrument, moment) = match is_by_instrument {
            true => (at / MOMENTS, at % MOMENTS),
            false => (at % INSTRUMENTS, at / INSTRUMENTS),
        };
        let ts = 1_577_836_800_000 + moment * 6_000 + instrument;
        let bid = 100 + (moment * 7 + instrument * 13) % 97;
        writeln!(
            text,
            "S{instrument},{ts},{bid},{},{},9",
            moment % 9 + 1,
            bid + 1
        )
        .unwrap();
    }
    text
}

/// The system gives the process no more private memory than it needs at `--mem 48M`; with the default the same import needs more.
#[cfg(target_os = "linux")]
#[test]
fn an_import_of_many_instruments_stays_within_its_memory() {
    let dir = workspace();
    for is_by_instrument in [false, true] {
        let name = if is_by_instrument { "by.csv" } else { "at.csv" };
        let file = write(dir.path(), name, &quotes_of_many(is_by_instrument));
        let import = |memory: &str| {
            let catalog = dir.path().join(format!("{name}-{memory}"));
            let mut command = std::process::Command::new("sh");
            command
                .args(["-c", "ulimit -c 0; ulimit -d 28672; exec \"$@\"", "sh"])
                .args([env!("CARGO_BIN_EXE_tickloom"), "import", &file, "--json"])
                .args(["--mem", memory, "--catalog"])
                .arg(&catalog);
            command.output().unwrap()
        };
        let little = import("48M");
        let stderr = String::from_utf8_lossy(&little.stderr);
        assert!(little.status.success(), "{stderr}");
        let found: Value = serde_json::from_slice(&little.stdout).unwrap();
        assert_eq!(found["written"], 320_000);
        assert_eq!(found["refused"], 0);
        assert!(!import("1G").status.success());
    }
}
