//! A step of a job, from its begin to its place or its end.

use super::handler::{JobHandler, JobStep, JobWork};
use super::{Ending, Job, JobState, end, save};
use crate::ChassisError;
use crate::clock::Clock;
use crate::effect::bounded;
use std::sync::Arc;

/// What became of a job by a step.
pub(super) enum Stepped {
    /// It goes on from here.
    On(Box<Job>),
    /// It ended, or another has it.
    Over,
}

/// Why a step was not done.
pub(super) enum Trouble {
    /// The database is away: it is done later.
    Away(ChassisError),
    /// It failed.
    Failed(String),
}

impl From<ChassisError> for Trouble {
    fn from(error: ChassisError) -> Trouble {
        if error.may_pass() {
            return Trouble::Away(error);
        }
        Trouble::Failed(error.to_string())
    }
}

/// Does a step, and saves its place or its end in the same transaction.
pub(super) async fn step(
    handler: Arc<dyn JobHandler>,
    mut work: JobWork,
    mut job: Job,
    clock: Clock,
) -> std::result::Result<Stepped, Trouble> {
    let step = match handler.step(&mut work, &job).await {
        Ok(step) => step,
        Err(_) if work.is_lost => return Ok(Stepped::Over),
        Err(error) => return Err(trouble(error)),
    };
    if matches!(&step, JobStep::More { place, .. } if *place == job.place) {
        let why = format!("it does not get on: `{}` is where it was", job.place);
        return Err(Trouble::Failed(why));
    }
    if let JobStep::Failed(_) = step {
        // What it changed before it found out is not kept.
        work.write = None;
    }
    let holder = work.holder.clone();
    let Some(mut write) = work.end().await? else {
        return Ok(Stepped::Over);
    };
    let now = clock.now();
    let ending = match step {
        JobStep::More { place, done, total } => {
            job = Job {
                place,
                done,
                total,
                attempts: 0,
                failure: None,
                ..job
            };
            save(&mut write, &job, &holder, now).await?;
            write.commit().await?;
            return Ok(Stepped::On(Box::new(job)));
        }
        JobStep::Done { done, result } => {
            job.done = done;
            Ending {
                state: JobState::Done,
                failure: None,
                result: Some(result),
            }
        }
        JobStep::Failed(why) => Ending {
            state: JobState::Failed,
            failure: Some(bounded(&why)),
            result: None,
        },
    };
    end(&mut write, &job, &holder, (&ending, now)).await?;
    write.commit().await?;
    if let Some(why) = ending.failure {
        let kind = handler.kind();
        tracing::warn!(kind, id = job.id, error = why, "a job failed");
    }
    Ok(Stepped::Over)
}

/// Whether the database keeps a step from being done, or the step itself fails.
fn trouble(error: Box<dyn std::error::Error + Send + Sync>) -> Trouble {
    let error = match error.downcast::<ChassisError>() {
        Ok(error) => return (*error).into(),
        Err(error) => error,
    };
    match error.downcast::<sqlx::Error>() {
        Ok(error) => ChassisError::from(*error).into(),
        Err(error) => Trouble::Failed(error.to_string()),
    }
}
