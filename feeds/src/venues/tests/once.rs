//! What comes over several channels, or again, counts once.

use super::*;

/// What comes of trades: numbers and sizes, what is not kept, what is repeated, and what is refused.
type Told = (Vec<(u64, i64)>, Vec<(String, u64)>, u64, u64);

fn trades_of(lines: &[&str]) -> Told {
    let read = read(vec![text(&lines.join("\n"))]);
    let of = read.of(Kind::Trade).into_iter().map(|record| {
        let trade = TradeBody::of(record);
        (trade.trade_id, trade.qty)
    });
    let report = &read.report;
    let others = report.other_books.clone().into_iter().collect();
    (of.collect(), others, report.repeated, report.bad)
}

#[test]
fn of_the_channels_of_one_symbols_trades_one_is_kept() {
    let okx = |channel: &str, id: u64, size: u64| {
        format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"AB-USDT"}},"data":[{{"instId":"AB-USDT","tradeId":"{id}","px":"10","sz":"{size}","side":"buy","ts":"1782259201000"}}]}}"#
        )
    };
    let (one, two, both) = (
        okx("trades-all", 1, 2),
        okx("trades-all", 2, 3),
        okx("trades", 2, 5),
    );
    let other = |what: &str, count| vec![(what.to_owned(), count)];
    assert_eq!(
        trades_of(&[&both, &one, &two]),
        (
            vec![(1, 2), (2, 3)],
            other("trades of okx.AB-USDT (its trades are trades-all)", 1),
            0,
            0
        )
    );
    assert_eq!(trades_of(&[&both]).0, [(2, 5)]);
    let deribit = |channel: &str, ids: &[u64]| {
        let rows: Vec<String> = ids
            .iter()
            .map(|id| format!(r#"{{"instrument_name":"AB-PERPETUAL","trade_id":"{id}","timestamp":1782259201000,"price":10,"amount":{id},"direction":"buy"}}"#))
            .collect();
        format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":[{}]}}}}"#,
            rows.join(",")
        )
    };
    let lines = [
        deribit("trades.AB-PERPETUAL.100ms", &[1, 2]),
        deribit("trades.AB-PERPETUAL.raw", &[1]),
        deribit("trades.AB-PERPETUAL.raw", &[2]),
        deribit("trades.future.AB.agg2", &[1, 2]),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (trades, others, repeated, bad) = trades_of(&lines);
    assert_eq!((trades, repeated, bad), (vec![(1, 1), (2, 2)], 0, 0));
    let of = "of deribit.AB-PERPETUAL (its trades are trades.raw)";
    let expected = [
        (format!("trades.100ms {of}"), 1),
        (format!("trades.future.AB.agg2 {of}"), 1),
    ];
    assert_eq!(others, expected);
}

/// What comes of quotes: bids, and what is not kept.
fn quotes_of(lines: &[String]) -> (Vec<i64>, Vec<(String, u64)>) {
    let read = read(vec![text(&lines.join("\n"))]);
    let of = read.of(Kind::Quote).into_iter();
    let bids = of
        .map(|record| tickloom_types::QuoteBody::of(record).bid)
        .collect();
    assert_eq!(read.report.bad, 0);
    (bids, read.report.other_books.clone().into_iter().collect())
}

#[test]
fn of_the_channels_of_one_symbols_quotes_one_is_kept() {
    let okx = |channel: &str, data: &str| {
        format!(r#"{{"arg":{{"channel":"{channel}","instId":"AB-USDT"}},"data":[{data}]}}"#)
    };
    let best = |price: u64| {
        let data = format!(
            r#"{{"asks":[["20","1","0","1"]],"bids":[["{price}","1","0","1"]],"ts":"1782259201000","seqId":{price}}}"#
        );
        okx("bbo-tbt", &data)
    };
    let ticker = |price: u64| {
        let data = format!(
            r#"{{"instId":"AB-USDT","bidPx":"{price}","bidSz":"1","askPx":"20","askSz":"1","ts":"1782259201000"}}"#
        );
        okx("tickers", &data)
    };
    let (quotes, others) = quotes_of(&[ticker(9), best(10), ticker(9), best(11), ticker(10)]);
    assert_eq!(quotes, [10, 11]);
    let name = "tickers of okx.AB-USDT (its quotes are bbo-tbt)".to_owned();
    assert_eq!(others, [(name, 3)]);
    assert_eq!(quotes_of(&[ticker(9), ticker(10)]), (vec![9, 10], vec![]));
    let deribit = |channel: &str, price: u64| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{{"instrument_name":"AB-PERPETUAL","timestamp":1782259201000,"best_bid_price":{price},"best_bid_amount":1,"best_ask_price":20,"best_ask_amount":1}}}}}}"#
        )
    };
    let lines = [
        deribit("ticker.AB-PERPETUAL.100ms", 9),
        deribit("ticker.AB-PERPETUAL.raw", 10),
        deribit("ticker.AB-PERPETUAL.100ms", 9),
        deribit("quote.AB-PERPETUAL", 11),
    ];
    let (quotes, others) = quotes_of(&lines);
    assert_eq!(quotes, [11]);
    let of = "of deribit.AB-PERPETUAL (its quotes are quote)";
    let expected = [
        (format!("ticker.100ms {of}"), 2),
        (format!("ticker.raw {of}"), 1),
    ];
    assert_eq!(others, expected);
    // Each change before what it is after an interval, though there are fewer.
    assert_eq!(quotes_of(&lines[..3]).0, [10]);
}

#[test]
fn trades_of_other_recorders_of_binance_count_once() {
    let trade = |event: &str, field: &str, id: u64, size: u64| {
        format!(
            r#"{{"e":"{event}","E":1782259201000,"s":"ABUSDT","{field}":{id},"p":"10","q":"{size}","T":1782259201000,"m":true,"M":true}}"#
        )
    };
    let lines = [
        trade("trade", "t", 1, 2),
        trade("aggTrade", "a", 1, 5),
        trade("trade", "t", 2, 3),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let other = (
        "aggTrade of binance.ABUSDT (its trades are trade)".to_owned(),
        1,
    );
    assert_eq!(trades_of(&lines), (vec![(1, 2), (2, 3)], vec![other], 0, 0));
}

#[test]
fn what_a_venue_says_again_after_a_reconnect_counts_once() {
    let coinbase = |seq: u64, kind: &str, ids: &[u64]| {
        let rows: Vec<String> = ids
            .iter()
            .map(|id| format!(r#"{{"trade_id":"{id}","product_id":"AB-USD","price":"10","size":"{id}","side":"BUY","time":"2026-06-24T00:00:0{id}Z"}}"#))
            .collect();
        format!(
            r#"{{"channel":"market_trades","client_id":"","timestamp":"2026-06-24T00:00:09Z","sequence_num":{seq},"events":[{{"type":"{kind}","trades":[{}]}}]}}"#,
            rows.join(",")
        )
    };
    let lines = [
        coinbase(0, "snapshot", &[2, 1]),
        coinbase(1, "update", &[3]),
        coinbase(0, "snapshot", &[4, 3, 2]),
        coinbase(1, "update", &[5]),
        coinbase(2, "update", &[5]).replace("\"size\":\"5\"", "\"size\":\"6\""),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let expected = vec![(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)];
    assert_eq!(trades_of(&lines), (expected, vec![], 2, 1));
    let hyperliquid = |tid: u64, time: u64| {
        format!(
            r#"{{"channel":"trades","data":[{{"coin":"AB","side":"A","px":"10","sz":"3","time":{time},"hash":"0x0","tid":{tid}}}]}}"#
        )
    };
    let (first, later) = (
        hyperliquid(7, 1_782_259_201_000),
        hyperliquid(7, 1_782_259_202_000),
    );
    // A number is a hash there: at another time it is another trade.
    assert_eq!(
        trades_of(&[&first, &first, &later]),
        (vec![(7, 3), (7, 3)], vec![], 1, 0)
    );
    // Trades without numbers cannot be told apart.
    let kraken = r#"[1,[["10","2","1782259201.5","b","m",""]],"trade","AB/USD"]"#;
    let opened = "wss://ws.kraken.com <-> 1782259200.5";
    let line = format!("1782259201.6: {kraken}");
    assert_eq!(trades_of(&[opened, &line, &line]).0, [(0, 2), (0, 2)]);
}

#[test]
fn a_candle_of_binance_closes_alike_in_milliseconds_and_microseconds() {
    let candle = |end: &str| {
        let line = format!(
            r#"{{"e":"kline","E":1,"s":"ABUSDT","k":{{"T":{end},"i":"1m","o":"1","h":"1","l":"1","c":"1","v":"1","x":true}}}}"#
        );
        let read = read(vec![text(&line)]);
        read.of(Kind::Bar)[0].ts_event().to_string()
    };
    for end in ["1782259259999", "1782259259999999"] {
        assert_eq!(candle(end), "2026-06-24T00:01:00Z");
    }
}

#[test]
fn a_bar_that_closes_twice_counts_once() {
    let bar = |close: &str| {
        format!(
            r#"{{"arg":{{"channel":"candle1m","instId":"AB-USDT"}},"data":[["1782259200000","10","12","9","{close}","5","50","50","1"]]}}"#
        )
    };
    let lines = [bar("11"), bar("11"), bar("10")].join("\n");
    let read = read(vec![text(&lines)]);
    assert_eq!(read.of(Kind::Bar).len(), 1);
    let report = &read.report;
    assert_eq!((report.bars, report.repeated, report.bad), (1, 1, 1));
    let error = report.bad_lines[0].to_string();
    assert!(
        error.ends_with("bar of 2026-06-24T00:01:00Z closed before with other numbers"),
        "{error}"
    );
}

/// A book of one level is the best bid and ask, whole each time: what a summary says is older.
#[test]
fn quotes_beside_a_book_of_one_level_are_those_of_a_summary() {
    let message = |topic: &str, data: &str| {
        format!(
            r#"{{"topic":"{topic}.ABPERP","type":"snapshot","ts":1782259201000,"cts":1782259201000,"data":{data}}}"#
        )
    };
    let ticker = |price: u64| {
        let data = format!(
            r#"{{"symbol":"ABPERP","bid1Price":"{price}","bid1Size":"1","ask1Price":"20","ask1Size":"1"}}"#
        );
        message("tickers", &data)
    };
    let book = |topic: &str, id: u64, price: u64| {
        let data = format!(
            r#"{{"s":"ABPERP","b":[["{price}","1"]],"a":[["20","1"]],"u":{id},"seq":{id}}}"#
        );
        message(topic, &data)
    };
    let lines = [
        ticker(9),
        book("orderbook.1", 1, 10),
        ticker(9),
        book("orderbook.1", 2, 11),
        ticker(10),
    ];
    let (quotes, others) = quotes_of(&lines);
    assert_eq!(quotes, Vec::<i64>::new());
    let name = "tickers of bybit.ABPERP (its quotes are orderbook.1)".to_owned();
    assert_eq!(others, [(name, 3)]);
    let levels = read(vec![text(&lines.join("\n"))]);
    let levels = levels.of(Kind::Level).into_iter();
    let prices: Vec<i64> = levels.map(|record| LevelBody::of(record).price).collect();
    assert_eq!(prices, [10, 20, 11, 20]);
    // Beside a deeper book it is quotes, and the book is the deeper one.
    let with_deeper = [&lines[..], &[book("orderbook.50", 1, 10)]].concat();
    let (quotes, others) = quotes_of(&with_deeper);
    assert_eq!(quotes, [10, 11]);
    let name = "tickers of bybit.ABPERP (its quotes are orderbook.1)".to_owned();
    assert_eq!(others, [(name, 3)]);
    // Without it they are those of the tickers.
    let without = [ticker(9), book("orderbook.50", 1, 10)];
    assert_eq!(quotes_of(&without), (vec![9], vec![]));
}

#[test]
fn of_tickers_that_are_told_at_once_and_less_often_the_first_are_kept() {
    let coinbase = |channel: &str, seq: u64, price: u64| {
        format!(
            r#"{{"channel":"{channel}","client_id":"","timestamp":"2026-06-24T00:00:09Z","sequence_num":{seq},"events":[{{"type":"update","tickers":[{{"type":"ticker","product_id":"AB-USD","best_bid":"{price}","best_bid_quantity":"1","best_ask":"20","best_ask_quantity":"1"}}]}}]}}"#
        )
    };
    let lines = [
        coinbase("ticker_batch", 0, 9),
        coinbase("ticker", 1, 10),
        coinbase("ticker_batch", 2, 9),
    ];
    let (quotes, others) = quotes_of(&lines);
    assert_eq!(quotes, [10]);
    let name = "ticker_batch of coinbase.AB-USD (its quotes are ticker)".to_owned();
    assert_eq!(others, [(name, 2)]);
    assert_eq!(quotes_of(&lines[..1]), (vec![9], vec![]));

    let kraken = |feed: &str, rest: &str| {
        format!(r#"1782259201.6: {{"feed":"{feed}","product_id":"PI_ABUSD","ask":20,{rest}}}"#)
    };
    let opened = "wss://futures.kraken.com/ws/v1 <-> 1782259200.5".to_owned();
    let lite = kraken("ticker_lite", r#""bid":9"#);
    let full = kraken(
        "ticker",
        r#""bid":10,"bid_size":1,"ask_size":1,"time":1782259201000"#,
    );
    let (quotes, others) = quotes_of(&[opened.clone(), lite.clone(), full, lite.clone()]);
    assert_eq!(quotes, [10]);
    let name = "ticker_lite of kraken-futures.PI_ABUSD (its quotes are ticker)".to_owned();
    assert_eq!(others, [(name, 2)]);
    assert_eq!(quotes_of(&[opened, lite]), (vec![9], vec![]));
}
