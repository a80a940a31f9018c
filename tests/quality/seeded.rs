//! Faults of every kind, put into a real recording at places that a seed chooses: each is found where it is, and nothing else is.

use crate::cli::workspace;
use crate::support::{RECORDER_LAG, Row, expected, lines, quality, recorded, write};
use std::collections::BTreeSet;
use tickloom_types::{
    BookState, Flags, Header, InstrumentId, Instruments, Kind, LevelBody, QuoteBody, Record, Side,
    SourceId, StatusBody, StatusCode, TradeBody, Ts,
};

const SECOND: i64 = 1_000_000_000;

/// A recording that is being spoilt, and what should be found.
struct Spoiler {
    records: Vec<Record>,
    start: i64,
    random: u64,
    expected: Vec<Row>,
}

impl Spoiler {
    fn new(seed: u64) -> (Spoiler, Instruments) {
        let (mut records, instruments) = recorded();
        for record in &mut records {
            record.header.ts_recv += RECORDER_LAG;
        }
        let start = records
            .iter()
            .find(|r| r.kind() == Some(Kind::Trade))
            .unwrap()
            .header
            .ts_event;
        let spoiler = Spoiler {
            records,
            start,
            random: seed,
            expected: Vec::new(),
        };
        (spoiler, instruments)
    }

    /// A time `from` seconds after the start and up to a second more.
    fn time(&mut self, from: i64) -> i64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = i64::try_from(self.random >> 40).unwrap();
        self.start + from * SECOND + part * SECOND / (1 << 24)
    }

    /// The first record of a kind from a time on.
    fn first(&self, kind: Kind, from: i64) -> usize {
        let is_wanted = |r: &Record| r.kind() == Some(kind) && r.header.ts_event >= from;
        self.records.iter().position(is_wanted).unwrap()
    }

    /// The next records of a kind from a place on, itself included.
    fn next(&self, kind: Kind, from: usize, count: usize) -> Vec<usize> {
        let places = (from..self.records.len()).filter(|at| self.records[*at].kind() == Some(kind));
        places.take(count).collect()
    }

    /// The record of a kind before a place.
    fn before(&self, kind: Kind, at: usize) -> &Record {
        self.records[..at]
            .iter()
            .rfind(|r| r.kind() == Some(kind))
            .unwrap()
    }

    fn expect(&mut self, kind: &'static str, table: &'static str, from: i64, to: i64, count: u64) {
        self.expected.push(Row::new(kind, table, from, to, count));
    }

    fn duplicate(&mut self) {
        let from = self.time(4);
        let at = self.first(Kind::Trade, from);
        let twice = self.records[at];
        self.records.insert(at + 1, twice);
        let ts = twice.header.ts_event;
        self.expect("duplicate", "trades", ts, ts, 1);
    }

    fn back(&mut self) {
        let from = self.time(7);
        let at = self.first(Kind::Trade, from);
        let newest = self.before(Kind::Trade, at).header.ts_event;
        let ts = newest - 2 * SECOND;
        self.records[at].header.ts_event = ts;
        self.records[at].header.flags &= !Flags::BAD_TIME;
        // It arrived as late as the one before, so the clocks do not seem to differ.
        self.records[at].header.ts_recv = ts + 20_000_000;
        self.expect("out_of_order", "trades", ts, newest, 1);
    }

    /// Four trades are lost.
    fn ids(&mut self) {
        let from = self.time(10);
        let at = self.first(Kind::Trade, from);
        let before = *self.before(Kind::Trade, at);
        let lost = self.next(Kind::Trade, at, 5);
        let after = self.records[lost[4]];
        for place in lost[..4].iter().rev() {
            self.records.remove(*place);
        }
        let missing = TradeBody::of(&after).trade_id - TradeBody::of(&before).trade_id - 1;
        self.expect(
            "gap",
            "trades",
            before.header.ts_event,
            after.header.ts_event,
            missing,
        );
    }

    fn crossed(&mut self) {
        let from = self.time(14);
        let at = self.first(Kind::Quote, from);
        let places = self.next(Kind::Quote, at, 4);
        for place in &places[..3] {
            let mut quote = QuoteBody::of(&self.records[*place]);
            quote.bid = quote.ask + 1;
            self.records[*place] = quote.record(self.records[*place].header);
        }
        let [first, last] = [places[0], places[3]].map(|place| self.records[place].header.ts_event);
        self.expect("crossed", "quotes", first, last, 3);
    }

    fn outlier(&mut self) {
        let from = self.time(18);
        let at = self.first(Kind::Trade, from);
        let mut trade = TradeBody::of(&self.records[at]);
        trade.price += trade.price / 10;
        self.records[at] = trade.record(self.records[at].header);
        let ts = self.records[at].header.ts_event;
        self.expect("outlier", "trades", ts, ts, 1);
    }

    /// For two seconds our clock is three seconds ahead.
    fn skew(&mut self) {
        let from = self.time(22);
        let (first, last) = (
            self.first(Kind::Trade, from),
            self.first(Kind::Trade, from + 2 * SECOND),
        );
        let (mut newest, mut count) = (i64::MIN, 0);
        for record in &mut self.records[first..last] {
            record.header.ts_recv += 3 * SECOND;
            let counts = match record.kind() {
                Some(Kind::Level) => record.has(Flags::LAST),
                kind => matches!(kind, Some(Kind::Trade | Kind::Quote)),
            };
            if counts && !record.has(Flags::BAD_TIME) {
                newest = newest.max(record.header.ts_event);
                count += 1;
            }
        }
        let from = self.records[first].header.ts_event;
        self.expect("clock_skew", "all", from, newest, count);
    }

    /// For fifteen seconds there are trades and no quotes.
    fn stale(&mut self) {
        let from = self.time(30);
        let to = from + 15 * SECOND;
        let within =
            |r: &Record| r.kind() == Some(Kind::Quote) && (from..to).contains(&r.header.ts_event);
        self.records.retain(|record| !within(record));
        let (mut changed, mut last, mut trades) = (0, None, 0);
        for record in &self.records {
            match record.kind() {
                Some(Kind::Trade) => trades += 1,
                Some(Kind::Quote) => {
                    let quote = QuoteBody::of(record);
                    let content = Some((quote.bid, quote.bid_qty, quote.ask, quote.ask_qty));
                    if content == last {
                        continue;
                    }
                    last = content;
                    if record.header.ts_event >= to {
                        let row =
                            Row::new("stale", "quotes", changed, record.header.ts_event, trades);
                        self.expected.push(row);
                        return;
                    }
                    changed = changed.max(record.header.ts_event);
                    trades = 0;
                }
                _ => {}
            }
        }
        panic!("no quote after the stale time");
    }

    /// For fifteen seconds there is nothing at all.
    fn silence(&mut self) {
        let from = self.time(48);
        let to = from + 15 * SECOND;
        let is_market =
            |r: &Record| matches!(r.kind(), Some(Kind::Trade | Kind::Quote | Kind::Level));
        self.records
            .retain(|r| !is_market(r) || !(from..to).contains(&r.header.ts_event));
        for (kind, table) in [
            (Kind::Trade, "trades"),
            (Kind::Quote, "quotes"),
            (Kind::Level, "book_updates"),
        ] {
            let of = || self.records.iter().filter(move |r| r.kind() == Some(kind));
            let before = of()
                .filter(|r| r.header.ts_event < from)
                .max_by_key(|r| r.header.ts_event)
                .unwrap();
            let after = of().find(|r| r.header.ts_event >= to).unwrap();
            let missing = match kind {
                Kind::Trade => TradeBody::of(after).trade_id - TradeBody::of(before).trade_id - 1,
                _ => 1,
            };
            let (from, to) = (before.header.ts_event, after.header.ts_event);
            self.expected
                .push(Row::new("gap", table, from, to, missing));
        }
    }

    /// A book that lacks what was lost may be crossed until its levels have come anew: in a plain book, at the end of each message.
    fn expect_crossed_books(&mut self) {
        let (mut bids, mut asks) = (BTreeSet::new(), BTreeSet::new());
        let (mut open, mut found): (Option<Row>, Vec<Row>) = (None, Vec::new());
        for record in &self.records {
            let ts = record.header.ts_event;
            let status = StatusBody::of(record);
            if record.kind() == Some(Kind::Status)
                && status.state == BookState::Resync as u8
                && !bids.is_empty()
            {
                // Without a snapshot after it, the book stays unknown.
                break;
            }
            if record.kind() != Some(Kind::Level) {
                continue;
            }
            let level = LevelBody::of(record);
            if level.clear == 1 {
                bids.clear();
                asks.clear();
            }
            let side = if level.side == Side::Buy as u8 {
                &mut bids
            } else {
                &mut asks
            };
            if level.qty == 0 {
                side.remove(&level.price)
            } else {
                side.insert(level.price)
            };
            if !record.has(Flags::LAST) {
                continue;
            }
            let is_crossed = bids
                .last()
                .zip(asks.first())
                .is_some_and(|(bid, ask)| bid >= ask);
            match (&mut open, is_crossed) {
                (Some(row), _) => {
                    row.to = row.to.max(ts);
                    row.count += u64::from(is_crossed);
                }
                (None, true) => open = Some(Row::new("crossed", "book_updates", ts, ts, 1)),
                (None, false) => {}
            }
            if !is_crossed && let Some(row) = open.take() {
                match found.last_mut() {
                    Some(last) if row.from - last.to <= SECOND => {
                        (last.to, last.count) = (row.to, last.count + row.count);
                    }
                    _ => found.push(row),
                }
            }
        }
        found.extend(open);
        self.expected.extend(found);
    }

    /// What feeds say of themselves.
    fn status(&mut self) {
        let one = InstrumentId(0);
        let ts = self.insert(66, InstrumentId::NONE, |s| {
            s.code = StatusCode::BadFrame as u16
        });
        self.expect("bad_frame", "all", ts, ts, 1);
        let ts = self.insert(68, one, |s| {
            (s.code, s.from, s.to) = (StatusCode::Gap as u16, 10, 12)
        });
        self.expect("gap", "book_updates", ts, ts, 3);
        let book = |s: &mut StatusBody, state: BookState| {
            (s.code, s.state) = (StatusCode::Book as u16, state as u8)
        };
        let from = self.insert(70, one, |s| book(s, BookState::Resync));
        let to = self.insert(72, one, |s| book(s, BookState::Live));
        self.expect("resync", "book_updates", from, to, 1);
        let from = self.insert(74, InstrumentId::NONE, |s| {
            s.code = StatusCode::Disconnected as u16
        });
        let to = self.insert(76, InstrumentId::NONE, |s| {
            s.code = StatusCode::Connected as u16
        });
        self.expect("gap", "all", from, to, 1);
    }

    /// Inserts a status and says at which time.
    fn insert(
        &mut self,
        from: i64,
        instrument: InstrumentId,
        fill: impl Fn(&mut StatusBody),
    ) -> i64 {
        let from = self.time(from);
        let at = self.first(Kind::Trade, from);
        let Header {
            ts_event, ts_recv, ..
        } = self.records[at].header;
        let mut status = StatusBody {
            count: 1,
            ..StatusBody::default()
        };
        fill(&mut status);
        let header = Header::new(
            Kind::Status,
            instrument,
            SourceId(0),
            Ts(ts_event),
            Ts(ts_recv),
        );
        self.records.insert(at, status.record(header));
        ts_event
    }
}

#[test]
fn a_clean_recording_has_an_empty_ledger() {
    let (spoiler, instruments) = Spoiler::new(0);
    let dir = workspace();
    let catalog = write(dir.path(), "clean", &spoiler.records, &instruments);
    assert_eq!(lines(&quality(&catalog, &[])), Vec::<String>::new());
}

#[test]
fn every_seeded_fault_is_found_where_it_is_and_nothing_else() {
    for seed in [1, 2024, 77_777] {
        let (mut spoiler, instruments) = Spoiler::new(seed);
        spoiler.duplicate();
        spoiler.back();
        spoiler.ids();
        spoiler.crossed();
        spoiler.outlier();
        spoiler.skew();
        spoiler.stale();
        spoiler.silence();
        spoiler.status();
        spoiler.expect_crossed_books();
        let dir = workspace();
        let catalog = write(dir.path(), "spoilt", &spoiler.records, &instruments);
        let found = quality(&catalog, &[]);
        assert_eq!(
            lines(&found),
            expected(&spoiler.expected),
            "seed {seed}: {found:#?}"
        );
    }
}

/// Each kind alone is told as it is among others: no fault is found only because of another one.
#[test]
fn a_fault_alone_is_found_alone() {
    let faults: [fn(&mut Spoiler); 9] = [
        Spoiler::duplicate,
        Spoiler::back,
        Spoiler::ids,
        Spoiler::crossed,
        Spoiler::outlier,
        Spoiler::skew,
        Spoiler::stale,
        Spoiler::silence,
        Spoiler::status,
    ];
    for (fault, seed) in faults.into_iter().zip(10..) {
        let (mut spoiler, instruments) = Spoiler::new(seed);
        fault(&mut spoiler);
        spoiler.expect_crossed_books();
        let dir = workspace();
        let catalog = write(dir.path(), "spoilt", &spoiler.records, &instruments);
        let found = quality(&catalog, &[]);
        assert_eq!(
            lines(&found),
            expected(&spoiler.expected),
            "seed {seed}: {found:#?}"
        );
    }
}
