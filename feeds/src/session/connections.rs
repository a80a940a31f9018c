//! What becomes of the feed's connections, and what should be done about them.

use super::line::Phase;
use super::{Advice, Now, Session, nanos, status};
use crate::binance::Channel;
use crate::book_sync::BookSync;
use crate::line::LineId;
use crate::status::in_words;
use std::sync::atomic::Ordering::Relaxed;
use tickloom_types::{
    DurationNs, Header, InstrumentId, MomentSink, NANOS_PER_SECOND, Record, StatusBody, StatusCode,
};

/// How long after a connection was replaced the new one may bring what the old one had brought, and nothing newer.
const OVERLAP_TIME: DurationNs = 10 * NANOS_PER_SECOND;

/// How long after a connection could not be replaced that is tried again.
const REPLACE_RETRY: DurationNs = 5 * NANOS_PER_SECOND;

impl Session<'_> {
    /// Whether a frame has come over the present connection.
    #[must_use]
    pub fn has_heard(&self, line: LineId) -> bool {
        let state = &self.states[line.0];
        state.is_open() && state.frame_number > 0
    }

    /// A connection was made.
    pub fn connected(&mut self, line: LineId, now: Now, sink: &mut impl MomentSink) {
        self.states[line.0].open(now, self.max_age);
        self.metrics.connects.fetch_add(1, Relaxed);
        for stream in &self.lines[line.0].streams {
            if let Some(at) = self.intake.place(stream.instrument) {
                self.intake.heard[at].forget(stream.channel);
            }
            if stream.channel == Channel::Depth {
                self.requests.restart(stream.instrument, now);
            }
        }
        self.overlap_until = None;
        self.intake.end_overlap();
        self.say(now, InstrumentId::NONE, status(StatusCode::Connected));
        self.each_book(line, now, |book, header, out| book.restart(header, out));
        self.hand_over(sink);
        self.show();
    }

    /// The connection is gone, by whoever's doing, or could not be made.
    pub fn disconnected(&mut self, line: LineId, now: Now, sink: &mut impl MomentSink) {
        self.metrics.disconnects.fetch_add(1, Relaxed);
        if !self.states[line.0].is_open() {
            // Whoever cannot be reached is not silent.
            self.states[line.0].silent = None;
            return;
        }
        self.release(sink);
        self.states[line.0].phase = Phase::Starting;
        let body = StatusBody {
            from: u64::try_from(self.states[line.0].last_arrival.wall.0).unwrap_or(0),
            to: u64::try_from(now.wall.0).unwrap_or(0),
            ..status(StatusCode::Disconnected)
        };
        if self.lines.len() == 1 {
            self.say(now, InstrumentId::NONE, body);
        } else {
            self.say_lost(line, now, body);
        }
        self.each_book(line, now, |book, header, out| book.stale(header, out));
        self.hand_over(sink);
        self.show();
    }

    /// One of several connections is gone: what it brought is missed, the rest goes on.
    fn say_lost(&mut self, line: LineId, now: Now, body: StatusBody) {
        for index in 0..self.lines[line.0].streams.len() {
            let stream = &self.lines[line.0].streams[index];
            let (instrument, is_trades) = (
                stream.instrument,
                matches!(stream.channel, Channel::Trade | Channel::AggTrade),
            );
            let others = &self.lines[line.0].streams[..index];
            if others.iter().any(|other| other.instrument == instrument) {
                continue;
            }
            let body = match is_trades {
                true => status(StatusCode::Gap),
                false => body,
            };
            self.say(now, instrument, body);
        }
    }

    /// The next connection has taken the place of the one before, which may be gone. What both bring is taken once.
    pub fn replaced(&mut self, line: LineId, now: Now) {
        self.states[line.0].open(now, self.max_age);
        self.metrics.connects.fetch_add(1, Relaxed);
        for stream in &self.lines[line.0].streams {
            self.intake.begin_overlap(stream.instrument, stream.channel);
        }
        self.overlap_until = Some(now.mono.saturating_add(OVERLAP_TIME));
    }

    /// The next connection could not be made.
    pub fn replace_failed(&mut self, line: LineId, now: Now) {
        let state = &mut self.states[line.0];
        state.is_replacing = false;
        state.replace_at = now.mono.saturating_add(REPLACE_RETRY);
    }

    fn each_book(
        &mut self,
        line: LineId,
        now: Now,
        mut on: impl FnMut(&mut BookSync, Header, &mut Vec<Record>),
    ) {
        let header = self.header(now);
        for ((instrument, book), own) in self.intake.books.iter_mut().zip(&self.book_lines) {
            if *own == Some(line.0) {
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

    /// Something came that is not a message: a pong.
    pub fn alive(&mut self, line: LineId, now: Now) {
        self.states[line.0].last_arrival = now;
    }

    /// A ping came, and is answered.
    pub fn pinged(&mut self, line: LineId, now: Now) {
        self.states[line.0].outgoing.sent(now.mono);
        self.alive(line, now);
    }

    /// What should be done about a connection: to be asked after each tick.
    pub fn advice(&mut self, line: LineId, now: Now) -> Advice {
        let state = &mut self.states[line.0];
        if !state.is_open() {
            return Advice::GoOn;
        }
        if let Some(cause) = state.give_up.take() {
            return Advice::Reconnect(cause);
        }
        let idle = nanos(self.idle_timeout);
        let quiet = now.mono.saturating_sub(state.last_arrival.mono);
        if quiet >= idle {
            let time = in_words(self.idle_timeout);
            return Advice::Reconnect(format!("nothing came for {time}"));
        }
        if now.mono >= state.replace_at && !state.is_replacing {
            state.is_replacing = true;
            return Advice::Replace;
        }
        let most = self.messages_per_second_max;
        if quiet >= idle / 2 && state.outgoing.may_send(now.mono, most) {
            state.outgoing.sent(now.mono);
            return Advice::Ping;
        }
        Advice::GoOn
    }
}
