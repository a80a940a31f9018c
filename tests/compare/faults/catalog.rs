//! What is done to the catalog.

use super::{ANEW, Fault, Start, TOGETHER, cut, cut_to_nothing};
use crate::cli::tickloom;
use crate::recorded::Copy;
use std::fs;
use std::path::Path;
use tickloom_data::Catalog;
use tickloom_journal::{Block, JournalReader};

pub(super) fn faults() -> Vec<Fault> {
    let all = [indexes(), runs(), lies(), foreign(), files(), catalogs()];
    all.into_iter().flatten().collect()
}

fn remove_entry(copy: &Copy) {
    fs::remove_file(copy.part(2)).unwrap();
}

fn remove_run(copy: &Copy) {
    fs::remove_dir_all(copy.index()).unwrap();
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
                cut(&copy.index().join("checkpoint.idx"), 30);
            },
            start: Start::Told {
                said: &["checkpoint.idx", "writes the run anew"],
                helps: Some(remove_run),
            },
            catalog: Some("checkpoint.idx"),
            journal: Some("checkpoint.idx"),
        },
        Fault {
            what: "a checkpoint missing",
            apply: |copy| {
                compact(copy);
                fs::remove_file(copy.index().join("checkpoint.idx")).unwrap();
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
