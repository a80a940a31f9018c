//! Who does the steps of a job.

use super::{Job, hold};
use crate::Result;
use crate::database::{Database, Write};
use crate::event::hold_events;
use serde_json::Value;
use std::error::Error;
use std::pin::Pin;
use tickloom_types::Ts;

/// What comes of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum JobStep {
    /// There is more to do.
    More {
        /// Where it goes on, as the handler reads it: another place than before.
        place: String,
        /// How much is done.
        done: i64,
        /// How much there is in all, if that is known.
        total: Option<i64>,
    },
    /// All is done.
    Done {
        /// How much that was.
        done: i64,
        /// What came of it.
        result: Value,
    },
    /// It cannot be done, however often it is tried: why.
    Failed(String),
}

/// What [`JobHandler::step`] returns.
pub type JobFuture<'a> = Pin<
    Box<
        dyn Future<Output = std::result::Result<JobStep, Box<dyn Error + Send + Sync>>> + Send + 'a,
    >,
>;

/// Does the steps of jobs of one kind.
pub trait JobHandler: Send + Sync + 'static {
    /// Which kind, in lower case.
    fn kind(&self) -> &'static str;

    /// Does the next step, from [`Job::place`] on: at most [`JobWork::portion`] rows, in a second or less, as nobody else changes anything
    /// while it writes; a step that takes more than a minute is dropped. What it changes, it changes in [`JobWork::write`], so that it is kept with the place
    /// after it or not at all. Nothing is remembered between steps but the place: the next may be done by another process. If it fails
    /// nothing of it is kept, and it is tried again after a pause, 8 times before the job is given up.
    fn step<'a>(&'a self, work: &'a mut JobWork, job: &'a Job) -> JobFuture<'a>;
}

/// In what a step is done.
#[derive(Debug)]
pub struct JobWork {
    pub(super) database: Database,
    pub(super) holder: String,
    pub(super) id: String,
    pub(super) until: Ts,
    pub(super) portion: i64,
    pub(super) write: Option<Write>,
    pub(super) is_lost: bool,
}

/// Why a step is not gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the job was cancelled, or another worker has it")]
struct JobLost;

impl JobWork {
    /// For what is only read.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// How many rows the step takes at most, at least one.
    #[must_use]
    pub fn portion(&self) -> i64 {
        self.portion
    }

    /// The transaction of the step, which begins when it is asked for first, with the log of events held. Whoever asks again has the same.
    ///
    /// # Errors
    /// What the database says; and that the job was cancelled or another worker has it, after which nothing of the step is kept.
    pub async fn write(&mut self) -> std::result::Result<&mut Write, Box<dyn Error + Send + Sync>> {
        if self.write.is_none() {
            let mut write = self.database.write().await?;
            // The order in which everything is locked: the log, and then what is changed.
            hold_events(&mut write).await?;
            if !self.keep(&mut write).await? {
                return Err(JobLost.into());
            }
            self.write = Some(write);
        }
        self.write.as_mut().ok_or_else(|| JobLost.into())
    }

    /// The transaction in which the place after the step is saved; `None` if the job is another's.
    pub(super) async fn end(&mut self) -> Result<Option<Write>> {
        if let Some(write) = self.write.take() {
            return Ok(Some(write));
        }
        let mut write = self.database.write().await?;
        Ok(self.keep(&mut write).await?.then_some(write))
    }

    async fn keep(&mut self, write: &mut Write) -> Result<bool> {
        let is_held = hold(write, (&self.id, &self.holder), self.until).await?;
        self.is_lost = !is_held;
        Ok(is_held)
    }
}
