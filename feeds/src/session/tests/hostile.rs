//! Venues that are silent, absurd or about to end.

use super::*;
use crate::status::FeedState;
use tickloom_types::{Kind, LevelBody};

const HOUR_MS: i64 = 3_600_000;
/// The venue's time at the beginning, in milliseconds.
const START_MS: i64 = 1_723_161_256_000;

fn trade(id: u64, ms: i64) -> String {
    format!(
        r#"{{"e":"trade","E":{ms},"T":{ms},"s":"BTCUSDT","t":{id},"p":"10.00","q":"1.0","m":true}}"#
    )
}

/// A session whose only book is live, and which has the ids up to 101.
fn live<'m>(feed: &Feed, metrics: &'m FeedMetrics) -> Session<'m> {
    let mut session = Session::new(feed, metrics);
    let out = &mut Vec::new();
    session.connected(LINE, at(0), out);
    session.frame(LINE, at(0), diff(100, 101).as_bytes(), out);
    session.snapshot(at(0), feed.symbols[0].instrument, SNAPSHOT, out);
    assert_eq!(metrics.books_live.load(Relaxed), 1);
    session
}

fn reason(metrics: &FeedMetrics) -> (FeedState, String) {
    let status = metrics.status();
    (status.state, status.reason)
}

#[test]
fn a_trade_of_tomorrow_is_bad_time_at_once_and_stops_no_clock() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    for is_first in [false, true] {
        // As the first of a new run, and over a reconnect, too.
        let mut session = match is_first {
            true => Session::new(&feed, &metrics),
            false => live(&feed, &metrics),
        };
        let mut out = Vec::new();
        session.connected(LINE, at(0), &mut out);
        session.frame(
            LINE,
            at(SECOND),
            trade(1, START_MS + 23 * HOUR_MS).as_bytes(),
            &mut out,
        );
        session.frame(
            LINE,
            at(SECOND),
            trade(2, START_MS + 1_000).as_bytes(),
            &mut out,
        );
        session.frame(
            LINE,
            at(SECOND),
            trade(3, START_MS + 23 * HOUR_MS).as_bytes(),
            &mut out,
        );
        session.tick(at(2 * SECOND), &mut out);
        let trades: Vec<_> = out
            .iter()
            .filter(|record| record.kind() == Some(Kind::Trade))
            .map(|record| (record.has(Flags::BAD_TIME), record.ts_event()))
            .collect();
        let now = at(SECOND).wall;
        // Before anything is known of the venue's time, the arrival is all there is.
        let first = if is_first {
            now
        } else {
            Ts((START_MS - 1_000) * 1_000_000)
        };
        assert_eq!(trades, [(true, first), (false, now), (true, now)]);
        let timer = out.iter().find(|record| record.kind() == Some(Kind::Timer));
        assert_eq!(timer.unwrap().ts_event(), Ts(now.0 + SECOND / 2));
        // Told once a connection, with how far it was.
        let told: Vec<u64> = out
            .iter()
            .filter(|record| {
                record.kind() == Some(Kind::Status)
                    && StatusBody::of(record).code == StatusCode::ClockSkew as u16
            })
            .map(|record| {
                assert_eq!(record.instrument(), feed.symbols[0].instrument);
                StatusBody::of(record).detail
            })
            .collect();
        let ahead = (23 * HOUR_MS).unsigned_abs() * 1_000_000;
        assert_eq!(told, [ahead - SECOND.unsigned_abs()]);
    }
    assert_eq!(metrics.bad_times.load(Relaxed), 4);
    assert!(
        metrics
            .last_error()
            .unwrap()
            .contains("23 h ahead of the feed's own course")
    );
}

#[test]
fn a_recording_of_another_year_is_followed_from_its_first_message() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let old = START_MS - 20_000 * HOUR_MS;
    // Sixteen are looked at, or what comes within a second.
    for count in [20_u64, 5] {
        let mut session = Session::new(&feed, &metrics);
        let mut out = Vec::new();
        session.connected(LINE, at(0), &mut out);
        out.clear();
        for id in 0..count {
            let ahead = if id == 3 { 23 * HOUR_MS } else { 0 };
            let stamp = old + i64::try_from(id).unwrap() + ahead;
            session.frame(LINE, at(1), trade(id, stamp).as_bytes(), &mut out);
            assert_eq!(out.is_empty(), id < 15);
        }
        session.tick(at(SECOND + 1), &mut out);
        let trades: Vec<_> = out
            .iter()
            .filter(|record| record.kind() == Some(Kind::Trade))
            .map(|record| {
                (
                    record.has(Flags::BAD_TIME),
                    record.ts_event().0 / 1_000_000 - old,
                )
            })
            .collect();
        let expected: Vec<(bool, i64)> = (0..i64::try_from(count).unwrap())
            .map(|id| if id == 3 { (true, 2) } else { (false, id) })
            .collect();
        assert_eq!(trades, expected);
        assert!(out.iter().all(|record| record.ts_recv() >= at(1).wall));
    }
}

#[test]
fn a_venue_whose_first_times_cannot_be_judged_moves_no_clock() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let mut out = Vec::new();
    session.connected(LINE, at(0), &mut out);
    session.frame(
        LINE,
        at(0),
        trade(1, START_MS + 23 * HOUR_MS).as_bytes(),
        &mut out,
    );
    assert_eq!(words(&mut out), ["connected", "book resync"]);
    session.tick(at(SECOND), &mut out);
    assert_eq!(out[0].ts_event(), at(0).wall);
    assert!(out[0].has(Flags::BAD_TIME));
    assert_eq!(words(&mut out), ["trade", "clock_skew"], "and no timer");
    session.frame(
        LINE,
        at(2 * SECOND),
        trade(2, START_MS).as_bytes(),
        &mut out,
    );
    assert!(!out[0].has(Flags::BAD_TIME));
}

#[test]
fn a_book_that_stands_still_while_its_trades_go_on_is_built_again() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    for comes in [true, false] {
        let mut session = live(&feed, &metrics);
        let mut out = Vec::new();
        let mut seconds = 0;
        while out.is_empty() {
            seconds += 1;
            let now = at(seconds * SECOND);
            let id = u64::try_from(seconds).unwrap();
            session.frame(
                LINE,
                now,
                trade(id, START_MS + seconds * 1_000).as_bytes(),
                &mut out,
            );
            if comes {
                // It is the same again: nothing fits.
                session.frame(
                    LINE,
                    now,
                    diff(50 - 2 * id, 51 - 2 * id).as_bytes(),
                    &mut out,
                );
            }
            session.tick(now, &mut out);
            let of_book = |record: &Record| {
                record.kind() == Some(Kind::Status)
                    && StatusBody::of(record).code == StatusCode::Book as u16
            };
            out.retain(of_book);
            assert!(seconds < 10);
        }
        assert_eq!(words(&mut out), ["book stale", "book resync"]);
        assert_eq!(
            seconds, 5,
            "four in a row after the one in which the book changed"
        );
        let advice = session.advice(LINE, at(seconds * SECOND));
        match comes {
            true => assert_eq!(advice, Advice::GoOn),
            false => assert!(matches!(advice, Advice::Reconnect(_))),
        }
        assert_eq!(reason(&metrics).0, FeedState::Syncing);
    }
    // Neither a quiet book nor one that changes is touched.
    let mut session = live(&feed, &metrics);
    let mut out = Vec::new();
    for second in 1..60 {
        let now = at(second * SECOND);
        let id = 100 + 2 * u64::try_from(second).unwrap();
        if second > 20 {
            session.frame(
                LINE,
                now,
                trade(id, START_MS + second * 1_000).as_bytes(),
                &mut out,
            );
        }
        if second > 40 || (second > 20 && second % 3 == 0) {
            let next = session.intake.books[0].1.last_id().unwrap() + 1;
            session.frame(LINE, now, diff(next, next).as_bytes(), &mut out);
        }
        session.tick(now, &mut out);
    }
    assert!(!words(&mut out).iter().any(|word| word.starts_with("book")));
}

#[test]
fn a_change_that_is_refused_ends_its_book_at_once() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let many = r#"["10.00","1.0"],"#.repeat(16_001);
    for (wrong, reason) in [
        (
            diff(102, 103).replace("[[", &format!("[{many}[")),
            Reason::TooLarge,
        ),
        (diff(102, u64::MAX), Reason::Value),
        (diff(102, 1 << 63), Reason::Value),
        (diff(102, 101), Reason::Ids),
        (diff(102, 103).replace("1.0", "1.x"), Reason::DecimalSyntax),
    ] {
        let mut session = live(&feed, &metrics);
        let mut out = Vec::new();
        let before = metrics.bad_frames(reason);
        session.frame(LINE, at(SECOND), wrong.as_bytes(), &mut out);
        assert_eq!(words(&mut out), ["book resync", "bad_frame"], "{reason:?}");
        assert_eq!(metrics.bad_frames(reason), before + 1);
        session.frame(LINE, at(SECOND), diff(104, 105).as_bytes(), &mut out);
        assert_eq!(session.wanted_snapshots(at(2 * SECOND)).len(), 1);
    }
    // A frame of which nothing can be read at all.
    let mut session = live(&feed, &metrics);
    let mut out = Vec::new();
    session.huge_frame(LINE, at(SECOND), 5 << 20, &mut out);
    assert_eq!(StatusBody::of(&out[0]).detail, Reason::TooLarge as u64);
    assert!(metrics.last_error().unwrap().contains("at most 4194304"));
}

#[test]
fn a_subscription_that_brings_nothing_in_time_is_named() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let out = &mut Vec::new();
    assert_eq!(reason(&metrics), (FeedState::Starting, String::new()));
    session.connecting(LINE);
    assert_eq!(reason(&metrics).0, FeedState::Connecting);
    session.connected(LINE, at(0), out);
    let mut look = |session: &mut Session<'_>, second: DurationNs| {
        // Pings and pongs are no data.
        session.pinged(LINE, at(second * SECOND));
        session.tick(at(second * SECOND), out);
        let advice = session.advice(LINE, at(second * SECOND));
        (
            advice,
            reason(&metrics),
            metrics.silent_streams.load(Relaxed),
        )
    };
    let (_, status, silent) = look(&mut session, 9);
    assert_eq!(
        (status, silent),
        ((FeedState::Subscribed, String::new()), 0)
    );
    let text = "acknowledged but silent: nothing of btcusdt@depth@100ms and 1 more came in 10 s";
    let (_, status, silent) = look(&mut session, 10);
    assert_eq!((status, silent), ((FeedState::Silent, text.to_owned()), 2));
    // Trades may be rare.
    assert_eq!(look(&mut session, 59).2, 2);
    let (advice, _, silent) = look(&mut session, 60);
    assert_eq!(silent, 3);
    assert!(
        matches!(advice, Advice::Reconnect(cause) if cause.contains("acknowledged but silent"))
    );
    // It stays named while that is tried again, until something comes.
    session.disconnected(LINE, at(61 * SECOND), &mut Vec::new());
    session.waiting(LINE, "lost", Duration::from_secs(2));
    session.connecting(LINE);
    assert_eq!(reason(&metrics).0, FeedState::Silent);
    session.connected(LINE, at(70 * SECOND), &mut Vec::new());
    assert_eq!(reason(&metrics).0, FeedState::Silent);
    session.frame(
        LINE,
        at(71 * SECOND),
        diff(1, 2).as_bytes(),
        &mut Vec::new(),
    );
    assert_eq!(
        reason(&metrics),
        (FeedState::Syncing, "0 of 1 books live".to_owned())
    );
    // One of three is silent, and the rest goes on.
    session.tick(at(81 * SECOND), &mut Vec::new());
    let text = "acknowledged but silent: nothing of btcusdt@bookTicker came in 10 s";
    assert_eq!(reason(&metrics), (FeedState::Silent, text.to_owned()));
    session.pinged(LINE, at(140 * SECOND));
    session.tick(at(140 * SECOND), &mut Vec::new());
    assert_eq!(session.advice(LINE, at(140 * SECOND)), Advice::GoOn);
}

#[test]
fn what_a_feed_is_at_is_told_with_its_reason() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let out = &mut Vec::new();
    session.connecting(LINE);
    session.disconnected(LINE, at(0), out);
    session.waiting(
        LINE,
        "cannot connect: connection refused",
        Duration::from_secs(2),
    );
    let text = "cannot connect: connection refused, again in 2 s";
    assert_eq!(reason(&metrics), (FeedState::Waiting, text.to_owned()));
    session.connecting(LINE);
    session.connected(LINE, at(SECOND), out);
    session.frame(LINE, at(SECOND), diff(100, 101).as_bytes(), out);
    let instrument = feed.symbols[0].instrument;
    assert_eq!(session.wanted_snapshots(at(SECOND)), [instrument]);
    session.snapshot_refused(
        at(SECOND),
        instrument,
        429,
        Some(Duration::from_secs(259_200)),
    );
    let text = "0 of 1 books live; the venue refused a snapshot with HTTP status 429: the next is asked for in 5 min \
                and not in 72 h, as it says";
    assert_eq!(reason(&metrics), (FeedState::Waiting, text.to_owned()));
    assert_eq!(session.wanted_snapshots(at(301 * SECOND)), [instrument]);
    session.snapshot_failed(instrument, "no snapshot: timed out");
    let text = "0 of 1 books live; no snapshot: timed out";
    assert_eq!(reason(&metrics), (FeedState::Waiting, text.to_owned()));
    assert_eq!(session.wanted_snapshots(at(303 * SECOND)), [instrument]);
    session.snapshot(at(301 * SECOND), instrument, SNAPSHOT, out);
    assert_eq!(reason(&metrics), (FeedState::Live, String::new()));
    let changes = metrics.status_changes();
    session.frame(LINE, at(302 * SECOND), diff(102, 103).as_bytes(), out);
    assert_eq!(metrics.status_changes(), changes);
    session.stopped();
    assert_eq!(reason(&metrics), (FeedState::Stopped, String::new()));
}

#[test]
fn each_connection_of_a_feed_is_lost_for_itself() {
    let text = "ws://h:1/stream?streams=btcusdt@depth/btcusdt@aggTrade&venue=binance-usdm";
    let (feed, metrics) = (feed(text), FeedMetrics::new());
    let (public, market) = (LineId(0), LineId(1));
    let chained = |first: u64, last: u64, previous: u64| {
        let ids = format!(r#""U":{first},"u":{last},"pu":{previous}"#);
        diff(0, 0).replace(r#""U":0,"u":0"#, &ids)
    };
    let agg = trade(1, START_MS)
        .replace(r#""e":"trade""#, r#""e":"aggTrade""#)
        .replace(r#""t":"#, r#""a":"#);
    let mut session = Session::new(&feed, &metrics);
    let mut out = Vec::new();
    session.connected(market, at(0), &mut out);
    assert_eq!(words(&mut out), ["connected"]);
    session.connected(public, at(0), &mut out);
    assert_eq!(words(&mut out), ["connected", "book resync"]);
    session.frame(public, at(1), chained(100, 101, 99).as_bytes(), &mut out);
    session.snapshot(at(1), feed.symbols[0].instrument, SNAPSHOT, &mut out);
    session.frame(market, at(1), agg.as_bytes(), &mut out);
    assert_eq!(reason(&metrics), (FeedState::Live, String::new()));
    out.clear();
    session.disconnected(market, at(2), &mut out);
    session.waiting(market, "connection reset", Duration::from_secs(1));
    assert_eq!(out[0].instrument(), feed.symbols[0].instrument);
    assert_eq!(words(&mut out), ["gap"], "the book goes on");
    let text = "market: connection reset, again in 1 s";
    assert_eq!(reason(&metrics), (FeedState::Waiting, text.to_owned()));
    session.connected(market, at(3), &mut out);
    assert_eq!(
        reason(&metrics),
        (FeedState::Subscribed, "market".to_owned())
    );
    out.clear();
    session.disconnected(public, at(4), &mut out);
    assert_eq!(out[0].instrument(), feed.symbols[0].instrument);
    assert_eq!(words(&mut out), ["disconnected", "book stale"]);
    assert_eq!(metrics.books_live.load(Relaxed), 0);
}

#[test]
fn the_next_connection_is_made_before_the_planned_end() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = live(&feed, &metrics);
    let day = 85_800;
    let advice = |session: &mut Session<'_>, second: DurationNs| {
        session.alive(LINE, at(second * SECOND));
        session.advice(LINE, at(second * SECOND))
    };
    assert_eq!(advice(&mut session, day - 1), Advice::GoOn);
    assert_eq!(advice(&mut session, day), Advice::Replace);
    assert_eq!(advice(&mut session, day + 1), Advice::GoOn, "said once");
    session.replace_failed(LINE, at((day + 1) * SECOND));
    assert_eq!(advice(&mut session, day + 5), Advice::GoOn);
    assert_eq!(advice(&mut session, day + 6), Advice::Replace);
    session.replaced(LINE, at((day + 7) * SECOND));
    session.tick(at((day + 7) * SECOND), &mut Vec::new());
    assert_eq!(
        reason(&metrics).0,
        FeedState::Subscribed,
        "its first data has a deadline, too"
    );
    assert_eq!(advice(&mut session, 2 * day), Advice::GoOn);
    assert_eq!(advice(&mut session, 2 * day + 7), Advice::Replace);
    // Or at once when the venue says so.
    for notice in [
        r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161255000}}"#,
        r#"{"e":"serverShutdown","E":1723161255000}"#,
    ] {
        let mut session = live(&feed, &metrics);
        session.frame(LINE, at(SECOND), notice.as_bytes(), &mut Vec::new());
        assert_eq!(session.advice(LINE, at(SECOND)), Advice::Replace);
    }
    assert_eq!(metrics.bad_frames_total(), 0);
}

#[test]
fn what_both_connections_bring_is_taken_once() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = live(&feed, &metrics);
    let mut out = Vec::new();
    let quote =
        |id: u64| format!(r#"{{"u":{id},"s":"BTCUSDT","b":"9.00","B":"1","a":"11.00","A":"1"}}"#);
    let mut send = |session: &mut Session<'_>, ids: std::ops::Range<u64>| {
        for id in ids {
            let now = at(SECOND);
            session.frame(LINE, now, trade(id, START_MS).as_bytes(), &mut out);
            session.frame(LINE, now, diff(id, id).as_bytes(), &mut out);
            session.frame(LINE, now, quote(id).as_bytes(), &mut out);
        }
        let mut seen: Vec<u64> = Vec::new();
        for record in out.drain(..) {
            match record.kind() {
                Some(Kind::Level) => seen.push(LevelBody::of(&record).last_id),
                Some(Kind::Trade | Kind::Quote) => {}
                kind => panic!("{kind:?}"),
            }
        }
        (seen, metrics.records.load(Relaxed))
    };
    let (_, before) = send(&mut session, 102..110);
    session.replaced(LINE, at(SECOND));
    // The next connection has them from 105 on.
    let (seen, after) = send(&mut session, 105..113);
    assert_eq!((seen, after - before), (vec![110, 111, 112], 9));
    assert_eq!(metrics.overlaps.load(Relaxed), 15);
    assert_eq!(
        (metrics.duplicates.load(Relaxed), metrics.gaps.load(Relaxed)),
        (0, 0)
    );
    assert_eq!(metrics.reconnects(), 1);
    // Something newer has come, so that what comes twice is a fault again.
    let mut later = Vec::new();
    session.frame(LINE, at(2 * SECOND), diff(112, 112).as_bytes(), &mut later);
    session.frame(
        LINE,
        at(2 * SECOND),
        trade(112, START_MS).as_bytes(),
        &mut later,
    );
    assert_eq!(words(&mut later), ["duplicate"]);
    assert_eq!(metrics.repeated.load(Relaxed), 1);
    // If the venue has begun its ids anew meanwhile, that is believed ten seconds later.
    session.replaced(LINE, at(2 * SECOND));
    session.frame(
        LINE,
        at(3 * SECOND),
        trade(1, START_MS).as_bytes(),
        &mut later,
    );
    assert!(later.is_empty());
    session.tick(at(12 * SECOND), &mut Vec::new());
    session.frame(
        LINE,
        at(12 * SECOND),
        trade(2, START_MS).as_bytes(),
        &mut later,
    );
    assert_eq!(words(&mut later)[0], "trade");
}

#[test]
fn no_ping_is_sent_when_pongs_are_all_that_the_venue_allows() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = live(&feed, &metrics);
    for _ in 0..4 {
        session.pinged(LINE, at(SECOND));
    }
    // As if the pongs had gone out now, and nothing had come for long.
    session.states[0].last_arrival = at(-7 * SECOND);
    assert_eq!(session.advice(LINE, at(SECOND)), Advice::GoOn);
    assert_eq!(session.advice(LINE, at(2 * SECOND)), Advice::Ping);
}
