//! The ledger over bars and books made by hand; `tests/quality` of the root package has the recordings.

use super::*;
use crate::Calendars;
use tickloom_catalog::Table;
use tickloom_types::{
    BarBody, Flags, Header, InstrumentDef, InstrumentKind, LevelBody, QuoteBody, Side, SourceDef,
    SourceId, SourceKind, Term, TradeBody, Ts,
};

const MINUTE: i64 = 60_000_000_000;

fn instruments(calendar: Option<&str>) -> Instruments {
    let mut all = Instruments::new();
    let mut def = InstrumentDef::new("X", 2, 0, "USD");
    def.calendar = calendar.map(str::to_owned);
    all.add(def).unwrap();
    let (name, kind) = ("feed".to_owned(), SourceKind::Feed);
    all.add_source(SourceDef::new(name, kind)).unwrap();
    for spec in ["1m", "1d"] {
        all.bar_source(spec.parse().unwrap()).unwrap();
    }
    all
}

/// A bar of source 1 (1m) or 2 (1d).
fn bar(source: u16, close: i64, price: i64) -> Record {
    let header = Header::new(
        Kind::Bar,
        InstrumentId(0),
        SourceId(source),
        Ts(close),
        Ts(close),
    );
    let body = BarBody {
        open: price,
        high: price + 1,
        low: price - 1,
        close: price,
        volume: 1,
    };
    body.record(header)
}

fn ledger(records: &[Record], calendar: Option<&str>) -> Vec<String> {
    let calendars = Calendars::built_in().unwrap();
    let all = instruments(calendar);
    let mut inspector = Inspector::new(&all, Thresholds::default(), &calendars).unwrap();
    records.iter().for_each(|record| inspector.push(record));
    let Ledger { rows, remarks, .. } = inspector.finish();
    let line = |row: &LedgerRow| {
        let table = row.table.map_or("all", |table| table.name());
        format!(
            "{} {table} {} {} {}: {}",
            row.kind, row.from, row.to, row.count, row.evidence
        )
    };
    rows.iter().chain(&remarks).map(line).collect()
}

fn minutes(count: i64) -> Vec<Record> {
    (1..=count)
        .map(|n| bar(1, n * MINUTE, 1_000 + n % 5))
        .collect()
}

#[test]
fn each_missing_bar_counts_where_hardly_any_is_missing() {
    let mut records = minutes(3_000);
    assert_eq!(ledger(&records, None), Vec::<String>::new());
    records.drain(1_000..1_003);
    assert_eq!(
        ledger(&records, None),
        [
            "gap bars 1970-01-01T16:40:00Z 1970-01-01T16:43:00Z 3: no bar of 1m for 180 s; 999 of 1000 distances are below 60.129 s"
        ]
    );
}

#[test]
fn missing_bars_are_nothing_where_they_are_usual() {
    let sparse: Vec<Record> = minutes(9_000)
        .into_iter()
        .filter(|bar| bar.header.ts_event / MINUTE % 7 < 5)
        .collect();
    assert_eq!(ledger(&sparse, None), Vec::<String>::new());
}

#[test]
fn bars_that_come_twice_or_go_back() {
    let mut records = minutes(10);
    records.insert(5, records[4]);
    records.push(bar(1, 3 * MINUTE, 1_000));
    assert_eq!(
        ledger(&records, None),
        [
            "out_of_order bars 1970-01-01T00:03:00Z 1970-01-01T00:10:00Z 1: the time goes back by 420 s",
            "duplicate bars 1970-01-01T00:05:00Z 1970-01-01T00:05:00Z 1: the bar of 1m that closes at 1970-01-01T00:05:00Z came before",
        ]
    );
}

/// From Monday 2024-07-01 on: the 4th is a holiday, the 3rd a half day. The 8th and 9th are left out, and the 12th.
#[test]
fn days_of_which_the_calendar_knows_and_the_data_does_not() {
    let days = ["01", "02", "03", "05", "10", "11", "15"];
    let day = |day: &&str| {
        let date = Ts::parse(&format!("2024-07-{day}")).unwrap();
        bar(2, date.0 + 1_440 * MINUTE, 1_000)
    };
    let records: Vec<Record> = days.iter().map(day).collect();
    assert_eq!(
        ledger(&records, Some("us-equity")),
        [
            "missing_session bars 2024-07-08T13:30:00Z 2024-07-09T20:00:00Z 2: nothing in the 2 sessions from 2024-07-08 to 2024-07-09",
            "missing_session bars 2024-07-12T13:30:00Z 2024-07-12T20:00:00Z 1: nothing in the session of 2024-07-12",
        ]
    );
    assert_eq!(ledger(&records, None), Vec::<String>::new());
}

fn level(ts: i64, id: u64, side: Side, price: i64, qty: i64, flags: u8) -> Record {
    let header = Header::new(Kind::Level, InstrumentId(0), SourceId(0), Ts(ts), Ts(ts));
    let body = LevelBody {
        price,
        qty,
        first_id: id,
        last_id: id,
        side: side as u8,
        clear: u8::from(id == 1 && side == Side::Buy),
        ..LevelBody::default()
    };
    body.record(header.with_flags(flags))
}

/// Within a message a book may be crossed; at its end it may not.
#[test]
fn a_book_is_judged_at_the_end_of_its_messages() {
    let records = [
        level(1, 1, Side::Buy, 100, 5, Flags::SNAPSHOT),
        level(1, 1, Side::Sell, 102, 5, Flags::SNAPSHOT | Flags::LAST),
        level(2, 2, Side::Buy, 103, 1, 0),
        level(2, 2, Side::Buy, 103, 0, Flags::LAST),
        level(3, 3, Side::Buy, 102, 1, Flags::LAST),
        level(3, 4, Side::Buy, 103, 1, Flags::LAST),
        level(4, 5, Side::Buy, 103, 0, Flags::LAST),
        level(4, 6, Side::Buy, 101, 1, Flags::LAST),
        level(5, 7, Side::Sell, 102, 0, 0),
        level(5, 7, Side::Sell, 103, 1, Flags::LAST),
        level(6, 7, Side::Sell, 103, 1, Flags::LAST),
    ];
    assert_eq!(
        ledger(&records, None),
        [
            "crossed book_updates 1970-01-01T00:00:00.000000003Z 1970-01-01T00:00:00.000000004Z 1: bid 1.03 above ask 1.02",
            "duplicate book_updates 1970-01-01T00:00:00.000000006Z 1970-01-01T00:00:00.000000006Z 1: id 7 came before",
            "locked book_updates 1970-01-01T00:00:00.000000003Z 1970-01-01T00:00:00.000000005Z 3: bid 1.02 at ask 1.02",
        ]
    );
}

/// Trades of one message bear its number in DBN; where each trade has a number of its own, it is there twice.
#[test]
fn numbers_of_messages_may_come_again() {
    let mut all = Instruments::new();
    all.add(InstrumentDef::new("X", 2, 0, "USD")).unwrap();
    for name in ["dbn/glbx.mdp3", "feed"] {
        let source = SourceDef::new(name, SourceKind::File);
        all.add_source(source).unwrap();
    }
    let calendars = Calendars::built_in().unwrap();
    let trade = |source, trade_id| {
        let (id, source) = (InstrumentId(0), SourceId(source));
        let header = Header::new(Kind::Trade, id, source, Ts(trade_id), Ts(trade_id));
        let body = tickloom_types::TradeBody {
            price: 100,
            qty: 1,
            trade_id: trade_id.cast_unsigned(),
            ..Default::default()
        };
        body.record(header)
    };
    let kinds = |records: &[Record]| -> Vec<LedgerKind> {
        let mut inspector = Inspector::new(&all, Thresholds::default(), &calendars).unwrap();
        records.iter().for_each(|record| inspector.push(record));
        inspector.finish().rows.iter().map(|row| row.kind).collect()
    };
    assert_eq!(kinds(&[trade(0, 5), trade(0, 5), trade(0, 6)]), []);
    assert_eq!(kinds(&[trade(1, 5), trade(1, 5)]), [LedgerKind::Duplicate]);
    assert!(!kinds(&[trade(0, 5), trade(0, 6), trade(0, 5)]).is_empty());
}

/// Of a tick of 0.05 every table has a row, whoever is late in it; one that is assumed says nothing.
#[test]
fn prices_between_steps_of_a_tick_are_told_by_table() {
    let calendars = Calendars::built_in().unwrap();
    let header = |kind, ts| Header::new(kind, InstrumentId(0), SourceId(0), Ts(ts), Ts(ts));
    let trade = |ts, price| {
        TradeBody {
            price,
            qty: 1,
            ..TradeBody::default()
        }
        .record(header(Kind::Trade, ts))
    };
    let quote = QuoteBody {
        bid: 1_000,
        bid_qty: 1,
        ask: 1_003,
        ask_qty: 1,
        update_id: 0,
    };
    let level = LevelBody {
        price: 995,
        qty: 1,
        side: Side::Buy as u8,
        ..LevelBody::default()
    };
    let records = [
        // Opens at 10.05, high 10.06, low 10.04.
        bar(1, MINUTE, 1_005),
        trade(2, 1_000),
        trade(9, 1_001),
        trade(4, 1_002),
        trade(9, 1_005),
        quote.record(header(Kind::Quote, 10)),
        level.record(header(Kind::Level, 11)),
    ];
    let rows = |assumed: &[Term]| {
        let mut all = Instruments::new();
        let mut def = InstrumentDef::new("X", 2, 0, "USD");
        def.tick_size = 5;
        def.contract.kind = Some(InstrumentKind::Spot);
        def.contract.assumed = assumed.iter().copied().collect();
        all.add(def).unwrap();
        let (name, kind) = ("feed".to_owned(), SourceKind::Feed);
        all.add_source(SourceDef::new(name, kind)).unwrap();
        all.bar_source("1m".parse().unwrap()).unwrap();
        let mut inspector = Inspector::new(&all, Thresholds::default(), &calendars).unwrap();
        records.iter().for_each(|record| inspector.push(record));
        let rows = inspector.finish().rows.into_iter();
        let rows = rows.filter(|row| row.kind == LedgerKind::OffTick);
        let row = |row: LedgerRow| (row.table.unwrap(), row.from.0, row.to.0, row.evidence);
        rows.map(row).collect::<Vec<_>>()
    };
    let told = |off: u64, of: u64, first: &str| {
        format!(
            "{off} of {of} prices are between steps of the tick 0.05, the first of them {first}"
        )
    };
    let expected = [
        (Table::Trades, 4, 9, told(2, 4, "10.01")),
        (Table::Quotes, 10, 10, told(1, 2, "10.03")),
        (Table::Bars, MINUTE, MINUTE, told(2, 4, "10.06")),
    ];
    assert_eq!(rows(&[]), expected);
    assert_eq!(rows(&[Term::Tick]), []);
}
