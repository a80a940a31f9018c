//! The operations over HTTP.

use crate::model::{Fill, Signal};
use crate::{Activity, store};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tickloom_chassis::{
    Access, Allowed, Page, PageQuery, PathParts, Problem, ProblemCode, Subject,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Most runs of a page.
const RUNS_MAX: i64 = 1000;

/// Which runs are asked for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RunsQuery {
    /// Runs whose names come after this one; all if it is left out.
    after: Option<String>,
}

/// Runs that were seen, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Runs {
    /// The runs: at most 1000.
    items: Vec<Run>,
    /// Whether there are more: after the last of these.
    more: bool,
}

/// A run that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
struct Run {
    /// Its name.
    run: String,
    /// When it began, in nanoseconds since the epoch.
    started: i64,
    /// Folder of its journal, if it is followed now.
    journal: Option<String>,
    /// The number after the last output that was taken, if it is followed now.
    outputs: Option<u64>,
    /// Whether all that is on the disk was taken, if it is followed now.
    caught_up: Option<bool>,
}

/// Reads which runs there are.
struct ReadRuns;

impl Access for ReadRuns {
    const ACTION: &'static str = "run.read";

    fn resource(_: &PathParts, _: &Subject) -> String {
        "run/*".to_owned()
    }
}

/// Reads what one run did.
struct ReadRun;

impl Access for ReadRun {
    const ACTION: &'static str = "run.read";

    fn resource(path: &PathParts, _: &Subject) -> String {
        format!("run/{}", path.get("run"))
    }
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
    responses((status = 200, body = Runs), (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
async fn list_runs(
    _: Allowed<ReadRuns>,
    State(activity): State<Arc<Activity>>,
    Query(query): Query<RunsQuery>,
) -> Result<Json<Runs>, Problem> {
    let after = query.after.unwrap_or_default();
    let reader = activity.database.reader();
    let mut known = store::runs(reader, &after, RUNS_MAX + 1).await?;
    let most = usize::try_from(RUNS_MAX).unwrap_or(usize::MAX);
    let more = known.len() > most;
    known.truncate(most);
    let states = activity.followed.states();
    let run = |(run, started): (String, i64)| {
        let state = states.iter().find(|state| state.run.as_ref() == Some(&run));
        Run {
            journal: state.map(|state| state.journal.display().to_string()),
            outputs: state.map(|state| state.outputs),
            caught_up: state.map(|state| state.is_caught_up),
            run,
            started,
        }
    };
    let items = known.into_iter().map(run).collect();
    Ok(Json(Runs { items, more }))
}

/// Fills of a run, in the order in which they were made.
#[utoipa::path(get, path = "/v1/runs/{run}/fills", tag = "activity",
    params(("run" = String, Path, description = "Name of the run"), PageQuery),
    responses((status = 200, body = Page<Fill>), (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
async fn list_fills(
    _: Allowed<ReadRun>,
    State(activity): State<Arc<Activity>>,
    Path(run): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Fill>>, Problem> {
    known(&activity, &run).await?;
    let reader = activity.database.reader();
    let fills = store::fills(reader, &run, query.after(), query.rows()).await?;
    Ok(Json(query.page(fills, |fill| fill.number)))
}

/// Values that a run's signals took, in the order in which they took them.
#[utoipa::path(get, path = "/v1/runs/{run}/signals", tag = "activity",
    params(("run" = String, Path, description = "Name of the run"), PageQuery),
    responses((status = 200, body = Page<Signal>), (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
async fn list_signals(
    _: Allowed<ReadRun>,
    State(activity): State<Arc<Activity>>,
    Path(run): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<Signal>>, Problem> {
    known(&activity, &run).await?;
    let reader = activity.database.reader();
    let signals = store::signals(reader, &run, query.after(), query.rows()).await?;
    Ok(Json(query.page(signals, |signal| signal.number)))
}

async fn known(activity: &Activity, run: &str) -> Result<(), Problem> {
    if store::has_run(activity.database.reader(), run).await? {
        return Ok(());
    }
    let detail = format!("there is no run `{run}`");
    Err(Problem::new(ProblemCode::NotFound, detail))
}
