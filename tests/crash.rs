//! `kill -9` of a recording run at twenty random instants: nothing that was flushed is lost, doubled or unreadable.
//!
//! The instants are places in the run's own progress, from a seed: bytes of the journal, files of the catalog, words
//! on stderr, or nothing at all. The power cord is not pulled here: what the operating system was given, it keeps.

#![cfg(test)]

mod cli;
mod common;
#[path = "common/random.rs"]
mod random;

use cli::{tickloom, workspace};
use common::{Running, assert_catalog_holds, json, read_journal, settings, text, until, verify};
use random::Random;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tickloom_core::OutputHash;
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_journal::{
    JournalReader, JournalWriter, Numbers, OrdersAhead, read_snapshot, snapshot_files,
};
use tickloom_types::{Kind, OrderBody, Record, Seq, StatusBody, StatusCode, TradeBody};

const KILLS: usize = 20;
/// Most bytes that the journal grows by before a kill: all kills together come before the end of the recording.
const GROWTH_MAX: u64 = 400_000;

/// When a kill comes.
#[derive(Debug)]
enum Instant {
    /// At once.
    Started,
    /// When the endpoint is bound and the journal recovered.
    Announced,
    /// When the journal has grown by so many bytes.
    Journal(u64),
    /// When there are so many more files in the catalog, finished or not.
    Catalog(usize),
}

impl Instant {
    /// One of them; most are in the stream of records.
    fn random(random: &mut Random) -> Instant {
        match random.below(10) {
            0 => Instant::Started,
            1 => Instant::Announced,
            2..=4 => Instant::Catalog(1 + usize::try_from(random.below(4)).unwrap()),
            _ => Instant::Journal(random.below(GROWTH_MAX)),
        }
    }
}

/// What a journal held after a kill.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    inputs: usize,
    outputs: usize,
    input_hash: String,
    output_hash: String,
}

impl Held {
    /// What these are, cut at so many of each.
    fn of(inputs: &[Record], outputs: &[(Seq, Record)]) -> Held {
        let (mut input_hash, mut output_hash) = (OutputHash::new(), OutputHash::new());
        for record in inputs {
            input_hash.update(record);
        }
        for (_, record) in outputs {
            output_hash.update(record);
        }
        Held {
            inputs: inputs.len(),
            outputs: outputs.len(),
            input_hash: input_hash.hex(),
            output_hash: output_hash.hex(),
        }
    }
}

/// All files below a directory that is there or not yet, with their sizes.
fn files(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    // What vanishes while it is being looked at was renamed: it will be seen the next time.
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => found.extend(files(&entry.path())),
            Ok(meta) => found.push((entry.path(), meta.len())),
            Err(_) => {}
        }
    }
    found
}

fn bytes(dir: &Path) -> u64 {
    files(dir).iter().map(|(_, bytes)| bytes).sum()
}

/// The journal of the only run below a directory, if it has begun: a kill may come before its first segment.
fn only_journal(record: &Path) -> Option<PathBuf> {
    let runs = fs::read_dir(record.join("journal")).into_iter().flatten();
    let mut runs: Vec<PathBuf> = runs.map(|run| run.unwrap().path()).collect();
    runs.retain(|run| !segments(run).is_empty());
    assert!(runs.len() <= 1, "more than one run: {runs:?}");
    runs.pop()
}

/// The segments of a journal, in order.
fn segments(journal: &Path) -> Vec<PathBuf> {
    let names = files(journal).into_iter().map(|(file, _)| file);
    let mut found: Vec<PathBuf> = names
        .filter(|file| file.extension().is_some_and(|extension| extension == "tlj"))
        .collect();
    found.sort();
    found
}

/// Starts the run and kills it at the instant.
fn run_until(instant: &Instant, words: &[&str], record: &Path) {
    let (journal, catalog) = (record.join("journal"), record.join("catalog"));
    let (bytes_before, files_before) = (bytes(&journal), files(&catalog).len());
    let mut run = Running::start(words);
    let mut has_grown = |bytes_more, files_more| {
        assert!(run.is_alive(), "it ended by itself");
        let is_longer = bytes(&journal) >= bytes_before + bytes_more;
        (is_longer || files(&catalog).len() >= files_before + files_more).then_some(())
    };
    match *instant {
        Instant::Started => {}
        Instant::Announced => {
            run.announced("publishing");
        }
        Instant::Journal(more) => until("a longer journal", || has_grown(more, usize::MAX / 2)),
        Instant::Catalog(more) => until("more files", || has_grown(GROWTH_MAX, more)),
    }
    run.kill();
}

/// Plays the recording of the perpetual so that it outlasts all kills.
fn venue() -> LocalVenue {
    let [_, perpetual] = samples();
    LocalVenue::start(LocalVenueConfig {
        speed: Speed::Times(8.0),
        ..LocalVenueConfig::new(vec![perpetual.capture])
    })
    .unwrap()
}

#[test]
fn twenty_kills_lose_and_double_nothing_that_was_flushed() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let given = std::env::var("TICKLOOM_SEED").ok();
    let seed = given.map_or(since.as_secs(), |seed| seed.parse().unwrap());
    println!("TICKLOOM_SEED={seed}");
    let mut random = Random(seed);

    let venue = venue();
    let dir = workspace();
    let record = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    fs::write(&config, settings(&venue, &record, "")).unwrap();
    let config = config.to_str().unwrap();

    let mut checkpoints = Vec::new();
    for kill in 0..KILLS {
        let instant = Instant::random(&mut random);
        // Any number of workers goes on where any other was killed.
        let workers = ["1", "2", "4"][usize::try_from(random.below(3)).unwrap()];
        let words = ["run", "--config", config, "--workers", workers];
        run_until(&instant, &words, &record);
        let held = only_journal(&record)
            .map(|journal| read_journal(&journal))
            .map(|journal| Held::of(&journal.inputs, &journal.outputs));
        println!("kill {kill} at {instant:?}: {held:?}");
        checkpoints.extend(held);
    }

    let mut run = Running::start(&["run", "--config", config, "--json"]);
    run.announced("publishing");
    until("the end of the recording", || {
        venue.progress().is_finished.then_some(())
    });
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    let end = json(&ran);

    let journal = only_journal(&record).unwrap();
    assert_eq!(text(&end, "journal"), journal.display().to_string());
    let whole = read_journal(&journal);
    assert_eq!(whole.torn, None);
    let close = whole.close.clone().unwrap();
    assert_eq!(Some(&(close.next_seq - 1)), whole.seqs.last());
    assert_eq!(Some(&(close.outputs - 1)), whole.numbers.last());
    assert_eq!(close.output_hash, text(&end, "output_hash"));
    for held in checkpoints {
        let inputs = &whole.inputs[..held.inputs];
        assert_eq!(held, Held::of(inputs, &whole.outputs[..held.outputs]));
    }
    assert_trades_are_unique(&whole.inputs);
    assert_sessions(&whole.inputs);
    assert_catalog_holds(Path::new(&text(&end, "catalog")), &whole);
    for (file, _) in files(&record) {
        let extension = file.extension().unwrap_or_default();
        assert!(extension != "tmp", "left behind: {}", file.display());
    }
    let verified = verify(&journal);
    assert_eq!(verified["closed"], true);
    assert_eq!(verified["output_hash"], end["output_hash"]);
    assert_eq!(verified["recorded_outputs"], verified["outputs"]);
}

/// The venue plays every trade once, with rising numbers; so must the journal, in however many sessions.
fn assert_trades_are_unique(inputs: &[Record]) {
    let trades = inputs.iter().filter(|one| one.kind() == Some(Kind::Trade));
    let ids: Vec<u64> = trades.map(|one| TradeBody::of(one).trade_id).collect();
    assert!(!ids.is_empty());
    for pair in ids.windows(2) {
        assert!(pair[0] < pair[1], "trade {} after {}", pair[1], pair[0]);
    }
}

/// Several sessions have recorded, and each began by saying so.
fn assert_sessions(inputs: &[Record]) {
    let starts = inputs.iter().filter(|one| {
        one.kind() == Some(Kind::Status) && StatusBody::of(one).code == StatusCode::Started as u16
    });
    let starts = starts.count();
    assert!((2..=KILLS + 1).contains(&starts), "{starts} sessions");
    assert_eq!(inputs[0].kind(), Some(Kind::Status));
}

#[test]
fn orders_of_sessions_that_left_nothing_are_not_numbered_again() {
    let venue = venue();
    let dir = workspace();
    let record = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    fs::write(&config, settings(&venue, &record, "")).unwrap();
    let words = ["run", "--config", config.to_str().unwrap()];
    run_until(&Instant::Journal(10_000), &words, &record);
    // Sessions that are killed before their first flush: they may have published orders.
    let journal = only_journal(&record).unwrap();
    let ahead = Numbers {
        inputs: 1 << 22,
        outputs: 1 << 20,
    };
    let mut told = 0;
    for _ in 0..3 {
        let meta = JournalReader::open(&journal).unwrap().meta().clone();
        // A program that another test starts may hold the lock of the writer before for the moment until it is itself.
        let (mut writer, _) = until("the lock of the journal", || {
            JournalWriter::open(&journal, &meta).ok()
        });
        told = writer.session().orders.unwrap();
        let orders = OrdersAhead {
            last: told,
            ahead: 100,
        };
        writer.reserve(ahead, orders).unwrap();
    }
    told += 100;
    let mut run = Running::start(&words);
    run.announced("publishing");
    assert_eq!(run.stop().code, 0);

    let whole = read_journal(&journal);
    let [.., last] = whole.sessions.as_slice() else {
        panic!("no sessions");
    };
    assert_eq!(whole.sessions.len(), 5);
    let at = whole.seqs.binary_search(&last.start.inputs).unwrap();
    let begins = StatusBody::of(&whole.inputs[at]);
    assert_eq!(begins.code, StatusCode::Started as u16);
    assert_eq!(begins.from, u64::from(told), "{begins:?}");

    // A stop in good order gives back what was reserved.
    let mut run = Running::start(&words);
    run.announced("publishing");
    assert_eq!(run.stop().code, 0);
    let whole = read_journal(&journal);
    let before = whole.sessions.last().unwrap().start;
    let orders = whole.numbers.iter().zip(&whole.outputs);
    let orders = orders.filter_map(|(number, (_, output))| {
        let is_before = *number < before.outputs && output.kind() == Some(Kind::Order);
        is_before.then(|| OrderBody::of(output).order)
    });
    let at = whole.seqs.binary_search(&before.inputs).unwrap();
    let begins = StatusBody::of(&whole.inputs[at]);
    let last = orders.max().unwrap_or(0).max(told);
    assert_eq!(begins.from, u64::from(last));
}

#[test]
fn a_run_without_numbers_for_its_orders_is_refused_and_a_new_one_is_begun_beside_it() {
    let venue = venue();
    let dir = workspace();
    let record = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    fs::write(&config, settings(&venue, &record, "")).unwrap();
    let words = ["run", "--config", config.to_str().unwrap()];
    run_until(&Instant::Journal(10_000), &words, &record);
    let journal = only_journal(&record).unwrap();
    let meta = JournalReader::open(&journal).unwrap().meta().clone();
    let (mut writer, _) = JournalWriter::open(&journal, &meta).unwrap();
    let orders = OrdersAhead {
        last: u32::MAX - 5_000,
        ahead: 4_096,
    };
    let one = Numbers {
        inputs: 1,
        outputs: 1,
    };
    writer.reserve(one, orders).unwrap();
    drop(writer);

    let ran = tickloom(&words);
    assert_ne!(ran.code, 0, "{ran:?}");
    let why = format!(
        "run {} has no numbers left for its orders: 4294966391 of 4294967295 are used; begin a new run with --new-run",
        meta.run
    );
    assert!(ran.stderr.contains(&why), "{ran:?}");
    assert_eq!(only_journal(&record).unwrap(), journal);

    let mut run = Running::start(&[&words[..], &["--new-run"]].concat());
    let begun = PathBuf::from(run.announced("journal"));
    assert_ne!(begun, journal);
    assert_eq!(run.stop().code, 0);
}

#[test]
fn a_torn_tail_is_cut_and_damage_is_refused() {
    let venue = venue();
    let dir = workspace();
    let record = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    fs::write(&config, settings(&venue, &record, "")).unwrap();
    let config = config.to_str().unwrap();
    let words = ["run", "--config", config];
    run_until(&Instant::Journal(GROWTH_MAX), &words, &record);
    let journal = only_journal(&record).unwrap();
    let before = read_journal(&journal);

    let last = segments(&journal).pop().unwrap();
    let file = OpenOptions::new().write(true).open(&last).unwrap();
    file.set_len(last.metadata().unwrap().len() - 1).unwrap();
    let torn = read_journal(&journal);
    assert!(torn.torn.is_some());
    let mut run = Running::start(&words);
    run.announced("the journal had a torn tail");
    assert_eq!(run.announced("journal"), journal.display().to_string());
    let resumed = run.announced("resumed");
    assert!(
        resumed.contains(&format!("after {} events", torn.inputs.len())),
        "{resumed}"
    );
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    let whole = read_journal(&journal);
    assert_eq!(torn.inputs, before.inputs[..torn.inputs.len()]);
    assert_eq!(torn.inputs, whole.inputs[..torn.inputs.len()]);
    assert_eq!(verify(&journal)["closed"], true);
    assert_catalog_holds(&record.join("catalog"), &whole);

    // No crash leaves such bytes: somebody should look, before anything is written after them.
    let snapshots = snapshot_files(&journal).unwrap().into_iter();
    let read_from = snapshots.map(|path| read_snapshot(&path).unwrap().head.segment);
    let read_from = read_from.max().unwrap_or(1);
    for (number, segment) in (1..).zip(segments(&journal)) {
        let bytes = fs::read(&segment).unwrap();
        let mut damaged = bytes.clone();
        damaged[100] ^= 1;
        fs::write(&segment, damaged).unwrap();
        let name = segment.display().to_string();
        // A start does not read what is before its snapshot.
        if number >= read_from {
            let ran = tickloom(&words);
            assert_eq!(ran.code, 2, "{ran:?}");
            assert!(ran.stderr.contains(&name), "{name}: {ran:?}");
        }
        let journal = journal.to_str().unwrap();
        for (words, code) in [(["replay", "--verify"], 2), (["journal", "verify"], 1)] {
            let ran = tickloom(&[words[0], words[1], journal]);
            assert_eq!(ran.code, code, "{ran:?}");
            assert!(format!("{ran:?}").contains(&name), "{name}: {ran:?}");
        }
        fs::write(&segment, bytes).unwrap();
    }
    assert_eq!(verify(&journal)["closed"], true);
}
