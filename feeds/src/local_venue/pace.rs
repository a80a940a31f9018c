//! When a recorded frame is due, and which stream it is of.

use super::Speed;
use super::playback::Topic;
use crate::binance::Channel;
use crate::json;
use serde::Deserialize;
use sonic_rs::LazyValue;
use std::time::Duration;
use tickloom_types::Ts;
use tokio::time::Instant;

/// When the next frame is due.
pub(super) struct Pace {
    speed: Speed,
    /// When the play began, and at which time of the recording.
    start: Option<(Instant, Ts)>,
}

impl Pace {
    pub(super) fn new(speed: Speed) -> Pace {
        Pace { speed, start: None }
    }

    pub(super) fn restart(&mut self, at: Ts) {
        self.start = Some((Instant::now(), at));
    }

    pub(super) async fn wait(&mut self, at: Ts) {
        let Speed::Times(times) = self.speed else {
            return;
        };
        let (start, first) = *self.start.get_or_insert_with(|| (Instant::now(), at));
        let recorded = u64::try_from(at.0.saturating_sub(first.0)).unwrap_or(0);
        let due = Duration::from_nanos(recorded).div_f64(times);
        tokio::time::sleep_until(start + due).await;
    }
}

/// A recorded stream frame.
#[derive(Deserialize)]
struct StreamFrame<'a> {
    #[serde(borrow)]
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<LazyValue<'a>>,
}

/// The symbol and channel of a recorded frame; `None` for a snapshot, a reply or what is no frame.
pub(super) fn topic_of(frame: &[u8]) -> Option<Topic> {
    let frame: StreamFrame<'_> = json::parse(frame).ok()?;
    Channel::of_stream(frame.stream?)
}

/// The `data` part of a frame, or all of it if a fault has left none.
pub(super) fn data_of(text: &str) -> String {
    let frame: Option<StreamFrame<'_>> = json::parse(text.as_bytes()).ok();
    let data = frame.and_then(|frame| frame.data);
    data.map_or_else(|| text.to_owned(), |data| data.as_raw_str().to_owned())
}
