//! The venue's clock as its messages tell it, and the times that records get.

use super::endpoint::Venue;
use crate::course::Course;
use crate::decode_error::DecodeError;
use tickloom_types::{
    DurationNs, Flags, Header, InstrumentId, Kind, SourceId, StatusBody, StatusCode, Ts,
};

/// Times from here on are microseconds: as milliseconds they would be after the year 33,000.
pub(crate) const MICROS_MIN: i64 = 1_000_000_000_000_000;

/// What to do with a message without time while no venue time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untimed {
    /// Refuse it: messages with time are to come.
    Refuse,
    /// Use the time of arrival: nothing that is subscribed to has a time.
    Arrival,
}

/// A time that was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadTime {
    pub(crate) instrument: InstrumentId,
    /// How far ahead of the feed's own course, if above zero.
    pub(crate) ahead: DurationNs,
}

impl BadTime {
    /// What is said of it.
    pub(crate) fn status(self) -> StatusBody {
        StatusBody {
            code: StatusCode::ClockSkew as u16,
            count: 1,
            detail: self.ahead.unsigned_abs(),
            ..StatusBody::default()
        }
    }
}

/// The clock of one venue.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) venue: Venue,
    pub(super) source: SourceId,
    pub(super) untimed: Untimed,
    /// The latest time that the venue has told.
    pub(super) venue_time: Option<Ts>,
    /// By which times are judged; without it every time is believed.
    pub(super) course: Option<Course>,
    pub(super) bad_time: Option<BadTime>,
}

impl Clock {
    /// The header of a message whose other fields are all right: only then does its time move the venue's clock.
    pub(super) fn header(
        &mut self,
        kind: Kind,
        instrument: InstrumentId,
        times: (Option<i64>, Option<i64>),
        ts_recv: Ts,
    ) -> Result<Header, DecodeError> {
        let Some(told) = self.told(times) else {
            let ts_event = match (self.venue_time, self.untimed) {
                (Some(ts), _) => ts,
                (None, Untimed::Arrival) => ts_recv,
                (None, Untimed::Refuse) => return Err(DecodeError::NoVenueTime),
            };
            let header = Header::new(kind, instrument, self.source, ts_event, ts_recv);
            return Ok(header.with_flags(Flags::BAD_TIME));
        };
        let ts_event = self
            .instant(told)
            .ok_or(DecodeError::Time { value: told })?;
        if let Some(course) = &mut self.course
            && let Err(far) = course.judge(ts_event, ts_recv)
        {
            self.bad_time = Some(BadTime {
                instrument,
                ahead: far.0,
            });
            let ours = self.venue_time.unwrap_or(ts_recv);
            let header = Header::new(kind, instrument, self.source, ours, ts_recv);
            return Ok(header.with_flags(Flags::BAD_TIME));
        }
        self.venue_time = Some(ts_event);
        Ok(Header::new(
            kind,
            instrument,
            self.source,
            ts_event,
            ts_recv,
        ))
    }

    /// A time that a message tells: milliseconds or, of spot where that was asked for (`timeUnit=MICROSECOND`), microseconds, as its
    /// digits say.
    pub(super) fn instant(&self, told: i64) -> Option<Ts> {
        if told < 0 {
            return None;
        }
        match self.venue {
            Venue::Spot if told >= MICROS_MIN => told.checked_mul(1_000).map(Ts),
            _ => Ts::from_millis(told),
        }
    }

    /// Of a message's times, the one that orders all streams of the venue.
    pub(super) fn told(
        &self,
        (event_time, transaction_time): (Option<i64>, Option<i64>),
    ) -> Option<i64> {
        match self.venue {
            Venue::Spot => event_time,
            Venue::Usdm | Venue::Cm => transaction_time.or(event_time),
        }
    }
}
