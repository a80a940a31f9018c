//! What is done, from beginning to end: an event in the log, the row that comes of it, an entry of the audit log, and perhaps mail, in
//! one transaction.

use crate::error::TemplateError;
use crate::events::{BODY_VERSION, NoteEvent};
use crate::model::{Note, Refusal};
use crate::projections::project;
use crate::{Template, store};
use serde::Deserialize;
use tickloom_chassis::{
    IfMatch, Mail, NewAuditEntry, NewEvent, RequestId, Subject, Write, append, append_audit,
    enqueue_mail,
};
use tickloom_types::Ts;
use utoipa::ToSchema;
use uuid::Uuid;

/// A note that is to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNote {
    /// What it says: 1 to 1000 characters.
    pub(crate) text: String,
    /// Address to which it is mailed; nowhere if it is left out.
    pub(crate) mail_to: Option<String>,
}

/// Who changes something, in which request, and when.
#[derive(Clone, Debug)]
pub(crate) struct By {
    actor: String,
    request: String,
    now: Ts,
}

impl By {
    pub(crate) fn new(subject: &Subject, request: &RequestId, now: Ts) -> By {
        By {
            actor: subject.actor(),
            request: request.to_string(),
            now,
        }
    }
}

impl Template {
    /// Writes a note, and lets it be mailed if it says to whom.
    ///
    /// # Errors
    /// [`Refusal`]; an address that is none.
    pub(crate) async fn write_note(
        &self,
        write: &mut Write,
        by: &By,
        new: NewNote,
    ) -> Result<Note, TemplateError> {
        let note = Note::new(format!("note_{}", Uuid::now_v7().simple()));
        let event = note.say(&new.text)?;
        let note = apply(write, by, note, event).await?;
        if let Some(to) = new.mail_to {
            if self.mailer.is_none() {
                return Err(Refusal::NoMail.into());
            }
            let mail = Mail {
                to,
                subject: "A note".to_owned(),
                text: note.text.clone(),
                html: None,
            };
            mail.check().map_err(|_| Refusal::Address)?;
            enqueue_mail(write, &note.id, by.now, &mail).await?;
        }
        Ok(note)
    }

    /// Changes what a note says, if it is as the caller knows it.
    ///
    /// # Errors
    /// [`TemplateError::Unknown`], [`Refusal`]; that it is of another version.
    pub(crate) async fn change_note(
        &self,
        write: &mut Write,
        by: &By,
        (id, if_match): (&str, &IfMatch),
        text: &str,
    ) -> Result<Note, TemplateError> {
        let note = store::one(write.connection(), id).await?;
        if_match.check(note.as_ref().map(|note| (note.id.as_str(), note.version)))?;
        let note = note.ok_or_else(|| TemplateError::Unknown(id.to_owned()))?;
        let event = note.say(text)?;
        apply(write, by, note, event).await
    }
}

/// Lets an event happen to a note as it was read, and returns the note after it.
async fn apply(
    write: &mut Write,
    by: &By,
    before: Note,
    event: NoteEvent,
) -> Result<Note, TemplateError> {
    let new = NewEvent {
        aggregate: before.resource(),
        version: before.version + 1,
        kind: event.kind(),
        v: BODY_VERSION,
        at: by.now,
        actor: by.actor.clone(),
        request: by.request.clone(),
        body: event.body(),
    };
    let position = append(write, &new).await?;
    let after = before.after(&event, position, by.now);
    project(write, &after).await?;
    append_audit(write, &NewAuditEntry::of_event(&new, String::new())).await?;
    Ok(after)
}
