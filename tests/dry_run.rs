//! `import --dry-run` says of each of several files what an import of all of them says, and leaves nothing anywhere.

#![cfg(test)]

mod cli;

use cli::{tickloom, workspace};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Every file below a directory with its bytes.
fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                all.insert(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    all
}

/// What each file came to, without the name under which it is kept.
fn imports(words: &[&str], more: &[&str]) -> (i32, Value, Value) {
    let ran = tickloom(&[&["import", "--json"], words, more].concat());
    let mut report: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let totals = ["read", "written", "refused", "repeated", "failed", "kinds"];
    let totals: Value = totals.iter().map(|what| report[*what].take()).collect();
    for one in report["imports"].as_array_mut().unwrap() {
        one.as_object_mut().unwrap().remove("run");
    }
    (ran.code, totals, report["imports"].take())
}

/// Tries it, with a temporary directory of its own, and then does it: the same is said of each file.
fn check(words: &[&str], catalog: &Path) -> Value {
    let before = content(catalog);
    let temporary = workspace();
    let ran = Command::new(env!("CARGO_BIN_EXE_tickloom"))
        .args([&["import", "--json"], words, &["--dry-run"]].concat())
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    assert!(content(temporary.path()).is_empty());
    assert!(content(catalog) == before, "a dry run changes nothing");
    let tried = imports(words, &["--dry-run"]);
    assert_eq!(Some(tried.0), ran.status.code());
    assert!(content(catalog) == before, "a dry run changes nothing");
    let done = imports(words, &[]);
    assert_eq!(tried, done);
    done.2
}

fn bars(rows: &[(u32, u32)]) -> String {
    let rows = rows
        .iter()
        .map(|(day, price)| format!("2024-01-{day:02},{price},{price},{price},{price},1\n"));
    let head = "date,open,high,low,close,volume\n".to_owned();
    head + &rows.collect::<String>()
}

fn trades(rows: &[(u32, u32)]) -> String {
    let rows = rows
        .iter()
        .map(|(id, size)| format!("2024-01-01T00:00:{id:02}Z,10,{size},buy,{id}\n"));
    "time,price,size,side,id\n".to_owned() + &rows.collect::<String>()
}

/// A message of a trade in a capture of ours.
fn line(id: u32, size: u32) -> String {
    let ms = 1_782_259_200_000_u64 + u64::from(id);
    let data = format!(
        r#"{{"e":"trade","E":{ms},"s":"ABUSDT","t":{id},"p":"10","q":"{size}","T":{ms},"m":true}}"#
    );
    format!("{ms}000000 {{\"stream\":\"abusdt@trade\",\"data\":{data}}}\n")
}

#[test]
fn a_dry_run_of_a_folder_says_file_for_file_what_the_import_says() {
    let dir = workspace();
    let folder = dir.path().join("files");
    for (name, text) in [
        ("1/X.csv", bars(&[(1, 1), (2, 2), (3, 3)])),
        // One bar again.
        ("2/X.csv", bars(&[(3, 3), (4, 4)])),
        // One bar with other numbers, which refuses so short a file.
        ("3/X.csv", bars(&[(4, 5), (5, 5)])),
        // The first file again.
        ("4/X.csv", bars(&[(1, 1), (2, 2), (3, 3)])),
        // What 3 alone would have had: it was refused.
        ("5/X.csv", bars(&[(5, 6), (6, 6)])),
        ("t1/T.csv", trades(&[(1, 1), (2, 1)])),
        ("t2/T.csv", trades(&[(2, 1), (3, 1)])),
        ("t3/T.csv", trades(&[(3, 9), (4, 1)])),
        // Two captures that are none of one recording.
        ("u1/one", (1..5).map(|id| line(id, 1)).collect()),
        ("u2/two", (3..9).map(|id| line(id, 1)).collect()),
        ("z/none.txt", "nothing\n".to_owned()),
    ] {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let catalog = dir.path().join("catalog");
    let (files, at) = (folder.display().to_string(), catalog.display().to_string());
    let found = check(&[&files, "--catalog", &at], &catalog);
    let said = |name: &str| {
        let all = found.as_array().unwrap().iter();
        let is_it = |one: &&Value| one["files"][0].as_str().unwrap().ends_with(name);
        let one = all.clone().find(is_it).unwrap();
        let counts = ["written", "repeated", "refused"];
        let counts = counts.map(|what| one[what].as_u64().unwrap());
        (
            counts,
            one["unchanged"].as_bool().unwrap(),
            !one["failed"].is_null(),
        )
    };
    assert_eq!(said("1/X.csv"), ([3, 0, 0], false, false));
    assert_eq!(said("2/X.csv"), ([1, 1, 0], false, false));
    assert_eq!(said("3/X.csv"), ([0, 0, 1], false, true));
    assert_eq!(said("4/X.csv"), ([3, 0, 0], true, false));
    assert_eq!(said("5/X.csv"), ([2, 0, 0], false, false));
    assert_eq!(said("t2/T.csv"), ([1, 1, 0], false, false));
    assert_eq!(said("t3/T.csv"), ([0, 0, 1], false, true));
    assert_eq!(said("u2/two"), ([4, 2, 0], false, false));
    // And over what is there: all of it again, in another order, and what is new.
    let new = folder.join("9/X.csv");
    fs::create_dir_all(new.parent().unwrap()).unwrap();
    fs::write(&new, bars(&[(6, 6), (7, 7)])).unwrap();
    let again = folder.join("8/X.csv");
    fs::create_dir_all(again.parent().unwrap()).unwrap();
    fs::write(&again, bars(&[(7, 8), (8, 8)])).unwrap();
    let [new, again] = [new, again].map(|path| path.display().to_string());
    let words = [&new, &again, &files, "--catalog", &at];
    let found = check(&words, &catalog);
    assert_eq!(found[0]["written"], 1, "{found}");
    assert!(
        found[1]["failed"]
            .as_str()
            .unwrap()
            .contains("other numbers")
    );
    // Bundled, they are still known.
    let ran = tickloom(&["catalog", "compact", &at]);
    assert_eq!(ran.code, 0, "{ran:?}");
    check(&words, &catalog);
}

/// Books: one that goes on where another ends, and two recordings of one, in one command.
#[test]
fn a_dry_run_knows_the_books_of_the_files_before() {
    let dir = workspace();
    let message = |channel: &str, at: u64, bid: &str| {
        format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"AB-USDT"}},"action":"snapshot","data":[{{"asks":[],"bids":[["{bid}","4","0","1"]],"ts":"178225920{at}000","seqId":{at}}}]}}"#
        )
    };
    let folder = dir.path().join("files");
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, lines: &[String]| {
        fs::write(folder.join(name), lines.join("\n") + "\n").unwrap();
        folder.join(name).display().to_string()
    };
    let one = write(
        "one",
        &[message("books", 1, "10"), message("books", 5, "11")],
    );
    let two = write(
        "two",
        &[message("books", 2, "10"), message("books", 4, "12")],
    );
    let catalog = dir.path().join("catalog");
    let at = catalog.display().to_string();
    let words = [&one, &two, "--catalog", &at];
    check(&words, &catalog);
    check(&words, &catalog);
}

/// An exported file beside its own again, and a damaged one.
#[test]
fn a_dry_run_of_exported_files_is_as_their_import() {
    let dir = workspace();
    let csv = dir.path().join("X.csv");
    fs::write(&csv, bars(&[(1, 1), (2, 2), (3, 3)])).unwrap();
    let from = dir.path().join("from").display().to_string();
    let csv = csv.display().to_string();
    assert_eq!(tickloom(&["import", &csv, "--catalog", &from]).code, 0);
    let out = dir.path().join("out.csv").display().to_string();
    let words = [
        "export",
        "--catalog",
        &from,
        "--instrument",
        "X",
        "--kind",
        "bars",
    ];
    let ran = tickloom(&[&words[..], &["--to-file", &out]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let again = dir.path().join("again.csv").display().to_string();
    fs::copy(&out, &again).unwrap();
    let damaged = dir.path().join("damaged.csv").display().to_string();
    let text = fs::read_to_string(&out).unwrap();
    fs::write(&damaged, text.replace("2024-01-03", "2024-01-xx")).unwrap();
    let catalog = dir.path().join("catalog");
    let at = catalog.display().to_string();
    let found = check(&[&out, &again, &damaged, &csv, "--catalog", &at], &catalog);
    assert_eq!(found[1]["unchanged"], true, "{found}");
    assert!(!found[2]["failed"].is_null(), "{found}");
}
