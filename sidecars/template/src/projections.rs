//! Rows that come from events and from nothing else, so that they can be dropped and made again.

use crate::events::NoteEvent;
use crate::model::Note;
use std::collections::HashMap;
use tickloom_chassis::{Projection, ProjectionFuture, Result, StoredEvent, Write};

const ADD: &str = "INSERT INTO note (number, id, version, text, created, changed) VALUES ($1, $2, $3, $4, $5, $6) \
    ON CONFLICT (number) DO UPDATE SET version = excluded.version, text = excluded.text, changed = excluded.changed";

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[ADD];

/// Writes down what an event made of a note.
pub(crate) async fn project(write: &mut Write, after: &Note) -> Result<()> {
    sqlx::query(ADD)
        .bind(after.number)
        .bind(&after.id)
        .bind(after.version)
        .bind(&after.text)
        .bind(after.created)
        .bind(after.changed)
        .execute(write.connection())
        .await?;
    Ok(())
}

/// The rows of notes, made again from the log.
#[derive(Default)]
pub(crate) struct Notes {
    /// As the events so far left them.
    notes: HashMap<String, Note>,
}

impl Projection for Notes {
    fn tables(&self) -> &'static [&'static str] {
        &["note"]
    }

    fn replay<'a>(
        &'a mut self,
        write: &'a mut Write,
        event: &'a StoredEvent,
    ) -> ProjectionFuture<'a> {
        Box::pin(self.note(write, event))
    }
}

impl Notes {
    async fn note(&mut self, write: &mut Write, stored: &StoredEvent) -> Result<()> {
        let wrong = |why: String| stored.unreadable(why);
        let id = stored.aggregate.strip_prefix("note/");
        let id = id.ok_or_else(|| wrong(format!("`{}` is no note", stored.aggregate)))?;
        let event = NoteEvent::read(&stored.kind, stored.v, &stored.body).map_err(wrong)?;
        let before = self.notes.remove(id);
        let before = before.unwrap_or_else(|| Note::new(id.to_owned()));
        let after = before.after(&event, stored.position, stored.at);
        project(write, &after).await?;
        self.notes.insert(id.to_owned(), after);
        Ok(())
    }
}
