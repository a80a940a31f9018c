//! Notes, and what can become of them. Nothing here asks a database or the time.

use crate::events::NoteEvent;
use serde::Serialize;
use thiserror::Error;
use tickloom_types::Ts;
use utoipa::ToSchema;

/// Longest text of a note, in characters.
const TEXT_MAX: usize = 1000;

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Note {
    /// Its number: the position in the log of the event that wrote it.
    pub(crate) number: i64,
    /// Its id.
    pub(crate) id: String,
    /// How many changes it had.
    pub(crate) version: i64,
    /// What it says.
    pub(crate) text: String,
    /// When it was written, in nanoseconds since the epoch.
    pub(crate) created: i64,
    /// When it was changed last, in nanoseconds since the epoch.
    pub(crate) changed: i64,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("a note has 1 to {TEXT_MAX} characters, and no NUL")]
    Text,
    #[error("the note says this already")]
    Same,
    #[error("`mail_to` is no e-mail address")]
    Address,
    #[error("no mail is sent here: the setting `mail` says by which server")]
    NoMail,
}

impl Note {
    /// One that is about to be written.
    pub(crate) fn new(id: String) -> Note {
        Note {
            number: 0,
            id,
            version: 0,
            text: String::new(),
            created: 0,
            changed: 0,
        }
    }

    /// What it is for whoever decides, and in the log.
    pub(crate) fn resource(&self) -> String {
        format!("note/{}", self.id)
    }

    /// Writes or changes it.
    ///
    /// # Errors
    /// [`Refusal::Text`], [`Refusal::Same`].
    pub(crate) fn say(&self, text: &str) -> Result<NoteEvent, Refusal> {
        let text = text.trim().to_owned();
        if !(1..=TEXT_MAX).contains(&text.chars().count()) || text.contains('\0') {
            return Err(Refusal::Text);
        }
        if self.version == 0 {
            return Ok(NoteEvent::Written { text });
        }
        if self.text == text {
            return Err(Refusal::Same);
        }
        Ok(NoteEvent::Changed { text })
    }

    /// What an event at this position of the log made of it.
    pub(crate) fn after(self, event: &NoteEvent, position: i64, at: Ts) -> Note {
        let version = self.version + 1;
        match event {
            NoteEvent::Written { text } => Note {
                number: position,
                version,
                text: text.clone(),
                created: at.0,
                changed: at.0,
                ..self
            },
            NoteEvent::Changed { text } => Note {
                version,
                text: text.clone(),
                changed: at.0,
                ..self
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_it_was_told_last() {
        let note = Note::new("n".to_owned());
        let written = note.say(" one ").unwrap();
        let note = note.after(&written, 7, Ts(10));
        assert_eq!(
            (note.number, note.version, note.text.as_str()),
            (7, 1, "one")
        );
        assert_eq!(note.say("one"), Err(Refusal::Same));
        let changed = note.say("two").unwrap();
        let note = note.after(&changed, 9, Ts(20));
        let expected = Note {
            number: 7,
            id: "n".to_owned(),
            version: 2,
            text: "two".to_owned(),
            created: 10,
            changed: 20,
        };
        assert_eq!(note, expected);
    }

    #[test]
    fn a_text_is_neither_empty_nor_too_long() {
        let note = Note::new("n".to_owned());
        assert!(note.say(&"ü".repeat(1000)).is_ok());
        for text in ["", "  ", "a\0b", &"ü".repeat(1001)] {
            assert_eq!(note.say(text), Err(Refusal::Text), "{text}");
        }
    }
}
