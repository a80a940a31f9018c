//! The publisher and the subscriber over real TCP on the loopback: delivery, losses, restarts, heartbeats, bad peers.
//!
//! Both ends are driven by one thread, so that each test is one order of events; a second thread is needed nowhere.

use crate::support::{EPOCH, names, publisher, publisher_with, signal, subscribe, sync, trade};
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;
use tickloom_types::{Header, InstrumentId, Kind, Record, SourceId, TimerBody, Ts};
use tickloom_wire::{
    Encoding, NO_RECORD, Payload, PublishItem, Publisher, PublisherConfig, Received, Retracted,
    RunPosition, Session, StatePart, Subscriber, SubscriberConfig, WireError, run_id,
};

/// Far longer than anything here takes: a failed test ends, it does not hang.
const PATIENCE: Duration = Duration::from_secs(20);
const A_MOMENT: Duration = Duration::from_millis(5);

fn publish(publisher: &mut Publisher, record: Record) {
    publish_as(publisher, record, 5);
}

fn publish_as(publisher: &mut Publisher, record: Record, number: u64) {
    let item = PublishItem {
        record,
        number,
        ts_output: Ts(20),
        ts_publish: Ts(30),
    };
    publisher.publish(&item).unwrap();
}

fn next(subscriber: &mut Subscriber) -> Received {
    subscriber
        .recv(PATIENCE)
        .unwrap()
        .expect("a message in time")
}

/// The next message that carries a record.
fn next_record(subscriber: &mut Subscriber) -> Received {
    loop {
        let received = next(subscriber);
        if received.message.envelope.kind != NO_RECORD {
            return received;
        }
    }
}

#[test]
fn every_subscribed_message_arrives_once_and_in_order() {
    let mut publisher = publisher();
    let mut subscriber = subscribe(&publisher, &["signal/"]);
    sync(&mut publisher, &mut subscriber);
    for n in 1..=1_000 {
        publish(&mut publisher, signal(0, n));
        publish(&mut publisher, trade(n));
        publish(&mut publisher, signal(1, n));
    }
    for n in 1..=1_000 {
        for (index, topic) in [(0, "signal/fast"), (1, "signal/slow")] {
            let received = next_record(&mut subscriber);
            assert_eq!(received.message.topic, topic);
            assert_eq!(received.message.payload, Payload::Record(signal(index, n)));
            assert_eq!((received.missed(), received.observed.restarted), (0, false));
            let envelope = received.message.envelope;
            assert_eq!(envelope.topic_seq, u64::try_from(n).unwrap());
            assert_eq!((envelope.epoch, envelope.kind), (EPOCH, 64));
            assert_eq!((envelope.number, envelope.run), (5, 0));
            assert_eq!(envelope.encoding, Encoding::Record);
            let times = [envelope.ts_event, envelope.ts_recv, envelope.ts_output];
            assert_eq!((times, envelope.ts_publish), ([n, n + 1, 20], 30));
        }
    }
    let metrics = publisher.metrics();
    assert_eq!(
        (metrics.records, metrics.topics, metrics.hellos),
        (3_000, 3, 1)
    );
    assert_eq!(metrics.json, 0, "nobody asked for JSON, so none was made");
}

#[test]
fn json_is_made_while_somebody_listens() {
    let mut publisher = publisher();
    publish(&mut publisher, signal(0, 1));
    let mut subscriber = subscribe(&publisher, &["json/signal/"]);
    sync(&mut publisher, &mut subscriber);
    publish(&mut publisher, signal(0, 2));
    publish(&mut publisher, trade(3));
    let received = next_record(&mut subscriber);
    assert_eq!(received.message.topic, "json/signal/fast");
    assert_eq!(
        received.message.envelope.topic_seq, 2,
        "one sequence for both encodings"
    );
    assert_eq!(received.missed(), 0);
    let Payload::Json(text) = received.message.payload else {
        panic!("{received:?}");
    };
    assert!(text.contains(r#""signal":"fast","value":1.0"#), "{text}");
    assert_eq!(publisher.metrics().json, 1);

    drop(subscriber);
    while publisher.metrics().subscriptions > 0 {
        assert!(!publisher.wait_for_subscriber("trade/", A_MOMENT).unwrap());
    }
    publish(&mut publisher, signal(0, 3));
    assert_eq!(publisher.metrics().json, 1);
}

#[test]
fn a_stalled_subscriber_slows_nobody_and_counts_its_losses() {
    const PUBLISHED: u64 = 200_000;
    let mut publisher = publisher_with(|config| config.high_water_mark = 100);
    let mut stalled = Subscriber::connect(&SubscriberConfig {
        high_water_mark: 100,
        ..SubscriberConfig::new(publisher.endpoint(), &["signal/"])
    })
    .unwrap();
    sync(&mut publisher, &mut stalled);
    // The subscriber does not read until all is published: that this loop ends shows that nobody waited for it.
    for n in 1..=PUBLISHED {
        publish(&mut publisher, signal(0, i64::try_from(n).unwrap()));
    }
    let (mut seen, mut missed, mut last) = (0, 0, 0);
    let mut now = Ts(0);
    // A heartbeat that is published while the queue is still full is lost as well, so they go on until one arrives.
    while seen + missed < PUBLISHED {
        now = Ts(now.0 + 10_000_000_000);
        publisher.poll(now).unwrap();
        while let Some(received) = stalled.recv(A_MOMENT).unwrap() {
            missed += received.missed();
            if received.message.envelope.kind != NO_RECORD {
                seen += 1;
                assert!(received.message.envelope.topic_seq > last, "in order");
                last = received.message.envelope.topic_seq;
            }
        }
        assert!(
            now.0 < 20_000_000_000_000,
            "no heartbeat came: {seen} {missed}"
        );
    }
    assert_eq!(seen + missed, PUBLISHED);
    assert!(missed > 0, "the queue of 100 cannot have held {PUBLISHED}");
    assert!(seen >= 100, "what had room in the queue arrived: {seen}");
}

#[test]
fn a_fast_subscriber_beside_a_stalled_one_loses_nothing() {
    let mut publisher = publisher();
    let mut stalled = Subscriber::connect(&SubscriberConfig {
        high_water_mark: 1,
        ..SubscriberConfig::new(publisher.endpoint(), &["trade/"])
    })
    .unwrap();
    let mut fast = subscribe(&publisher, &["trade/"]);
    sync(&mut publisher, &mut stalled);
    sync(&mut publisher, &mut fast);
    for n in 1..=20_000 {
        publish(&mut publisher, trade(n));
        if n % 100 == 0 {
            for n in n - 99..=n {
                let received = next_record(&mut fast);
                assert_eq!(received.message.payload, Payload::Record(trade(n)));
                assert_eq!(received.missed(), 0);
            }
        }
    }
}

#[test]
fn a_restart_is_a_new_epoch() {
    let mut first = publisher();
    let endpoint = first.endpoint().to_owned();
    let mut subscriber = subscribe(&first, &["signal/"]);
    sync(&mut first, &mut subscriber);
    publish(&mut first, signal(0, 1));
    assert!(!next_record(&mut subscriber).observed.restarted);
    drop(first);

    let config = PublisherConfig::new(&endpoint, EPOCH + 1);
    let mut second = Publisher::bind(&config, names()).unwrap();
    publish(&mut second, signal(0, 2));
    publish(&mut second, signal(0, 3));
    let restarted = next_of_epoch(&mut second, &mut subscriber, EPOCH + 1);
    assert!(restarted.observed.restarted);
    assert_eq!(
        restarted.missed(),
        2,
        "published before the subscriber was back"
    );
    publish(&mut second, signal(0, 4));
    let received = next_record(&mut subscriber);
    assert_eq!((received.observed.restarted, received.missed()), (false, 0));
    assert_eq!(received.message.envelope.topic_seq, 3);
}

/// Drives both ends until the first message of this epoch is there: subscriptions are sent anew from within `recv`.
fn next_of_epoch(publisher: &mut Publisher, subscriber: &mut Subscriber, epoch: u64) -> Received {
    loop {
        publisher.poll(Ts(40)).unwrap();
        if let Some(received) = subscriber.recv(A_MOMENT).unwrap() {
            assert_eq!(received.message.envelope.epoch, epoch);
            return received;
        }
    }
}

/// The part of the run `r` that begins with input and output `first`.
fn session(first: u64, retracted: Vec<Retracted>) -> Session {
    let place = RunPosition {
        inputs: first,
        outputs: first,
    };
    Session {
        run: Some("r".to_owned()),
        topic_base: 2 * first,
        first: place,
        watermark: RunPosition::default(),
        retracted,
    }
}

#[test]
fn a_run_that_goes_on_takes_back_by_name_what_a_crash_lost() {
    let mut first = publisher_with(|config| config.session = session(0, Vec::new()));
    let endpoint = first.endpoint().to_owned();
    let mut subscriber = subscribe(&first, &["signal/"]);
    sync(&mut first, &mut subscriber);
    for number in [0, 1, 2] {
        publish_as(&mut first, signal(0, 1), number);
        let envelope = next_record(&mut subscriber).message.envelope;
        assert_eq!((envelope.number, envelope.run), (number, run_id("r")));
    }
    first.set_watermark(RunPosition {
        inputs: 9,
        outputs: 1,
    });
    first.poll(Ts(10_000_000_000)).unwrap();
    let Payload::Announcement(state) = next(&mut subscriber).message.payload else {
        panic!("no heartbeat");
    };
    assert_eq!(state.session, *first.session());
    assert_eq!(state.session.watermark.outputs, 1);
    drop(first);

    let gone = Retracted {
        inputs: 9..50,
        outputs: 2..50,
    };
    let mut config = PublisherConfig::new(&endpoint, EPOCH + 1);
    config.session = session(50, vec![gone]);
    let mut second = Publisher::bind(&config, names()).unwrap();
    let received = next_of_epoch(&mut second, &mut subscriber, EPOCH + 1);
    assert!(received.observed.restarted);
    let continued = received.observed.continued.unwrap();
    assert_eq!(continued.run, "r");
    assert_eq!(continued.retracted_outputs, std::slice::from_ref(&(2..3)));
    assert_eq!(continued.unseen_outputs, []);
    publish_as(&mut second, signal(0, 2), 50);
    let received = next_record(&mut subscriber);
    assert_eq!(received.missed(), 0);
    let envelope = received.message.envelope;
    assert_eq!((envelope.topic_seq, envelope.number), (101, 50));
}

/// The next message of a state, as it is in bytes.
fn next_state(subscriber: &mut Subscriber) -> StatePart {
    loop {
        match next(subscriber).message.payload {
            Payload::State(part) => return part,
            Payload::Announcement(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn whoever_comes_late_gets_the_state_between_what_is_in_it_and_what_is_not() {
    let mut publisher = publisher_with(|config| config.session = session(0, Vec::new()));
    publish_as(&mut publisher, signal(0, 1), 0);
    assert!(!publisher.is_state_awaited());
    let mut early = subscribe(&publisher, &["signal/"]);
    sync(&mut publisher, &mut early);
    assert!(publisher.is_state_awaited());
    let after_one = RunPosition {
        inputs: 1,
        outputs: 1,
    };
    publisher
        .answer_with_state(after_one, &[signal(0, 1)], Ts(2))
        .unwrap();
    assert!(!publisher.is_state_awaited());
    publish_as(&mut publisher, signal(0, 2), 1);
    let part = next_state(&mut early);
    assert_eq!(
        (part.next, part.records.as_slice()),
        (after_one, &[signal(0, 1)][..])
    );
    assert!(part.is_last());
    assert_eq!(next_record(&mut early).message.envelope.number, 1);

    // One that comes later has an answer of its own, and the first hears nothing of it.
    let mut late = subscribe(&publisher, &["signal/"]);
    sync(&mut publisher, &mut late);
    let after_two = RunPosition {
        inputs: 2,
        outputs: 2,
    };
    let many: Vec<Record> = (0..40_000).map(|_| signal(0, 2)).collect();
    publisher
        .answer_with_state(after_two, &many, Ts(3))
        .unwrap();
    publish_as(&mut publisher, signal(0, 3), 2);
    let mut came = 0;
    loop {
        let part = next_state(&mut late);
        assert_eq!(
            (part.next, part.from, part.total),
            (after_two, came, 40_000)
        );
        came += u32::try_from(part.records.len()).unwrap();
        if part.is_last() {
            break;
        }
    }
    assert_eq!(came, 40_000);
    assert_eq!(next_record(&mut late).message.envelope.number, 2);
    assert_eq!(next_record(&mut early).message.envelope.number, 2);
}

#[test]
fn a_hello_as_json_is_answered_as_json() {
    let mut publisher = publisher();
    let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
    socket.set_subscribe(b"json/~hello/me").unwrap();
    socket.connect(publisher.endpoint()).unwrap();
    while !publisher.is_state_awaited() {
        publisher.poll(Ts(1)).unwrap();
    }
    let next = RunPosition::default();
    publisher
        .answer_with_state(next, &[signal(0, 1)], Ts(2))
        .unwrap();
    for kind in ["hello", "state"] {
        let parts = socket.recv_multipart(0).unwrap();
        assert_eq!(parts[0], b"json/~hello/me");
        let value: serde_json::Value = serde_json::from_slice(&parts[2]).unwrap();
        assert_eq!(value["kind"], kind);
    }
}

#[test]
fn one_that_has_gone_is_not_waited_for() {
    let mut publisher = publisher();
    let subscriber = subscribe(&publisher, &["signal/"]);
    while !publisher.is_state_awaited() {
        publisher.poll(Ts(1)).unwrap();
    }
    drop(subscriber);
    while publisher.is_state_awaited() {
        publisher.poll(Ts(2)).unwrap();
    }
}

#[test]
fn the_first_message_of_an_epoch_tells_its_session() {
    let mut publisher = publisher_with(|config| config.session = session(7, Vec::new()));
    let mut subscriber = subscribe(&publisher, &["json/epoch"]);
    // Nothing is sent before the first look, so whoever has subscribed by then gets it.
    while !publisher
        .wait_for_subscriber("json/epoch", A_MOMENT)
        .unwrap()
    {
        subscriber.recv(A_MOMENT).unwrap();
    }
    publish(&mut publisher, signal(0, 1));
    let Received { message, .. } = next(&mut subscriber);
    assert_eq!(
        (message.topic.as_str(), message.envelope.kind),
        ("epoch", 0)
    );
    let Payload::Announcement(state) = message.payload else {
        panic!("{message:?}");
    };
    assert_eq!(
        (state.session, state.topics),
        (session(7, Vec::new()), vec![])
    );
    let Received { message, .. } = next(&mut subscriber);
    assert_eq!(message.topic, "json/epoch");
    let Payload::Json(text) = message.payload else {
        panic!("{message:?}");
    };
    assert!(text.contains(r#""run":"r","topic_base":14"#), "{text}");
}

#[test]
fn a_runs_name_that_is_none_is_refused() {
    let mut config = PublisherConfig::new("tcp://127.0.0.1:0", 1);
    config.session.run = Some("a/b".to_owned());
    let error = Publisher::bind(&config, names()).err().expect("refused");
    let expected = "expected 1 to 64 of letters, digits and . - _";
    assert_eq!(error.to_string(), format!("run name \"a/b\": {expected}"));
}

#[test]
fn connections_that_are_too_many_are_closed_and_a_free_place_is_taken_again() {
    let mut publisher = publisher_with(|config| config.connections_max = 2);
    let mut first = subscribe(&publisher, &["signal/"]);
    sync(&mut publisher, &mut first);
    let mut second = subscribe(&publisher, &["signal/"]);
    sync(&mut publisher, &mut second);
    assert_eq!(publisher.metrics().connections, 2);

    let address = publisher.endpoint().trim_start_matches("tcp://").to_owned();
    let more: Vec<TcpStream> = (0..5)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    while publisher.metrics().connections_refused < 5 {
        publisher.poll(Ts(0)).unwrap();
        std::thread::yield_now();
    }
    for mut stream in more {
        // Its greeting may still come, then the end.
        let mut greeting = Vec::new();
        let ended = stream.read_to_end(&mut greeting);
        assert!(ended.is_err() || greeting.len() <= 64, "{greeting:?}");
    }
    publish(&mut publisher, signal(0, 1));
    assert_eq!(next_record(&mut first).missed(), 0);
    assert_eq!(next_record(&mut second).missed(), 0);

    drop(second);
    while publisher.metrics().connections > 1 {
        publisher.poll(Ts(0)).unwrap();
        std::thread::yield_now();
    }
    let mut third = subscribe(&publisher, &["signal/"]);
    sync(&mut publisher, &mut third);
    assert_eq!(publisher.metrics().connections, 2);
}

#[test]
fn heartbeats_come_at_their_interval_and_name_every_sequence() {
    let mut publisher = publisher_with(|config| config.heartbeat = 100);
    let mut subscriber = subscribe(&publisher, &["json/heartbeat"]);
    sync(&mut publisher, &mut subscriber);
    publish(&mut publisher, signal(0, 1));
    publish(&mut publisher, signal(0, 2));
    publish(&mut publisher, trade(3));
    let before = publisher.metrics().heartbeats;
    for now in [1_000, 1_050, 1_099, 1_100, 1_199, 1_200] {
        publisher.poll(Ts(now)).unwrap();
    }
    assert_eq!(publisher.metrics().heartbeats - before, 3);
    let mut beats = Vec::new();
    while beats.len() < 6 {
        let received = next(&mut subscriber);
        let Received { message, .. } = received;
        if message.envelope.ts_publish >= 1_000 {
            beats.push((message.topic, message.envelope.ts_publish, message.payload));
        }
    }
    for (pair, ts) in beats.chunks(2).zip([1_000, 1_100, 1_200]) {
        let (topic, at, Payload::Announcement(state)) = &pair[0] else {
            panic!("{pair:?}");
        };
        assert_eq!((topic.as_str(), *at), ("heartbeat", ts));
        let table = state.topics.iter();
        let table: Vec<_> = table.map(|t| (t.topic.as_str(), t.seq)).collect();
        assert_eq!(table, [("signal/fast", 2), ("trade/binance.BTCUSDT", 1)]);
        let Payload::Json(text) = &pair[1].2 else {
            panic!("{pair:?}");
        };
        let topics = r#""topics":{"signal/fast":2,"trade/binance.BTCUSDT":1}"#;
        assert!(text.contains(topics), "{text}");
    }
}

#[test]
fn heartbeats_go_on_when_the_clock_is_set_back() {
    const HOUR: i64 = 3_600_000_000_000;
    let mut publisher = publisher_with(|config| config.heartbeat = 100);
    let mut beats = Vec::new();
    for now in [
        HOUR + 1_000,
        HOUR + 1_050,
        1_050,
        1_100,
        1_149,
        1_150,
        HOUR + 1_150,
    ] {
        let before = publisher.metrics().heartbeats;
        publisher.poll(Ts(now)).unwrap();
        if publisher.metrics().heartbeats > before {
            beats.push(now);
        }
    }
    assert_eq!(beats, [HOUR + 1_000, 1_050, 1_150, HOUR + 1_150]);
}

#[test]
fn timers_have_no_topic_and_strangers_are_refused() {
    let mut publisher = publisher();
    let header =
        |kind, instrument| Header::new(kind, InstrumentId(instrument), SourceId(0), Ts(1), Ts(2));
    publish(
        &mut publisher,
        TimerBody::default().record(header(Kind::Timer, 0)),
    );
    assert_eq!(publisher.metrics().records, 0);
    let item = PublishItem {
        record: TimerBody::default().record(header(Kind::Trade, 99)),
        number: 0,
        ts_output: Ts(0),
        ts_publish: Ts(0),
    };
    assert_eq!(
        publisher.publish(&item).unwrap_err().to_string(),
        "record of kind 1: instrument is 99, and the names table has no such entry"
    );
}

#[test]
fn a_bad_endpoint_is_an_error_that_names_it() {
    for endpoint in [
        "nonsense",
        "tcp://no.such.host.invalid:x",
        "tcp://127.0.0.1:0\0",
    ] {
        let error = Publisher::bind(&PublisherConfig::new(endpoint, 1), names())
            .err()
            .expect("refused");
        assert!(
            matches!(error, WireError::Socket { action: "bind", .. }),
            "{error}"
        );
        assert!(error.to_string().starts_with(endpoint), "{error}");
    }
    assert!(Subscriber::connect(&SubscriberConfig::new("nonsense", &[])).is_err());
}

#[test]
fn messages_of_others_are_errors_and_the_subscriber_goes_on() {
    let stranger = zmq::Context::new().socket(zmq::XPUB).unwrap();
    stranger.bind("tcp://127.0.0.1:0").unwrap();
    let endpoint = stranger.get_last_endpoint().unwrap().unwrap();
    let config = SubscriberConfig::new(&endpoint, &["signal/"]);
    let mut subscriber = Subscriber::connect(&config).unwrap();
    // The hello sorts last, so once it is here, the other subscriptions are.
    while !stranger.recv_bytes(0).unwrap().starts_with(b"\x01~hello/") {}
    stranger.send("signal/fast", 0).unwrap();
    stranger
        .send_multipart(["signal/fast", "\x02hort", ""], 0)
        .unwrap();
    stranger
        .send_multipart([b"signal/fast".as_slice(), &[1; 56], &[0; 64]], 0)
        .unwrap();
    let errors = [
        "message of 1 parts, expected 3",
        "envelope of 5 bytes, expected 80",
        "protocol version 1, expected 2: the publisher is older than this client: update the publisher, or read it with a client of its release",
    ];
    for expected in errors {
        let error = subscriber.recv(PATIENCE).unwrap_err().to_string();
        assert_eq!(error, format!("{endpoint}: {expected}"));
    }
    assert_eq!(subscriber.recv(A_MOMENT).unwrap(), None);
}

#[test]
fn a_subscriber_to_everything_is_not_told_of_others() {
    let mut publisher = publisher();
    let mut all = subscribe(&publisher, &[""]);
    sync(&mut publisher, &mut all);
    let mut other = subscribe(&publisher, &["signal/"]);
    sync(&mut publisher, &mut other);
    publish(&mut publisher, signal(0, 1));
    let received = next_record(&mut all);
    assert_eq!(received.message.topic, "signal/fast");
    assert_eq!(next_record(&mut all).message.topic, "json/signal/fast");
}
