//! The load venue against the real feed: what its ledger says is what arrives.

use super::*;
use crate::samples::samples;
use crate::{FeedConfig, FeedMetrics, run_feed};
use std::sync::atomic::Ordering::Relaxed;
use tickloom_types::{
    Flags, Instruments, Kind, LevelBody, MomentSink, QuoteBody, Record, TradeBody,
};

/// Adds up what a feed brings.
#[derive(Default)]
struct Adder {
    trades: Tally,
    quotes: Tally,
    levels: Tally,
    snapshots: u64,
}

impl MomentSink for &mut Adder {
    fn push_moment(&mut self, records: &[Record]) {
        for record in records {
            match record.kind() {
                Some(Kind::Trade) => self.trades.add(1, TradeBody::of(record).trade_id),
                Some(Kind::Quote) => self.quotes.add(1, QuoteBody::of(record).update_id),
                Some(Kind::Level) if record.has(Flags::SNAPSHOT) => self.snapshots += 1,
                Some(Kind::Level) => self.levels.add(1, LevelBody::of(record).last_id),
                _ => {}
            }
        }
    }
}

/// Runs a feed until it has read so many messages and all that were sent then.
fn run(channels: &[Channel], rate: u32, lose: u64, messages: u64) -> (Sent, Adder, FeedMetrics) {
    let [spot, _] = samples();
    let venue = LoadVenue::start(LoadConfig {
        capture: spot.capture,
        channels: channels.to_vec(),
        rate: NonZero::new(rate),
        lose,
    })
    .unwrap();
    let feed = FeedConfig::parse(&venue.feed_url())
        .unwrap()
        .resolve(&mut Instruments::new())
        .unwrap();
    let (metrics, mut adder) = (FeedMetrics::new(), Adder::default());
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let read = async {
            let arrived = || metrics.frames.load(Relaxed);
            while arrived() < messages {
                tokio::task::yield_now().await;
            }
            venue.end();
            while !venue.has_ended() || arrived() + lose < venue.sent().messages {
                tokio::task::yield_now().await;
            }
            stop.send_replace(true);
        };
        let mut sink = &mut adder;
        tokio::join!(run_feed(&feed, &mut sink, stopped, &metrics), read);
    });
    (venue.sent(), adder, metrics)
}

const ALL: [Channel; 3] = [Channel::Depth, Channel::BookTicker, Channel::Trade];

/// More than two rounds: ids go on, the book stays live, nothing is twice or missing.
#[test]
fn what_the_ledger_says_is_what_arrives() {
    let (sent, adder, metrics) = run(&ALL, 0, 0, 20_000);
    assert!(sent.messages >= 20_000, "{sent:?}");
    assert_eq!(adder.trades, sent.trades);
    assert_eq!(adder.quotes, sent.quotes);
    assert_eq!(adder.levels, sent.levels);
    assert!(adder.snapshots > 0);
    assert_eq!(
        (metrics.syncs.load(Relaxed), metrics.gaps.load(Relaxed)),
        (1, 0)
    );
    assert_eq!(metrics.bad_frames_total(), 0, "{:?}", metrics.last_error());
    assert!(metrics.bytes.load(Relaxed) < sent.bytes);
}

#[test]
fn without_depth_each_message_is_one_record() {
    let (sent, adder, _) = run(&[Channel::BookTicker, Channel::Trade], 0, 0, 20_000);
    assert_eq!(sent.events(), sent.messages);
    assert_eq!(adder.trades.count + adder.quotes.count, sent.messages);
    assert_eq!(adder.levels.count + sent.levels.count, 0);
}

#[test]
fn lost_trades_are_in_the_ledger_alone() {
    let (sent, adder, _) = run(&ALL, 50_000, 3, 10_000);
    assert_eq!(adder.trades.count + 3, sent.trades.count);
    assert_ne!(adder.trades.id_sum, sent.trades.id_sum);
    assert_eq!(adder.quotes, sent.quotes);
    assert_eq!(adder.levels, sent.levels);
}
