//! What a journal is by the heads of its segments and the end of the last one: enough to compare it with what was made from it,
//! and next to nothing to read.

use crate::closed::ClosedMark;
use crate::format::{Block, ChainHash, Numbers, Place};
use crate::segment::SegmentReader;
use crate::segments::{list_segments, segment_name};
use crate::survey::{SegmentSurvey, survey_segment};
use crate::{JournalError, Result};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Bytes that are read of a segment at a time: mostly its head is in the first of them.
const HEAD_BYTES: usize = 16 << 10;

/// A journal by the heads of its segments.
#[derive(Debug, Default)]
pub struct JournalOutline {
    /// The heads that are whole, in the order of their numbers.
    pub heads: Vec<SegmentHead>,
    /// The numbers of all segments that are there, also of those whose head is damaged.
    pub numbers: Vec<u32>,
    /// The last segment by the headers of its blocks, if its head is whole.
    pub last: Option<SegmentSurvey>,
    /// The segment in which the run was closed last, and how long it was then.
    pub closed: Option<(u32, u64)>,
    /// What is wrong: segments that are missing between others, heads that are damaged, segments of another run, the end of a
    /// closed run that is not there any more.
    pub faults: Vec<JournalError>,
}

/// The head of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    /// Its number, from one.
    pub number: u32,
    /// The run that it is of.
    pub meta: Box<crate::RunMeta>,
    /// Hash of its first block. It covers all of the journal before it, so no other journal has such a segment.
    pub hash: ChainHash,
    /// Where it begins; segments of version 1 do not say it.
    pub place: Option<Place>,
}

impl JournalOutline {
    /// What the run is, by the first segment whose head is whole.
    #[must_use]
    pub fn meta(&self) -> Option<&crate::RunMeta> {
        self.heads.first().map(|head| &*head.meta)
    }

    /// The head of this segment, if it is whole.
    #[must_use]
    pub fn head(&self, number: u32) -> Option<&SegmentHead> {
        let at = self.heads.binary_search_by_key(&number, |head| head.number);
        at.ok().and_then(|at| self.heads.get(at))
    }

    /// The numbers that the next input and output have behind this segment: those with which the next one begins, or of the last one
    /// those that follow what is whole. `None` if that is not known without reading more.
    #[must_use]
    pub fn end_of(&self, number: u32) -> Option<Numbers> {
        match &self.last {
            Some(last) if last.number == number => Some(last.next),
            _ => Some(self.head(number.checked_add(1)?)?.place?.next),
        }
    }
}

/// Looks at the journal in `dir`. One without any segment has an outline without any.
///
/// # Errors
/// [`JournalError::Io`]. What is wrong with the journal is no error here: it is in [`JournalOutline::faults`].
pub fn outline_journal(dir: &Path) -> Result<JournalOutline> {
    // Before the segments are listed: a run that is closed meanwhile may have more of them.
    let closed = ClosedMark::read(dir);
    let mut outline = JournalOutline {
        numbers: list_segments(dir)?,
        ..JournalOutline::default()
    };
    let mut expected = None;
    for number in outline.numbers.clone() {
        let missing = expected.unwrap_or(number)..number;
        outline
            .faults
            .extend(missing.map(|missing| JournalError::Missing {
                what: "segment between others",
                path: dir.join(segment_name(missing)),
            }));
        expected = number.checked_add(1);
        match read_head(dir, number) {
            Err(error @ JournalError::Io { .. }) => return Err(error),
            Err(error) => outline.faults.push(error),
            Ok(head) => {
                if let Some(meta) = outline.meta()
                    && *meta != *head.meta
                {
                    outline.faults.push(JournalError::Damaged {
                        file: dir.join(segment_name(number)),
                        offset: 0,
                        found: format!("a segment of another run, {}", head.meta.run),
                        expected: format!("one of run {}", meta.run),
                    });
                }
                outline.heads.push(head);
            }
        }
    }
    let last = outline.numbers.last().copied();
    if let Some(number) = last
        && outline.head(number).is_some()
    {
        outline.last = Some(survey_segment(dir, number)?);
    }
    let end = outline.last.as_ref().map(|last| last.whole_bytes);
    match closed {
        Ok(None) => {}
        Ok(Some(closed)) => {
            outline.closed = Some((closed.segment, closed.bytes));
            let checked = closed.check(dir, last.unwrap_or(0), end.unwrap_or(0));
            // What is wrong with the head of the last segment is said already.
            outline
                .faults
                .extend(checked.err().filter(|_| end.is_some() || last.is_none()));
        }
        Err(error @ JournalError::Io { .. }) => return Err(error),
        Err(error) => outline.faults.push(error),
    }
    Ok(outline)
}

fn read_head(dir: &Path, number: u32) -> Result<SegmentHead> {
    let path = dir.join(segment_name(number));
    let file = File::open(&path).map_err(JournalError::io("open", &path))?;
    let damaged = |offset: u64, found: &str, expected: String| JournalError::Damaged {
        file: path.clone(),
        offset,
        found: found.to_owned(),
        expected,
    };
    let opened = SegmentReader::new(BufReader::with_capacity(HEAD_BYTES, file));
    let (mut reader, own, _) = opened.map_err(|fault| fault.into_error(&path))?;
    if own != number {
        return Err(damaged(0, &format!("segment {own}"), number.to_string()));
    }
    let mut next = || {
        reader
            .next_chained()
            .map_err(|fault| fault.into_error(&path))
    };
    let (meta, hash) = match next()? {
        Some(chained) => match chained.block {
            Block::Meta(meta) => (meta, chained.hash),
            _ => {
                return Err(damaged(
                    chained.offset,
                    "another block",
                    "a meta block".into(),
                ));
            }
        },
        None => return Err(damaged(64, "the end", "a meta block".into())),
    };
    let place = match next()? {
        Some(chained) => match chained.block {
            Block::Place(place) => Some(place),
            _ => None,
        },
        None => None,
    };
    if place.is_none() && reader.version() >= 2 {
        let expected = "a block that says where the segment begins".to_owned();
        return Err(damaged(reader.offset(), "something else", expected));
    }
    Ok(SegmentHead {
        number,
        meta,
        hash,
        place,
    })
}
