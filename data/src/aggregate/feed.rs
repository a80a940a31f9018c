//! Since when nothing was missed of an instrument: what its status records, quotes and times say of that. The same rules as the
//! core's market, which marks its bars by them.

use tickloom_types::{BookState, Flags, Kind, Record, SourceId, StatusBody, StatusCode, Ts};

/// What is known of the feed of one instrument.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FeedState {
    /// Since when no record was missed; `None` while some are.
    pub(super) since: Option<Ts>,
    /// The source of its records: its timers and status concern this instrument.
    pub(super) source: Option<SourceId>,
    book: Option<BookState>,
    is_quoted: bool,
}

impl FeedState {
    /// A trade, quote or level came.
    pub(super) fn arrive(&mut self, record: &Record) {
        self.source = Some(record.source());
        let is_venue_time = !record.has(Flags::BAD_TIME);
        let is_trusted = self.book.is_none_or(|state| state == BookState::Live);
        if self.since.is_none() && is_venue_time && is_trusted {
            self.since = Some(record.ts_event());
        }
        self.is_quoted |= record.kind() == Some(Kind::Quote);
    }

    /// A status came that concerns the instrument. Whether records are being missed since.
    pub(super) fn status(&mut self, record: &Record) -> bool {
        let status = StatusBody::of(record);
        let is_missing = match StatusCode::from_raw(status.code) {
            Some(StatusCode::Book) => {
                let Some(state) = BookState::from_raw(status.state) else {
                    return false;
                };
                self.book = Some(state);
                self.is_quoted &= state == BookState::Live;
                state != BookState::Live
            }
            Some(StatusCode::Disconnected | StatusCode::Started) => {
                if self.book.is_some() || self.is_quoted {
                    self.book = Some(BookState::Stale);
                }
                self.is_quoted = false;
                true
            }
            Some(StatusCode::Gap) => true,
            _ => false,
        };
        if is_missing {
            self.since = None;
        }
        is_missing
    }
}
