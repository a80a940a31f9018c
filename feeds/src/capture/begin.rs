//! How captures begin and end: which books are in them, which of those go on where others ended, and where they stand at the end.

use super::streams::Tops;
use super::{CaptureError, CaptureSource, Moments, sniff::SNIFF_LINES};
use crate::binance::{Decoded, Decoder, Symbol, Untimed, Venue};
use crate::book_sync::{BookSync, Ids, SequenceRule};
use crate::decode_error::DecodeError;
use crate::intake::Intake;
use tickloom_types::{BookEnd, InstrumentId, Instruments, MomentSink, SourceId, Ts};

/// A book of a capture.
#[derive(Clone, Debug)]
pub(super) struct Book {
    instrument: InstrumentId,
    /// The ids of its changes before the first snapshot of the recording; of a book that begins later, of its first one.
    changes: Vec<Ids>,
}

impl Book {
    /// Whether one of its first changes is the next of a book that was left so; those before it are in that book.
    fn follows(&self, rule: SequenceRule, end: &BookEnd) -> bool {
        let mut changes = self.changes.iter();
        changes.any(|ids| BookSync::follows(rule, end, *ids))
    }
}

/// Changes of a book of which nothing could be made, as no snapshot joins them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unjoined {
    /// The instrument, by name.
    pub instrument: String,
    /// How many there are.
    pub changes: u64,
    /// The update id that the first of them that is left follows.
    pub after_id: u64,
}

/// The books that change within the first 10,000 lines of a capture, in which one may go on where another capture ended: it begins with
/// what the other has too.
pub(super) fn books(
    sources: &[CaptureSource],
    venue: Venue,
    symbols: &[Symbol],
) -> Result<Vec<Book>, CaptureError> {
    let mut decoder = Decoder::new(venue, SourceId(0), symbols.to_vec(), Untimed::Arrival);
    let mut books: Vec<Book> = Vec::new();
    let mut is_begun = false;
    for capture in sources {
        let mut reader = capture.open()?;
        for _ in 0..SNIFF_LINES {
            if books.len() == symbols.len() && is_begun {
                return Ok(books);
            }
            let Some(line) = reader.next_line()? else {
                break;
            };
            let Ok(line) = line else { continue };
            let diff = match decoder.decode(line.ts_recv, line.frame) {
                Ok(Decoded::Diff(diff)) => diff,
                Ok(Decoded::Snapshot(_)) => {
                    is_begun = true;
                    continue;
                }
                // A snapshot that does not say its symbol.
                Err(DecodeError::Missing { field }) if field == "symbol" => {
                    is_begun = true;
                    continue;
                }
                _ => continue,
            };
            let instrument = InstrumentId(diff.header.instrument);
            let ids = Ids::of(&diff);
            match books.iter_mut().find(|book| book.instrument == instrument) {
                Some(book) if !is_begun => book.changes.push(ids),
                Some(_) => {}
                None => books.push(Book {
                    instrument,
                    changes: vec![ids],
                }),
            }
        }
    }
    Ok(books)
}

/// Of each book the end that it goes on from, if there is one among these.
pub(super) fn after(
    ends: &[BookEnd],
    venue: Venue,
    instruments: &Instruments,
    books: &[Book],
) -> Vec<Option<BookEnd>> {
    let of_book = |book: &Book| {
        let name = &instruments.get(book.instrument)?.name;
        let follows = |end: &&BookEnd| {
            end.source == venue.name()
                && end.instrument == *name
                && book.follows(venue.sequence_rule(), end)
        };
        let newest = ends.iter().filter(follows).max_by_key(|end| end.venue_time);
        newest.cloned()
    };
    books.iter().map(of_book).collect()
}

/// Lets books go on where they were left. Of the others nothing is known yet, which is told first, as when a connection is made.
pub(super) fn begin<S: MomentSink>(
    intake: &mut Intake,
    books: &[Book],
    after: &[Option<BookEnd>],
    ts_recv: Ts,
    moments: &mut Moments<'_, S>,
) {
    let told = after.iter().flatten().filter_map(|end| end.venue_time);
    intake.decoder.begin_at(told.max());
    for (book, end) in books.iter().zip(after) {
        let header = intake.status_header(book.instrument, intake.decoder.source(), ts_recv);
        let Some(at) = intake.place(book.instrument) else {
            continue;
        };
        match end {
            Some(end) => intake.books[at].1.go_on(end),
            None => intake.books[at].1.restart(header, moments),
        }
    }
    moments.end();
}

/// Of these books nothing is known yet.
pub(super) fn restart<S: MomentSink>(
    intake: &mut Intake,
    instruments: impl Iterator<Item = InstrumentId>,
    ts_recv: Ts,
    moments: &mut Moments<'_, S>,
) {
    for instrument in instruments {
        let header = intake.status_header(instrument, intake.decoder.source(), ts_recv);
        if let Some(at) = intake.place(instrument) {
            intake.books[at].1.restart(header, moments);
        }
    }
    moments.end();
}

/// Where the books that are whole stand, and of the others what came to nothing.
pub(super) fn ends(
    intake: &Intake,
    (venue, tops): (Venue, &Tops),
    instruments: &Instruments,
) -> (Vec<BookEnd>, Vec<Unjoined>) {
    let (mut ends, mut unjoined) = (Vec::new(), Vec::new());
    for (id, book) in &intake.books {
        let Some(def) = instruments.get(*id) else {
            continue;
        };
        // Nothing goes on from the top of a book.
        if tops.has(*id) {
            continue;
        }
        if let Some((first_id, last_id, is_joined)) = book.left_at() {
            ends.push(BookEnd {
                source: venue.name().to_owned(),
                instrument: def.name.clone(),
                first_id,
                last_id,
                is_joined,
                venue_time: intake.decoder.venue_time(),
            });
        }
        if let Some((changes, after_id)) = book.unjoined() {
            unjoined.push(Unjoined {
                instrument: def.name.clone(),
                changes,
                after_id,
            });
        }
    }
    (ends, unjoined)
}
