//! Which imports into a catalog in an object store were committed last, one after the other: the content of `_commits/head.json`, and
//! whether one of them concerns another import.
//!
//! Pure: `commit.rs` reads and writes these.

use crate::limits::{COMMIT_NAMES_MAX, COMMITS_MAX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tickloom_types::Ts;

/// Imports concern each other if their rows are not farther apart than this: trades and books are compared with what lies seconds or minutes
/// before and after them.
const BESIDE_NS: i64 = 86_400_000_000_000;

/// The last commits of a catalog. Whoever commits replaces it on the condition that it is as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    /// Goes up by one with each commit; 0 is none.
    number: u64,
    /// The last ones, the newest at the end. All but that are wholly in the index.
    last: Vec<Committed>,
}

/// What is remembered of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Committed {
    pub(crate) id: String,
    pub(crate) runs: Vec<CommittedRun>,
}

/// A run of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommittedRun {
    pub(crate) run: String,
    /// The number of its part.
    pub(crate) part: u32,
    /// Of what it is and was; `None` if that is too much to say: it may be any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instruments: Option<BTreeSet<String>>,
    /// Times of its first and its last row; `None` for any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<(Ts, Ts)>,
}

/// What an import has looked at, so that others which change it concern it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Concern {
    pub(crate) runs: BTreeSet<String>,
    pub(crate) instruments: BTreeSet<String>,
}

impl Head {
    /// How many commits there were.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// All that are remembered, the newest at the end.
    pub(crate) fn last(&self) -> &[Committed] {
        &self.last
    }

    /// The newest commit, which may not be in the index yet.
    pub(crate) fn newest(&self) -> Option<&Committed> {
        self.last.last()
    }

    /// Whether it remembers a commit.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.last.iter().any(|one| one.id == id)
    }

    /// The commits after the one of a number; `None` if it does not remember all of them.
    pub(crate) fn since(&self, number: u64) -> Option<&[Committed]> {
        let count = usize::try_from(self.number.checked_sub(number)?).ok()?;
        self.last.get(self.last.len().checked_sub(count)?..)
    }

    /// The head after another commit.
    pub(crate) fn after(&self, commit: Committed) -> Head {
        let forgotten = (self.last.len() + 1).saturating_sub(COMMITS_MAX);
        let mut last: Vec<Committed> = self.last.iter().skip(forgotten).cloned().collect();
        last.push(commit);
        Head {
            number: self.number + 1,
            last,
        }
    }
}

impl CommittedRun {
    pub(crate) fn new(
        (run, part): (&str, u32),
        instruments: BTreeSet<String>,
        times: Option<(Ts, Ts)>,
    ) -> CommittedRun {
        CommittedRun {
            run: run.to_owned(),
            part,
            instruments: (instruments.len() <= COMMIT_NAMES_MAX).then_some(instruments),
            times,
        }
    }
}

impl Concern {
    /// Whether a run that others have committed concerns an import whose rows have these times, or any.
    pub(crate) fn meets(&self, run: &CommittedRun, times: Option<(Ts, Ts)>) -> bool {
        if self.runs.contains(&run.run) {
            return true;
        }
        let is_shared = match &run.instruments {
            Some(names) => !names.is_disjoint(&self.instruments),
            None => true,
        };
        is_shared
            && match (times, run.times) {
                (Some(own), Some(other)) => {
                    own.0.0.saturating_sub(BESIDE_NS) <= other.1.0
                        && other.0.0.saturating_sub(BESIDE_NS) <= own.1.0
                }
                _ => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    fn committed(id: u64) -> Committed {
        Committed {
            id: id.to_string(),
            runs: Vec::new(),
        }
    }

    #[test]
    fn the_last_commits_are_remembered() {
        let mut head = Head::default();
        assert_eq!(head.since(0), Some(&[][..]));
        for id in 1..=COMMITS_MAX as u64 + 2 {
            head = head.after(committed(id));
        }
        let number = head.number();
        assert_eq!(number, COMMITS_MAX as u64 + 2);
        assert_eq!(head.last().len(), COMMITS_MAX);
        assert_eq!(head.newest(), Some(&committed(number)));
        assert!(!head.has("2") && head.has("3"));
        assert_eq!(head.since(number), Some(&[][..]));
        let two = [committed(number - 1), committed(number)];
        assert_eq!(head.since(number - 2), Some(&two[..]));
        assert_eq!(head.since(2).map(<[_]>::len), Some(COMMITS_MAX));
        assert_eq!(head.since(1), None);
        // It was removed and begun anew.
        assert_eq!(head.since(number + 1), None);
    }

    #[test]
    fn runs_of_one_name_and_near_rows_of_one_instrument_concern_each_other() {
        let concern = Concern {
            runs: names(&["import-1"]),
            instruments: names(&["A", "B"]),
        };
        let day = |from: i64, to: i64| Some((Ts(from * BESIDE_NS), Ts(to * BESIDE_NS)));
        let check = |run: &str, of: &[&str], times, own, expected| {
            let run = CommittedRun::new((run, 0), names(of), times);
            assert_eq!(concern.meets(&run, own), expected, "{run:?} {own:?}");
        };
        check("import-1", &["C"], day(90, 91), day(1, 2), true);
        check("import-2", &["C"], None, None, false);
        check("import-2", &["B", "C"], None, day(1, 2), true);
        check("import-2", &["B"], day(3, 4), None, true);
        check("import-2", &["B"], day(3, 4), day(1, 2), true);
        check("import-2", &["B"], day(4, 5), day(1, 2), false);
        check("import-2", &["B"], day(1, 2), day(3, 4), true);
        check("import-2", &["B"], day(1, 2), day(4, 5), false);
        let many: Vec<String> = (0..=COMMIT_NAMES_MAX).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check("import-2", &many, None, None, true);
    }
}
