//! The table: what is done to a copy, and who says so.

use crate::cli::tickloom;
use crate::recorded::{Copy, copy};
use std::fs::{self, OpenOptions};
use std::path::Path;
use tickloom_data::Catalog;
use tickloom_journal::{Block, JournalReader};

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

const TOGETHER: &str = "put the journal and the catalog of one copy together again";
const ANEW: &str = "the next tickloom run writes the part anew";

fn cut(path: &Path, by: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let len = file.metadata().unwrap().len();
    file.set_len(len - by).unwrap();
}

fn remove_entry(copy: &Copy) {
    fs::remove_file(copy.part(2)).unwrap();
}

fn remove_run(copy: &Copy) {
    fs::remove_dir_all(copy.index()).unwrap();
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

/// Of the catalog's index.
fn indexes() -> Vec<Fault> {
    vec![
        Fault {
            what: "an entry of a part damaged",
            apply: |copy| cut(&copy.part(2), 20),
            start: Start::Told {
                said: &["part-00000002.json", ANEW],
                helps: Some(remove_entry),
            },
            catalog: Some("part-00000002.json"),
            journal: Some("part-00000002.json"),
        },
        Fault {
            what: "an entry of a part emptied",
            apply: |copy| cut_to_nothing(&copy.part(copy.last_part())),
            start: Start::Told {
                said: &[ANEW],
                helps: Some(|copy| {
                    // That of the session which closed last; the run has gone on since.
                    let empty = |n: &u32| {
                        let read = fs::read(copy.part(*n));
                        read.is_ok_and(|bytes| bytes.is_empty())
                    };
                    let number = (1..=copy.last_part()).find(empty).unwrap();
                    fs::remove_file(copy.part(number)).unwrap();
                }),
            },
            catalog: Some("an entry of the index that can be read"),
            journal: Some("an entry of the index that can be read"),
        },
        Fault {
            what: "an entry of a part missing",
            apply: remove_entry,
            start: Start::BroughtIn("brings in 1 of segments 2 to 2"),
            catalog: Some("1 of segment 2 are not in the catalog"),
            journal: Some("1 of segment 2 are not in the catalog"),
        },
    ]
}

/// Of the entries of a whole run.
fn runs() -> Vec<Fault> {
    vec![
        Fault {
            what: "what the run is damaged",
            apply: |copy| cut(&copy.index().join("meta.json"), 3),
            start: Start::Told {
                said: &["meta.json", "writes the run anew"],
                helps: Some(remove_run),
            },
            catalog: Some("meta.json"),
            journal: Some("meta.json"),
        },
        Fault {
            what: "what the run is missing",
            apply: |copy| fs::remove_file(copy.index().join("meta.json")).unwrap(),
            start: Start::BroughtIn("meta.json: no such file"),
            catalog: Some("meta.json: no such file"),
            journal: Some("meta.json: no such file"),
        },
        Fault {
            what: "a checkpoint damaged",
            apply: |copy| {
                compact(copy);
                cut(&copy.index().join("checkpoint.json"), 30);
            },
            start: Start::Told {
                said: &["checkpoint.json", "writes the run anew"],
                helps: Some(remove_run),
            },
            catalog: Some("checkpoint.json"),
            journal: Some("checkpoint.json"),
        },
        Fault {
            what: "a checkpoint missing",
            apply: |copy| {
                compact(copy);
                fs::remove_file(copy.index().join("checkpoint.json")).unwrap();
            },
            start: Start::BroughtIn("of segments 1 to"),
            catalog: Some("are not in the catalog"),
            journal: Some("are not in the catalog"),
        },
    ]
}

/// Of what the index says.
fn lies() -> Vec<Fault> {
    vec![
        Fault {
            what: "an index that names more than the segment",
            apply: |copy| edit_rows(copy, 1),
            start: Start::Told {
                said: &["part-00000002.json", "of its segment", ANEW],
                helps: Some(remove_entry),
            },
            catalog: Some("of its segment"),
            journal: Some("of its segment"),
        },
        Fault {
            what: "an index that names less than the segment",
            apply: |copy| {
                Copy::edit(&copy.part(2), |part| {
                    part["files"].as_array_mut().unwrap().remove(0);
                });
            },
            start: Start::Told {
                said: &["part-00000002.json", "of its segment", ANEW],
                helps: Some(remove_entry),
            },
            catalog: Some("of its segment"),
            journal: Some("of its segment"),
        },
        Fault {
            what: "an index with times that lie",
            apply: |copy| edit_meta(copy, "ts_max", 1_000_000.into()),
            start: Start::Told {
                said: &["ts_max", ANEW],
                helps: Some(remove_entry),
            },
            catalog: Some("ts_max"),
            journal: Some("ts_max"),
        },
        Fault {
            what: "an index with sequences that lie",
            apply: |copy| {
                let last = serde_json::json!({"seq": 9_000_000_000_u64, "output": 0});
                edit_meta(copy, "last", last);
            },
            start: Start::Told {
                said: &["part-00000002.json", ANEW],
                helps: Some(remove_entry),
            },
            catalog: Some("part-00000002.json"),
            journal: Some("part-00000002.json"),
        },
    ]
}

/// Of where parts come from.
fn foreign() -> Vec<Fault> {
    vec![
        Fault {
            what: "a part of another run",
            apply: |copy| {
                Copy::edit(&copy.part(2), |part| {
                    for file in part["files"].as_array_mut().unwrap() {
                        file["meta"]["run"] = "other".into();
                    }
                });
            },
            start: Start::Told {
                said: &["files of run other", ANEW],
                helps: Some(remove_entry),
            },
            catalog: Some("files of run other"),
            journal: Some("files of run other"),
        },
        Fault {
            what: "a part of another journal",
            apply: |copy| {
                Copy::edit(&copy.part(2), |part| {
                    part["source"] = "journal:00000000000000000000000000000000".into();
                });
            },
            start: Start::Refused(&["was made from journal:0000", TOGETHER]),
            catalog: Some("was made from journal:0000"),
            journal: Some("was made from journal:0000"),
        },
    ]
}

fn compact(copy: &Copy) {
    let ran = tickloom(&["catalog", "compact", copy.catalog().to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

/// Changes what the entry of part 2 says of its first file of trades.
fn edit_meta(copy: &Copy, field: &str, value: serde_json::Value) {
    Copy::edit(&copy.part(2), |part| {
        let files = part["files"].as_array_mut().unwrap().iter_mut();
        let mut files = files.filter(|file| file["meta"]["table"] == "trades");
        files.next().unwrap()["meta"][field] = value;
    });
}

fn edit_rows(copy: &Copy, by: u64) {
    Copy::edit(&copy.part(2), |part| {
        let rows = &mut part["files"][0]["meta"]["rows"];
        *rows = (rows.as_u64().unwrap() + by).into();
    });
}

/// Of the catalog's files.
fn files() -> Vec<Fault> {
    vec![
        Fault {
            what: "a file of a part missing",
            apply: |copy| fs::remove_file(&copy.part_files(2, "trades")[0]).unwrap(),
            start: Start::Told {
                said: &[".parquet: no such file", ANEW],
                helps: Some(remove_entry),
            },
            catalog: Some("no such file"),
            journal: Some("no such file"),
        },
        Fault {
            what: "a file of a part cut short",
            apply: |copy| cut(&copy.part_files(2, "book_updates")[0], 100),
            start: Start::Told {
                said: &[".parquet: ", ANEW],
                helps: Some(remove_entry),
            },
            catalog: Some(".parquet: "),
            journal: Some(".parquet: "),
        },
        Fault {
            what: "a file of a compacted run missing",
            apply: |copy| {
                compact(copy);
                let name = |path: &Path| path.display().to_string().contains("merged");
                let found = copy.files().into_keys().find(|path| name(path));
                fs::remove_file(found.unwrap()).unwrap();
            },
            start: Start::Told {
                said: &[".parquet: no such file", "put the catalog back from a copy"],
                helps: Some(remove_run),
            },
            catalog: Some("no such file"),
            journal: Some("no such file"),
        },
        Fault {
            what: "a byte of a file of a part flipped",
            apply: |copy| {
                let path = &copy.part_files(2, "trades")[0];
                let mut bytes = fs::read(path).unwrap();
                bytes[200] ^= 1;
                fs::write(path, bytes).unwrap();
            },
            start: Start::Silent,
            catalog: Some("content with the hash"),
            journal: None,
        },
        Fault {
            what: "rows that are not those of the segment",
            apply: other_rows,
            start: Start::Silent,
            catalog: Some("as in "),
            journal: None,
        },
    ]
}

/// Of the whole catalog.
fn catalogs() -> Vec<Fault> {
    vec![
        Fault {
            what: "a catalog restored from an older copy",
            apply: |copy| copy.restore_older("catalog"),
            start: Start::BroughtIn("brings in"),
            catalog: Some("are not in the catalog"),
            journal: Some("are not in the catalog"),
        },
        Fault {
            what: "a catalog that is gone",
            apply: |copy| fs::remove_dir_all(copy.catalog()).unwrap(),
            start: Start::BroughtIn("of segments 1 to"),
            catalog: Some("no catalog in"),
            journal: None,
        },
        Fault {
            what: "a catalog that is gone while the journal was pruned",
            apply: |copy| {
                fs::remove_file(copy.segment(1)).unwrap();
                fs::remove_dir_all(copy.catalog()).unwrap();
                fs::create_dir_all(copy.catalog().join("_runs")).unwrap();
            },
            start: Start::Told {
                said: &[
                    "no part of segments 1 to 1",
                    "put a newer copy of the catalog",
                ],
                helps: None,
            },
            catalog: Some("no part of segments 1 to 1"),
            journal: Some("no part of segments 1 to 1"),
        },
    ]
}

/// Writes part 2 with another price in one trade, in files that are whole by themselves.
fn other_rows(copy: &Copy) {
    let text = fs::read_to_string(copy.part(2)).unwrap();
    let part: serde_json::Value = serde_json::from_str(&text).unwrap();
    let source = part["source"].as_str().unwrap();
    let catalog = Catalog::open(&copy.catalog()).unwrap();
    let mut reader = JournalReader::open(&copy.journal()).unwrap();
    let meta = reader.meta().clone();
    let mut writer = catalog.writer(&meta, 2, source).unwrap();
    let mut is_done = false;
    while let Some(block) = reader.next_block().unwrap() {
        if reader.segment() != 2 {
            continue;
        }
        match block {
            Block::Inputs { first_seq, records } => {
                for (seq, mut record) in (first_seq..).zip(records) {
                    let is_trade = record.kind() == Some(tickloom_types::Kind::Trade);
                    if is_trade && !std::mem::replace(&mut is_done, true) {
                        record.body[0] ^= 1;
                    }
                    writer.push(seq, &record).unwrap();
                }
            }
            Block::Outputs {
                first_output,
                records,
            } => {
                for (number, (cause, record)) in (first_output..).zip(&records) {
                    writer.push_output(number, *cause, record).unwrap();
                }
            }
            _ => {}
        }
    }
    assert!(is_done, "there is a trade");
    writer.finish().unwrap();
}

pub(crate) fn faults() -> Vec<Fault> {
    let all = [
        ends(),
        journals(),
        indexes(),
        runs(),
        lies(),
        foreign(),
        files(),
        catalogs(),
    ];
    all.into_iter().flatten().collect()
}
