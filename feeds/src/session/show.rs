//! What the feed as a whole is at: of its connections the one that is worst.

use super::Session;
use super::line::Phase;
use crate::binance::Channel;
use crate::line::LineId;
use crate::status::{FeedState, FeedStatus, in_words};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tickloom_types::{DurationNs, InstrumentId};

/// Trades may be rare: they have so many times as long to come as books and quotes.
const TRADES_PATIENCE: u32 = 6;
/// After so many times the time in which data should have come, a connection without any is made again.
const GIVE_UP_AFTER: u32 = 3;

impl Session<'_> {
    /// Writes what the feed is at into its metrics, if that has changed.
    pub(super) fn show(&self) {
        self.metrics.set_status(self.status());
    }

    fn status(&self) -> FeedStatus {
        let named = |index: usize, text: &str| match self.lines[index].name.as_str() {
            "" => text.to_owned(),
            name if text.is_empty() => name.to_owned(),
            name => format!("{name}: {text}"),
        };
        let mut worst = FeedStatus::new(FeedState::Live, "");
        let mut rank = 0;
        for (index, state) in self.states.iter().enumerate() {
            let (own, status) = match (&state.phase, &state.silent) {
                (Phase::Waiting(reason), None) => {
                    (5, FeedStatus::new(FeedState::Waiting, named(index, reason)))
                }
                (_, Some(reason)) => (4, FeedStatus::new(FeedState::Silent, named(index, reason))),
                (Phase::Starting, None) => (3, FeedStatus::new(FeedState::Starting, "")),
                (Phase::Connecting, None) => {
                    (3, FeedStatus::new(FeedState::Connecting, named(index, "")))
                }
                (Phase::Open, None) if !self.has_data(index) => {
                    (2, FeedStatus::new(FeedState::Subscribed, named(index, "")))
                }
                (Phase::Open, None) => continue,
            };
            if own > rank {
                (rank, worst) = (own, status);
            }
        }
        let (live, books) = (self.intake.live(), self.requests.books());
        if rank > 0 || live >= books {
            return worst;
        }
        let reason = format!("{live} of {books} books live");
        match self.requests.trouble() {
            None => FeedStatus::new(FeedState::Syncing, reason),
            Some(trouble) => FeedStatus::new(FeedState::Waiting, format!("{reason}; {trouble}")),
        }
    }

    /// Whether anything has come over the connection.
    fn has_data(&self, line: usize) -> bool {
        let streams = self.lines[line].streams.iter();
        let mut heard = streams.map(|stream| self.heard(stream.instrument, stream.channel));
        heard.any(|heard| heard > 0)
    }

    fn heard(&self, instrument: InstrumentId, channel: Channel) -> u64 {
        let at = self.intake.place(instrument);
        at.map_or(0, |at| self.intake.heard[at].of(channel))
    }

    /// Looks which subscriptions have brought nothing in time, and gives up a connection that has brought nothing at all.
    pub(super) fn watch_silence(&mut self, now: DurationNs) {
        let mut all_silent = 0;
        for index in 0..self.states.len() {
            if !self.states[index].is_open() {
                continue;
            }
            let age = now.saturating_sub(self.states[index].connected_at);
            let age = Duration::from_nanos(u64::try_from(age).unwrap_or(0));
            let (silent, reason) = self.silent_streams(index, age);
            all_silent += silent;
            let is_all = silent == self.lines[index].streams.len() as u64;
            if silent > 0 || self.has_data(index) {
                self.states[index].silent = reason;
            }
            if is_all && age >= self.first_data * GIVE_UP_AFTER {
                let cause = "acknowledged but silent: nothing came of any subscription";
                self.states[index].give_up = Some(cause.to_owned());
            }
        }
        self.metrics.silent_streams.store(all_silent, Relaxed);
    }

    /// How many streams of a connection of this age have brought nothing in time, and what to say of them.
    fn silent_streams(&self, index: usize, age: Duration) -> (u64, Option<String>) {
        let mut count = 0;
        let mut first = None;
        for stream in &self.lines[index].streams {
            let patience = match stream.channel {
                Channel::Depth | Channel::BookTicker => self.first_data,
                Channel::Trade | Channel::AggTrade => self.first_data * TRADES_PATIENCE,
            };
            if age >= patience && self.heard(stream.instrument, stream.channel) == 0 {
                count += 1;
                first = first.or(Some((stream.name.as_str(), patience)));
            }
        }
        let reason = first.map(|(name, patience)| {
            let more = match count {
                1 => String::new(),
                _ => format!(" and {} more", count - 1),
            };
            let time = in_words(patience);
            format!("acknowledged but silent: nothing of {name}{more} came in {time}")
        });
        (count, reason)
    }

    /// A connection is being made.
    pub fn connecting(&mut self, line: LineId) {
        self.states[line.0].phase = Phase::Connecting;
        self.show();
    }

    /// A connection could not be made, or was lost, for this cause, and will be made again after a wait.
    pub fn waiting(&mut self, line: LineId, cause: &str, wait: Duration) {
        self.metrics.set_last_error(&cause);
        let reason = format!("{cause}, again in {}", in_words(wait));
        self.states[line.0].phase = Phase::Waiting(reason);
        self.show();
    }

    /// Nothing more will come.
    pub fn stopped(&mut self) {
        self.metrics
            .set_status(FeedStatus::new(FeedState::Stopped, ""));
    }
}
