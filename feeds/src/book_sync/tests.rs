//! The sequence rules by cases, and against a venue through a network that loses, doubles and swaps.

use super::*;
use crate::local_venue::LevelBook;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tickloom_types::{Flags, InstrumentId, Kind, LevelBody, Record, Side, SourceId, Ts};

fn header() -> Header {
    Header::new(Kind::Level, InstrumentId(1), SourceId(0), Ts(10), Ts(20))
}

fn bid(price: i64, qty: i64) -> Level {
    Level {
        side: Side::Buy,
        price,
        qty,
    }
}

fn depth(ids: (Option<u64>, u64, u64), levels: &[Level]) -> Depth<'_> {
    Depth {
        header: header(),
        previous_id: ids.0,
        first_id: ids.1,
        last_id: ids.2,
        levels,
    }
}

fn snapshot(at: u64, levels: &[Level]) -> Depth<'_> {
    depth((None, at, at), levels)
}

/// A short word for each record: `clear:1000x5@90*` is a level of a snapshot, `*` marks the last of a message.
fn words(records: &mut Vec<Record>) -> String {
    let word = |record: Record| {
        if record.kind() == Some(Kind::Status) {
            let body = StatusBody::of(&record);
            return match StatusCode::from_raw(body.code).unwrap() {
                StatusCode::Book => BookState::from_raw(body.state).unwrap().name().to_owned(),
                code => format!("{}:{}-{}", code.name(), body.from, body.to),
            };
        }
        let level = LevelBody::of(&record);
        let clear = if level.clear == 1 { "clear:" } else { "" };
        let snapshot = if record.has(Flags::SNAPSHOT) { "@" } else { "" };
        let last = if record.has(Flags::LAST) { "*" } else { "" };
        format!("{clear}{}x{}{snapshot}{last}", level.price, level.qty)
    };
    let words: Vec<String> = records.drain(..).map(word).collect();
    words.join(" ")
}

#[test]
fn spot_waits_for_the_snapshot_and_drops_what_it_holds() {
    let mut sync = BookSync::new(SequenceRule::Consecutive);
    let mut out = Vec::new();
    assert!(!sync.wants_snapshot());
    sync.diff(&depth((None, 91, 95), &[bid(10, 1)]), &mut out);
    sync.diff(&depth((None, 96, 102), &[bid(11, 2), bid(10, 0)]), &mut out);
    sync.diff(&depth((None, 103, 103), &[bid(12, 3)]), &mut out);
    assert!(sync.wants_snapshot() && out.is_empty());
    sync.snapshot(&snapshot(100, &[bid(9, 9), bid(8, 8)]), &mut out);
    assert_eq!(words(&mut out), "clear:9x9@ 8x8@* 11x2 10x0* 12x3* live");
    assert_eq!(sync.last_id(), Some(103));
    assert_eq!(sync.counts().before_snapshot, 1);
    sync.diff(&depth((None, 104, 110), &[bid(12, 0)]), &mut out);
    assert_eq!(words(&mut out), "12x0*");
    assert!(!sync.wants_snapshot());
}

#[test]
fn a_snapshot_older_than_the_waiting_diffs_is_not_used() {
    let mut sync = BookSync::new(SequenceRule::Consecutive);
    let mut out = Vec::new();
    sync.diff(&depth((None, 102, 105), &[bid(10, 1)]), &mut out);
    sync.snapshot(&snapshot(100, &[bid(9, 9)]), &mut out);
    assert_eq!(words(&mut out), "");
    assert!(sync.wants_snapshot());
    assert_eq!(sync.counts().snapshots_too_old, 1);
    sync.snapshot(&snapshot(101, &[bid(9, 9)]), &mut out);
    assert_eq!(words(&mut out), "clear:9x9@* 10x1* live");
}

#[test]
fn futures_chain_by_the_id_before() {
    let mut sync = BookSync::new(SequenceRule::Chained);
    let mut out = Vec::new();
    sync.diff(&depth((Some(80), 85, 90), &[bid(10, 1)]), &mut out);
    sync.diff(&depth((Some(90), 93, 100), &[bid(11, 1)]), &mut out);
    sync.diff(&depth((Some(100), 107, 110), &[bid(12, 1)]), &mut out);
    // `u == L` is applied again: it does no harm.
    sync.snapshot(&snapshot(100, &[bid(9, 9)]), &mut out);
    assert_eq!(words(&mut out), "clear:9x9@* 11x1* 12x1* live");
    sync.diff(&depth((Some(110), 150, 160), &[bid(13, 1)]), &mut out);
    assert_eq!(words(&mut out), "13x1*");
    sync.diff(&depth((Some(161), 170, 180), &[bid(14, 1)]), &mut out);
    assert_eq!(words(&mut out), "gap:161-169 resync");
    assert!(sync.wants_snapshot());
}

#[test]
fn the_first_diff_after_a_snapshot_must_bridge_it() {
    let mut out = Vec::new();
    let mut start = |rule| {
        let mut sync = BookSync::new(rule);
        sync.snapshot(&snapshot(100, &[bid(9, 9)]), &mut out);
        assert_eq!(words(&mut out), "clear:9x9@* live");
        sync
    };
    let spot = start(SequenceRule::Consecutive);
    let futures = start(SequenceRule::Chained);
    let mut check = |mut sync: BookSync, ids, expected: &str| {
        sync.diff(&depth(ids, &[bid(10, 1)]), &mut out);
        assert_eq!(words(&mut out), expected, "{ids:?}");
    };
    let again = |sync: &BookSync| BookSync {
        waiting: VecDeque::new(),
        waiting_levels: VecDeque::new(),
        ahead: Ahead::default(),
        ..*sync
    };
    check(again(&spot), (None, 99, 100), "");
    check(again(&spot), (None, 99, 101), "10x1*");
    check(again(&spot), (None, 101, 101), "10x1*");
    check(again(&spot), (None, 102, 102), "gap:101-101 resync");
    check(again(&futures), (Some(90), 95, 99), "");
    check(again(&futures), (Some(90), 95, 100), "10x1*");
    check(again(&futures), (Some(90), 95, 105), "10x1*");
    check(again(&futures), (Some(100), 105, 106), "10x1*");
    check(again(&futures), (Some(101), 105, 106), "gap:101-104 resync");
}

#[test]
fn duplicates_and_old_diffs_are_counted_and_dropped() {
    let mut sync = BookSync::new(SequenceRule::Consecutive);
    let mut out = Vec::new();
    sync.snapshot(&snapshot(100, &[]), &mut out);
    assert_eq!(words(&mut out), "clear:0x0@* live");
    sync.diff(&depth((None, 101, 102), &[bid(10, 1)]), &mut out);
    sync.diff(&depth((None, 103, 104), &[bid(10, 2)]), &mut out);
    out.clear();
    sync.diff(&depth((None, 103, 104), &[bid(10, 2)]), &mut out);
    sync.diff(&depth((None, 101, 102), &[bid(10, 1)]), &mut out);
    assert_eq!(words(&mut out), "duplicate:103-104 out_of_order:101-102");
    let counts = sync.counts();
    assert_eq!((counts.duplicates, counts.out_of_order), (1, 1));
    // One that overlaps what the book holds does not follow: better to start again than to guess.
    sync.diff(&depth((None, 104, 106), &[bid(10, 3)]), &mut out);
    assert_eq!(words(&mut out), "gap:105-103 resync");
}

#[test]
fn a_gap_while_waiting_forgets_what_was_before_it() {
    let mut sync = BookSync::new(SequenceRule::Consecutive);
    let mut out = Vec::new();
    sync.diff(&depth((None, 1, 2), &[bid(10, 1)]), &mut out);
    sync.diff(&depth((None, 5, 6), &[bid(10, 2)]), &mut out);
    assert_eq!(words(&mut out), "gap:3-4");
    sync.snapshot(&snapshot(1, &[bid(9, 9)]), &mut out);
    assert_eq!(words(&mut out), "");
    sync.snapshot(&snapshot(4, &[bid(9, 9)]), &mut out);
    assert_eq!(words(&mut out), "clear:9x9@* 10x2* live");
}

#[test]
fn a_stale_book_takes_nothing_until_it_is_restarted() {
    let mut sync = BookSync::new(SequenceRule::Consecutive);
    let mut out = Vec::new();
    sync.snapshot(&snapshot(100, &[bid(9, 9)]), &mut out);
    out.clear();
    sync.stale(header(), &mut out);
    sync.stale(header(), &mut out);
    sync.diff(&depth((None, 101, 101), &[bid(10, 1)]), &mut out);
    sync.snapshot(&snapshot(101, &[bid(9, 9)]), &mut out);
    assert_eq!(words(&mut out), "stale");
    assert!(!sync.wants_snapshot() && sync.last_id().is_none());
    sync.restart(header(), &mut out);
    sync.diff(&depth((None, 201, 201), &[bid(10, 1)]), &mut out);
    sync.snapshot(&snapshot(200, &[bid(8, 8)]), &mut out);
    assert_eq!(words(&mut out), "resync clear:8x8@* 10x1* live");
    assert_eq!(sync.counts().resyncs, 1);
}

#[test]
fn what_waits_is_bounded() {
    let mut sync = BookSync::new(SequenceRule::Consecutive);
    let mut out = Vec::new();
    let levels = [bid(1, 1)];
    let most = limits::BUFFERED_DIFFS_MAX as u64;
    for id in 1..=most + 1 {
        sync.diff(&depth((None, id, id), &levels), &mut out);
    }
    assert_eq!(sync.counts().overflowed, most);
    assert_eq!(sync.waiting.len(), 1);
    sync.snapshot(&snapshot(most, &[bid(9, 9)]), &mut out);
    assert_eq!(sync.last_id(), Some(most + 1));
}

/// The same depth, arrived so many seconds after the first.
fn arrived(second: i64, depth: Depth<'_>) -> Depth<'_> {
    let header = Header {
        ts_recv: 20 + second * 1_000_000_000,
        ..depth.header
    };
    Depth { header, ..depth }
}

#[test]
fn a_snapshot_ahead_of_all_diffs_waits_for_the_one_that_joins_on() {
    let start = |rule, ids| {
        let (mut sync, mut out) = (BookSync::new(rule), Vec::new());
        sync.diff(&depth(ids, &[bid(10, 1)]), &mut out);
        sync.snapshot(&snapshot(100, &[bid(9, 9)]), &mut out);
        assert_eq!(
            (words(&mut out), sync.state()),
            (String::new(), BookState::Resync)
        );
        assert!(!sync.wants_snapshot(), "there is one");
        (sync, out)
    };
    let check = |rule, ids, expected: &str| {
        let (mut sync, mut out) = start(rule, (Some(80), 81, 90));
        sync.diff(&depth((Some(90), 91, 95), &[bid(11, 1)]), &mut out);
        sync.diff(&depth(ids, &[bid(12, 1)]), &mut out);
        assert_eq!(words(&mut out), expected, "{rule:?} {ids:?}");
        sync
    };
    let spot = SequenceRule::Consecutive;
    check(spot, (None, 96, 103), "clear:9x9@* 12x1* live");
    check(spot, (None, 101, 103), "clear:9x9@* 12x1* live");
    check(spot, (None, 96, 100), "clear:9x9@* live");
    assert!(check(spot, (None, 102, 103), "").wants_snapshot());
    let futures = SequenceRule::Chained;
    // The next diff may name the snapshot's own id as the one before it.
    check(futures, (Some(100), 104, 105), "clear:9x9@* 12x1* live");
    check(futures, (Some(95), 98, 105), "clear:9x9@* 12x1* live");
    check(futures, (Some(95), 98, 100), "clear:9x9@* 12x1* live");
    assert!(check(futures, (Some(101), 104, 105), "").wants_snapshot());
}

#[test]
fn a_snapshot_with_an_absurd_id_never_goes_live_and_another_is_wanted() {
    for is_asked in [true, false] {
        let (mut sync, mut out) = (BookSync::new(SequenceRule::Consecutive), Vec::new());
        if is_asked {
            sync.diff(&depth((None, 1, 1), &[bid(10, 1)]), &mut out);
        }
        sync.snapshot(&snapshot(u64::MAX, &[bid(9, 9)]), &mut out);
        assert_eq!(sync.state() == BookState::Live, !is_asked);
        // One diff in a third of a second: the sixteenth comes after five seconds and more.
        for id in 2..=17 {
            assert!(!sync.wants_snapshot());
            let levels = [bid(10, 1)];
            let second = (i64::try_from(id).unwrap() - 1) / 3;
            let late = arrived(second, depth((None, id, id), &levels));
            sync.diff(&late, &mut out);
        }
        assert!(sync.wants_snapshot() && sync.counts().snapshots_too_new == 1);
        out.clear();
        sync.snapshot(&snapshot(16, &[bid(8, 8)]), &mut out);
        assert_eq!(words(&mut out), "clear:8x8@* 10x1* live");
    }
}

#[test]
fn ids_that_begin_anew_make_the_book_stale_and_begin_it_anew() {
    for (rule, step, expected) in [
        // Each follows the one before: eight are enough.
        (SequenceRule::Consecutive, 1, 8),
        (SequenceRule::Chained, 1, 8),
        // None follows another.
        (SequenceRule::Consecutive, 2, 64),
    ] {
        let (mut sync, mut out) = (BookSync::new(rule), Vec::new());
        sync.snapshot(&snapshot(1_000_000, &[bid(9, 9)]), &mut out);
        sync.diff(
            &depth((Some(1_000_000), 1_000_001, 1_000_001), &[bid(10, 1)]),
            &mut out,
        );
        out.clear();
        let mut old = 0;
        while !sync.wants_snapshot() {
            old += 1;
            let id = 10 + step * old;
            sync.diff(&depth((Some(id - 1), id, id), &[bid(10, 1)]), &mut out);
            assert!(old <= 64);
        }
        assert_eq!((old, sync.counts().out_of_order), (expected, expected));
        assert_eq!(sync.counts().id_restarts, 1);
        assert!(words(&mut out).ends_with(" stale resync"));
        let last = 10 + step * old;
        sync.snapshot(&snapshot(last - 1, &[bid(8, 8)]), &mut out);
        assert_eq!(words(&mut out), "clear:8x8@* 10x1* live");
    }
}

#[test]
fn old_diffs_that_arrived_before_the_newest_one_do_not_begin_the_ids_anew() {
    let (mut sync, mut out) = (BookSync::new(SequenceRule::Consecutive), Vec::new());
    sync.snapshot(&snapshot(100, &[bid(9, 9)]), &mut out);
    let diff = |sync: &mut BookSync, out: &mut Vec<Record>, id: u64| {
        let second = i64::try_from(id).unwrap();
        sync.diff(&arrived(second, depth((None, id, id), &[bid(10, 1)])), out);
    };
    for id in 101..=300 {
        diff(&mut sync, &mut out, id);
    }
    out.clear();
    for id in 150..=300 {
        diff(&mut sync, &mut out, id);
    }
    diff(&mut sync, &mut out, 301);
    assert!(words(&mut out).ends_with("out_of_order:299-299 duplicate:300-300 10x1*"));
    let counts = sync.counts();
    assert_eq!((counts.out_of_order, counts.duplicates), (150, 1));
    assert_eq!((counts.id_restarts, counts.resyncs), (0, 0));
}

#[test]
fn an_id_near_the_end_of_the_numbers_does_not_hold_up_what_waits() {
    let (mut sync, mut out) = (BookSync::new(SequenceRule::Chained), Vec::new());
    sync.diff(
        &depth((Some(u64::MAX - 2), u64::MAX - 1, u64::MAX), &[bid(10, 1)]),
        &mut out,
    );
    for id in 1..=8 {
        sync.diff(&depth((Some(id - 1), id, id), &[bid(10, 1)]), &mut out);
    }
    sync.snapshot(&snapshot(7, &[bid(9, 9)]), &mut out);
    assert!(words(&mut out).ends_with("clear:9x9@* 10x1* live"));
}

#[test]
fn what_comes_twice_in_a_handover_is_dropped_without_a_word() {
    let (mut sync, mut out) = (BookSync::new(SequenceRule::Consecutive), Vec::new());
    sync.snapshot(&snapshot(100, &[bid(9, 9)]), &mut out);
    sync.diff(&depth((None, 101, 120), &[bid(10, 1)]), &mut out);
    out.clear();
    sync.begin_overlap();
    for id in 101..=121 {
        sync.diff(&depth((None, id, id), &[bid(11, 1)]), &mut out);
    }
    assert_eq!(words(&mut out), "11x1*");
    assert_eq!((sync.counts().overlaps, sync.counts().id_restarts), (20, 0));
    // Something newer has come, so that the rest is in order again.
    sync.diff(&depth((None, 5, 5), &[bid(11, 1)]), &mut out);
    assert_eq!(words(&mut out), "out_of_order:5-5");
    sync.begin_overlap();
    sync.end_overlap();
    sync.diff(&depth((None, 5, 5), &[bid(11, 1)]), &mut out);
    assert_eq!(words(&mut out), "out_of_order:5-5");
}

#[test]
fn a_diff_that_could_not_be_read_ends_the_book_at_once() {
    let (mut sync, mut out) = (BookSync::new(SequenceRule::Consecutive), Vec::new());
    sync.snapshot(&snapshot(100, &[bid(9, 9)]), &mut out);
    out.clear();
    sync.lost(header(), &mut out);
    assert_eq!(words(&mut out), "resync");
    sync.diff(&depth((None, 102, 102), &[bid(10, 1)]), &mut out);
    sync.lost(header(), &mut out);
    assert!(!sync.wants_snapshot() && out.is_empty());
}

/// A venue with a tiny book: each message changes some levels, and the book after each is remembered.
#[derive(Debug)]
struct Venue {
    messages: Vec<(Option<u64>, u64, u64, Vec<Level>)>,
    /// The book by the last id of each message.
    books: BTreeMap<u64, LevelBook>,
}

fn venue(rule: SequenceRule) -> impl Strategy<Value = Venue> {
    let level = (any::<bool>(), 1..6_i64, 0..3_i64).prop_map(|(is_bid, price, qty)| Level {
        side: if is_bid { Side::Buy } else { Side::Sell },
        price: if is_bid { price } else { 10 + price },
        qty,
    });
    let message = (1..4_u64, 0..3_u64, proptest::collection::vec(level, 1..4));
    proptest::collection::vec(message, 20..60).prop_map(move |messages| {
        let mut venue = Venue {
            messages: Vec::new(),
            books: BTreeMap::from([(0, LevelBook::default())]),
        };
        let mut last = 0;
        let mut book = LevelBook::default();
        for (count, skipped, levels) in messages {
            let (previous, first) = match rule {
                SequenceRule::Consecutive => (None, last + 1),
                SequenceRule::Chained => (Some(last), last + 1 + skipped),
                SequenceRule::Increasing | SequenceRule::Unnumbered => {
                    panic!("these rules see no gaps")
                }
            };
            last = first + count - 1;
            for level in &levels {
                let side = match level.side {
                    Side::Buy => &mut book.bids,
                    Side::Sell => &mut book.asks,
                };
                side.insert(level.price, level.qty);
                side.retain(|_, qty| *qty > 0);
            }
            book.last_id = last;
            venue.books.insert(last, book.clone());
            venue.messages.push((previous, first, last, levels));
        }
        venue
    })
}

/// What the network does to a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    Drop,
    Duplicate,
    Swap,
    Reconnect,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        8 => Just(Trouble::None),
        1 => Just(Trouble::Drop),
        1 => Just(Trouble::Duplicate),
        1 => Just(Trouble::Swap),
        1 => Just(Trouble::Reconnect),
    ]
}

/// Plays a venue through trouble and checks after each message that a live book is the venue's book at its id.
struct Play<'v> {
    venue: &'v Venue,
    sync: BookSync,
    ours: LevelBook,
}

impl Play<'_> {
    fn apply(&mut self, records: Vec<Record>) -> Result<(), TestCaseError> {
        for record in &records {
            self.ours.apply(record);
        }
        if let Some(at) = self.sync.last_id() {
            let theirs = &self.venue.books[&at];
            prop_assert_eq!(&self.ours.bids, &theirs.bids);
            prop_assert_eq!(&self.ours.asks, &theirs.asks);
        }
        Ok(())
    }

    fn message(&mut self, index: usize) -> Result<(), TestCaseError> {
        let (previous, first, last, levels) = &self.venue.messages[index];
        let mut out = Vec::new();
        self.sync
            .diff(&depth((*previous, *first, *last), levels), &mut out);
        self.apply(out)
    }

    fn snapshot(&mut self, index: usize) -> Result<(), TestCaseError> {
        let at = self.venue.messages[index].2;
        let book = &self.venue.books[&at];
        let level = |side| {
            move |(price, qty): (&i64, &i64)| Level {
                side,
                price: *price,
                qty: *qty,
            }
        };
        let bids = book.bids.iter().map(level(Side::Buy));
        let levels: Vec<Level> = bids
            .chain(book.asks.iter().map(level(Side::Sell)))
            .collect();
        let mut out = Vec::new();
        self.sync.snapshot(&snapshot(at, &levels), &mut out);
        self.apply(out)
    }
}

fn check_never_wrong(
    rule: SequenceRule,
    venue: &Venue,
    troubles: &[(Trouble, usize)],
) -> Result<(), TestCaseError> {
    let sync = BookSync::new(rule);
    let mut play = Play {
        venue,
        sync,
        ours: LevelBook::default(),
    };
    let mut held: Option<usize> = None;
    for index in 0..venue.messages.len() {
        let (trouble, age) = troubles[index % troubles.len()];
        match trouble {
            Trouble::None => play.message(index)?,
            Trouble::Drop => {}
            Trouble::Duplicate => {
                play.message(index)?;
                play.message(index)?;
            }
            Trouble::Swap => {
                held = Some(index);
                continue;
            }
            Trouble::Reconnect => {
                let mut out = Vec::new();
                play.sync.stale(header(), &mut out);
                play.sync.restart(header(), &mut out);
                play.apply(out)?;
            }
        }
        if let Some(held) = held.take() {
            play.message(held)?;
        }
        // The answer may be from some messages ago, or even from before the first one that waits.
        if play.sync.wants_snapshot() {
            play.snapshot(index.saturating_sub(age))?;
        }
    }
    // Once nothing goes wrong any more, a fresh snapshot brings the book back.
    let newest = venue.messages.len() - 1;
    play.message(newest)?;
    if play.sync.wants_snapshot() {
        play.snapshot(newest)?;
    }
    prop_assert_eq!(play.sync.last_id(), Some(venue.messages[newest].2));
    Ok(())
}

proptest! {
    #[test]
    fn a_live_spot_book_is_never_wrong(
        venue in venue(SequenceRule::Consecutive),
        troubles in proptest::collection::vec((trouble(), 0..6_usize), 1..60),
    ) {
        check_never_wrong(SequenceRule::Consecutive, &venue, &troubles)?;
    }

    #[test]
    fn a_live_futures_book_is_never_wrong(
        venue in venue(SequenceRule::Chained),
        troubles in proptest::collection::vec((trouble(), 0..6_usize), 1..60),
    ) {
        check_never_wrong(SequenceRule::Chained, &venue, &troubles)?;
    }
}
