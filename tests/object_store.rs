//! A catalog in an S3-compatible server through the binary, and `--mem`: the same history gives the same backtest wherever it
//! is and however little memory it is read with.

#![cfg(test)]

mod cli;
#[path = "../data/catalog/tests/common/s3_server.rs"]
mod s3_server;

use cli::{Ran, tickloom, workspace};
use s3_server::{BUCKET, S3Server};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const RULES: [&str; 6] = [
    "--enter",
    "cross_over(sma(close,3), sma(close,10))",
    "--exit",
    "cross_under(sma(close,3), sma(close,10))",
    "--size",
    "0.125",
];

/// The binary with settings in its environment.
fn with(server: &S3Server, words: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_tickloom"))
        .args(words)
        .envs(server.options())
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Daily bars of two years whose closes go up and down.
fn bars_in(dir: &Path) -> String {
    let mut text = "Date,Open,High,Low,Close,Volume\n".to_owned();
    for day in 0..700_u32 {
        let (year, month, date) = (2020 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
        let price = 100 + day * 7_919 % 41;
        writeln!(
            text,
            "{year}-{month:02}-{date:02},{price},{0},{1},{price},10",
            price + 1,
            price - 1
        )
        .unwrap();
    }
    let file = dir.join("bars.csv");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn hash(ran: &Ran) -> String {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    found["output_hash"].as_str().unwrap().to_owned()
}

#[test]
fn a_backtest_over_a_bucket_is_that_over_a_directory() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let dir = workspace();
    let file = bars_in(dir.path());
    let local = dir.path().join("catalog").display().to_string();
    let remote = format!("s3://{BUCKET}/research/catalog");
    for catalog in [&local, &remote] {
        let ran = with(&server, &["import", &file, "--catalog", catalog, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let run = |data: &str, more: &[&str]| {
        let mut words = vec!["backtest", "--data", data, "--json"];
        words.extend(RULES.iter().chain(more));
        with(&server, &words)
    };
    let expected = hash(&run(&file, &[]));
    assert_eq!(hash(&run(&local, &[])), expected);
    assert_eq!(hash(&run(&remote, &[])), expected);
    assert_eq!(hash(&run(&local, &["--mem", "48M"])), expected);
    assert_eq!(hash(&run(&remote, &["--mem", "48M"])), expected);

    // The bucket's blocks went through the cache, and it says so; a directory has none.
    let json = |ran: &Ran| serde_json::from_str::<Value>(&ran.stdout).unwrap();
    let cache = &json(&run(&remote, &[]))["cache"];
    assert!(cache["misses"].as_u64() > Some(0), "{cache}");
    assert!(cache["fetched"].as_u64() > Some(0), "{cache}");
    assert!(cache["bytes"].as_u64() <= cache["bytes_max"].as_u64());
    assert_eq!(json(&run(&local, &[]))["cache"], Value::Null);

    let elsewhere = run("s3://nobodys/catalog", &[]);
    assert_eq!(elsewhere.code, 2, "{elsewhere:?}");
    assert!(
        elsewhere.stderr.contains("there is no such bucket"),
        "{elsewhere:?}"
    );
    let empty = run(&format!("s3://{BUCKET}/nothing"), &[]);
    assert_eq!(empty.code, 2, "{empty:?}");
    assert!(
        empty.stderr.contains("no catalog in s3://history/nothing"),
        "{empty:?}"
    );
}

/// What is said of an instrument is kept with the catalog, wherever that is, and so is a run.
#[test]
fn instruments_and_runs_are_kept_in_a_bucket_as_in_a_directory() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let dir = workspace();
    let file = bars_in(dir.path());
    let local = dir.path().join("catalog").display().to_string();
    let remote = format!("s3://{BUCKET}/research/catalog");
    for catalog in [&local, &remote] {
        let ran = with(&server, &["import", &file, "--catalog", catalog, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let run = |data: &str, more: &[&str]| {
        let mut words = vec!["backtest", "--data", data, "--json"];
        words.extend(RULES.iter().chain(more));
        with(&server, &words)
    };
    let expected = hash(&run(&local, &[]));
    let set = |catalog: &str, words: &[&str]| {
        let words = [&["instruments", "set", "bars", "--catalog", catalog], words].concat();
        let ran = with(&server, &words);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    };
    for catalog in [&local, &remote] {
        set(catalog, &["--multiplier", "2"]);
        set(catalog, &["--tick", "1/4"]);
    }
    let doubled = hash(&run(&local, &["--keep", "kept"]));
    assert_ne!(doubled, expected);
    assert_eq!(hash(&run(&remote, &["--keep", "kept"])), doubled);
    let fills = |catalog: &str, name: &str| {
        let file = dir.path().join(name);
        let path = file.display().to_string();
        let words = [
            "export",
            "--catalog",
            catalog,
            "--run",
            "kept",
            "--kind",
            "fills",
            "--to-file",
            &path,
        ];
        let ran = with(&server, &words);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let text = std::fs::read_to_string(file).unwrap();
        let rows = text.split_once('\n').unwrap().1.to_owned();
        assert!(rows.lines().count() > 10, "{rows}");
        rows
    };
    assert_eq!(fills(&remote, "remote.csv"), fills(&local, "local.csv"));
    set(&remote, &["--forget"]);
    assert_eq!(hash(&run(&remote, &[])), expected);
}

#[cfg(feature = "sql")]
#[test]
fn sql_over_a_bucket_gives_the_rows_of_a_directory() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let dir = workspace();
    let file = bars_in(dir.path());
    let local = dir.path().join("catalog").display().to_string();
    let remote = format!("s3://{BUCKET}/sql/catalog");
    let ask = |catalog: &str| {
        let statement =
            "select ts_event, count(*), first(open), max(high), sum(volume) from bars sample by 1M";
        let ran = with(
            &server,
            &["sql", "--catalog", catalog, statement, "--format", "csv"],
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    };
    for catalog in [&local, &remote] {
        let ran = with(&server, &["import", &file, "--catalog", catalog, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let rows = ask(&local);
    // Of the 700 days, 28 are in each month.
    assert_eq!(rows.lines().count(), 1 + 25, "{rows}");
    assert!(
        rows.lines()
            .skip(1)
            .all(|row| row.contains("T00:00:00Z,28,")),
        "{rows}"
    );
    assert_eq!(ask(&remote), rows);
}

#[test]
fn a_size_of_memory_that_makes_no_sense_is_refused() {
    for (size, expected) in [
        ("lots", "expected a size such as 256M or 2G"),
        ("1M", "expected at least 48M"),
    ] {
        let ran = tickloom(&["backtest", "--data", "x", "--mem", size]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
}

/// Two processes import into one bucket at once, files of one instrument that overlap: whichever is first, each row counts once. Where both
/// begin before either is done, one finds that it was overtaken and looks again.
#[test]
fn two_processes_that_import_into_a_bucket_at_once_keep_each_row_once() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let dir = workspace();
    let minutes = |name: &str, from: u32, to: u32| {
        let mut text = "time,open,high,low,close,volume\n".to_owned();
        for at in from..to {
            let (hour, minute, price) = (10 + at / 60, at % 60, at + 1);
            writeln!(
                text,
                "2024-01-03 {hour}:{minute:02},{price},{price},{price},{price},1"
            )
            .unwrap();
        }
        let file = dir.path().join(name).display().to_string();
        std::fs::write(&file, text).unwrap();
        file
    };
    let files = [minutes("one.csv", 0, 80), minutes("two.csv", 40, 120)];
    for round in 0..4 {
        let catalog = format!("s3://{BUCKET}/at-once/{round}");
        let started = files.each_ref().map(|file| {
            let words = [
                "import",
                file,
                "--catalog",
                &catalog,
                "--instrument",
                "X",
                "--json",
            ];
            Command::new(env!("CARGO_BIN_EXE_tickloom"))
                .args(words)
                .envs(server.options())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        });
        let counts = started.map(|process| {
            let ran = process.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert_eq!(ran.status.code(), Some(0), "{told}");
            let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
            ["written", "repeated", "refused"].map(|what| report[what].as_u64().unwrap())
        });
        let (first, second) = ([80, 0, 0], [40, 40, 0]);
        assert!(
            counts == [first, second] || counts == [second, first],
            "{counts:?}"
        );
        let words = [
            "backtest",
            "--data",
            &catalog,
            "--instrument",
            "X",
            "--json",
        ];
        let ran = with(&server, &[&words[..], &RULES].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let found: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(found["bars"], 120);
        let verified = with(&server, &["catalog", "verify", &catalog]);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    }
}
