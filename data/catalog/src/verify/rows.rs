//! What the rows of a file add up to, against what the index says of it. Pure.

use super::fault::Fault;
use crate::key::Key;
use crate::order::Row;
use crate::part::PartFile;
use tickloom_types::Ts;

/// What the rows of a file add up to.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) count: u64,
    first: Key,
    last: Key,
    times: Option<(i64, i64)>,
    released: Option<(i64, i64)>,
    /// Release and end of the moment of the last input.
    before: Option<Row>,
}

impl Rows {
    pub(super) fn add(&mut self, key: Key, file: &PartFile) -> Option<Fault> {
        let follows = self.count == 0 || key > self.last;
        if self.count == 0 {
            self.first = key;
        }
        let before = std::mem::replace(&mut self.last, key);
        self.count += 1;
        (!follows).then(|| {
            let found = format!("{} after {}", describe(key), describe(before));
            Fault::new(&file.path, found, "rows in the order of their sequence")
        })
    }

    pub(super) fn times(&mut self, ts: i64) {
        let (min, max) = self.times.unwrap_or((ts, ts));
        self.times = Some((min.min(ts), max.max(ts)));
    }

    /// Takes note of a row's release. In a run nothing is released before what it follows, and a moment is released at once.
    pub(super) fn released(&mut self, row: &Row, file: &PartFile) -> Option<Fault> {
        let (min, max) = self.released.unwrap_or((row.release, row.release));
        self.released = Some((min.min(row.release), max.max(row.release)));
        if file.meta.released.is_none() || file.meta.table.is_output() {
            return None;
        }
        let before = self.before.replace(*row)?;
        let seq = row.placed.key.seq;
        let is_one = before.placed.goes_on_at(seq) && !before.placed.is_cut();
        if row.release >= before.release
            && !(is_one && !row.placed.is_cut() && has_other_end(&before, row))
        {
            return None;
        }
        let at = |row: &Row| {
            let moment = row.placed.more;
            format!(
                "sequence {} released {} with {moment} more",
                row.placed.key.seq,
                Ts(row.release)
            )
        };
        let found = format!("{} after {}", at(row), at(&before));
        Some(Fault::new(
            &file.path,
            found,
            "releases that go up, moments that end",
        ))
    }

    /// Whether it is all that the index says.
    pub(super) fn end(&self, file: &PartFile) -> Option<Fault> {
        let meta = &file.meta;
        if self.count != meta.rows {
            let found = format!("{} rows", self.count);
            return Some(Fault::new(&file.path, found, meta.rows.to_string()));
        }
        let range = |first: Key, last: Key| format!("{} to {}", describe(first), describe(last));
        if (self.first, self.last) != (meta.first, meta.last) {
            let (found, expected) = (range(self.first, self.last), range(meta.first, meta.last));
            return Some(Fault::new(&file.path, found, expected));
        }
        if self.times != Some((meta.ts_min.0, meta.ts_max.0)) {
            let found = format!("times {:?}", self.times);
            let expected = format!("{} to {}", meta.ts_min, meta.ts_max);
            return Some(Fault::new(&file.path, found, expected));
        }
        let told = meta.released.map(|(from, to)| (from.0, to.0));
        if told.is_some() && self.released != told {
            let range = |range: Option<(i64, i64)>| match range {
                Some((from, to)) => format!("releases from {} to {}", Ts(from), Ts(to)),
                None => "no release".to_owned(),
            };
            return Some(Fault::new(&file.path, range(self.released), range(told)));
        }
        None
    }
}

/// Whether two rows of one moment disagree on where it ends. A moment that is longer than a writer holds is written in pieces,
/// each of which says that one more follows.
fn has_other_end(before: &Row, row: &Row) -> bool {
    let end = |row: &Row| {
        let more = u64::from(row.placed.more.unsigned_abs());
        row.placed.key.seq.saturating_add(more)
    };
    end(before) != end(row) && end(before) != row.placed.key.seq
}

/// A row by its place in its run.
pub(super) fn describe(key: Key) -> String {
    match key.output {
        0 => format!("sequence {}", key.seq),
        output => format!("output {} of sequence {}", output - 1, key.seq),
    }
}
