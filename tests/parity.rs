//! Live against history: the real binary over sockets, fed by captures of two venues in lockstep of their stamps, and a backtest of
//! the same captures. Market records, signals, bars, orders and fills have to be the same, message by message.

#![cfg(test)]

mod cli;
mod common;

use cli::{tickloom, workspace};
use common::{Running, json, read_journal, text, until, verify};
use std::fs;
use std::path::Path;
use tickloom_core::{Core, CoreConfig, Outputs};
use tickloom_data::{Catalog, ScanQuery};
use tickloom_feeds::capture::CaptureSource;
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig};
use tickloom_feeds::samples::samples;
use tickloom_journal::{JournalReader, RunMeta};
use tickloom_types::{BookState, Flags, Instruments, Kind, Record, StatusBody, StatusCode};

/// What both run: signals over either instrument and over both, bars by time and by trades, strategies that trade each.
const RULES: &str = r#"
default_instrument = "binance-usdm.BTCUSDT"
default_bar = "1s"

[[signal]]
name = "spread"
expr = "'binance-usdm.BTCUSDT'.mid - 'binance.BTCUSDT'.mid"

[[signal]]
name = "slow_spread"
expr = "ema('binance-usdm.BTCUSDT'.close@5s, 3) - 'binance.BTCUSDT'.mid"

[[signal]]
name = "together"
expr = "together('binance-usdm.BTCUSDT'.close@1s / 'binance.BTCUSDT'.close@1s)"

[[signal]]
name = "imbalance"
expr = "ema('binance.BTCUSDT'.imbalance, 20)"

[[signal]]
name = "rsi"
expr = "rsi(close, 5)"

[[signal]]
name = "by_trades"
expr = "sma('binance.BTCUSDT'.close@50t, 3)"

[[strategy]]
kind = "rules"
name = "cross"
enter = "cross_over(ema(mid, 5), ema(mid, 50))"
exit = "cross_under(ema(mid, 5), ema(mid, 50))"
size = "0.5"

[[strategy]]
kind = "rules"
name = "basis"
instrument = "binance.BTCUSDT"
enter = "ema('binance-usdm.BTCUSDT'.mid - 'binance.BTCUSDT'.mid, 50) < ema('binance-usdm.BTCUSDT'.mid - 'binance.BTCUSDT'.mid, 500)"
exit = "rsi('binance.BTCUSDT'.close@1s, 5) > 60"
size = "0.25"

[account]
cash = "1000000"
fee = "0.0002"
"#;

/// A record without the two things that a live run cannot share with a recording: our time of arrival, and how many records of its
/// moment follow in a journal.
type Plain = (u8, u8, u32, u16, i64, [u64; 5]);

fn plain(record: &Record) -> Plain {
    let header = &record.header;
    let flags = header.flags & !Flags::MORE;
    let (of, from) = (header.instrument, header.source);
    (header.kind, flags, of, from, header.ts_event, record.body)
}

/// Where an output says by which input it was caused.
fn cause(output: &mut Record) -> Option<&mut u64> {
    match output.kind() {
        Some(Kind::BarClosed) => None,
        Some(Kind::BookStatus | Kind::RiskStatus) => Some(&mut output.body[4]),
        _ => Some(&mut output.body[0]),
    }
}

/// A moment: its records, and what the core made of them.
#[derive(Debug, PartialEq)]
struct Moment {
    records: Vec<Plain>,
    outputs: Vec<Plain>,
}

/// Whether a record tells of a connection, or of the run as a whole, which a recording does not, or is what a recording begins with
/// instead: that nothing is known of a book.
fn is_of_connection(record: &Record) -> bool {
    let StatusBody { code, state, .. } = StatusBody::of(record);
    let is_unknown = code == StatusCode::Book as u16 && state == BookState::Resync as u8;
    if record.kind() == Some(Kind::Status) && is_unknown && record.has(Flags::BAD_TIME) {
        return true;
    }
    let codes = [
        StatusCode::Started,
        StatusCode::Snapshot,
        StatusCode::Connected,
        StatusCode::Disconnected,
    ];
    record.kind() == Some(Kind::Status) && codes.iter().any(|of| *of as u16 == code)
}

/// Parts inputs into moments with their outputs, which name the inputs that caused them; moments of connections are left out, and
/// places in the run are counted without them.
fn moments<'a>(inputs: &[Record], outputs: impl Iterator<Item = (u64, &'a Record)>) -> Vec<Moment> {
    let mut outputs = outputs.peekable();
    let mut moments = Vec::new();
    let mut places = Vec::with_capacity(inputs.len());
    let mut kept = 0;
    for moment in inputs.split_inclusive(|record| !record.has(Flags::MORE)) {
        let is_kept = !moment.iter().any(is_of_connection);
        for _ in moment {
            places.push(is_kept.then_some(kept));
            kept += u64::from(is_kept);
        }
        let mut made = Vec::new();
        while let Some((_, output)) = outputs.next_if(|(cause, _)| *cause < places.len() as u64) {
            let mut output = *output;
            if let Some(cause) = cause(&mut output) {
                let seq = usize::try_from(*cause).unwrap();
                *cause = places[seq].unwrap_or(u64::MAX);
            }
            made.push(plain(&output));
        }
        if is_kept {
            moments.push(Moment {
                records: moment.iter().map(plain).collect(),
                outputs: made,
            });
        }
    }
    moments
}

/// Starts both samples in lockstep and a live run that is fed by them; returns what it was and its moments.
fn live(workers: &str) -> (RunMeta, Vec<Moment>) {
    let dir = workspace();
    let venues = samples().map(|sample| LocalVenueConfig::new(vec![sample.capture]));
    let venues = LocalVenue::start_in_lockstep(venues.to_vec()).unwrap();
    let mut config = RULES.to_owned();
    for venue in venues.iter().rev() {
        let (name, url) = (venue.venue().name(), venue.ws_url());
        config.push_str(&format!(
            "[[feed]]\nvenue = '{name}'\nsymbols = ['BTCUSDT']\nws_url = '{url}'\nrecorded = true\n"
        ));
    }
    let file = dir.path().join("live.toml");
    fs::write(&file, config).unwrap();
    let record = dir.path().join("recorded");
    let words = [
        "run",
        "--config",
        file.to_str().unwrap(),
        "--workers",
        workers,
        "--record",
        record.to_str().unwrap(),
        "--publish",
        "tcp://127.0.0.1:*",
        "--json",
    ];
    let mut run = Running::start(&words);
    let journal = run.announced("journal");
    let journal = Path::new(&journal);
    until("the end of both recordings", || {
        let mut venues = venues.iter();
        venues
            .all(|venue| venue.progress().is_finished)
            .then_some(())
    });
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    for venue in &venues {
        assert_eq!(venue.error(), None);
        let progress = venue.progress();
        assert_eq!((progress.connections, progress.snapshots), (1, 1));
    }
    assert_eq!(verify(journal)["output_hash"], json(&ran)["output_hash"]);
    let recorded = read_journal(journal);
    let meta = JournalReader::open(journal).unwrap().meta().clone();
    let outputs = recorded
        .outputs
        .iter()
        .map(|(cause, output)| (*cause, output));
    (meta, moments(&recorded.inputs, outputs))
}

/// Imports both samples into one catalog, in two commands.
fn import(dir: &Path) -> String {
    let catalog = dir.join("catalog").display().to_string();
    for sample in samples() {
        let CaptureSource::Bytes(name, bytes) = sample.capture else {
            panic!("samples are part of the program");
        };
        let file = dir.join(name);
        fs::write(&file, bytes).unwrap();
        let ran = tickloom(&["import", file.to_str().unwrap(), "--catalog", &catalog]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    catalog
}

/// The moments of a catalog under the configuration of a live run.
fn history(catalog: &str, live: &RunMeta) -> Vec<Moment> {
    let catalog = Catalog::open(Path::new(catalog)).unwrap();
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    let (own, of) = (scan.instruments().clone(), &live.instruments);
    let names = |of: &Instruments| {
        let names = of.defs().iter().map(|def| def.name.clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&own), names(of), "identifiers mean the same");
    // A catalog numbers its sources by their names.
    let source = |id: u16| {
        let name = &own.sources()[usize::from(id)].name;
        let at = of.sources().iter().position(|def| def.name == *name);
        u16::try_from(at.unwrap()).unwrap()
    };
    let config: CoreConfig = serde_json::from_str(&live.config).unwrap();
    let mut core = Core::new(&config).unwrap();
    let (mut step, mut inputs, mut outputs) = (Outputs::new(), Vec::new(), Vec::new());
    for next in scan {
        let (_, mut record) = next.unwrap();
        record.header.source = source(record.header.source);
        let seq = inputs.len() as u64;
        core.step(seq, &record, &mut step);
        outputs.extend(step.records().iter().map(|output| (seq, *output)));
        inputs.push(record);
    }
    let outputs = outputs.iter().map(|(cause, output)| (*cause, output));
    moments(&inputs, outputs)
}

/// Names the first record or output that differs: a whole moment may have thousands.
fn assert_same(here: &Moment, there: &Moment, place: &str) {
    for (here, there, what) in [
        (&here.records, &there.records, "record"),
        (&here.outputs, &there.outputs, "output"),
    ] {
        for (at, (here, there)) in here.iter().zip(there).enumerate() {
            assert_eq!(here, there, "{what} {at} of {place}");
        }
        assert_eq!(here.len(), there.len(), "{what}s of {place}");
    }
}

/// How many outputs of a kind there are.
fn count(moments: &[Moment], kind: Kind) -> usize {
    let outputs = moments.iter().flat_map(|moment| &moment.outputs);
    outputs.filter(|output| output.0 == kind as u8).count()
}

#[test]
fn a_live_run_in_lockstep_and_a_backtest_of_the_captures_are_the_same() {
    let dir = workspace();
    let catalog = import(dir.path());
    for workers in ["1", "2"] {
        let (meta, live) = live(workers);
        let history = history(&catalog, &meta);
        for (at, (here, there)) in live.iter().zip(&history).enumerate() {
            assert_same(here, there, &format!("moment {at} on {workers} workers"));
        }
        assert_eq!(live.len(), history.len(), "{workers} workers");
        // Of 29,159 lines two are snapshots, and a few changes before those make nothing.
        assert!(live.len() > 29_000, "{} moments", live.len());
        for (kind, least) in [
            (Kind::Signal, 1_000),
            (Kind::BarClosed, 100),
            (Kind::Fill, 2),
        ] {
            let made = count(&live, kind);
            assert!(made > least, "{made} {}", kind.name());
        }
    }
}

/// The trades that a live run makes are those that `backtest` reports.
#[test]
fn the_fills_of_a_live_run_are_those_that_a_backtest_reports() {
    let dir = workspace();
    let catalog = import(dir.path());
    let strategy = dir.path().join("rules.toml");
    fs::write(&strategy, RULES).unwrap();
    let words = ["backtest", "--data", &catalog, "--json", "--strategy"];
    let ran = tickloom(&[words.as_slice(), &[strategy.to_str().unwrap()]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = json(&ran);
    let (_, live) = live("1");
    assert_eq!(report["fills"], count(&live, Kind::Fill), "{report}");
    assert!(!text(&report, "output_hash").is_empty());
}
