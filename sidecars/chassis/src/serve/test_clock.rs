//! `/test/clock`: moves the time of a process whose configuration asks for a clock that stands still, and lets all that is due on the way
//! be done, each at its time. Elsewhere there is no such path.

use crate::clock::Clock;
use crate::database::{Database, Place};
use crate::doctor::latest;
use crate::effect::Effects;
use crate::idempotency::Unkept;
use crate::job::Jobs;
use crate::problem::{Problem, ProblemCode};
use crate::service::Runner;
use crate::timer::Timers;
use crate::{ChassisError, Result};
use axum::extract::State;
use axum::{Json, Router, routing};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tickloom_types::Ts;
use tokio::sync::Mutex;

/// Where it can be moved to at most: the year 2200, so that no time that is reckoned from it is beyond what can be told.
const LATEST: Ts = Ts(7_258_118_400_000_000_000);

/// A clock that is moved, and all that is done by it.
pub(super) struct TestClock {
    clock: Clock,
    services: Vec<(Timers, Effects, Jobs)>,
    /// Whoever moves it.
    turn: Mutex<()>,
}

/// Where the clock is to be moved to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Nanoseconds since 1970.
    to: i64,
}

/// Where the clock is, and what was done on the way.
#[derive(Debug, Default, Serialize)]
struct Moved {
    /// Nanoseconds since 1970.
    now: i64,
    /// Timers that fired or failed.
    timers: u64,
    /// Attempts at effects, but for those that were begun before.
    effects: u64,
    /// Steps of jobs.
    jobs: u64,
}

impl TestClock {
    pub(super) fn new(clock: Clock, runners: &[Runner]) -> Arc<TestClock> {
        let services = runners.iter();
        let services = services.map(|runner| {
            (
                runner.timers.clone(),
                runner.effects.clone(),
                runner.jobs.clone(),
            )
        });
        Arc::new(TestClock {
            clock,
            services: services.collect(),
            turn: Mutex::default(),
        })
    }

    /// Moves the clock forward, and stands still wherever something is due until it is done.
    async fn move_to(&self, to: Ts) -> Result<Moved> {
        let _turn = self.turn.lock().await;
        let mut moved = Moved::default();
        loop {
            self.settle(&mut moved).await?;
            let stop = self.next_stop().await?.filter(|stop| *stop < to);
            if self.clock.now() >= to {
                moved.now = self.clock.now().0;
                return Ok(moved);
            }
            // What is due and was not done, as a lease that has just ended, is looked at again.
            let is_moved = self.clock.advance_to(stop.unwrap_or(to));
            debug_assert!(is_moved, "it is no clock of the system");
        }
    }

    /// Lets all be done that is due now, and what is due now because of that.
    async fn settle(&self, moved: &mut Moved) -> Result<()> {
        loop {
            let mut is_quiet = true;
            for (timers, effects, jobs) in &self.services {
                let fired = timers.fire_due().await?;
                let performed = effects.perform_due().await?;
                moved.timers += fired;
                let stepped = jobs.perform_due().await?;
                moved.effects += performed;
                moved.jobs += stepped;
                // What was begun before, and may have asked for more.
                let was_busy = effects.ended().await;
                is_quiet &= !was_busy && fired + performed + stepped == 0;
            }
            if is_quiet {
                return Ok(());
            }
        }
    }

    async fn next_stop(&self) -> Result<Option<Ts>> {
        let mut first = None;
        for (timers, effects, jobs) in &self.services {
            let due = [
                timers.next_stop().await?,
                effects.next_due().await?,
                jobs.next_due().await?,
            ];
            first = due.into_iter().chain([first]).flatten().min();
        }
        Ok(first)
    }
}

/// Where a test clock is set first, nanoseconds since 1970.
///
/// # Errors
/// [`ChassisError::Start`] before 1970 and after the beginning of 2200.
pub fn test_clock_at(nanos: i64) -> Result<Ts> {
    if (0..=LATEST.0).contains(&nanos) {
        return Ok(Ts(nanos));
    }
    let why = format!(
        "test_clock is {nanos}, expected 0 to {}: nanoseconds since 1970",
        LATEST.0
    );
    Err(ChassisError::Start(why))
}

/// That time may stand still at a moment where this service is: nothing happened there later. So a test clock is never set back.
///
/// # Errors
/// [`ChassisError::Start`] if something did; as [`Database::existing`].
pub async fn check_test_clock(place: &Place, service: &str, at: Ts) -> Result<()> {
    let Some(database) = Database::existing(place, service).await? else {
        return Ok(());
    };
    let latest = latest(&database).await;
    database.close().await;
    let latest = latest?;
    if latest > at {
        let why = format!(
            "test_clock is {at}, and something happened in {service} at {latest}: a test clock is for databases of its own, and is set to \
             no time before what is in them"
        );
        return Err(ChassisError::Start(why));
    }
    Ok(())
}

pub(super) fn router(clock: Arc<TestClock>) -> Router {
    Router::new()
        .route("/test/clock", routing::get(read_clock).post(move_clock))
        .with_state(clock)
}

/// What time it is.
async fn read_clock(State(clock): State<Arc<TestClock>>) -> Json<Moved> {
    let now = clock.clock.now().0;
    Json(Moved {
        now,
        ..Moved::default()
    })
}

/// Moves the clock. What a caller no longer waits for ends where it is: the clock stands where it stood still last.
async fn move_clock(
    State(clock): State<Arc<TestClock>>,
    sent: Unkept,
) -> Result<Json<Moved>, Problem> {
    let wanted: Wanted = sent.json()?;
    let now = clock.clock.now();
    if wanted.to < now.0 || wanted.to > LATEST.0 {
        let to = wanted.to;
        let detail = format!("to is {to}, expected {} (now) to {}", now.0, LATEST.0);
        return Err(Problem::new(ProblemCode::BadRequest, detail));
    }
    Ok(Json(clock.move_to(Ts(wanted.to)).await?))
}
