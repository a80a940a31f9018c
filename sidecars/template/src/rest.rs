//! The operations over HTTP: each takes what it needs, asks, and answers.

use crate::access::{ChangeNote, CreateNotes, ReadNote, ReadNotes};
use crate::error::TemplateError;
use crate::flows::{By, NewNote};
use crate::model::Note;
use crate::{Template, store};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, IfMatch, IfNoneMatch, Page, PageQuery, Problem,
    Problems, RequestId, etag,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What a note is to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewText {
    /// What it says: 1 to 1000 characters.
    text: String,
}

pub(crate) fn router(template: &Arc<Template>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_notes, create_note))
        .routes(routes!(read_note, change_note))
        .with_state(Arc::clone(template))
}

/// Notes, in the order in which they were written.
#[utoipa::path(get, path = "/v1/notes", tag = "template", params(PageQuery),
    responses((status = 200, body = Page<Note>), Problems))]
async fn list_notes(
    State(template): State<Arc<Template>>,
    _: Allowed<ReadNotes>,
    query: PageQuery,
) -> Result<Json<Page<Note>>, Problem> {
    let reader = template.database.reader();
    let notes = store::after(reader, query.after_number()?, query.rows()).await?;
    Ok(Json(query.page(notes, |note| note.number.to_string())))
}

/// Writes a note.
#[utoipa::path(post, path = "/v1/notes", tag = "template", request_body = NewNote,
    params(Idempotent),
    responses((status = 201, body = Note, description = "`Location` says where it is"), Problems))]
async fn create_note(
    State(template): State<Arc<Template>>,
    allowed: Allowed<CreateNotes>,
    request: RequestId,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let new: NewNote = sent.json()?;
    let by = By::new(&allowed.subject, &request, template.clock.now());
    let command = sent.command(allowed.subject.actor());
    let done = command.run(&template.database, &template.clock, async |write| {
        let note = template.write_note(write, &by, new).await?;
        let place = format!("/template/v1/notes/{}", note.id);
        let answer = Answer::json(StatusCode::CREATED, &note)?;
        Ok(answer
            .with_location(&place)?
            .with_version(&note.id, note.version))
    });
    done.await
}

/// One note.
#[utoipa::path(get, path = "/v1/notes/{note}", tag = "template",
    params(("note" = String, Path, description = "Id of the note"), IfNoneMatch),
    responses((status = 200, body = Note), Problems))]
async fn read_note(
    State(template): State<Arc<Template>>,
    _: Allowed<ReadNote>,
    Path(id): Path<String>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let found = store::one(template.database.reader(), &id).await?;
    let note = found.ok_or(TemplateError::Unknown(id))?;
    if let Some(answer) = if_none_match.not_modified(&note.id, note.version) {
        return Ok(answer);
    }
    Ok(([(header::ETAG, etag(&note.id, note.version))], Json(note)).into_response())
}

/// Changes what a note says; with `If-Match` only if it is of that version.
#[utoipa::path(patch, path = "/v1/notes/{note}", tag = "template", request_body = NewText,
    params(("note" = String, Path, description = "Id of the note"), Idempotent, IfMatch),
    responses((status = 200, body = Note), Problems))]
async fn change_note(
    State(template): State<Arc<Template>>,
    allowed: Allowed<ChangeNote>,
    (request, if_match): (RequestId, IfMatch),
    Path(id): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let NewText { text } = sent.json()?;
    let by = By::new(&allowed.subject, &request, template.clock.now());
    let command = sent.command(allowed.subject.actor());
    let done = command.run(&template.database, &template.clock, async |write| {
        let known = (id.as_str(), &if_match);
        let note = template.change_note(write, &by, known, &text).await?;
        Ok(Answer::json(StatusCode::OK, &note)?.with_version(&note.id, note.version))
    });
    done.await
}
