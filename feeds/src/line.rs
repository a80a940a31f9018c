//! The connections that a feed needs, and what is subscribed to on each.
//!
//! USD-margined futures of Binance have two addresses since March 2026, `/public` for books and `/market` for the rest; what
//! is asked for at the wrong one is acknowledged and never sent. And an address holds so many streams at most.

use crate::binance::{Channel, Symbol, Venue};
use crate::limits::STREAMS_ON_A_LINE_MAX;
use tickloom_types::InstrumentId;

/// One connection of a feed, by its place in [`Feed::lines`](crate::Feed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineId(pub usize);

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// What it is of.
    pub instrument: InstrumentId,
    /// What it brings.
    pub channel: Channel,
    /// As the venue calls it, such as `btcusdt@trade`.
    pub name: String,
}

/// One connection of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// To tell it from the others of its feed, such as `market`; empty if it is the only one.
    pub name: String,
    /// The address, which names all streams.
    pub url: String,
    /// What is subscribed to by that address.
    pub streams: Vec<Stream>,
}

/// The lines for these channels of these symbols: as few as there can be, all streams of a symbol and an address on the same.
pub(crate) fn lines(
    venue: Venue,
    base: &str,
    symbols: &[Symbol],
    channels: &[Channel],
) -> Vec<Line> {
    let mut lines = Vec::new();
    for group in venue.groups() {
        let grouped = channels.iter().copied();
        let grouped: Vec<Channel> = grouped
            .filter(|channel| venue.group_of(*channel) == *group)
            .collect();
        if grouped.is_empty() {
            continue;
        }
        let chunks = symbols.chunks(STREAMS_ON_A_LINE_MAX / grouped.len());
        for (index, symbols) in chunks.enumerate() {
            let name = group.trim_start_matches('/');
            let name = match (name, index) {
                (name, 0) => name.to_owned(),
                ("", index) => format!("{}", index + 1),
                (name, index) => format!("{name} {}", index + 1),
            };
            lines.push(line(
                venue,
                name,
                &format!("{base}{group}"),
                (symbols, &grouped),
            ));
        }
    }
    if let [only] = lines.as_mut_slice() {
        only.name.clear();
    }
    lines
}

fn line(
    venue: Venue,
    name: String,
    base: &str,
    (symbols, channels): (&[Symbol], &[Channel]),
) -> Line {
    let mut streams = Vec::with_capacity(symbols.len() * channels.len());
    for symbol in symbols {
        for channel in channels {
            streams.push(Stream {
                instrument: symbol.instrument,
                channel: *channel,
                name: venue.stream_name(&symbol.name, *channel),
            });
        }
    }
    let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    Line {
        name,
        url: format!("{base}/stream?streams={}", names.join("/")),
        streams,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::Instruments;

    fn urls(venue: Venue, symbols: usize, channels: &[Channel]) -> Vec<(String, String)> {
        let names: Vec<String> = (0..symbols).map(|n| format!("S{n}USDT")).collect();
        let symbols = venue
            .define_symbols(&names, &[], &mut Instruments::new())
            .unwrap();
        let lines = lines(venue, "wss://h", &symbols, channels);
        lines
            .into_iter()
            .map(|line| (line.name, line.url))
            .collect()
    }

    fn check(venue: Venue, channels: &[Channel], expected: &[(&str, &str)]) {
        let urls = urls(venue, 1, channels);
        let urls: Vec<(&str, &str)> = urls.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(urls, expected, "{venue:?} {channels:?}");
    }

    #[test]
    fn books_and_trades_of_usd_margined_futures_have_addresses_of_their_own() {
        use Channel::{AggTrade, BookTicker, Depth, Trade};
        let public = "wss://h/public/stream?streams=s0usdt@depth@0ms/s0usdt@bookTicker";
        let market = "wss://h/market/stream?streams=s0usdt@aggTrade";
        check(
            Venue::Usdm,
            &[Depth, AggTrade, BookTicker],
            &[("public", public), ("market", market)],
        );
        check(Venue::Usdm, &[Depth, BookTicker], &[("", public)]);
        check(Venue::Usdm, &[AggTrade], &[("", market)]);
        // Single trades are nowhere documented, and come with the books.
        let trade = "wss://h/public/stream?streams=s0usdt@trade";
        check(Venue::Usdm, &[Trade], &[("", trade)]);
        let spot = "wss://h/stream?streams=s0usdt@depth@100ms/s0usdt@aggTrade";
        check(Venue::Spot, &[Depth, AggTrade], &[("", spot)]);
        let cm = "wss://h/stream?streams=s0usdt@depth@0ms/s0usdt@aggTrade";
        check(Venue::Cm, &[Depth, AggTrade], &[("", cm)]);
    }

    #[test]
    fn many_symbols_have_several_connections() {
        let channels = [Channel::Depth, Channel::BookTicker, Channel::Trade];
        let of_spot = urls(Venue::Spot, 256, &channels);
        let names: Vec<&str> = of_spot.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["", "2", "3", "4"]);
        let streams = of_spot.iter().map(|(_, url)| url.matches("@").count());
        // Depth has a pace behind a second `@`.
        assert_eq!(streams.sum::<usize>(), 256 * 4);
        assert!(of_spot[3].1.contains("s255usdt@trade"));
    }
}
