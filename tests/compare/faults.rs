//! The table: what is done to a copy, and who says so.

mod catalog;

use crate::recorded::{Copy, copy};
use std::fs::{self, OpenOptions};
use std::path::Path;

/// What the next start does.
pub(crate) enum Start {
    /// It refuses, with these words, and changes nothing.
    Refused(&'static [&'static str]),
    /// It says these words before it publishes. If the words can be followed, `helps` does so.
    Told {
        said: &'static [&'static str],
        helps: Option<fn(&Copy)>,
    },
    /// It says these words, and all is well afterwards.
    BroughtIn(&'static str),
    /// Nothing: only `verify` reads so much.
    Silent,
}

pub(crate) struct Fault {
    pub(crate) what: &'static str,
    pub(crate) apply: fn(&Copy),
    pub(crate) start: Start,
    /// What `catalog verify` says; without it exits with 0.
    pub(crate) catalog: Option<&'static str>,
    /// What `journal verify` says.
    pub(crate) journal: Option<&'static str>,
}

const TOGETHER: &str =
    "put the journal back from which the catalog was made; if it is lost, begin another run";
const ANEW: &str = "the next tickloom run writes the part anew";

fn cut(path: &Path, by: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let len = file.metadata().unwrap().len();
    file.set_len(len - by).unwrap();
}

/// Of the journal's end.
fn ends() -> Vec<Fault> {
    vec![
        Fault {
            what: "the last segment of a closed run emptied",
            apply: |copy| cut_to_nothing(&copy.last_segment()),
            start: Start::Refused(&["is damaged at byte 0", "salvage"]),
            catalog: Some("is damaged at byte 0"),
            journal: Some("is damaged at byte 0"),
        },
        Fault {
            what: "the last segment of a closed run cut short",
            apply: |copy| cut(&copy.last_segment(), 500),
            start: Start::Refused(&["as when the run was closed"]),
            catalog: Some("as when the run was closed"),
            journal: Some("as when the run was closed"),
        },
        Fault {
            what: "a byte of the last segment of a closed run flipped",
            apply: |copy| {
                let path = copy.last_segment();
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&path, bytes).unwrap();
            },
            start: Start::Refused(&["is damaged at byte"]),
            catalog: Some("is damaged at byte"),
            journal: Some("is damaged at byte"),
        },
        Fault {
            what: "the last segment of a closed run removed",
            apply: |copy| fs::remove_file(copy.last_segment()).unwrap(),
            start: Start::Refused(&["the journal was cut back, or is an older copy", TOGETHER]),
            catalog: Some("the journal was cut back, or is an older copy"),
            journal: Some("no segment in which the run was closed"),
        },
        Fault {
            what: "the end of a journal lost with the word that it was closed",
            apply: |copy| {
                fs::remove_file(copy.journal().join("closed.json")).unwrap();
                cut_behind_a_block(&copy.last_segment());
            },
            start: Start::Refused(&["the end of the journal is gone", TOGETHER]),
            catalog: Some("the end of the journal is gone"),
            journal: Some("the end of the journal is gone"),
        },
        Fault {
            what: "a journal restored from an older copy",
            apply: |copy| copy.restore_older("journal"),
            start: Start::Refused(&["the journal was cut back, or is an older copy", TOGETHER]),
            catalog: Some("the journal was cut back, or is an older copy"),
            journal: Some("the journal was cut back, or is an older copy"),
        },
        Fault {
            what: "a journal that is gone, but for its first segment",
            apply: |copy| {
                for number in 2..=copy.last_part() {
                    fs::remove_file(copy.segment(number)).unwrap();
                }
                copy.remove_snapshots();
                fs::remove_file(copy.journal().join("closed.json")).unwrap();
            },
            start: Start::Refused(&[
                "segment 1 is the last one: the journal was cut back",
                TOGETHER,
            ]),
            catalog: Some("segment 1 is the last one"),
            journal: Some("segment 1 is the last one"),
        },
    ]
}

fn cut_to_nothing(path: &Path) {
    fs::write(path, "").unwrap();
}

/// Cuts the last third of a segment off, behind a whole block.
fn cut_behind_a_block(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let len = |at: usize| {
        let length = bytes[at + 8..at + 12].try_into().unwrap();
        64 + usize::try_from(u32::from_le_bytes(length)).unwrap()
    };
    let mut at = 64;
    while at + len(at) < bytes.len() * 2 / 3 {
        at += len(at);
    }
    fs::write(path, &bytes[..at]).unwrap();
}

/// Of segments and journals.
fn journals() -> Vec<Fault> {
    vec![
        Fault {
            what: "a journal segment missing in the middle",
            apply: |copy| fs::remove_file(copy.segment(2)).unwrap(),
            start: Start::Told {
                said: &[
                    "no segment between others",
                    "segment-00000002.tlj",
                    "put the segment back",
                ],
                helps: None,
            },
            catalog: Some("no segment between others"),
            journal: Some("segment-00000002.tlj"),
        },
        Fault {
            what: "the head of a segment damaged that the snapshot spares",
            apply: |copy| {
                let mut bytes = fs::read(copy.segment(1)).unwrap();
                bytes[100] ^= 1;
                fs::write(copy.segment(1), bytes).unwrap();
            },
            start: Start::Told {
                said: &["segment-00000001.tlj is damaged", "put the segment back"],
                helps: None,
            },
            catalog: Some("segment-00000001.tlj is damaged"),
            journal: Some("segment-00000001.tlj is damaged"),
        },
        Fault {
            what: "the heads of all segments damaged",
            apply: |copy| {
                for number in 1..=copy.last_part() {
                    let mut bytes = fs::read(copy.segment(number)).unwrap();
                    bytes[20] ^= 1;
                    fs::write(copy.segment(number), bytes).unwrap();
                }
            },
            start: Start::Refused(&["segment-00000001.tlj is damaged", "no whole segment"]),
            catalog: Some("segment-00000001.tlj is damaged"),
            journal: Some("segment-00000001.tlj is damaged"),
        },
        Fault {
            what: "two journals of one run",
            apply: |at| copy(&at.journal(), &at.journal().with_file_name("zz-copy")),
            start: Start::Refused(&["zz-copy", "move it out of the record directory"]),
            catalog: Some("zz-copy"),
            journal: None,
        },
        Fault {
            what: "two histories of one run, each gone on with from one copy",
            apply: fork,
            start: Start::Refused(&["was made from journal:", TOGETHER]),
            catalog: Some("was made from journal:"),
            journal: Some("was made from journal:"),
        },
        Fault {
            what: "two runs of one id",
            apply: |copy| {
                Copy::edit(&copy.index().join("meta.json"), |meta| {
                    meta["started"] = 5.into();
                });
            },
            start: Start::Refused(&["a run that began at", TOGETHER]),
            catalog: Some("a run that began at"),
            journal: Some("a run that began at"),
        },
    ]
}

/// The catalog of a run that went on, and the journal of another one that went on from the same copy.
fn fork(copy: &Copy) {
    let kept = copy.record().with_file_name("kept");
    fs::rename(copy.catalog(), &kept).unwrap();
    copy.restore_older("journal");
    crate::recorded::copy(&copy.older.join("catalog"), &copy.catalog());
    // More sessions than the other one had segments.
    while copy.last_part() < last_listed(&kept.join("_runs").join(&copy.run)) {
        let ran = copy.run();
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    fs::remove_dir_all(copy.catalog()).unwrap();
    fs::rename(&kept, copy.catalog()).unwrap();
}

fn last_listed(index: &Path) -> u32 {
    let names = fs::read_dir(index).unwrap().map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let number = name
            .strip_prefix("part-")
            .and_then(|n| n.strip_suffix(".json"));
        number.map_or(0, |number| number.parse().unwrap())
    });
    names.max().unwrap()
}

pub(crate) fn faults() -> Vec<Fault> {
    let all = [ends(), journals(), catalog::faults()];
    all.into_iter().flatten().collect()
}
