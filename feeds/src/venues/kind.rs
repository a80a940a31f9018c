//! Which venues there are, and by what they are known: the host of a capture, or the shape of a message.

use super::bybit;
use super::shape::{Raw, parse};
use crate::binance::Venue;
use serde::Deserialize;

/// A venue whose messages can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VenueKind {
    /// Not a venue but a recorder of several: the `barter` crate.
    Barter,
    /// One of Binance's three.
    Binance(Venue),
    /// Bitfinex.
    Bitfinex,
    /// BitMEX.
    Bitmex,
    /// Bitstamp.
    Bitstamp,
    /// Bybit's derivatives: linear, inverse, options.
    Bybit,
    /// Bybit spot, whose symbols are those of derivatives too.
    BybitSpot,
    /// Coinbase.
    Coinbase,
    /// Deribit.
    Deribit,
    /// Gemini.
    Gemini,
    /// Hyperliquid.
    Hyperliquid,
    /// Kraken spot.
    Kraken,
    /// Kraken futures.
    KrakenFutures,
    /// OKX.
    Okx,
}

/// Ends of host names; where one is the end of another, the longer one comes first.
const HOSTS: [(&str, VenueKind); 18] = [
    ("fapi.binance.com", VenueKind::Binance(Venue::Usdm)),
    ("fstream.binance.com", VenueKind::Binance(Venue::Usdm)),
    ("dapi.binance.com", VenueKind::Binance(Venue::Cm)),
    ("dstream.binance.com", VenueKind::Binance(Venue::Cm)),
    ("binance.com", VenueKind::Binance(Venue::Spot)),
    ("bitfinex.com", VenueKind::Bitfinex),
    ("bitmex.com", VenueKind::Bitmex),
    ("bitstamp.net", VenueKind::Bitstamp),
    ("bybit.com", VenueKind::Bybit),
    ("bytick.com", VenueKind::Bybit),
    ("coinbase.com", VenueKind::Coinbase),
    ("deribit.com", VenueKind::Deribit),
    ("gemini.com", VenueKind::Gemini),
    ("hyperliquid.xyz", VenueKind::Hyperliquid),
    ("futures.kraken.com", VenueKind::KrakenFutures),
    ("kraken.com", VenueKind::Kraken),
    ("okx.com", VenueKind::Okx),
    ("okex.com", VenueKind::Okx),
];

/// Parts of the names of hosts of test networks.
const TEST_LABELS: [&str; 6] = ["testnet", "sandbox", "demo", "test", "wspap", "paper"];

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

impl VenueKind {
    /// All of them.
    pub const ALL: [VenueKind; 16] = [
        VenueKind::Barter,
        VenueKind::Binance(Venue::Spot),
        VenueKind::Binance(Venue::Usdm),
        VenueKind::Binance(Venue::Cm),
        VenueKind::Bitfinex,
        VenueKind::Bitmex,
        VenueKind::Bitstamp,
        VenueKind::Bybit,
        VenueKind::Coinbase,
        VenueKind::Deribit,
        VenueKind::Gemini,
        VenueKind::Hyperliquid,
        VenueKind::Kraken,
        VenueKind::KrakenFutures,
        VenueKind::Okx,
        VenueKind::BybitSpot,
    ];

    /// The first part of its instruments' names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            VenueKind::Barter => "barter",
            VenueKind::Binance(venue) => venue.name(),
            VenueKind::Bitfinex => "bitfinex",
            VenueKind::Bitmex => "bitmex",
            VenueKind::Bitstamp => "bitstamp",
            VenueKind::Bybit => "bybit",
            VenueKind::BybitSpot => "bybit-spot",
            VenueKind::Coinbase => "coinbase",
            VenueKind::Deribit => "deribit",
            VenueKind::Gemini => "gemini",
            VenueKind::Hyperliquid => "hyperliquid",
            VenueKind::Kraken => "kraken",
            VenueKind::KrakenFutures => "kraken-futures",
            VenueKind::Okx => "okx",
        }
    }

    /// Whether its books begin with a snapshot that is asked for by REST; those of the others come in the stream.
    pub(crate) fn asks_for_snapshots(self) -> bool {
        matches!(self, VenueKind::Binance(_) | VenueKind::Bitstamp)
    }

    /// Whether one message may tell of the books of several symbols.
    pub(crate) fn tells_of_several(self) -> bool {
        self == VenueKind::Bitmex
    }

    /// The venue with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<VenueKind> {
        VenueKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The venue that an address belongs to; none of one of its test networks, whose prices are of no market.
    #[must_use]
    pub fn of_url(url: &str) -> Option<VenueKind> {
        let (_, rest) = url.split_once("://")?;
        let host = rest.split(['/', ':', '?']).next()?;
        let is_test = |label: &str| {
            let parts = label.split('-');
            let mut parts = parts.chain([label]);
            parts.any(|part| TEST_LABELS.contains(&part))
        };
        if host.split('.').any(is_test) {
            return None;
        }
        let is_of = |end: &str| {
            let front = host.strip_suffix(end);
            front.is_some_and(|front| front.is_empty() || front.ends_with('.'))
        };
        let found = HOSTS.into_iter().find(|(end, _)| is_of(end));
        match found.map(|(_, venue)| venue) {
            Some(VenueKind::Bybit) if rest.contains("/spot") || rest.contains("category=spot") => {
                Some(VenueKind::BybitSpot)
            }
            found => found,
        }
    }

    /// The venues that may have sent a message of this shape, where it does not say which of one company's it is.
    pub(crate) fn siblings(body: &[u8]) -> Option<&'static [VenueKind]> {
        match of_shape(body)? {
            Said::Venue(_) => None,
            Said::OneOf(all) => Some(all),
        }
    }

    /// The venue that sends messages of this shape, if only one does.
    #[must_use]
    pub fn of_message(body: &[u8]) -> Option<VenueKind> {
        match of_shape(body)? {
            Said::Venue(venue) => Some(venue),
            Said::OneOf(_) => None,
        }
    }
}

/// What a message says of its venue.
enum Said {
    Venue(VenueKind),
    /// One of these, which send it alike.
    OneOf(&'static [VenueKind]),
}

/// Those whose messages are alike in part.
const OF_BYBIT: &[VenueKind] = &[VenueKind::Bybit, VenueKind::BybitSpot];
const OF_BINANCE: &[VenueKind] = &[
    VenueKind::Binance(Venue::Spot),
    VenueKind::Binance(Venue::Usdm),
];

fn of_shape(body: &[u8]) -> Option<Said> {
    match of_binance(body) {
        Some(Some(venue)) => return Some(Said::Venue(VenueKind::Binance(venue))),
        Some(None) => return Some(Said::OneOf(OF_BINANCE)),
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
