//! Which venues there are, and by what they are known: the host of a capture, or the shape of a message.

mod by_message;

use crate::binance::Venue;
use by_message::{Said, of_message};

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
const HOSTS: [(&str, VenueKind); 25] = [
    ("fapi.binance.com", VenueKind::Binance(Venue::Usdm)),
    ("fstream.binance.com", VenueKind::Binance(Venue::Usdm)),
    ("dapi.binance.com", VenueKind::Binance(Venue::Cm)),
    ("dstream.binance.com", VenueKind::Binance(Venue::Cm)),
    ("binance.com", VenueKind::Binance(Venue::Spot)),
    ("binance.vision", VenueKind::Binance(Venue::Spot)),
    ("bitfinex.com", VenueKind::Bitfinex),
    ("bitmex.com", VenueKind::Bitmex),
    ("bitstamp.net", VenueKind::Bitstamp),
    ("bybit.com", VenueKind::Bybit),
    ("bytick.com", VenueKind::Bybit),
    // Its regional hosts.
    ("bybit.eu", VenueKind::Bybit),
    ("bybit.id", VenueKind::Bybit),
    ("bybit.kz", VenueKind::Bybit),
    ("bybit.nl", VenueKind::Bybit),
    ("bybit-tr.com", VenueKind::Bybit),
    ("bybitgeorgia.ge", VenueKind::Bybit),
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
const TEST_LABELS: [&str; 7] = [
    "testnet", "sandbox", "demo", "test", "wspap", "wseeapap", "paper",
];

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

    /// Whether it is one of Binance's.
    pub(crate) fn is_binance(self) -> bool {
        matches!(self, VenueKind::Binance(_))
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

    /// Those of Binance that send candles and small tickers alike.
    pub(crate) const OF_BINANCE: &'static [VenueKind] = &[
        VenueKind::Binance(Venue::Spot),
        VenueKind::Binance(Venue::Usdm),
    ];

    /// The venues that may have sent a message of this shape, where it does not say which of one company's it is.
    pub(crate) fn siblings(body: &[u8]) -> Option<&'static [VenueKind]> {
        match of_message(body)? {
            Said::Venue(_) => None,
            Said::OneOf(all) => Some(all),
        }
    }

    /// The venue that sends messages of this shape, if only one does.
    #[must_use]
    pub fn of_message(body: &[u8]) -> Option<VenueKind> {
        match of_message(body)? {
            Said::Venue(venue) => Some(venue),
            Said::OneOf(_) => None,
        }
    }
}
