//! Markets from a few records, worked out by hand, and bars against a naive model.

use super::*;
use proptest::prelude::*;
use tickloom_types::{
    BarBody, BarSpec, Flags, Header, InstrumentDef, LevelBody, QuoteBody, Side, SourceDef,
    SourceId, SourceKind, StatusBody, StatusCode, TimerBody, TradeBody, Ts,
};

const ID: InstrumentId = InstrumentId(0);
const FEED: SourceId = SourceId(0);

fn instruments() -> Instruments {
    let mut all = Instruments::new();
    all.add(InstrumentDef::new("X", 2, 0, "USD")).unwrap();
    all.add(InstrumentDef::new("Y", 2, 0, "USD")).unwrap();
    let feed = SourceDef::new("feed", SourceKind::Feed);
    all.add_source(feed).unwrap();
    all
}

fn market(specs: &[&str]) -> Market {
    let mut all = instruments();
    let builders = specs
        .iter()
        .map(|spec| {
            let spec: BarSpec = spec.parse().unwrap();
            let source = all.bar_source(spec).unwrap();
            BarBuilder::new(ID, spec, source, 1).unwrap()
        })
        .collect();
    Market::new(all, builders, None)
}

fn header(kind: Kind, ts: i64) -> Header {
    Header::new(kind, ID, FEED, Ts(ts), Ts(ts.saturating_add(1)))
}

fn trade(ts: i64, price: i64, qty: i64) -> Record {
    TradeBody {
        price,
        qty,
        ..TradeBody::default()
    }
    .record(header(Kind::Trade, ts))
}

fn quote(ts: i64, bid: i64, ask: i64) -> Record {
    QuoteBody {
        bid,
        bid_qty: 1,
        ask,
        ask_qty: 2,
        update_id: 0,
    }
    .record(header(Kind::Quote, ts))
}

fn level(ts: i64, side: Side, price: i64, qty: i64, flags: u8) -> Record {
    LevelBody {
        price,
        qty,
        side: side as u8,
        clear: u8::from(flags & Flags::SNAPSHOT != 0),
        ..LevelBody::default()
    }
    .record(header(Kind::Level, ts).with_flags(flags))
}

fn status(ts: i64, code: StatusCode, state: Option<BookState>) -> Record {
    StatusBody {
        code: code as u16,
        state: state.map_or(0, |state| state as u8),
        ..StatusBody::default()
    }
    .record(header(Kind::Status, ts))
}

fn timer(ts: i64) -> Record {
    let header = Header::new(Kind::Timer, InstrumentId::NONE, FEED, Ts(ts), Ts(ts));
    TimerBody::default().record(header)
}

const MINUTE: i64 = 60_000_000_000;

/// A bar of one minute from 1 to `close` that closes at this minute.
fn minute_bar(market: &mut Market, minute: i64, close: i64) -> Record {
    let spec = "1m".parse().unwrap();
    let source = market.instruments.bar_source(spec).unwrap();
    let header = Header::new(Kind::Bar, ID, source, Ts(minute * MINUTE), Ts(0));
    BarBody {
        open: 1,
        high: close + 1,
        low: 0,
        close,
        volume: 10,
    }
    .record(header)
}

/// Applies the records; all outputs of all of them.
fn apply(market: &mut Market, records: &[Record]) -> Vec<Record> {
    let mut out = Outputs::new();
    for (seq, record) in records.iter().enumerate() {
        market.apply(u64::try_from(seq).unwrap(), record, &mut out);
    }
    out.records().to_vec()
}

/// Close, open, high, low, close, volume and flags of the bars among outputs.
fn bars(outputs: &[Record]) -> Vec<(i64, [i64; 5], u8)> {
    let bars = outputs.iter().filter(|o| o.kind() == Some(Kind::BarClosed));
    bars.map(|record| {
        let b = BarBody::of(record);
        let values = [b.open, b.high, b.low, b.close, b.volume];
        (record.header.ts_event, values, record.header.flags)
    })
    .collect()
}

/// Code and state of the status records among outputs.
fn notes(outputs: &[Record]) -> Vec<(Option<StatusCode>, u8)> {
    let notes = outputs
        .iter()
        .filter(|o| o.kind() == Some(Kind::BookStatus));
    notes
        .map(|record| {
            let body = StatusBody::of(record);
            (StatusCode::from_raw(body.code), body.state)
        })
        .collect()
}

const LIVE: u8 = BookState::Live as u8;
const STALE: u8 = BookState::Stale as u8;
const RESYNC: u8 = BookState::Resync as u8;
const LAST: u8 = Flags::LAST;
const FIRST: u8 = Flags::SNAPSHOT;

#[test]
fn a_time_bar_closes_at_the_first_record_past_its_end() {
    let mut market = market(&["1ms"]);
    let first = [
        trade(1_500_000, 100, 2),
        trade(1_600_000, 103, 1),
        trade(1_999_999, 99, 4),
    ];
    assert!(apply(&mut market, &first).is_empty());
    let out = apply(&mut market, &[quote(2_000_000, 99, 101)]);
    let expected = (2_000_000, [100, 103, 99, 99, 7], Flags::INCOMPLETE);
    assert_eq!(bars(&out), [expected], "the run began within it");
    assert_eq!(out[0].header.ts_recv, 2_000_001);
    assert!(market.next_round() && !market.is_now());
    let out = apply(
        &mut market,
        &[trade(3_100_000, 98, 1), timer(3_999_999), timer(4_000_000)],
    );
    assert_eq!(
        bars(&out),
        [(4_000_000, [98, 98, 98, 98, 1], 0)],
        "none for the empty one before"
    );
}

#[test]
fn in_the_moment_of_bars_that_time_closed_prices_are_those_before_the_record() {
    let mut market = market(&["1ms", "1t"]);
    let before = [quote(1_000_000, 99, 101), trade(1_100_000, 100, 1)];
    apply(&mut market, &before);
    let seen = |market: &Market| {
        let bar = BarBody::of(market.last_bar(ID).unwrap());
        let prices = (market.last(ID), market.mark(ID), market.has_price());
        (prices, bar.close)
    };
    apply(&mut market, &[trade(2_000_000, 120, 1)]);
    assert!(market.next_round() && !market.is_now());
    assert_eq!(seen(&market), ((Some(100), Some(100), false), 100));
    assert!(market.next_round() && market.is_now());
    assert_eq!(seen(&market), ((Some(120), Some(120), true), 120));
    apply(&mut market, &[quote(3_000_000, 129, 131)]);
    assert!(market.next_round() && !market.is_now());
    assert_eq!(market.top(ID).unwrap().bid, 99);
    assert!(market.next_round() && market.is_now());
    assert_eq!(market.top(ID).unwrap().bid, 129);
}

#[test]
fn a_late_trade_is_told_and_in_no_bar() {
    let mut market = market(&["1ms"]);
    let out = apply(
        &mut market,
        &[
            trade(900_000, 10, 1),
            trade(1_100_000, 11, 1),
            trade(999_999, 12, 5),
            timer(2_000_000),
        ],
    );
    assert_eq!(notes(&out), [(Some(StatusCode::OutOfOrder), 0)]);
    assert_eq!(out[1].header.flags, Flags::LATE);
    assert_eq!(bars(&out)[1], (2_000_000, [11, 11, 11, 11, 1], 0));
    assert_eq!(market.counters().late, 1);
    assert_eq!(
        market.last(ID),
        Some(12),
        "it is still the last trade that came"
    );
}

#[test]
fn tick_and_volume_bars_close_with_the_trade_that_fills_them() {
    let mut market = market(&["2t", "5v"]);
    let records = [
        trade(1, 10, 2),
        trade(3, 12, 2),
        trade(2, 9, 4),
        trade(5, 11, 4),
    ];
    let out = apply(&mut market, &records);
    let expected = [
        (3, [10, 12, 10, 12, 4], 0),
        (3, [10, 12, 9, 9, 8], 0),
        (5, [9, 11, 9, 11, 8], 0),
    ];
    assert_eq!(bars(&out), expected);
}

#[test]
fn smaller_bars_are_aggregated_and_equal_ones_are_passed_on() {
    let mut market = market(&["1m", "2m"]);
    let mut seen = Vec::new();
    for (at, close) in [(1, 5), (2, 6), (4, 8), (5, 9), (8, 7), (8, 7)] {
        let record = minute_bar(&mut market, at, close);
        let out = apply(&mut market, &[record]);
        let (mut closed, mut passed) = (vec![], 0);
        while market.next_round() {
            let minutes = market.closed_bars().iter();
            closed.extend(minutes.map(|bar| bar.header.ts_event / MINUTE));
            passed += usize::from(!market.is_now());
        }
        seen.push((closed, passed, bars(&out)));
    }
    let two = |at: i64, high, close, volume| (at * MINUTE, [1, high, 0, close, volume], 0);
    assert_eq!(seen[0], (vec![1], 0, vec![]));
    assert_eq!(seen[1], (vec![2, 2], 0, vec![two(2, 7, 6, 20)]));
    assert_eq!(seen[2], (vec![4, 4], 0, vec![two(4, 9, 8, 10)]));
    assert_eq!(seen[3], (vec![5], 0, vec![]));
    let both = vec![two(6, 10, 9, 10), two(8, 8, 7, 10)];
    assert_eq!(
        seen[4],
        (vec![6, 8, 8], 1, both),
        "one closed by time, one completed"
    );
    assert_eq!(seen[5], (vec![], 0, vec![]), "the same bar twice");
    assert_eq!(market.counters().late, 1);
    assert_eq!(market.last(ID), Some(7));
}

#[test]
fn a_repeated_or_older_bar_that_only_larger_ones_are_made_of_is_dropped() {
    let mut market = market(&["5m"]);
    let [first, second, again, older, third] = [(1, 5), (2, 6), (2, 9), (1, 8), (5, 7)]
        .map(|(at, close)| minute_bar(&mut market, at, close));
    assert!(apply(&mut market, &[first, second]).is_empty());
    for dropped in [again, older] {
        let out = apply(&mut market, &[dropped]);
        assert_eq!(notes(&out), [(Some(StatusCode::OutOfOrder), 0)]);
        assert!(!market.has_price() && market.closed_bars().is_empty());
        assert_eq!((market.last(ID), market.mark(ID)), (Some(6), Some(6)));
        assert_eq!(market.last_bar(ID), Some(&second));
    }
    assert_eq!(market.counters().late, 2);
    let out = apply(&mut market, &[third]);
    assert_eq!(bars(&out), [(5 * MINUTE, [1, 8, 0, 7, 30], 0)]);
}

#[test]
fn bars_over_a_gap_are_incomplete() {
    let mut market = market(&["1ms"]);
    let records = [
        quote(0, 1, 2),
        trade(100, 1, 1),
        status(200, StatusCode::Disconnected, None),
        status(300, StatusCode::Connected, None),
        quote(400, 1, 2),
        trade(1_000_000, 1, 1),
        timer(2_000_000),
    ];
    let out = apply(&mut market, &records);
    let flags: Vec<u8> = bars(&out).iter().map(|bar| bar.2).collect();
    assert_eq!(flags, [Flags::INCOMPLETE, Flags::INCOMPLETE]);
    let out = apply(
        &mut market,
        &[
            status(2_000_000, StatusCode::Book, Some(BookState::Live)),
            trade(2_000_000, 1, 1),
            timer(3_000_000),
        ],
    );
    assert_eq!(bars(&out)[0].2, 0, "live again since its start");
}

#[test]
fn the_first_bar_from_smaller_ones_after_a_gap_is_incomplete_unless_they_begin_it() {
    let mut market = market(&["5m"]);
    let mut flags = Vec::new();
    // Minutes at which a small bar closes, before and after the gap; then the large bars that close at five and ten.
    for (before, after) in [(3, 5), (5, 7), (5, 6)] {
        let mut minutes = |range: std::ops::RangeInclusive<i64>| -> Vec<Record> {
            range.map(|at| minute_bar(&mut market, at, 5)).collect()
        };
        let mut records = minutes(1..=before);
        records.push(status(before * MINUTE, StatusCode::Gap, None));
        records.extend(minutes(after..=15));
        let mut market = market.clone();
        let out = apply(&mut market, &records);
        let times: Vec<i64> = bars(&out).iter().map(|bar| bar.0 / MINUTE).collect();
        assert_eq!(times, [5, 10, 15]);
        flags.push(bars(&out).iter().map(|bar| bar.2).collect::<Vec<u8>>());
    }
    let lacks = Flags::INCOMPLETE;
    assert_eq!(flags[0], [lacks, 0, 0], "the gap is within the first");
    assert_eq!(
        flags[1],
        [0, lacks, 0],
        "the second began before the smaller ones came back"
    );
    assert_eq!(flags[2], [0, 0, 0], "a smaller one begins the second");
}

#[test]
fn a_book_is_a_price_after_its_whole_snapshot() {
    let mut market = market(&[]);
    let out = apply(
        &mut market,
        &[
            level(1, Side::Buy, 99, 1, LAST),
            level(2, Side::Buy, 100, 1, FIRST),
            level(2, Side::Sell, 102, 3, 0),
        ],
    );
    assert!(out.is_empty());
    assert_eq!(market.counters().unsynced, 1);
    assert_eq!((market.top(ID), market.book_state(ID)), (None, None));
    let out = apply(&mut market, &[level(2, Side::Sell, 101, 4, LAST)]);
    assert_eq!(notes(&out), [(Some(StatusCode::Book), LIVE)]);
    let top = Top {
        bid: 100,
        bid_qty: 1,
        ask: 101,
        ask_qty: 4,
    };
    assert_eq!(market.top(ID), Some(top));
    assert_eq!(market.mark(ID), Some(100), "the middle, toward zero");
    apply(&mut market, &[level(3, Side::Sell, 101, 0, 0)]);
    assert_eq!(market.top(ID), Some(top), "as of the last whole message");
    assert!(market.book(ID).is_none() && !market.has_price());
    apply(&mut market, &[level(3, Side::Buy, 98, 1, LAST)]);
    assert_eq!(market.top(ID).unwrap().ask, 102);
    assert_eq!(market.book(ID).unwrap().len(Side::Buy), 2);
}

#[test]
fn a_crossed_book_is_told_once_and_is_no_price() {
    let mut market = market(&[]);
    let records = [
        level(1, Side::Buy, 100, 1, FIRST),
        level(1, Side::Sell, 101, 1, LAST),
        level(2, Side::Buy, 101, 1, LAST),
    ];
    let out = apply(&mut market, &records);
    assert_eq!(notes(&out), [(Some(StatusCode::Book), LIVE)]);
    let locked = market.top(ID).unwrap();
    assert_eq!(
        (locked.bid, locked.ask),
        (101, 101),
        "locked is not crossed"
    );
    let records = [
        level(3, Side::Buy, 102, 1, LAST),
        level(4, Side::Buy, 103, 1, LAST),
    ];
    let out = apply(&mut market, &records);
    assert_eq!(notes(&out), [(Some(StatusCode::Crossed), LIVE)]);
    let body = StatusBody::of(&out[0]);
    assert_eq!((body.from, body.to, body.detail), (102, 101, 0));
    assert_eq!(market.top(ID), None);
    let out = apply(
        &mut market,
        &[
            level(5, Side::Sell, 101, 0, 0),
            level(5, Side::Sell, 105, 1, LAST),
        ],
    );
    assert_eq!(notes(&out), [(Some(StatusCode::Book), LIVE)]);
    assert_eq!(market.top(ID).unwrap().bid, 103);
}

#[test]
fn levels_that_a_full_book_drops_are_counted_and_told_once_until_the_next_snapshot() {
    let most = i64::try_from(crate::limits::BOOK_LEVELS_MAX).unwrap();
    let mut market = market(&[]);
    let fill = |market: &mut Market| {
        let mut records = vec![level(1, Side::Buy, most, 1, FIRST)];
        records.extend((0..most - 1).map(|price| level(1, Side::Buy, price, 1, 0)));
        records.push(level(1, Side::Sell, most + 1, 1, LAST));
        notes(&apply(market, &records))
    };
    let live = (Some(StatusCode::Book), LIVE);
    let full = (Some(StatusCode::BookFull), LIVE);
    assert_eq!(fill(&mut market), [live]);
    assert_eq!(market.counters().levels_dropped, 0);
    let beyond = [-1, -2].map(|price| level(2, Side::Buy, price, 1, LAST));
    assert_eq!(notes(&apply(&mut market, &beyond)), [full]);
    assert_eq!(market.counters().levels_dropped, 2);
    assert_eq!(market.levels_dropped(ID), 2);
    assert_eq!(fill(&mut market), []);
    assert_eq!(notes(&apply(&mut market, &beyond[..1])), [full]);
    assert_eq!(market.counters().levels_dropped, 3);
}

#[test]
fn quotes_win_until_a_resync() {
    let mut market = market(&[]);
    let snapshot = [
        level(1, Side::Buy, 100, 1, FIRST),
        level(1, Side::Sell, 101, 1, LAST),
    ];
    apply(&mut market, &snapshot);
    apply(
        &mut market,
        &[quote(2, 90, 95), level(3, Side::Buy, 99, 1, LAST)],
    );
    assert_eq!(market.top(ID).unwrap().bid, 90);
    let out = apply(
        &mut market,
        &[status(4, StatusCode::Book, Some(BookState::Resync))],
    );
    assert_eq!(notes(&out), [(Some(StatusCode::Book), RESYNC)]);
    assert_eq!(market.top(ID), None);
    apply(&mut market, &[level(5, Side::Buy, 99, 1, LAST)]);
    assert_eq!(market.top(ID), None, "a change without a snapshot");
    apply(&mut market, &snapshot);
    assert_eq!(market.top(ID).unwrap().bid, 100);
    apply(&mut market, &[quote(6, 96, 95)]);
    assert_eq!(market.top(ID), None, "a crossed quote is no price");
    apply(&mut market, &[quote(7, 95, 95)]);
    assert_eq!(market.top(ID).unwrap().ask, 95, "a locked one is");
}

#[test]
fn a_silent_book_is_stale_until_its_next_level_whatever_trades() {
    let mut market = market(&[]);
    market.stale_after = Some(10_000);
    apply(
        &mut market,
        &[
            level(1, Side::Buy, 100, 1, FIRST),
            level(1, Side::Sell, 101, 1, LAST),
        ],
    );
    let trading = [trade(9_000, 7, 1), timer(10_001)];
    assert!(apply(&mut market, &trading).is_empty());
    let out = apply(&mut market, &[timer(10_002), timer(10_003)]);
    assert_eq!(notes(&out), [(Some(StatusCode::Book), STALE)]);
    assert_eq!(out[0].instrument(), ID);
    assert_eq!(market.top(ID), None);
    let trading = [trade(10_004, 7, 1), timer(10_005)];
    assert!(apply(&mut market, &trading).is_empty());
    assert_eq!(
        (market.top(ID), market.book_state(ID)),
        (None, Some(BookState::Stale)),
        "a trade says nothing of the book"
    );
    let out = apply(&mut market, &[level(10_006, Side::Buy, 99, 1, LAST)]);
    assert_eq!(notes(&out), [(Some(StatusCode::Book), LIVE)]);
    assert_eq!(market.top(ID).unwrap().bid, 100);
}

#[test]
fn a_trade_ends_the_silence_of_an_instrument_that_has_only_trades() {
    let mut market = market(&[]);
    market.stale_after = Some(10_000);
    let live = status(1, StatusCode::Book, Some(BookState::Live));
    let out = apply(&mut market, &[live, trade(2, 7, 1), timer(10_003)]);
    let told = [
        (Some(StatusCode::Book), LIVE),
        (Some(StatusCode::Book), STALE),
    ];
    assert_eq!(notes(&out), told);
    let out = apply(&mut market, &[trade(10_004, 7, 1)]);
    assert_eq!(notes(&out), [(Some(StatusCode::Book), LIVE)]);
}

#[test]
fn impossible_records_are_counted_and_told() {
    let mut market = market(&["1ms"]);
    let mut unknown = trade(1, 1, 1);
    unknown.header.instrument = 9;
    let mut output = trade(1, 1, 1);
    output.header.kind = Kind::Fill as u8;
    let mut no_kind = trade(1, 1, 1);
    no_kind.header.kind = 63;
    let records = [
        unknown,
        output,
        no_kind,
        trade(1, 1, 0),
        level(1, Side::Buy, 1, -1, LAST),
        trade(i64::MAX, 1, 1),
    ];
    let out = apply(&mut market, &records);
    assert_eq!(market.counters().bad, 6);
    assert_eq!(notes(&out), [(Some(StatusCode::BadFrame), 0); 6]);
}

#[test]
fn a_time_more_than_a_day_ahead_of_its_arrival_is_bad_and_makes_nothing_late() {
    let mut market = market(&["1ms"]);
    let day = 86_400_000_000_000;
    let arrived = |recv: i64, record: Record| {
        let header = Header {
            ts_recv: recv,
            ..record.header
        };
        Record { header, ..record }
    };
    let refused = [
        arrived(1_000_000, trade(day + 1_000_001, 9, 1)),
        arrived(1, timer(i64::MAX)),
    ];
    let out = apply(&mut market, &refused);
    assert_eq!(notes(&out), [(Some(StatusCode::BadFrame), 0); 2]);
    assert_eq!((market.counters().bad, market.last(ID)), (2, None));
    let taken = [
        arrived(3_000_000, trade(1_000_000, 7, 1)),
        arrived(9 * day, trade(1_100_000, 8, 1)),
        arrived(0, timer(2_000_000)),
        arrived(2_000_000, trade(day + 2_000_000, 9, 1)),
    ];
    let out = apply(&mut market, &taken);
    let expected = (2_000_000, [7, 8, 7, 8, 2], 0);
    assert_eq!(bars(&out), [expected], "old is fine");
    assert_eq!((market.counters().late, market.last(ID)), (0, Some(9)));
}

/// The source says whether it does, not the record: zero is a time as any other.
#[test]
fn a_time_is_ahead_of_its_arrival_where_the_source_knows_that() {
    let mut all = instruments();
    let file = SourceDef::new("file", SourceKind::File);
    let file = all.add_source(file).unwrap();
    let mut market = Market::new(all, Vec::new(), None);
    let of = |source: SourceId, ts_recv: i64| {
        let mut record = trade(2 * 86_400_000_000_000, 9, 1);
        record.header.source = source.0;
        record.header.ts_recv = ts_recv;
        record
    };
    for (record, bad) in [
        (of(FEED, 0), 1),
        (of(FEED, 1), 2),
        (of(file, 0), 2),
        (of(file, 1), 2),
        (of(SourceId(9), 1), 2),
    ] {
        apply(&mut market, &[record]);
        assert_eq!(market.counters().bad, bad);
    }
}

proptest! {
    /// Trades in order of time: bars are what grouping by period gives, and their volume is that of the trades.
    #[test]
    fn time_bars_equal_grouping(trades in prop::collection::vec((0_i64..40, -5_i64..5, 1_i64..9), 1..60)) {
        let mut market = market(&["1ms"]);
        let mut ts = 0;
        let mut records = Vec::new();
        let mut model: Vec<(i64, [i64; 5])> = Vec::new();
        for (step, price, qty) in trades {
            ts += step * 100_000;
            records.push(trade(ts, price, qty));
            let close = (ts / 1_000_000 + 1) * 1_000_000;
            match model.last_mut() {
                Some((at, b)) if *at == close => {
                    *b = [b[0], b[1].max(price), b[2].min(price), price, b[4] + qty];
                }
                _ => model.push((close, [price, price, price, price, qty])),
            }
        }
        records.push(timer(ts + 1_000_000));
        let out = apply(&mut market, &records);
        let made: Vec<_> = bars(&out).into_iter().map(|(at, b, _)| (at, b)).collect();
        prop_assert_eq!(made, model);
    }

    /// Trades in any order: what is in bars and what was late is all that traded.
    #[test]
    fn nothing_is_lost_or_doubled(trades in prop::collection::vec((0_i64..5_000_000, 1_i64..9), 1..60)) {
        let mut market = market(&["1ms", "3t", "10v"]);
        let mut kept = 0;
        let mut seen = [0_i64; 3];
        let mut out = Outputs::new();
        for (seq, (ts, qty)) in (0_u64..).zip(&trades) {
            let late = market.counters().late;
            market.apply(seq, &trade(*ts, 1, *qty), &mut out);
            if market.counters().late == late { kept += qty; }
        }
        market.apply(999, &timer(10_000_000), &mut out);
        for record in out.records().iter().filter(|r| r.kind() == Some(Kind::BarClosed)) {
            seen[usize::from(record.header.source) - 1] += BarBody::of(record).volume;
        }
        let all: i64 = trades.iter().map(|(_, qty)| qty).sum();
        prop_assert_eq!(seen[0], kept);
        prop_assert!(seen[1] <= all && all - seen[1] < 3 * 9);
        prop_assert!(seen[2] <= all && all - seen[2] < 10);
    }

    /// Whatever the bytes: no panic, and what is wrong is counted.
    #[test]
    fn any_bytes_are_survived(raw in prop::collection::vec(garbage(), 1..80)) {
        let mut market = market(&["1ms", "2t", "5v", "1s", "1w"]);
        market.stale_after = Some(1);
        apply(&mut market, &raw);
    }
}

/// Records that are all but likely: any body with a header that is plausible or not.
fn garbage() -> impl Strategy<Value = Record> {
    let extreme = prop_oneof![Just(i64::MIN), Just(i64::MAX), -5_i64..5, any::<i64>()];
    let header = (
        prop_oneof![extreme.clone(), 0_i64..9_000_000],
        0_u32..4,
        0_u16..7,
        0_u8..9,
        any::<u8>(),
    );
    (header, prop::array::uniform5(extreme)).prop_map(
        |((ts, instrument, source, kind, flags), body)| {
            let instrument = if instrument == 3 {
                u32::MAX
            } else {
                instrument
            };
            Record {
                header: Header {
                    ts_event: ts,
                    ts_recv: ts,
                    instrument,
                    source,
                    kind,
                    flags,
                },
                body: body.map(i64::cast_unsigned),
            }
        },
    )
}
