//! What is asked of the service, over HTTP and over gRPC alike: runs, and pages of what they did.

use crate::model::{Fill, Signal};
use crate::{Activity, store};
use serde::Serialize;
use tickloom_chassis::{Page, PageQuery, Problem, ProblemCode};
use utoipa::ToSchema;

/// A run that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Run {
    /// Its name.
    pub(crate) run: String,
    /// When it began, in nanoseconds since the epoch.
    pub(crate) started: i64,
    /// Folder of its journal, if it is followed now.
    pub(crate) journal: Option<String>,
    /// The number after the last output that was taken, if it is followed now.
    pub(crate) outputs: Option<u64>,
    /// Whether all that is on the disk was taken, if it is followed now.
    pub(crate) caught_up: Option<bool>,
}

/// Runs that were seen, by name.
pub(crate) async fn runs(activity: &Activity, query: PageQuery) -> Result<Page<Run>, Problem> {
    let reader = activity.database.reader();
    let known = store::runs(reader, query.after(), query.rows()).await?;
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
    let runs = known.into_iter().map(run).collect();
    Ok(query.page(runs, |run| run.run.clone()))
}

/// Fills of a run, in the order in which they were made.
pub(crate) async fn fills(
    activity: &Activity,
    run: &str,
    query: PageQuery,
) -> Result<Page<Fill>, Problem> {
    known(activity, run).await?;
    let reader = activity.database.reader();
    let fills = store::fills(reader, run, query.after_number()?, query.rows()).await?;
    Ok(query.page(fills, |fill| fill.number.to_string()))
}

/// Values that a run's signals took, in the order in which they took them.
pub(crate) async fn signals(
    activity: &Activity,
    run: &str,
    query: PageQuery,
) -> Result<Page<Signal>, Problem> {
    known(activity, run).await?;
    let reader = activity.database.reader();
    let signals = store::signals(reader, run, query.after_number()?, query.rows()).await?;
    Ok(query.page(signals, |signal| signal.number.to_string()))
}

async fn known(activity: &Activity, run: &str) -> Result<(), Problem> {
    if store::has_run(activity.database.reader(), run).await? {
        return Ok(());
    }
    let detail = format!("there is no run `{run}`");
    Err(Problem::new(ProblemCode::NotFound, detail))
}
