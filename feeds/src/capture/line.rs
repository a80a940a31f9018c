//! Lines of other recorders: those of the cryptofeed capture format, and messages that stand alone.
//!
//! ```text
//! wss://host/path <-> 1618677785.48             a connection was opened
//! wss://host/path <- 1618677786.46: {...}       a message that was sent
//! 1618677786.48: {...}                          a message that was received
//! https://host/path -> 1618677785.48: {...}     the answer to a REST request
//! configuration: {...}                          settings of the recorder
//! ```

use super::LineError;
use super::reader::parse_line;
use crate::decode_error::quoted;
use crate::venues::Frame;
use tickloom_types::{Ts, parse_decimal};

/// What a line is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line<'a> {
    Opened(Ts),
    Sent(Ts),
    Settings,
    Received(Option<Ts>, Frame<'a>),
}

impl Line<'_> {
    /// When the recorder wrote it down.
    pub(super) fn ts(&self) -> Option<Ts> {
        match self {
            Line::Opened(ts) | Line::Sent(ts) => Some(*ts),
            Line::Received(ts, _) => *ts,
            Line::Settings => None,
        }
    }

    /// The name under which it is counted if it is no message of the venue.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Line::Opened(_) => "connection opened",
            Line::Sent(_) => "request sent",
            Line::Settings => "configuration",
            Line::Received(..) => "message",
        }
    }
}

/// A line of the cryptofeed capture format.
pub(super) fn of_cryptofeed(line: &[u8]) -> Result<Line<'_>, LineError> {
    let wrong = || LineError::Shape {
        value: quoted(line),
    };
    let (first, rest) = split(line, b" ").ok_or_else(wrong)?;
    if first == b"configuration:" {
        return Ok(Line::Settings);
    }
    if let Some(time) = first.strip_suffix(b":") {
        let ts = seconds(time).ok_or_else(wrong)?;
        let frame = Frame {
            url: None,
            body: rest.trim_ascii(),
        };
        return Ok(Line::Received(Some(ts), frame));
    }
    let url = std::str::from_utf8(first).map_err(|_| wrong())?;
    if !url.contains("://") {
        return Err(wrong());
    }
    let (arrow, rest) = split(rest, b" ").ok_or_else(wrong)?;
    if arrow == b"<->" {
        return seconds(rest.trim_ascii())
            .map(Line::Opened)
            .ok_or_else(wrong);
    }
    let (time, body) = split(rest, b": ").ok_or_else(wrong)?;
    let ts = seconds(time).ok_or_else(wrong)?;
    match arrow {
        b"<-" => Ok(Line::Sent(ts)),
        b"->" => {
            let frame = Frame {
                url: Some(url),
                body: body.trim_ascii(),
            };
            Ok(Line::Received(Some(ts), frame))
        }
        _ => Err(wrong()),
    }
}

/// A message that stands alone: when it arrived nobody noted.
pub(super) fn alone(text: &[u8]) -> Line<'_> {
    let frame = Frame {
        url: None,
        body: text.trim_ascii(),
    };
    Line::Received(None, frame)
}

/// A message with the time of its arrival before it.
pub(super) fn stamped(line: &[u8]) -> Result<Line<'_>, LineError> {
    let (ts, message) = parse_line(line)?;
    let frame = Frame {
        url: None,
        body: message.trim_ascii(),
    };
    Ok(Line::Received(Some(ts), frame))
}

fn split<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = text.windows(at.len()).position(|window| window == at)?;
    Some((&text[..found], &text[found + at.len()..]))
}

fn seconds(text: &[u8]) -> Option<Ts> {
    let starts_right = text.first().is_some_and(u8::is_ascii_digit);
    let nanos = parse_decimal(text, 9).ok()?;
    starts_right.then_some(Ts(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let received = of_cryptofeed(b"1618677786.0633569: {\"a\": 1}").unwrap();
        assert_eq!(received.ts(), Some(Ts(1_618_677_786_063_356_900)));
        let Line::Received(_, frame) = received else {
            panic!("{received:?}");
        };
        assert_eq!((frame.url, frame.body), (None, &b"{\"a\": 1}"[..]));
        let answer = of_cryptofeed(b"https://h/p?a=b -> 1.5: [1]").unwrap();
        let Line::Received(Some(Ts(1_500_000_000)), frame) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(
            (frame.url, frame.body),
            (Some("https://h/p?a=b"), &b"[1]"[..])
        );
        let name = |line: &str| of_cryptofeed(line.as_bytes()).unwrap().name();
        assert_eq!(name("wss://h/p <-> 1618677786.5"), "connection opened");
        assert_eq!(name("wss://h/p <- 1618677786.5: {}"), "request sent");
        assert_eq!(name("configuration: {\"a\": []}"), "configuration");
    }

    #[test]
    fn anything_else_is_named() {
        for line in [
            "x",
            "12 {}",
            "-1: {}",
            "1e999: {}",
            "wss://h <-> x",
            "wss://h <- 5 {}",
            "a b c",
            ": {}",
        ] {
            let error = of_cryptofeed(line.as_bytes()).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("line begins with {line:?}")),
                "{error}"
            );
        }
    }
}
