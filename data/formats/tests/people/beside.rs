//! What columns say beside those of times, prices and sizes.

use crate::written::{Columns, floats, lines, read, read_as, refused, texts, times, wholes};
use tickloom_formats::ImportOptions;
use tickloom_types::Record;

fn with(mapping: &str) -> ImportOptions {
    ImportOptions {
        mapping: mapping.parse().unwrap(),
        ..ImportOptions::default()
    }
}

fn trades() -> Columns {
    vec![
        ("time", times(&[0, 1])),
        ("price", floats(&[1.5, 2.5])),
        ("size", wholes(&[1, 2])),
    ]
}

#[test]
fn fractions_of_seconds() {
    let mut columns = trades();
    columns.push(("ms", wholes(&[7, 999])));
    columns.push(("ns", floats(&[1.0, 0.0])));
    let file = read(&columns).unwrap();
    let beyond: Vec<i64> = (file.records.iter())
        .map(|record: &Record| record.ts_event().0 - 1_704_187_800_000_000_000)
        .collect();
    assert_eq!(beyond, [7_000_001, 1_999_000_000]);
    columns.push(("us", wholes(&[1_000_000, 0])));
    let found = refused(&columns, &ImportOptions::default());
    assert!(
        found.contains("microseconds of a second, 0 to 999999"),
        "{found}"
    );
}

#[test]
fn sides_that_contradict_each_other() {
    let mut columns = trades();
    columns.push(("side", texts(&["buy", "sell"])));
    columns.push(("is_buyer_maker", texts(&["true", "false"])));
    let found = refused(&columns, &ImportOptions::default());
    assert!(
        found.contains("the side that \"is_buyer_maker\" says"),
        "{found}"
    );
    let file = read_as("ABC.parquet", &columns, &with("buyer_maker=-")).unwrap();
    assert_eq!(lines(&file)[0], "0 ABC 1.5 x 1 side 1 id 0");
}

#[test]
fn words_that_tell_bars_apart() {
    let prices = || floats(&[1.0, 2.0, 3.0, 4.0]);
    let columns: Columns = vec![
        ("time", times(&[0, 60, 0, 60])),
        ("lot", texts(&["Red", "Red", "Blue", "Blue"])),
        ("open", prices()),
        ("high", prices()),
        ("low", prices()),
        ("close", prices()),
    ];
    let found = refused(&columns, &ImportOptions::default());
    let expected = "row 3: several bars of one time, which column \"lot\" tells apart (Blue, Red), expected --columns symbol=lot";
    assert!(found.contains(expected), "{found}");
    let file = read_as("ABC.parquet", &columns, &with("symbol=lot")).unwrap();
    assert_eq!(file.instruments.defs().len(), 2);
}

#[test]
fn floats_are_rounded_where_it_is_told() {
    let columns: Columns = vec![
        ("time", times(&[0, 1])),
        (
            "price",
            floats(&[187.149_993_896_484_38, 33.333_333_333_333_336]),
        ),
        ("size", wholes(&[1, 2])),
    ];
    let options = ImportOptions {
        round: Some(3),
        ..ImportOptions::default()
    };
    let file = read_as("ABC.parquet", &columns, &options).unwrap();
    assert_eq!(
        lines(&file),
        [
            "0 ABC 187.15 x 1 side 0 id 0",
            "1 ABC 33.333 x 2 side 0 id 0"
        ]
    );
    assert_eq!(file.report.taken.unwrap().rounded_values, 2);
}
