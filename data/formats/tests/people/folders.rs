//! Folders of files, and what their paths say.

use crate::written::{arrow_of, bars, batch, lines, write};
use std::path::Path;
use tickloom_catalog::{Catalog, ScanQuery};
use tickloom_formats::{ImportOptions, Input, inputs, is_columnar, read_folder};

fn read(folder: &Path) -> Result<Vec<String>, String> {
    let read = read_folder(folder, &ImportOptions::default());
    let read = read.map_err(|error| error.to_string())?;
    Ok(lines(&read.expect("files").records))
}

#[test]
fn files_of_a_folder_are_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("SPY");
    let mut second = bars(&[3.0, 4.0]);
    second[0].1 = crate::written::times(&[120, 180]);
    // Columns may be in another order.
    second.reverse();
    write(&folder, "part-1.parquet", &second);
    write(&folder, "part-0.parquet", &bars(&[1.0, 2.5]));
    std::fs::write(folder.join("_SUCCESS"), "").unwrap();
    std::fs::write(folder.join("README.txt"), "bars").unwrap();
    let read = read_folder(&folder, &ImportOptions::default())
        .unwrap()
        .unwrap();
    assert_eq!(
        lines(&read.records),
        [
            "60 SPY 1 1 1 1 x 5",
            "120 SPY 2.5 2.5 2.5 2.5 x 6",
            "180 SPY 3 3 3 3 x 5",
            "240 SPY 4 4 4 4 x 6"
        ]
    );
    assert_eq!(read.passed_over, [folder.join("README.txt")]);
    let none = dir.path().join("none");
    std::fs::create_dir(&none).unwrap();
    assert!(
        read_folder(&none, &ImportOptions::default())
            .unwrap()
            .is_none()
    );
}

#[test]
fn folders_are_columns_that_do_not_override_a_time() {
    let dir = tempfile::tempdir().unwrap();
    for (symbol, day) in [("AAPL", 2), ("AAPL", 3), ("MSFT", 2)] {
        let mut columns = bars(&[f64::from(day), 4.0]);
        let start = i64::from(day - 2) * 86_400;
        columns[0].1 = crate::written::times(&[start, start + 60]);
        write(
            dir.path(),
            &format!("symbol={symbol}/date=2020-05-0{day}/part-0.parquet"),
            &columns,
        );
    }
    let found = read(dir.path()).unwrap();
    assert_eq!(found.len(), 6);
    assert_eq!(found[0], "60 AAPL 2 2 2 2 x 5");
    assert_eq!(found[1], "60 MSFT 2 2 2 2 x 5");
    assert_eq!(found[4], "86460 AAPL 3 3 3 3 x 5");
    // A file alone has the same folders, and two of the same bytes are two.
    let catalog = Catalog::create(&dir.path().join("catalog")).unwrap();
    for symbol in ["AAPL", "MSFT"] {
        let path = dir
            .path()
            .join(format!("symbol={symbol}/date=2020-05-02/part-0.parquet"));
        let report = inputs(&path).unwrap()[0]
            .import(&ImportOptions::default(), &catalog)
            .unwrap();
        assert_eq!(
            (report.unchanged, report.instruments),
            (false, vec![symbol.to_owned()])
        );
    }
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    assert_eq!(scan.count(), 4);
}

#[test]
fn a_date_of_a_folder_is_that_of_a_time_of_day() {
    let dir = tempfile::tempdir().unwrap();
    let mut columns = bars(&[1.0, 2.0]);
    let nanos =
        arrow_array::Time64NanosecondArray::from(vec![34_200_000_000_000, 34_260_000_000_000]);
    columns[0].1 = std::sync::Arc::new(nanos);
    write(dir.path(), "symbol=A/date=2024-01-02/0.parquet", &columns);
    assert_eq!(
        read(dir.path()).unwrap(),
        ["60 A 1 1 1 1 x 5", "120 A 2 2 2 2 x 6"]
    );
    write(dir.path(), "x/A.parquet", &columns);
    let error = read(&dir.path().join("x")).unwrap_err();
    assert!(
        error.contains("times of day in \"time\" without a date"),
        "{error}"
    );
}

#[test]
fn files_that_do_not_go_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "1.parquet", &bars(&[1.0, 2.0]));
    let mut other = bars(&[3.0, 4.0]);
    other.retain(|(name, _)| *name != "volume");
    write(dir.path(), "2.parquet", &other);
    let error = read(dir.path()).unwrap_err();
    assert!(
        error.ends_with("2.parquet: no column \"volume\", expected the columns of the first file"),
        "{error}"
    );
    let mut wrong = bars(&[3.0, f64::NAN]);
    wrong[0].1 = crate::written::times(&[120, 180]);
    write(dir.path(), "2.parquet", &wrong);
    let error = read(dir.path()).unwrap_err();
    assert!(
        error.contains("1 of 4 rows are wrong") && error.contains("in row 2"),
        "{error}"
    );
    // Names are of two instruments, unless something says what they are.
    let two = tempfile::tempdir().unwrap();
    write(two.path(), "AAPL.parquet", &bars(&[1.0, 2.0]));
    write(two.path(), "MSFT.parquet", &bars(&[3.0, 4.0]));
    let error = read(two.path()).unwrap_err();
    assert!(
        error.contains("which nothing in them says to be of one"),
        "{error}"
    );
}

#[test]
fn a_part_that_names_nothing_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "part-0.parquet", &bars(&[1.0, 2.0]));
    let path = dir.path().join("part-0.parquet");
    let read = |options| inputs(&path).unwrap()[0].read(&options);
    let error = read(ImportOptions::default()).unwrap_err().to_string();
    assert!(
        error.contains("\"part-0.parquet\", which names no instrument"),
        "{error}"
    );
    let named = ImportOptions {
        instrument: Some("ABC".to_owned()),
        ..ImportOptions::default()
    };
    assert_eq!(lines(&read(named).unwrap())[0], "60 ABC 1 1 1 1 x 5");
}

#[test]
fn what_is_in_no_format_that_is_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let read = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = inputs(&path).unwrap()[0]
            .read(&ImportOptions::default())
            .unwrap_err();
        error.to_string().replace(&path.display().to_string(), name)
    };
    let first = read("a.feather", b"FEA1 and what follows");
    assert!(
        first.starts_with("a.feather: a Feather file of version 1, expected Feather of version 2"),
        "{first}"
    );
    let secret = read("a.parquet", b"PARE and what follows PARE");
    assert!(
        secret.starts_with("a.parquet: an encrypted Parquet file"),
        "{secret}"
    );
    let whole = crate::written::parquet_of(&batch(&bars(&[1.0, 2.0])), 10);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &whole).unwrap();
    let packed = read("a.parquet.gz", &gzip.finish().unwrap());
    assert!(
        packed.starts_with(
            "a.parquet.gz: a Parquet file within a packed file, expected the file itself"
        ),
        "{packed}"
    );
    assert!(is_columnar(&dir.path().join("a.feather")).unwrap());
    let arrow = Input::bytes(Path::new("x.arrow"), arrow_of(&batch(&bars(&[1.0, 2.0]))));
    assert_eq!(
        arrow.read(&ImportOptions::default()).unwrap().records.len(),
        2
    );
}
