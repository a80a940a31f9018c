//! What the run knows: told at the start, and to each new subscriber after the session.

use super::Publisher;
use crate::envelope::Encoding;
use crate::error::WireError;
use crate::json;
use crate::session::RunPosition;
use crate::state::StatePart;
use crate::topic::{JSON_PREFIX, STATE};
use tickloom_types::{Record, Ts};

impl Publisher {
    /// Tells new subscribers the session; the state follows when the caller has it.
    pub(super) fn answer_hellos(&mut self, now: Ts) -> Result<(), WireError> {
        let new = self.hellos.take_new();
        if new.is_empty() {
            return Ok(());
        }
        let table = self.announcement();
        let text = new.iter().any(|hello| hello.is_json).then(|| {
            let (epoch, session) = (self.epoch, &self.session);
            json::announcement("hello", epoch, session, self.sequences(), &self.names, now)
        });
        for hello in new {
            let (encoding, payload) = match &text {
                Some(text) if hello.is_json => (Encoding::Json, text.as_bytes()),
                _ => (Encoding::Announcement, table.as_slice()),
            };
            let envelope = self.bare_envelope(encoding, now).encode();
            self.socket.send([&hello.topic, &envelope, payload])?;
            self.metrics.hellos += 1;
            self.hellos.await_state(hello);
        }
        Ok(())
    }

    /// Whether a new subscriber waits for [`Publisher::answer_with_state`].
    #[must_use]
    pub fn is_state_awaited(&self) -> bool {
        self.hellos.is_state_awaited()
    }

    /// Publishes what the run knows, under a topic of its own: once, before the first record of an epoch.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub fn publish_state(
        &mut self,
        next: RunPosition,
        records: &[Record],
        now: Ts,
    ) -> Result<(), WireError> {
        self.look(now)?;
        let json_topic = format!("{JSON_PREFIX}{STATE}");
        for part in StatePart::split(next, records) {
            let envelope = self.bare_envelope(Encoding::State, now);
            self.metrics.bytes += self.send(STATE, &envelope, &part.encode())?;
            if self.is_wanted(&json_topic) {
                let envelope = self.bare_envelope(Encoding::Json, now);
                let text = self.state_text(&part, now)?;
                self.metrics.bytes += self.send(&json_topic, &envelope, text.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Gives all new subscribers that wait for it what the run knows at this place among the messages: all outputs before
    /// `next` have been published, and none from it on.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub fn answer_with_state(
        &mut self,
        next: RunPosition,
        records: &[Record],
        now: Ts,
    ) -> Result<(), WireError> {
        let waiting = self.hellos.take_waiting();
        if waiting.is_empty() {
            return Ok(());
        }
        let is_json_wanted = waiting.iter().any(|hello| hello.is_json);
        for part in StatePart::split(next, records) {
            let bytes = part.encode();
            let text = match is_json_wanted {
                true => self.state_text(&part, now)?,
                false => String::new(),
            };
            for hello in &waiting {
                let (encoding, payload) = match hello.is_json {
                    true => (Encoding::Json, text.as_bytes()),
                    false => (Encoding::State, bytes.as_slice()),
                };
                let envelope = self.bare_envelope(encoding, now).encode();
                self.socket.send([&hello.topic, &envelope, payload])?;
            }
        }
        Ok(())
    }

    fn state_text(&self, part: &StatePart, now: Ts) -> Result<String, WireError> {
        json::state(self.epoch, &self.session, part, &self.names, now)
    }
}
