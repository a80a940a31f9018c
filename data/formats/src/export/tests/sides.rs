//! A price that is none is null in exported files: of an empty side of a quote, a market order, an emptied book.

use super::*;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// An empty bid, an empty ask, neither, both, a price of zero with a size, and a price without a size.
const QUOTES: [[i64; 4]; 6] = [
    [0, 0, 102, 7],
    [101, 5, 0, 0],
    [101, 5, 102, 7],
    [0, 0, 0, 0],
    [0, 5, 102, 7],
    [101, 0, 102, 0],
];

fn quotes(quotes: &[[i64; 4]]) -> Vec<Record> {
    let record = |(at, [bid, bid_qty, ask, ask_qty]): (i64, &[i64; 4])| {
        let header = Header::new(Kind::Quote, InstrumentId(2), SourceId(0), Ts(at), Ts(at));
        QuoteBody {
            bid: *bid,
            bid_qty: *bid_qty,
            ask: *ask,
            ask_qty: *ask_qty,
            update_id: 9,
        }
        .record(header)
    };
    (0..).zip(quotes).map(record).collect()
}

fn catalog(dir: &Path, bodies: &[[i64; 4]]) -> Catalog {
    let catalog = Catalog::create(&dir.join("catalog")).unwrap();
    write(&catalog, &meta("run-1", 0), &quotes(bodies));
    catalog
}

/// Of the four columns whether a cell may be null, and the cells.
fn cells(batch: &RecordBatch) -> Vec<(bool, Vec<Option<i128>>)> {
    let of = |name: &&str| {
        let array = batch.column_by_name(name).unwrap();
        let field = batch.schema().field_with_name(name).unwrap().clone();
        let values = array.as_primitive::<Decimal128Type>().iter().collect();
        (field.is_nullable(), values)
    };
    ["bid", "bid_qty", "ask", "ask_qty"]
        .iter()
        .map(of)
        .collect()
}

#[test]
fn an_empty_side_has_no_price_in_any_format() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(dir.path(), &QUOTES);
    let file = |ending: &str| {
        let path = dir.path().join(format!("q.{ending}"));
        export(&catalog, Table::Quotes, &path);
        path
    };
    let csv = fs::read_to_string(file("csv")).unwrap();
    // The name of the source has a line end.
    let rows = csv.lines().filter(|line| line.ends_with(",9"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.rsplitn(6, ',').collect();
        [cells[4], cells[3], cells[2], cells[1]].join(",")
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            ",0,1.02,0.00000007",
            "1.01,0.00000005,,0",
            "1.01,0.00000005,1.02,0.00000007",
            ",0,,0",
            "0,0.00000005,1.02,0.00000007",
            "1.01,0,1.02,0",
        ]
    );
    let jsonl = fs::read_to_string(file("jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(jsonl.lines().nth(1).unwrap()).unwrap();
    assert!(first["bid"].is_null(), "{first}");
    assert_eq!(
        (&first["bid_qty"], &first["ask"]),
        (&"0".into(), &"1.02".into())
    );

    let price = |cents: i128| Some(cents * 10_000_000);
    let bids = vec![None, price(101), price(101), None, price(0), price(101)];
    let asks = vec![price(102), None, price(102), None, price(102), price(102)];
    let arrow = fs::File::open(file("arrow")).unwrap();
    let mut arrow = arrow_ipc::reader::FileReader::try_new(arrow, None).unwrap();
    let parquet = fs::File::open(file("parquet")).unwrap();
    let parquet = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap();
    let mut parquet = parquet.build().unwrap();
    for batch in [
        arrow.next().unwrap().unwrap(),
        parquet.next().unwrap().unwrap(),
    ] {
        let found = cells(&batch);
        assert_eq!(found[0], (true, bids.clone()));
        assert_eq!(found[2], (true, asks.clone()));
        assert!(!found[1].0 && !found[3].0);
        assert_eq!(found[1].1[..2], [Some(0), Some(50)]);
    }
}

#[test]
fn empty_sides_come_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(dir.path(), &QUOTES);
    for ending in ENDINGS {
        let path = dir.path().join(format!("q.{ending}"));
        export(&catalog, Table::Quotes, &path);
        let (again, report) = import(&path, &dir.path().join(format!("again-{ending}"))).unwrap();
        assert_eq!(report.written, 6, "{ending}");
        assert!(
            content(&again, Table::Quotes) == content(&catalog, Table::Quotes),
            "{ending}"
        );
    }
}

#[test]
fn files_of_before_with_zeros_are_read_and_a_price_that_is_missing_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(dir.path(), &[[0, 0, 102, 7]]);
    let path = dir.path().join("q.csv");
    export(&catalog, Table::Quotes, &path);
    let text = fs::read_to_string(&path).unwrap();
    let with = |row: &str| {
        let text = text.replace(",,0,1.02,0.00000007,", row);
        fs::write(&path, text).unwrap();
        import(&path, &dir.path().join("again"))
    };
    let (again, _) = with(",0,0,1.02,0.00000007,").unwrap();
    assert!(content(&again, Table::Quotes) == content(&catalog, Table::Quotes));
    let error = with(",,0.00000001,1.02,0.00000007,")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("bid is null, expected a value, as there is a size"),
        "{error}"
    );
    let error = with(",0,,1.02,0.00000007,").unwrap_err().to_string();
    assert!(error.contains("bid_qty is"), "{error}");
}

/// Of each table a record without a price, and one whose price is zero.
fn records_at_zero() -> [(Table, [Record; 2]); 4] {
    let header = |kind| Header::new(kind, InstrumentId(2), SourceId(0), Ts(1), Ts(1));
    let level = |clear: u8, flags: u8| {
        let level = LevelBody {
            clear,
            side: 1,
            ..LevelBody::default()
        };
        level.record(header(Kind::Level).with_flags(flags))
    };
    let update = |action: BookAction| {
        let update = OrderUpdateBody {
            action: action as u8,
            ..OrderUpdateBody::default()
        };
        update.record(header(Kind::OrderUpdate))
    };
    let order = |order_type: OrderType| {
        let order = OrderBody {
            order_type: order_type as u8,
            status: 1,
            side: 1,
            ..OrderBody::default()
        };
        order.record(header(Kind::Order))
    };
    let snapshot = Flags::SNAPSHOT;
    [
        (Table::BookUpdates, [level(1, 0), level(0, 0)]),
        (
            Table::BookSnapshots,
            [level(1, snapshot), level(0, snapshot)],
        ),
        (
            Table::OrderUpdates,
            [update(BookAction::Clear), update(BookAction::Cancel)],
        ),
        (
            Table::Orders,
            [order(OrderType::Market), order(OrderType::Limit)],
        ),
    ]
}

#[test]
fn what_has_no_price_is_told_from_what_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for (table, records) in records_at_zero() {
        let catalog = Catalog::create(&dir.path().join(format!("{table}"))).unwrap();
        let mut writer = catalog.writer(&meta("run-1", 0), 0, "test").unwrap();
        for (seq, record) in (0..).zip(&records) {
            if table.is_output() {
                writer.push_output(seq, seq, record).unwrap();
            } else {
                writer.push(seq, record).unwrap();
            }
        }
        writer.finish().unwrap();
        for ending in ENDINGS {
            let path = dir.path().join(format!("{table}.{ending}"));
            export(&catalog, table, &path);
            let (again, _) = import(&path, &dir.path().join(format!("{table}-{ending}"))).unwrap();
            assert!(
                content(&again, table) == content(&catalog, table),
                "{table} {ending}"
            );
        }
        let path = dir.path().join(format!("{table}.jsonl"));
        let lines = fs::read_to_string(&path).unwrap();
        let prices = lines.lines().skip(1).map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            row["price"].clone()
        });
        assert_eq!(
            prices.collect::<Vec<_>>(),
            [serde_json::Value::Null, "0".into()],
            "{table}"
        );
    }
}
