//! Lines that a recording has twice: captures whose ends overlap, put together into one file, or read as the files of one recording.
//!
//! Only lines with a time are judged: that of arrival or, where nobody noted it, the one that the message says. One that is there again byte
//! for byte, though its time is before that of another one, or in another file, is no second message. What merely stands twice in a row may be
//! two messages that are alike.

use std::collections::{HashMap, HashSet, VecDeque};
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
    /// The files whose last line was there before.
    again: HashSet<u32>,
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
    /// Takes the next line of a file, by its place among all, with its time. The line with which a connection begins is of its own file: it
    /// is there again only amid lines that are.
    pub(super) fn take(
        &mut self,
        (file, begins): (usize, bool),
        ts: Option<Ts>,
        line: &[u8],
    ) -> Line {
        let file = u32::try_from(file).unwrap_or(u32::MAX);
        let Some(ts) = ts else {
            return Line::New;
        };
        let is_back = self.newest > Some(ts);
        let hash = xxh3_64(line);
        let known = self.files.get(&hash);
        let is_amid = is_back || self.again.contains(&file);
        let is_again = known.is_some_and(|of| is_amid || *of != file && !begins);
        if is_again {
            self.again.insert(file);
            return Line::Again;
        }
        self.again.remove(&file);
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
        seen.take((file, false), Some(Ts(ts)), line.as_bytes())
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
        assert_eq!(seen.take((0, false), None, b"e"), Line::New);
        assert_eq!(seen.take((0, false), None, b"e"), Line::New);
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
        // Two connections that began at one time are two, but for one that is amid what is there again.
        let mut begin = |file, ts| seen.take((file, true), Some(Ts(ts)), b"2 opened");
        assert_eq!([begin(0, 2), begin(1, 2)], [Line::New, Line::New]);
        assert_eq!(take(&mut seen, 2, 1, "1 c"), Line::Again);
        let begin = seen.take((2, true), Some(Ts(2)), b"2 opened");
        assert_eq!(begin, Line::Again);
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
