//! The same records give the same outputs, byte for byte: again, and on any number of workers with threads of their own.

use crate::recorded;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tickloom_core::{Found, OutputHash, Outputs, SignalWorker, split};
use tickloom_types::{Kind, Record, Seq};

/// Records and findings that wait between two threads.
const CAPACITY: usize = 64;

fn work(mut worker: SignalWorker, input: &Receiver<(Seq, Record)>, output: &SyncSender<Found>) {
    for (seq, record) in input {
        let mut found = Found::new();
        worker.step(seq, &record, &mut found);
        output.send(found).unwrap();
    }
}

/// The hash of a run whose workers are threads; the merger runs here.
fn hash_with_workers(count: usize, records: &[Record]) -> String {
    let (mut merger, workers) = split(&recorded::config(), count).unwrap();
    let mut out = Outputs::new();
    let mut hash = OutputHash::new();
    std::thread::scope(|scope| {
        let mut inputs = Vec::new();
        let mut outputs = Vec::new();
        for worker in workers {
            let (input, records) = sync_channel(CAPACITY);
            let (findings, output) = sync_channel(CAPACITY);
            scope.spawn(move || work(worker, &records, &findings));
            inputs.push(input);
            outputs.push(output);
        }
        for (seq, record) in (0..).zip(records) {
            for input in &inputs {
                input.send((seq, *record)).unwrap();
            }
            let found: Vec<Found> = outputs
                .iter()
                .map(|output| output.recv().unwrap())
                .collect();
            merger.step(seq, record, found.iter(), &mut out);
            out.records().iter().for_each(|output| hash.update(output));
        }
    });
    hash.hex()
}

#[test]
fn one_two_and_four_workers_say_the_same_as_one_core() {
    let records = recorded::records(2_000);
    let (expected, outputs) = recorded::run(&recorded::config(), &records);
    for kind in [Kind::Signal, Kind::BarClosed, Kind::BookStatus, Kind::Fill] {
        let count = outputs.iter().filter(|o| o.kind() == Some(kind)).count();
        assert!(
            count > 10,
            "only {count} of {}: the records show too little",
            kind.name()
        );
    }
    for workers in [1, 2, 4] {
        assert_eq!(
            hash_with_workers(workers, &records),
            expected,
            "{workers} workers"
        );
    }
}

#[test]
fn the_same_records_again_say_the_same() {
    let records = recorded::records(1_000);
    let first = recorded::run(&recorded::config(), &records).0;
    assert_eq!(recorded::run(&recorded::config(), &records).0, first);
    let fewer = recorded::run(&recorded::config(), &records[..records.len() - 50]).0;
    assert_ne!(fewer, first);
}

#[test]
fn outputs_of_a_record_come_in_their_order() {
    let records = recorded::records(2_000);
    let (_, outputs) = recorded::run(&recorded::config(), &records);
    let signals: Vec<&Record> = outputs
        .iter()
        .filter(|o| o.kind() == Some(Kind::Signal))
        .collect();
    let mut of_one_record = 0;
    for pair in signals.windows(2) {
        let [a, b] = [pair[0], pair[1]].map(tickloom_types::SignalBody::of);
        let same_moment = a.cause == b.cause && pair[0].header == pair[1].header;
        assert!(!same_moment || a.signal < b.signal);
        assert!(a.cause <= b.cause);
        of_one_record += usize::from(same_moment);
    }
    assert!(of_one_record > 100, "only {of_one_record} pairs");
}
