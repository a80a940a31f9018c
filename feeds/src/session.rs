//! The state of a feed over all its connections: what each frame, tick and loss of a socket means. Sans-I/O: time is an
//! argument.
//!
//! `socket` (or a test) tells it what happened and asks what to do; what came of it goes into the sink as one moment. It
//! never decides by the wall clock but one thing: whether a time that the venue tells can be (`course`). Otherwise the wall
//! clock is only passed on as `ts_recv`.

mod clocks;
mod connections;
mod frozen;
mod hold;
mod line;
mod requests;
mod show;

use crate::binance::{Channel, Reply, Symbol, Untimed};
use crate::config::Feed;
use crate::decode_error::DecodeError;
use crate::intake::{Intake, Taken};
use crate::limits::FRAME_BYTES_MAX;
use crate::line::{Line, LineId};
use crate::metrics::FeedMetrics;
use crate::moment::push_moments;
use frozen::Frozen;
use hold::Hold;
use line::LineState;
use requests::Requests;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tickloom_types::{
    DurationNs, Header, InstrumentId, MomentSink, Record, SourceId, StatusBody, StatusCode, Ts,
};

/// Room for the records of usual frames; a larger one makes more.
const MOMENT_CAPACITY: usize = 1_024;

/// The clocks, read once at the edge for each thing that happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: written into `ts_recv`, and what the venue's times are compared with.
    pub wall: Ts,
    /// Nanoseconds of a clock that never goes back, from any start.
    pub mono: DurationNs,
}

/// What should be done about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing.
    GoOn,
    /// Send a ping: it has been quiet.
    Ping,
    /// Make the next connection while this one goes on: it will be ended soon.
    Replace,
    /// Give the connection up, for this reason.
    Reconnect(String),
}

/// The state of one feed over all its connections.
#[derive(Debug)]
pub struct Session<'m> {
    source: SourceId,
    intake: Intake,
    lines: Vec<Line>,
    states: Vec<LineState>,
    /// The connection that each book follows, and what is known of it from a second ago, in the order of the books.
    book_lines: Vec<Option<usize>>,
    frozen: Vec<Frozen>,
    requests: Requests,
    hold: Hold,
    metrics: &'m FeedMetrics,
    idle_timeout: Duration,
    first_data: Duration,
    max_age: DurationNs,
    /// Time passes by the messages alone.
    is_recorded: bool,
    messages_per_second_max: usize,
    /// Until when two connections may bring the same.
    overlap_until: Option<DurationNs>,
    /// Arrival of the frame that told the venue's time last.
    venue_time_at: DurationNs,
    last_timer: Option<DurationNs>,
    /// What one call has made so far; empty between calls.
    moment: Vec<Record>,
}

impl<'m> Session<'m> {
    /// A session that is not connected yet.
    #[must_use]
    pub fn new(feed: &Feed, metrics: &'m FeedMetrics) -> Self {
        let symbols = feed.symbols.clone();
        let mut intake = Intake::new(feed.venue, feed.source, symbols, feed.untimed());
        if !feed.recorded {
            intake.decoder.watch_times();
        }
        let line_of = |instrument: InstrumentId| {
            feed.lines.iter().position(|line| {
                let mut streams = line.streams.iter();
                streams.any(|one| one.instrument == instrument && one.channel == Channel::Depth)
            })
        };
        let with_book = feed.symbols.iter().filter(|_| feed.has_depth());
        let with_book = with_book.map(|symbol: &Symbol| symbol.instrument);
        Session {
            source: feed.source,
            lines: feed.lines.clone(),
            states: feed.lines.iter().map(|_| LineState::new()).collect(),
            book_lines: intake.books.iter().map(|(id, _)| line_of(*id)).collect(),
            frozen: vec![Frozen::default(); intake.books.len()],
            intake,
            requests: Requests::new(with_book, feed.snapshot_retry),
            hold: Hold::new(feed.untimed() == Untimed::Refuse && !feed.recorded),
            metrics,
            idle_timeout: feed.idle_timeout,
            first_data: feed.first_data,
            max_age: nanos(feed.max_age),
            is_recorded: feed.recorded,
            messages_per_second_max: feed.venue.messages_per_second_max(),
            overlap_until: None,
            venue_time_at: 0,
            last_timer: None,
            moment: Vec::with_capacity(MOMENT_CAPACITY),
        }
    }

    fn publish_counts(&self) {
        self.metrics.set_sync(self.intake.counts());
        self.metrics
            .books_live
            .store(self.intake.live() as u64, Relaxed);
        self.metrics.overlaps.store(self.intake.overlaps(), Relaxed);
    }

    /// A text message came.
    pub fn frame(&mut self, line: LineId, now: Now, bytes: &[u8], sink: &mut impl MomentSink) {
        let number = self.arrived(line, now, bytes.len());
        if !self.hold.is_over() && self.holds(line, now, bytes, sink) {
            return;
        }
        self.take_frame(line, now, number, bytes);
        self.hand_over(sink);
    }

    fn take_frame(&mut self, line: LineId, now: Now, number: u64, bytes: &[u8]) {
        match self.intake.frame(now.wall, bytes, &mut self.moment) {
            Ok((taken, venue_time)) => {
                if let Some(venue_time) = venue_time.filter(|_| !self.is_recorded) {
                    self.venue_time_at = now.mono;
                    self.compare_clocks(line, now, venue_time);
                }
                match taken {
                    Taken::Diff(_) | Taken::Snapshot(_) => self.publish_counts(),
                    Taken::Reply(Reply::Refused(text)) => {
                        self.metrics.refusals.fetch_add(1, Relaxed);
                        self.metrics.set_last_error(&text);
                    }
                    Taken::Reply(Reply::Shutdown) => self.states[line.0].replace_at = now.mono,
                    Taken::Repeated => self.metrics.repeated.store(self.intake.repeated(), Relaxed),
                    Taken::Trade
                    | Taken::Quote
                    | Taken::OtherTrade { .. }
                    | Taken::Reply(Reply::Accepted) => {}
                }
            }
            Err(error) => self.bad_frame(now, number, &error),
        }
        self.tell_bad_time(line, now);
        if self.intake.take_news() {
            self.states[line.0].silent = None;
            self.show();
        }
    }

    /// A binary message came, which no venue sends.
    pub fn binary_frame(
        &mut self,
        line: LineId,
        now: Now,
        bytes: usize,
        sink: &mut impl MomentSink,
    ) {
        let number = self.arrived(line, now, bytes);
        self.bad_frame(now, number, &DecodeError::Binary { bytes });
        self.hand_over(sink);
    }

    /// A message came that is larger than any that is read. What follows it cannot be found any more.
    pub fn huge_frame(&mut self, line: LineId, now: Now, bytes: usize, sink: &mut impl MomentSink) {
        let number = self.arrived(line, now, 0);
        let error = DecodeError::TooLarge {
            what: "frame bytes",
            size: bytes,
            limit: FRAME_BYTES_MAX,
        };
        self.bad_frame(now, number, &error);
        self.hand_over(sink);
    }

    /// The instruments whose snapshot should be fetched now, a few at a time; each is named once until its answer came or failed.
    pub fn wanted_snapshots(&mut self, now: Now) -> Vec<InstrumentId> {
        self.requests.wanted(now, &self.intake, self.metrics)
    }

    /// The answer to a request for a snapshot came.
    pub fn snapshot(
        &mut self,
        now: Now,
        instrument: InstrumentId,
        body: &[u8],
        sink: &mut impl MomentSink,
    ) {
        self.requests.done(instrument, None);
        let out = &mut self.moment;
        match self.intake.snapshot(now.wall, instrument, body, out) {
            Ok(()) => self.publish_counts(),
            Err(error) => {
                self.metrics.snapshots_failed.fetch_add(1, Relaxed);
                self.bad_frame(now, 0, &error);
            }
        }
        self.tell_bad_time(LineId(0), now);
        self.hand_over(sink);
        self.show();
    }

    /// A request for a snapshot failed; it will be wanted again later.
    pub fn snapshot_failed(&mut self, instrument: InstrumentId, cause: &str) {
        self.metrics.set_last_error(&cause);
        self.metrics.snapshots_failed.fetch_add(1, Relaxed);
        self.requests.done(instrument, Some(cause));
        self.show();
    }

    /// A request for a snapshot was answered with another status than success. If that says that we ask too often, none is asked
    /// for until the time that the venue gave is over, within bounds.
    pub fn snapshot_refused(
        &mut self,
        now: Now,
        instrument: InstrumentId,
        status: u16,
        retry_after: Option<Duration>,
    ) {
        let told = self.requests.refused(now, status, retry_after);
        self.snapshot_failed(instrument, &told);
    }

    /// A second has passed: a timer record, once the venue's time is known, and a look at what does not move. Neither of a recording,
    /// whose seconds are not ours.
    pub fn tick(&mut self, now: Now, sink: &mut impl MomentSink) {
        if self.hold.has_waited(now) {
            self.release(sink);
        }
        if self.overlap_until.is_some_and(|until| now.mono >= until) {
            self.overlap_until = None;
            self.intake.end_overlap();
        }
        if !self.is_recorded {
            self.push_timer(now);
            self.watch_books(now);
        }
        self.watch_silence(now.mono);
        self.hand_over(sink);
        self.show();
    }

    /// Returns the frame's number within the connection.
    fn arrived(&mut self, line: LineId, now: Now, bytes: usize) -> u64 {
        let state = &mut self.states[line.0];
        state.last_arrival = now;
        state.frame_number += 1;
        self.metrics.frames.fetch_add(1, Relaxed);
        self.metrics.bytes.fetch_add(bytes as u64, Relaxed);
        state.frame_number
    }

    fn bad_frame(&mut self, now: Now, number: u64, error: &DecodeError) {
        self.metrics.count_bad_frame(error.reason());
        self.metrics.set_last_error(error);
        let out = &mut self.moment;
        self.intake
            .report_bad(self.source, now.wall, number, error, out);
    }

    /// Adds a status to the moment.
    fn say(&mut self, now: Now, instrument: InstrumentId, body: StatusBody) {
        let header = self.intake.status_header(instrument, self.source, now.wall);
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
