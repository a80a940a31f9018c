//! Does jobs, a step of each kind after the other, until it is told to stop.

use super::handler::{JobHandler, JobWork};
use super::step::{Stepped, Trouble, step};
use super::{Again, COUNTS, Ending, Job, JobState, due, end, job, next, release, take};
use crate::Result;
use crate::clock::Clock;
use crate::database::Database;
use crate::effect::{EffectPolicy, bounded};
use crate::service::{Health, Stop};
use sqlx::Row;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tickloom_types::Ts;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Pause before looking again when nothing was due.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How often jobs are counted: an index has them.
const COUNT_AGAIN: Duration = Duration::from_secs(1);
/// First and longest pause after the database refused; each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Rows that a step takes at most.
const PORTION: i64 = 1000;
/// How often a step is tried, with which pauses, and how long it may take.
const POLICY: EffectPolicy = EffectPolicy {
    attempts_max: 8,
    first_pause: Duration::from_secs(10),
    longest_pause: Duration::from_secs(300),
    time_max: Duration::from_secs(60),
};

/// The jobs of a service: who does them, and how they are.
#[derive(Clone)]
pub struct Jobs {
    database: Database,
    clock: Clock,
    handlers: Vec<Arc<dyn JobHandler>>,
    /// As what it has jobs.
    holder: Arc<str>,
    /// By kind: the one that it has. Whoever does a step has all of them.
    held: Arc<tokio::sync::Mutex<BTreeMap<&'static str, Held>>>,
    state: Arc<Mutex<State>>,
    /// How many rows a step takes at most.
    portion: i64,
}

/// A job that a worker has.
enum Held {
    /// As it is.
    Known(Box<Job>),
    /// The one of this id, as the database has it: whether a step was kept is not known.
    Unknown(String),
}

#[derive(Debug, Default)]
struct State {
    /// How many wait or run, and how many failed, as they were counted last; `None` before the first time.
    counts: Option<(i64, i64)>,
    /// By kind: why a step failed last.
    troubles: BTreeMap<&'static str, String>,
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<&str> = self.handlers.iter().map(|handler| handler.kind()).collect();
        f.debug_struct("Jobs")
            .field("kinds", &kinds)
            .field("holder", &self.holder)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Jobs {
    /// Jobs of the kinds of these handlers, each of its own; nothing runs yet.
    #[must_use]
    pub fn new(database: Database, clock: Clock, handlers: Vec<Arc<dyn JobHandler>>) -> Jobs {
        Jobs {
            database,
            clock,
            handlers,
            holder: Uuid::now_v7().to_string().into(),
            held: Arc::default(),
            state: Arc::default(),
            portion: PORTION,
        }
    }

    /// The same, of which a step takes at most so many rows.
    #[cfg(feature = "conformance")]
    pub(crate) fn with_portion(self, portion: i64) -> Jobs {
        Jobs { portion, ..self }
    }

    /// Does jobs as they are due, until the stop is told: of each kind one at a time, and of several kinds a step each in turn. Those that
    /// it has then others take from where they are. By a clock that stands those are done that are due at the start, and later ones when
    /// whoever moves it says so ([`Jobs::perform_due`]).
    pub async fn run(self, mut stop: Stop) {
        let mut pause = PAUSE_MIN;
        let mut counted = None;
        while !self.handlers.is_empty() && !stop.is_told() {
            match self.work(&mut counted).await {
                Ok(true) => pause = PAUSE_MIN,
                Ok(false) if matches!(self.clock, Clock::Set(_)) => break,
                Ok(false) => {
                    pause = PAUSE_MIN;
                    stop.or_after(LOOK_AGAIN).await;
                }
                Err(error) => {
                    let error = error.to_string();
                    tracing::warn!(error, "jobs are not done");
                    stop.or_after(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
        if let Err(error) = self.give_back().await {
            let error = error.to_string();
            tracing::warn!(
                error,
                "jobs are not given back: others take them when the lease ends"
            );
        }
    }

    /// Does all that is due now by the clock, and returns how many steps that took. With a standing clock it is what a test calls instead of
    /// waiting.
    ///
    /// # Errors
    /// [`ChassisError::Database`](crate::ChassisError::Database).
    pub async fn perform_due(&self) -> Result<u64> {
        let mut rounds = 0;
        while self.round().await? {
            rounds += 1;
        }
        if !self.handlers.is_empty() {
            self.count().await?;
        }
        Ok(rounds)
    }

    /// A step of a job of each kind, and counts them all from time to time; whether there was a step.
    async fn work(&self, counted: &mut Option<Instant>) -> Result<bool> {
        if counted.is_none_or(|counted| counted.elapsed() >= COUNT_AGAIN) {
            self.count().await?;
            *counted = Some(Instant::now());
        }
        self.round().await
    }

    /// When the next job is due that somebody here does.
    pub(crate) async fn next_due(&self) -> Result<Option<Ts>> {
        let mut first = None;
        for handler in &self.handlers {
            let at = next(&self.database, handler.kind()).await?;
            first = [first, at].into_iter().flatten().min();
        }
        Ok(first)
    }

    /// Adds how jobs are to a service's health: how many wait or run (`jobs_open`) and failed in the last 30 days (`jobs_failed`), once they
    /// were counted; a trouble while steps of a kind fail.
    pub fn add_health(&self, health: &mut Health) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, trouble) in &state.troubles {
            health.troubles.push(format!("job {kind}: {trouble}"));
        }
        if let Some((open, failed)) = state.counts {
            let number = |count: i64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            let facts = [("jobs_open", number(open)), ("jobs_failed", number(failed))];
            health.facts.extend(facts);
        }
    }

    /// Who does them.
    #[cfg(feature = "conformance")]
    pub(crate) fn handlers(&self) -> &[Arc<dyn JobHandler>] {
        &self.handlers
    }

    /// A step of a job of each kind; whether there was one.
    pub(crate) async fn round(&self) -> Result<bool> {
        let mut held = self.held.lock().await;
        let mut has_stepped = false;
        for handler in &self.handlers {
            let kind = handler.kind();
            let Some(job) = self.next_of(kind, &mut held).await? else {
                continue;
            };
            has_stepped = true;
            held.insert(kind, Held::Unknown(job.id.clone()));
            match self.step(handler, &job).await? {
                Stepped::On(next) => drop(held.insert(kind, Held::Known(next))),
                Stepped::Over => drop(held.remove(kind)),
            }
        }
        Ok(has_stepped)
    }

    /// The job of a kind that it has, or else one that is due.
    async fn next_of(
        &self,
        kind: &'static str,
        held: &mut BTreeMap<&'static str, Held>,
    ) -> Result<Option<Job>> {
        let id = match held.get(kind) {
            Some(Held::Known(job)) => return Ok(Some(Job::clone(job))),
            Some(Held::Unknown(id)) => id,
            None => return self.take(kind).await,
        };
        let found = job(self.database.reader(), id).await?;
        match found.filter(|job| job.state == JobState::Running) {
            Some(job) => Ok(Some(job)),
            None => {
                held.remove(kind);
                self.take(kind).await
            }
        }
    }

    async fn take(&self, kind: &str) -> Result<Option<Job>> {
        let now = self.clock.now();
        // Looking takes no turn to write.
        let Some(id) = due(&self.database, kind, now).await? else {
            return Ok(None);
        };
        let mut write = self.database.write().await?;
        let taken = take(&mut write, (&id, &self.holder), now, lease(now)).await?;
        write.commit().await?;
        Ok(taken)
    }

    /// Does a step of a job that was taken, and notes what came of it.
    async fn step(&self, handler: &Arc<dyn JobHandler>, job: &Job) -> Result<Stepped> {
        let kind = handler.kind();
        let done = if job.attempts > POLICY.attempts_max {
            let why = "it was begun as often as it may be, and did not get on";
            Err(Trouble::Failed(why.to_owned()))
        } else {
            self.step_apart(handler, job).await
        };
        match done {
            Ok(stepped) => {
                self.trouble(kind, None);
                Ok(stepped)
            }
            Err(Trouble::Away(error)) => Err(error),
            Err(Trouble::Failed(why)) => {
                self.note_failure(kind, job, bounded(&why)).await?;
                Ok(Stepped::Over)
            }
        }
    }

    /// Does it on a task of its own, so that a panic of it is a failure as any other.
    async fn step_apart(
        &self,
        handler: &Arc<dyn JobHandler>,
        job: &Job,
    ) -> std::result::Result<Stepped, Trouble> {
        let now = self.clock.now();
        let work = JobWork {
            database: self.database.clone(),
            holder: self.holder.to_string(),
            id: job.id.clone(),
            until: lease(now),
            portion: self.portion,
            write: None,
            is_lost: false,
        };
        let mut task = JoinSet::new();
        task.spawn(step(
            Arc::clone(handler),
            work,
            job.clone(),
            self.clock.clone(),
        ));
        match tokio::time::timeout(POLICY.time_max, task.join_next()).await {
            Ok(Some(Ok(stepped))) => stepped,
            Ok(_) => Err(Trouble::Failed("the code that does it failed".to_owned())),
            Err(_) => {
                let seconds = POLICY.time_max.as_secs();
                let why = format!("a step took more than {seconds} s");
                Err(Trouble::Failed(why))
            }
        }
    }

    /// Notes that a step failed: the job is tried again after a pause, or given up.
    async fn note_failure(&self, kind: &'static str, job: &Job, why: String) -> Result<()> {
        if self.trouble(kind, Some(why.clone())) {
            tracing::warn!(kind, id = job.id, error = why, "a step of a job failed");
        }
        let now = self.clock.now();
        let attempts = job.attempts.max(1);
        let mut write = self.database.write().await?;
        if attempts >= POLICY.attempts_max {
            let ending = Ending {
                state: JobState::Failed,
                failure: Some(why),
                result: None,
            };
            end(&mut write, job, &self.holder, (&ending, now)).await?;
            // It is in the row, and nothing is tried any more.
            self.trouble(kind, None);
        } else {
            let pause = POLICY.pause(&job.id, attempts);
            let again = Again {
                next_at: Ts(now.0.saturating_add(pause)),
                attempts,
                failure: Some(&why),
            };
            release(&mut write, (&job.id, &self.holder), &again).await?;
        }
        write.commit().await
    }

    /// Gives back what it has, to be taken by others at once.
    async fn give_back(&self) -> Result<()> {
        let mut held = self.held.lock().await;
        while let Some((_, held)) = held.pop_first() {
            let (id, failure) = match &held {
                Held::Known(job) => (&job.id, &job.failure),
                Held::Unknown(id) => (id, &None),
            };
            let mut write = self.database.write().await?;
            let again = Again {
                next_at: self.clock.now(),
                attempts: 0,
                failure: failure.as_deref(),
            };
            release(&mut write, (id, &self.holder), &again).await?;
            write.commit().await?;
        }
        Ok(())
    }

    /// Notes why steps of a kind fail, and returns whether that is new.
    fn trouble(&self, kind: &'static str, trouble: Option<String>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => state.troubles.insert(kind, trouble.clone()) != Some(trouble),
            None => state.troubles.remove(kind).is_some(),
        }
    }

    async fn count(&self) -> Result<()> {
        let rows = sqlx::query(COUNTS).fetch_all(self.database.reader());
        let (mut open, mut failed) = (0, 0);
        for row in rows.await? {
            let count: i64 = row.try_get(1)?;
            match row.try_get::<String, _>(0)?.as_str() {
                "failed" => failed += count,
                _ => open += count,
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.counts = Some((open, failed));
        Ok(())
    }
}

/// Until when a job is had that is taken or gone on with now.
fn lease(now: Ts) -> Ts {
    Ts(now.0.saturating_add(POLICY.lease()))
}
