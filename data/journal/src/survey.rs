//! What is in a journal at a glance: by the headers of its blocks, without reading its records.

use crate::cursor::journal_cursors;
use crate::format::{Block, BlockKind, HEADER_LEN, Numbers, Session, decode_payload};
use crate::headers::Headers;
use crate::segments::{list_segments, segment_name};
use crate::{JournalCount, JournalError, Result};
use serde::Serialize;
use std::fs::File;
use std::path::Path;

/// A journal at a glance. Nothing here is checked but the headers of blocks: for more there is [`verify_journal`].
///
/// [`verify_journal`]: crate::verify_journal
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// Name of the run, if a segment tells it.
    pub run: Option<String>,
    /// Its segments, in order.
    pub segments: Vec<SegmentSurvey>,
    /// What the journal says is on the disk.
    pub durable: Numbers,
    /// Its named cursors, by name.
    pub cursors: Vec<CursorSurvey>,
}

/// A segment at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SegmentSurvey {
    /// Its number, from one.
    pub number: u32,
    /// Version of its format.
    pub format: u16,
    /// Its length.
    pub bytes: u64,
    /// Up to where headers of blocks follow each other.
    pub whole_bytes: u64,
    /// First and last input.
    pub inputs: Option<(u64, u64)>,
    /// First and last output.
    pub outputs: Option<(u64, u64)>,
    /// How many inputs and outputs are in it.
    pub held: Numbers,
    /// The numbers that the next ones have behind it.
    pub next: Numbers,
    /// Sessions that begin in it.
    pub sessions: Vec<Session>,
    /// Whether the run was closed in it.
    pub closed: bool,
}

/// A cursor at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CursorSurvey {
    /// Its name.
    pub name: String,
    /// The segment in which it stands.
    pub segment: u32,
    /// Where in it.
    pub offset: u64,
    /// Inputs and outputs behind it that are on the disk.
    pub behind: u64,
}

/// Looks at the journal in `dir`.
///
/// # Errors
/// [`JournalError::Missing`] without any segment, [`JournalError::Damaged`] for a damaged cursor, [`JournalError::Io`].
pub fn survey_journal(dir: &Path) -> Result<Survey> {
    let mut survey = Survey::default();
    for number in list_segments(dir)? {
        let segment = look_into(dir, number, &mut survey)?;
        survey.segments.push(segment);
    }
    if survey.segments.is_empty() {
        return Err(JournalError::Missing {
            what: "journal segment",
            path: dir.to_owned(),
        });
    }
    for cursor in journal_cursors(dir)? {
        let behind = JournalCount::new(dir, &cursor.place, 0).advance()?;
        survey.cursors.push(CursorSurvey {
            name: cursor.name,
            segment: cursor.place.segment,
            offset: cursor.place.offset,
            behind,
        });
    }
    Ok(survey)
}

/// Looks at one segment of the journal in `dir`, by the headers of its blocks.
///
/// # Errors
/// [`JournalError::Io`].
pub fn survey_segment(dir: &Path, number: u32) -> Result<SegmentSurvey> {
    look_into(dir, number, &mut Survey::default())
}

fn look_into(dir: &Path, number: u32, survey: &mut Survey) -> Result<SegmentSurvey> {
    let path = dir.join(segment_name(number));
    let mut file = File::open(&path).map_err(JournalError::io("open", &path))?;
    let segment = look_at(&mut file, number, survey);
    segment.map_err(JournalError::io("read", &path))
}

fn look_at(file: &mut File, number: u32, survey: &mut Survey) -> std::io::Result<SegmentSurvey> {
    let mut segment = SegmentSurvey {
        number,
        bytes: file.metadata()?.len(),
        ..SegmentSurvey::default()
    };
    let mut headers = Headers::new(file, HEADER_LEN as u64)?;
    segment.format = headers.version;
    while let Some((header, _)) = headers.next()? {
        segment.whole_bytes = headers.offset;
        let first = header.first;
        let last = first.saturating_add(header.count.saturating_sub(1).into());
        match BlockKind::from_raw(header.kind) {
            Some(BlockKind::Inputs) => {
                grow(&mut segment.inputs, first, last);
                segment.held.inputs += u64::from(header.count);
                segment.next.inputs = last + 1;
            }
            Some(BlockKind::Outputs) => {
                grow(&mut segment.outputs, first, last);
                segment.held.outputs += u64::from(header.count);
                segment.next.outputs = last + 1;
            }
            _ => match decode_payload(&header, &headers.payload(&header)?) {
                Ok(Block::Meta(meta)) => survey.run = survey.run.take().or(Some(meta.run)),
                Ok(Block::Place(place)) => {
                    survey.durable = survey.durable.max(place.next);
                    segment.next = place.next;
                }
                Ok(Block::Durable(durable)) => survey.durable = durable.numbers,
                Ok(Block::Session(session)) => {
                    segment.sessions.push(session);
                    segment.next = session.start;
                }
                Ok(Block::Close(_)) => segment.closed = true,
                _ => {}
            },
        }
        // Segments of version 1 do not say what is on the disk: what is whole counts.
        if segment.format < 2 {
            let next =
                |range: Option<(u64, u64)>| range.map_or(0, |(_, last)| last.saturating_add(1));
            survey.durable = survey.durable.max(Numbers {
                inputs: next(segment.inputs),
                outputs: next(segment.outputs),
            });
        }
    }
    Ok(segment)
}

fn grow(range: &mut Option<(u64, u64)>, first: u64, last: u64) {
    let begin = range.map_or(first, |(begin, _)| begin);
    *range = Some((begin, last));
}
