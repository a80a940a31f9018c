//! Places, marks and joined bars, by hand.

use super::*;
use tickloom_types::{
    BarBody, Header, InstrumentDef, InstrumentId, SourceId, SourceKind, TradeBody, Ts,
};

const FEED: u16 = 0;
const DAYS: u16 = 1;

fn instruments() -> Instruments {
    let mut all = Instruments::new();
    all.add(InstrumentDef::new("A", 0, 0, "USD")).unwrap();
    all.add_source(SourceDef::new("feed", SourceKind::Feed))
        .unwrap();
    all.bar_source("1d".parse().unwrap()).unwrap();
    all
}

fn header(kind: Kind, source: u16, ts_event: i64, ts_recv: i64) -> Header {
    let (id, source) = (InstrumentId(0), SourceId(source));
    Header::new(kind, id, source, Ts(ts_event), Ts(ts_recv))
}

fn trade(ts_recv: i64, flags: u8) -> Record {
    TradeBody::default().record(header(Kind::Trade, FEED, 0, ts_recv).with_flags(flags))
}

fn bar(close: i64) -> Record {
    BarBody::default().record(header(Kind::Bar, DAYS, close, close))
}

fn started(ts_recv: i64) -> Record {
    let body = StatusBody {
        code: StatusCode::Started as u16,
        ..StatusBody::default()
    };
    body.record(header(Kind::Status, FEED, 0, ts_recv))
}

const MORE: u8 = Flags::MORE;

/// Sequence, release and `more` of each row.
fn placed(placing: &mut Placing, from: u64, records: &[Record]) -> Vec<(u64, i64, i32)> {
    let all = instruments();
    let mut ready = Vec::new();
    for (seq, record) in (from..).zip(records) {
        placing.push(Key { seq, output: 0 }, record, &all, &mut ready);
    }
    let place = |row: &Placed| {
        let own = all.release(&row.record).0;
        (row.key.seq, row.release(own), row.more)
    };
    ready.iter().map(place).collect()
}

#[test]
fn a_row_is_held_by_those_before_it_and_by_its_moment() {
    let mut placing = Placing::new(i64::MIN);
    let records = [
        trade(10, 0),
        trade(7, 0),
        trade(11, MORE),
        trade(15, MORE),
        trade(12, 0),
        trade(14, 0),
        trade(16, 0),
    ];
    let expected = [
        (0, 10, 0),
        (1, 10, 0),
        (2, 15, 2),
        (3, 15, 1),
        (4, 15, 0),
        (5, 15, 0),
        (6, 16, 0),
    ];
    assert_eq!(placed(&mut placing, 0, &records), expected);
    // The rest of a run begins where the part before it ended.
    let mut rest = Placing::new(placing.released());
    assert_eq!(placed(&mut rest, 7, &[trade(3, 0)]), [(7, 16, 0)]);
}

#[test]
fn the_extremes_of_time_are_exact() {
    let mut placing = Placing::new(i64::MIN);
    let records = [trade(i64::MIN, 0), trade(i64::MAX, 0), trade(i64::MIN, 0)];
    let expected = [(0, i64::MIN, 0), (1, i64::MAX, 0), (2, i64::MAX, 0)];
    assert_eq!(placed(&mut placing, 0, &records), expected);
}

#[test]
fn a_moment_that_was_cut_says_so() {
    let mut placing = Placing::new(i64::MIN);
    let records = [trade(1, MORE), trade(2, MORE), started(5), trade(6, MORE)];
    let expected = [(0, 2, -2), (1, 2, -1), (2, 5, 0)];
    assert_eq!(placed(&mut placing, 0, &records), expected);
    let mut ready = Vec::new();
    placing.finish(&instruments(), &mut ready);
    assert_eq!((ready[0].key.seq, ready[0].more), (3, -1));
}

#[test]
fn a_moment_without_an_end_in_sight_is_written_in_pieces() {
    let mut placing = Placing::new(i64::MIN);
    placing.rows_max = 2;
    let records = [trade(1, MORE), trade(2, MORE), trade(4, MORE), trade(3, 0)];
    let expected = [(0, 2, 2), (1, 2, 1), (2, 4, 1), (3, 4, 0)];
    assert_eq!(placed(&mut placing, 0, &records), expected);
}

#[test]
fn outputs_wait_with_the_moment_and_move_nothing() {
    let all = instruments();
    let mut placing = Placing::new(i64::MIN);
    let mut ready = Vec::new();
    let key = |seq, output| Key { seq, output };
    let mut closed = bar(50);
    closed.header.kind = Kind::BarClosed as u8;
    placing.push(key(0, 0), &trade(10, MORE), &all, &mut ready);
    placing.push(key(0, 1), &closed, &all, &mut ready);
    assert!(ready.is_empty());
    placing.push(key(1, 0), &trade(12, 0), &all, &mut ready);
    placing.push(key(1, 2), &trade(12, 0), &all, &mut ready);
    let found: Vec<_> = ready
        .iter()
        .map(|row| {
            (
                row.key.output,
                row.release(all.release(&row.record).0),
                row.more,
            )
        })
        .collect();
    assert_eq!(found, [(0, 12, 1), (1, 50, 0), (0, 12, 0), (2, 12, 0)]);
}

/// The marks of rows of which these sequences are read.
fn read(records: &[Record], seqs: &[u64], closes: bool) -> Vec<bool> {
    let all = instruments();
    let mut placing = Placing::new(i64::MIN);
    let mut rows = Vec::new();
    for (seq, record) in (0..).zip(records) {
        placing.push(Key { seq, output: 0 }, record, &all, &mut rows);
    }
    placing.finish(&all, &mut rows);
    rows.retain(|row| seqs.contains(&row.key.seq));
    let mut left = rows.into_iter().map(|placed| Row {
        release: placed.release(all.release(&placed.record).0),
        joins: false,
        placed,
    });
    let mut marking = Marking::new();
    if closes {
        marking.close_at_end();
    }
    let mut marks = Vec::new();
    while let Some(row) = marking.take_next().or_else(|| left.next()) {
        let next = if Marking::asks(&row) {
            left.next()
        } else {
            None
        };
        marks.push(marking.mark(row, next).has_more());
    }
    marks
}

#[test]
fn the_mark_moves_to_the_last_that_is_read() {
    let moments = [
        trade(1, MORE),
        trade(1, MORE),
        trade(1, 0),
        trade(1, MORE),
        trade(1, 0),
    ];
    let check = |seqs: &[u64], expected: &[bool]| {
        assert_eq!(read(&moments, seqs, false), expected, "{seqs:?}");
    };
    check(&[0, 1, 2, 3, 4], &[true, true, false, true, false]);
    check(&[0, 1, 3, 4], &[true, false, true, false]);
    check(&[0, 3], &[false, false]);
    check(&[1, 2, 4], &[true, false, false]);
    check(&[2, 3], &[false, false]);
}

#[test]
fn a_cut_moment_stays_open_before_the_session_that_follows_and_nothing_else() {
    let cut = [trade(1, MORE), trade(1, MORE), started(5), trade(6, 0)];
    assert_eq!(read(&cut, &[0, 1, 2, 3], false), [true, true, false, false]);
    assert_eq!(read(&cut, &[0, 2, 3], false), [true, false, false]);
    assert_eq!(read(&cut, &[0, 1, 3], false), [true, false, false]);
    assert_eq!(read(&cut[..2], &[0, 1], false), [true, true]);
    assert_eq!(read(&cut[..2], &[0, 1], true), [true, false]);
}

#[test]
fn what_is_retained_of_records_keeps_its_moments() {
    let records = [
        trade(1, MORE),
        trade(2, MORE),
        trade(3, 0),
        trade(4, 0),
        trade(5, MORE),
        started(6),
        trade(7, MORE),
    ];
    let check = |wanted: &[i64], expected: &[(i64, bool)]| {
        let mut kept = records.to_vec();
        retain_records(&mut kept, |record| wanted.contains(&record.header.ts_recv));
        let found: Vec<_> = kept
            .iter()
            .map(|record| (record.header.ts_recv, record.has(MORE)))
            .collect();
        assert_eq!(found, expected, "{wanted:?}");
    };
    let all = records.map(|record| (record.header.ts_recv, record.has(MORE)));
    check(&[1, 2, 3, 4, 5, 6, 7], &all);
    check(&[1, 2, 4], &[(1, true), (2, false), (4, false)]);
    check(&[2, 3], &[(2, true), (3, false)]);
    check(
        &[1, 4, 5, 7],
        &[(1, false), (4, false), (5, false), (7, true)],
    );
    check(&[5, 6], &[(5, true), (6, false)]);
}

#[test]
fn only_bars_of_equal_release_that_nobody_recorded_are_joined() {
    let mut records = vec![
        bar(1),
        bar(1),
        bar(2),
        trade(2, 0),
        trade(2, 0),
        bar(3),
        bar(3),
    ];
    records[6].header.source = FEED;
    mark_bars(&mut records, &instruments());
    let marks: Vec<bool> = records.iter().map(|record| record.has(MORE)).collect();
    assert_eq!(marks, [true, false, false, false, false, false, false]);
}
