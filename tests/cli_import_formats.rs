//! `tickloom import` over real files of every format: rows and records are exactly as many as the files have. And files that are
//! damaged, or made to do harm, give one clear error.

#![cfg(test)]

mod cli;

use cli::{Ran, shared_data, tickloom, workspace};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::Command;

fn import(path: &str, catalog: &Path, more: &[&str]) -> Ran {
    let catalog = catalog.display().to_string();
    let mut words = vec!["import", path, "--catalog", &catalog];
    words.extend(more);
    tickloom(&words)
}

fn object(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|e| panic!("{e}: {} {}", ran.stdout, ran.stderr))
}

/// A folder of the shared data: how many files, rows, and records by kind it has. No row of it is refused.
fn check(folder: &str, files: usize, rows: u64, kinds: &[(&str, u64)]) {
    let Some(path) = shared_folder(folder) else {
        return;
    };
    let dir = workspace();
    let ran = import(&path, &dir.path().join("catalog"), &["--json"]);
    assert_eq!(ran.code, 0, "{folder}: {}", ran.stderr);
    let report = object(&ran);
    let found = (
        report["imports"].as_array().unwrap().len(),
        &report["read"],
        &report["refused"],
    );
    assert_eq!(
        found,
        (files, &Value::from(rows), &Value::from(0)),
        "{folder}"
    );
    let written = report["kinds"].as_object().unwrap().iter();
    let written: Vec<(&str, u64)> = written
        .map(|(kind, count)| (kind.as_str(), count["written"].as_u64().unwrap()))
        .collect();
    assert_eq!(written, kinds, "{folder}");
}

/// A folder of the shared data, found by a file in it that is sure to be there.
fn shared_folder(folder: &str) -> Option<String> {
    let manifest = shared_data("MANIFEST.tsv")?;
    let path = Path::new(&manifest).with_file_name(folder);
    assert!(path.exists(), "{} is not there", path.display());
    Some(path.display().to_string())
}

#[test]
fn ticks_of_foreign_exchange() {
    check(
        "lean-fx-tick/fxcm/eurusd",
        13,
        1_144_807,
        &[("quotes", 1_144_807)],
    );
    check(
        "lean-fx-tick/oanda/eurusd",
        13,
        532_903,
        &[("quotes", 532_903)],
    );
    check(
        "lean-fx-tick/oanda/xauusd",
        8,
        1_312_635,
        &[("quotes", 1_312_635)],
    );
}

/// A row of bid and ask is a bar of each.
#[test]
fn bars_of_foreign_exchange() {
    check(
        "lean-fx-bars/fxcm/minute/eurusd",
        17,
        21_592,
        &[("bars", 43_184)],
    );
    check(
        "lean-fx-bars/oanda/minute/eurusd",
        15,
        18_184,
        &[("bars", 36_368)],
    );
    check(
        "lean-fx-bars/oanda/minute/xauusd",
        8,
        9_558,
        &[("bars", 19_116)],
    );
    check(
        "lean-fx-bars/fxcm/hour/eurusd.zip",
        1,
        69_928,
        &[("bars", 139_856)],
    );
    check(
        "lean-fx-bars/oanda/hour/eurusd.zip",
        1,
        74_439,
        &[("bars", 148_878)],
    );
    check(
        "lean-fx-bars/oanda/hour/xauusd.zip",
        1,
        76_499,
        &[("bars", 152_998)],
    );
    check("lean-fx-bars/fxcm/daily", 2, 6_765, &[("bars", 13_530)]);
    check("lean-fx-bars/oanda/daily", 3, 11_425, &[("bars", 22_850)]);
}

/// Where a row of bid and ask has sizes, it is a quote besides: 14,763 of 35,394 minutes, and 1,332 of 2,650 days.
#[test]
fn bars_of_crypto() {
    let minutes = [("quotes", 14_763), ("bars", 20_631 + 2 * 14_763)];
    let folders = [
        "coinbase/minute",
        "bybit-spot/minute",
        "binance-futures/minute",
    ];
    let Some(first) = shared_folder("lean-crypto-bars") else {
        return;
    };
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let paths = folders.map(|folder| format!("{first}/{folder}"));
    let mut words = vec!["import", "--catalog", &catalog, "--json"];
    words.extend(paths.iter().map(String::as_str));
    let report = object(&tickloom(&words));
    assert_eq!(
        (&report["read"], &report["refused"]),
        (&Value::from(35_394), &Value::from(0))
    );
    for (kind, count) in minutes {
        assert_eq!(report["kinds"][kind]["written"], count, "{kind}");
    }
    check(
        "lean-crypto-bars/coinbase/second",
        3,
        11_520,
        &[("bars", 11_520)],
    );
    let daily = [("bars", 1_318 + 2 * 1_332), ("quotes", 1_332)];
    check("lean-crypto-bars/coinbase/daily", 2, 2_650, &daily);
}

#[test]
fn other_tables() {
    let rows = 45_031 + 2 * 30_117 + 30_889;
    check("minute-month", 4, rows, &[("bars", rows)]);
    check("equity-daily", 2, 916 + 8_688, &[("bars", 916 + 8_688)]);
    check(
        "peer-bars",
        3,
        2_148 + 5_000 + 156,
        &[("bars", 2_148 + 5_000 + 156)],
    );
}

/// Each change of the book is a row, each trade (`T`) a trade besides.
#[test]
fn order_updates_of_dbn() {
    let rows = 8_725 + 68_792;
    let kinds = [("order_updates", rows), ("trades", 2_973)];
    check("dbn/es-mbo", 2, rows, &kinds);
}

/// All 81 samples are read; what is not kept is counted by name. Eleven have nothing else: statistics, imbalances, trading status.
#[test]
fn every_sample_of_dbn() {
    let Some(path) = shared_folder("dbn/format-samples") else {
        return;
    };
    let dir = workspace();
    let ran = import(&path, &dir.path().join("catalog"), &["--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = object(&ran);
    let imports = report["imports"].as_array().unwrap();
    assert_eq!(imports.len(), 81);
    assert_eq!(report["refused"], 0);
    assert_eq!(report["passed_over"], 11);
    let definitions = |one: &&Value| one["notes"].to_string().contains("definitions, for files");
    assert_eq!(imports.iter().filter(definitions).count(), 12);
    for one in imports {
        let read = one["read"].as_u64().unwrap();
        let kinds = one["kinds"].as_object().unwrap().values();
        let kept = kinds.map(|count| count["read"].as_u64().unwrap()).max();
        let others = one["not_kept"].as_object().unwrap().values();
        let others: u64 = others.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(read, kept.unwrap_or(0) + others, "{one}");
    }
}

/// A file that was named must have something; definitions are for those that have.
#[test]
fn records_of_dbn_that_are_not_used_are_named() {
    let Some(path) = shared_folder("dbn/format-samples") else {
        return;
    };
    let file = |name: &str| format!("{path}/test_data.{name}.v3.dbn.zst");
    let dir = workspace();
    let catalog = dir.path().join("catalog");
    let cases = [
        ("statistics", "2 of statistics"),
        ("definition", "2 of definition"),
    ];
    for (name, expected) in cases {
        let ran = import(&file(name), &catalog, &[]);
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
    let (definitions, orders) = (file("definition"), file("mbo"));
    for (words, there) in [([&definitions, &orders], 0), ([&orders, &definitions], 2)] {
        let ran = import(words[0], &catalog, &[words[1], "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let found = object(&ran);
        assert_eq!(
            (&found["written"], &found["unchanged"]),
            (&(2 - there).into(), &there.into())
        );
    }
}

#[test]
fn a_check_writes_nothing() {
    let dir = workspace();
    let file = dir.path().join("X.csv");
    std::fs::write(
        &file,
        "date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,1,1,1,x\n2024-01-03,1,1,1,1\n",
    )
    .unwrap();
    let catalog = dir.path().join("catalog");
    let file = file.display().to_string();
    let lenient = ["--refused-max", "1", "--bar", "1d"];
    let words = [&["--dry-run", "--json"], &lenient[..]].concat();
    let ran = import(&file, &catalog, &words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = object(&ran);
    let bars = &report["kinds"]["bars"];
    let counts = ["read", "written", "refused"].map(|name| bars[name].as_u64().unwrap());
    assert_eq!(counts, [3, 2, 1]);
    assert!(!catalog.exists());
    let ran = import(&file, &catalog, &lenient);
    assert!(
        ran.stdout
            .contains("bars                        3            2            1"),
        "{}",
        ran.stdout
    );
}

/// One that was named must be read.
#[test]
fn other_files_of_a_directory_are_passed_over_and_said() {
    let dir = workspace();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("README.md"), "# Prices\n\nOf a day.\n").unwrap();
    std::fs::write(data.join("X.csv"), "time,bid,ask\n1723161255030,1,2\n").unwrap();
    let catalog = dir.path().join("catalog");
    let ran = import(&data.display().to_string(), &catalog, &["--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = object(&ran);
    assert_eq!(
        (&report["passed_over"], &report["written"]),
        (&Value::from(1), &Value::from(1))
    );
    let named = data.join("README.md").display().to_string();
    assert_eq!(import(&named, &catalog, &[]).code, 2);
}

#[test]
fn a_format_that_is_none_is_refused_with_the_list() {
    let dir = workspace();
    let ran = import("x.csv", &dir.path().join("catalog"), &["--format", "excel"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("binance-agg-trades") && ran.stderr.contains("lean"),
        "{}",
        ran.stderr
    );
}

/// Days as LEAN has them, so many rows each.
fn write_days(folder: &Path, days: u32, rows: u32) {
    for day in 1..=days {
        let name = format!("201405{day:02}_eurusd_tick_quote.csv");
        let mut text = String::new();
        for row in 0..rows {
            text += &format!(
                "{},1.{:05},1.{:05}\n",
                row * 10,
                row % 90_000,
                row % 90_000 + 7
            );
        }
        std::fs::write(folder.join(name), text).unwrap();
    }
}

#[test]
fn an_import_that_was_killed_is_resumed() {
    let dir = workspace();
    let data = dir.path().join("oanda/eurusd");
    std::fs::create_dir_all(&data).unwrap();
    write_days(&data, 20, 20_000);
    let data = data.display().to_string();
    let catalog = dir.path().join("catalog");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tickloom"))
        .args(["import", &data, "--catalog"])
        .arg(&catalog)
        .spawn()
        .unwrap();
    // Killed once the first file is complete, while a later one is being read or written.
    while !has_part(&catalog) && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let report = object(&import(&data, &catalog, &["--resume", "--json"]));
    let imports = report["imports"].as_array().unwrap();
    let skipped = imports
        .iter()
        .filter(|one| one["unchanged"] == true)
        .count();
    assert!((1..20).contains(&skipped), "{skipped} were complete");
    let there = 20_000 * skipped as u64;
    assert_eq!(report["written"], 20 * 20_000 - there);
    assert_eq!(report["unchanged"], there);
    for one in imports {
        // What is complete is not decoded again.
        let read = if one["unchanged"] == true { 0 } else { 20_000 };
        assert_eq!(
            (&one["read"], &one["written"]),
            (&Value::from(read), &Value::from(20_000))
        );
    }
    let again = object(&import(&data, &catalog, &["--resume", "--json"]));
    assert_eq!(
        (&again["read"], &again["written"], &again["unchanged"]),
        (&0.into(), &0.into(), &Value::from(20 * 20_000))
    );
    let whole = object(&import(&data, &catalog, &["--json"]));
    let unchanged = whole["imports"].as_array().unwrap().iter();
    assert!(unchanged.clone().all(|one| one["unchanged"] == true));
    assert_eq!(whole["read"], 20 * 20_000);
}

#[test]
fn an_import_without_its_last_step_is_done_again() {
    let dir = workspace();
    let data = dir.path().join("oanda/eurusd");
    std::fs::create_dir_all(&data).unwrap();
    write_days(&data, 3, 100);
    let data = data.display().to_string();
    let catalog = dir.path().join("catalog");
    let first = object(&import(&data, &catalog, &["--json"]));
    // Killed between the files of the second one and the entry that lists them: the entry is the last that is written.
    let run = first["imports"][1]["run"].as_str().unwrap();
    let index = catalog.join("_runs").join(run);
    let files = files_below(&catalog);
    std::fs::remove_file(index.join("part-00000000.json")).unwrap();
    let place = catalog.display().to_string();
    let rows = |ran: &Ran| object(ran)["rows"].clone();
    let shown = || tickloom(&["catalog", "verify", &place, "--json"]);
    assert_eq!(rows(&shown()), 200);
    let report = object(&import(&data, &catalog, &["--resume", "--json"]));
    let read: Vec<_> = report["imports"].as_array().unwrap().iter().collect();
    let read: Vec<_> = read.iter().map(|one| one["read"].as_u64()).collect();
    assert_eq!(read, [Some(0), Some(100), Some(0)]);
    let verified = shown();
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert_eq!(rows(&verified), 300);
    assert_eq!(files_below(&catalog), files);
}

/// The names of all files in a directory and below, in order.
fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn has_part(catalog: &Path) -> bool {
    let Ok(runs) = std::fs::read_dir(catalog.join("_runs")) else {
        return false;
    };
    runs.flatten()
        .any(|run| run.path().join("part-00000000.json").exists())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

/// A zip of one deflated file that says that it is so long.
fn zip(name: &str, content: &[u8], size: u32) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    deflate.write_all(content).unwrap();
    let packed = deflate.finish().unwrap();
    // Version, flags, method, time and date; sum and lengths; lengths of name and extra field.
    let mut about = Vec::new();
    for word in [20_u16, 0, 8, 0, 0x21] {
        about.extend(word.to_le_bytes());
    }
    let packed_len = u32::try_from(packed.len()).unwrap();
    for word in [crc.sum(), packed_len, size] {
        about.extend(word.to_le_bytes());
    }
    about.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    about.extend([0, 0]);
    let local = [b"PK\x03\x04".as_slice(), &about, name.as_bytes(), &packed].concat();
    let central = [
        b"PK\x01\x02\x14\x00".as_slice(),
        &about,
        &[0; 14],
        name.as_bytes(),
    ]
    .concat();
    let mut end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
    for word in [central.len(), local.len()] {
        end.extend(u32::try_from(word).unwrap().to_le_bytes());
    }
    end.extend([0, 0]);
    [local, central, end].concat()
}

/// zstd of so many blocks, each of which says `byte` 128 KiB times (RFC 8878, sections 3.1.1.1.1.2 and 3.1.1.2).
fn zstd(blocks: usize, byte: u8, window: u8) -> Vec<u8> {
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window];
    for block in 1..=blocks {
        let is_last = u32::from(block == blocks);
        let header = ((128_u32 << 10) << 3) | (1 << 1) | is_last;
        bytes.extend(&header.to_le_bytes()[..3]);
        bytes.push(byte);
    }
    bytes
}

/// DBN of version 3 that says that its metadata are so long.
fn dbn(version: u8, length: u32) -> Vec<u8> {
    let mut bytes = b"DBN".to_vec();
    bytes.push(version);
    bytes.extend(length.to_le_bytes());
    bytes.resize(bytes.len() + 100, 0);
    bytes
}

#[test]
fn damaged_files_give_one_clear_error_each() {
    let row = b"2024-01-01,1,1,1,1\n".as_slice();
    let head = b"date,open,high,low,close\n".as_slice();
    let table = [head, row].concat();
    let whole = gzip(&table);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty.csv", Vec::new(), "nothing, expected lines of text"),
        (
            "cut.csv.gz",
            whole[..whole.len() - 6].to_vec(),
            "cannot read",
        ),
        (
            "flipped.csv.gz",
            flip(&whole, whole.len() - 6),
            "cannot read",
        ),
        ("cut.zip", b"PK\x03\x04rest".to_vec(), "unzip"),
        ("noise.bin", vec![0, 1, 2, 3, 255], "bytes that are no text"),
        ("utf8.csv", b"date,open\xff\n1,2\n".to_vec(), "no text"),
        (
            "mixed.csv",
            b"date,open,high,low,close\n1,2\n3\n".to_vec(),
            "fields",
        ),
        (
            "dates.csv",
            [head, b"2024-02-30,1,1,1,1\n"].concat(),
            "where a time should be",
        ),
        (
            "late.csv",
            [head, b"9999-01-01,1,1,1,1\n"].concat(),
            "where a time should be",
        ),
        (
            "oanda/eurusd/20140501_eurusd_tick_quote.csv",
            b"86400000,1,2\n".to_vec(),
            "86400000",
        ),
        (
            "oanda/eurusd/20140532_eurusd_tick_quote.csv",
            b"5,1,2\n".to_vec(),
            "which is no time",
        ),
        ("short.dbn", b"DBN\x03".to_vec(), "the end of the file"),
        ("long.dbn", dbn(3, u32::MAX), "metadata of 4294967295 bytes"),
        ("cut.dbn", dbn(3, 1_000), "the end of the file"),
        ("new.dbn", dbn(9, 108), "DBN"),
        ("noise.dbn.frag", vec![7; 64], "damaged"),
        (
            "cut.dbn.zst",
            vec![0x28, 0xb5, 0x2f, 0xfd, 4],
            "cannot read",
        ),
    ];
    check_damaged(cases);
}

#[test]
fn packed_files_that_grow_without_end_give_one_clear_error_each() {
    let rows = b"2024-01-01,1,1,1,1\n".repeat(50_000);
    let ones = vec![b'1'; 64 << 20];
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("bomb.csv.gz", gzip(&ones), "a line of more than 1 MiB"),
        (
            "bomb.zip",
            zip("bomb.csv", &ones, 64 << 20),
            "a line of more than 1 MiB",
        ),
        // It says that it is small.
        ("lies.zip", zip("lies.csv", &rows, 10), "cannot read"),
        (
            "bomb.csv.zst",
            zstd(8_000, b'1', 0x58),
            "a line of more than 1 MiB",
        ),
        (
            "bomb.dbn.zst",
            zstd(8_000, b'D', 0x58),
            "a line of more than 1 MiB",
        ),
        // A window of 2 TiB.
        ("window.csv.zst", zstd(1, b'1', 0xf8), "cannot read"),
    ];
    check_damaged(cases);
}

/// Names, contents, and a part of the error of each.
fn check_damaged(cases: &[(&str, Vec<u8>, &str)]) {
    let dir = workspace();
    for (name, bytes, expected) in cases {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bytes).unwrap();
        let ran = import(
            &file.display().to_string(),
            &dir.path().join("catalog"),
            &[],
        );
        assert_eq!(ran.code, 2, "{name}: {} {}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(expected), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(name), "{name}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{name}: {}", ran.stderr);
    }
}

fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0xff;
    bytes
}

#[test]
fn a_member_of_a_zip_is_named() {
    let dir = workspace();
    let path = dir.path().join("x.zip").display().to_string();
    let table = b"date,open,high,low,close\nsoon,1,2,1,2\n2024-01-02,1,2,1,2\n2024-01-03,1,2,1,2\n";
    let size = u32::try_from(table.len()).unwrap();
    std::fs::write(&path, zip("ABC.csv", table, size)).unwrap();
    let ran = import(&path, &dir.path().join("catalog"), &["--json"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let one = &object(&ran)["imports"][0];
    assert_eq!(one["member"], "ABC.csv");
    assert!(ran.stderr.contains("x.zip (ABC.csv)"), "{}", ran.stderr);
    let ran = import(
        &path,
        &dir.path().join("catalog"),
        &["--json", "--refused-max", "1"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let errors = &object(&ran)["imports"][0]["errors"];
    assert!(
        errors[0]
            .as_str()
            .unwrap()
            .contains("x.zip (ABC.csv), line 2"),
        "{errors}"
    );
}

#[test]
fn prices_are_rounded_where_it_is_told() {
    let dir = workspace();
    let path = dir.path().join("ABC.csv").display().to_string();
    let table = "date,open,high,low,close\n2024-01-02,123.4500045776367,124,123,123.125\n2024-01-03,123.4500045776368,124,123,123.135\n2024-01-04,123.5,124,123,123.5\n";
    std::fs::write(&path, table).unwrap();
    let catalog = dir.path().join("catalog");
    let ran = import(&path, &catalog, &[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("--round N rounds to N"),
        "{}",
        ran.stderr
    );
    let profile = dir.path().join("p.toml").display().to_string();
    std::fs::write(&profile, "round = 2\n").unwrap();
    for more in [["--round", "2"], ["--profile", &profile]] {
        let mut words = vec!["--json", "--dry-run"];
        words.extend(more);
        let ran = import(&path, &catalog, &words);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(object(&ran)["imports"][0]["taken"]["rounded_values"], 4);
    }
    let ran = tickloom(&[
        "backtest",
        "--data",
        &path,
        "--enter",
        "close > 0",
        "--exit",
        "close < 0",
        "--round",
        "2",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("4 prices and sizes are rounded as told"),
        "{}",
        ran.stderr
    );
}
