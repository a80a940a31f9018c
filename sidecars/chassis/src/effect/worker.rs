//! Does effects that are due, until it is told to stop.

use super::handler::{Effect, EffectAnswer, EffectHandler};
use super::running::{Busy, Running};
use super::{COUNTS, LANES_MAX, Outcome, claim, due, next, note};
use crate::Result;
use crate::clock::Clock;
use crate::database::Database;
use crate::service::{Health, Stop};
use sqlx::Row;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tickloom_types::Ts;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Pause before looking again when nothing was due.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How often effects are counted: an index has them, but there may be many.
const COUNT_AGAIN: Duration = Duration::from_secs(1);
/// First and longest pause after the database refused; each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Characters of an answer that are kept.
const WORDS_MAX: usize = 300;

/// The effects of a service: who does them, and how they are.
#[derive(Clone)]
pub struct Effects {
    database: Database,
    clock: Clock,
    handlers: Vec<Arc<dyn EffectHandler>>,
    state: Arc<Mutex<State>>,
    /// How many are taken or done in this process now.
    busy: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    /// As they were counted last; `None` before the first time.
    counts: Option<Counts>,
    /// By kind: what keeps it from being done.
    troubles: BTreeMap<&'static str, String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    waiting: i64,
    refused: i64,
    given_up: i64,
    /// Of those that wait: of a kind that nobody here does.
    unhandled: i64,
}

impl std::fmt::Debug for Effects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<&str> = self.handlers.iter().map(|handler| handler.kind()).collect();
        f.debug_struct("Effects")
            .field("kinds", &kinds)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Effects {
    /// Effects of the kinds of these handlers, each of its own; nothing runs yet.
    #[must_use]
    pub fn new(database: Database, clock: Clock, handlers: Vec<Arc<dyn EffectHandler>>) -> Effects {
        Effects {
            database,
            clock,
            handlers,
            state: Arc::default(),
            busy: watch::Sender::default(),
        }
    }

    /// Who does them.
    #[cfg(feature = "conformance")]
    pub(crate) fn handlers(&self) -> &[Arc<dyn EffectHandler>] {
        &self.handlers
    }

    /// Does effects as they become due, until the stop is told. Kinds do not wait for each other; of one kind there are as many at a time
    /// as its handler says, each of another lane. Effects that are being done are ended first.
    pub async fn run(self, stop: Stop) {
        self.tell_unhandled().await;
        let mut tasks = JoinSet::new();
        for handler in &self.handlers {
            tasks.spawn(self.clone().run_kind(Arc::clone(handler), stop.clone()));
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Says once that effects wait which nobody here does, as whoever did them is no longer set.
    async fn tell_unhandled(&self) {
        // What the database says is said by whoever does effects.
        let unhandled = self.count().await.map_or(0, |counts| counts.unhandled);
        if unhandled > 0 {
            tracing::warn!(
                unhandled,
                "effects wait that nobody here does: whoever did them is not set"
            );
        }
    }

    async fn run_kind(self, handler: Arc<dyn EffectHandler>, mut stop: Stop) {
        let mut pause = PAUSE_MIN;
        let mut counted = None;
        let mut running = Running::default();
        while !stop.is_told() {
            match self.work(&handler, &mut running, &mut counted).await {
                Ok(true) => pause = PAUSE_MIN,
                Ok(false) => {
                    pause = PAUSE_MIN;
                    running.change_or_after(&mut stop).await;
                }
                Err(error) => {
                    let kind = handler.kind();
                    let error = error.to_string();
                    if self.trouble(kind, Some("the database does not let them".to_owned())) {
                        tracing::warn!(kind, error, "effects are not done");
                    }
                    stop.or_after(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
        while running.ended().await.is_some() {}
        if let Some(error) = running.failed {
            let error = error.to_string();
            tracing::warn!(
                kind = handler.kind(),
                error,
                "what came of an effect was not noted"
            );
        }
    }

    /// Begins an effect if one is due and there is room, and counts them all from time to time; whether there may be more to do.
    async fn work(
        &self,
        handler: &Arc<dyn EffectHandler>,
        running: &mut Running,
        counted: &mut Option<Instant>,
    ) -> Result<bool> {
        if let Some(failed) = running.failed.take() {
            return Err(failed);
        }
        if running.lanes.len() >= handler.at_once().clamp(1, LANES_MAX) {
            running.ended().await;
            return Ok(true);
        }
        if counted.is_none_or(|counted| counted.elapsed() >= COUNT_AGAIN) {
            self.count().await?;
            *counted = Some(Instant::now());
        }
        let lanes: Vec<String> = running.lanes.values().cloned().collect();
        let busy = self.busy();
        match self.take(handler, &lanes).await? {
            Taken::Nothing => return Ok(false),
            Taken::ByAnother => {}
            Taken::One(effect) => {
                let lane = handler.lane(&effect.key).to_owned();
                let done = self.clone().finish(Arc::clone(handler), effect, busy);
                let task = running.tasks.spawn(done);
                running.lanes.insert(task.id(), lane);
            }
        }
        Ok(true)
    }

    /// Does all that is due now by the clock, and returns how many attempts that took. With a standing clock it is what a test calls
    /// instead of waiting.
    ///
    /// # Errors
    /// [`ChassisError::Database`](crate::ChassisError::Database).
    pub async fn perform_due(&self) -> Result<u64> {
        let mut attempts = 0;
        for handler in &self.handlers {
            while self.perform_one(handler).await? {
                attempts += 1;
            }
        }
        self.count().await?;
        Ok(attempts)
    }

    /// When the next effect is due that somebody here does.
    pub(crate) async fn next_due(&self) -> Result<Option<Ts>> {
        let mut first = None;
        for handler in &self.handlers {
            let at = next(&self.database, handler.kind()).await?;
            first = [first, at].into_iter().flatten().min();
        }
        Ok(first)
    }

    /// Waits until none is being done in this process; whether one was.
    pub(crate) async fn ended(&self) -> bool {
        let mut busy = self.busy.subscribe();
        let was_busy = *busy.borrow_and_update() > 0;
        // The sender is ours, and stays.
        drop(busy.wait_for(|count| *count == 0).await);
        was_busy
    }

    fn busy(&self) -> Busy {
        Busy::new(self.busy.clone())
    }

    /// Adds how effects are to a service's health: how many wait (`effects_waiting`), were refused by the outside
    /// (`effects_refused`), were given up (`effects_given_up`), or wait and are of a kind that nobody here does, such as mail where no
    /// server is set (`effects_unhandled`), once they were counted; a trouble while the outside is away, and while some are given up. An
    /// effect that the outside refused is no trouble of the service: somebody's address is not there.
    pub fn add_health(&self, health: &mut Health) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, trouble) in &state.troubles {
            health.troubles.push(format!("{kind}: {trouble}"));
        }
        let Some(counts) = state.counts else {
            return;
        };
        let facts = [
            ("effects_waiting", counts.waiting),
            ("effects_refused", counts.refused),
            ("effects_given_up", counts.given_up),
            ("effects_unhandled", counts.unhandled),
        ];
        let number = |count: i64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let facts = facts.map(|(name, count)| (name, number(count)));
        health.facts.extend(facts);
        if counts.given_up > 0 {
            let trouble = format!("{} effects were given up", counts.given_up);
            health.troubles.push(trouble);
        }
    }

    /// Takes an effect that is due, does it, and notes what came of it; whether there was one.
    async fn perform_one(&self, handler: &Arc<dyn EffectHandler>) -> Result<bool> {
        match self.take(handler, &[]).await? {
            Taken::Nothing => return Ok(false),
            Taken::ByAnother => {}
            Taken::One(effect) => {
                let done = self
                    .clone()
                    .finish(Arc::clone(handler), effect, self.busy());
                done.await?;
            }
        }
        Ok(true)
    }

    /// Takes an effect that is due and in none of these lanes.
    async fn take(&self, handler: &Arc<dyn EffectHandler>, busy: &[String]) -> Result<Taken> {
        let now = self.clock.now();
        // Looking takes no turn to write.
        let Some(key) = due(&self.database, handler.kind(), now, busy).await? else {
            return Ok(Taken::Nothing);
        };
        let mut write = self.database.write().await?;
        let lease_until = Ts(now.0.saturating_add(handler.policy().lease()));
        let claimed = claim(&mut write, &key, now, lease_until).await?;
        write.commit().await?;
        Ok(claimed.map_or(Taken::ByAnother, Taken::One))
    }

    /// Does an effect that was taken, and notes what came of it.
    async fn finish(
        self,
        handler: Arc<dyn EffectHandler>,
        effect: Effect,
        _busy: Busy,
    ) -> Result<()> {
        let answer = if effect.attempt > handler.policy().attempts_max {
            let words = "it was begun as often as it may be, and never ended".to_owned();
            EffectAnswer::Away(words)
        } else {
            perform(&handler, &effect).await
        };
        let outcome = self.outcome(&handler, &effect, answer);
        let mut write = self.database.write().await?;
        note(&mut write, &effect, &outcome).await?;
        write.commit().await?;
        if ["refused", "given_up"].contains(&outcome.state) {
            let (key, answer) = (&effect.key, &outcome.words);
            let kind = handler.kind();
            tracing::warn!(kind, key, answer, state = outcome.state, "an effect ended");
        }
        Ok(())
    }

    /// What becomes of an effect after this answer.
    fn outcome(
        &self,
        handler: &Arc<dyn EffectHandler>,
        effect: &Effect,
        answer: EffectAnswer,
    ) -> Outcome {
        let (kind, policy) = (handler.kind(), handler.policy());
        let trouble = match &answer {
            EffectAnswer::Away(words) => Some(bounded(words)),
            _ => None,
        };
        self.trouble(kind, trouble);
        let is_last = effect.attempt >= policy.attempts_max;
        let (state, words) = match answer {
            EffectAnswer::Done(words) => ("done", words),
            EffectAnswer::Refused(words) => ("refused", words),
            EffectAnswer::Later(words) if is_last => ("refused", words),
            EffectAnswer::Away(words) if is_last => ("given_up", words),
            EffectAnswer::Later(words) | EffectAnswer::Away(words) => ("waiting", words),
        };
        let now = self.clock.now();
        let pause = match state {
            "waiting" => policy.pause(&effect.key, effect.attempt),
            _ => 0,
        };
        Outcome {
            state,
            next_at: Ts(now.0.saturating_add(pause)),
            words: bounded(&words),
        }
    }

    /// Notes what keeps a kind from being done, and returns whether that is new.
    fn trouble(&self, kind: &'static str, trouble: Option<String>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => state.troubles.insert(kind, trouble.clone()) != Some(trouble),
            None => state.troubles.remove(kind).is_some(),
        }
    }

    /// Counts them. A service that does none and has none tells nothing of them.
    async fn count(&self) -> Result<Counts> {
        let rows = sqlx::query(COUNTS)
            .fetch_all(self.database.reader())
            .await?;
        let mut counts = Counts::default();
        let is_without = rows.is_empty() && self.handlers.is_empty();
        for row in rows {
            let kind: String = row.try_get(1)?;
            let count: i64 = row.try_get(2)?;
            match row.try_get::<String, _>(0)?.as_str() {
                "waiting" => {
                    counts.waiting += count;
                    if self.handlers.iter().all(|handler| handler.kind() != kind) {
                        counts.unhandled += count;
                    }
                }
                "refused" => counts.refused += count,
                _ => counts.given_up += count,
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.counts = (!is_without).then_some(counts);
        Ok(counts)
    }
}

/// What came of looking for an effect that is due.
enum Taken {
    Nothing,
    /// There was one, and another worker was faster; there may be more.
    ByAnother,
    One(Effect),
}

/// Lets the handler do it, on a task of its own, so that a panic of it is an answer.
async fn perform(handler: &Arc<dyn EffectHandler>, effect: &Effect) -> EffectAnswer {
    let time_max = handler.policy().time_max;
    let (handler, effect) = (Arc::clone(handler), effect.clone());
    let mut task = JoinSet::new();
    task.spawn(async move { handler.perform(&effect).await });
    match tokio::time::timeout(time_max, task.join_next()).await {
        Ok(Some(Ok(answer))) => answer,
        Ok(_) => EffectAnswer::Later("the code that does it failed".to_owned()),
        Err(_) => {
            let words = format!("it took more than {} s", time_max.as_secs());
            EffectAnswer::Away(words)
        }
    }
}

/// Words as they are kept: short, and on one line. NUL is what PostgreSQL does not take.
pub(crate) fn bounded(words: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    words.chars().take(WORDS_MAX).map(plain).collect()
}
