//! What to connect to: raw settings as a person writes them ([`FeedConfig`]), and checked ones ([`Feed`]).

mod address;

use crate::binance::{Channel, Symbol, Untimed, Venue};
use crate::limits;
use crate::line::{Line, lines};
use address::{parse_address, venue_named};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use thiserror::Error;
use tickloom_types::{
    InstrumentDef, InstrumentError, Instruments, SourceDef, SourceId, SourceKind,
};

/// Settings of one feed, as in a `[[feed]]` table of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// `binance`, `binance-usdm` or `binance-cm`.
    pub venue: Venue,
    /// Symbols as the venue writes them, such as `BTCUSDT`.
    pub symbols: Vec<String>,
    /// What to subscribe to for each symbol.
    #[serde(default = "default_channels")]
    pub channels: Vec<Channel>,
    /// Definitions of instruments (`binance.BTCUSDT`) that differ from eight decimals of price and size.
    #[serde(default)]
    pub definitions: Vec<InstrumentDef>,
    /// Base address of the WebSocket; the venue's own if not given.
    #[serde(default)]
    pub ws_url: Option<String>,
    /// Base address of the REST service; the venue's own, or the WebSocket's host if that is given.
    #[serde(default)]
    pub rest_url: Option<String>,
    /// Name of the source in the run; the venue's name if not given.
    #[serde(default)]
    pub source: Option<String>,
    /// Reconnect when nothing came for so long.
    #[serde(default = "default_idle_timeout_ms")]
    pub idle_timeout_ms: u64,
    /// About the first wait before a new connection; it doubles.
    #[serde(default = "default_reconnect_ms")]
    pub reconnect_ms: u64,
    /// About the longest wait before a new connection.
    #[serde(default = "default_reconnect_ms_max")]
    pub reconnect_ms_max: u64,
    /// Wait before a snapshot is asked for again.
    #[serde(default = "default_snapshot_retry_ms")]
    pub snapshot_retry_ms: u64,
    /// A subscription of which nothing has come for so long after the connection was made is silent; for trades, six times as
    /// long.
    #[serde(default = "default_first_data_ms")]
    pub first_data_ms: u64,
    /// A connection that is so old is replaced before the venue ends it. The next one is made first.
    #[serde(default = "default_max_age_ms")]
    pub max_age_ms: u64,
    /// Seed of the jitter in the waits.
    #[serde(default)]
    pub jitter_seed: u64,
    /// The venue plays a recording: time passes by its messages alone. There are no timers, no stamp is compared with our clock, and
    /// no frame waits until it is known where the venue's clock is; records are what an import of the recording makes.
    #[serde(default)]
    pub recorded: bool,
}

fn default_channels() -> Vec<Channel> {
    vec![Channel::Depth, Channel::BookTicker, Channel::Trade]
}

fn default_idle_timeout_ms() -> u64 {
    15_000
}

fn default_reconnect_ms() -> u64 {
    500
}

fn default_reconnect_ms_max() -> u64 {
    30_000
}

fn default_snapshot_retry_ms() -> u64 {
    1_000
}

fn default_first_data_ms() -> u64 {
    10_000
}

/// Ten minutes less than the day after which the venue ends a connection.
fn default_max_age_ms() -> u64 {
    85_800_000
}

/// Why settings of a feed were refused.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FeedError {
    /// Neither a name with symbols nor an address.
    #[error(
        "{text:?} is not a feed: expected VENUE:SYMBOL,SYMBOL (such as binance:BTCUSDT; venues are binance, \
         binance-usdm, binance-cm) or ws://HOST:PORT/stream?streams=btcusdt@trade/btcusdt@depth"
    )]
    Text {
        /// The text as given.
        text: String,
    },
    /// A part of the address that is not understood.
    #[error("feed {text:?}: {part} {value:?}, expected {expected}")]
    Part {
        /// The text as given.
        text: String,
        /// Which part.
        part: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A setting out of its range.
    #[error("feed {venue}: {field} is {value}, expected {expected}")]
    Field {
        /// Name of the venue.
        venue: &'static str,
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// An instrument or source that contradicts another.
    #[error("feed {venue}: {cause}")]
    Instrument {
        /// Name of the venue.
        venue: &'static str,
        /// What is wrong.
        cause: InstrumentError,
    },
}

/// Checked settings: what a session and a socket work from.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Which venue.
    pub venue: Venue,
    /// Identifier of the source in the run.
    pub source: SourceId,
    /// Symbols with their identifiers and scales.
    pub symbols: Vec<Symbol>,
    /// What is subscribed to.
    pub channels: Vec<Channel>,
    /// The connections that it needs.
    pub lines: Vec<Line>,
    /// Base address of the REST service.
    pub rest_url: String,
    /// Reconnect when nothing came for so long.
    pub idle_timeout: Duration,
    /// About the first wait before a new connection.
    pub reconnect: Duration,
    /// About the longest wait before a new connection.
    pub reconnect_max: Duration,
    /// Wait before a snapshot is asked for again.
    pub snapshot_retry: Duration,
    /// A subscription of which nothing has come for so long is silent.
    pub first_data: Duration,
    /// A connection that is so old is replaced.
    pub max_age: Duration,
    /// Seed of the jitter.
    pub jitter_seed: u64,
    /// Whether the venue plays a recording, so that time passes by its messages alone.
    pub recorded: bool,
}

impl FeedConfig {
    /// The usual settings for these symbols of a venue.
    #[must_use]
    pub fn new(venue: Venue, symbols: Vec<String>) -> Self {
        FeedConfig {
            venue,
            symbols,
            channels: default_channels(),
            definitions: Vec::new(),
            ws_url: None,
            rest_url: None,
            source: None,
            idle_timeout_ms: default_idle_timeout_ms(),
            reconnect_ms: default_reconnect_ms(),
            reconnect_ms_max: default_reconnect_ms_max(),
            snapshot_retry_ms: default_snapshot_retry_ms(),
            first_data_ms: default_first_data_ms(),
            max_age_ms: default_max_age_ms(),
            jitter_seed: 0,
            recorded: false,
        }
    }

    /// From `--feed`: `binance:BTCUSDT,ETHUSDT`, or the address of a combined stream such as
    /// `ws://127.0.0.1:9000/stream?streams=btcusdt@depth/btcusdt@trade`.
    ///
    /// The venue of an address is its query's `venue=`, otherwise the one whose host it is, otherwise `binance`.
    /// Snapshots are asked for at the same host unless it is the venue's own.
    ///
    /// # Errors
    /// [`FeedError`] that quotes the part which is wrong.
    pub fn parse(text: &str) -> Result<FeedConfig, FeedError> {
        if text.starts_with("ws://") || text.starts_with("wss://") {
            return parse_address(text);
        }
        let (name, symbols) = text.split_once(':').ok_or_else(|| FeedError::Text {
            text: text.to_owned(),
        })?;
        let venue = venue_named(text, name)?;
        let symbols = symbols
            .split(',')
            .map(|symbol| symbol.trim().to_ascii_uppercase())
            .collect();
        Ok(FeedConfig::new(venue, symbols))
    }

    /// Checks the settings and gives the feed's instruments and source their identifiers.
    ///
    /// # Errors
    /// [`FeedError`] that names the setting which is wrong.
    pub fn resolve(&self, instruments: &mut Instruments) -> Result<Feed, FeedError> {
        self.check()?;
        let venue = self.venue.name();
        let refuse = |cause| FeedError::Instrument { venue, cause };
        let symbols = self
            .venue
            .define_symbols(&self.symbols, &self.definitions, instruments)
            .map_err(refuse)?;
        let source = SourceDef::new(
            self.source.clone().unwrap_or_else(|| venue.to_owned()),
            SourceKind::Feed,
        );
        Ok(Feed {
            venue: self.venue,
            source: instruments.add_source(source).map_err(refuse)?,
            lines: lines(self.venue, self.ws_base(), &symbols, &self.channels),
            symbols,
            channels: self.channels.clone(),
            rest_url: self.rest_base(),
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
            reconnect: Duration::from_millis(self.reconnect_ms),
            reconnect_max: Duration::from_millis(self.reconnect_ms_max),
            snapshot_retry: Duration::from_millis(self.snapshot_retry_ms),
            first_data: Duration::from_millis(self.first_data_ms),
            max_age: Duration::from_millis(self.max_age_ms),
            jitter_seed: self.jitter_seed,
            recorded: self.recorded,
        })
    }

    fn check(&self) -> Result<(), FeedError> {
        let refuse = |field, value: String, expected| FeedError::Field {
            venue: self.venue.name(),
            field,
            value,
            expected,
        };
        if self.symbols.is_empty() || self.symbols.len() > limits::SYMBOLS_MAX {
            let value = format!("{} symbols", self.symbols.len());
            return Err(refuse("symbols", value, "1 to 256"));
        }
        for (index, symbol) in self.symbols.iter().enumerate() {
            let stream = self.venue.stream_name(symbol, Channel::Trade);
            if Channel::of_stream(&stream) != Some((symbol.clone(), Channel::Trade)) {
                let expected = "upper-case letters, digits and _";
                return Err(refuse("symbols", format!("{symbol:?}"), expected));
            }
            if self.symbols[..index].contains(symbol) {
                return Err(refuse("symbols", format!("{symbol:?} twice"), "each once"));
            }
        }
        if self.channels.is_empty() {
            return Err(refuse("channels", "empty".to_owned(), "at least one"));
        }
        let has = |channel| self.channels.contains(&channel);
        if has(Channel::Trade) && has(Channel::AggTrade) {
            let expected = "one of them, or volume counts twice";
            return Err(refuse(
                "channels",
                "trade and agg_trade".to_owned(),
                expected,
            ));
        }
        for (field, value) in [
            ("idle_timeout_ms", self.idle_timeout_ms),
            ("first_data_ms", self.first_data_ms),
            ("max_age_ms", self.max_age_ms),
        ] {
            if value == 0 {
                return Err(refuse(field, "0".to_owned(), "above zero"));
            }
        }
        Ok(())
    }

    /// The base address without a path that belongs to some streams only.
    fn ws_base(&self) -> &str {
        let base = self.ws_url.as_deref().unwrap_or(self.venue.ws_url());
        let base = base.trim_end_matches('/');
        let groups = self.venue.groups().iter();
        let mut without = groups.filter_map(|group| base.strip_suffix(group));
        without.next().unwrap_or(base)
    }

    fn rest_base(&self) -> String {
        let base = match (&self.rest_url, &self.ws_url) {
            (Some(url), _) => url.clone(),
            (None, None) => self.venue.rest_url().to_owned(),
            // `ws` to `http` and `wss` to `https`.
            (None, Some(_)) => self.ws_base().replacen("ws", "http", 1),
        };
        base.trim_end_matches('/').to_owned()
    }
}

impl Feed {
    /// Address of the depth snapshot of a symbol.
    #[must_use]
    pub fn snapshot_url(&self, symbol: &str) -> String {
        let (base, path, depth) = (
            &self.rest_url,
            self.venue.depth_path(),
            limits::SNAPSHOT_DEPTH,
        );
        format!("{base}{path}?symbol={symbol}&limit={depth}")
    }

    /// Whether books are kept.
    #[must_use]
    pub fn has_depth(&self) -> bool {
        self.channels.contains(&Channel::Depth)
    }

    /// What to do with messages that carry no time.
    #[must_use]
    pub fn untimed(&self) -> Untimed {
        let only_quotes = self
            .channels
            .iter()
            .all(|channel| *channel == Channel::BookTicker);
        if only_quotes {
            Untimed::Arrival
        } else {
            Untimed::Refuse
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_url(feed: &Feed) -> &str {
        let [line] = feed.lines.as_slice() else {
            panic!("{:?}", feed.lines);
        };
        &line.url
    }

    #[test]
    fn an_old_address_of_futures_becomes_the_new_ones() {
        let streams = "streams=btcusdt@depth@0ms/btcusdt@aggTrade";
        for path in ["", "/public", "/market"] {
            for end in [
                "/stream?".to_owned() + streams,
                "/ws/".to_owned() + &streams[8..],
            ] {
                let text = format!("wss://fstream.binance.com{path}{end}");
                let config = FeedConfig::parse(&text).unwrap();
                let feed = config.resolve(&mut Instruments::new()).unwrap();
                let urls: Vec<&str> = feed.lines.iter().map(|line| line.url.as_str()).collect();
                let expected = [
                    "wss://fstream.binance.com/public/stream?streams=btcusdt@depth@0ms",
                    "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade",
                ];
                assert_eq!(
                    (feed.venue, urls.as_slice()),
                    (Venue::Usdm, &expected[..]),
                    "{text}"
                );
                assert_eq!(feed.rest_url, "https://fapi.binance.com");
            }
        }
        let local = FeedConfig::parse("ws://127.0.0.1:9000/market/ws/btcusdt@aggTrade").unwrap();
        let feed = local.resolve(&mut Instruments::new()).unwrap();
        assert_eq!(
            (feed.venue, only_url(&feed), feed.rest_url.as_str()),
            (
                Venue::Usdm,
                "ws://127.0.0.1:9000/market/stream?streams=btcusdt@aggTrade",
                "http://127.0.0.1:9000"
            )
        );
    }

    #[test]
    fn a_name_with_symbols_is_the_venue_itself() {
        let config = FeedConfig::parse("binance-usdm:btcusdt,ETHUSDT").unwrap();
        assert_eq!(config.venue, Venue::Usdm);
        let mut instruments = Instruments::new();
        let feed = config.resolve(&mut instruments).unwrap();
        assert_eq!(
            only_url(&feed),
            "wss://fstream.binance.com/public/stream?streams=btcusdt@depth@0ms/btcusdt@bookTicker/btcusdt@trade/\
             ethusdt@depth@0ms/ethusdt@bookTicker/ethusdt@trade"
        );
        assert_eq!(
            feed.snapshot_url("BTCUSDT"),
            "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000"
        );
        assert!(instruments.find("binance-usdm.ETHUSDT").is_some());
        assert_eq!(
            instruments.source(feed.source).unwrap().name,
            "binance-usdm"
        );
    }

    #[test]
    fn an_address_says_host_streams_and_venue() {
        let text = "ws://127.0.0.1:9000/stream?streams=btcusdt@depth@100ms/btcusdt@trade";
        let config = FeedConfig::parse(text).unwrap();
        assert_eq!(config.venue, Venue::Spot);
        assert_eq!(config.channels, [Channel::Depth, Channel::Trade]);
        let feed = config.resolve(&mut Instruments::new()).unwrap();
        assert_eq!(only_url(&feed), text);
        assert_eq!(feed.rest_url, "http://127.0.0.1:9000");

        let cm = FeedConfig::parse("ws://[::1]:9000/ws/btcusd_perp@trade?venue=binance-cm");
        assert!(
            cm.is_ok_and(|config| config.venue == Venue::Cm && config.symbols == ["BTCUSD_PERP"])
        );

        let real = FeedConfig::parse("wss://dstream.binance.com/stream?streams=btcusd_perp@depth");
        let feed = real.unwrap().resolve(&mut Instruments::new()).unwrap();
        assert_eq!(
            (feed.venue, feed.rest_url.as_str()),
            (Venue::Cm, "https://dapi.binance.com")
        );
    }

    #[test]
    fn wrong_texts_name_the_part() {
        let error = |text: &str| {
            FeedConfig::parse(text)
                .and_then(|config| config.resolve(&mut Instruments::new()))
                .unwrap_err()
                .to_string()
        };
        assert!(error("binance").contains("expected VENUE:SYMBOL"));
        assert!(error("kraken:BTCUSD").contains("venue \"kraken\""));
        assert!(error("binance:").contains("symbols is \"\""));
        assert!(error("binance:BTCUSDT,BTCUSDT").contains("twice"));
        assert!(error("ws://h:1/stream?streams=btcusdt@kline_1m").contains("btcusdt@kline_1m"));
        assert!(error("ws://h:1/stream?streams=a@trade/b@depth").contains("two feeds"));
        assert!(error("ws://h:1/stream?streams=a@trade/a@aggTrade").contains("counts twice"));
        assert!(error("ws:///stream?streams=a@trade").contains("host"));
        assert!(error("ws://h:1/stream?x=1&streams=a@trade").contains("x=1"));
        assert!(error("ws://h:1/stream?streams=a@trade&recorded=1").contains("true or false"));
    }

    #[test]
    fn settings_are_read_from_toml_and_unknown_ones_refused() {
        let config: FeedConfig = toml::from_str(
            "venue = 'binance'\nsymbols = ['BTCUSDT']\nchannels = ['depth', 'book_ticker']\nidle_timeout_ms = 5000",
        )
        .unwrap();
        assert_eq!(config.channels, [Channel::Depth, Channel::BookTicker]);
        let unknown = toml::from_str::<FeedConfig>("venue = 'binance'\nsymbols = []\nsymbol = 'X'");
        assert!(
            unknown
                .unwrap_err()
                .to_string()
                .contains("unknown field `symbol`")
        );
    }

    #[test]
    fn a_definition_overrides_the_scale() {
        let mut config = FeedConfig::parse("binance:BTCUSDT").unwrap();
        config.definitions = vec![InstrumentDef::new("binance.BTCUSDT", 2, 5, "USDT")];
        let feed = config.resolve(&mut Instruments::new()).unwrap();
        assert_eq!(
            (feed.symbols[0].price_decimals, feed.symbols[0].qty_decimals),
            (2, 5)
        );
    }
}
