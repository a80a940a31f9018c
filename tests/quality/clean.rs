//! Real data sets: what the ledger has of them is what is truly there, counted here once more in another way.

use crate::cli::{shared_data, tickloom, workspace};
use crate::support::{Row, eurusd, expected, lean_quotes, lines, quality, write};
use std::io::Read;
use std::path::Path;
use tickloom_types::{QuoteBody, Record, Ts};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Rows of imported files, without their times.
fn kinds(files: &[&str], more: &[&str]) -> Option<Vec<String>> {
    let files: Vec<String> = files
        .iter()
        .map(|file| shared_data(file))
        .collect::<Option<_>>()?;
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let mut words = vec!["import", "--catalog", &catalog];
    words.extend(files.iter().map(String::as_str));
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let rows = quality(&catalog, more);
    let kinds = rows.iter().map(|row| {
        let table = row["table"].as_str().unwrap_or("all");
        format!(
            "{} {table} {}: {}",
            row["kind"].as_str().unwrap(),
            row["count"],
            row["evidence"].as_str().unwrap()
        )
    });
    Some(kinds.collect())
}

/// Thirteen years of three stocks as they were traded: two splits of one, and a fall by half which is none.
#[test]
fn prices_before_a_split_are_not_adjusted() {
    let Some(file) = shared_data("equity-daily/stocks.part-a.csv.gz") else {
        return;
    };
    let mut text = String::new();
    let opened = std::fs::File::open(file).unwrap();
    flate2::read::GzDecoder::new(opened)
        .read_to_string(&mut text)
        .unwrap();
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    for ticker in ["AAPL", "IBM", "GOOG"] {
        let rows = text.lines().filter_map(|line| {
            let (of, row) = line.split_once(',')?;
            let (row, _) = row.rsplit_once(',')?;
            (of == ticker).then(|| format!("{row}\n"))
        });
        let head = "Date,Open,High,Low,Close,Volume\n".to_owned();
        let csv: String = std::iter::once(head).chain(rows).collect();
        let file = dir.path().join(format!("{ticker}.csv"));
        std::fs::write(&file, csv).unwrap();
        let ran = tickloom(&["import", file.to_str().unwrap(), "--catalog", &catalog]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let found = quality(&catalog, &["--calendar", "us-equity"]);
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    let found: Vec<(String, String)> = found
        .iter()
        .map(|row| (text(row, "kind"), text(row, "evidence")))
        .collect();
    // On 21 June 2000 and 28 February 2005.
    let expected = [
        "from 101.25 to 50.5, which is 2 for 1",
        "from 88.99 to 44.68, which is 2 for 1",
    ]
    .map(|how| {
        let how = format!("{how}, with the volume the other way: prices before are not adjusted");
        ("split".to_owned(), how)
    });
    assert_eq!(found, expected);
    let strict = tickloom(&[
        "quality",
        "--catalog",
        &catalog,
        "--kind",
        "split",
        "--strict",
    ]);
    assert_eq!(strict.code, 1, "{strict:?}");
    assert!(strict.stderr.contains("found 2 split"), "{strict:?}");
    let sums = tickloom(&["quality", "--catalog", &catalog, "--summary"]);
    let line =
        "  split                 2 rows            2  2000-06-21T00:00:00Z to 2005-03-01T00:00:00Z";
    assert!(sums.stdout.contains(line), "{sums:?}");
}

/// Files that people have made, of which too little is there for a usual distance: one hole in each.
#[test]
fn a_hole_in_a_short_file_is_found() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for (name, missing) in [("three-months-hole.csv", 89), ("hole-in-900-days.csv", 90)] {
        let csv = cases.join(name);
        let dir = workspace();
        let catalog = dir.path().join("catalog").display().to_string();
        let ran = tickloom(&["import", csv.to_str().unwrap(), "--catalog", &catalog]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let found = quality(&catalog, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["kind"], "gap");
        assert_eq!(found[0]["count"], missing);
    }
}

/// Eight and a half years of trading days: the calendar's and the file's are the same days.
#[test]
fn daily_bars_miss_no_session() {
    let Some(found) = kinds(&["peer-bars/GOOG.csv.gz"], &["--calendar", "us-equity"]) else {
        return;
    };
    assert_eq!(found, Vec::<String>::new());
}

/// Half a million quotes of thirteen days. One of them is there twice, and nothing else is wrong.
#[test]
fn quotes_of_foreign_exchange_have_one_line_twice() {
    let days = [1, 2, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15];
    let mut records: Vec<Record> = Vec::new();
    for day in days {
        let Some(file) = shared_data(&format!(
            "lean-fx-tick/oanda/eurusd/201405{day:02}_quote.zip"
        )) else {
            return;
        };
        let midnight = Ts::parse(&format!("2014-05-{day:02}")).unwrap();
        records.extend(lean_quotes(&file, midnight));
    }
    assert_eq!(records.len(), 532_903);
    let twice = records
        .windows(2)
        .filter(|pair| pair[0].body == pair[1].body && pair[0].header == pair[1].header);
    let twice: Vec<Row> = twice
        .map(|pair| {
            Row::new(
                "duplicate",
                "quotes",
                pair[1].header.ts_event,
                pair[1].header.ts_event,
                1,
            )
        })
        .collect();
    assert_eq!(twice.len(), 1);
    let dir = workspace();
    let catalog = write(dir.path(), "oanda", &records, &eurusd());
    let found = quality(&catalog, &["--calendar", "fx"]);
    assert_eq!(lines(&found), expected(&twice), "{found:#?}");
}

/// A day of another venue, whose quotes really are crossed, again and again: every interval, as a plain loop finds it.
#[test]
fn crossed_quotes_of_a_venue_are_all_told() {
    let Some(file) = shared_data("lean-fx-tick/fxcm/eurusd/20140502_quote.zip") else {
        return;
    };
    // FXCM's files are five hours behind UTC all year.
    let midnight = Ts(Ts::parse("2014-05-02").unwrap().0 + 5 * DAY / 24);
    let records = lean_quotes(&file, midnight);
    let mut intervals: Vec<Row> = Vec::new();
    let mut open: Option<(i64, u64)> = None;
    for record in &records {
        let (quote, ts) = (QuoteBody::of(record), record.header.ts_event);
        open = match (quote.bid > quote.ask, open) {
            (true, None) => Some((ts, 1)),
            (true, Some((from, count))) => Some((from, count + 1)),
            (false, Some((from, count))) => {
                match intervals.last_mut() {
                    Some(last) if from - last.to <= SECOND => {
                        (last.to, last.count) = (ts, last.count + count)
                    }
                    _ => intervals.push(Row::new("crossed", "quotes", from, ts, count)),
                }
                None
            }
            (false, None) => None,
        };
    }
    assert!(
        open.is_none() && intervals.len() > 100,
        "{}",
        intervals.len()
    );
    let dir = workspace();
    let catalog = write(dir.path(), "fxcm", &records, &eurusd());
    let found = quality(&catalog, &["--calendar", "fx"]);
    assert_eq!(lines(&found), expected(&intervals));
}
