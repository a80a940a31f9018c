//! Any capture of any venue: lines are taken or refused by name, and what is let through is well formed. The first byte is the
//! venue, the second how the capture is written down; the rest is the capture.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use std::path::PathBuf;
use tickloom_feeds::VenueKind;
use tickloom_feeds::capture::{CaptureSource, Origin, Recorder, Recording};
use tickloom_types::{
    BookAction, Flags, Instruments, Kind, LevelBody, MomentSink, OrderUpdateBody, QuoteBody,
    Record, StatusBody, StatusCode, TradeBody,
};

const RECORDERS: [Recorder; 3] = [Recorder::Cryptofeed, Recorder::Lines, Recorder::Whole];

/// Looks at each record as it comes.
struct Check {
    instruments: Instruments,
    /// Instruments whose book began with a snapshot.
    books: HashSet<u32>,
    records: u64,
}

impl MomentSink for Check {
    fn push_moment(&mut self, records: &[Record]) {
        records.iter().for_each(|record| self.push(*record));
    }
}

impl Check {
    fn push(&mut self, record: Record) {
        self.records += 1;
        assert!(record.header.ts_event >= 0 && record.header.ts_recv >= 0);
        assert!(self.instruments.source(record.source()).is_some());
        let kind = record.kind().expect("a known kind");
        if kind != Kind::Status {
            assert!(self.instruments.get(record.instrument()).is_some());
        }
        match kind {
            Kind::Trade => {
                let trade = TradeBody::of(&record);
                assert!(trade.price > 0 && trade.qty > 0);
            }
            Kind::Quote => {
                let quote = QuoteBody::of(&record);
                assert!(quote.bid >= 0 && quote.bid_qty >= 0);
                assert!(quote.ask >= 0 && quote.ask_qty >= 0);
            }
            Kind::Level => {
                let level = LevelBody::of(&record);
                if level.clear == 1 {
                    assert!(record.has(Flags::SNAPSHOT));
                    self.books.insert(record.header.instrument);
                }
                assert!(self.books.contains(&record.header.instrument));
                assert!(level.qty >= 0 && (level.price > 0 || level.clear == 1));
            }
            Kind::Bar => assert!(self.instruments.bar_spec(record.source()).is_some()),
            Kind::OrderUpdate => {
                let order = OrderUpdateBody::of(&record);
                assert!(BookAction::from_raw(order.action).is_some());
            }
            Kind::Status => {
                let status = StatusBody::of(&record);
                assert!(StatusCode::from_raw(status.code).is_some());
            }
            kind => panic!("a capture makes no {kind:?}"),
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [venue, recorder, capture @ ..] = input else {
        return;
    };
    let source = CaptureSource::Unpacked(PathBuf::from("capture"), capture.into());
    // What it is found to be is its own matter; here it is read as if it were this.
    Origin::of(&source).ok();
    let origin = Origin {
        venue: VenueKind::ALL[usize::from(*venue) % VenueKind::ALL.len()],
        recorder: RECORDERS[usize::from(*recorder) % RECORDERS.len()],
    };
    let Ok(recording) = Recording::survey(origin, vec![source]) else {
        return;
    };
    let mut check = Check {
        instruments: recording.instruments().clone(),
        books: HashSet::new(),
        records: 0,
    };
    let report = recording
        .decode(&mut check)
        .expect("it could be read before");
    assert_eq!(report.records, check.records);
    let messages: u64 = report.messages.values().sum();
    let others: u64 = report.no_market_data.values().sum();
    let other_books: u64 = report.other_books.values().sum();
    // A line may be a message of which a part is wrong, or of another book than the one that is kept.
    let known = messages + others + report.lines_again;
    let most = known + other_books + report.bad;
    assert!(report.lines >= known && report.lines <= most);
    assert_eq!(report.bad, report.reasons.values().sum::<u64>());
});
