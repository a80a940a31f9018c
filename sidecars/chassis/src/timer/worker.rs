//! Fires timers that are due, until it is told to stop.

use super::handler::{Timer, TimerHandler};
use super::{due, failed, failures, keep, next, take};
use crate::clock::Clock;
use crate::database::Database;
use crate::effect::EffectPolicy;
use crate::event::hold_events;
use crate::service::{Health, Stop};
use crate::{ChassisError, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tickloom_types::Ts;
use tokio::task::JoinSet;

/// Pause before looking again when nothing was due.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// First and longest pause after the database refused; each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Pauses after a timer failed, and how long it may take.
const POLICY: EffectPolicy = EffectPolicy {
    attempts_max: i64::MAX,
    first_pause: Duration::from_secs(10),
    longest_pause: Duration::from_secs(300),
    time_max: Duration::from_secs(60),
};

/// The timers of a service: who does what is to be done at them, and how they are.
#[derive(Clone)]
pub struct Timers {
    database: Database,
    clock: Clock,
    handlers: Vec<Arc<dyn TimerHandler>>,
    /// By kind: why it failed last.
    troubles: Arc<Mutex<BTreeMap<&'static str, String>>>,
    /// Whoever fires: one timer after another.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Timers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<&str> = self.handlers.iter().map(|handler| handler.kind()).collect();
        f.debug_struct("Timers")
            .field("kinds", &kinds)
            .field("troubles", &self.troubles)
            .finish_non_exhaustive()
    }
}

/// What came of looking for a timer that is due.
enum Fired {
    /// There was none.
    None,
    /// There was one: it fired, failed and is noted, or somebody else was faster. There may be more.
    One,
}

impl Timers {
    /// Timers of the kinds of these handlers, each of its own; nothing runs yet.
    #[must_use]
    pub fn new(database: Database, clock: Clock, handlers: Vec<Arc<dyn TimerHandler>>) -> Timers {
        Timers {
            database,
            clock,
            handlers,
            troubles: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// Sees that those are there which always are, and are due, as at a start.
    ///
    /// # Errors
    /// [`ChassisError::Database`].
    pub async fn keep(&self) -> Result<()> {
        let mut write = self.database.write().await?;
        for handler in &self.handlers {
            if handler.every().is_some() {
                keep(&mut write, handler.kind(), self.clock.now()).await?;
            }
        }
        write.commit().await
    }

    /// Fires timers as they become due, until the stop is told: one after another, in the order in which they are due. The one that fires
    /// is ended first. By a clock that stands those fire that are due at the start, and later ones when whoever moves it says so
    /// ([`Timers::fire_due`]).
    pub async fn run(self, mut stop: Stop) {
        let mut pause = PAUSE_MIN;
        while !self.handlers.is_empty() && !stop.is_told() {
            match self.fire_one().await {
                Ok(Fired::One) => pause = PAUSE_MIN,
                Ok(Fired::None) if matches!(self.clock, Clock::Set(_)) => return,
                Ok(Fired::None) => {
                    pause = PAUSE_MIN;
                    stop.or_after(LOOK_AGAIN).await;
                }
                Err(error) => {
                    let error = error.to_string();
                    tracing::warn!(error, "timers are not looked at");
                    stop.or_after(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Fires all that is due now by the clock, in order, and returns how many times that was. With a standing clock it is what a test calls
    /// instead of waiting.
    ///
    /// # Errors
    /// [`ChassisError::Database`].
    pub async fn fire_due(&self) -> Result<u64> {
        let mut fired = 0;
        while let Fired::One = self.fire_one().await? {
            fired += 1;
        }
        Ok(fired)
    }

    /// When the next timer is due at which a clock that is moved has to stand still: those that go on after a pause are gone past.
    pub(crate) async fn next_stop(&self) -> Result<Option<Ts>> {
        let mut first = None;
        for handler in &self.handlers {
            if handler.every().is_some() {
                continue;
            }
            let at = next(&self.database, handler.kind()).await?;
            first = [first, at].into_iter().flatten().min();
        }
        Ok(first)
    }

    /// Adds to a service's health why timers of a kind failed, until one fires.
    pub fn add_health(&self, health: &mut Health) {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, trouble) in troubles.iter() {
            health.troubles.push(format!("timer {kind}: {trouble}"));
        }
    }

    /// Who does what is to be done at them.
    #[cfg(feature = "conformance")]
    pub(crate) fn handlers(&self) -> &[Arc<dyn TimerHandler>] {
        &self.handlers
    }

    /// Fires the timer that is due first, if one is.
    async fn fire_one(&self) -> Result<Fired> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now();
        let mut first: Option<(Ts, String, &Arc<dyn TimerHandler>)> = None;
        for handler in &self.handlers {
            // Looking takes no turn to write.
            let Some((at, key)) = due(&self.database, handler.kind(), now).await? else {
                continue;
            };
            let is_first = first
                .as_ref()
                .is_none_or(|(before, of, _)| (at, &key) < (*before, of));
            if is_first {
                first = Some((at, key, handler));
            }
        }
        let Some((_, key, handler)) = first else {
            return Ok(Fired::None);
        };
        let kind = handler.kind();
        match self.fire(handler, &key, now).await {
            Ok(()) => {
                self.trouble(kind, None);
            }
            Err(why) => self.note_failure((kind, &key), now, &why).await?,
        }
        Ok(Fired::One)
    }

    /// Fires a timer on a task of its own, so that a panic of it is a failure as any other.
    async fn fire(
        &self,
        handler: &Arc<dyn TimerHandler>,
        key: &str,
        now: Ts,
    ) -> std::result::Result<(), String> {
        let done = fire(
            self.database.clone(),
            Arc::clone(handler),
            key.to_owned(),
            now,
        );
        let mut task = JoinSet::new();
        task.spawn(done);
        match tokio::time::timeout(POLICY.time_max, task.join_next()).await {
            Ok(Some(Ok(done))) => done,
            Ok(_) => Err("the code that does it failed".to_owned()),
            Err(_) => Err(format!("it took more than {} s", POLICY.time_max.as_secs())),
        }
    }

    /// Notes that a timer failed, and when it is tried again; others fire meanwhile.
    async fn note_failure(
        &self,
        (kind, key): (&'static str, &str),
        now: Ts,
        why: &str,
    ) -> Result<()> {
        if self.trouble(kind, Some(why.to_owned())) {
            tracing::warn!(kind, key, error = why, "a timer failed");
        }
        let before = failures(&self.database, key).await?;
        let pause = POLICY.pause(key, before.saturating_add(1));
        let next_at = Ts(now.0.saturating_add(pause));
        let mut write = self.database.write().await?;
        failed(&mut write, (kind, key), (now, next_at)).await?;
        write.commit().await
    }

    /// Notes why a kind failed, and returns whether that is new.
    fn trouble(&self, kind: &'static str, trouble: Option<String>) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => troubles.insert(kind, trouble.clone()) != Some(trouble),
            None => troubles.remove(kind).is_some(),
        }
    }
}

/// Does what is to be done at a timer, in one transaction.
async fn fire(
    database: Database,
    handler: Arc<dyn TimerHandler>,
    key: String,
    now: Ts,
) -> std::result::Result<(), String> {
    let said = |error: ChassisError| error.to_string();
    let kind = handler.kind();
    let mut write = database.write().await.map_err(said)?;
    // The order in which everything is locked: the log, and then what is changed.
    hold_events(&mut write).await.map_err(said)?;
    let Some(due) = take(&mut write, (kind, &key), now).await.map_err(said)? else {
        return Ok(());
    };
    let timer = Timer { key, due, now };
    let again = handler.fire(&mut write, &timer).await;
    let again = again.map_err(|error| error.to_string())?;
    let after = |pause| Ts(now.0.saturating_add(nanos(pause)));
    if let Some(again) = again.or(handler.every().map(after)) {
        if again <= due {
            return Err(format!(
                "it is due again at {again}, expected later than {due}"
            ));
        }
        super::set_timer(&mut write, kind, &timer.key, again)
            .await
            .map_err(said)?;
    }
    write.commit().await.map_err(said)?;
    handler.committed().await;
    Ok(())
}

fn nanos(pause: Duration) -> i64 {
    i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX)
}
