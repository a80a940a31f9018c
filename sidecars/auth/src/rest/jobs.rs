//! Work that takes long, over HTTP: how far it is, and that nobody wants it any more.

use super::{CancelJobs, Problems, ReadJobs};
use crate::Auth;
use crate::flows::jobs::unknown_job;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, Idempotent, Job, Page, PageQuery, Problem, RequestOrigin, job,
    jobs_after,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Arc<Auth>> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(read_job))
        .routes(routes!(cancel_job))
}

/// Work that takes long, in the order in which it was started; what ended more than 30 days ago is forgotten.
#[utoipa::path(get, path = "/v1/jobs", tag = "auth", params(PageQuery),
    responses((status = 200, body = Page<Job>), Problems))]
async fn list_jobs(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadJobs>,
    query: PageQuery,
) -> Result<Json<Page<Job>>, Problem> {
    let found = jobs_after(&auth.database, query.after(), query.rows()).await?;
    Ok(Json(query.page(found, |job| job.id.clone())))
}

/// How far it is.
#[utoipa::path(get, path = "/v1/jobs/{job}", tag = "auth",
    params(("job" = String, Path, description = "Id of the job")),
    responses((status = 200, body = Job), Problems))]
async fn read_job(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadJobs>,
    Path(id): Path<String>,
) -> Result<Json<Job>, Problem> {
    let found = job(auth.database.reader(), &id).await?;
    Ok(Json(found.ok_or_else(|| unknown_job(&id))?))
}

/// Cancels it: nothing of it is done any more.
#[utoipa::path(post, path = "/v1/jobs/{job}/cancel", tag = "auth",
    params(("job" = String, Path, description = "Id of the job"), Idempotent),
    responses((status = 200, body = Job), Problems))]
async fn cancel_job(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<CancelJobs>,
    request: RequestOrigin,
    Path(id): Path<String>,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let job = auth.cancel_job(write, &by, &id).await?;
        Answer::json(StatusCode::OK, &job)
    });
    done.await
}
