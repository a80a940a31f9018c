//! The operations over HTTP.

use crate::access::{ReadRun, ReadRuns};
use crate::lists::Runs;
use crate::model::{Fill, Signal};
use crate::{Activity, lists};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use std::sync::Arc;
use tickloom_chassis::{Allowed, Page, PageQuery, Problem, Problems};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which runs are asked for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RunsQuery {
    /// Runs whose names come after this one; all if it is left out.
    after: Option<String>,
}

pub(crate) fn router(activity: &Arc<Activity>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_runs))
        .routes(routes!(list_fills))
        .routes(routes!(list_signals))
        .with_state(Arc::clone(activity))
}

/// Runs that were seen, by name.
#[utoipa::path(get, path = "/v1/runs", tag = "activity", params(RunsQuery),
    responses((status = 200, body = Runs), Problems))]
async fn list_runs(
    _: Allowed<ReadRuns>,
    State(activity): State<Arc<Activity>>,
    Query(query): Query<RunsQuery>,
) -> Result<Json<Runs>, Problem> {
    let after = query.after.unwrap_or_default();
    Ok(Json(lists::runs(&activity, &after).await?))
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
