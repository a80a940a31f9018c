//! Venues' own lists of instruments: they are what imports of the venues' messages are then read by.

use crate::cli::{tickloom, workspace};
use serde_json::Value;

/// A list, a capture of two messages, the instrument of both, and its tick, lot, multiplier, kind, payoff and currency.
type Case = (
    &'static str,
    &'static str,
    [&'static str; 2],
    &'static str,
    [&'static str; 6],
);

const CASES: [Case; 6] = [
    (
        "okx",
        r#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT-SWAP","instType":"SWAP","instFamily":"BTC-USDT","settleCcy":"USDT","ctType":"linear","ctVal":"0.01","ctMult":"1","ctValCcy":"BTC","tickSz":"0.1","lotSz":"0.01","listTime":"1573557408000","expTime":""},{"instId":"E-1","instType":"EVENTS"}]}"#,
        [
            r#"{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","tradeId":"1","px":"42219.9","sz":"12","side":"buy","ts":"1690048897897"}]}"#,
            r#"{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","tradeId":"2","px":"42220","sz":"1","side":"sell","ts":"1690048897899"}]}"#,
        ],
        "okx.BTC-USDT-SWAP",
        ["0.1", "0.01", "0.01", "perpetual", "linear", "USDT"],
    ),
    (
        "bybit",
        r#"{"retCode":0,"result":{"category":"linear","list":[{"symbol":"BTCUSDT","contractType":"LinearPerpetual","baseCoin":"BTC","quoteCoin":"USDT","settleCoin":"USDT","launchTime":"1585526400000","deliveryTime":"0","priceFilter":{"tickSize":"0.10"},"lotSizeFilter":{"qtyStep":"0.001"}}]}}"#,
        [
            r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"1","p":"16578.50","L":"PlusTick","i":"a","BT":false}]}"#,
            r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486869,"data":[{"T":1672304486866,"s":"BTCUSDT","S":"Sell","v":"2","p":"16578.50","L":"PlusTick","i":"b","BT":false}]}"#,
        ],
        "bybit.BTCUSDT",
        ["0.1", "0.001", "1", "perpetual", "linear", "USDT"],
    ),
    (
        "deribit",
        r#"{"jsonrpc":"2.0","result":[{"instrument_name":"BTC-PERPETUAL","kind":"future","settlement_period":"perpetual","instrument_type":"reversed","base_currency":"BTC","quote_currency":"USD","settlement_currency":"BTC","tick_size":0.5,"contract_size":10,"min_trade_amount":10,"creation_timestamp":1534242287000,"expiration_timestamp":32503708800000}]}"#,
        [
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.raw","data":[{"trade_seq":1,"trade_id":"1","timestamp":1590484512188,"tick_direction":2,"price":8950.0,"mark_price":8948.9,"instrument_name":"BTC-PERPETUAL","index_price":8955.88,"direction":"sell","amount":10.0}]}}"#,
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.raw","data":[{"trade_seq":2,"trade_id":"2","timestamp":1590484512189,"tick_direction":2,"price":8950.5,"mark_price":8948.9,"instrument_name":"BTC-PERPETUAL","index_price":8955.88,"direction":"buy","amount":20.0}]}}"#,
        ],
        "deribit.BTC-PERPETUAL",
        ["0.5", "10", "1", "perpetual", "inverse", "USD"],
    ),
    (
        "kraken",
        r#"{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","pair_decimals":1,"lot_decimals":8,"tick_size":"0.1"}}}"#,
        [
            r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":30000.1,"qty":0.5,"ord_type":"limit","trade_id":1,"timestamp":"2023-09-25T07:49:37.708706Z"}]}"#,
            r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":30000.2,"qty":0.5,"ord_type":"limit","trade_id":2,"timestamp":"2023-09-25T07:49:38.708706Z"}]}"#,
        ],
        "kraken.BTC/USD",
        ["0.1", "0.00000001", "1", "spot", "", "USD"],
    ),
    (
        "kraken-futures",
        r#"{"result":"success","instruments":[{"symbol":"PI_XBTUSD","type":"futures_inverse","base":"XBT","quote":"USD","underlying":"rr_xbtusd","tickSize":0.5,"contractSize":1,"contractValueTradePrecision":0,"openingDate":"2018-08-31T00:00:00.000Z"}]}"#,
        [
            r#"{"feed":"trade","product_id":"PI_XBTUSD","uid":"a","side":"sell","type":"fill","seq":653355,"time":1612266317519,"qty":15000,"price":34969.5}"#,
            r#"{"feed":"trade","product_id":"PI_XBTUSD","uid":"b","side":"buy","type":"fill","seq":653356,"time":1612266317520,"qty":1,"price":34970}"#,
        ],
        "kraken-futures.PI_XBTUSD",
        ["0.5", "1", "1", "perpetual", "inverse", "USD"],
    ),
    (
        "coinbase",
        r#"{"products":[{"product_id":"BTC-USD","product_type":"SPOT","base_currency_id":"BTC","quote_currency_id":"USD","price_increment":"0.01","base_increment":"0.00000001"}]}"#,
        [
            r#"{"channel":"market_trades","client_id":"","timestamp":"2023-02-09T20:19:35.396Z","sequence_num":0,"events":[{"type":"update","trades":[{"trade_id":"1","product_id":"BTC-USD","price":"1260.01","size":"0.3","side":"BUY","time":"2023-02-09T20:19:35.265Z"}]}]}"#,
            r#"{"channel":"market_trades","client_id":"","timestamp":"2023-02-09T20:19:36.396Z","sequence_num":1,"events":[{"type":"update","trades":[{"trade_id":"2","product_id":"BTC-USD","price":"1260.02","size":"0.3","side":"SELL","time":"2023-02-09T20:19:36.265Z"}]}]}"#,
        ],
        "coinbase.BTC-USD",
        ["0.01", "0.00000001", "1", "spot", "", "USD"],
    ),
];

/// The instrument as `instruments ls` has it after its list and then each message in a file of its own were imported.
fn defined(case: &Case) -> (Value, Value) {
    let (venue, list, messages, name, _) = case;
    let folder = workspace();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let catalog = folder.path().join("catalog").display().to_string();
    let run = |words: &[&str]| {
        let ran = tickloom(&[words, &["--catalog", &catalog, "--json"]].concat());
        assert_eq!(ran.code, 0, "{venue} {words:?}: {}", ran.stderr);
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let prices = file(
        "prices.csv",
        "date,open,high,low,close\n2024-01-02,1,1,1,1\n2024-01-03,1,1,1,1\n",
    );
    run(&["import", &prices]);
    let report = run(&["instruments", "import", &file("list.json", list)]);
    for (at, message) in messages.iter().enumerate() {
        let capture = file(&format!("{at}.capture"), &format!("{message}\n"));
        run(&["import", &capture]);
    }
    let all = run(&["instruments", "ls", name]);
    let words = [
        "backtest",
        "--data",
        &catalog,
        "--instrument",
        name,
        "--json",
    ];
    let words = [
        &words[..],
        &["--bar", "1s", "--enter", "close < 0", "--exit", "close > 0"],
    ]
    .concat();
    let ran = tickloom(&words);
    match all["instruments"][0]["payoff"] == "inverse" {
        true => {
            assert_eq!(ran.code, 2, "{venue}: {}", ran.stdout);
            assert!(
                ran.stderr.contains("an inverse contract"),
                "{venue}: {}",
                ran.stderr
            );
        }
        false => assert_eq!(ran.code, 0, "{venue}: {}", ran.stderr),
    }
    (report, all["instruments"][0].clone())
}

#[test]
fn what_a_list_says_counts_of_messages_imported_after_it() {
    for case in &CASES {
        let (report, def) = defined(case);
        let [tick, lot, multiplier, kind, payoff, currency] = case.4;
        let text = |field: &str| def[field].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            [
                text("tick"),
                text("lot"),
                text("multiplier"),
                text("kind"),
                text("payoff"),
                text("currency")
            ],
            [tick, lot, multiplier, kind, payoff, currency].map(str::to_owned),
            "{}: {def}",
            case.0
        );
        assert!(def.get("assumed").is_none(), "{}: {def}", case.0);
        if case.0 == "okx" {
            assert_eq!(report["list"], "OKX instruments");
            assert_eq!(
                report["left_out"],
                serde_json::json!([{"reason": "an instrument of type EVENTS", "count": 1, "instruments": ["E-1"]}])
            );
        }
    }
}

#[test]
fn what_is_no_list_is_refused_and_nothing_of_it_is_taken() {
    let folder = workspace();
    let prices = folder.path().join("prices.csv");
    std::fs::write(
        &prices,
        "date,open,high,low,close\n2024-01-02,1,1,1,1\n2024-01-03,1,1,1,1\n",
    )
    .unwrap();
    let catalog = folder.path().join("catalog").display().to_string();
    let prices = prices.display().to_string();
    assert_eq!(
        tickloom(&["import", &prices, "--catalog", &catalog]).code,
        0
    );
    let list = folder.path().join("list.json");
    for (text, expected) in [
        (r#"{"optionSymbols":[]}"#, "expected a venue's answer"),
        (
            r#"{"code":"50011","msg":"","data":[]}"#,
            "OKX answered with error 50011",
        ),
        (
            r#"{"symbols":[{"baseAsset":"A","quoteAsset":"B"}]}"#,
            "has no `symbol`",
        ),
    ] {
        std::fs::write(&list, text).unwrap();
        let file = list.display().to_string();
        let ran = tickloom(&["instruments", "import", &file, "--catalog", &catalog]);
        assert_eq!(ran.code, 2, "{text}: {}", ran.stdout);
        assert!(ran.stderr.contains(expected), "{text}: {}", ran.stderr);
        assert!(!folder.path().join("catalog/_instruments.toml").exists());
    }
}
