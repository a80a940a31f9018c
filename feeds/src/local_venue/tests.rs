use super::*;
use crate::samples::samples;
use crate::{FeedConfig, FeedMetrics, run_feed};
use std::sync::atomic::Ordering::Relaxed;
use tickloom_types::{Instruments, Record, Sink, StatusBody, StatusCode};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Hands records to the test.
struct Handover(UnboundedSender<Record>);

impl Sink for Handover {
    fn push(&mut self, record: Record) {
        self.0.send(record).expect("the test outlives the feed");
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

    /// Waits until the feed has read all that the venue sent, and stops it.
    async fn finish(mut self) -> (Vec<Record>, Arc<FeedMetrics>, LevelBook) {
        self.venue.finished().await;
        while self.metrics.frames.load(Relaxed) < self.venue.progress().sent {
            let record = self.records.recv().await.unwrap();
            self.seen.push(record);
        }
        let symbol = self.venue.symbols()[0].clone();
        let book = self.venue.book(&symbol).unwrap();
        self.stop.send_replace(true);
        self.feed.await.unwrap();
        while let Some(record) = self.records.recv().await {
            self.seen.push(record);
        }
        (self.seen, self.metrics, book)
    }
}

fn status(record: &Record) -> Option<StatusCode> {
    let is_status = record.kind() == Some(tickloom_types::Kind::Status);
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
        let run = Run::start(LocalVenueConfig::new(vec![sample.capture]), |_| {});
        let (records, metrics, book) = run.finish().await;
        assert_eq!(metrics.bad_frames_total(), 0, "{:?}", metrics.last_error());
        assert_eq!(metrics.gaps.load(Relaxed), 0);
        assert_eq!(metrics.syncs.load(Relaxed), 1);
        assert_eq!(metrics.reconnects(), 0);
        check_same_book(&records, &book);
        let frames = match sample.venue {
            Venue::Spot => 9_130,
            _ => 20_027,
        };
        assert_eq!(metrics.frames.load(Relaxed), frames);
        assert_eq!(metrics.records.load(Relaxed), records.len() as u64);
    }
}
