//! The one order from outside: what two venues' captures become in a backtest, against a plain merge of their lines; moments on
//! their way through journal and catalog; one command against several.

#![cfg(test)]

mod cli;

use cli::{tickloom, workspace};
use std::collections::BTreeMap;
use std::path::Path;
use tickloom_core::{Core, CoreConfig, OutputHash, Outputs, SignalDef};
use tickloom_data::{
    Catalog, Recorder, RecorderOptions, ScanQuery, Table, catalog_dir, journal_dir,
};
use tickloom_feeds::capture::{CaptureConfig, CaptureSource, decode_captures};
use tickloom_feeds::samples::samples;
use tickloom_journal::{Block, JournalOptions, JournalReader, RunMeta, SyncPolicy};
use tickloom_types::{Flags, Instruments, Kind, MomentSink, Record, Seq, SignalBody, Ts};

const SPREAD: &str = "'binance-usdm.BTCUSDT'.mid - 'binance.BTCUSDT'.mid";

/// Lines of a capture: time of arrival and frame.
fn lines(source: &CaptureSource, most: usize) -> Vec<(i64, String)> {
    let mut reader = source.open().unwrap();
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line().unwrap().filter(|_| lines.len() < most) {
        let line = line.unwrap();
        let frame = String::from_utf8(line.frame.to_vec()).unwrap();
        lines.push((line.ts_recv.0, frame));
    }
    lines
}

fn write(path: &Path, lines: &[(i64, String)]) -> String {
    let text: String = lines
        .iter()
        .map(|(ts, frame)| format!("{ts} {frame}\n"))
        .collect();
    std::fs::write(path, text).unwrap();
    path.display().to_string()
}

/// Both samples as files, `usdm.capture` and `spot.capture`.
fn both(dir: &Path, most: usize) -> [String; 2] {
    let [spot, usdm] = samples();
    let file = |name: &str, source: &CaptureSource| write(&dir.join(name), &lines(source, most));
    [
        file("usdm.capture", &usdm.capture),
        file("spot.capture", &spot.capture),
    ]
}

fn import(files: &[&str], catalog: &Path) {
    let at = catalog.display().to_string();
    let mut words = vec!["import"];
    words.extend(files);
    words.extend(["--catalog", &at]);
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

fn scan(catalog: &Path) -> (Instruments, Vec<Record>) {
    let catalog = Catalog::open(catalog).unwrap();
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    let instruments = scan.instruments().clone();
    (instruments, scan.map(|next| next.unwrap().1).collect())
}

/// The moments of a feed, each with the arrival of the line that made it.
#[derive(Default)]
struct Feed(Vec<(i64, Vec<Record>)>);

impl MomentSink for Feed {
    fn push_moment(&mut self, records: &[Record]) {
        let arrival = records.iter().map(|record| record.header.ts_recv).max();
        self.0.push((arrival.unwrap(), records.to_vec()));
    }
}

/// What a live run over these captures in the lockstep of their stamps would take in: each feed in its order, the feeds by arrival.
/// The identifiers are those of `all`.
fn lockstep(captures: &[CaptureSource], all: &Instruments) -> Vec<Record> {
    let mut moments: Vec<((i64, usize), Vec<Record>)> = Vec::new();
    for capture in captures {
        let mut own = Instruments::new();
        let mut feed = Feed::default();
        let config = CaptureConfig::default();
        decode_captures(std::slice::from_ref(capture), &config, &mut own, &mut feed).unwrap();
        let source = &own.sources()[0].name;
        let at = all
            .sources()
            .iter()
            .position(|known| known.name == *source)
            .unwrap();
        for (arrival, mut records) in feed.0 {
            for record in &mut records {
                record.header.source = u16::try_from(at).unwrap();
                if let Some(def) = own.get(record.instrument()) {
                    record.header.instrument = all.find(&def.name).unwrap().0.0;
                }
            }
            // What arrived at one time comes by the names of the sources, in whose order they are numbered.
            moments.push(((arrival, at), records));
        }
    }
    moments.sort_by_key(|(place, _)| *place);
    moments
        .into_iter()
        .flat_map(|(_, records)| records)
        .collect()
}

fn is_market(record: &&Record) -> bool {
    let kinds = [Kind::Trade, Kind::Quote, Kind::Level, Kind::Bar];
    record.kind().is_some_and(|kind| kinds.contains(&kind))
}

/// Instrument, the venue's time and body of the records of a market.
fn market(records: &[Record]) -> Vec<(u32, i64, [u64; 5])> {
    let market = records.iter().filter(is_market);
    market
        .map(|r| (r.header.instrument, r.header.ts_event, r.body))
        .collect()
}

/// Values of the spread and the hash of all outputs.
fn run(
    instruments: &Instruments,
    records: impl Iterator<Item = (Seq, Record)>,
) -> (Vec<u64>, String) {
    let mut config = CoreConfig {
        instruments: instruments.clone(),
        default_instrument: instruments.find("binance.BTCUSDT").map(|(id, _)| id),
        ..CoreConfig::default()
    };
    config.signals.push(SignalDef::new("spread", SPREAD));
    let mut core = Core::new(&config).unwrap();
    let (mut outputs, mut hash) = (Outputs::new(), OutputHash::default());
    let mut values = Vec::new();
    for (seq, record) in records {
        core.step(seq, &record, &mut outputs);
        for output in outputs.records() {
            hash.update(output);
            if output.kind() == Some(Kind::Signal) {
                values.push(SignalBody::of(output).value.to_bits());
            }
        }
    }
    (values, hash.hex())
}

#[test]
fn a_backtest_over_two_venues_sees_what_a_live_run_in_lockstep_sees() {
    let dir = workspace();
    let files = both(dir.path(), usize::MAX);
    let catalog = dir.path().join("catalog");
    import(&[&files[0]], &catalog);
    import(&[&files[1]], &catalog);
    let (instruments, history) = scan(&catalog);
    let captures = files.clone().map(|file| CaptureSource::File(file.into()));
    let live = lockstep(&captures, &instruments);
    assert!(history.len() > 100_000, "{}", history.len());
    assert_eq!(market(&history), market(&live));
    assert_eq!(history, live);
    let of = |records: Vec<Record>| run(&instruments, (0..).zip(records));
    let (ours, theirs) = (of(history), of(live));
    assert!(ours.0.len() > 500, "{}", ours.0.len());
    assert_eq!(ours, theirs);

    let one = dir.path().join("one");
    import(&[&files[1], &files[0]], &one);
    assert_eq!(scan(&one), scan(&catalog));
}

/// A frame with several levels is one moment.
#[test]
fn a_moment_is_the_same_in_journal_and_catalog() {
    let dir = workspace();
    let files = both(dir.path(), 700);
    let catalog = dir.path().join("catalog");
    import(&[&files[0], &files[1]], &catalog);
    let (instruments, records) = scan(&catalog);
    let moments = records
        .iter()
        .filter(|record| !record.has(Flags::MORE))
        .count();
    assert!(
        moments * 2 < records.len(),
        "{moments} of {}",
        records.len()
    );
    assert!(moments <= 1_400);

    let meta = RunMeta::new("live", Ts(0), instruments.clone()).unwrap();
    let options = RecorderOptions {
        journal: JournalOptions {
            segment_bytes_max: 20_000,
            sync: SyncPolicy::OnSeal,
        },
        ..RecorderOptions::default()
    };
    let live = dir.path().join("live");
    let (mut recorder, _) = Recorder::open(&live, &meta, options).unwrap();
    // Blocks as a recorder takes them from a ring: of any length.
    for (at, some) in records.chunks(97).enumerate() {
        recorder.inputs(at as u64 * 97, some).unwrap();
        recorder.flush().unwrap();
    }
    recorder.close("0").unwrap();
    let mut journal = Vec::new();
    let segments = std::fs::read_dir(journal_dir(&live, "live"))
        .unwrap()
        .count();
    assert!(segments > 3, "{segments} files");
    let mut reader = JournalReader::open(&journal_dir(&live, "live")).unwrap();
    while let Some(block) = reader.next_block().unwrap() {
        if let Block::Inputs { records, .. } = block {
            journal.extend(records);
        }
    }
    let (_, again) = scan(&catalog_dir(&live));
    assert_eq!(journal, records);
    assert_eq!(again, records);
    let hash = |records: Vec<Record>| run(&instruments, (0..).zip(records)).1;
    assert_eq!(hash(again), hash(journal));
}

/// Two symbols of each of two venues, each with its snapshot that does not say of what it is.
#[test]
fn one_import_of_many_books_is_as_many_imports_of_one() {
    let dir = workspace();
    let mut files = both(dir.path(), 600).to_vec();
    for (name, source) in [("usdm-eth", &samples()[1]), ("spot-eth", &samples()[0])] {
        let mut lines = lines(&source.capture, 500);
        for (_, frame) in &mut lines {
            *frame = frame
                .replace("BTCUSDT", "ETHUSDT")
                .replace("btcusdt", "ethusdt");
        }
        files.push(write(&dir.path().join(format!("{name}.capture")), &lines));
    }
    let rows = |catalog: &Path| -> BTreeMap<String, u64> {
        let catalog = Catalog::open(catalog).unwrap();
        let ranges = catalog.ranges().unwrap();
        let of_books = ranges
            .iter()
            .filter(|range| matches!(range.table, Table::BookUpdates | Table::BookSnapshots));
        of_books
            .map(|range| {
                (
                    format!("{} {}", range.table, range.instrument.as_deref().unwrap()),
                    range.rows,
                )
            })
            .collect()
    };
    let (one, many) = (dir.path().join("one"), dir.path().join("many"));
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    import(&all, &one);
    for file in all.iter().rev() {
        import(&[file], &many);
    }
    let found = rows(&one);
    assert_eq!(found.len(), 8, "{found:?}");
    assert!(found.values().all(|rows| *rows > 500), "{found:?}");
    assert_eq!(rows(&many), found);
    assert_eq!(scan(&one), scan(&many));
}

/// Two daily series with equal prices, traded on their ratio: the bars of a day are one moment, so the ratio is always one.
#[test]
fn twins_never_part() {
    let dir = workspace();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let case = |name: &str| cases.join(name).display().to_string();
    let catalog = dir.path().join("catalog");
    import(&[&case("twins.csv")], &catalog);
    let apart = dir.path().join("apart");
    let text = std::fs::read_to_string(case("twins.csv")).unwrap();
    for name in ["B", "A"] {
        let wanted = |line: &&str| line.starts_with("ticker") || line.starts_with(name);
        let lines: Vec<&str> = text.lines().filter(wanted).collect();
        let file = dir.path().join(format!("{name}.csv"));
        std::fs::write(&file, lines.join("\n")).unwrap();
        import(&[&file.display().to_string()], &apart);
    }
    let ways = [
        catalog.display().to_string(),
        apart.display().to_string(),
        case("twins.csv"),
    ];
    for data in ways {
        let ran = tickloom(&[
            "backtest",
            "--data",
            &data,
            "--strategy",
            &case("twins.toml"),
            "--json",
        ]);
        assert_eq!(ran.code, 0, "{data}: {}", ran.stderr);
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["fills"], 0, "{data}: {report}");
    }
    let (_, records) = scan(&catalog);
    let marks = records.iter().map(|record| record.has(Flags::MORE));
    assert!(
        marks.eq((0..records.len()).map(|at| at % 2 == 0)),
        "a moment a day"
    );
}
