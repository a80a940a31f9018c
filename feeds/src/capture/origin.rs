//! Finds out what a file of messages is: who recorded it, and of which venue.
//!
//! Only the content counts, never the name of the file.

use super::line::{Line, of_cryptofeed};
use super::object::of_object;
use super::reader::{CaptureReader, parse_line, zoned};
use super::{CaptureError, CaptureSource, sniff_capture};
use crate::decode_error::quoted;
use crate::venues::VenueKind;
use serde::Deserialize;
use tickloom_types::Clock;

/// Lines that are looked at.
const LINES: usize = 200;
/// The same where messages so far are of several venues.
const LINES_UNCLEAR: usize = 100_000;

/// How messages are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recorder {
    /// `NANOSECONDS MESSAGE`: our own captures and those of others that are alike, also with seconds, milliseconds or microseconds.
    Stamped,
    /// The capture format of cryptofeed.
    Cryptofeed,
    /// One JSON message a line, without time of arrival.
    Lines,
    /// One JSON message, over as many lines as it likes.
    Whole,
}

/// What a file of messages is. Files of one origin belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The venue that sent them.
    pub venue: VenueKind,
    /// How they were written down.
    pub recorder: Recorder,
}

impl Origin {
    /// Which time says when its records were available: that of arrival, if somebody noted it.
    #[must_use]
    pub fn clock(self) -> Clock {
        match self.recorder {
            Recorder::Stamped | Recorder::Cryptofeed => Clock::Recv,
            Recorder::Lines | Recorder::Whole if self.venue == VenueKind::Barter => Clock::Recv,
            Recorder::Lines | Recorder::Whole => Clock::Venue,
        }
    }

    /// Whether it may be a capture of ours, which is read by the decoder of live feeds.
    #[must_use]
    pub fn is_ours(self) -> bool {
        self.recorder == Recorder::Stamped && matches!(self.venue, VenueKind::Binance(_))
    }

    /// Looks at the beginning of a file, and at more of it where messages of that kind are of several venues.
    ///
    /// # Errors
    /// As [`Origin::told`].
    pub fn of(source: &CaptureSource) -> Result<Origin, CaptureError> {
        Origin::told(source, None)
    }

    /// The same; `told` is the venue that it is of as far as the file does not say.
    ///
    /// # Errors
    /// [`CaptureError`] if it cannot be read, holds nothing that a venue is known to send, does not say of which of several venues it is,
    /// or is of another than told.
    pub fn told(source: &CaptureSource, told: Option<VenueKind>) -> Result<Origin, CaptureError> {
        let mut reader = source.open()?;
        reader.be_brief();
        let mut first = First::default();
        let mut unclear = None;
        let found = find(&mut reader, source, &mut first, &mut unclear)?;
        match (found, unclear, told) {
            (Some(origin), _, Some(told)) if origin.venue != told => Err(CaptureError::ToldVenue {
                file: source.name(),
                found: origin.venue.name(),
                told: told.name(),
            }),
            (Some(origin), ..) => Ok(origin),
            (None, Some((all, recorder)), Some(venue)) if all.contains(&venue) => {
                Ok(Origin { venue, recorder })
            }
            (None, Some((all, _)), _) => Err(CaptureError::unclear(source.name(), all)),
            (None, None, _) if first.is_message => Err(CaptureError::UnknownMessages {
                file: source.name(),
                start: quoted(&first.text),
            }),
            (None, None, _) => Err(CaptureError::UnknownOrigin {
                file: source.name(),
                start: quoted(&first.text),
            }),
        }
    }
}

/// What a file of rows as JSON that `export` wrote begins with.
const ROWS_MARK: &[u8] = b"{\"tickloom\":";

/// The first line.
#[derive(Default)]
struct First {
    /// Its beginning.
    text: Vec<u8>,
    /// Whether it is JSON, with or without a time before it, and not of rows.
    is_message: bool,
}

/// The venues that a file may be of, and how it was written down.
type Unclear = Option<(&'static [VenueKind], Recorder)>;

/// The venue is that of the first address; without one, that of the first message which only one venue sends.
fn find(
    reader: &mut CaptureReader,
    source: &CaptureSource,
    first: &mut First,
    unclear: &mut Unclear,
) -> Result<Option<Origin>, CaptureError> {
    let mut of_messages = None;
    let mut at = 0;
    while at < LINES || unclear.is_some() && of_messages.is_none() && at < LINES_UNCLEAR {
        if !reader.advance()? {
            break;
        }
        let Ok(line) = reader.text() else { break };
        let text = line.text.trim_ascii();
        let is_json = begins_json(text);
        if at == 0 {
            first.look_at(line.text);
            if stamped(text).is_some() {
                return of_stamped(source, unclear);
            }
            if is_json && !first.is_message && !text.starts_with(ROWS_MARK) {
                return whole(source, first, unclear);
            }
        }
        at += 1;
        if is_json {
            let recorder = Recorder::Lines;
            if let Some(venue) = VenueKind::of_message(text) {
                return Ok(Some(Origin { venue, recorder }));
            }
            if unclear.is_none() {
                *unclear = VenueKind::siblings(text).map(|all| (all, recorder));
            }
            continue;
        }
        let recorder = Recorder::Cryptofeed;
        match of_line(text) {
            Said::Address(address) => {
                return Ok(Some(Origin {
                    venue: known(source, line.number, address)?,
                    recorder,
                }));
            }
            Said::Venue(venue) => {
                of_messages = of_messages.or(Some(Origin { venue, recorder }));
            }
            Said::OneOf(all) => *unclear = unclear.or(Some((all, recorder))),
            Said::Nothing => {}
        }
    }
    Ok(of_messages)
}

/// The venue of an address in a file.
fn known(source: &CaptureSource, line: u64, address: &str) -> Result<VenueKind, CaptureError> {
    VenueKind::of_url(address).ok_or_else(|| CaptureError::UnknownVenue {
        file: source.name(),
        line,
        address: quoted(address.as_bytes()),
    })
}

/// Says whether all addresses of a line are of the venue.
pub(super) fn check_address(
    source: &CaptureSource,
    venue: VenueKind,
    number: u64,
    line: &[u8],
) -> Result<(), CaptureError> {
    if !line.windows(3).take(8).any(|part| part == b"://") {
        return Ok(());
    }
    let Some(address) = address_of(line) else {
        return Ok(());
    };
    if known(source, number, address)? == venue {
        return Ok(());
    }
    Err(CaptureError::OtherVenue {
        file: source.name(),
        line: number,
        address: quoted(address.as_bytes()),
        venue: venue.name(),
    })
}

/// The address that a line of a recorder is of.
fn address_of(line: &[u8]) -> Option<&str> {
    let parsed = of_cryptofeed(line).ok()?;
    let is_of_address = match parsed {
        Line::Settings => false,
        Line::Received(_, frame) => frame.url.is_some(),
        Line::Opened(_) | Line::Sent(_) => true,
    };
    let address = line
        .split(|&byte| byte == b' ')
        .next()
        .filter(|_| is_of_address)?;
    std::str::from_utf8(address).ok()
}

impl First {
    fn look_at(&mut self, line: &[u8]) {
        self.text = line.get(..256).unwrap_or(line).to_vec();
        let line = line.trim_ascii();
        let message = stamped(line).unwrap_or(line);
        let is_json = begins_json(message) && is_whole_value(message);
        self.is_message = is_json && !message.starts_with(ROWS_MARK);
    }
}

fn begins_json(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'{' | b'['))
}

/// The message after a time and a space.
fn stamped(line: &[u8]) -> Option<&[u8]> {
    if let Some((_, message)) = of_object(line) {
        return Some(message);
    }
    let at = line.iter().position(|&byte| matches!(byte, b' ' | b'\t'))?;
    let (time, message) = (&line[..at], line[at + 1..].trim_ascii());
    let is_number = !time.is_empty() && time.iter().all(u8::is_ascii_digit);
    let is_time = is_number || zoned(time).is_some();
    (is_time && begins_json(message)).then_some(message)
}

/// Messages with a time before each: of the venue that is the first to be told by one. Which of Binance's it is is found out as of
/// captures of ours.
fn of_stamped(
    source: &CaptureSource,
    unclear: &mut Unclear,
) -> Result<Option<Origin>, CaptureError> {
    let recorder = Recorder::Stamped;
    let mut reader = source.open()?;
    reader.be_brief();
    let mut at = 0;
    let mut of_binance = None;
    while at < LINES || unclear.is_some() && at < LINES_UNCLEAR {
        if !reader.advance()? {
            break;
        }
        at += 1;
        let Ok(line) = reader.text() else { break };
        let Ok((_, message)) = parse_line(line.text) else {
            continue;
        };
        match VenueKind::of_message(message) {
            Some(VenueKind::Binance(_)) => break,
            Some(venue) => return Ok(Some(Origin { venue, recorder })),
            None => {
                let all = VenueKind::siblings(message).map(|all| (all, recorder));
                match all.filter(|(all, _)| all.iter().any(|one| one.is_binance())) {
                    None => *unclear = unclear.or(all),
                    of => of_binance = of_binance.or(of),
                }
            }
        }
    }
    if unclear.is_some() {
        return Ok(None);
    }
    let venue = match sniff_capture(source) {
        Ok(sniffed) => sniffed.venue.map(VenueKind::Binance),
        Err(CaptureError::NotACapture { .. }) => None,
        Err(error) => return Err(error),
    };
    if venue.is_none() {
        *unclear = of_binance;
    }
    Ok(venue.map(|venue| Origin { venue, recorder }))
}

/// What a line says of its venue.
enum Said<'a> {
    Address(&'a str),
    Venue(VenueKind),
    OneOf(&'static [VenueKind]),
    Nothing,
}

/// Whether the value that the line begins ends on it.
fn is_whole_value(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Any<'a>(#[serde(borrow)] sonic_rs::LazyValue<'a>);
    crate::json::parse::<Any<'_>>(line).is_ok_and(|any| !any.0.as_raw_str().is_empty())
}

fn of_line(line: &[u8]) -> Said<'_> {
    let Ok(parsed) = of_cryptofeed(line) else {
        return Said::Nothing;
    };
    if let Line::Received(_, frame) = parsed
        && frame.url.is_none()
    {
        return match VenueKind::of_message(frame.body) {
            Some(venue) => Said::Venue(venue),
            None => VenueKind::siblings(frame.body).map_or(Said::Nothing, Said::OneOf),
        };
    }
    address_of(line).map_or(Said::Nothing, Said::Address)
}

/// One message over many lines.
fn whole(
    source: &CaptureSource,
    first: &mut First,
    unclear: &mut Unclear,
) -> Result<Option<Origin>, CaptureError> {
    let mut reader = source.open()?;
    let Some(Ok(body)) = read_whole(&mut reader)? else {
        return Ok(None);
    };
    let recorder = Recorder::Whole;
    first.is_message = is_whole_value(&body);
    *unclear = VenueKind::siblings(&body).map(|all| (all, recorder));
    Ok(VenueKind::of_message(&body).map(|venue| Origin { venue, recorder }))
}

/// All that is left of a file, as one message.
pub(super) fn read_whole(
    reader: &mut CaptureReader,
) -> Result<Option<Result<Vec<u8>, super::BadLine>>, CaptureError> {
    let mut body = Vec::new();
    while reader.advance()? {
        match reader.text() {
            Ok(line) if body.len() + line.text.len() < crate::limits::LINE_BYTES_MAX => {
                body.extend_from_slice(line.text);
                body.push(b'\n');
            }
            Ok(_) => {
                let limit = crate::limits::LINE_BYTES_MAX;
                return Ok(Some(Err(reader.bad(super::LineError::TooLong { limit }))));
            }
            Err(bad) => return Ok(Some(Err(bad))),
        }
    }
    Ok((!body.is_empty()).then_some(Ok(body)))
}
