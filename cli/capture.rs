//! Files of venues' messages beside files of rows: telling them apart, and reading the former as they would have come live.

use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use tickloom_backtest::text;
use tickloom_data::{FormatError, ImportReport, Refusals, RefusedMax, open_text, peek_line};
use tickloom_feeds::VenueKind;
use tickloom_feeds::capture::{
    CaptureError, CaptureReport, CaptureSource, Origin, Recording, Unjoined, Unpacked,
};
use tickloom_types::{Instruments, Kind, MomentSink, Record};

/// Why changes of a book come to nothing.
pub(crate) const NO_SNAPSHOT: &str = "change of a book that no snapshot joins";

/// Wrong lines that are shown; all are counted.
const SHOWN: usize = 20;

/// What a file of venues' messages is, or `None` if it holds something else, or nothing that can be read as lines.
pub(crate) fn origin(path: &Path, told: Option<VenueKind>) -> Result<Option<Origin>, CaptureError> {
    if is_zip(path) {
        let line = peek_line(path).unwrap_or_default();
        if !may_be_message(&line) {
            return Ok(None);
        }
    }
    let Ok(source) = source(path) else {
        return Ok(None);
    };
    match Origin::told(&source, told) {
        Ok(origin) => Ok(Some(origin)),
        Err(
            CaptureError::UnknownOrigin { .. } | CaptureError::Io { .. } | CaptureError::Cut { .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file as a source of messages, which are unpacked as they are read.
pub(crate) fn source(path: &Path) -> Result<CaptureSource, FormatError> {
    if !is_zip(path) {
        return Ok(CaptureSource::File(path.to_owned()));
    }
    // What is no zip of one member is told now.
    drop(open_text(path)?);
    let of = path.to_owned();
    let unpacked = Unpacked::by(move || match open_text(&of) {
        Ok(text) => Ok(Box::new(text)),
        Err(FormatError::Io { source, .. }) => Err(source),
        Err(error) => Err(io::Error::other(error.to_string())),
    });
    Ok(CaptureSource::Unpacked(path.to_owned(), unpacked))
}

/// Whether a first line may be one of a capture: a message, one after a time, or an address.
fn may_be_message(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_message = |line: &[u8]| matches!(line, [b'{' | b'[', ..] | [b'"', b'{' | b'[', ..]);
    let is_stamped = digits > 0
        && line
            .iter()
            .position(|&byte| byte == b' ')
            .is_some_and(|at| is_message(&line[at + 1..]));
    is_message(line) || is_stamped || line.windows(3).take(16).any(|part| part == b"://")
}

fn is_zip(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok_and(|()| magic == *b"PK\x03\x04")
}

/// What is known of a capture once its records went into a sink.
pub(crate) struct Decoded<S> {
    /// Where the records are.
    pub(crate) sink: S,
    /// What the identifiers in them mean.
    pub(crate) instruments: Instruments,
    /// The lines that were left out.
    pub(crate) left_out: Refusals,
    /// How many of them are wrong.
    pub(crate) wrong: u64,
    /// Why lines may be there a second time and count twice.
    pub(crate) maybe_repeated: Option<String>,
    /// What is to be known of its books.
    pub(crate) notes: Vec<String>,
}

/// Whether anything that passed on its way into a sink tells of a market.
struct Passing<S> {
    sink: S,
    has_market: bool,
}

impl<S: MomentSink> MomentSink for Passing<S> {
    fn push_moment(&mut self, records: &[Record]) {
        let is_market =
            |record: &Record| !matches!(record.kind(), Some(Kind::Status | Kind::Timer));
        self.has_market = self.has_market || records.iter().any(is_market);
        self.sink.push_moment(records);
    }
}

/// Reads a capture: all its records go into a sink, which is made once its instruments are known.
pub(crate) fn read<S: MomentSink>(
    path: &Path,
    origin: Origin,
    sink: impl FnOnce(&Instruments) -> S,
) -> Result<Decoded<S>, Failure> {
    let source = source(path).map_err(Failure::input)?;
    let recording = Recording::survey(origin, vec![source]).map_err(Failure::input)?;
    let instruments = recording.instruments().clone();
    let mut passing = Passing {
        sink: sink(&instruments),
        has_market: false,
    };
    let report = recording.decode(&mut passing).map_err(Failure::input)?;
    report_bad(&report);
    if let Some(why) = came_to_nothing(&report, passing.has_market) {
        return Err(Failure::input(anyhow!("{}: {why}", path.display())));
    }
    Ok(Decoded {
        sink: passing.sink,
        instruments,
        left_out: left_out(&report),
        wrong: report.bad,
        maybe_repeated: maybe_repeated(&report),
        notes: books(&report),
    })
}

/// Why a capture is refused of which nothing that tells of a market is left, as it is wrong; with books that are not kept for others
/// there was something.
pub(crate) fn came_to_nothing(report: &CaptureReport, has_market: bool) -> Option<String> {
    if has_market || report.bad == 0 || !report.other_books.is_empty() {
        return None;
    }
    let left_out = text::left_out(&left_out(report));
    Some(format!("nothing in it can be kept: {left_out}"))
}

/// Why a capture is refused, if more of its lines are left out than may be. Where nobody says how many, it is the wrong lines that count:
/// changes that no snapshot joins are told, and may be imported again.
pub(crate) fn too_many(
    (left_out, wrong): (&Refusals, u64),
    most: Option<RefusedMax>,
) -> Option<String> {
    let refused = most.map_or(wrong, |_| left_out.refused);
    let most = most.unwrap_or(RefusedMax::OF_CAPTURES);
    let most = most.of(left_out.lines);
    (refused > most).then(|| {
        let left_out = text::left_out(left_out);
        format!("{left_out}, and {most} may be (--refused-max says another number)")
    })
}

/// The lines of a capture that were left out, and the changes of books that came to nothing.
pub(crate) fn left_out(report: &CaptureReport) -> Refusals {
    let mut left_out = Refusals::new(report.lines);
    for (reason, lines) in &report.reasons {
        left_out.add(reason, *lines);
    }
    for book in &report.unjoined {
        left_out.add(NO_SNAPSHOT, book.changes);
        left_out.at(&unjoined(book));
    }
    for line in &report.bad_lines {
        left_out.at(&line.to_string());
    }
    left_out
}

/// What came to nothing of a book, in words.
pub(crate) fn unjoined(book: &Unjoined) -> String {
    let Unjoined {
        instrument,
        changes,
        after_id,
    } = book;
    format!(
        "{instrument}: {changes} changes of its book were left out, as no snapshot joins them; they follow update {after_id}"
    )
}

/// Says which rows of a file were left out.
pub(crate) fn report_refused(report: &ImportReport) {
    for error in report.errors.iter().take(SHOWN) {
        output::note(&error.to_string());
    }
    for repeat in report.repeats.iter().take(SHOWN) {
        output::note(repeat);
    }
    if let Some(repeated) = repeated(report) {
        output::note(&repeated);
    }
    if report.refused > 0 {
        output::note(&format!(
            "{}: {} of {} {} are wrong and were left out",
            report.file.display(),
            report.refused,
            report.read,
            rows(report)
        ));
    }
}

/// What the time of a bar was taken as, in words.
pub(crate) fn stamp(stamp: Option<&str>) -> Option<String> {
    stamp.map(|stamp| format!("the time of a bar is its {stamp}"))
}

/// How many rows of a file come more than once, in words.
pub(crate) fn repeated(report: &ImportReport) -> Option<String> {
    (report.repeated > 0).then(|| {
        format!(
            "{}: {} {} are there already and count once",
            report.file.display(),
            report.repeated,
            rows(report)
        )
    })
}

fn rows(report: &ImportReport) -> &'static str {
    match report.is_columnar() {
        true => "rows",
        false => "lines",
    }
}

/// Says which lines of a capture were left out.
pub(crate) fn report_bad(report: &CaptureReport) {
    for line in report.bad_lines.iter().take(SHOWN) {
        output::note(&line.to_string());
    }
    for book in &report.unjoined {
        output::note(&unjoined(book));
    }
    if report.bad > 0 {
        output::note(&format!(
            "{} of {} lines are wrong and were left out",
            report.bad, report.lines
        ));
    }
    books(report).iter().for_each(|note| output::note(note));
}

/// Why no checksum of a capture is right. A message that is missing leaves those before it right.
fn unchecked(report: &CaptureReport) -> Option<String> {
    let sync = &report.sync;
    let all = sync.checksums;
    if all == 0 || sync.checksums_wrong < all {
        return None;
    }
    let why = match sync.zeros_written {
        0 => {
            "no price or size in them ends in a zero: they have lost the digits that the venue wrote (0.10 became 0.1), as when a program reads \
             JSON and writes it again"
        }
        _ => "their prices or sizes are not as the venue wrote them, or what came first is missing",
    };
    Some(format!(
        "all {all} checksums of books are wrong, and {why}: these books cannot be checked, and none of them is taken as right; record messages as \
         they come"
    ))
}

/// Why lines may be there a second time and count twice, in words.
pub(crate) fn maybe_repeated(report: &CaptureReport) -> Option<String> {
    let lines = report.lines_perhaps;
    (lines > 0).then(|| {
        format!(
            "{lines} lines arrived long before others that stand in front of them; whether they are there a second time was not looked at"
        )
    })
}

/// What became of books that lines which cannot be read may have told of, of trades that come again, and of books and trades that
/// come over several channels.
pub(crate) fn books(report: &CaptureReport) -> Vec<String> {
    let mut notes = Vec::new();
    if report.books_doubted > 0 {
        notes.push(format!(
            "books waited {} times for their next snapshots, as a line that may have told of them cannot be read",
            report.books_doubted
        ));
    }
    notes.extend(unchecked(report));
    if report.repeated > 0 {
        notes.push(format!(
            "{} trades, quotes or bars come again and count once",
            report.repeated
        ));
    }
    if report.lines_again > 0 {
        notes.push(format!(
            "{} lines are there a second time and count once",
            report.lines_again
        ));
    }
    notes.extend(maybe_repeated(report));
    if report.sync.overlaps > 0 {
        notes.push(format!(
            "{} changes of books are of before the ends of an earlier import, from which these books go on",
            report.sync.overlaps
        ));
    }
    let other = report.other_books.iter();
    notes.extend(other.map(|(channel, count)| format!("not kept: {count} messages of {channel}")));
    notes
}
