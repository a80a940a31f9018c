//! A recorded run that a crash has cut off, of any length, made by what makes one live: core, recorder, snapshots, catalog.

use std::path::Path;
use std::time::Duration;

use tickloom_core::{Core, CoreConfig, OutputHash, Outputs};
use tickloom_data::{Recorder, RecorderOptions};
use tickloom_journal::{Numbers, OrdersAhead, RunMeta, SnapshotHead, hex};
use tickloom_types::{
    Header, InstrumentId, Kind, QuoteBody, Record, SourceId, StatusBody, StatusCode, TradeBody, Ts,
};

/// Nanoseconds between two records.
pub(crate) const PACE: i64 = 1_000_000;
/// Records between two looks at whether a segment was begun.
const BATCH: u64 = 1_024;

/// A run that is being recorded.
pub(crate) struct Recorded {
    recorder: Recorder,
    core: Core,
    hash: OutputHash,
    outputs: Outputs,
    run: String,
    /// Inputs so far.
    pub(crate) inputs: u64,
    began: i64,
    segment: u32,
}

impl Recorded {
    /// Begins the first session of a run, into a new directory.
    pub(crate) fn begin(dir: &Path, meta: &RunMeta) -> Recorded {
        let config: CoreConfig = serde_json::from_str(&meta.config).expect("a run's settings");
        let options = RecorderOptions::default();
        let (recorder, _) = Recorder::open(dir, meta, options).expect("a new directory");
        let mut run = Recorded {
            segment: recorder.segment().0,
            recorder,
            core: Core::new(&config).expect("settings of a run that was"),
            hash: OutputHash::new(),
            outputs: Outputs::new(),
            run: meta.run.clone(),
            inputs: 0,
            began: meta.started.0,
        };
        run.recorder.begin_session().expect("a disk with room");
        run.take(run.status(StatusCode::Started));
        run
    }

    /// Records until there are so many inputs and another segment has just been begun, of which there is a snapshot then.
    pub(crate) fn record_segments(&mut self, inputs: u64) {
        loop {
            let is_new = self.record_batch(BATCH);
            if is_new && self.inputs >= inputs {
                return;
            }
        }
    }

    /// Records so many more.
    pub(crate) fn record(&mut self, inputs: u64) {
        let segment = self.segment;
        let mut left = inputs;
        while left > 0 {
            let now = left.min(BATCH);
            self.record_batch(now);
            left -= now;
        }
        assert_eq!(self.segment, segment, "the tail is longer than a segment");
    }

    /// Whether a segment was begun.
    fn record_batch(&mut self, count: u64) -> bool {
        for _ in 0..count {
            let record = self.market();
            self.take(record);
        }
        self.recorder.flush().expect("a disk with room");
        let numbers = Numbers {
            inputs: 1 << 22,
            outputs: 1 << 20,
        };
        let orders = OrdersAhead {
            last: self.core.last_order(),
            ahead: 1 << 12,
        };
        let reserved = self.recorder.reserve(numbers, orders);
        reserved.expect("a disk with room");
        let (segment, before) = self.recorder.segment();
        if segment == self.segment {
            return false;
        }
        self.segment = segment;
        self.take(self.status(StatusCode::Snapshot));
        let state = self.core.save(self.inputs, &self.hash);
        let head = SnapshotHead {
            run: self.run.clone(),
            next_seq: self.inputs,
            inputs: self.inputs,
            segment,
            before: hex(before),
            retracted: Vec::new(),
        };
        let state = state.expect("between two moments");
        let written = self.recorder.snapshot(&head, &state);
        written.expect("a disk with room");
        true
    }

    /// Waits until the catalog has all that is sealed. Dropped, the journal is as a crash leaves it.
    pub(crate) fn wait_for_catalog(&self) {
        let status = self.recorder.catalog_status();
        loop {
            let now = status.lock().expect("nobody panics").clone();
            assert_eq!(now.failure, None);
            if now.converted + 1 == self.segment {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn take(&mut self, record: Record) {
        let seq = self.inputs;
        self.core.step(seq, &record, &mut self.outputs);
        let outputs: Vec<_> = self
            .outputs
            .records()
            .iter()
            .map(|out| (seq, *out))
            .collect();
        for (_, output) in &outputs {
            self.hash.update(output);
        }
        self.recorder
            .inputs(seq, &[record])
            .expect("a disk with room");
        self.recorder.outputs(&outputs).expect("a disk with room");
        self.inputs += 1;
    }

    fn now(&self) -> Ts {
        Ts(self.began + i64::try_from(self.inputs).expect("fewer records") * PACE)
    }

    fn header(&self, kind: Kind, instrument: InstrumentId) -> Header {
        Header::new(kind, instrument, SourceId(0), self.now(), self.now())
    }

    fn status(&self, code: StatusCode) -> Record {
        StatusBody {
            code: code as u16,
            count: 1,
            ..StatusBody::default()
        }
        .record(self.header(Kind::Status, InstrumentId::NONE))
    }

    /// A trade and a quote in turn, whose prices go up and down in an hour.
    fn market(&self) -> Record {
        let at = i64::try_from(self.inputs).expect("fewer records");
        let (wave, ripple) = (at / 1_000 % 3_600, at * 37 % 97);
        let price = 600_000 + wave.min(3_600 - wave) * 10 + ripple;
        if at % 2 == 0 {
            let body = TradeBody {
                price,
                qty: 1 + ripple,
                ..TradeBody::default()
            };
            return body.record(self.header(Kind::Trade, InstrumentId(0)));
        }
        let body = QuoteBody {
            bid: price - 1,
            bid_qty: 5,
            ask: price + 1,
            ask_qty: 1 + at % 9,
            ..QuoteBody::default()
        };
        body.record(self.header(Kind::Quote, InstrumentId(0)))
    }
}
