//! Lines that a recording has twice: captures whose ends overlap, put together into one file, or read as the files of one recording.
//!
//! Only lines with a time are judged: that of arrival or, where nobody noted it, the one that the message says. One that is there again byte
//! for byte, though its time is before that of another one, or in another file, is no second message. What merely stands twice in a row may be
//! two messages that are alike.

use std::collections::{HashMap, VecDeque};
use tickloom_types::Ts;
use xxhash_rust::xxh3::xxh3_64;

/// Lines that are remembered, in about 22 MB.
const LINES_MAX: usize = 1 << 19;

/// The latest lines of a recording.
#[derive(Debug, Default)]
pub(super) struct LinesSeen {
    /// Hashes of lines, and the file of each.
    files: HashMap<u64, u32>,
    order: VecDeque<(u64, Ts)>,
    /// The latest time so far.
    newest: Option<Ts>,
    /// The latest time among lines that are not remembered any more.
    forgotten: Option<Ts>,
    /// The file whose last line was there before.
    again: Option<u32>,
}

/// What is known of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    New,
    /// It is there a second time.
    Again,
    /// It is of a time before lines that are not remembered any more, and may be there a second time.
    Perhaps,
}

impl LinesSeen {
    /// Takes the next line of a file, by its place among all, with its time.
    pub(super) fn take(&mut self, file: usize, ts: Option<Ts>, line: &[u8]) -> Line {
        let file = u32::try_from(file).unwrap_or(u32::MAX);
        let Some(ts) = ts else {
            return Line::New;
        };
        let is_back = self.newest > Some(ts);
        let hash = xxh3_64(line);
        let known = self.files.get(&hash);
        let is_again = known.is_some_and(|of| is_back || *of != file || self.again == Some(file));
        self.again = is_again.then_some(file);
        if is_again {
            return Line::Again;
        }
        self.newest = self.newest.max(Some(ts));
        if known.is_none() {
            self.remember(hash, file, ts);
        }
        match is_back && self.forgotten >= Some(ts) {
            true => Line::Perhaps,
            false => Line::New,
        }
    }

    fn remember(&mut self, hash: u64, file: u32, ts: Ts) {
        if self.order.len() >= LINES_MAX
            && let Some((oldest, at)) = self.order.pop_front()
        {
            self.files.remove(&oldest);
            self.forgotten = self.forgotten.max(Some(at));
        }
        self.files.insert(hash, file);
        self.order.push_back((hash, ts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(seen: &mut LinesSeen, file: usize, ts: i64, line: &str) -> Line {
        seen.take(file, Some(Ts(ts)), line.as_bytes())
    }

    #[test]
    fn a_part_that_is_there_twice_counts_once() {
        let mut seen = LinesSeen::default();
        // 3 stands twice in a row, at one time: these may be two messages.
        let lines = [(1, "1 a"), (2, "2 b"), (3, "3 c"), (3, "3 c"), (4, "4 d")];
        for (ts, line) in lines {
            assert_eq!(take(&mut seen, 0, ts, line), Line::New);
        }
        // From 2 on once more, with what came between, the newest line among them.
        for (ts, line) in &lines[1..] {
            assert_eq!(take(&mut seen, 0, *ts, line), Line::Again);
        }
        assert_eq!(take(&mut seen, 0, 5, "5 e"), Line::New);
        // Late, and not there before.
        assert_eq!(take(&mut seen, 0, 2, "2 x"), Line::New);
        assert_eq!(seen.take(0, None, b"e"), Line::New);
        assert_eq!(seen.take(0, None, b"e"), Line::New);
    }

    #[test]
    fn what_two_files_have_counts_once() {
        let mut seen = LinesSeen::default();
        for file in [0, 1] {
            let expected = [Line::New, Line::Again][file];
            assert_eq!(take(&mut seen, file, 1, "1 a"), expected);
            assert_eq!(take(&mut seen, file, 1, "1 b"), expected);
        }
        assert_eq!(take(&mut seen, 1, 1, "1 c"), Line::New);
    }

    #[test]
    fn what_is_not_remembered_may_be_there_twice() {
        let mut seen = LinesSeen::default();
        let most = i64::try_from(LINES_MAX).unwrap();
        for ts in 1..=most + 2 {
            assert_eq!(take(&mut seen, 0, ts, &format!("{ts} a")), Line::New);
        }
        assert_eq!(take(&mut seen, 0, 2, "2 a"), Line::Perhaps);
        assert_eq!(take(&mut seen, 0, 4, "4 a"), Line::Again);
        assert_eq!(seen.order.len(), LINES_MAX);
        assert_eq!(seen.files.len(), LINES_MAX);
    }
}
