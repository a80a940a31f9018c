//! What DBN holds of tables, to the last digit, and what it cannot hold exactly and is refused.

use super::*;

/// A run of a future: prices of two decimals, whole contracts.
fn future(dir: &Path, records: &[Record]) -> Catalog {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("ESH4", 2, 0, "USD");
    instruments.add(def).unwrap();
    instruments
        .add(InstrumentDef::new("FINE", 2, 3, "USD"))
        .unwrap();
    let name = "feed".to_owned();
    let kind = SourceKind::Feed;
    instruments.add_source(SourceDef::new(name, kind)).unwrap();
    instruments.bar_source("1m".parse().unwrap()).unwrap();
    instruments.bar_source("5m".parse().unwrap()).unwrap();
    let meta = RunMeta::new("run-1", Ts(0), instruments).unwrap();
    let catalog = Catalog::create(dir).unwrap();
    let mut writer = catalog.writer(&meta, 0, "test").unwrap();
    for (seq, record) in (0..).zip(records) {
        writer.push(seq, record).unwrap();
    }
    writer.finish().unwrap();
    catalog
}

const MINUTE: i64 = 60_000_000_000;

fn at(kind: Kind, source: u16) -> Header {
    let (event, recv) = (Ts(30 * MINUTE), Ts(30 * MINUTE + 9));
    Header::new(kind, InstrumentId(0), SourceId(source), event, recv)
}

/// A trade, a quote, an order and a bar that DBN can hold.
fn fitting() -> [Record; 4] {
    let header = at(Kind::Trade, 0).with_flags(Flags::LAST | Flags::SNAPSHOT);
    [
        TradeBody {
            price: 479_025,
            qty: 3,
            trade_id: 7,
            side: 2,
            ..TradeBody::default()
        }
        .record(header),
        QuoteBody {
            bid: -25,
            bid_qty: 4,
            ask: 0,
            ask_qty: 0,
            update_id: 8,
        }
        .record(at(Kind::Quote, 0)),
        OrderUpdateBody {
            order_id: u64::MAX,
            price: 479_050,
            qty: i64::from(u32::MAX - 1),
            update_id: 9,
            side: 1,
            action: BookAction::Modify as u8,
            ..OrderUpdateBody::default()
        }
        .record(at(Kind::OrderUpdate, 0).with_flags(Flags::MAYBE_BAD_BOOK)),
        BarBody {
            open: 1,
            high: 2,
            low: -3,
            close: 4,
            volume: i64::MAX,
        }
        .record(at(Kind::Bar, 1)),
    ]
}

#[test]
fn dbn_holds_what_it_can_to_the_last_digit() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = future(dir.path(), &fitting());
    let decode = |table: Table| {
        let path = dir.path().join(format!("{table}.dbn"));
        let report = export(&catalog, table, &path);
        assert_eq!((report.rows, report.notes.len()), (1, 0));
        ::dbn::decode::dbn::Decoder::from_file(path).unwrap()
    };
    let mut trades = decode(Table::Trades);
    let metadata = trades.metadata().clone();
    assert_eq!(metadata.symbols, ["ESH4", "FINE"]);
    assert_eq!(metadata.schema, Some(::dbn::Schema::Trades));
    let id = metadata.mappings[0].intervals[0].symbol.clone();
    let trade = trades.decode_record::<::dbn::TradeMsg>().unwrap().unwrap();
    assert_eq!(trade.hd.instrument_id.to_string(), id);
    assert_eq!(
        (trade.hd.ts_event, trade.ts_recv),
        (1_800_000_000_000, 1_800_000_000_009)
    );
    assert_eq!(
        (trade.price, trade.size, trade.sequence),
        (4_790_250_000_000, 3, 7)
    );
    assert_eq!(
        (trade.action().unwrap(), trade.side().unwrap()),
        (::dbn::Action::Trade, ::dbn::Side::Ask)
    );
    assert_eq!(trade.flags.raw(), 0xa0);

    let mut quotes = decode(Table::Quotes);
    let quote = quotes.decode_record::<::dbn::Mbp1Msg>().unwrap().unwrap();
    let level = &quote.levels[0];
    assert_eq!((level.bid_px, level.bid_sz), (-250_000_000, 4));
    assert_eq!((level.ask_px, level.ask_sz), (i64::MAX, 0));
    assert_eq!(quote.sequence, 8);

    let mut orders = decode(Table::OrderUpdates);
    let order = orders.decode_record::<::dbn::MboMsg>().unwrap().unwrap();
    assert_eq!((order.order_id, order.price), (u64::MAX, 4_790_500_000_000));
    assert_eq!(
        (order.size, order.sequence, order.flags.raw()),
        (u32::MAX - 1, 9, 0x04)
    );
    assert_eq!(
        (order.action().unwrap(), order.side().unwrap()),
        (::dbn::Action::Modify, ::dbn::Side::Bid)
    );

    let mut bars = decode(Table::Bars);
    let bar = bars.decode_record::<::dbn::OhlcvMsg>().unwrap().unwrap();
    assert_eq!(bar.hd.ts_event, 1_740_000_000_000, "its start");
    assert_eq!((bar.open, bar.low), (10_000_000, -30_000_000));
    assert_eq!(bar.volume, 9_223_372_036_854_775_807);
}

#[test]
fn what_dbn_cannot_hold_exactly_is_refused() {
    let trade = |price, qty, trade_id| TradeBody {
        price,
        qty,
        trade_id,
        side: 1,
        ..TradeBody::default()
    };
    let early = Header {
        ts_event: -1,
        ..at(Kind::Trade, 0)
    };
    let fine = Header {
        instrument: 1,
        ..at(Kind::Trade, 0)
    };
    let none = Header {
        instrument: InstrumentId::NONE.0,
        ..at(Kind::Trade, 0)
    };
    let refused = [
        (
            trade(1, 5_000_000_000, 1).record(at(Kind::Trade, 0)),
            "record 0: qty is 5000000000, expected at most 4294967294",
        ),
        (
            // What DBN means by it is that no size is told.
            trade(1, i64::from(u32::MAX), 1).record(at(Kind::Trade, 0)),
            "record 0: qty is 4294967295, expected at most 4294967294",
        ),
        (
            trade(1, 1_500, 1).record(fine),
            "record 0: qty is 1.5, expected a whole number",
        ),
        (
            trade(1, -1, 1).record(at(Kind::Trade, 0)),
            "record 0: qty is -1, expected a whole number",
        ),
        (
            trade(922_337_203_686, 1, 1).record(at(Kind::Trade, 0)),
            "record 0: price is mantissa 922337203686",
        ),
        (
            trade(1, 1, 1 << 32).record(at(Kind::Trade, 0)),
            "record 0: trade_id is 4294967296, expected at most",
        ),
        (
            trade(1, 1, 1).record(early),
            "record 0: ts_event is -1, expected 1970 or later",
        ),
        (trade(1, 1, 1).record(none), "record 0: instrument is none"),
        (
            TimerBody::default().record(at(Kind::Timer, 0)),
            "kind is \"timers\", expected trades",
        ),
        (
            BarBody::default().record(at(Kind::Bar, 2)),
            "size of the bars is \"5m\", expected one of 1s",
        ),
    ];
    for (record, expected) in refused {
        let dir = tempfile::tempdir().unwrap();
        let catalog = future(dir.path(), &[record]);
        let path = dir.path().join("x.dbn");
        let table = Table::of(&record).unwrap();
        let query = ScanQuery::default();
        let error = export_file(&catalog, table, &query, &path, &mut |_, _| true).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!path.exists());
    }
}

#[test]
fn a_time_of_ours_has_no_flag_in_dbn() {
    let [trade, ..] = fitting();
    let mut ours = trade;
    ours.header.flags = Flags::BAD_TIME;
    let dir = tempfile::tempdir().unwrap();
    let catalog = future(dir.path(), &[ours]);
    let report = export(&catalog, Table::Trades, &dir.path().join("x.dbn"));
    assert_eq!(report.notes.len(), 1, "{report:?}");
}

#[test]
fn a_symbol_that_is_not_ascii_has_no_place_in_dbn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("ÖL", 2, 0, "EUR"))
        .unwrap();
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    let catalog = Catalog::create(&dir.path().join("oil")).unwrap();
    let meta = RunMeta::new("oil", Ts(0), instruments).unwrap();
    let mut writer = catalog.writer(&meta, 0, "test").unwrap();
    writer.push(0, &fitting()[0]).unwrap();
    writer.finish().unwrap();
    let query = ScanQuery::default();
    let error = export_file(&catalog, Table::Trades, &query, &path, &mut |_, _| true).unwrap_err();
    assert!(
        error.to_string().contains("expected one in ASCII"),
        "{error}"
    );
}
