//! Bars by hand: sessions, half days, clocks that change, and what is left out.

use super::*;
use tickloom_types::{InstrumentDef, SourceDef, SourceKind};

const MINUTE: i64 = 60_000_000_000;

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

fn instruments(calendar: Option<&str>) -> Instruments {
    let mut all = Instruments::new();
    let mut def = InstrumentDef::new("X", 2, 0, "USD");
    def.calendar = calendar.map(str::to_owned);
    all.add(def).unwrap();
    let kind = SourceKind::Feed;
    let name = "feed".to_owned();
    all.add_source(SourceDef::new(name, kind)).unwrap();
    for spec in ["1m", "1h", "1d"] {
        all.bar_source(spec.parse().unwrap()).unwrap();
    }
    all
}

fn trade(at: &str, price: i64, qty: i64) -> Record {
    let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), ts(at), ts(at));
    let body = TradeBody {
        price,
        qty,
        ..TradeBody::default()
    };
    body.record(header)
}

fn quote(at: &str, bid: i64, ask: i64) -> Record {
    let header = Header::new(Kind::Quote, InstrumentId(0), SourceId(0), ts(at), ts(at));
    let body = QuoteBody {
        bid,
        ask,
        ..QuoteBody::default()
    };
    body.record(header)
}

/// A bar of source 1 (1m), 2 (1h) or 3 (1d) around this price.
fn bar(source: u16, at: &str, price: i64) -> Record {
    let header = Header::new(Kind::Bar, InstrumentId(0), SourceId(source), ts(at), ts(at));
    let body = BarBody {
        open: price,
        high: price + 2,
        low: price - 2,
        close: price + 1,
        volume: 10,
    };
    body.record(header)
}

/// The bars made of the records, as `close o h l c v`, with `?` behind those that are incomplete.
fn bars(
    records: &[Record],
    calendar: Option<&str>,
    size: &str,
    price: BarPrice,
) -> (Vec<String>, LeftOut) {
    let options = AggregateOptions {
        size: size.parse().unwrap(),
        price,
        passing: Passing::Bars,
    };
    let calendars = Calendars::built_in().unwrap();
    let input = (0..).zip(records.to_vec()).map(Ok);
    let mut made =
        Aggregate::new(input, &instruments(calendar), options, Some(&calendars)).unwrap();
    let mut lines = Vec::new();
    for bar in &mut made {
        let (_, bar) = bar.unwrap();
        let b = BarBody::of(&bar);
        let mark = if bar.has(Flags::INCOMPLETE) { "?" } else { "" };
        lines.push(format!(
            "{} {} {} {} {} {}{mark}",
            bar.ts_event(),
            b.open,
            b.high,
            b.low,
            b.close,
            b.volume
        ));
    }
    (lines, made.left_out())
}

/// What is no price to orders is none in bars either.
#[test]
fn quotes_that_are_crossed_or_lack_a_side_are_in_no_bar() {
    let one_sided = QuoteBody {
        bid: 90,
        bid_qty: 5,
        ask: 104,
        ask_qty: 0,
        ..QuoteBody::default()
    };
    let one_sided = one_sided.record(quote("2024-07-01T10:00:30Z", 0, 0).header);
    let records = [
        quote("2024-07-01T10:00:10Z", 100, 102),
        quote("2024-07-01T10:00:20Z", 120, 110),
        one_sided,
        quote("2024-07-01T10:00:40Z", 102, 102),
        quote("2024-07-01T10:00:50Z", 99, 98),
    ];
    for (price, expected, unpriced) in [
        (BarPrice::Mid, "101 102 101 102", 3),
        (BarPrice::Bid, "100 102 90 102", 2),
        (BarPrice::Ask, "102 102 102 102", 3),
    ] {
        let (made, left_out) = bars(&records, None, "1m", price);
        assert_eq!(made, [format!("2024-07-01T10:01:00Z {expected} 0?")]);
        assert_eq!((left_out.unpriced, left_out.bad), (unpriced, 0));
    }
    let (made, left_out) = bars(&records, None, "1m", BarPrice::Trade);
    assert_eq!((made.len(), left_out), (0, LeftOut::default()));
}

/// Stocks open at 09:30: an hour's bars begin there, not at the full hour, and the last one is cut at 16:00. Before the open and
/// after the close nothing counts.
#[test]
fn bars_begin_at_the_open_and_end_with_the_session() {
    let records = [
        trade("2024-03-08T14:00:00Z", 900, 1),
        trade("2024-03-08T14:30:00Z", 1_000, 1),
        trade("2024-03-08T15:29:59.999Z", 1_005, 2),
        trade("2024-03-08T15:30:00Z", 1_001, 3),
        trade("2024-03-08T20:45:00Z", 990, 4),
        trade("2024-03-08T21:00:00Z", 991, 5),
        // The clocks are set on the 10th: the open is at 13:30 in UTC.
        trade("2024-03-11T13:30:00Z", 1_010, 6),
        trade("2024-03-11T14:29:59Z", 1_020, 7),
        trade("2024-03-11T14:30:00Z", 1_030, 8),
    ];
    let (made, left_out) = bars(&records, Some("us-equity"), "1h", BarPrice::Trade);
    assert_eq!(
        made,
        [
            "2024-03-08T15:30:00Z 1000 1005 1000 1005 3",
            "2024-03-08T16:30:00Z 1001 1001 1001 1001 3",
            "2024-03-08T21:00:00Z 990 990 990 990 4",
            "2024-03-11T14:30:00Z 1010 1020 1010 1020 13",
            "2024-03-11T15:30:00Z 1030 1030 1030 1030 8?",
        ]
    );
    assert_eq!((left_out.outside, left_out.late, left_out.bad), (2, 0, 0));
    let (made, _) = bars(&records, None, "1h", BarPrice::Trade);
    assert_eq!(made[0], "2024-03-08T15:00:00Z 900 1000 900 1000 2");
}

/// The day after Thanksgiving closes at 13:00, which is 18:00 in UTC.
#[test]
fn a_half_day_cuts_its_last_bar() {
    let records = [
        trade("2024-11-29T14:30:00Z", 1_000, 1),
        trade("2024-11-29T17:59:59Z", 1_001, 1),
        trade("2024-11-29T18:30:00Z", 999, 1),
        trade("2024-12-02T14:30:00Z", 1_002, 1),
        trade("2024-12-02T21:00:00Z", 1_003, 1),
    ];
    let (made, _) = bars(&records, Some("us-equity"), "2h", BarPrice::Trade);
    assert_eq!(made[1], "2024-11-29T18:00:00Z 1001 1001 1001 1001 1");
    let (made, _) = bars(&records, Some("us-equity"), "1d", BarPrice::Trade);
    assert_eq!(
        made,
        [
            "2024-11-29T18:00:00Z 1000 1001 1000 1001 2",
            "2024-12-02T21:00:00Z 1002 1002 1002 1002 1"
        ]
    );
}

/// A day of foreign exchange begins at 17:00 in New York, a week on Sunday.
#[test]
fn days_and_weeks_are_those_of_the_calendar() {
    let records = [
        quote("2024-03-08T21:59:00Z", 10, 13),
        quote("2024-03-10T21:00:00Z", 20, 21),
        quote("2024-03-11T20:59:59Z", 30, 31),
        quote("2024-03-11T21:00:00Z", 40, 40),
        quote("2024-03-15T20:59:59Z", 44, 46),
        quote("2024-03-17T21:00:00Z", 50, 52),
    ];
    let (made, _) = bars(&records, Some("fx"), "1d", BarPrice::Mid);
    assert_eq!(
        made,
        [
            "2024-03-08T22:00:00Z 11 11 11 11 0?",
            "2024-03-11T21:00:00Z 20 30 20 30 0",
            "2024-03-12T21:00:00Z 40 40 40 40 0",
            "2024-03-15T21:00:00Z 45 45 45 45 0",
            "2024-03-18T21:00:00Z 51 51 51 51 0?",
        ]
    );
    let (made, _) = bars(&records, Some("fx"), "1w", BarPrice::Ask);
    assert_eq!(made[1], "2024-03-15T21:00:00Z 21 46 21 46 0");
}

/// Daily bars that bear a date alone belong to its trading day, though midnight in UTC is another one's evening.
#[test]
fn weeks_of_days_and_hours_of_minutes() {
    let days = [
        bar(3, "2024-03-08", 100),
        bar(3, "2024-03-09", 110),
        bar(3, "2024-03-12", 120),
        bar(3, "2024-03-16", 130),
        bar(3, "2024-03-19", 140),
    ];
    let (made, _) = bars(&days, Some("us-equity"), "1w", BarPrice::Trade);
    assert_eq!(
        made,
        [
            "2024-03-09T00:00:00Z 100 112 98 111 20?",
            "2024-03-16T00:00:00Z 120 132 118 131 20",
            "2024-03-22T20:00:00Z 140 142 138 141 10?",
        ]
    );
    let open = ts("2024-03-11T13:30:00Z").0;
    let minutes: Vec<Record> = (1..=390)
        .map(|n| bar(1, &Ts(open + n * MINUTE).to_string(), n))
        .collect();
    let (made, left_out) = bars(&minutes, Some("us-equity"), "1h", BarPrice::Trade);
    assert_eq!(made.len(), 7);
    assert_eq!(made[0], "2024-03-11T14:30:00Z 1 62 -1 61 600");
    assert_eq!(made[6], "2024-03-11T20:00:00Z 361 392 359 391 300");
    assert_eq!(left_out, LeftOut::default());
}

/// Hours in UTC tell of the time before the open too: they are left out, and the bar that lacks them says so.
#[test]
fn a_bar_that_straddles_the_open_is_left_out() {
    let hours = [
        bar(2, "2024-03-11T14:00:00Z", 100),
        bar(2, "2024-03-11T15:00:00Z", 110),
        bar(2, "2024-03-11T20:00:00Z", 120),
    ];
    let (made, left_out) = bars(&hours, Some("us-equity"), "1d", BarPrice::Trade);
    assert_eq!(made, ["2024-03-11T20:00:00Z 110 122 108 121 20?"]);
    assert_eq!(left_out.outside, 1);
}

#[test]
fn sizes_that_no_session_can_have_are_refused() {
    let make = |size: &str| {
        let options = AggregateOptions {
            size: size.parse().unwrap(),
            price: BarPrice::Trade,
            passing: Passing::Bars,
        };
        let calendars = Calendars::built_in().unwrap();
        let none = std::iter::empty();
        let made = Aggregate::new(none, &instruments(Some("fx")), options, Some(&calendars));
        made.map(|_| ()).map_err(|error| error.to_string())
    };
    assert!(make("1w").is_ok() && make("7h").is_ok());
    assert_eq!(
        make("2d").unwrap_err(),
        "bar size is \"2d\", expected less than a day, 1d (a trading day) or 1w (a trading week) where a calendar says the edges"
    );
}

/// Bars come at their place in the stream: before what is after their close, after the bar that completes them.
#[test]
fn all_records_pass_with_the_bars_among_them() {
    let records = [
        bar(1, "2024-03-11T14:01:00Z", 1),
        bar(1, "2024-03-11T14:02:00Z", 2),
        bar(1, "2024-03-11T14:05:00Z", 5),
        bar(1, "2024-03-11T14:07:00Z", 7),
        bar(1, "2024-03-11T14:11:00Z", 11),
    ];
    let options = AggregateOptions {
        size: "5m".parse().unwrap(),
        price: BarPrice::Trade,
        passing: Passing::All,
    };
    let input = (7..).zip(records).map(Ok);
    let made = Aggregate::new(input, &instruments(None), options, None).unwrap();
    let five = made.source;
    let order: Vec<(u64, bool, String)> = made
        .map(|next| next.unwrap())
        .map(|(seq, r)| {
            (
                seq,
                r.source() == five,
                r.ts_event().to_string()[14..16].to_owned(),
            )
        })
        .collect();
    let expected = [
        (0, false, "01"),
        (1, false, "02"),
        (2, false, "05"),
        (3, true, "05"),
        (4, false, "07"),
        (5, true, "10"),
        (6, false, "11"),
    ];
    let expected = expected.map(|(seq, is_made, minute)| (seq, is_made, minute.to_owned()));
    assert_eq!(order, expected);
}
