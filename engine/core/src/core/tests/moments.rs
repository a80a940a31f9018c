//! Moments, worked out by hand: what ticks, when, how often, and with which time and instrument.

use super::*;
use tickloom_types::{BarBody, SourceDef, SourceKind};

const MS: i64 = 1_000_000;
const A: InstrumentId = InstrumentId(0);
const B: InstrumentId = InstrumentId(1);

/// The instruments A and B with two decimals, a feed and bars of a day as sources 0 and 1.
fn two(signals: &[&str]) -> CoreConfig {
    let mut config = CoreConfig {
        default_instrument: Some(A),
        ..CoreConfig::default()
    };
    let all = &mut config.instruments;
    for name in ["A", "B"] {
        all.add(InstrumentDef::new(name, 2, 0, "USD")).unwrap();
    }
    let feed = SourceDef::new("feed".to_owned(), SourceKind::Feed);
    all.add_source(feed).unwrap();
    all.bar_source("1d".parse().unwrap()).unwrap();
    for (at, text) in signals.iter().enumerate() {
        config.signals.push(SignalDef::new(&format!("s{at}"), text));
    }
    config
}

fn of(id: InstrumentId, mut record: Record) -> Record {
    record.header.instrument = id.0;
    record
}

/// One more record of the moment follows.
fn more(mut record: Record) -> Record {
    record.header.flags |= Flags::MORE;
    record
}

fn timer(ts_ms: i64) -> Record {
    let mut record = TimerBody::default().record(header(Kind::Timer, ts_ms * MS));
    record.header.instrument = InstrumentId::NONE.0;
    record
}

fn started(ts_ms: i64) -> Record {
    let body = StatusBody {
        code: StatusCode::Started as u16,
        ..StatusBody::default()
    };
    let mut record = body.record(header(Kind::Status, ts_ms * MS));
    record.header.instrument = InstrumentId::NONE.0;
    record
}

fn bad(ts_ms: i64) -> Record {
    let mut record = trade(ts_ms, 100);
    record.header.instrument = 77;
    record
}

fn day(id: InstrumentId, day: i64, close: i64) -> Record {
    let body = BarBody {
        open: close,
        high: close,
        low: close,
        close,
        volume: 1,
    };
    let ts = Ts(day * 86_400_000 * MS);
    body.record(Header::new(Kind::Bar, id, SourceId(1), ts, ts))
}

/// A signal as its number, value (`None` if not ready), time in milliseconds and instrument.
type Told = (u32, Option<f64>, i64, u32);

/// For each record, its signals.
fn told(config: &CoreConfig, records: &[Record]) -> Vec<Vec<Told>> {
    let mut core = Core::new(config).unwrap();
    let mut out = Outputs::new();
    let mut all = Vec::new();
    for (seq, record) in (0..).zip(records) {
        core.step(seq, record, &mut out);
        let signals = out.records().iter();
        let signals = signals.filter(|o| o.kind() == Some(Kind::Signal));
        let told = signals.map(|output| {
            let body = SignalBody::of(output);
            assert_eq!(body.cause, seq);
            assert_eq!(output.header.flags & !Flags::NOT_READY, 0);
            let value = (!body.value.is_nan()).then_some(body.value);
            let Header {
                ts_event,
                instrument,
                ..
            } = output.header;
            (body.signal, value, ts_event / MS, instrument)
        });
        all.push(told.collect());
    }
    all
}

#[test]
fn expressions_tick_once_at_the_end_of_a_moment() {
    let config = two(&["A.last - B.last", "lag(A.last)", "B.last"]);
    let records = [
        more(trade(1, 500)),
        more(of(B, trade(1, 300))),
        trade(2, 700),
        trade(3, 800),
    ];
    let found = told(&config, &records);
    assert_eq!(found[..2], [vec![], vec![]]);
    let first = vec![(0, Some(4.0), 2, 0), (2, Some(3.0), 1, 1)];
    assert_eq!(found[2], first, "stamped with what made each tick");
    let second = vec![(0, Some(5.0), 3, 0), (1, Some(7.0), 3, 0)];
    assert_eq!(found[3], second, "the trade at 5.00 was no tick of its own");
}

#[test]
fn without_marks_every_record_is_a_moment() {
    let config = two(&["lag(A.last)"]);
    let records = [trade(1, 500), trade(1, 600), trade(1, 700)];
    let found = told(&config, &records);
    let expected = [
        vec![],
        vec![(0, Some(5.0), 1, 0)],
        vec![(0, Some(6.0), 1, 0)],
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_bad_record_within_a_moment_or_at_its_end_takes_nothing_from_the_others() {
    let config = two(&["A.last", "2 > 1"]);
    let within = [more(trade(1, 500)), more(bad(2)), timer(3)];
    let all = vec![
        (0, Some(5.0), 1, 0),
        (1, Some(1.0), 3, InstrumentId::NONE.0),
    ];
    assert_eq!(told(&config, &within), [vec![], vec![], all]);
    let at_the_end = [more(trade(1, 500)), bad(9), trade(4, 500)];
    let all = vec![(0, Some(5.0), 1, 0), (1, Some(1.0), 1, 0)];
    let found = told(&config, &at_the_end);
    assert_eq!(
        found,
        [vec![], all, vec![]],
        "the time of the bad one is in nothing"
    );
    let alone = [more(bad(1)), bad(2), trade(3, 500)];
    let all = vec![(0, Some(5.0), 3, 0), (1, Some(1.0), 3, 0)];
    assert_eq!(told(&config, &alone), [vec![], vec![], all]);
}

#[test]
fn what_a_crash_cut_is_ended_without_a_tick() {
    let config = two(&["lag(A.last)", "A.bid"]);
    let cut = [
        trade(1, 500),
        more(trade(2, 600)),
        started(3),
        trade(4, 700),
    ];
    let found = told(&config, &cut);
    let after = vec![(0, Some(5.0), 4, 0)];
    assert_eq!(found, [vec![], vec![], vec![], after], "6.00 never ticked");
    // A price that the cut moment took away is not there after it either.
    let crossed = quote(2, 1_005, 1_000);
    let gone = [quote(1, 1_000, 1_002), more(crossed), started(3)];
    let found = told(&config, &gone);
    assert_eq!(found[0], [(1, Some(10.0), 1, 0)]);
    assert_eq!(found[1], []);
    assert_eq!(found[2], [(1, None, 3, InstrumentId::NONE.0)]);
    // The new session may be more than one record of one moment.
    let longer = [more(trade(2, 600)), more(started(3)), trade(3, 900)];
    let found = told(&two(&["A.last"]), &longer);
    assert_eq!(found, [vec![], vec![], vec![(0, Some(9.0), 3, 0)]]);
}

#[test]
fn every_bar_counts_where_a_series_closes_several_in_one_moment() {
    let texts = [
        "sma(A.close@1t, 4)",
        "A.close@1t",
        "lag(A.close@1t / B.close@1t, 1)",
    ];
    let config = two(&texts);
    let records = [
        more(trade(1, 100)),
        more(trade(1, 200)),
        more(of(B, trade(1, 400))),
        more(trade(1, 300)),
        trade(2, 600),
    ];
    let found = told(&config, &records);
    // A closes at 1, 2, 3, 6 and B once at 4, at the time of the first three bars of A: it counts with the first of them.
    // So the quotient ticks at 1/4, 2/4, 3/4, 6/4; the one before the last is 0.75.
    let expected = vec![
        (0, Some(3.0), 2, 0),
        (1, Some(6.0), 2, 0),
        (2, Some(0.75), 2, 0),
    ];
    assert_eq!(found[4], expected);
    assert!(found[..4].iter().all(Vec::is_empty));
}

#[test]
fn bars_of_one_close_are_counted_together() {
    let texts = [
        "A.close@1d / B.close@1d",
        "lag(A.close@1d / B.close@1d)",
        "together(B.close@1d - A.close@1d)",
    ];
    let config = two(&texts);
    // Two days become known at once, B's first and A's not at all on the first.
    let records = [
        more(day(B, 1, 200)),
        more(day(A, 2, 300)),
        more(day(B, 2, 600)),
        more(day(A, 3, 400)),
        day(B, 3, 1_000),
    ];
    let found = told(&config, &records);
    let ts = 3 * 86_400_000;
    // 3 / 6 and then 4 / 10: B's first day is counted alone, when A is not ready.
    let expected = vec![
        (0, Some(0.4), ts, 1),
        (1, Some(0.5), ts, 1),
        (2, Some(6.0), ts, 1),
    ];
    assert_eq!(found[4], expected);
}

#[test]
fn bars_that_time_closed_have_their_own_time_and_instrument() {
    let config = two(&["A.close@1s", "A.close@1h", "A.last", "B.close@1s"]);
    let (first, next) = (34_260_200, 36_300_000); // 09:31:00.2 and 10:05
    let records = [
        more(of(B, trade(first, 300))),
        trade(first, 500),
        more(trade(next, 700)),
        timer(next),
    ];
    let found = told(&config, &records);
    assert_eq!(found[1], [(2, Some(5.0), first, 0)]);
    let second = (first / 1_000 + 1) * 1_000;
    let expected = vec![
        (0, Some(5.0), second, 0),
        (3, Some(3.0), second, 1),
        (1, Some(5.0), 36_000_000, 0),
        (2, Some(7.0), next, 0),
    ];
    assert_eq!(found[3], expected, "09:31:01 twice, 10:00, then the record");
}

#[test]
fn a_timer_closes_bars_of_several_instruments_as_one_moment() {
    let config = two(&["A.close@1s / B.close@1s", "lag(A.close@1s / B.close@1s)"]);
    let records = [
        trade(100, 500),
        of(B, trade(200, 400)),
        timer(1_000),
        trade(1_100, 600),
        of(B, trade(1_200, 300)),
        timer(2_500),
    ];
    let found = told(&config, &records);
    assert_eq!(found[2], [(0, Some(1.25), 1_000, 0)]);
    let expected = vec![(0, Some(2.0), 2_000, 0), (1, Some(1.25), 2_000, 0)];
    assert_eq!(found[5], expected, "one tick a second");
}

#[test]
fn decisions_on_bars_that_time_closed_see_no_instrument_after_the_record_that_closed_them() {
    let mut market = Plan::new(&two(&["A.close@1s", "B.close@1s"]))
        .unwrap()
        .market;
    let mut out = Outputs::new();
    let records = [
        of(B, trade(100, 300)),
        of(B, quote(200, 299, 301)),
        trade(300, 500),
        more(of(B, trade(900, 310))),
        more(trade(1_100, 600)),
        more(of(B, quote(1_200, 349, 351))),
        more(of(B, trade(2_300, 350))),
        trade(2_400, 700),
    ];
    for (seq, record) in (0..).zip(&records) {
        market.apply(seq, record, &mut out);
        if seq < 3 {
            while market.next_round() {}
        }
    }
    let seen = |market: &Market| {
        let closes = market.closed_bars().iter();
        let closes: Vec<_> = closes
            .map(|bar| (bar.instrument(), BarBody::of(bar).close))
            .collect();
        let bid = market.top(B).unwrap().bid;
        let last = [A, B].map(|id| market.last_bar(id).map(|bar| bar.header.ts_event / MS));
        (closes, market.last(A), market.last(B), bid, last)
    };
    assert!(market.next_round());
    // The trade of A at 1,100 let time pass: B had traded at 3.10 before it, in the same moment. B's bar of that close is
    // closed by the quote that follows, and belongs to the same round.
    let closes = vec![(A, 500), (B, 310)];
    let first = (
        closes,
        Some(500),
        Some(310),
        299,
        [Some(1_000), Some(1_000)],
    );
    assert_eq!(seen(&market), first);
    assert_eq!(market.cause().header.ts_event, 1_000 * MS);
    assert!(market.next_round());
    let closes = vec![(A, 600)];
    let second = (
        closes,
        Some(500),
        Some(310),
        299,
        [Some(2_000), Some(1_000)],
    );
    assert_eq!(seen(&market), second);
    assert!(market.next_round() && market.is_now());
    let last = (
        vec![],
        Some(700),
        Some(350),
        349,
        [Some(2_000), Some(1_000)],
    );
    assert_eq!(seen(&market), last);
    assert!(!market.next_round());
}

#[test]
fn no_day_of_twins_is_traded_where_their_bars_are_one_moment() {
    let csv = include_str!("../../../../../tests/cases/twins.csv");
    let mut days: std::collections::BTreeMap<&str, Vec<(InstrumentId, i64)>> = Default::default();
    for line in csv.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let id = if cells[0] == "A" { A } else { B };
        let close = tickloom_types::parse_decimal(cells[5].as_bytes(), 2).unwrap();
        days.entry(cells[1]).or_default().push((id, close));
    }
    assert_eq!(days.len(), 2_148);
    let mut config = two(&[
        "A.close@1d / B.close@1d",
        "lag(A.close@1d / B.close@1d, 2147)",
    ]);
    config.strategies.push(crate::StrategyDef::Rules {
        name: "twin".to_owned(),
        instrument: Some("A".into()),
        enter: Some("A.close@1d / B.close@1d > 1.000001".to_owned()),
        exit: Some("A.close@1d / B.close@1d < 0.999999".to_owned()),
        short_enter: None,
        short_exit: None,
        size: "1".parse().unwrap(),
    });
    config.account.cash = tickloom_types::parse_money("100000").unwrap();
    let run = |is_marked: bool| {
        let mut core = Core::new(&config).unwrap();
        let (mut out, mut signals) = (Outputs::new(), Vec::new());
        let mut seq = 0;
        for (number, bars) in (1..).zip(days.values()) {
            for (at, (id, close)) in bars.iter().enumerate() {
                let bar = day(*id, number, *close);
                let is_more = is_marked && at + 1 < bars.len();
                core.step(seq, &if is_more { more(bar) } else { bar }, &mut out);
                seq += 1;
                let told = out
                    .records()
                    .iter()
                    .filter(|o| o.kind() == Some(Kind::Signal));
                signals.extend(told.map(|o| (SignalBody::of(o).signal, SignalBody::of(o).value)));
            }
        }
        (core.fills(), signals)
    };
    let (fills, signals) = run(true);
    assert_eq!(fills, 0);
    // The ratio is told once, as it never changes; 2,147 days before the last is the first, so it ticked once a day.
    assert_eq!(signals, [(0, 1.0), (1, 1.0)]);
    assert!(run(false).0 > 1_000, "each bar a moment of its own");
}
