//! What a message says of its venue by its fields.

use super::VenueKind;
use crate::binance::Venue;
use crate::venues::bybit;
use crate::venues::shape::{Raw, parse};
use serde::Deserialize;

mod arrays;

/// What a message says of its venue.
pub(super) enum Said {
    Venue(VenueKind),
    /// One of these, which send it alike.
    OneOf(&'static [VenueKind]),
}

/// The fields by which messages of one venue differ from those of all others.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, rename = "Item")]
    item: Option<Raw<'a>>,
    #[serde(borrow, rename = "Reconnecting")]
    reconnecting: Option<Raw<'a>>,
    #[serde(borrow)]
    jsonrpc: Option<Raw<'a>>,
    #[serde(borrow)]
    feed: Option<Raw<'a>>,
    #[serde(borrow)]
    client_id: Option<Raw<'a>>,
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow)]
    method: Option<Raw<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow)]
    arg: Option<Raw<'a>>,
    #[serde(borrow)]
    topic: Option<Raw<'a>>,
    #[serde(borrow)]
    ret_msg: Option<Raw<'a>>,
    #[serde(borrow)]
    table: Option<Raw<'a>>,
    #[serde(borrow)]
    coin: Option<Raw<'a>>,
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    success: Option<Raw<'a>>,
    #[serde(borrow)]
    event_id: Option<Raw<'a>>,
    #[serde(borrow)]
    changes: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    /// Fields of rows of BitMEX.
    #[serde(borrow, rename = "bidPrice")]
    bid_price: Option<Raw<'a>>,
    #[serde(borrow, rename = "homeNotional")]
    home_notional: Option<Raw<'a>>,
    #[serde(borrow, rename = "fundingInterval")]
    funding_interval: Option<Raw<'a>>,
    #[serde(borrow, rename = "transactTime")]
    transact_time: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
}

/// What OKX and Bitget both call the argument of a subscription: Bitget's names kind and symbol together.
#[derive(Deserialize)]
struct Arg<'a> {
    #[serde(borrow, rename = "instType")]
    kind: Option<Raw<'a>>,
    #[serde(borrow, rename = "instId")]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow)]
    topic: Option<Raw<'a>>,
}

impl Arg<'_> {
    fn is_okx(&self) -> bool {
        let is_bitget = self.kind.is_some() && self.symbol.is_some() || self.topic.is_some();
        self.channel.is_some() && !is_bitget
    }
}

/// The fields by which the three Binance venues differ.
#[derive(Deserialize)]
struct BinanceShape<'a> {
    #[serde(borrow)]
    stream: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow)]
    e: Option<&'a str>,
    #[serde(borrow)]
    s: Option<&'a str>,
    #[serde(borrow, rename = "lastUpdateId")]
    last_update_id: Option<Raw<'a>>,
    #[serde(borrow)]
    ps: Option<&'a str>,
    st: Option<u8>,
    #[serde(borrow)]
    pu: Option<Raw<'a>>,
    #[serde(borrow, rename = "E")]
    event_time: Option<Raw<'a>>,
    #[serde(borrow, rename = "M")]
    ignored: Option<Raw<'a>>,
    #[serde(borrow, rename = "b")]
    bid: Option<Raw<'a>>,
}

/// Those whose messages are alike in part.
const OF_BYBIT: &[VenueKind] = &[VenueKind::Bybit, VenueKind::BybitSpot];

pub(super) fn of_message(body: &[u8]) -> Option<Said> {
    if let Some(venue) = arrays::venue(body) {
        return Some(Said::Venue(venue));
    }
    match of_binance(body) {
        Some(Some(venue)) => return Some(Said::Venue(VenueKind::Binance(venue))),
        Some(None) => return Some(Said::OneOf(VenueKind::OF_BINANCE)),
        None => {}
    }
    let shape: Shape<'_> = parse(body).ok()?;
    if shape.is_bybit() {
        return Some(match bybit::says_spot(body) {
            Some(true) => Said::Venue(VenueKind::BybitSpot),
            Some(false) => Said::Venue(VenueKind::Bybit),
            None => Said::OneOf(OF_BYBIT),
        });
    }
    shape.venue().map(Said::Venue)
}

impl Shape<'_> {
    fn is_bybit(&self) -> bool {
        let is_other = self.item.or(self.reconnecting).or(self.jsonrpc).is_some()
            || self.feed.or(self.arg).is_some();
        let is_topic = |topic: Raw<'_>| {
            let topic = topic.text();
            topic.contains('.') && !topic.contains(['/', '@', ':'])
        };
        let is_told = self.topic.is_some_and(is_topic) && self.data.is_some();
        !is_other && (is_told || self.ret_msg.is_some())
    }

    fn venue(&self) -> Option<VenueKind> {
        let shape = self;
        let is_list = shape.data.is_some_and(Raw::is_list);
        if shape.item.is_some() || shape.reconnecting.is_some() {
            return Some(VenueKind::Barter);
        }
        if shape.jsonrpc.is_some() {
            return Some(VenueKind::Deribit);
        }
        if shape.feed.is_some() {
            return Some(VenueKind::KrakenFutures);
        }
        if let Some(arg) = shape.arg {
            return arg
                .parse()
                .is_ok_and(|arg: Arg<'_>| arg.is_okx())
                .then_some(VenueKind::Okx);
        }
        if shape.topic.is_some() {
            return None;
        }
        if let (Some(table), Some(_)) = (shape.table, shape.data) {
            return (!table.text().contains('/')).then_some(VenueKind::Bitmex);
        }
        let is_exchange = shape.product_id.is_some() && shape.kind.is_some();
        if shape.client_id.is_some() && shape.channel.is_some() || is_exchange {
            return Some(VenueKind::Coinbase);
        }
        if shape.channel.is_some() && shape.event.is_some() {
            // Of others that have both, what is told is not under `data`.
            return shape.data.map(|_| VenueKind::Bitstamp);
        }
        let is_reply = shape.method.is_some() && shape.success.is_some();
        if shape.channel.is_some() && shape.kind.is_some() && is_list || is_reply {
            return Some(VenueKind::Kraken);
        }
        if shape.coin.is_some() || shape.channel.is_some() && shape.data.is_some() {
            return Some(VenueKind::Hyperliquid);
        }
        shape.of_symbol()
    }

    /// The venue of a message that says little more than a symbol.
    fn of_symbol(&self) -> Option<VenueKind> {
        self.symbol?;
        let is_gemini = self.event_id.is_some() || self.changes.is_some();
        if self.kind.is_some() && is_gemini {
            return Some(VenueKind::Gemini);
        }
        let of_bitmex = [
            self.bid_price,
            self.home_notional,
            self.funding_interval,
            self.transact_time,
            self.bids,
        ];
        let is_bitmex = self.timestamp.is_some() && of_bitmex.iter().any(Option::is_some);
        is_bitmex.then_some(VenueKind::Bitmex)
    }
}

/// One of Binance's, and which one if the message says it. A combined stream has an `@` in its name. Of futures are `st`, `ps`, `pu` in
/// depth, a quote that names its kind, a trade without `M`, a snapshot with a time, and symbols with an end; candles and small tickers
/// are those of spot too.
fn of_binance(body: &[u8]) -> Option<Option<Venue>> {
    let mut shape: BinanceShape<'_> = parse(body).ok()?;
    if let (Some(stream), Some(data)) = (shape.stream, shape.data) {
        if !stream.text().contains('@') {
            return None;
        }
        shape = data.parse().ok()?;
    } else if shape.e.is_none() && shape.last_update_id.is_none() {
        return None;
    }
    let symbol = shape.s.unwrap_or_default();
    if let Some(venue) = Venue::of_contract(symbol, shape.ps, shape.st) {
        return Some(Some(venue));
    }
    let is_futures = match shape.e {
        _ if symbol.contains('_') => true,
        Some("depthUpdate") => shape.pu.is_some(),
        Some("bookTicker" | "forceOrder" | "markPriceUpdate" | "continuous_kline") => true,
        Some("trade" | "aggTrade") => shape.ignored.is_none(),
        Some("24hrTicker") => shape.bid.is_none(),
        Some(_) => return Some(None),
        None => shape.event_time.is_some(),
    };
    Some(Some(match is_futures {
        true => Venue::of_symbol(symbol),
        false => Venue::Spot,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_say_the_venue() {
        let of = |url| VenueKind::of_url(url).map(VenueKind::name);
        assert_eq!(
            of("wss://stream.binance.com:9443/stream?streams=x"),
            Some("binance")
        );
        assert_eq!(
            of("https://fapi.binance.com/fapi/v1/depth"),
            Some("binance-usdm")
        );
        assert_eq!(of("wss://futures.kraken.com/ws/v1"), Some("kraken-futures"));
        assert_eq!(of("wss://ws.kraken.com"), Some("kraken"));
        assert_eq!(of("wss://ws.okx.com:8443/ws/v5/public"), Some("okx"));
        assert_eq!(
            of("wss://data-stream.binance.vision/stream?streams=x"),
            Some("binance")
        );
        assert_eq!(of("wss://stream.testnet.binance.vision/ws/x"), None);
        assert_eq!(of("wss://stream.bybit.kz/v5/public/linear"), Some("bybit"));
        assert_eq!(
            of("wss://stream.bybit-tr.com/v5/public/spot"),
            Some("bybit-spot")
        );
        assert_eq!(of("wss://wseeapap.okx.com:8443/ws/v5/public"), None);
        assert_eq!(of("https://notbinance.com/x"), None);
        assert_eq!(of("ws.kraken.com"), None);
    }

    #[test]
    fn messages_of_venues_that_are_not_known_are_not_taken_for_those_of_others() {
        for (name, body) in [
            (
                "bitget",
                r#"{"action":"snapshot","arg":{"instType":"SPOT","channel":"books","instId":"ABUSDT"},"data":[{"asks":[],"bids":[],"ts":"1"}],"ts":1}"#,
            ),
            (
                "bitget, unified",
                r#"{"action":"update","arg":{"instType":"spot","topic":"books","symbol":"ABUSDT"},"data":[],"ts":1}"#,
            ),
            (
                "kucoin",
                r#"{"type":"message","topic":"/market/level2:AB-USDT","subject":"trade.l2update","data":{}}"#,
            ),
            (
                "gate",
                r#"{"time":1,"channel":"spot.trades","event":"update","result":{"id":1}}"#,
            ),
            ("woo", r#"{"topic":"SPOT_AB_USDT@trade","ts":1,"data":{}}"#),
            (
                "backpack",
                r#"{"stream":"trade.AB_USDC","data":{"e":"trade","E":1,"s":"AB_USDC","p":"1","q":"1","t":1,"T":1,"m":true}}"#,
            ),
            ("bitmart", r#"{"table":"spot/depth5","data":[]}"#),
            (
                "dydx",
                r#"{"type":"channel_data","connection_id":"x","message_id":1,"id":"AB-USD","channel":"v4_trades","contents":{}}"#,
            ),
        ] {
            assert_eq!(VenueKind::of_message(body.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn what_binance_calls_the_kind_of_a_contract_decides() {
        let of = |more: &str| {
            let body = format!(r#"{{"e":"depthUpdate","U":1,"u":2,"pu":0,{more},"b":[],"a":[]}}"#);
            VenueKind::of_message(body.as_bytes()).map(VenueKind::name)
        };
        assert_eq!(
            of(r#""s":"ABUSDT","ps":"ABUSDT","st":1"#),
            Some("binance-usdm")
        );
        assert_eq!(
            of(r#""s":"ABUSD_PERP","ps":"ABUSD","st":2"#),
            Some("binance-cm")
        );
        assert_eq!(of(r#""s":"ABUSD_PERP","ps":"ABUSD""#), Some("binance-cm"));
        assert_eq!(
            of(r#""s":"ABUSDT_260626","ps":"ABUSDT""#),
            Some("binance-usdm")
        );
        assert_eq!(of(r#""s":"ABUSDT""#), Some("binance-usdm"));
    }

    #[test]
    fn messages_that_many_venues_could_have_sent_say_nothing() {
        for body in [
            &b"{}"[..],
            b"[1,2]",
            b"{\"id\":1}",
            b"3",
            b"x",
            b"{\"symbol\":\"A\",\"timestamp\":1,\"type\":\"x\",\"price\":2}",
        ] {
            assert_eq!(VenueKind::of_message(body), None);
        }
    }
}
