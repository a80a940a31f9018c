//! The threads of a run when one of them is lost, over real rings and a real journal.

use super::promise::Promise;
use super::snapshots::{self, Snapshots};
use super::states::{Asked, Known, states};
use crate::metrics::Metrics;
use crate::pipeline::core_thread::CoreThread;
use crate::pipeline::monitor::TradingView;
use crate::pipeline::recorder_thread::{RecordHealth, RecorderThread};
use crate::pipeline::troubles::Troubles;
use crate::pipeline::unquoted::UnquotedGauge;
use crate::pipeline::workers::{Engine, Stepper, WorkerThread};
use crate::stop::Stop;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use tickloom_core::{CoreConfig, OutputHash, SignalDef};
use tickloom_data::{Recorder, RecorderOptions, journal_dir};
use tickloom_journal::{JournalReader, Numbers, RunMeta, Session};
use tickloom_ring::{Consumer, RingConfig, ring, sole_ring};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, SourceDef, SourceId,
    SourceKind, TradeBody, Ts,
};
use tickloom_wire::RunPosition;

fn config() -> CoreConfig {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("test.A", 2, 0, "USD");
    instruments.add(def).unwrap();
    let source = SourceDef::new("test", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    CoreConfig {
        default_instrument: Some(InstrumentId(0)),
        signals: vec![SignalDef::new("a", "last"), SignalDef::new("b", "last * 2")],
        instruments,
        ..CoreConfig::default()
    }
}

fn trade(n: i64) -> Record {
    let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), Ts(n), Ts(n));
    let body = TradeBody {
        price: 100 + n,
        qty: 1,
        ..TradeBody::default()
    };
    body.record(header)
}

/// Two workers' lanes, of which the second has lost its worker, as a panic leaves it.
fn with_a_lost_worker(
    mut inputs: impl Iterator<Item = Consumer<Record>>,
) -> (Stepper, WorkerThread) {
    let Engine::Split {
        merger, workers, ..
    } = Engine::new(&config(), 2).unwrap()
    else {
        panic!("two workers are not split");
    };
    let mut workers = workers.into_iter();
    let mut next = || WorkerThread::new(workers.next().unwrap(), inputs.next().unwrap(), 0);
    let (alive, first) = next();
    let (lost, second) = next();
    // What unwinding does.
    drop(lost);
    (Stepper::Merged(merger, vec![first, second]), alive)
}

fn recorder(dir: &Path) -> Recorder {
    let meta = RunMeta::new("run", Ts(0), config().instruments).unwrap();
    let opened = Recorder::open(dir, &meta, RecorderOptions::default());
    opened.unwrap().0
}

/// Nobody asks.
fn asked() -> Asked {
    let state = Engine::new(&config(), 1).unwrap().state();
    let next = RunPosition::default();
    states(Known { next, state }).0
}

/// Of a run in its first session; nobody takes any.
fn snapshots() -> Snapshots {
    let known = snapshots::Known {
        run: "run".to_owned(),
        inputs: 0,
        session: Session {
            session: 1,
            kept: Numbers::default(),
            start: Numbers::default(),
            orders: None,
            lost: false,
        },
        retracted: Vec::new(),
    };
    Snapshots::new(known).0
}

#[test]
fn a_worker_that_is_lost_stops_the_core_and_not_the_recording() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new(TradingView::default(), Vec::new());
    let small = RingConfig {
        capacity: 64,
        ..RingConfig::default()
    };
    let (mut input, inputs) = ring::<Record>(&small, 4).unwrap();
    let mut inputs = inputs.into_iter();
    let (output, outputs) = sole_ring(&small, 1).unwrap();
    let has_ended_well = Arc::new(AtomicBool::new(false));
    let (stepper, worker) = with_a_lost_worker(inputs.by_ref());
    let core = CoreThread {
        stepper,
        config: config(),
        input: inputs.next().unwrap(),
        output,
        hash: OutputHash::new(),
        first_seq: 0,
        has_ended_well: Arc::clone(&has_ended_well),
        probe: metrics.stage("core"),
        snapshots: None,
        asked: asked(),
        unquoted: UnquotedGauge::new(&metrics).0,
    };
    let recorder = recorder(dir.path());
    let recorder = RecorderThread {
        health: RecordHealth::new(&recorder, &Troubles::default(), &metrics),
        recorder,
        promise: Promise::default(),
        last_order: 0,
        snapshots: snapshots(),
        input: inputs.next().unwrap(),
        output: outputs.into_iter().next().unwrap(),
        hash: OutputHash::new(),
        first_seq: 0,
        has_core_ended_well: has_ended_well,
        probe: metrics.stage("record"),
        stop: Stop::default(),
    };
    thread::scope(|scope| {
        let worker = scope.spawn(move || worker.run());
        let core = scope.spawn(move || core.run());
        let recorder = scope.spawn(move || recorder.run());
        // Far more than the ring holds: whoever is gone holds nobody back.
        for n in 0..1_000 {
            input.push_all(&[trade(n)]);
        }
        drop(input);
        assert!(core.join().unwrap().is_err(), "it had lost a worker");
        worker.join().unwrap();
        assert_eq!(recorder.join().unwrap().unwrap(), None);
    });
    let journal = JournalReader::open(&journal_dir(dir.path(), "run")).unwrap();
    let recorded: Vec<Record> = journal.inputs().map(|input| input.unwrap().1).collect();
    assert_eq!(recorded, (0..1_000).map(trade).collect::<Vec<_>>());
    // It is not closed: the next start makes the outputs.
    let mut journal = JournalReader::open(&journal_dir(dir.path(), "run")).unwrap();
    while journal.next_block().unwrap().is_some() {}
    assert!(journal.close().is_none());
}
