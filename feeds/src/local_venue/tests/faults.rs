//! The faults of hostile venues, over real sockets.

use super::*;
use crate::FeedState;
use crate::binance::Channel;

fn usdm_config() -> LocalVenueConfig {
    let [_, usdm] = samples();
    LocalVenueConfig {
        at_end: AtEnd::Close,
        ..LocalVenueConfig::new(vec![usdm.capture])
    }
}

/// Waits until the feed has said something like this of what it is at.
async fn until_said(run: &mut Run, text: &str) {
    loop {
        let (_, statuses) = run.metrics.statuses_since(0);
        if statuses
            .iter()
            .any(|status| status.to_string().contains(text))
        {
            return;
        }
        let record = run.records.recv().await.unwrap();
        run.seen.push(record);
    }
}

#[tokio::test]
async fn the_old_path_of_futures_acknowledges_and_stays_silent() {
    let venue = LocalVenue::start(usdm_config()).unwrap();
    let connect = async |path: &str| {
        let url = format!("{}{path}", venue.ws_url());
        tokio_tungstenite::connect_async(url).await.unwrap().0
    };
    let mut silent = [
        connect("/stream?streams=btcusdt@depth@0ms").await,
        connect("/market/stream?streams=btcusdt@depth@0ms").await,
        connect("/market/ws").await,
    ];
    let subscribe = r#"{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":1}"#;
    for socket in &mut silent {
        socket.send(Message::text(subscribe)).await.unwrap();
        let reply = socket.next().await.unwrap().unwrap();
        assert_eq!(reply.into_text().unwrap(), r#"{"result":null,"id":1}"#);
    }
    let mut public = connect("/public/ws/btcusdt@bookTicker").await;
    let mut frames = 0;
    while let Message::Text(_) = public.next().await.unwrap().unwrap() {
        frames += 1;
    }
    assert!(frames > 1_000);
    assert_eq!(venue.progress().sent, frames);
    for socket in &mut silent {
        let end = socket.next().await.unwrap().unwrap();
        assert!(matches!(end, Message::Close(_)), "{end:?}");
    }
}

#[tokio::test]
async fn of_two_connections_the_silent_one_is_named_and_the_book_goes_on() {
    let config = LocalVenueConfig {
        at_end: AtEnd::Hold,
        ..usdm_config()
    };
    let mut run = Run::start(config, |feed| {
        feed.channels = vec![Channel::Depth, Channel::AggTrade];
        feed.first_data_ms = 100;
    });
    until_said(
        &mut run,
        "silent: market: acknowledged but silent: nothing of btcusdt@aggTrade",
    )
    .await;
    let (records, metrics, book) = run.finish().await;
    assert_eq!(metrics.syncs.load(Relaxed), 1);
    assert!(metrics.silent_streams.load(Relaxed) <= 1);
    check_same_book(&records, &book);
}

#[tokio::test]
async fn a_subscription_that_is_only_acknowledged_is_named_and_tried_again() {
    let config = spot_config(vec![Fault::SilentAfterAck { connections: 1 }]);
    let mut run = Run::start(config, |feed| feed.first_data_ms = 100);
    until_said(
        &mut run,
        "silent: acknowledged but silent: nothing of btcusdt@depth@100ms",
    )
    .await;
    let (records, metrics, book) = run.finish().await;
    assert_eq!(metrics.reconnects(), 1);
    check_same_book(&records, &book);
}

#[tokio::test]
async fn a_venue_that_refuses_is_named_with_the_wait() {
    let run = Run::start(
        spot_config(vec![Fault::RefuseConnections { connections: 2 }]),
        |_| {},
    );
    let (records, metrics, book) = run.finish().await;
    let (_, statuses) = metrics.statuses_since(0);
    let waits = statuses
        .iter()
        .filter(|status| status.state == FeedState::Waiting);
    let reasons: Vec<&str> = waits.map(|status| status.reason.as_str()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(
        reasons
            .iter()
            .all(|reason| reason.starts_with("cannot connect: ") && reason.contains(", again in "))
    );
    check_same_book(&records, &book);
}

#[tokio::test]
async fn pings_without_end_cost_no_memory_and_no_connection() {
    let flood = Fault::PingFlood {
        at: 3_000,
        pings: 60_000,
    };
    let run = Run::start(spot_config(vec![flood]), |_| {});
    let (records, metrics, book) = run.finish().await;
    assert_eq!(metrics.reconnects(), 0);
    check_same_book(&records, &book);
}

#[tokio::test]
async fn a_venue_that_reads_nothing_is_left() {
    // More than the buffers of both sides hold, were every one answered.
    let deaf = Fault::NeverRead {
        at: 3_000,
        pings: 100_000,
    };
    let run = Run::start(spot_config(vec![deaf]), |feed| feed.idle_timeout_ms = 1_000);
    let (records, metrics, book) = run.finish().await;
    assert_eq!(metrics.reconnects(), 1);
    check_same_book(&records, &book);
}

#[tokio::test]
async fn absurd_ids_levels_and_sizes_are_refused_and_the_book_is_right_in_the_end() {
    let faults = vec![
        Fault::HugeId { at: 2_000 },
        Fault::ManyLevels {
            at: 3_000,
            levels: 17_000,
        },
        Fault::IdRestart { at: 4_000 },
        Fault::HugeFrame {
            at: 6_000,
            bytes: 5 << 20,
        },
    ];
    let run = Run::start(spot_config(faults), |_| {});
    let (records, metrics, book) = run.finish().await;
    assert_eq!(metrics.bad_frames(Reason::Value), 1);
    assert_eq!(metrics.bad_frames(Reason::TooLarge), 2);
    assert_eq!(metrics.id_restarts.load(Relaxed), 1);
    assert_eq!(metrics.reconnects(), 1, "after the frame of 5 MiB");
    check_same_book(&records, &book);
}

#[tokio::test]
async fn a_trade_of_tomorrow_moves_no_clock() {
    let faults = vec![
        Fault::FarAhead {
            at: 0,
            ms: 82_800_000,
        },
        Fault::FarAhead {
            at: 3_000,
            ms: 82_800_000,
        },
    ];
    let run = Run::start(spot_config(faults), |_| {});
    let (records, metrics, book) = run.finish().await;
    assert_eq!(metrics.bad_times.load(Relaxed), 2);
    let trades = records
        .iter()
        .filter(|record| record.kind() == Some(Kind::Trade));
    let bad = trades.filter(|record| record.has(Flags::BAD_TIME));
    assert_eq!(bad.count(), 2);
    let times = records.iter().filter(|record| !record.has(Flags::BAD_TIME));
    let times: Vec<i64> = times.map(|record| record.ts_event().0).collect();
    let span = times.iter().max().unwrap() - times.iter().min().unwrap();
    // The recording has 85 seconds; timers go on while the test runs.
    assert!(span < 3_600_000_000_000, "{span}");
    check_same_book(&records, &book);
}

#[tokio::test]
async fn snapshots_are_asked_for_again_and_never_elsewhere() {
    let faults = vec![
        Fault::SnapshotRedirected {
            snapshots: 1,
            to: "http://127.0.0.2:9/".to_owned(),
        },
        Fault::SnapshotRefused {
            snapshots: 2,
            status: 429,
            retry_after: 1,
        },
    ];
    let run = Run::start(spot_config(faults), |_| {});
    let (records, metrics, book) = run.finish().await;
    assert_eq!(metrics.snapshots_failed.load(Relaxed), 2);
    let (_, statuses) = metrics.statuses_since(0);
    let is_told = |status: &crate::FeedStatus| status.reason.contains("asked for in 1 s");
    assert!(statuses.iter().any(is_told), "{statuses:?}");
    check_same_book(&records, &book);
}

#[tokio::test]
async fn a_planned_end_loses_nothing() {
    let shutdown = Fault::Shutdown {
        at: 1_000,
        cut_at: 3_000,
    };
    let [spot, _] = samples();
    let whole = Run::start(LocalVenueConfig::new(vec![spot.capture]), |_| {})
        .finish()
        .await
        .0;
    let mut run = Run::start(spot_config(vec![shutdown]), |_| {});
    // The notice, all frames, and those that both connections bring.
    run.frames = 9_131;
    let (records, metrics, book) = run.finish().await;
    assert_eq!(metrics.connects.load(Relaxed), 2);
    assert_eq!(count(&records, StatusCode::Disconnected), 1, "at the end");
    assert_eq!(count(&records, StatusCode::Gap), 0);
    assert_eq!(states(&records), ["resync", "live", "stale"]);
    assert!(metrics.overlaps.load(Relaxed) > 0);
    let trades = |records: &[Record]| {
        let trades = records
            .iter()
            .filter(|record| record.kind() == Some(Kind::Trade));
        let ids: Vec<u64> = trades
            .map(|record| tickloom_types::TradeBody::of(record).trade_id)
            .collect();
        ids
    };
    let (ours, all) = (trades(&records), trades(&whole));
    // The last trades may still be on their way when the book is where it should be.
    assert!(ours.len() > 1_000 && all.starts_with(&ours[..ours.len().min(all.len())]));
    check_same_book(&records, &book);
}
