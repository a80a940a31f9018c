//! Lists in the form that venues answer in, and the definitions that they are, worked out by hand.

use super::*;
use proptest::prelude::*;

fn of(text: &str) -> (Definitions, VenueList) {
    read(text, Path::new("list.json")).unwrap()
}

fn error(text: &str) -> String {
    read(text, Path::new("list.json")).unwrap_err().to_string()
}

/// What is said of an instrument, as `field=value`.
fn said(all: &Definitions, name: &str) -> String {
    let definition = all.all().iter().find(|d| d.name == name);
    let definition = definition.unwrap_or_else(|| panic!("no {name} in {all:?}"));
    let fields = definition.fields().into_iter();
    let fields: Vec<String> = fields
        .map(|(field, value)| format!("{field}={value}"))
        .collect();
    fields.join(" ")
}

const SPOT: &str = r#"{"timezone":"UTC","symbols":[
{"symbol":"SHIBUSDT","baseAsset":"SHIB","quoteAsset":"USDT","filters":[
 {"filterType":"PRICE_FILTER","tickSize":"0.00000001"},{"filterType":"LOT_SIZE","stepSize":"1.00"}]},
{"symbol":"ABBTC","baseAsset":"AB","quoteAsset":"BTC","filters":[
 {"filterType":"PRICE_FILTER","tickSize":"0.00000000"},{"filterType":"LOT_SIZE","stepSize":"0.10000000"}]},
{"symbol":"FINEBTC","baseAsset":"FINE","quoteAsset":"BTC","filters":[
 {"filterType":"PRICE_FILTER","tickSize":"0.0000000001"}]}]}"#;

#[test]
fn binance_spot() {
    let (all, list) = of(SPOT);
    assert_eq!(
        said(&all, "binance.SHIBUSDT"),
        "tick=0.00000001 lot=1 multiplier=1 kind=spot base=SHIB currency=USDT"
    );
    // A step of zero is no rule.
    assert_eq!(
        said(&all, "binance.ABBTC"),
        "lot=0.1 multiplier=1 kind=spot base=AB currency=BTC"
    );
    assert_eq!(all.all().len(), 2);
    let (reason, names) = list.left_out.iter().next().unwrap();
    assert!(reason.contains("`tickSize` is no decimal"), "{reason}");
    assert_eq!(names, &["FINEBTC"]);
}

const FUTURES: &str = r#"{"symbols":[
{"symbol":"AUSDT","pair":"AUSDT","contractType":"PERPETUAL","deliveryDate":4133404800000,"onboardDate":1600000000000,
 "baseAsset":"A","quoteAsset":"USDT","marginAsset":"USDT","filters":[
 {"filterType":"PRICE_FILTER","tickSize":"0.10"},{"filterType":"LOT_SIZE","stepSize":"0.001"},
 {"filterType":"MARKET_LOT_SIZE","stepSize":"5"}]},
{"symbol":"AUSDT_260626","pair":"AUSDT","contractType":"NEXT_QUARTER","deliveryDate":1782460800000,
 "baseAsset":"A","quoteAsset":"USDT","marginAsset":"USDT","filters":[]},
{"symbol":"BUSDT","pair":"BUSDT","contractType":"","baseAsset":"B","quoteAsset":"USDT","marginAsset":"USDT"},
{"symbol":"AUSD_PERP","pair":"AUSD","contractType":"PERPETUAL","deliveryDate":4133404800000,"contractSize":10,
 "baseAsset":"A","quoteAsset":"USD","marginAsset":"A","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.001"}]},
{"symbol":"CUSD_PERP","pair":"CUSD","contractType":"PERPETUAL","contractSize":10,
 "baseAsset":"C","quoteAsset":"USD","marginAsset":"A"}]}"#;

#[test]
fn binance_futures() {
    let (all, list) = of(FUTURES);
    assert_eq!(
        said(&all, "binance-usdm.AUSDT"),
        "from=2020-09-13T12:26:40Z tick=0.1 lot=0.001 multiplier=1 kind=perpetual payoff=linear base=A currency=USDT underlying=AUSDT"
    );
    assert_eq!(
        said(&all, "binance-usdm.AUSDT_260626"),
        "multiplier=1 kind=future payoff=linear base=A currency=USDT underlying=AUSDT expiry=2026-06-26T08:00:00Z"
    );
    assert_eq!(
        said(&all, "binance-cm.AUSD_PERP"),
        "tick=0.001 multiplier=10 kind=perpetual payoff=inverse base=A currency=USD settlement=A underlying=AUSD"
    );
    let reasons: Vec<&str> = list.left_out.keys().map(String::as_str).collect();
    assert_eq!(
        reasons,
        [
            "a coin-margined contract that pays in another coin",
            "no `contractType`"
        ]
    );
}

const OKX: &str = r#"{"code":"0","msg":"","data":[
{"instId":"A-USDT","instType":"SPOT","baseCcy":"A","quoteCcy":"USDT","tickSz":"0.1","lotSz":"0.00000001","listTime":"1600000000000","expTime":""},
{"instId":"A-USDT-SWAP","instType":"SWAP","uly":"A-USDT","settleCcy":"USDT","ctType":"linear","ctVal":"0.01","ctMult":"10","ctValCcy":"A","tickSz":"0.1","lotSz":"0.1","listTime":"","expTime":""},
{"instId":"A-USD-260626","instType":"FUTURES","instFamily":"A-USD","settleCcy":"A","ctType":"inverse","ctVal":"100","ctMult":"1","ctValCcy":"USD","tickSz":"0.1","lotSz":"1","expTime":"1782460800000"},
{"instId":"A-USD-260626-100-C","instType":"OPTION","instFamily":"A-USD","settleCcy":"A","ctType":"","ctVal":"1","ctMult":"0.01","ctValCcy":"A","tickSz":"0.0005","lotSz":"1","expTime":"1782460800000"},
{"instId":"A-USD_UM-SWAP","instType":"SWAP","instFamily":"A-USD_UM","settleCcy":"USDC","ctType":"linear","ctVal":"1","ctMult":"1","ctValCcy":"A","tickSz":"1"},
{"instId":"B-USDT-SWAP","instType":"SWAP","instFamily":"B-USDT","settleCcy":"USDT","ctType":"linear","ctVal":"","ctMult":"1","ctValCcy":"B"},
{"instId":"E-1","instType":"EVENTS"}]}"#;

#[test]
fn okx() {
    let (all, list) = of(OKX);
    assert_eq!(
        said(&all, "okx.A-USDT"),
        "from=2020-09-13T12:26:40Z tick=0.1 lot=0.00000001 multiplier=1 kind=spot base=A currency=USDT"
    );
    assert_eq!(
        said(&all, "okx.A-USDT-SWAP"),
        "tick=0.1 lot=0.1 multiplier=0.1 kind=perpetual payoff=linear base=A currency=USDT underlying=A-USDT"
    );
    assert_eq!(
        said(&all, "okx.A-USD-260626"),
        "tick=0.1 lot=1 multiplier=100 kind=future payoff=inverse base=A currency=USD settlement=A underlying=A-USD expiry=2026-06-26T08:00:00Z"
    );
    assert_eq!(
        said(&all, "okx.A-USD-260626-100-C"),
        "tick=0.0005 lot=1 multiplier=0.01 kind=option payoff=linear base=A currency=A underlying=A-USD expiry=2026-06-26T08:00:00Z"
    );
    assert!(said(&all, "okx.A-USD_UM-SWAP").contains("currency=USD settlement=USDC"));
    let reasons: Vec<&str> = list.left_out.keys().map(String::as_str).collect();
    assert_eq!(reasons, ["an instrument of type EVENTS", "no `ctVal`"]);
}

const BYBIT: &str = r#"{"retCode":0,"result":{"category":"linear","nextPageCursor":"more","list":[
{"symbol":"AUSDT","contractType":"LinearPerpetual","baseCoin":"A","quoteCoin":"USDT","settleCoin":"USDT","launchTime":"1600000000000","deliveryTime":"0",
 "priceFilter":{"tickSize":"0.10"},"lotSizeFilter":{"qtyStep":"0.001"}}]}}"#;

#[test]
fn bybit() {
    let (all, list) = of(BYBIT);
    assert!(list.goes_on);
    assert_eq!(
        said(&all, "bybit.AUSDT"),
        "from=2020-09-13T12:26:40Z tick=0.1 lot=0.001 multiplier=1 kind=perpetual payoff=linear base=A currency=USDT"
    );
    let other = |category: &str, more: &str| {
        let text = format!(
            r#"{{"retCode":0,"result":{{"category":"{category}","nextPageCursor":"","list":[{{"baseCoin":"A",{more}}}]}}}}"#
        );
        let (all, list) = of(&text);
        assert!(!list.goes_on);
        said(&all, &all.all()[0].name)
    };
    assert_eq!(
        other(
            "spot",
            r#""symbol":"AUSDT","quoteCoin":"USDT","lotSizeFilter":{"basePrecision":"0.000001"},"priceFilter":{"tickSize":"0.01"}"#
        ),
        "tick=0.01 lot=0.000001 multiplier=1 kind=spot base=A currency=USDT"
    );
    assert_eq!(
        other(
            "inverse",
            r#""symbol":"AUSDM26","contractType":"InverseFutures","quoteCoin":"USD","settleCoin":"A","deliveryTime":"1782460800000""#
        ),
        "multiplier=1 kind=future payoff=inverse base=A currency=USD settlement=A expiry=2026-06-26T08:00:00Z"
    );
    assert_eq!(
        other(
            "option",
            r#""symbol":"A-26JUN26-1-P","quoteCoin":"USD","settleCoin":"USDC""#
        ),
        "multiplier=1 kind=option payoff=linear base=A currency=USD settlement=USDC"
    );
    assert!(error(r#"{"retCode":10001,"result":{}}"#).contains("Bybit answered with error 10001"));
    assert!(
        error(r#"{"retCode":0,"result":{"category":"spread","list":[]}}"#)
            .contains("category spread")
    );
}

const COINBASE: &str = r#"{"products":[
{"product_id":"A-USD","product_type":"SPOT","base_currency_id":"A","quote_currency_id":"USD","price_increment":"0.01","base_increment":"0.00000001"},
{"product_id":"BIT-26JUN26-CDE","product_type":"FUTURE","base_currency_id":"","quote_currency_id":"USD","price_increment":"5","base_increment":"1",
 "future_product_details":{"contract_size":"0.01","contract_root_unit":"BTC","contract_expiry_type":"EXPIRING","contract_expiry":"2026-06-26T15:00:00Z"}},
{"product_id":"A-X","product_type":"UNKNOWN_PRODUCT_TYPE","quote_currency_id":"USD"}]}"#;

#[test]
fn coinbase() {
    let (all, list) = of(COINBASE);
    assert_eq!(
        said(&all, "coinbase.A-USD"),
        "tick=0.01 lot=0.00000001 multiplier=1 kind=spot base=A currency=USD"
    );
    assert_eq!(
        said(&all, "coinbase.BIT-26JUN26-CDE"),
        "tick=5 lot=1 multiplier=0.01 kind=future payoff=linear base=BTC currency=USD underlying=BTC expiry=2026-06-26T15:00:00Z"
    );
    assert_eq!(list.left_out.len(), 1);
    let (all, _) = of(
        r#"[{"id":"A-EUR","base_currency":"A","quote_currency":"EUR","quote_increment":"0.0001","base_increment":"0.1"}]"#,
    );
    assert_eq!(
        said(&all, "coinbase.A-EUR"),
        "tick=0.0001 lot=0.1 multiplier=1 kind=spot base=A currency=EUR"
    );
}

const PAIRS: &str = r#"{"error":[],"result":{
"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT\/USD","pair_decimals":1,"lot_decimals":8,"tick_size":"0.5"},
"AUSD":{"altname":"AUSD","wsname":"A/USD","pair_decimals":5,"lot_decimals":0},
"A.d":{"altname":"A.d","pair_decimals":5,"lot_decimals":0}}}"#;

const KRAKEN_FUTURES: &str = r#"{"result":"success","instruments":[
{"symbol":"pi_xbtusd","type":"futures_inverse","underlying":"rr_xbtusd","tickSize":0.5,"contractSize":1},
{"symbol":"PF_AUSD","type":"flexible_futures","base":"A","quote":"USD","tickSize":1e-8,"contractSize":1,"contractValueTradePrecision":-3,"openingDate":"2022-01-01T00:00:00.000Z"},
{"symbol":"FI_XBTUSD_260626","type":"futures_inverse","base":"XBT","quote":"USD","tickSize":0.5,"contractSize":1,"contractValueTradePrecision":0,"lastTradingTime":"2026-06-26T15:00:00.000Z"},
{"symbol":"in_xbtusd","type":"spot index"}]}"#;

#[test]
fn kraken() {
    let (all, list) = of(PAIRS);
    assert_eq!(
        said(&all, "kraken.XBT/USD"),
        "tick=0.5 lot=0.00000001 multiplier=1 kind=spot base=XBT currency=USD"
    );
    assert_eq!(
        said(&all, "kraken.BTC/USD"),
        "tick=0.5 lot=0.00000001 multiplier=1 kind=spot base=BTC currency=USD"
    );
    assert!(said(&all, "kraken.A/USD").starts_with("tick=0.00001 lot=1 "));
    assert_eq!(list.left_out["no `wsname`"], ["A.d"]);
    let (all, _) = of(KRAKEN_FUTURES);
    assert_eq!(
        said(&all, "kraken-futures.PI_XBTUSD"),
        "tick=0.5 multiplier=1 kind=perpetual payoff=inverse base=XBT currency=USD settlement=XBT underlying=rr_xbtusd"
    );
    assert_eq!(
        said(&all, "kraken-futures.PF_AUSD"),
        "from=2022-01-01T00:00:00Z tick=0.00000001 lot=1000 multiplier=1 kind=perpetual payoff=linear base=A currency=USD"
    );
    assert_eq!(
        said(&all, "kraken-futures.FI_XBTUSD_260626"),
        "tick=0.5 lot=1 multiplier=1 kind=future payoff=inverse base=XBT currency=USD settlement=XBT expiry=2026-06-26T15:00:00Z"
    );
    assert!(said(&all, "kraken-futures.IN_XBTUSD").starts_with("kind=index"));
}

const DERIBIT: &str = r#"{"jsonrpc":"2.0","result":[
{"instrument_name":"BTC-PERPETUAL","kind":"future","settlement_period":"perpetual","instrument_type":"reversed","base_currency":"BTC","quote_currency":"USD","settlement_currency":"BTC",
 "tick_size":0.5,"contract_size":10,"min_trade_amount":10,"creation_timestamp":1600000000000,"expiration_timestamp":32503708800000,"price_index":"btc_usd"},
{"instrument_name":"A_USDC-PERPETUAL","kind":"future","settlement_period":"perpetual","instrument_type":"linear","base_currency":"A","quote_currency":"USDC","settlement_currency":"USDC","tick_size":1e-4,"min_trade_amount":1.0},
{"instrument_name":"BTC-26JUN26-1-C","kind":"option","settlement_period":"month","instrument_type":"reversed","base_currency":"BTC","quote_currency":"BTC","settlement_currency":"BTC",
 "tick_size":0.0005,"tick_size_steps":[{"above_price":0.005,"tick_size":0.0001}],"min_trade_amount":0.1,"expiration_timestamp":1782460800000},
{"instrument_name":"BTC-FS-26JUN26_PERP","kind":"future_combo","base_currency":"BTC","quote_currency":"USD"},
{"instrument_name":"A_USDC","kind":"spot","base_currency":"A","quote_currency":"USDC","tick_size":0.01,"min_trade_amount":0.0001}]}"#;

#[test]
fn deribit() {
    let (all, list) = of(DERIBIT);
    assert_eq!(
        said(&all, "deribit.BTC-PERPETUAL"),
        "from=2020-09-13T12:26:40Z tick=0.5 lot=10 multiplier=1 kind=perpetual payoff=inverse base=BTC currency=USD settlement=BTC underlying=btc_usd"
    );
    assert_eq!(
        said(&all, "deribit.A_USDC-PERPETUAL"),
        "tick=0.0001 lot=1 multiplier=1 kind=perpetual payoff=linear base=A currency=USDC"
    );
    assert_eq!(
        said(&all, "deribit.BTC-26JUN26-1-C"),
        "tick=0.0001 lot=0.1 multiplier=1 kind=option payoff=linear base=BTC currency=BTC expiry=2026-06-26T08:00:00Z"
    );
    assert_eq!(
        said(&all, "deribit.A_USDC"),
        "tick=0.01 lot=0.0001 multiplier=1 kind=spot base=A currency=USDC"
    );
    assert_eq!(list.left_out["a combination of several contracts"].len(), 1);
}

#[test]
fn what_is_no_list_is_named() {
    for (text, expected) in [
        ("{", "not JSON"),
        ("[]", "an empty array"),
        ("[{\"a\":1}]", "an array of objects with a"),
        ("7", "no list of instruments"),
        (
            "{\"optionSymbols\":[]}",
            "an object with optionSymbols; expected",
        ),
        ("{\"symbols\":[]}", "the list is empty"),
        ("{\"symbols\":[{\"name\":\"a\"}]}", "an object with symbols"),
        (
            "{\"code\":\"50011\",\"msg\":\"slow\",\"data\":[]}",
            "error 50011",
        ),
        (
            "{\"symbols\":[{\"baseAsset\":\"A\",\"quoteAsset\":\"B\"}]}",
            "entry 1 has no `symbol`",
        ),
        (
            "{\"symbols\":[{\"symbol\":\"A\\u0001B\",\"baseAsset\":\"A\",\"quoteAsset\":\"B\"}]}",
            "no instrument of it can be defined",
        ),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text}: {error}");
        assert!(error.contains("list.json"), "{error}");
    }
    let twice = r#"{"symbols":[{"symbol":"A","baseAsset":"A","quoteAsset":"B"},{"symbol":"A","baseAsset":"A","quoteAsset":"C"}]}"#;
    assert!(error(twice).contains("one entry of an instrument"));
}

#[test]
fn decimals_that_do_not_go_together_are_left_out() {
    let text = r#"{"symbols":[{"symbol":"A","baseAsset":"A","quoteAsset":"B","filters":[]},
{"symbol":"X","contractType":"PERPETUAL","contractSize":"0.1","pair":"X","baseAsset":"A","quoteAsset":"USD","marginAsset":"A","filters":[
 {"filterType":"PRICE_FILTER","tickSize":"0.000000001"},{"filterType":"LOT_SIZE","stepSize":"0.000000001"}]}]}"#;
    let (_, list) = of(text);
    let reason = "decimals of tick, lot and multiplier are more than 18 together";
    assert_eq!(list.left_out[reason], ["X"]);
}

const SAMPLES: [&str; 7] = [SPOT, FUTURES, OKX, BYBIT, COINBASE, KRAKEN_FUTURES, DERIBIT];

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
        Just("".into()),
        Just("1e-400".into()),
    ];
    let key = prop_oneof![
        Just("symbols"),
        Just("symbol"),
        Just("data"),
        Just("instId"),
        Just("instType"),
        Just("result"),
        Just("products"),
        Just("instruments"),
        Just("baseAsset"),
        Just("quoteAsset"),
        Just("filters"),
        Just("instrument_name"),
        Just("type"),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::Array),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| {
                fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

/// Puts `value` in the place of the value number `at`, counted through all of a document.
fn put(into: &mut serde_json::Value, at: &mut usize, value: &serde_json::Value) {
    if *at == 0 {
        *into = value.clone();
    }
    *at = at.wrapping_sub(1);
    match into {
        serde_json::Value::Array(all) => all.iter_mut().for_each(|one| put(one, at, value)),
        serde_json::Value::Object(all) => all.values_mut().for_each(|one| put(one, at, value)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn arbitrary_json_never_panics(value in json()) {
        if let Err(error) = read(&value.to_string(), Path::new("x.json")) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn a_list_with_any_value_in_any_place_never_panics(sample in 0..SAMPLES.len(), at in 0_usize..90, value in json()) {
        let mut document: serde_json::Value = serde_json::from_str(SAMPLES[sample]).unwrap();
        let mut at = at;
        put(&mut document, &mut at, &value);
        if let Ok((all, _)) = read(&document.to_string(), Path::new("x.json")) {
            let again = Definitions::from_toml(&all.to_toml(), Path::new("x.toml")).unwrap();
            prop_assert_eq!(again, all);
        }
    }

    #[test]
    fn a_list_that_is_cut_off_never_panics(sample in 0..SAMPLES.len(), end in 0_usize..3000) {
        let text: String = SAMPLES[sample].chars().take(end).collect();
        if let Err(error) = read(&text, Path::new("x.json")) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

/// Lists in the venues' documentation, if the shared data are there.
#[test]
fn lists_of_venues() {
    let Some(data) = std::env::var_os("TICKLOOM_SHARED_DATA") else {
        return;
    };
    let root = Path::new(&data).join("venue-fixtures");
    for (file, expected) in [
        (
            "binance/jkorf/Endpoints/Spot/ExchangeData/GetExchangeInfo.txt",
            "binance.ETHBTC",
        ),
        (
            "binance/jkorf/Endpoints/UsdFutures/ExchangeData/GetExchangeInfo.txt",
            "binance-usdm.BLZUSDT",
        ),
        (
            "binance/jkorf/Endpoints/CoinFutures/ExchangeData/GetExchangeInfo.txt",
            "binance-cm.BTCUSD_200925",
        ),
        (
            "okx/jkorf/Endpoints/UnifiedApi/ExchangeData/GetSymbols.txt",
            "okx.BTC-USDT",
        ),
        (
            "bybit/jkorf/Endpoints/V5Api/ExchangeData/GetLinearInverseSymbols.txt",
            "bybit.BTCUSDT",
        ),
        (
            "bybit/jkorf/Endpoints/V5Api/ExchangeData/GetSpotSymbols.txt",
            "bybit-spot.BTCUSDT",
        ),
        (
            "bybit/jkorf/Endpoints/V5Api/ExchangeData/GetOptionSymbols.txt",
            "bybit.ETH-3JAN23-1250-P",
        ),
        (
            "kraken/jkorf/Endpoints/Spot/ExchangeData/GetSymbols.txt",
            "kraken.ETH/BTC",
        ),
        (
            "kraken/jkorf/Endpoints/Futures/ExchangeData/GetSymbols.txt",
            "kraken-futures.FI_XBTUSD_220930",
        ),
    ] {
        let Ok(text) = std::fs::read_to_string(root.join(file)) else {
            continue;
        };
        let body = text.find('{').map_or("", |at| &text[at..]);
        let (all, list) = read(body, Path::new(file)).unwrap();
        assert!(
            all.all().iter().any(|d| d.name == expected),
            "{file}: {all:?}"
        );
        assert!(list.left_out.is_empty(), "{file}: {list:?}");
    }
}
