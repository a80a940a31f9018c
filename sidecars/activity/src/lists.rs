//! What is asked of the service, over HTTP and over gRPC alike: runs, and pages of what they did.

use crate::model::{Fill, Signal};
use crate::{Activity, store};
use serde::Serialize;
use tickloom_chassis::{Page, PageQuery, Problem, ProblemCode};
use utoipa::ToSchema;

/// Most runs of a page.
const RUNS_MAX: i64 = 1000;

/// Runs that were seen, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Runs {
    /// The runs: at most 1000.
    pub(crate) items: Vec<Run>,
    /// Whether there are more: after the last of these.
    pub(crate) more: bool,
}

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

/// Runs whose names come after one, by name.
pub(crate) async fn runs(activity: &Activity, after: &str) -> Result<Runs, Problem> {
    let reader = activity.database.reader();
    let mut known = store::runs(reader, after, RUNS_MAX + 1).await?;
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
    Ok(Runs { items, more })
}

/// Fills of a run, in the order in which they were made.
pub(crate) async fn fills(
    activity: &Activity,
    run: &str,
    query: PageQuery,
) -> Result<Page<Fill>, Problem> {
    known(activity, run).await?;
    let reader = activity.database.reader();
    let fills = store::fills(reader, run, query.after(), query.rows()).await?;
    Ok(query.page(fills, |fill| fill.number))
}

/// Values that a run's signals took, in the order in which they took them.
pub(crate) async fn signals(
    activity: &Activity,
    run: &str,
    query: PageQuery,
) -> Result<Page<Signal>, Problem> {
    known(activity, run).await?;
    let reader = activity.database.reader();
    let signals = store::signals(reader, run, query.after(), query.rows()).await?;
    Ok(query.page(signals, |signal| signal.number))
}

async fn known(activity: &Activity, run: &str) -> Result<(), Problem> {
    if store::has_run(activity.database.reader(), run).await? {
        return Ok(());
    }
    let detail = format!("there is no run `{run}`");
    Err(Problem::new(ProblemCode::NotFound, detail))
}
