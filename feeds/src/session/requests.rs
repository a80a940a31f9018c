//! Which snapshots are asked for, and when.

use super::{Now, nanos};
use crate::book_sync::BookSync;
use crate::intake::Intake;
use crate::limits::SNAPSHOTS_IN_FLIGHT_MAX;
use crate::metrics::FeedMetrics;
use crate::status::in_words;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tickloom_types::{BookState, DurationNs, InstrumentId};

/// Each failure to get a snapshot doubles the wait before the next try, so often.
const DOUBLINGS_MAX: u32 = 6;

/// HTTP status of a request too many.
const TOO_MANY_REQUESTS: u16 = 429;
/// HTTP status of a venue that has banned us for going on after that.
const BANNED: u16 = 418;
/// How long requests are held after either, if the venue does not say.
const HOLD_DEFAULT: Duration = Duration::from_secs(30);
/// How long they are held at most, whatever it says: its limits count by the minute.
const HOLD_MAX: Duration = Duration::from_secs(300);
/// How long after a ban, whatever it says: one try an hour does not make it longer.
const HOLD_BANNED_MAX: Duration = Duration::from_secs(3_600);

/// The requests for one instrument's snapshot.
#[derive(Clone, Copy, Debug)]
struct Request {
    instrument: InstrumentId,
    in_flight: bool,
    not_before: DurationNs,
    /// Tries since the book was last live.
    tries: u32,
}

/// The requests for the snapshots of all books.
#[derive(Debug)]
pub(super) struct Requests {
    all: Vec<Request>,
    /// No snapshot is asked for before: the venue wants fewer requests. It outlives the connections.
    hold_until: DurationNs,
    hold_reason: Option<String>,
    /// Why the latest request brought nothing.
    failure: Option<String>,
    retry: DurationNs,
}

impl Requests {
    pub(super) fn new(books: impl Iterator<Item = InstrumentId>, retry: Duration) -> Requests {
        let request = |instrument| Request {
            instrument,
            in_flight: false,
            not_before: DurationNs::MIN,
            tries: 0,
        };
        Requests {
            all: books.map(request).collect(),
            hold_until: DurationNs::MIN,
            hold_reason: None,
            failure: None,
            retry: nanos(retry),
        }
    }

    /// How many books there are.
    pub(super) fn books(&self) -> usize {
        self.all.len()
    }

    /// Why there is no snapshot, if the venue gives none.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.hold_reason.as_deref().or(self.failure.as_deref())
    }

    /// The connection that the book follows was made again.
    pub(super) fn restart(&mut self, instrument: InstrumentId, now: Now) {
        self.failure = None;
        if let Some(request) = self.of(instrument) {
            request.in_flight = false;
            request.not_before = now.mono;
            request.tries = 0;
        }
    }

    /// The request was answered, or has failed for this reason.
    pub(super) fn done(&mut self, instrument: InstrumentId, failure: Option<&str>) {
        self.failure = failure.map(str::to_owned);
        if let Some(request) = self.of(instrument) {
            request.in_flight = false;
        }
    }

    fn of(&mut self, instrument: InstrumentId) -> Option<&mut Request> {
        let mut all = self.all.iter_mut();
        all.find(|request| request.instrument == instrument)
    }

    /// See [`super::Session::wanted_snapshots`].
    pub(super) fn wanted(
        &mut self,
        now: Now,
        intake: &Intake,
        metrics: &FeedMetrics,
    ) -> Vec<InstrumentId> {
        let mut wanted = Vec::new();
        if now.mono < self.hold_until {
            return wanted;
        }
        self.hold_reason = None;
        let in_flight = self.all.iter().filter(|request| request.in_flight);
        let mut free = SNAPSHOTS_IN_FLIGHT_MAX.saturating_sub(in_flight.count());
        for request in &mut self.all {
            let book = intake.book(request.instrument);
            if book.is_some_and(|book| book.state() == BookState::Live) {
                request.tries = 0;
            }
            let is_wanted = book.is_some_and(BookSync::wants_snapshot);
            let may_ask = !request.in_flight && request.not_before <= now.mono;
            if free > 0 && is_wanted && may_ask {
                free -= 1;
                let wait = self
                    .retry
                    .saturating_mul(1 << request.tries.min(DOUBLINGS_MAX));
                request.in_flight = true;
                request.not_before = now.mono.saturating_add(wait);
                request.tries += 1;
                metrics.snapshots.fetch_add(1, Relaxed);
                wanted.push(request.instrument);
            }
        }
        wanted
    }

    /// The venue refused a request. If that says that we ask too often, all wait, for as long as it says within bounds.
    /// Returns what there is to tell.
    pub(super) fn refused(
        &mut self,
        now: Now,
        status: u16,
        retry_after: Option<Duration>,
    ) -> String {
        let most = match status {
            TOO_MANY_REQUESTS => HOLD_MAX,
            BANNED => HOLD_BANNED_MAX,
            _ => return format!("the venue refused a snapshot with HTTP status {status}"),
        };
        let asked = retry_after.unwrap_or(HOLD_DEFAULT);
        let wait = asked.min(most);
        let mut text = format!(
            "the venue refused a snapshot with HTTP status {status}: the next is asked for in {}",
            in_words(wait)
        );
        if asked > most {
            text.push_str(&format!(" and not in {}, as it says", in_words(asked)));
        }
        let until = now.mono.saturating_add(nanos(wait));
        if until > self.hold_until {
            self.hold_until = until;
            self.hold_reason = Some(text.clone());
        }
        text
    }
}
