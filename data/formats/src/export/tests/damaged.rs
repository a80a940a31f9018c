//! Exported files that were damaged or edited: one clear error, and nothing is imported.

use super::*;

/// The bytes of an exported file of two trades, changed.
struct Broken {
    name: &'static str,
    ending: &'static str,
    change: fn(Vec<u8>) -> Vec<u8>,
    expected: &'static str,
}

fn replaced(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

fn without_last(mut bytes: Vec<u8>, count: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - count);
    bytes
}

/// A 32-bit number of an Arrow file's trailer in place of the length of its footer.
fn footer_length(mut bytes: Vec<u8>, length: i32) -> Vec<u8> {
    let at = bytes.len() - 10;
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    bytes
}

const BROKEN: &[Broken] = &[
    Broken {
        name: "header",
        ending: "csv",
        change: |b| replaced(b, "\"export\":1", "\"export\":9"),
        expected: "metadata \"tickloom\" is version 9",
    },
    Broken {
        name: "no JSON",
        ending: "csv",
        change: |b| replaced(b, "\"runs\":[", "\"runs\":[["),
        expected: "metadata \"tickloom\" is",
    },
    Broken {
        name: "decimals",
        ending: "csv",
        change: |b| replaced(b, "\"price_decimals\":2", "\"price_decimals\":99"),
        expected: "price_decimals is 99, expected 0 to 9",
    },
    Broken {
        name: "run name",
        ending: "csv",
        change: |b| replaced(b, "\"run\":\"run-1\"", "\"run\":\"../run\""),
        expected: "run is \"../run\"",
    },
    Broken {
        name: "cut in a line",
        ending: "csv",
        change: |b| without_last(b, 3),
        expected: "line 4: no line end",
    },
    Broken {
        name: "cut at a line",
        ending: "csv",
        change: |b| {
            let text = String::from_utf8(b).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            format!("{}\n", lines[..3].join("\n")).into_bytes()
        },
        expected: "number of rows is 1, expected 2",
    },
    Broken {
        name: "columns",
        ending: "csv",
        change: |b| replaced(b, ",qty,", ",size,"),
        expected: "line 2: the columns ts_event",
    },
    Broken {
        name: "fields",
        ending: "csv",
        change: |b| replaced(b, "sell\n", "sell,1\n"),
        expected: "line 3: 12 fields, expected 11",
    },
    Broken {
        name: "UTF-8",
        ending: "csv",
        change: |b| {
            let at = b.len() - 3;
            let mut b = b;
            b[at] = 0xff;
            b
        },
        expected: "line 4: bytes that are no text",
    },
    Broken {
        name: "date",
        ending: "csv",
        change: |b| replaced(b, "2024-08-08T23:54:15.030314667Z", "9999-08-08T23:54:15Z"),
        expected: "line 3: ts_event is \"9999-08-08T23:54:15Z\", expected a time",
    },
    Broken {
        name: "price",
        ending: "csv",
        change: |b| replaced(b, "61837.63", "61837.635"),
        expected: "line 3: price is 61837635000000, expected a number at the instrument's scale",
    },
    Broken {
        name: "too large",
        ending: "csv",
        change: |b| replaced(b, "61837.63", "92233720368547758.08"),
        expected: "expected a number at the instrument's scale",
    },
    Broken {
        name: "negative",
        ending: "csv",
        change: |b| replaced(b, ",5,run-1", ",-5,run-1"),
        expected: "line 3: seq is \"-5\", expected a whole number",
    },
    Broken {
        name: "order",
        ending: "csv",
        change: |b| replaced(b, ",5,run-1", ",6,run-1"),
        expected: "line 4: seq is 6, expected above that of the row before",
    },
    Broken {
        name: "run",
        ending: "csv",
        change: |b| replaced(b, ",run-1,test", ",run-2,test"),
        expected: "line 3: run is run-2, expected a run of the file",
    },
    Broken {
        name: "instrument",
        ending: "csv",
        change: |b| replaced(b, "test.BTC-USD,feed", "test.ETH-USD,feed"),
        expected: "line 3: instrument is test.ETH-USD",
    },
    Broken {
        name: "word",
        ending: "csv",
        change: |b| replaced(b, "sell", "sold"),
        expected: "line 3: side is sold, expected a side",
    },
    Broken {
        name: "table",
        ending: "csv",
        change: |b| replaced(b, "\"table\":\"trades\"", "\"table\":\"quotes\""),
        expected: "line 2: the columns",
    },
    Broken {
        name: "cut",
        ending: "csv.gz",
        change: |b| without_last(b, 9),
        expected: "cannot read",
    },
    Broken {
        name: "cut in a line",
        ending: "jsonl",
        change: |b| without_last(b, 3),
        expected: "line 3: a line without an end",
    },
    Broken {
        name: "no object",
        ending: "jsonl",
        change: |b| replaced(b, "\n{\"ts_event\"", "\n[\"ts_event\""),
        expected: "line 2: invalid",
    },
    Broken {
        name: "no value",
        ending: "jsonl",
        change: |b| replaced(b, "\"seq\":5", "\"seq\":null"),
        expected: "line 2: seq is \"null\", expected a value",
    },
    Broken {
        name: "missing",
        ending: "jsonl",
        change: |b| replaced(b, "\"seq\":5,", ""),
        expected: "line 2: no seq, expected all columns",
    },
    Broken {
        name: "twice",
        ending: "jsonl",
        change: |b| replaced(b, "\"seq\":5,", "\"seq\":5,\"seq\":5,"),
        expected: "line 2: 12 keys, expected 11",
    },
    Broken {
        name: "nested",
        ending: "jsonl",
        change: |b| replaced(b, "\"seq\":5,", "\"seq\":[5],"),
        expected: "line 2: seq is [5]",
    },
    Broken {
        name: "long line",
        ending: "jsonl",
        change: |mut b| {
            b.extend(vec![b' '; (1 << 20) + 2]);
            b
        },
        expected: "line 4: a line of more than 1048576 bytes",
    },
    Broken {
        name: "cut",
        ending: "arrow",
        change: |b| without_last(b, 1),
        expected: "content is without its end",
    },
    Broken {
        name: "short",
        ending: "arrow",
        change: |mut b| {
            b.truncate(8);
            b
        },
        expected: "content is too short",
    },
    Broken {
        name: "long footer",
        ending: "arrow",
        change: |b| footer_length(b, i32::MAX),
        expected: "a footer longer than the file",
    },
    Broken {
        name: "negative footer",
        ending: "arrow",
        change: |b| footer_length(b, -1),
        expected: "a footer longer than the file",
    },
    Broken {
        name: "middle lost",
        ending: "arrow",
        change: |mut b| {
            b.drain(400..600);
            b
        },
        expected: "expected a whole Arrow IPC file",
    },
    Broken {
        name: "cut",
        ending: "parquet",
        change: |b| without_last(b, 1),
        expected: "expected a whole Parquet file",
    },
    Broken {
        name: "middle lost",
        ending: "parquet",
        change: |mut b| {
            b.drain(20..60);
            b
        },
        expected: "content is",
    },
];

#[test]
fn a_damaged_or_edited_file_is_one_clear_error_and_nothing_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = small_catalog(dir.path());
    let into = dir.path().join("again");
    for broken in BROKEN {
        let path = dir.path().join(format!("t.{}", broken.ending));
        export(&catalog, Table::Trades, &path);
        let bytes = (broken.change)(fs::read(&path).unwrap());
        fs::write(&path, bytes).unwrap();
        let what = format!("{} in {}", broken.name, broken.ending);
        let error = match import(&path, &into) {
            Ok(_) => panic!("{what} was imported"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(broken.expected), "{what}: {error}");
        let ranges = Catalog::open(&into).unwrap().ranges().unwrap();
        assert_eq!(ranges, [], "{what}");
    }
}

/// Every byte of an Arrow file changed, one at a time: an error or records, but never a crash.
#[test]
fn any_byte_of_an_arrow_file_may_be_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = small_catalog(dir.path());
    let path = dir.path().join("t.arrow");
    export(&catalog, Table::Trades, &path);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for change in [0xff, 0x80, 0x01] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let input = crate::Input::bytes(&path, bytes);
            if let Err(error) = input.read(&ImportOptions::default()) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}
