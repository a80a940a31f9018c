//! The venue's time as the session tells it: by timers, and when it cannot be.

use super::{Now, Session, status};
use crate::line::LineId;
use crate::status::in_words;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tickloom_types::{
    DurationNs, Header, InstrumentId, Kind, NANOS_PER_SECOND, StatusBody, StatusCode, TimerBody, Ts,
};

/// How far timers stay behind the venue's clock, so that a message which is still on its way is not late.
const TIMER_GRACE: DurationNs = NANOS_PER_SECOND / 2;

/// How far the venue's clock and ours may differ before that is reported, once a connection.
const CLOCK_SKEW_MAX: DurationNs = 5 * NANOS_PER_SECOND;

impl Session<'_> {
    pub(super) fn push_timer(&mut self, now: Now) {
        let Some(venue_time) = self.intake.decoder.venue_time() else {
            return;
        };
        let elapsed = now.mono.saturating_sub(self.venue_time_at);
        let ahead = elapsed.saturating_sub(TIMER_GRACE).max(0);
        let ts_event = Ts(venue_time.0.saturating_add(ahead));
        let last = self.last_timer.replace(now.mono);
        let header = Header::new(
            Kind::Timer,
            InstrumentId::NONE,
            self.source,
            ts_event,
            now.wall,
        );
        let body = TimerBody {
            interval: last.map_or(0, |last| now.mono.saturating_sub(last)),
            ..TimerBody::default()
        };
        self.moment.push(body.record(header));
    }

    pub(super) fn compare_clocks(&mut self, line: LineId, now: Now, venue_time: Ts) {
        let lag = now.wall.0.saturating_sub(venue_time.0);
        self.metrics.lag.record(lag);
        if lag.saturating_abs() > CLOCK_SKEW_MAX && !self.states[line.0].is_skew_told {
            self.states[line.0].is_skew_told = true;
            let body = StatusBody {
                detail: lag.unsigned_abs(),
                ..status(StatusCode::ClockSkew)
            };
            self.say(now, InstrumentId::NONE, body);
        }
    }

    /// Tells, once a connection, that a time of the venue was not used.
    pub(super) fn tell_bad_time(&mut self, line: LineId, now: Now) {
        let Some(bad) = self.intake.decoder.take_bad_time() else {
            return;
        };
        self.metrics.bad_times.fetch_add(1, Relaxed);
        if std::mem::replace(&mut self.states[line.0].is_bad_time_told, true) {
            return;
        }
        self.say(now, bad.instrument, bad.status());
        let far = in_words(Duration::from_nanos(bad.ahead.unsigned_abs()));
        let side = if bad.ahead > 0 { "ahead of" } else { "behind" };
        let told =
            format!("a time of the venue is {far} {side} the feed's own course: it is not used");
        self.metrics.set_last_error(&told);
    }
}
