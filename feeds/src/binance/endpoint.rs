//! Names, addresses and stream names of the three venues.

use super::decoded::Symbol;
use crate::book_sync::SequenceRule;
use serde::{Deserialize, Serialize};
use tickloom_types::{InstrumentDef, InstrumentError, Instruments};

/// Which of the three venues; its name is the first part of its instruments' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Venue {
    /// Spot.
    #[serde(rename = "binance")]
    Spot,
    /// USD-margined futures.
    #[serde(rename = "binance-usdm")]
    Usdm,
    /// Coin-margined futures.
    #[serde(rename = "binance-cm")]
    Cm,
}

/// What is subscribed to for each symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Changes of the L2 book, at the venue's fastest pace.
    Depth,
    /// Best bid and ask.
    BookTicker,
    /// Each trade.
    Trade,
    /// Trades of one taker order at one price put together.
    AggTrade,
}

/// Where USD-margined books are, and where the rest is, since March 2026.
const PUBLIC: &str = "/public";
const MARKET: &str = "/market";

/// Decimals of prices and sizes unless the instrument is defined otherwise: the finest that the venue writes.
const DECIMALS: u8 = 8;

impl Venue {
    /// Which futures a message is of that names a pair (`ps`) or a kind (`st`: 1 USD-M, 2 COIN-M). Before there was a kind, only messages
    /// of COIN-M named the pair: a coin and `USD`, which the symbol has before an underscore.
    pub(crate) fn of_contract(symbol: &str, pair: Option<&str>, kind: Option<u8>) -> Option<Venue> {
        match kind {
            Some(1) => Some(Venue::Usdm),
            Some(2) => Some(Venue::Cm),
            _ => pair.map(|_| Venue::of_symbol(symbol)),
        }
    }

    /// Which of the futures venues has this symbol.
    pub(crate) fn of_symbol(symbol: &str) -> Venue {
        match symbol.split_once('_') {
            Some((pair, _)) if pair.ends_with("USD") => Venue::Cm,
            _ => Venue::Usdm,
        }
    }

    /// All of them.
    pub const ALL: [Venue; 3] = [Venue::Spot, Venue::Usdm, Venue::Cm];

    /// `binance`, `binance-usdm` or `binance-cm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Venue::Spot => "binance",
            Venue::Usdm => "binance-usdm",
            Venue::Cm => "binance-cm",
        }
    }

    /// The venue with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Venue> {
        Venue::ALL.into_iter().find(|venue| venue.name() == name)
    }

    /// The venue whose public host this is.
    #[must_use]
    pub fn from_host(host: &str) -> Option<Venue> {
        let known = |url: &'static str| {
            url.split("//")
                .nth(1)
                .and_then(|rest| rest.split(':').next())
        };
        Venue::ALL
            .into_iter()
            .find(|venue| known(venue.ws_url()) == Some(host))
    }

    /// Base address of the public WebSocket.
    #[must_use]
    pub fn ws_url(self) -> &'static str {
        match self {
            Venue::Spot => "wss://stream.binance.com:9443",
            Venue::Usdm => "wss://fstream.binance.com",
            Venue::Cm => "wss://dstream.binance.com",
        }
    }

    /// Paths below the base address that streams are spread over.
    pub(crate) fn groups(self) -> &'static [&'static str] {
        match self {
            Venue::Usdm => &[PUBLIC, MARKET],
            Venue::Spot | Venue::Cm => &[""],
        }
    }

    /// The path that a channel's streams are at. Elsewhere they are acknowledged and never sent.
    pub(crate) fn group_of(self, channel: Channel) -> &'static str {
        match (self, channel) {
            (Venue::Spot | Venue::Cm, _) => "",
            (Venue::Usdm, Channel::Depth | Channel::BookTicker | Channel::Trade) => PUBLIC,
            (Venue::Usdm, Channel::AggTrade) => MARKET,
        }
    }

    /// How many messages a client may send in a second, pings and pongs among them.
    #[must_use]
    pub fn messages_per_second_max(self) -> usize {
        match self {
            Venue::Spot => 5,
            Venue::Usdm | Venue::Cm => 10,
        }
    }

    /// Base address of the public REST service.
    #[must_use]
    pub fn rest_url(self) -> &'static str {
        match self {
            Venue::Spot => "https://api.binance.com",
            Venue::Usdm => "https://fapi.binance.com",
            Venue::Cm => "https://dapi.binance.com",
        }
    }

    /// Path of the depth snapshot.
    #[must_use]
    pub fn depth_path(self) -> &'static str {
        match self {
            Venue::Spot => "/api/v3/depth",
            Venue::Usdm => "/fapi/v1/depth",
            Venue::Cm => "/dapi/v1/depth",
        }
    }

    /// How update ids follow each other.
    #[must_use]
    pub fn sequence_rule(self) -> SequenceRule {
        match self {
            Venue::Spot => SequenceRule::Consecutive,
            Venue::Usdm | Venue::Cm => SequenceRule::Chained,
        }
    }

    /// The definition of a symbol that nobody has defined: eight decimals of price and size, currency by its ending.
    #[must_use]
    pub fn default_def(self, symbol: &str) -> InstrumentDef {
        let name = format!("{}.{symbol}", self.name());
        InstrumentDef::of_name(&name, DECIMALS, DECIMALS)
    }

    /// Gives symbols their identifiers, by these definitions or the default ones.
    ///
    /// # Errors
    /// [`InstrumentError`] if an instrument is already defined differently.
    pub fn define_symbols(
        self,
        names: &[String],
        definitions: &[InstrumentDef],
        instruments: &mut Instruments,
    ) -> Result<Vec<Symbol>, InstrumentError> {
        let mut symbols = Vec::with_capacity(names.len());
        for name in names {
            let default = self.default_def(name);
            let given = definitions.iter().find(|def| def.name == default.name);
            let def = given.unwrap_or(&default).clone();
            let (price_decimals, qty_decimals) = (def.price_decimals, def.qty_decimals);
            symbols.push(Symbol {
                name: name.clone(),
                instrument: instruments.add(def)?,
                price_decimals,
                qty_decimals,
            });
        }
        Ok(symbols)
    }

    /// Name of the stream of a symbol and a channel, as in `streams=`.
    #[must_use]
    pub fn stream_name(self, symbol: &str, channel: Channel) -> String {
        let suffix = match (channel, self) {
            (Channel::Depth, Venue::Spot) => "depth@100ms",
            (Channel::Depth, Venue::Usdm | Venue::Cm) => "depth@0ms",
            (Channel::BookTicker, _) => "bookTicker",
            (Channel::Trade, _) => "trade",
            (Channel::AggTrade, _) => "aggTrade",
        };
        format!("{}@{suffix}", symbol.to_ascii_lowercase())
    }
}

impl Channel {
    /// Symbol in upper case and channel of a stream name; the pace of a depth stream is not looked at.
    #[must_use]
    pub fn of_stream(stream: &str) -> Option<(String, Channel)> {
        let mut parts = stream.split('@');
        let symbol = parts.next()?.to_ascii_uppercase();
        let channel = match parts.next()? {
            "depth" => Channel::Depth,
            "bookTicker" => Channel::BookTicker,
            "trade" => Channel::Trade,
            "aggTrade" => Channel::AggTrade,
            _ => return None,
        };
        let symbol_ok = !symbol.is_empty()
            && symbol
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_');
        symbol_ok.then_some((symbol, channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_names_round_trip() {
        for venue in Venue::ALL {
            assert_eq!(Venue::from_name(venue.name()), Some(venue));
            for channel in [
                Channel::Depth,
                Channel::BookTicker,
                Channel::Trade,
                Channel::AggTrade,
            ] {
                let stream = venue.stream_name("BTCUSD_PERP", channel);
                assert_eq!(
                    Channel::of_stream(&stream),
                    Some(("BTCUSD_PERP".to_owned(), channel))
                );
            }
        }
        assert_eq!(
            Venue::Spot.stream_name("BTCUSDT", Channel::Depth),
            "btcusdt@depth@100ms"
        );
        for wrong in ["", "@trade", "btcusdt", "btcusdt@kline_1m", "a b@trade"] {
            assert_eq!(Channel::of_stream(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hosts_and_currencies_are_known() {
        assert_eq!(Venue::from_host("fstream.binance.com"), Some(Venue::Usdm));
        assert_eq!(Venue::from_host("127.0.0.1"), None);
        assert_eq!(Venue::Spot.default_def("ETHBTC").currency, "BTC");
        assert_eq!(
            Venue::Usdm.default_def("BTCUSDT").name,
            "binance-usdm.BTCUSDT"
        );
        assert_eq!(Venue::Cm.default_def("BTCUSD_PERP").currency, "USD");
    }
}
