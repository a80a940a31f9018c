//! Venues whose messages are arrays: Kraken's version 1 ends with channel and pair, and Bitfinex tells in an event what its arrays are of.

use crate::venues::VenueKind;
use crate::venues::shape::{Many, Raw, parse};
use serde::Deserialize;

/// The fields of events by which these venues are known.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Option<&'a str>,
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow, rename = "chanId")]
    bitfinex_channel: Option<Raw<'a>>,
    #[serde(borrow, rename = "serverId")]
    server: Option<Raw<'a>>,
    #[serde(borrow, rename = "connectionID")]
    connection: Option<Raw<'a>>,
    #[serde(borrow, rename = "channelName")]
    kraken_channel: Option<Raw<'a>>,
}

/// The venue of an array, or of an event beside arrays, if it says it.
pub(super) fn venue(body: &[u8]) -> Option<VenueKind> {
    match body.trim_ascii_start().first()? {
        b'[' => of_array(body),
        b'{' => of_event(body),
        _ => None,
    }
}

fn of_event(body: &[u8]) -> Option<VenueKind> {
    // Few messages are events, and the others are not parsed for it.
    let has = |name: &[u8]| body.windows(name.len()).take(512).any(|part| part == name);
    if !has(b"\"event\"") {
        return None;
    }
    let event: Event<'_> = parse(body).ok()?;
    match event.event? {
        "subscribed" if event.channel.is_some() && event.bitfinex_channel.is_some() => {
            Some(VenueKind::Bitfinex)
        }
        "info" if event.server.is_some() => Some(VenueKind::Bitfinex),
        "systemStatus" if event.connection.is_some() => Some(VenueKind::Kraken),
        "subscriptionStatus" if event.kraken_channel.is_some() => Some(VenueKind::Kraken),
        _ => None,
    }
}

/// `[NUMBER, .., CHANNEL, PAIR]` is Kraken's.
fn of_array(body: &[u8]) -> Option<VenueKind> {
    let Many(all) = parse::<Many<Raw<'_>>>(body).ok()?;
    let [first, _, .., channel, pair] = all.as_slice() else {
        return None;
    };
    let name = channel.text();
    let kind = name.split('-').next().unwrap_or_default();
    let is_channel = matches!(kind, "book" | "trade" | "spread" | "ticker" | "ohlc");
    let (base, quote) = pair.text().split_once('/')?;
    let is_pair = [base, quote].iter().all(|part| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
    });
    let is_id = first.integer("channel").is_ok();
    (is_id && is_channel && is_pair && channel.json().starts_with(b"\""))
        .then_some(VenueKind::Kraken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_the_events_beside_them_say_the_venue() {
        let of = |body: &str| venue(body.as_bytes()).map(VenueKind::name);
        for body in [
            r#"[1,[["10","2","1782259201.5","b","m",""]],"trade","AB/USD"]"#,
            r#"[7,{"a":[]},{"b":[],"c":"1"},"book-10","AB/USD"]"#,
            r#"{"connectionID":1,"event":"systemStatus","status":"online","version":"1.9.0"}"#,
            r#"{"channelID":1,"channelName":"trade","event":"subscriptionStatus","pair":"AB/USD","status":"subscribed"}"#,
        ] {
            assert_eq!(of(body), Some("kraken"), "{body}");
        }
        for body in [
            r#"{"event":"subscribed","channel":"trades","chanId":5,"symbol":"tABUSD","pair":"ABUSD"}"#,
            r#"{"event":"info","version":2,"serverId":"x","platform":{"status":1}}"#,
        ] {
            assert_eq!(of(body), Some("bitfinex"), "{body}");
        }
        for body in [
            "[1,2]",
            r#"[5,"hb"]"#,
            "[5,[[1,2,3]]]",
            r#"{"event":"subscribed","channel":"x"}"#,
            r#"[1,2,"trade","ABUSD"]"#,
        ] {
            assert_eq!(of(body), None, "{body}");
        }
    }
}
