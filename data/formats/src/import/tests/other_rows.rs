//! Files that look like trades or bars of one instrument by some of their columns, and are something else by the others.

use super::texts::{read, refusal, rows};
use super::*;
use crate::import::input::Input;

fn check_refused(text: &str, said: &[&str]) {
    let error = refusal(text);
    for said in said {
        assert!(error.contains(said), "{said} is not in {error}");
    }
}

fn read_told(text: &str, columns: &str) -> FileRecords {
    let options = ImportOptions {
        mapping: columns.parse().unwrap(),
        ..ImportOptions::default()
    };
    read_text(text, &options).unwrap()
}

#[test]
fn numbers_of_levels_and_orders_are_none_of_trades() {
    for text in [
        "timestamp,id,side,price,size,level\n1704187800000,1,bid,10,1,1\n1704187800000,2,ask,11,1,2\n",
        "ts_event,instrument,price,qty,first_id,last_id,side,clear\n1704187800000,A,10,1,1,1,1,1\n1704187800000,A,11,1,1,1,2,0\n",
        "id,timestamp,symbol,side,price,amount,filled,remaining,status\n1,1704187800000,X,buy,10,1,1,0,closed\n2,1704187801000,X,buy,11,1,0,1,open\n",
    ] {
        check_refused(text, &["no column of a book", "--format book-levels"]);
    }
    let order = "id,timestamp,price,amount,remaining\n1,1704187800000,10,1,0\n";
    assert_eq!(read_told(order, "order_id=-").records.len(), 1);
    // LOBSTER: 1 is a new order, 4 an execution.
    let lobster = "datetime,type,id,size,price,direction\n2012-06-21 09:30:00.004,1,16113575,18,5853300,1\n2012-06-21 09:30:01.004,4,16113584,18,5853200,-1\n";
    check_refused(lobster, &["in column \"type\" of what would be trades"]);
    assert_eq!(read_told(lobster, "action=-").records.len(), 2);
    let kinds = "time,type,price,size\n1704187800000,TRADE,10,5\n1704187800001,MARK,10,5\n";
    check_refused(kinds, &["\"MARK\" in column \"type\""]);
    let total = "datetime,last_price,total_volume\n2024-01-02 09:00:00.500,3900,10\n2024-01-02 09:00:01,3901,25\n";
    check_refused(total, &["a total of trades", "size=total_volume"]);
    assert_eq!(read_told(total, "size=total_volume").records.len(), 2);
}

#[test]
fn rows_of_databento_are_of_one_schema() {
    let statistics = "ts_recv,ts_event,rtype,publisher_id,instrument_id,price,quantity,sequence,stat_type,symbol\n2024-01-02T00:00:00Z,2024-01-02T00:00:00Z,24,1,5482,4750.0,5,1,3,ESH4\n";
    check_refused(statistics, &["rows of rtype 24", "statistics"]);
    let header = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,flags,sequence,symbol\n";
    let row = |rtype: u8, action: &str, second: u8| {
        format!(
            "2024-01-02T00:00:0{second}Z,2024-01-02T00:00:0{second}Z,{rtype},1,5482,{action},A,4750.0,5,0,{second},ESH4\n"
        )
    };
    let text = [
        header.to_owned(),
        row(0, "T", 1),
        row(0, "A", 2),
        row(1, "T", 3),
    ]
    .concat();
    let found = read_text(&text, &lenient()).unwrap();
    assert_eq!((found.records.len(), found.report.refused), (1, 2));
}

#[test]
fn zones_are_asked_of_all_rows() {
    let header = "time,tz,price,size\n";
    let row = |second: usize, zone: &str| {
        format!(
            "2024-03-30 10:{:02}:{:02},{zone},10,1\n",
            second / 60,
            second % 60
        )
    };
    let mut text = header.to_owned();
    text.extend((0..60).map(|second| row(second, "GMT")));
    text.extend((60..120).map(|second| row(second, "BST")));
    check_refused(&text, &["60 of 120 rows", "UTC, as in the rows above"]);
    let options = ImportOptions {
        zone: Some("Europe/London".to_owned()),
        ..ImportOptions::default()
    };
    assert_eq!(read_text(&text, &options).unwrap().records.len(), 120);
}

#[test]
fn units_and_fixed_points_are_not_read_as_they_are() {
    for unit in ["(K)", "(in thousands)", "[mn]", "('000)"] {
        let text = format!(
            "Date,Open,High,Low,Close,Volume {unit}\n2024-01-02,1,2,1,2,68\n2024-01-03,1,2,1,2,68\n"
        );
        check_refused(&text, &["whose numbers are in", "volume=-"]);
        assert_eq!(read_told(&text, "volume=-").records.len(), 2);
    }
    assert_eq!(read("Date,Open,High,Low,Close,Volume (shares)\n2024-01-02,1,2,1,2,68\n2024-01-03,1,2,1,2,68\n").len(), 2);
    let nautilus = "bid_price,ask_price,bid_size,ask_size,ts_event,ts_init\n1100000000,1200000000,1000000000,1000000000,1704187800000000000,1704187800000000000\n";
    check_refused(nautilus, &["NautilusTrader"]);
    assert_eq!(read_told(nautilus, "time=ts_event").records.len(), 1);
}

#[test]
fn times_of_rows_in_a_database_are_none_of_what_they_tell() {
    let dump = "id,symbol,date,open,high,low,close,volume,created_at,updated_at\n1,AAPL,2024-01-02,10,11,9,10,5,2024-02-01 10:00:00.101,2024-02-01 10:00:00.101\n2,AAPL,2024-01-03,10,11,9,10,5,2024-02-01 10:00:00.102,2024-02-01 10:00:00.102\n";
    assert_eq!(read(dump)[0], "2024-01-03T00:00:00Z AAPL 10 11 9 10 x 5");
    let stamped = dump.replace("created_at", "timestamp");
    check_refused(
        &stamped,
        &[
            "which are other days",
            "--columns time=timestamp or time=date",
        ],
    );
    assert_eq!(
        rows(&read_told(&stamped, "time=date"))[0],
        "2024-01-03T00:00:00Z AAPL 10 11 9 10 x 5"
    );
    assert_eq!(
        read("created_at,price,size\n2024-01-02 09:30:00,1,1\n").len(),
        1
    );
}

#[test]
fn columns_of_symbols_have_many_names() {
    for (name, text) in [
        (
            "s",
            "t,s,p,v\n1704153600000,AAA,10.5,1\n1704153601000,BBB,200.5,2\n",
        ),
        (
            "trading_pair",
            "t,trading_pair,p,v\n1704153600000,AAA,10.5,1\n1704153601000,BBB,200.5,2\n",
        ),
        (
            "tickers",
            "t,tickers,b,a\n1704153600000,AAA,10.5,11\n1704153601000,BBB,200.5,202\n",
        ),
    ] {
        let error = refusal(text);
        assert!(
            error.contains(&format!("--columns symbol={name}")),
            "{error}"
        );
        assert_eq!(
            read_told(text, &format!("symbol={name}"))
                .report
                .instruments,
            ["AAA", "BBB"]
        );
    }
}

#[test]
fn four_numbers_that_are_not_near_each_other_are_no_bar() {
    for text in [
        "1704153600.123,11,40000,0.1,1\n1704153601.123,12,40001,0.2,2\n",
        "1704153600,42000,42001,1,1\n1704153601,42000,42001,1,1\n",
    ] {
        check_refused(text, &["not near each other"]);
    }
    assert_eq!(
        read("1704153600,10,11,9,10\n1704153660,10,11,9,10\n").len(),
        2
    );
}

#[test]
fn venues_of_tardis_are_called_as_others_call_them() {
    for (theirs, ours) in [
        ("binance-delivery", "binance-cm.BTCUSD_PERP"),
        ("binance-futures", "binance-usdm.BTCUSD_PERP"),
        ("okex-swap", "okx.BTCUSD_PERP"),
        ("cryptofacilities", "kraken-futures.BTCUSD_PERP"),
        ("bitmex", "bitmex.BTCUSD_PERP"),
    ] {
        let text = format!(
            "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n{theirs},BTCUSD_PERP,1577836802000000,1577836802127000,1,buy,7169.5,100\n{theirs},BTCUSD_PERP,1577836803000000,1577836803127000,2,buy,7170.5,100\n"
        );
        let input = Input::bytes(Path::new("x.csv"), text.into_bytes());
        let found = input.read(&ImportOptions::default()).unwrap();
        assert_eq!(found.report.instruments, [ours]);
        for name in [ours, &format!("{theirs}.BTCUSD_PERP"), "BTCUSD_PERP"] {
            let one = ImportOptions {
                instrument: Some(name.to_owned()),
                ..ImportOptions::default()
            };
            assert_eq!(
                input.read(&one).unwrap().report.instruments,
                [ours],
                "{name}"
            );
        }
        assert_eq!(found.records.len(), 2);
    }
}

/// Bars of ours that another program wrote again close when they say.
#[test]
fn our_own_bars_are_stamped_at_their_close() {
    let text = "ts_event,ts_recv,seq,run,instrument,source,flags,bar_spec,open,high,low,close,volume\n2023-01-02T00:00:00Z,2023-01-02T00:00:00Z,1,r,E,s,0,1d,1,2,1,2,5\n2023-01-03T00:00:00Z,2023-01-03T00:00:00Z,2,r,E,s,0,1d,1,2,1,2,5\n";
    let found = read_text(text, &ImportOptions::default()).unwrap();
    assert_eq!(rows(&found)[0], "2023-01-02T00:00:00Z E 1 2 1 2 x 5");
    assert_eq!(found.report.bar, Some("1d".parse().unwrap()));
    assert_eq!(found.report.stamp.as_deref(), Some("close"));
    let opens = ImportOptions {
        stamp: Stamp::Open,
        ..ImportOptions::default()
    };
    assert_eq!(
        rows(&read_text(text, &opens).unwrap())[0],
        "2023-01-03T00:00:00Z E 1 2 1 2 x 5"
    );
}
