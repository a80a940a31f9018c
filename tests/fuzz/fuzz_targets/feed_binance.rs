//! Any frames, snapshots and losses of the connection, in any order: the feed takes or refuses them by name, and what it
//! lets through is well formed. The first byte is the venue; then each line is a frame, `s` and a snapshot, or `x` for a
//! connection that is lost and made again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tickloom_feeds::binance::Venue;
use tickloom_feeds::{FeedConfig, FeedMetrics, LineId, MOMENT_RECORDS_MAX, Now, Session};
use tickloom_types::{
    BookState, Flags, Instruments, Kind, LevelBody, MomentSink, QuoteBody, Record, StatusBody,
    StatusCode, TradeBody, Ts,
};

/// The only connection.
const LINE: LineId = LineId(0);

/// Looks at each record as it comes.
#[derive(Default)]
struct Check {
    /// Whether the levels so far make a whole book: a snapshot has come and nothing has ended it.
    has_book: bool,
    last_id: u64,
}

impl MomentSink for Check {
    fn push_moment(&mut self, records: &[Record]) {
        assert!(!records.is_empty() && records.len() <= MOMENT_RECORDS_MAX);
        let (last, before) = records.split_last().expect("a moment has records");
        assert!(!last.has(Flags::MORE) && before.iter().all(|record| record.has(Flags::MORE)));
        for record in records {
            self.record(*record);
        }
    }
}

impl Check {
    fn record(&mut self, record: Record) {
        assert!(record.header.ts_event >= 0);
        match record.kind().expect("a known kind") {
            Kind::Trade => {
                let trade = TradeBody::of(&record);
                assert!(trade.price > 0 && trade.qty > 0);
            }
            Kind::Quote => {
                let quote = QuoteBody::of(&record);
                assert!(quote.bid_qty >= 0 && quote.ask_qty >= 0);
                let both = quote.bid_qty > 0 && quote.ask_qty > 0;
                // They may be equal: the market is locked.
                assert!(!both || quote.bid <= quote.ask);
            }
            Kind::Level => self.level(&record),
            Kind::Status => self.status(&record),
            Kind::Timer => {}
            kind => panic!("a feed makes no {kind:?}"),
        }
    }

    fn level(&mut self, record: &Record) {
        let level = LevelBody::of(record);
        if level.clear == 1 {
            assert!(record.has(Flags::SNAPSHOT));
            self.has_book = true;
            self.last_id = level.last_id;
        }
        assert!(self.has_book, "a change of a book that is not there");
        assert!(level.qty >= 0 && (level.price > 0 || level.clear == 1));
        assert!(level.last_id >= self.last_id, "a book that goes back");
        self.last_id = level.last_id;
    }

    fn status(&mut self, record: &Record) {
        let status = StatusBody::of(record);
        let code = StatusCode::from_raw(status.code).expect("a known code");
        let is_live = BookState::from_raw(status.state) == Some(BookState::Live);
        if code == StatusCode::Book {
            assert!(self.has_book || !is_live, "live without a book");
            self.has_book = is_live;
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((venue, rest)) = input.split_first() else {
        return;
    };
    let venue = Venue::ALL[usize::from(*venue) % Venue::ALL.len()];
    let symbol = match venue {
        Venue::Cm => "BTCUSD_PERP",
        _ => "BTCUSDT",
    };
    let feed = FeedConfig::new(venue, vec![symbol.to_owned()])
        .resolve(&mut Instruments::new())
        .expect("a good configuration");
    let metrics = FeedMetrics::new();
    let mut session = Session::new(&feed, &metrics);
    let mut check = Check::default();
    let mut now = Now::default();
    session.connected(LINE, now, &mut check);
    for line in rest.split(|&byte| byte == b'\n') {
        now.mono += 300_000_000;
        // Near the times of the seeds, so that they are believed.
        now.wall = Ts(1_723_161_256_000_000_000 + now.mono);
        match line.split_first() {
            Some((b's', body)) => {
                session.snapshot(now, feed.symbols[0].instrument, body, &mut check);
            }
            Some((b'x', _)) => {
                session.disconnected(LINE, now, &mut check);
                session.connected(LINE, now, &mut check);
            }
            _ => session.frame(LINE, now, line, &mut check),
        }
        session.wanted_snapshots(now);
        session.tick(now, &mut check);
        session.advice(LINE, now);
    }
});
