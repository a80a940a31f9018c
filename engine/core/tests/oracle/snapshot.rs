//! A core that goes on from a snapshot says what one says that never stopped, in one part and in several; bytes that are no
//! snapshot of this run are refused by name, and break nothing.

use crate::generate::{Case, case};
use crate::{cases, runner_of};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use std::cell::RefCell;
use std::collections::BTreeMap;
use tickloom_core::{
    CannotSave, Core, CoreConfig, Found, Merger, OutputHash, Outputs, SignalWorker, Snapshot,
    SnapshotError, State, resume_split, split,
};
use tickloom_types::{
    Flags, Header, InstrumentId, Kind, Record, Seq, SourceId, StatusBody, StatusCode, Ts,
};

const DRAWS: usize = 80;
const WORKERS: [usize; 3] = [1, 2, 4];

/// A core in one part or several.
enum Run {
    Whole(Box<Core>),
    Parts(Box<Merger>, Vec<SignalWorker>, Vec<Found>),
}

impl Run {
    /// `workers` is 0 for a core in one part.
    fn new(config: &CoreConfig, workers: usize) -> Run {
        if workers == 0 {
            return Run::Whole(Box::new(Core::new(config).unwrap()));
        }
        let (merger, parts) = split(config, workers).unwrap();
        Run::Parts(Box::new(merger), parts, vec![Found::new(); workers])
    }

    fn load(config: &CoreConfig, workers: usize, bytes: &[u8]) -> Result<Run, SnapshotError> {
        let snapshot = Snapshot::open(bytes)?;
        if workers == 0 {
            return Ok(Run::Whole(Box::new(Core::load(config, &snapshot)?)));
        }
        let (merger, parts) = resume_split(config, workers, &snapshot)?;
        Ok(Run::Parts(
            Box::new(merger),
            parts,
            vec![Found::new(); workers],
        ))
    }

    fn step(&mut self, seq: Seq, record: &Record, out: &mut Outputs) {
        match self {
            Run::Whole(core) => core.step(seq, record, out),
            Run::Parts(merger, parts, found) => {
                for (part, found) in parts.iter_mut().zip(found.iter_mut()) {
                    part.step(seq, record, found);
                }
                merger.step(seq, record, found.iter(), out);
            }
        }
    }

    fn save(&self, next_seq: Seq, hash: &OutputHash) -> Result<Vec<u8>, CannotSave> {
        match self {
            Run::Whole(core) => core.save(next_seq, hash),
            Run::Parts(merger, parts, _) => {
                let states: Result<Vec<_>, _> =
                    parts.iter().map(|part| part.save(next_seq)).collect();
                merger.save(states?, next_seq, hash)
            }
        }
    }

    fn state(&self) -> State {
        match self {
            Run::Whole(core) => core.state(),
            Run::Parts(merger, _, _) => merger.state(),
        }
    }

    /// What is asked at the end of a run.
    fn ending(&self, config: &CoreConfig) -> String {
        match self {
            Run::Whole(core) => format!(
                "{:?} {:?} {:?} {:?}",
                core.never_ready(config).unwrap(),
                core.never_closed(),
                core.portfolio(),
                core.market().counters(),
            ),
            Run::Parts(merger, _, _) => format!(
                "{:?} {:?} {:?} {:?}",
                merger.never_ready(config).unwrap(),
                merger.never_closed(),
                merger.portfolio(),
                merger.market().counters(),
            ),
        }
    }

    /// Takes in records from a sequence on; gives the outputs of each.
    fn go_on(&mut self, from: Seq, records: &[Record], hash: &mut OutputHash) -> Vec<Vec<Record>> {
        let mut out = Outputs::new();
        let mut all = vec![];
        for (seq, record) in (from..).zip(records) {
            self.step(seq, record, &mut out);
            hash.update_all(out.records());
            all.push(out.records().to_vec());
        }
        all
    }
}

/// How many records there are up to some end of a moment; 0 is before the first.
fn stop_of(case: &Case, index: Index) -> usize {
    let ends = (1..=case.records.len()).filter(|at| !case.records[at - 1].has(Flags::MORE));
    let ends: Vec<usize> = std::iter::once(0).chain(ends).collect();
    *index.get(&ends)
}

/// Stops a run, saves it, and lets every kind of core go on.
fn check(
    case: &Case,
    stop: usize,
    seen: &mut BTreeMap<&'static str, u32>,
) -> Result<(), TestCaseError> {
    let config = case.world.config();
    let (before, after) = case.records.split_at(stop);
    let next_seq = stop as Seq;
    let mut hash = OutputHash::new();
    let mut whole = Run::new(&config, 0);
    whole.go_on(0, before, &mut hash);
    let bytes = whole.save(next_seq, &hash).unwrap();
    for workers in WORKERS {
        let mut parts = Run::new(&config, workers);
        let mut own = OutputHash::new();
        parts.go_on(0, before, &mut own);
        prop_assert_eq!(parts.save(next_seq, &own).unwrap(), bytes.as_slice());
        prop_assert_eq!(parts.state(), whole.state(), "{} workers", workers);
    }
    let state = whole.state();
    note(&state, seen);
    let mut whole_hash = hash.clone();
    let expected = whole.go_on(next_seq, after, &mut whole_hash);
    let at_end = (case.records.len() as Seq, &whole_hash);
    let final_bytes = whole.save(at_end.0, at_end.1);
    for workers in std::iter::once(0).chain(WORKERS) {
        let opened = Snapshot::open(&bytes).unwrap();
        prop_assert_eq!(opened.next_seq(), next_seq);
        let mut own = opened.outputs().clone();
        prop_assert_eq!(own.hex(), hash.hex());
        let mut again = Run::load(&config, workers, &bytes).unwrap();
        prop_assert_eq!(again.save(next_seq, &own).unwrap(), bytes.as_slice());
        prop_assert_eq!(again.state(), state.clone(), "{} workers", workers);
        // The record that asks for a snapshot changes nothing.
        let mut out = Outputs::new();
        again.step(next_seq, &asking(), &mut out);
        prop_assert!(out.records().is_empty());
        prop_assert_eq!(again.save(next_seq, &own).unwrap(), bytes.as_slice());
        let found = again.go_on(next_seq, after, &mut own);
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            prop_assert_eq!(found, expected, "{} workers, input {}", workers, stop + at);
        }
        prop_assert_eq!(own.hex(), whole_hash.hex());
        prop_assert_eq!(again.save(at_end.0, &own), final_bytes.clone());
        prop_assert_eq!(again.state(), whole.state());
        prop_assert_eq!(again.ending(&config), whole.ending(&config));
    }
    Ok(())
}

/// The record that asks for a snapshot, at a time far from that of all others.
fn asking() -> Record {
    let far = Ts(4_000_000_000_000_000_000);
    let body = StatusBody {
        code: StatusCode::Snapshot as u16,
        ..StatusBody::default()
    };
    let header = Header::new(Kind::Status, InstrumentId::NONE, SourceId(0), far, far);
    body.record(header)
}

/// What a run had when it stopped.
fn note(state: &State, seen: &mut BTreeMap<&'static str, u32>) {
    let mut has = |what, holds| *seen.entry(what).or_default() += u32::from(holds);
    has("order", !state.orders.is_empty());
    has("order that filled in part", {
        state.orders.iter().any(|order| order.filled > 0)
    });
    has("order that rested", {
        state.orders.iter().any(|order| order.resting)
    });
    has("position", {
        let mut all = state.positions.iter();
        all.any(|held| held.position.qty() != 0)
    });
    has("bar in the making", !state.bars.is_empty());
    has("incomplete bar", {
        state.bars.iter().any(|bar| bar.is_incomplete)
    });
    has("signal", state.signals.iter().any(Option::is_some));
    has("signal that is not ready", {
        state.signals.iter().any(Option::is_none)
    });
    has("bid and ask", {
        state.instruments.iter().any(|of| of.top.is_some())
    });
    has("book", state.instruments.iter().any(|of| of.book.is_some()));
}

#[test]
fn a_run_that_goes_on_from_a_snapshot_is_as_one_that_never_stopped() {
    let seen = RefCell::new(BTreeMap::new());
    let stopped = (case(DRAWS), any::<[Index; 2]>());
    let checked = runner_of(3, cases() * 2 / 5).run(&stopped, |(case, stops)| {
        for index in stops {
            check(&case, stop_of(&case, index), &mut seen.borrow_mut())?;
        }
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
    for (what, count) in seen.borrow().iter() {
        assert!(*count > 2, "{what}: only {count}");
    }
}

/// The same where the places to stop at are others in every run.
#[test]
fn others_in_every_run_go_on_too() {
    let stopped = (case(DRAWS), any::<Index>());
    let config = ProptestConfig {
        cases: cases() / 10,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let checked = runner.run(&stopped, |(case, index)| {
        check(&case, stop_of(&case, index), &mut BTreeMap::new())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

/// A case with its snapshot somewhere, and the records after it.
fn snapshot(case: &Case, index: Index) -> (CoreConfig, Vec<u8>, usize) {
    let config = case.world.config();
    let stop = stop_of(case, index);
    let mut run = Run::new(&config, 0);
    let mut hash = OutputHash::new();
    run.go_on(0, &case.records[..stop], &mut hash);
    let bytes = run.save(stop as Seq, &hash).unwrap();
    (config, bytes, stop)
}

#[test]
fn cut_and_flipped_bytes_are_refused() {
    let cases = (case(DRAWS), any::<Index>(), any::<u64>());
    let checked = runner_of(4, 12).run(&cases, |(case, index, seed)| {
        let (config, bytes, _) = snapshot(&case, index);
        for end in 0..bytes.len() {
            prop_assert!(Snapshot::open(&bytes[..end]).is_err(), "cut at {}", end);
        }
        let mut flipped = bytes.clone();
        let mut random = seed;
        for at in 0..bytes.len() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            flipped[at] ^= 1 << (random >> 61);
            prop_assert!(Snapshot::open(&flipped).is_err(), "bit of {}", at);
            flipped[at] = bytes[at];
        }
        prop_assert!(Run::load(&config, 0, &bytes).is_ok());
        Ok(())
    });
    checked.unwrap();
}

/// Changes bytes behind the checksum's back.
fn change(bytes: &mut Vec<u8>, changes: &[(Index, u8)]) {
    let checked = bytes.len() - 16;
    bytes.truncate(checked);
    // Versions and fingerprint are refused at once: what is behind them is to be looked at.
    let body = 32;
    for (at, value) in changes {
        let at = body + at.index(checked - body);
        bytes[at] = *value;
    }
    let checksum = xxhash_rust::xxh3::xxh3_128(bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
}

#[test]
fn bytes_that_were_changed_with_their_checksum_break_nothing() {
    let value = prop_oneof![
        any::<u8>(),
        Just(0),
        Just(1),
        Just(0x7f),
        Just(0x80),
        Just(0xff)
    ];
    let changes = prop::collection::vec((any::<Index>(), value), 1..4);
    let many = prop::collection::vec(changes, 30);
    let loaded = RefCell::new((0, 0));
    let cases = (case(DRAWS), any::<Index>(), many);
    let checked = runner_of(5, 100).run(&cases, |(case, index, many)| {
        let (config, bytes, stop) = snapshot(&case, index);
        for changes in many {
            let mut changed = bytes.clone();
            change(&mut changed, &changes);
            let mut counts = loaded.borrow_mut();
            match Run::load(&config, 2, &changed) {
                Err(error) => {
                    prop_assert!(!error.to_string().is_empty());
                    counts.1 += 1;
                }
                Ok(mut run) => {
                    let mut hash = OutputHash::new();
                    run.go_on(stop as Seq, &case.records[stop..], &mut hash);
                    let next_seq = case.records.len() as Seq;
                    if let Ok(bytes) = run.save(next_seq, &hash) {
                        prop_assert!(Snapshot::open(&bytes).is_ok());
                    }
                    counts.0 += 1;
                }
            }
        }
        Ok(())
    });
    checked.unwrap();
    let (loaded, refused) = *loaded.borrow();
    assert!(loaded > 300 && refused > 300, "{loaded} and {refused}");
}

#[test]
fn another_configuration_is_refused_by_name() {
    let checked = runner_of(6, 30).run(&(case(DRAWS), any::<Index>()), |(case, index)| {
        let (config, bytes, _) = snapshot(&case, index);
        let changes: [fn(&mut CoreConfig); 4] = [
            |config| config.account.margin = !config.account.margin,
            |config| config.account.cash.0 += 1,
            |config| config.risk.orders_per_second = Some(77),
            |config| config.stale_after = Some(123),
        ];
        for change in changes {
            let mut other = config.clone();
            change(&mut other);
            for workers in [0, 2] {
                match Run::load(&other, workers, &bytes) {
                    Err(error @ SnapshotError::Configuration { .. }) => {
                        prop_assert!(error.to_string().contains("another configuration"));
                    }
                    _ => return Err(TestCaseError::fail("it was not refused")),
                }
            }
        }
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn state_is_saved_at_the_end_of_a_moment_and_from_all_workers() {
    let checked = runner_of(7, 40).run(&case(DRAWS), |case| {
        let config = case.world.config();
        let (mut merger, mut parts) = split(&config, 2).unwrap();
        let mut found = vec![Found::new(); 2];
        let mut out = Outputs::new();
        let hash = OutputHash::new();
        for (seq, record) in (0..).zip(&case.records) {
            for (part, found) in parts.iter_mut().zip(&mut found) {
                part.step(seq, record, found);
            }
            merger.step(seq, record, found.iter(), &mut out);
            let next = seq + 1;
            if record.has(Flags::MORE) {
                prop_assert_eq!(parts[0].save(next).unwrap_err(), CannotSave::InMoment);
                let nobody = merger.save([], next, &hash);
                prop_assert_eq!(nobody, Err(CannotSave::InMoment));
                continue;
            }
            let [first, second] = [0, 1].map(|at| parts[at].save(next).unwrap());
            let apart = Err(CannotSave::Parts { next_seq: next });
            let early = parts[1].save(seq).unwrap();
            prop_assert_eq!(&merger.save([first.clone(), early], next, &hash), &apart);
            if config.signals.len() + config.strategies.len() > 1 {
                let alone = merger.save([first.clone()], next, &hash);
                prop_assert_eq!(&alone, &apart);
                let turned = merger.save([second.clone(), first.clone()], next, &hash);
                prop_assert_eq!(&turned, &apart);
            }
            prop_assert!(merger.save([first, second], next, &hash).is_ok());
        }
        Ok(())
    });
    checked.unwrap();
}
