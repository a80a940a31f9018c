//! The state of one connection: what each frame, tick and loss of the socket means. Sans-I/O: time is an argument.
//!
//! `socket` (or a test) tells it what happened and asks what to do; what came of it goes into the sink as one moment. It never decides by the
//! wall clock, which it only passes on as `ts_recv`.

use crate::binance::{Reply, Symbol};
use crate::book_sync::BookSync;
use crate::config::Feed;
use crate::decode_error::DecodeError;
use crate::intake::{Intake, Taken};
use crate::limits::SNAPSHOTS_IN_FLIGHT_MAX;
use crate::metrics::FeedMetrics;
use crate::moment::push_moments;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tickloom_types::{
    BookState, DurationNs, Header, InstrumentId, Kind, MomentSink, NANOS_PER_SECOND, Record,
    SourceId, StatusBody, StatusCode, TimerBody, Ts,
};

/// How far timers stay behind the venue's clock, so that a message which is still on its way is not late.
const TIMER_GRACE: DurationNs = NANOS_PER_SECOND / 2;

/// How far the venue's clock and ours may differ before that is reported, once a connection.
const CLOCK_SKEW_MAX: DurationNs = 5 * NANOS_PER_SECOND;

/// Each failure to get a snapshot doubles the wait before the next try, so often.
const SNAPSHOT_DOUBLINGS_MAX: u32 = 6;

/// HTTP status of a request too many.
const TOO_MANY_REQUESTS: u16 = 429;
/// HTTP status of a venue that has banned us for going on after that.
const BANNED: u16 = 418;
/// How long requests are held after either, if the venue does not say.
const HOLD_DEFAULT: DurationNs = 30 * NANOS_PER_SECOND;
/// How long they are held at most, whatever it says: the venue's longest ban.
const HOLD_MAX: DurationNs = 3 * 86_400 * NANOS_PER_SECOND;

/// Room for the records of usual frames; a larger one makes more.
const MOMENT_CAPACITY: usize = 1_024;

/// The clocks, read once at the edge for each thing that happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: only ever written into `ts_recv`.
    pub wall: Ts,
    /// Nanoseconds of a clock that never goes back, from any start.
    pub mono: DurationNs,
}

/// What the socket should do after a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing.
    GoOn,
    /// Send a ping: it has been quiet.
    Ping,
    /// Give the connection up: it has been silent for too long.
    Reconnect,
}

/// The requests for one instrument's snapshot.
#[derive(Clone, Copy, Debug)]
struct Request {
    instrument: InstrumentId,
    in_flight: bool,
    not_before: DurationNs,
    /// Tries since the book was last live.
    tries: u32,
}

/// The state of one feed over all its connections.
#[derive(Debug)]
pub struct Session<'m> {
    source: SourceId,
    intake: Intake,
    /// One for each book; none if no books are kept.
    requests: Vec<Request>,
    /// No snapshot is asked for before: the venue wants fewer requests. It outlives the connection.
    hold_until: DurationNs,
    metrics: &'m FeedMetrics,
    idle_timeout: DurationNs,
    snapshot_retry: DurationNs,
    is_connected: bool,
    /// Number of the frame within the connection, from 1.
    frame_number: u64,
    last_arrival: Now,
    /// Arrival of the frame that told the venue's time last.
    venue_time_at: DurationNs,
    is_skew_told: bool,
    last_timer: Option<DurationNs>,
    /// What one call has made so far; empty between calls.
    moment: Vec<Record>,
}

impl<'m> Session<'m> {
    /// A session that is not connected yet.
    #[must_use]
    pub fn new(feed: &Feed, metrics: &'m FeedMetrics) -> Self {
        let request = |symbol: &Symbol| Request {
            instrument: symbol.instrument,
            in_flight: false,
            not_before: DurationNs::MIN,
            tries: 0,
        };
        let with_book = feed.symbols.iter().filter(|_| feed.has_depth());
        let symbols = feed.symbols.clone();
        Session {
            source: feed.source,
            intake: Intake::new(feed.venue, feed.source, symbols, feed.untimed()),
            requests: with_book.map(request).collect(),
            hold_until: DurationNs::MIN,
            metrics,
            idle_timeout: nanos(feed.idle_timeout),
            snapshot_retry: nanos(feed.snapshot_retry),
            is_connected: false,
            frame_number: 0,
            last_arrival: Now::default(),
            venue_time_at: 0,
            is_skew_told: false,
            last_timer: None,
            moment: Vec::with_capacity(MOMENT_CAPACITY),
        }
    }

    /// Whether a frame has come over the present connection.
    #[must_use]
    pub fn has_heard(&self) -> bool {
        self.is_connected && self.frame_number > 0
    }

    /// A connection was made.
    pub fn connected(&mut self, now: Now, sink: &mut impl MomentSink) {
        self.is_connected = true;
        self.is_skew_told = false;
        self.frame_number = 0;
        self.last_arrival = now;
        self.metrics.connects.fetch_add(1, Relaxed);
        self.say(now, status(StatusCode::Connected));
        for request in &mut self.requests {
            request.in_flight = false;
            request.not_before = now.mono;
            request.tries = 0;
        }
        self.each_book(now, |book, header, out| book.restart(header, out));
        self.hand_over(sink);
    }

    /// The connection is gone, by whoever's doing, or could not be made.
    pub fn disconnected(&mut self, now: Now, sink: &mut impl MomentSink) {
        self.metrics.disconnects.fetch_add(1, Relaxed);
        if !self.is_connected {
            return;
        }
        self.is_connected = false;
        let body = StatusBody {
            from: u64::try_from(self.last_arrival.wall.0).unwrap_or(0),
            to: u64::try_from(now.wall.0).unwrap_or(0),
            ..status(StatusCode::Disconnected)
        };
        self.say(now, body);
        self.each_book(now, |book, header, out| book.stale(header, out));
        self.hand_over(sink);
    }

    fn each_book(&mut self, now: Now, mut on: impl FnMut(&mut BookSync, Header, &mut Vec<Record>)) {
        let header = self.header(now);
        if !self.requests.is_empty() {
            for (instrument, book) in &mut self.intake.books {
                let instrument = instrument.0;
                let header = Header {
                    instrument,
                    ..header
                };
                on(book, header, &mut self.moment);
            }
        }
        self.publish_counts();
    }

    fn publish_counts(&self) {
        self.metrics.set_sync(self.intake.counts());
        self.metrics
            .books_live
            .store(self.intake.live() as u64, Relaxed);
    }

    /// Something came that is not a message: a ping or pong.
    pub fn alive(&mut self, now: Now) {
        self.last_arrival = now;
    }

    /// A text message came.
    pub fn frame(&mut self, now: Now, bytes: &[u8], sink: &mut impl MomentSink) {
        self.arrived(now, bytes.len());
        match self.intake.frame(now.wall, bytes, &mut self.moment) {
            Ok((taken, venue_time)) => {
                if let Some(venue_time) = venue_time {
                    self.venue_time_at = now.mono;
                    self.compare_clocks(now, venue_time);
                }
                match taken {
                    Taken::Diff(_) | Taken::Snapshot(_) => self.publish_counts(),
                    Taken::Reply(Reply::Refused(text)) => {
                        self.metrics.refusals.fetch_add(1, Relaxed);
                        self.metrics.set_last_error(&text);
                    }
                    Taken::Trade | Taken::Quote | Taken::Reply(Reply::Accepted) => {}
                }
            }
            Err(error) => self.bad_frame(now, &error),
        }
        self.hand_over(sink);
    }

    /// A binary message came, which no venue sends.
    pub fn binary_frame(&mut self, now: Now, bytes: usize, sink: &mut impl MomentSink) {
        self.arrived(now, bytes);
        self.bad_frame(now, &DecodeError::Binary { bytes });
        self.hand_over(sink);
    }

    /// The instruments whose snapshot should be fetched now, a few at a time; each is named once until its answer came or failed.
    pub fn wanted_snapshots(&mut self, now: Now) -> Vec<InstrumentId> {
        let mut wanted = Vec::new();
        let in_flight = self.requests.iter().filter(|request| request.in_flight);
        let mut free = SNAPSHOTS_IN_FLIGHT_MAX.saturating_sub(in_flight.count());
        if now.mono < self.hold_until {
            free = 0;
        }
        for request in &mut self.requests {
            let book = self.intake.book(request.instrument);
            if book.is_some_and(|book| book.state() == BookState::Live) {
                request.tries = 0;
            }
            let is_wanted = book.is_some_and(BookSync::wants_snapshot);
            let may_ask = !request.in_flight && request.not_before <= now.mono;
            if free > 0 && is_wanted && may_ask {
                free -= 1;
                let wait = self.snapshot_retry << request.tries.min(SNAPSHOT_DOUBLINGS_MAX);
                request.in_flight = true;
                request.not_before = now.mono.saturating_add(wait);
                request.tries += 1;
                self.metrics.snapshots.fetch_add(1, Relaxed);
                wanted.push(request.instrument);
            }
        }
        wanted
    }

    /// The answer to a request for a snapshot came.
    pub fn snapshot(
        &mut self,
        now: Now,
        instrument: InstrumentId,
        body: &[u8],
        sink: &mut impl MomentSink,
    ) {
        self.snapshot_done(instrument);
        let out = &mut self.moment;
        match self.intake.snapshot(now.wall, instrument, body, out) {
            Ok(()) => self.publish_counts(),
            Err(error) => {
                self.metrics.snapshots_failed.fetch_add(1, Relaxed);
                self.bad_frame(now, &error);
            }
        }
        self.hand_over(sink);
    }

    /// A request for a snapshot failed; it will be wanted again later.
    pub fn snapshot_failed(&mut self, instrument: InstrumentId) {
        self.metrics.snapshots_failed.fetch_add(1, Relaxed);
        self.snapshot_done(instrument);
    }

    /// A request for a snapshot was answered with another status than success. If that says that we ask too often, none is asked
    /// for until the time that the venue gave is over.
    pub fn snapshot_refused(
        &mut self,
        now: Now,
        instrument: InstrumentId,
        status: u16,
        retry_after: Option<Duration>,
    ) {
        if matches!(status, TOO_MANY_REQUESTS | BANNED) {
            let wait = retry_after.map_or(HOLD_DEFAULT, nanos).min(HOLD_MAX);
            self.hold_until = self.hold_until.max(now.mono.saturating_add(wait));
        }
        self.snapshot_failed(instrument);
    }

    /// A second has passed: a timer record, once the venue's time is known, and advice on the connection.
    pub fn tick(&mut self, now: Now, sink: &mut impl MomentSink) -> Advice {
        if let Some(venue_time) = self.intake.decoder.venue_time() {
            let elapsed = now.mono.saturating_sub(self.venue_time_at);
            let ahead = elapsed.saturating_sub(TIMER_GRACE).max(0);
            let ts_event = Ts(venue_time.0.saturating_add(ahead));
            let interval = self
                .last_timer
                .map_or(0, |last| now.mono.saturating_sub(last));
            self.last_timer = Some(now.mono);
            let header = Header::new(
                Kind::Timer,
                InstrumentId::NONE,
                self.source,
                ts_event,
                now.wall,
            );
            let body = TimerBody {
                interval,
                ..TimerBody::default()
            };
            self.moment.push(body.record(header));
            self.hand_over(sink);
        }
        let silent = now.mono.saturating_sub(self.last_arrival.mono);
        if !self.is_connected || silent < self.idle_timeout / 2 {
            Advice::GoOn
        } else if silent < self.idle_timeout {
            Advice::Ping
        } else {
            Advice::Reconnect
        }
    }

    fn compare_clocks(&mut self, now: Now, venue_time: Ts) {
        let lag = now.wall.0.saturating_sub(venue_time.0);
        self.metrics.lag.record(lag);
        if lag.saturating_abs() > CLOCK_SKEW_MAX && !self.is_skew_told {
            self.is_skew_told = true;
            let body = StatusBody {
                detail: lag.unsigned_abs(),
                ..status(StatusCode::ClockSkew)
            };
            self.say(now, body);
        }
    }

    fn arrived(&mut self, now: Now, bytes: usize) {
        self.last_arrival = now;
        self.frame_number += 1;
        self.metrics.frames.fetch_add(1, Relaxed);
        self.metrics.bytes.fetch_add(bytes as u64, Relaxed);
    }

    fn bad_frame(&mut self, now: Now, error: &DecodeError) {
        self.metrics.count_bad_frame(error.reason());
        self.metrics.set_last_error(error);
        let (number, out) = (self.frame_number, &mut self.moment);
        self.intake
            .report_bad(self.source, now.wall, number, error, out);
    }

    /// Adds a status of the whole source to the moment.
    fn say(&mut self, now: Now, body: StatusBody) {
        let header = self.header(now);
        self.moment.push(body.record(header));
    }

    /// What the call has made becomes a moment.
    fn hand_over(&mut self, sink: &mut impl MomentSink) {
        let records = self.moment.len() as u64;
        if records > 0 {
            self.metrics.records.fetch_add(records, Relaxed);
            push_moments(&mut self.moment, sink);
            self.moment.clear();
        }
    }

    fn snapshot_done(&mut self, instrument: InstrumentId) {
        for request in &mut self.requests {
            if request.instrument == instrument {
                request.in_flight = false;
            }
        }
    }

    fn header(&self, now: Now) -> Header {
        self.intake
            .status_header(InstrumentId::NONE, self.source, now.wall)
    }
}

fn status(code: StatusCode) -> StatusBody {
    StatusBody {
        code: code as u16,
        count: 1,
        ..StatusBody::default()
    }
}

fn nanos(duration: Duration) -> DurationNs {
    DurationNs::try_from(duration.as_nanos()).unwrap_or(DurationNs::MAX)
}

#[cfg(test)]
mod tests;
