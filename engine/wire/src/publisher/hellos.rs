//! Who has asked for an answer: first for the session, then for the state.

use crate::limits::SUBSCRIPTIONS_MAX;
use crate::topic::{HELLO_PREFIX, JSON_HELLO_PREFIX};
use std::collections::BTreeMap;

/// A subscription that is a question.
pub(super) struct Hello {
    pub(super) topic: Vec<u8>,
    /// Whether the answer is to be JSON.
    pub(super) is_json: bool,
}

/// The questions that are not answered yet.
#[derive(Default)]
pub(super) struct Hellos {
    new: Vec<Hello>,
    /// Topics that were told the session and wait for the state, and whether as JSON. Those beyond the limit of subscriptions
    /// get none.
    waiting: BTreeMap<Vec<u8>, bool>,
}

impl Hellos {
    /// Takes a subscription if it is a question, and gives it back if it is none.
    pub(super) fn add(&mut self, topic: Vec<u8>) -> Option<Vec<u8>> {
        let is_json = topic.starts_with(JSON_HELLO_PREFIX.as_bytes());
        if !is_json && !topic.starts_with(HELLO_PREFIX.as_bytes()) {
            return Some(topic);
        }
        self.new.push(Hello { topic, is_json });
        None
    }

    /// Forgets a question whose asker has gone.
    pub(super) fn remove(&mut self, topic: &[u8]) {
        self.waiting.remove(topic);
    }

    pub(super) fn take_new(&mut self) -> Vec<Hello> {
        std::mem::take(&mut self.new)
    }

    pub(super) fn await_state(&mut self, hello: Hello) {
        if self.waiting.len() < SUBSCRIPTIONS_MAX {
            self.waiting.insert(hello.topic, hello.is_json);
        }
    }

    pub(super) fn is_state_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn take_waiting(&mut self) -> Vec<Hello> {
        let waiting = std::mem::take(&mut self.waiting);
        let hello = |(topic, is_json)| Hello { topic, is_json };
        waiting.into_iter().map(hello).collect()
    }
}
