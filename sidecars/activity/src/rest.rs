//! The operations over HTTP.

use crate::access::{ReadRun, ReadRuns};
use crate::lists::Run;
use crate::model::{Fill, Signal};
use crate::{Activity, lists};
use axum::Json;
use axum::extract::{Path, State};
use std::sync::Arc;
use tickloom_chassis::{Allowed, Page, PageQuery, Problem, Problems};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn router(activity: &Arc<Activity>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_runs))
        .routes(routes!(list_fills))
        .routes(routes!(list_signals))
        .with_state(Arc::clone(activity))
}

/// Runs that were seen, by name.
#[utoipa::path(get, path = "/v1/runs", tag = "activity", params(PageQuery),
    responses((status = 200, body = Page<Run>), Problems))]
async fn list_runs(
    _: Allowed<ReadRuns>,
    State(activity): State<Arc<Activity>>,
    query: PageQuery,
) -> Result<Json<Page<Run>>, Problem> {
    Ok(Json(lists::runs(&activity, query).await?))
}

/// Fills of a run, in the order in which they were made.
#[utoipa::path(get, path = "/v1/runs/{run}/fills", tag = "activity",
    params(("run" = String, Path, description = "Name of the run"), PageQuery),
    responses((status = 200, body = Page<Fill>), Problems))]
async fn list_fills(
    _: Allowed<ReadRun>,
    State(activity): State<Arc<Activity>>,
    Path(run): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Fill>>, Problem> {
    Ok(Json(lists::fills(&activity, &run, query).await?))
}

/// Values that a run's signals took, in the order in which they took them.
#[utoipa::path(get, path = "/v1/runs/{run}/signals", tag = "activity",
    params(("run" = String, Path, description = "Name of the run"), PageQuery),
    responses((status = 200, body = Page<Signal>), Problems))]
async fn list_signals(
    _: Allowed<ReadRun>,
    State(activity): State<Arc<Activity>>,
    Path(run): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Signal>>, Problem> {
    Ok(Json(lists::signals(&activity, &run, query).await?))
}
