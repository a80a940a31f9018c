//! What is logged while a service is checked, and what must never be in it.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Shorter texts are in logs by chance.
const SECRET_BYTES_MIN: usize = 8;

static LINES: Mutex<String> = Mutex::new(String::new());
static SECRETS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes down all that our crates log in this process from now on, whatever its level.
pub(super) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let captured = tracing::subscriber::set_global_default(Capture::default());
        assert!(captured.is_ok(), "logs of the process go somewhere else");
    });
}

/// Remembers a text that must not be in a log.
pub(super) fn plant(secret: &str) {
    if secret.len() >= SECRET_BYTES_MIN {
        locked(&SECRETS).insert(secret.to_owned());
    }
}

/// Texts that were remembered.
pub(super) fn planted() -> Vec<String> {
    locked(&SECRETS).iter().cloned().collect()
}

/// That nothing of what was remembered was logged.
pub(super) fn have_no_secret() {
    tracing::warn!(probe = "what is logged is captured", "conformance");
    let lines = locked(&LINES).clone();
    assert!(lines.contains("what is logged is captured"), "{lines}");
    for secret in planted() {
        let line = lines.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "a secret is in the log: {line:?}");
    }
}

/// Whether a line was logged that has all of these words.
pub(super) fn were_told(words: &[&str]) -> bool {
    let lines = locked(&LINES);
    let mut lines = lines.lines();
    lines.any(|line| words.iter().all(|word| line.contains(word)))
}

#[derive(Default)]
struct Capture {
    spans: AtomicU64,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("a text takes all");
    }
}

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tickloom")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(String::new());
        span.record(&mut line);
        locked(&LINES).push_str(&(line.0 + "\n"));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        locked(&LINES).push_str(&(line.0 + "\n"));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{}", event.metadata().level()));
        event.record(&mut line);
        locked(&LINES).push_str(&(line.0 + "\n"));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
