//! Reads a feed that is written as the address of a combined stream.

use super::{FeedConfig, FeedError};
use crate::binance::{Channel, Venue};

pub(super) fn venue_named(text: &str, name: &str) -> Result<Venue, FeedError> {
    Venue::from_name(name).ok_or_else(|| FeedError::Part {
        text: text.to_owned(),
        part: "venue",
        value: name.to_owned(),
        expected: "binance, binance-usdm or binance-cm",
    })
}

pub(super) fn parse_address(text: &str) -> Result<FeedConfig, FeedError> {
    let refuse = |part, value: &str, expected| FeedError::Part {
        text: text.to_owned(),
        part,
        value: value.to_owned(),
        expected,
    };
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let (base, path) = split_base(address);
    let host = base.split_once("//").map_or("", |(_, authority)| {
        authority.split(':').next().unwrap_or("")
    });
    if host.is_empty() {
        return Err(refuse("host", "", "a host and port"));
    }
    let mut venue = Venue::from_host(host);
    let (group, path) = split_group(path);
    let mut streams = path.strip_prefix("/ws/").unwrap_or("");
    let mut recorded = false;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("streams", value)) => streams = value,
            Some(("venue", name)) => venue = Some(venue_named(text, name)?),
            Some(("recorded", value)) => {
                let is_so = value.parse();
                recorded = is_so.map_err(|_| refuse("recorded", value, "true or false"))?;
            }
            _ => return Err(refuse("query", pair, "streams=, venue= or recorded=")),
        }
    }
    let (symbols, channels) = parse_streams(streams).map_err(|value| {
        let expected = "streams=symbol@channel/... of depth, bookTicker, trade or aggTrade";
        refuse("stream", &value, expected)
    })?;
    let wanted = streams.split('/').count();
    if symbols.len() * channels.len() != wanted {
        let expected = "the same channels, each once, for every symbol (otherwise use two feeds)";
        return Err(refuse("streams", streams, expected));
    }
    // Only USD-margined futures have such a path.
    let venue = venue.unwrap_or(if group.is_empty() {
        Venue::Spot
    } else {
        Venue::Usdm
    });
    let mut config = FeedConfig::new(venue, symbols);
    config.channels = channels;
    config.recorded = recorded;
    config.ws_url = Some(base.to_owned());
    if Venue::from_host(host).is_some() {
        config.rest_url = Some(venue.rest_url().to_owned());
    }
    Ok(config)
}

/// Splits `ws://host:port/path` before the path.
fn split_base(address: &str) -> (&str, &str) {
    let authority_at = address.find("//").map_or(0, |at| at + 2);
    match address[authority_at..].find('/') {
        Some(at) => address.split_at(authority_at + at),
        None => (address, ""),
    }
}

/// Splits `/public/stream` after the part that belongs to some streams only.
fn split_group(path: &str) -> (&str, &str) {
    let groups = Venue::Usdm.groups().iter();
    let mut found = groups.filter_map(|group| {
        let rest = path.strip_prefix(group)?;
        rest.starts_with('/').then_some((*group, rest))
    });
    found.next().unwrap_or(("", path))
}

/// The symbols and the channels in a list of streams, each once.
fn parse_streams(streams: &str) -> Result<(Vec<String>, Vec<Channel>), String> {
    let mut symbols = Vec::new();
    let mut channels = Vec::new();
    for stream in streams.split('/') {
        let (symbol, channel) = Channel::of_stream(stream).ok_or_else(|| stream.to_owned())?;
        if !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    Ok((symbols, channels))
}
