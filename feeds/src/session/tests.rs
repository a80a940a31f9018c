//! The session by cases, with time as an argument.

mod hostile;

use super::*;
use crate::Reason;
use crate::config::FeedConfig;
use tickloom_types::{BookState, Flags, Instruments, Kind, NANOS_PER_SECOND, TimerBody};

const LINE: LineId = LineId(0);
const SECOND: DurationNs = NANOS_PER_SECOND;

/// Our clock is the venue's, a second late.
fn at(mono: DurationNs) -> Now {
    Now {
        wall: Ts(1_723_161_256 * SECOND + mono),
        mono,
    }
}

fn feed(text: &str) -> Feed {
    let config = FeedConfig::parse(text).unwrap();
    config.resolve(&mut Instruments::new()).unwrap()
}

fn diff(first: u64, last: u64) -> String {
    format!(
        r#"{{"e":"depthUpdate","E":1723161255000,"s":"BTCUSDT","U":{first},"u":{last},"b":[["10.00","1.0"]],"a":[]}}"#
    )
}

const SNAPSHOT: &[u8] = br#"{"lastUpdateId":100,"bids":[["9.00","1.0"]],"asks":[["11.00","1.0"]]}"#;

/// Status codes and kinds in short.
fn words(records: &mut Vec<Record>) -> Vec<String> {
    let word = |record: Record| match record.kind() {
        Some(Kind::Status) => {
            let body = StatusBody::of(&record);
            let code = StatusCode::from_raw(body.code).unwrap().name();
            match BookState::from_raw(body.state) {
                Some(state) => format!("{code} {}", state.name()),
                None => code.to_owned(),
            }
        }
        kind => kind.unwrap().name().to_owned(),
    };
    records.drain(..).map(word).collect()
}

#[test]
fn a_book_goes_live_after_its_snapshot_and_stale_with_the_connection() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let mut out = Vec::new();
    let instrument = feed.symbols[0].instrument;

    session.connected(LINE, at(0), &mut out);
    assert_eq!(words(&mut out), ["connected", "book resync"]);
    assert!(session.wanted_snapshots(at(0)).is_empty());
    session.frame(LINE, at(1), diff(90, 100).as_bytes(), &mut out);
    assert_eq!(session.wanted_snapshots(at(1)), [instrument]);
    assert!(
        session.wanted_snapshots(at(2)).is_empty(),
        "one is under way"
    );

    session.snapshot_failed(instrument, "no answer");
    assert!(
        session.wanted_snapshots(at(3)).is_empty(),
        "too early to ask again"
    );
    assert_eq!(session.wanted_snapshots(at(2 * SECOND)), [instrument]);
    session.snapshot(at(2 * SECOND), instrument, SNAPSHOT, &mut out);
    assert_eq!(words(&mut out), ["level", "level", "book live"]);
    assert_eq!(metrics.books_live.load(Relaxed), 1);

    session.frame(LINE, at(3 * SECOND), diff(102, 103).as_bytes(), &mut out);
    assert_eq!(words(&mut out), ["gap", "book resync"]);
    assert_eq!(session.wanted_snapshots(at(4 * SECOND)), [instrument]);

    session.disconnected(LINE, at(5 * SECOND), &mut out);
    session.disconnected(LINE, at(6 * SECOND), &mut out);
    assert_eq!(words(&mut out), ["disconnected", "book stale"]);
    session.connected(LINE, at(7 * SECOND), &mut out);
    assert_eq!(words(&mut out), ["connected", "book resync"]);

    assert_eq!(
        (metrics.gaps.load(Relaxed), metrics.resyncs.load(Relaxed)),
        (1, 1)
    );
    assert_eq!(
        (
            metrics.snapshots.load(Relaxed),
            metrics.snapshots_failed.load(Relaxed)
        ),
        (3, 1)
    );
    assert_eq!(
        (metrics.reconnects(), metrics.disconnects.load(Relaxed)),
        (1, 2)
    );
    assert_eq!(metrics.frames.load(Relaxed), 2);
    assert_eq!(metrics.records.load(Relaxed), 11);
}

#[test]
fn timers_tell_the_venues_time_and_not_ours() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let mut out = Vec::new();
    session.connected(LINE, at(0), &mut out);
    session.tick(at(SECOND), &mut out);
    assert_eq!(
        words(&mut out),
        ["connected", "book resync"],
        "no venue time, no timer"
    );
    session.frame(LINE, at(SECOND), diff(1, 2).as_bytes(), &mut out);
    for mono in [SECOND + SECOND / 4, 2 * SECOND, 5 * SECOND] {
        session.tick(at(mono), &mut out);
    }
    let told = 1_723_161_255 * SECOND;
    let timers: Vec<_> = out
        .iter()
        .map(|record| {
            assert_eq!(record.instrument(), InstrumentId::NONE);
            (record.ts_event().0 - told, TimerBody::of(record).interval)
        })
        .collect();
    // Half a second behind, but never behind what the venue has told.
    let expected = [
        (0, 0),
        (SECOND / 2, 3 * SECOND / 4),
        (7 * SECOND / 2, 3 * SECOND),
    ];
    assert_eq!(timers, expected);
    assert_eq!(out[2].ts_recv(), at(5 * SECOND).wall);
}

/// The stamps are of another year, and no frame waits for that, no clock is compared and no timer told.
#[test]
fn time_of_a_recording_passes_by_its_messages_alone() {
    let streams = "btcusdt@depth@100ms/btcusdt@trade";
    for (recorded, expected) in [
        ("true", ["connected", "book resync", "trade"].as_slice()),
        ("false", &["connected", "book resync"]),
    ] {
        let text = format!("ws://h:1/stream?streams={streams}&recorded={recorded}");
        let (feed, metrics) = (feed(&text), FeedMetrics::new());
        let mut session = Session::new(&feed, &metrics);
        let mut out = Vec::new();
        let year = 31_536_000 * SECOND;
        session.connected(LINE, at(year), &mut out);
        let trade = r#"{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":1,"p":"1.0","q":"1.0","T":1723161255342,"m":true}"#;
        session.frame(LINE, at(year), trade.as_bytes(), &mut out);
        assert_eq!(words(&mut out), expected, "{recorded}");
        session.tick(at(year + 2 * SECOND), &mut out);
        assert_eq!(words(&mut out).is_empty(), recorded == "true");
    }
}

#[test]
fn silence_is_pinged_and_then_given_up() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let advice = |session: &mut Session<'_>, second: DurationNs| {
        session.tick(at(second * SECOND), &mut Vec::new());
        session.advice(LINE, at(second * SECOND))
    };
    assert_eq!(advice(&mut session, 100), Advice::GoOn, "not connected");
    session.connected(LINE, at(100 * SECOND), &mut Vec::new());
    assert_eq!(advice(&mut session, 107), Advice::GoOn);
    assert_eq!(advice(&mut session, 108), Advice::Ping);
    session.alive(LINE, at(109 * SECOND));
    assert_eq!(advice(&mut session, 116), Advice::GoOn);
    assert_eq!(advice(&mut session, 123), Advice::Ping);
    let given_up = Advice::Reconnect("nothing came for 15 s".to_owned());
    assert_eq!(advice(&mut session, 124), given_up);
}

#[test]
fn a_bad_frame_is_named_and_numbered() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let mut out = Vec::new();
    session.connected(LINE, at(0), &mut out);
    out.clear();
    session.frame(LINE, at(1), diff(1, 2).as_bytes(), &mut out);
    session.frame(LINE, at(2), b"nonsense", &mut out);
    session.binary_frame(LINE, at(3), 5, &mut out);
    let bodies: Vec<_> = out
        .iter()
        .map(StatusBody::of)
        .map(|body| (body.from, body.detail))
        .collect();
    assert_eq!(
        bodies,
        [(2, Reason::Syntax as u64), (3, Reason::Binary as u64)]
    );
    assert_eq!(out[0].ts_event(), Ts(1_723_161_255 * SECOND));
    assert_eq!(metrics.bad_frames(Reason::Syntax), 1);
    assert_eq!(metrics.bad_frames_total(), 2);
    assert!(metrics.last_error().unwrap().contains("binary"));
}

#[test]
fn a_status_before_any_venue_time_says_that_its_time_is_ours() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let mut out = Vec::new();
    session.connected(LINE, at(5), &mut out);
    assert!(out.iter().all(|record| record.has(Flags::BAD_TIME)));
    assert_eq!(out[0].ts_event(), at(5).wall);
}

#[test]
fn clocks_that_differ_are_reported_once_a_connection() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let mut out = Vec::new();
    let frame = |session: &mut Session<'_>, mono, out: &mut Vec<Record>| {
        session.frame(LINE, at(mono), diff(1, 2).as_bytes(), out);
    };
    session.connected(LINE, at(0), &mut out);
    out.clear();
    frame(&mut session, 4 * SECOND, &mut out);
    assert!(out.is_empty(), "five seconds are still well");
    frame(&mut session, 4 * SECOND + 1, &mut out);
    assert_eq!(StatusBody::of(&out[1]).detail, 5_000_000_001);
    assert_eq!(words(&mut out), ["duplicate", "clock_skew"]);
    frame(&mut session, 9 * SECOND, &mut out);
    assert_eq!(words(&mut out), ["duplicate"]);
    session.connected(LINE, at(10 * SECOND), &mut out);
    frame(&mut session, 10 * SECOND, &mut out);
    assert_eq!(words(&mut out).last().unwrap(), "clock_skew");
}

#[test]
fn snapshots_that_fail_are_asked_for_ever_more_rarely() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let instrument = feed.symbols[0].instrument;
    session.connected(LINE, at(0), &mut Vec::new());
    session.frame(LINE, at(0), diff(90, 100).as_bytes(), &mut Vec::new());
    let mut asked = Vec::new();
    for second in 0..200 {
        if !session.wanted_snapshots(at(second * SECOND)).is_empty() {
            asked.push(second);
            session.snapshot_failed(instrument, "no answer");
        }
    }
    assert_eq!(asked, [0, 1, 3, 7, 15, 31, 63, 127, 191]);
}

/// A session of so many symbols, each of whose books wants its snapshot, and the instruments.
fn wanting<'m>(symbols: usize, metrics: &'m FeedMetrics) -> (Session<'m>, Vec<InstrumentId>) {
    let names: Vec<String> = (0..symbols).map(|n| format!("S{n}USDT")).collect();
    let feed = feed(&format!("binance:{}", names.join(",")));
    let mut session = Session::new(&feed, metrics);
    session.connected(LINE, at(0), &mut Vec::new());
    for name in names {
        let text = diff(90, 100).replace("BTCUSDT", &name);
        session.frame(LINE, at(0), text.as_bytes(), &mut Vec::new());
    }
    let instruments = feed.symbols.iter().map(|symbol| symbol.instrument);
    (session, instruments.collect())
}

#[test]
fn a_few_snapshots_are_under_way_at_a_time() {
    let metrics = FeedMetrics::new();
    let (mut session, all) = wanting(6, &metrics);
    assert_eq!(session.wanted_snapshots(at(0)), all[..4]);
    assert!(session.wanted_snapshots(at(100 * SECOND)).is_empty());
    session.snapshot(at(1), all[2], SNAPSHOT, &mut Vec::new());
    assert_eq!(session.wanted_snapshots(at(1)), [all[4]]);
    // The one that failed has to wait, the last one does not.
    session.snapshot_failed(all[0], "no answer");
    assert_eq!(session.wanted_snapshots(at(2)), [all[5]]);
    session.snapshot(at(2), all[1], SNAPSHOT, &mut Vec::new());
    assert_eq!(session.wanted_snapshots(at(SECOND)), [all[0]]);
}

#[test]
fn no_snapshot_is_asked_for_while_the_venue_wants_fewer_requests() {
    let cases = [
        (429, Some(7), 7),
        (418, Some(120), 120),
        (429, None, 30),
        (418, None, 30),
        (429, Some(300), 300),
        (429, Some(301), 300),
        (429, Some(u64::MAX), 300),
        (418, Some(3_600), 3_600),
        (418, Some(259_200), 3_600),
    ];
    for (status, retry_after, held) in cases {
        let metrics = FeedMetrics::new();
        let (mut session, all) = wanting(6, &metrics);
        assert_eq!(session.wanted_snapshots(at(0)), all[..4]);
        let retry_after = retry_after.map(Duration::from_secs);
        session.snapshot_refused(at(SECOND), all[0], status, retry_after);
        // A shorter time does not end the longer one, nor does another connection.
        session.snapshot_refused(at(SECOND), all[1], 429, Some(Duration::ZERO));
        session.connected(LINE, at(2 * SECOND), &mut Vec::new());
        for symbol in 0..6 {
            let text = diff(90, 100).replace("BTCUSDT", &format!("S{symbol}USDT"));
            session.frame(LINE, at(2 * SECOND), text.as_bytes(), &mut Vec::new());
        }
        let end = (1 + held) * SECOND;
        assert!(session.wanted_snapshots(at(end - 1)).is_empty(), "{status}");
        assert_eq!(session.wanted_snapshots(at(end)), all[..4], "{status}");
        assert_eq!(metrics.snapshots_failed.load(Relaxed), 2);
    }
}

#[test]
fn another_refusal_holds_only_its_own_snapshot() {
    let metrics = FeedMetrics::new();
    let (mut session, all) = wanting(5, &metrics);
    assert_eq!(session.wanted_snapshots(at(0)), all[..4]);
    session.snapshot_refused(at(1), all[0], 503, Some(Duration::from_secs(60)));
    assert_eq!(session.wanted_snapshots(at(1)), [all[4]]);
}

#[test]
fn a_refusal_is_counted_and_kept_in_words() {
    let (feed, metrics) = (feed("binance:BTCUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let refusal = br#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#;
    session.frame(LINE, at(1), refusal, &mut Vec::new());
    assert_eq!(metrics.refusals.load(Relaxed), 1);
    assert!(metrics.last_error().unwrap().contains("Invalid request"));
}

#[test]
fn without_depth_there_is_no_book() {
    let text = "ws://h:1/stream?streams=btcusdt@trade";
    let (feed, metrics) = (feed(text), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let mut out = Vec::new();
    session.connected(LINE, at(0), &mut out);
    session.disconnected(LINE, at(1), &mut out);
    assert_eq!(words(&mut out), ["connected", "disconnected"]);
}

/// The sizes of the moments that it was given.
#[derive(Default)]
struct Moments(Vec<usize>);

impl MomentSink for Moments {
    fn push_moment(&mut self, records: &[Record]) {
        let marks = records.iter().map(|record| record.has(Flags::MORE));
        assert!(marks.eq((1..=records.len()).map(|at| at < records.len())));
        self.0.push(records.len());
    }
}

#[test]
fn a_connection_a_frame_a_reply_and_a_timer_are_a_moment_each() {
    let (feed, metrics) = (feed("binance:BTCUSDT,ETHUSDT"), FeedMetrics::new());
    let mut session = Session::new(&feed, &metrics);
    let mut out = Moments::default();
    let instrument = feed.symbols[0].instrument;
    let two = r#"[["10.00","1.0"],["10.01","2.0"]]"#;
    let wide = |first, last| diff(first, last).replace(r#"[["10.00","1.0"]]"#, two);
    let mut check = |expected: &[usize], act: &mut dyn FnMut(&mut Moments)| {
        act(&mut out);
        assert_eq!(std::mem::take(&mut out.0), expected);
    };
    // The connection and both books.
    check(&[3], &mut |out| session.connected(LINE, at(0), out));
    check(&[], &mut |out| {
        session.frame(LINE, at(1), wide(100, 101).as_bytes(), out)
    });
    // Two levels of the snapshot, two of the diff that waited, and the book's state.
    check(&[5], &mut |out| {
        session.snapshot(at(2), instrument, SNAPSHOT, out)
    });
    check(&[2], &mut |out| {
        session.frame(LINE, at(3), wide(102, 103).as_bytes(), out)
    });
    // A gap and the book's state.
    check(&[2], &mut |out| {
        session.frame(LINE, at(4), wide(105, 106).as_bytes(), out)
    });
    check(&[1], &mut |out| {
        session.frame(LINE, at(5), b"nonsense", out)
    });
    check(&[1], &mut |out| {
        session.tick(at(6), out);
    });
    check(&[3], &mut |out| session.disconnected(LINE, at(7), out));
    assert_eq!(metrics.records.load(Relaxed), 17);
}
