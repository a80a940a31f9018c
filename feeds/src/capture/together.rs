//! Which files of messages are one recording: those of which one goes on where another ends, and answers by REST beside the
//! stream that they belong to. All others are recordings of their own, so that it makes no difference whether files are imported
//! in one command or in several.

use super::merge::{Cursor, Plan, Step};
use super::reader::CaptureReader;
use super::sniff::stream_of;
use super::{CaptureError, CaptureSource, Origin};
use crate::venues::batch::Batch;
use std::collections::BTreeSet;
use tickloom_types::Ts;

/// What a file is of, and when its lines arrived.
#[derive(Debug)]
struct About {
    /// Place among the files that were given.
    at: usize,
    /// Symbols, with the kind of the stream where that parts recordings.
    streams: BTreeSet<String>,
    first: Ts,
    last: Ts,
}

/// Parts files of one origin into recordings; of each the files by their places among `sources`, in the order in which they are
/// to be read.
///
/// # Errors
/// [`CaptureError`] if one cannot be read.
pub fn recordings(
    origin: Origin,
    sources: &[CaptureSource],
) -> Result<Vec<Vec<usize>>, CaptureError> {
    if sources.len() < 2 {
        return Ok((0..sources.len()).map(|at| vec![at]).collect());
    }
    let mut files = Vec::with_capacity(sources.len());
    for (at, source) in sources.iter().enumerate() {
        files.push(match origin.is_ours() {
            true => about_frames(at, source)?,
            false => about_messages(at, source, origin)?,
        });
    }
    Ok(match origin.is_ours() {
        true => chains(files),
        false => connected(files),
    })
}

/// Reads the frames of a file of ours.
fn about_frames(at: usize, source: &CaptureSource) -> Result<About, CaptureError> {
    let mut about = About::new(at);
    let mut reader: CaptureReader = source.open()?;
    while let Some(line) = reader.next_line()? {
        let Ok(line) = line else { continue };
        about.saw(line.ts_recv);
        if let Some(stream) = stream_of(line.frame)
            && !about.streams.contains(&stream)
        {
            about.streams.insert(stream);
        }
    }
    Ok(about)
}

/// Reads the messages of a file of another recorder.
fn about_messages(
    at: usize,
    source: &CaptureSource,
    origin: Origin,
) -> Result<About, CaptureError> {
    let mut about = About::new(at);
    let mut batch = Batch::new(origin.venue.name());
    let plan = Plan {
        file: 0,
        source: source.clone(),
        recorder: origin.recorder,
        first: Ts(0),
    };
    let mut cursor = Cursor::open(&plan, origin.venue)?;
    while let Some(open) = &mut cursor {
        if let Ok(Step::Message(..)) = open.step(&mut batch) {
            for item in &batch.items {
                let name = batch.symbols.names.get(item.symbol.0);
                about.streams.extend(name.cloned());
            }
        }
        if !open.advance()? {
            cursor = None;
        }
    }
    Ok(about)
}

impl About {
    fn new(at: usize) -> About {
        About {
            at,
            streams: BTreeSet::new(),
            first: Ts(i64::MAX),
            last: Ts(i64::MIN),
        }
    }

    fn saw(&mut self, ts: Ts) {
        self.first = self.first.min(ts);
        self.last = self.last.max(ts);
    }

    fn shares(&self, other: &About) -> bool {
        !self.streams.is_disjoint(&other.streams)
    }
}

/// Files of one connection each: a file goes on where the last one with a stream of its ended, if that is not before its end.
fn chains(mut files: Vec<About>) -> Vec<Vec<usize>> {
    files.sort_by_key(|file| (file.first, file.at));
    let mut chains: Vec<(About, Vec<usize>)> = Vec::new();
    for file in files {
        let goes_on =
            |(end, _): &&mut (About, Vec<usize>)| end.last <= file.first && end.shares(&file);
        let before = chains.iter_mut().filter(goes_on);
        match before.max_by_key(|(end, _)| end.last) {
            Some((end, chain)) => {
                chain.push(file.at);
                end.streams.extend(file.streams);
                end.last = file.last;
            }
            None => {
                let chain = vec![file.at];
                chains.push((file, chain));
            }
        }
    }
    chains.into_iter().map(|(_, chain)| chain).collect()
}

/// Files that share a symbol, directly or by others, in the order in which they were given.
fn connected(files: Vec<About>) -> Vec<Vec<usize>> {
    let mut groups: Vec<(BTreeSet<String>, Vec<usize>)> = Vec::new();
    for file in files {
        let (of, others): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|(symbols, _)| !symbols.is_disjoint(&file.streams));
        groups = others;
        let mut joined = (file.streams, vec![file.at]);
        for (symbols, places) in of {
            joined.0.extend(symbols);
            joined.1.extend(places);
        }
        joined.1.sort_unstable();
        groups.push(joined);
    }
    groups.sort_by_key(|(_, places)| places.first().copied());
    groups.into_iter().map(|(_, places)| places).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(at: usize, streams: &str, first: i64, last: i64) -> About {
        About {
            at,
            streams: streams
                .split(' ')
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect(),
            first: Ts(first),
            last: Ts(last),
        }
    }

    #[test]
    fn a_file_goes_on_where_one_with_a_stream_of_its_ended() {
        let check = |files: Vec<About>, expected: &[&[usize]]| assert_eq!(chains(files), expected);
        check(vec![file(0, "a b", 5, 9), file(1, "a", 0, 5)], &[&[1, 0]]);
        check(vec![file(0, "a", 0, 6), file(1, "a", 5, 9)], &[&[0], &[1]]);
        check(vec![file(0, "a", 0, 5), file(1, "b", 5, 9)], &[&[0], &[1]]);
        let four = vec![
            file(0, "a/depth", 0, 4),
            file(1, "a/trade", 0, 5),
            file(2, "a/trade", 6, 9),
            file(3, "a/depth", 6, 9),
        ];
        check(four, &[&[0, 3], &[1, 2]]);
    }

    #[test]
    fn what_shares_a_symbol_is_one_recording() {
        let files = vec![
            file(0, "a", 0, 0),
            file(1, "b", 0, 0),
            file(2, "", 0, 0),
            file(3, "b a", 0, 0),
            file(4, "c", 0, 0),
        ];
        assert_eq!(connected(files), [vec![0, 1, 3], vec![2], vec![4]]);
    }
}
