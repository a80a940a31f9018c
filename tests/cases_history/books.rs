//! Books as text: levels one by one and all in a row, of the venues and vendors that write them.

use crate::imported::{case, check_text, import, import_text, refused, ts};
use tickloom_data::Table;
use tickloom_types::{Flags, Kind, OrderUpdateBody, QuoteBody, Record, TradeBody};

#[test]
fn levels_of_a_book_are_a_book() {
    let found = import(&case("book-levels.csv"), &[]);
    assert_eq!(found.names(), ["binance.BTCUSDT"]);
    assert_eq!(found.report["imports"][0]["format"], "book-levels");
    let levels = found.levels();
    // A header and 199 rows.
    assert_eq!((found.records.len(), levels.len()), (199, 199));
    let (first, level) = levels[0];
    assert_eq!(first.ts_event(), ts("2024-08-09T00:00:00Z"));
    assert_eq!(first.ts_recv(), ts("2024-08-09T00:00:00.0005Z"));
    // 59967.1 and 0.569, at one and three decimals, of the ask.
    assert_eq!(
        (level.price, level.qty, level.side, level.clear),
        (599_671, 569, 2, 1)
    );
    let clears: u32 = levels.iter().map(|(_, level)| u32::from(level.clear)).sum();
    let text = std::fs::read_to_string(case("book-levels.csv")).unwrap();
    let snapshots = text.lines().filter(|line| line.contains(",true,")).count();
    assert_eq!(
        levels
            .iter()
            .filter(|(record, _)| record.has(Flags::SNAPSHOT))
            .count(),
        snapshots
    );
    assert_eq!(clears, 1);
    assert!(levels.iter().all(|(record, _)| record.has(Flags::LAST)));
}

#[test]
fn rows_of_one_message_are_one_moment() {
    let header = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n";
    let row = |at: u64, snapshot: bool, side: &str, price: &str, amount: &str| {
        format!(
            "deribit,BTC-PERPETUAL,{at},{},{snapshot},{side},{price},{amount}\n",
            at + 5
        )
    };
    let text = [
        header.to_owned(),
        row(1_723_161_600_000_000, true, "bid", "100", "1"),
        row(1_723_161_600_000_000, true, "ask", "101", "2"),
        row(1_723_161_600_000_001, false, "bid", "100", "0"),
        row(1_723_161_600_000_001, false, "bid", "99.5", "3"),
        row(1_723_161_600_000_002, true, "bid", "98", "4"),
    ]
    .concat();
    let found = import_text("x.csv", &text, &[]);
    let flags: Vec<(bool, bool, u8)> = found
        .levels()
        .iter()
        .map(|(record, level)| {
            (
                record.has(Flags::LAST),
                record.has(Flags::SNAPSHOT),
                level.clear,
            )
        })
        .collect();
    assert_eq!(
        flags,
        [
            (false, true, 1),
            (true, true, 0),
            (false, false, 0),
            (true, false, 0),
            (true, true, 1)
        ]
    );
    assert_eq!(found.names(), ["deribit.BTC-PERPETUAL"]);
    // A file that has the columns of a book is never taken for trades.
    let text = "time,level,side,price,size\n1723161600000,1,bid,100,1\n";
    refused("x.csv", text, &[], &["a book"]);
    let text = "time,side,price,size\n1723161600000,bid,100,1\n1723161600000,ask,101,0\n";
    refused("x.csv", text, &[], &["levels of a book, or trades"]);
    let found = import_text("x.csv", text, &["--format", "book-levels"]);
    assert_eq!(found.levels().len(), 2);
}

#[test]
fn books_with_all_levels_in_a_row() {
    let text = "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,asks[1].price,asks[1].amount,bids[1].price,bids[1].amount\nbinance,X,1723161600000000,1723161600000500,101,1,100,2,102,3,99,4\nbinance,X,1723161600001000,1723161600001500,101,1,100,2,,,99.5,5\n";
    let found = import_text("x.csv", text, &[]);
    assert_eq!(found.report["imports"][0]["format"], "book-depth");
    let levels: Vec<(i64, i64, u8, u8)> = found
        .levels()
        .iter()
        .map(|(_, level)| (level.price, level.qty, level.side, level.clear))
        .collect();
    assert_eq!(
        levels,
        [
            (1000, 2, 1, 1),
            (990, 4, 1, 0),
            (1010, 1, 2, 0),
            (1020, 3, 2, 0),
            (1000, 2, 1, 1),
            (995, 5, 1, 0),
            (1010, 1, 2, 0)
        ]
    );
    let last: Vec<bool> = found
        .records
        .iter()
        .map(|record| record.has(Flags::LAST))
        .collect();
    assert_eq!(last, [false, false, false, true, false, false, true]);
    let text = "time,bid_price_1,bid_size_1,ask_price_1,ask_size_1,bid_price_2,bid_size_2,ask_price_2,ask_size_2\n1723161600000,100,1,101,1,99,1,102,1\n";
    assert_eq!(import_text("x.csv", text, &[]).levels().len(), 4);
    let text =
        "time,bid_price_1,ask_price_1,bid_price_2,ask_price_2\n1723161600000,100,101,99,102\n";
    assert_eq!(check_text("x.csv", text, &[]).code, 2);
}

#[test]
fn trades_and_quotes_of_tardis() {
    let text = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nbitmex,XBTUSD,1585699200126000,1585699200200000,8906e8c6-3bcb-2a2c-1d2a-1f4a0c5e2a11,buy,6425.5,20\n";
    let found = import_text("x.csv", text, &[]);
    assert_eq!(found.names(), ["bitmex.XBTUSD"]);
    let trade = TradeBody::of(&found.records[0]);
    assert_eq!((trade.price, trade.qty, trade.side), (64_255, 20, 1));
    assert_ne!(trade.trade_id, 0);
    assert_eq!(found.records[0].ts_recv(), ts("2020-04-01T00:00:00.2Z"));
    let text = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\nbitmex,XBTUSD,1585699200126000,1585699200200000,1,6426,6425.5,20\n";
    let quote = QuoteBody::of(&import_text("x.csv", text, &[]).records[0]);
    assert_eq!(
        (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty),
        (64_255, 20, 64_260, 1)
    );
}

/// Prices as decimals or as whole numbers of 1e-9, times as text or as nanoseconds.
#[test]
fn databento_as_text() {
    let mbo = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id,flags,ts_in_delta,sequence,symbol\n";
    let nano = format!(
        "{mbo}1609160400000704060,1609160400000429831,160,1,5482,A,A,3722750000000,1,0,647784973705,0,22993,1170352,ESH1\n1609160400000704060,1609160400000429831,160,1,5482,T,B,3722500000000,2,0,0,130,22993,1170353,ESH1\n"
    );
    let pretty = format!(
        "{mbo}2020-12-28T13:00:00.000704060Z,2020-12-28T13:00:00.000429831Z,160,1,5482,A,A,3722.750000000,1,0,647784973705,0,22993,1170352,ESH1\n2020-12-28T13:00:00.000704060Z,2020-12-28T13:00:00.000429831Z,160,1,5482,T,B,3722.500000000,2,0,0,130,22993,1170353,ESH1\n"
    );
    let found = import_text("x.csv", &nano, &[]);
    assert_eq!(found.report["imports"][0]["format"], "databento-csv");
    assert_eq!(found.names(), ["ESH1"]);
    let update = OrderUpdateBody::of(&found.records[0]);
    assert_eq!(
        (update.order_id, update.price, update.qty, update.update_id),
        (647_784_973_705, 372_275, 1, 1_170_352)
    );
    assert_eq!(
        (update.side, update.action),
        (2, tickloom_types::BookAction::Add as u8)
    );
    assert_eq!(
        found.records[0].ts_event(),
        ts("2020-12-28T13:00:00.000429831Z")
    );
    assert_eq!(
        found.records[0].ts_recv(),
        ts("2020-12-28T13:00:00.000704060Z")
    );
    let kinds: Vec<Kind> = found.records.iter().filter_map(Record::kind).collect();
    assert_eq!(kinds, [Kind::OrderUpdate, Kind::OrderUpdate, Kind::Trade]);
    // The trade has the number of its message and all flags of its row, 130.
    assert_eq!(TradeBody::of(&found.records[2]).trade_id, 1_170_353);
    assert!(found.records[2].has(Flags::LAST | Flags::VENUE_SPECIFIC));
    assert_eq!(import_text("x.csv", &pretty, &[]).records, found.records);

    let text = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n1609160400000000000,33,1,5482,3720250000000,3721500000000,3720250000000,3721000000000,353,ESH1\n";
    let found = import_text("x.csv", text, &[]);
    assert_eq!(found.bars(), [("3721".to_owned(), "353".to_owned())]);
    assert_eq!(found.times(), ["2020-12-28T13:01:00Z"]);
    let text = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,bid_px_00,ask_px_00,bid_sz_00,ask_sz_00,bid_ct_00,ask_ct_00,symbol\n1609160400006136329,1609160400006001487,1,1,5482,T,A,0,3720250000000,1,128,17214,1170362,3720250000000,3720500000000,24,11,15,9,ESH1\n";
    let found = import_text("x.csv", text, &[]);
    let quote = found
        .records
        .iter()
        .find(|record| Table::of(record) == Some(Table::Quotes))
        .unwrap();
    let quote = QuoteBody::of(quote);
    assert_eq!(
        (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty),
        (372_025, 24, 372_050, 11)
    );
    assert_eq!(found.records.len(), 2);
}
