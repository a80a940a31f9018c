//! The real feed against the real local venue over loopback sockets, with every fault.

mod faults;

use super::*;
use crate::Reason;
use crate::samples::samples;
use crate::{FeedConfig, FeedMetrics, FeedState, run_feed};
use futures_util::{SinkExt, StreamExt};
use std::sync::atomic::Ordering::Relaxed;
use tickloom_types::{
    BookState, Flags, Instruments, Kind, LevelBody, MomentSink, Record, StatusBody, StatusCode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;

/// Hands records to the test.
struct Handover(UnboundedSender<Record>);

impl MomentSink for Handover {
    fn push_moment(&mut self, records: &[Record]) {
        for record in records {
            self.0.send(*record).expect("the test outlives the feed");
        }
    }
}

/// A feed that runs against a local venue, and its records.
struct Run {
    venue: LocalVenue,
    metrics: Arc<FeedMetrics>,
    records: UnboundedReceiver<Record>,
    seen: Vec<Record>,
    stop: watch::Sender<bool>,
    feed: tokio::task::JoinHandle<()>,
    /// So many frames are waited for, too.
    frames: u64,
}

impl Run {
    fn start(config: LocalVenueConfig, adjust: impl FnOnce(&mut FeedConfig)) -> Run {
        let venue = LocalVenue::start(config).unwrap();
        let mut feed_config = FeedConfig::parse(&venue.feed_url()).unwrap();
        feed_config.reconnect_ms = 1;
        feed_config.snapshot_retry_ms = 1;
        adjust(&mut feed_config);
        let feed = feed_config.resolve(&mut Instruments::new()).unwrap();
        let metrics = Arc::new(FeedMetrics::new());
        let (stop, stopped) = watch::channel(false);
        let (push, records) = unbounded_channel();
        let counted = Arc::clone(&metrics);
        let feed = tokio::spawn(async move {
            run_feed(&feed, &mut Handover(push), stopped, &counted).await;
        });
        Run {
            venue,
            metrics,
            records,
            seen: Vec::new(),
            stop,
            feed,
            frames: 0,
        }
    }

    /// Reads records until one is as wanted.
    async fn until(&mut self, mut wanted: impl FnMut(&Record) -> bool) {
        while let Some(record) = self.records.recv().await {
            self.seen.push(record);
            if wanted(&record) {
                return;
            }
        }
        panic!("the feed ended");
    }

    /// Waits until the feed's book is where the venue's is at the end, and stops the feed.
    async fn finish(mut self) -> (Vec<Record>, Arc<FeedMetrics>, LevelBook) {
        self.venue.finished().await;
        let symbol = self.venue.symbols()[0].clone();
        let book = self.venue.book(&symbol).unwrap();
        let last_id = |record: &Record| LevelBody::of(record).last_id;
        let is_there = |record: &Record| {
            let is_level = record.kind() == Some(Kind::Level);
            is_level && last_id(record) == book.last_id && record.has(Flags::LAST)
        };
        if !self.seen.iter().any(is_there) {
            self.until(is_there).await;
        }
        while self.metrics.frames.load(Relaxed) < self.frames {
            let record = self.records.recv().await.unwrap();
            self.seen.push(record);
        }
        self.stop.send_replace(true);
        self.feed.await.unwrap();
        while let Some(record) = self.records.recv().await {
            self.seen.push(record);
        }
        (self.seen, self.metrics, book)
    }
}

fn status(record: &Record) -> Option<StatusCode> {
    let is_status = record.kind() == Some(Kind::Status);
    is_status.then(|| StatusCode::from_raw(StatusBody::of(record).code).unwrap())
}

fn book_of(records: &[Record]) -> LevelBook {
    let mut book = LevelBook::default();
    for record in records {
        book.apply(record);
    }
    book
}

/// The best levels of a book: a snapshot holds 1,000 a side, so that deeper ones may differ.
fn top(book: &LevelBook) -> Vec<(i64, i64)> {
    let copied = |(price, qty): (&i64, &i64)| (*price, *qty);
    let bids = book.bids.iter().rev().take(200).map(copied);
    bids.chain(book.asks.iter().take(200).map(copied)).collect()
}

fn check_same_book(records: &[Record], venue: &LevelBook) {
    let ours = book_of(records);
    assert_eq!(ours.last_id, venue.last_id);
    assert_eq!(top(&ours), top(venue));
}

#[tokio::test]
async fn a_feed_reads_the_whole_sample_over_a_real_socket() {
    for sample in samples() {
        let frames = match sample.venue {
            Venue::Spot => 9_130,
            _ => 20_027,
        };
        let mut run = Run::start(LocalVenueConfig::new(vec![sample.capture]), |_| {});
        run.frames = frames;
        let (records, metrics, book) = run.finish().await;
        assert_eq!(metrics.bad_frames_total(), 0, "{:?}", metrics.last_error());
        assert_eq!(metrics.gaps.load(Relaxed), 0);
        assert_eq!(metrics.syncs.load(Relaxed), 1);
        assert_eq!(metrics.reconnects(), 0);
        check_same_book(&records, &book);
        assert_eq!(metrics.frames.load(Relaxed), frames);
        assert_eq!(metrics.records.load(Relaxed), records.len() as u64);
    }
}

fn spot_config(faults: Vec<Fault>) -> LocalVenueConfig {
    let [spot, _] = samples();
    LocalVenueConfig {
        faults,
        ..LocalVenueConfig::new(vec![spot.capture])
    }
}

fn states(records: &[Record]) -> Vec<&'static str> {
    let books = records
        .iter()
        .filter(|record| status(record) == Some(StatusCode::Book));
    let state = |record| {
        BookState::from_raw(StatusBody::of(record).state)
            .unwrap()
            .name()
    };
    books.map(state).collect()
}

fn count(records: &[Record], code: StatusCode) -> usize {
    let of_code = |record: &&Record| status(record) == Some(code);
    records.iter().filter(of_code).count()
}

#[tokio::test]
async fn a_gap_is_seen_and_mended_from_a_snapshot() {
    let run = Run::start(
        spot_config(vec![Fault::Drop {
            from: 4_000,
            to: 4_500,
        }]),
        |_| {},
    );
    let (records, metrics, book) = run.finish().await;
    assert_eq!(count(&records, StatusCode::Gap), 1);
    assert_eq!(
        states(&records),
        ["resync", "live", "resync", "live", "stale"]
    );
    assert_eq!(
        metrics.resyncs.load(Relaxed),
        2,
        "after the gap and at the end"
    );
    assert_eq!(metrics.bad_frames_total(), 0);
    check_same_book(&records, &book);
}

#[tokio::test]
async fn a_cut_connection_is_made_again_and_the_book_rebuilt() {
    let run = Run::start(spot_config(vec![Fault::Disconnect { at: 3_000 }]), |_| {});
    let (records, metrics, book) = run.finish().await;
    assert_eq!(metrics.reconnects(), 1);
    assert_eq!(
        count(&records, StatusCode::Disconnected),
        2,
        "the cut and the end"
    );
    assert_eq!(
        states(&records),
        ["resync", "live", "stale", "resync", "live", "stale"]
    );
    check_same_book(&records, &book);
}

#[tokio::test]
async fn bad_frames_are_named_and_the_book_is_right_in_the_end() {
    let faults = vec![
        Fault::Truncate {
            at: 3_000,
            keep: 50,
        },
        Fault::Corrupt { at: 3_100, byte: 0 },
        Fault::Binary { at: 3_200 },
        Fault::Truncate { at: 3_300, keep: 0 },
    ];
    let run = Run::start(spot_config(faults), |_| {});
    let (records, metrics, book) = run.finish().await;
    assert_eq!(count(&records, StatusCode::BadFrame), 4);
    assert_eq!(metrics.bad_frames(Reason::Syntax), 3);
    assert_eq!(metrics.bad_frames(Reason::Binary), 1);
    check_same_book(&records, &book);
}

#[tokio::test]
async fn diffs_that_come_twice_or_in_the_wrong_order_leave_the_book_right() {
    // All frames of a stretch twice, and the next ones in pairs the other way round: diffs are among them.
    let twice = (2_000..2_400).map(|at| Fault::Duplicate { at });
    let swapped = (2_500..3_500).step_by(2).map(|at| Fault::Swap { at });
    let run = Run::start(spot_config(twice.chain(swapped).collect()), |_| {});
    let (records, metrics, book) = run.finish().await;
    assert!(metrics.duplicates.load(Relaxed) > 0);
    assert_eq!(
        count(&records, StatusCode::Duplicate) as u64,
        metrics.duplicates.load(Relaxed)
    );
    assert_eq!(metrics.bad_frames_total(), 0);
    check_same_book(&records, &book);
}

#[tokio::test]
async fn a_venue_that_falls_silent_is_left_and_tried_again() {
    let run = Run::start(spot_config(vec![Fault::Stall { at: 3_000 }]), |feed| {
        feed.idle_timeout_ms = 1_000;
    });
    let (records, metrics, book) = run.finish().await;
    assert!(metrics.reconnects() >= 1);
    assert!(states(&records).contains(&"stale"));
    check_same_book(&records, &book);
}

#[tokio::test]
async fn the_feed_stops_when_it_is_told_to_and_when_nobody_can_tell_it_any_more() {
    for is_told in [true, false] {
        let mut run = Run::start(spot_config(Vec::new()), |_| {});
        run.until(|record| status(record) == Some(StatusCode::Connected))
            .await;
        let Run {
            stop,
            feed,
            mut records,
            ..
        } = run;
        if is_told {
            stop.send_replace(true);
        }
        drop(stop);
        feed.await.unwrap();
        let mut last = None;
        while let Some(record) = records.recv().await {
            last = Some(record);
        }
        assert_eq!(states(&[last.unwrap()]), ["stale"]);
    }
}

#[tokio::test]
async fn a_venue_that_is_not_there_is_tried_again_until_the_end() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    // The same for TLS: it must fail as an error, with the one provider that is built in.
    for scheme in ["ws", "wss"] {
        let text = format!("{scheme}://{address}/stream?streams=btcusdt@trade");
        let mut config = FeedConfig::parse(&text).unwrap();
        config.reconnect_ms = 1;
        let feed = config.resolve(&mut Instruments::new()).unwrap();
        let metrics = Arc::new(FeedMetrics::new());
        let (stop, stopped) = watch::channel(false);
        let counted = Arc::clone(&metrics);
        let task = tokio::spawn(async move {
            run_feed(&feed, &mut Vec::new(), stopped, &counted).await;
        });
        while metrics.disconnects.load(Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
        task.await.unwrap();
        let error = metrics.last_error().unwrap();
        assert_eq!(error, "cannot connect: connection refused");
        assert_eq!(metrics.status().state, FeedState::Stopped);
        // Each attempt is two changes: connecting, and waiting.
        assert!(metrics.status_changes() >= 6);
    }
}

/// A plain HTTP request as text.
async fn get(venue: &LocalVenue, target: &str) -> String {
    let mut stream = TcpStream::connect(venue.address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_as_the_exchange_does() {
    let venue = LocalVenue::start(spot_config(Vec::new())).unwrap();
    for (target, status, code) in [
        ("/api/v3/depth?symbol=NONE", "400", "-1121"),
        ("/api/v3/depth?symbol=BTCUSDT&limit=0", "400", "-1130"),
        ("/api/v3/depth?symbol=BTCUSDT&limit=x", "400", "-1130"),
        ("/fapi/v1/depth?symbol=BTCUSDT", "404", "-1000"),
        ("no path", "404", "-1000"),
    ] {
        let answer = get(&venue, target).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(&format!("\"code\":{code},")), "{answer}");
    }
    let mut stream = TcpStream::connect(venue.address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_raw_connection_subscribes_by_request() {
    let venue = LocalVenue::start(spot_config(Vec::new())).unwrap();
    let url = format!("{}/ws", venue.ws_url());
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut ask = async |request: &str| {
        socket.send(Message::text(request)).await.unwrap();
        socket
            .next()
            .await
            .unwrap()
            .unwrap()
            .into_text()
            .unwrap()
            .to_string()
    };
    assert!(ask("nonsense").await.contains("Invalid JSON"));
    assert!(
        ask(r#"{"method":"DANCE","params":[],"id":1}"#)
            .await
            .contains("unknown method")
    );
    assert!(
        ask(r#"{"method":"SUBSCRIBE","params":["x"],"id":2}"#)
            .await
            .contains("unknown stream")
    );
    let subscribe = r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":"three"}"#;
    assert_eq!(ask(subscribe).await, r#"{"result":null,"id":"three"}"#);
    let first = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(
        first.starts_with(r#"{"e":"trade","E":1723161255343,"#),
        "{first}"
    );
}

#[tokio::test]
async fn the_connection_is_closed_in_good_order_at_the_end() {
    let [spot, _] = samples();
    let venue = LocalVenue::start(LocalVenueConfig {
        at_end: AtEnd::Close,
        ..LocalVenueConfig::new(vec![spot.capture])
    })
    .unwrap();
    let (mut socket, _) = tokio_tungstenite::connect_async(venue.feed_url())
        .await
        .unwrap();
    let mut frames = 0;
    while let Message::Text(_) = socket.next().await.unwrap().unwrap() {
        frames += 1;
    }
    venue.finished().await;
    assert_eq!(frames, venue.progress().sent);
    assert_eq!((frames, venue.error()), (9_130, None));
}

#[tokio::test]
async fn repeating_starts_again_from_the_first_frame() {
    let [spot, _] = samples();
    let venue = LocalVenue::start(LocalVenueConfig {
        at_end: AtEnd::Repeat,
        ..LocalVenueConfig::new(vec![spot.capture])
    })
    .unwrap();
    let mut firsts = Vec::new();
    for _ in 0..2 {
        let url = format!("{}/stream?streams=btcusdt@depth", venue.ws_url());
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        firsts.push(socket.next().await.unwrap().unwrap());
        while let Message::Text(_) = socket.next().await.unwrap().unwrap() {}
    }
    assert_eq!(firsts[0], firsts[1]);
}

#[test]
fn a_venue_needs_a_recording_and_a_speed() {
    let error = |config| LocalVenue::start(config).unwrap_err().to_string();
    assert!(error(LocalVenueConfig::new(Vec::new())).contains("at least one recording"));
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let config = LocalVenueConfig {
            speed: Speed::Times(speed),
            ..spot_config(Vec::new())
        };
        assert!(error(config).contains("expected a number above zero"));
    }
}
