//! What happens to notes, and how it is written down.

use serde::{Deserialize, Serialize};

/// Version of the bodies that are written. A new form is a new version, and [`NoteEvent::read`] reads all that there were.
pub(crate) const BODY_VERSION: i64 = 1;

/// Something that happened to a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub(crate) enum NoteEvent {
    Written { text: String },
    Changed { text: String },
}

impl NoteEvent {
    /// What happened, as the log has it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            NoteEvent::Written { .. } => "written",
            NoteEvent::Changed { .. } => "changed",
        }
    }

    /// The body for the log.
    pub(crate) fn body(&self) -> String {
        let (NoteEvent::Written { text } | NoteEvent::Changed { text }) = self;
        serde_json::json!({ "text": text }).to_string()
    }

    /// The event of a row of the log.
    ///
    /// # Errors
    /// What is wrong with it, if this version cannot read it.
    pub(crate) fn read(kind: &str, v: i64, body: &str) -> Result<NoteEvent, String> {
        if v != BODY_VERSION {
            return Err(format!("it is of version {v}, expected {BODY_VERSION}"));
        }
        let body: serde_json::Value =
            serde_json::from_str(body).map_err(|error| error.to_string())?;
        let whole = serde_json::json!({"kind": kind, "body": body});
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_comes_back_from_the_log() {
        let text = || "ü \"x\"".to_owned();
        for event in [
            NoteEvent::Written { text: text() },
            NoteEvent::Changed { text: text() },
        ] {
            let body = event.body();
            assert_eq!(body, r#"{"text":"ü \"x\""}"#);
            assert_eq!(NoteEvent::read(event.kind(), 1, &body), Ok(event));
        }
        for (kind, v, body) in [
            ("written", 2, r#"{"text":""}"#),
            ("burnt", 1, r#"{"text":""}"#),
            ("written", 1, "{}"),
            ("written", 1, "{"),
        ] {
            assert!(NoteEvent::read(kind, v, body).is_err(), "{kind} {v} {body}");
        }
    }
}
