//! Jobs: work that takes long is done in steps, of which each is kept with the place after it or not at all, by whoever has it.

use crate::{BEGIN, SECOND, on_both};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tickloom_chassis::{
    AUDIT_VERIFICATION, AuditOutcome, AuditVerification, Clock, Database, EffectPolicy, Health,
    Job, JobFuture, JobHandler, JobState, JobStep, JobWork, Jobs, NewAuditEntry, NewEvent, NewJob,
    Stop, append, append_audit, audit_head, cancel_job, events_after, hold_events, job, jobs_after,
    start_job,
};
use tickloom_types::Ts;
use tokio::sync::watch;

/// Pauses after a step failed, as docs/services.md has them: 10 s, and longer each time up to five minutes.
const PAUSES: EffectPolicy = EffectPolicy {
    attempts_max: 8,
    first_pause: Duration::from_secs(10),
    longest_pause: Duration::from_secs(300),
    time_max: Duration::from_secs(60),
};
/// How long a worker has a job: the time of a step, and a minute.
const LEASE: i64 = 120 * SECOND;

/// What a runner does in the place of a lap.
enum Instead {
    Fail,
    Panic,
    /// Says that it goes on where it is.
    Stay,
    Refuse,
    /// Cancels it, before it runs on.
    Cancel,
    /// Lets the lease end, and another worker do all that is left, before it runs on.
    Lose(Jobs),
    /// Tells the stop, and runs on.
    Stop(watch::Sender<bool>),
}

/// Runs as many laps as the payload says, an event each.
struct Runner {
    clock: Clock,
    instead: Mutex<VecDeque<Option<Instead>>>,
}

impl Runner {
    fn new(clock: &Clock, instead: impl IntoIterator<Item = Option<Instead>>) -> Arc<Runner> {
        Arc::new(Runner {
            clock: clock.clone(),
            instead: Mutex::new(instead.into_iter().collect()),
        })
    }
}

impl JobHandler for Runner {
    fn kind(&self) -> &'static str {
        "laps"
    }

    fn step<'a>(&'a self, work: &'a mut JobWork, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            let total: i64 = job.payload.parse()?;
            let lap: i64 = if job.place.is_empty() {
                1
            } else {
                job.place.parse()?
            };
            let instead = self.instead.lock().unwrap().pop_front().flatten();
            match &instead {
                Some(Instead::Cancel) => {
                    let mut write = work.database().write().await?;
                    assert!(cancel_job(&mut write, &job.id, self.clock.now()).await?);
                    write.commit().await?;
                }
                Some(Instead::Lose(other)) => {
                    assert!(self.clock.advance_to(Ts(self.clock.now().0 + LEASE)));
                    other.perform_due().await?;
                }
                Some(Instead::Stop(told)) => drop(told.send(true)),
                _ => {}
            }
            let now = self.clock.now();
            let event = NewEvent {
                aggregate: format!("{}/{lap}", job.id),
                version: lap,
                kind: "lap",
                v: 1,
                at: now,
                actor: "service/test".to_owned(),
                request: String::new(),
                body: lap.to_string(),
            };
            append(work.write().await?, &event).await?;
            assert!(
                !matches!(instead, Some(Instead::Panic)),
                "as it was told to"
            );
            match instead {
                Some(Instead::Fail) => Err("it stumbles".into()),
                Some(Instead::Refuse) => Ok(JobStep::Failed("it never runs".to_owned())),
                Some(Instead::Stay) => Ok(JobStep::More {
                    place: job.place.clone(),
                    done: lap,
                    total: None,
                }),
                _ if lap == total => Ok(JobStep::Done {
                    done: lap,
                    result: json!({"laps": lap}),
                }),
                _ => Ok(JobStep::More {
                    place: (lap + 1).to_string(),
                    done: lap,
                    total: Some(total),
                }),
            }
        })
    }
}

fn jobs(database: &Database, clock: &Clock, handler: &Arc<Runner>) -> Jobs {
    let handler: Arc<dyn JobHandler> = handler.clone();
    Jobs::new(database.clone(), clock.clone(), vec![handler])
}

async fn start(database: &Database, kind: &'static str, payload: &str, at: Ts) -> Option<Job> {
    let new = NewJob {
        kind,
        actor: "account/usr_1".to_owned(),
        payload: payload.to_owned(),
        at,
    };
    let mut write = database.write().await.unwrap();
    hold_events(&mut write).await.unwrap();
    let started = start_job(&mut write, &new).await.unwrap();
    write.commit().await.unwrap();
    started
}

async fn look(database: &Database, id: &str) -> Job {
    job(database.reader(), id).await.unwrap().unwrap()
}

/// Laps that were run, in order.
async fn laps(database: &Database) -> Vec<i64> {
    let events = events_after(database, 0, 1000).await.unwrap();
    let lap = |event: tickloom_chassis::StoredEvent| event.body.parse().unwrap();
    events.into_iter().map(lap).collect()
}

#[test]
fn a_job_is_done_step_by_step_and_says_how_far_it_is() {
    on_both(|place| async move {
        let database = Database::open(&place, "job_steps", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let (told, stop) = Stop::new();
        let handler = Runner::new(&clock, [None, Some(Instead::Stop(told))]);
        let started = start(&database, "laps", "5", BEGIN).await.unwrap();
        assert_eq!(
            (started.state, started.begun, started.done),
            (JobState::Waiting, None, 0)
        );
        // Nothing runs for two seconds, and who then begins is stopped after two laps.
        assert!(clock.advance_to(Ts(BEGIN.0 + 2 * SECOND)));
        jobs(&database, &clock, &handler).run(stop).await;
        let half = look(&database, &started.id).await;
        let begun = Some(BEGIN.0 + 2 * SECOND);
        assert_eq!(
            (half.state, half.begun, half.seen),
            (JobState::Running, begun, begun)
        );
        assert_eq!((half.done, half.total, half.rate), (2, Some(5), None));
        assert_eq!(laps(&database).await, [1, 2]);
        // What was given back another has at once.
        assert!(clock.advance_to(Ts(BEGIN.0 + 12 * SECOND)));
        let next = jobs(&database, &clock, &handler);
        assert_eq!(next.perform_due().await.unwrap(), 3);
        assert_eq!(next.perform_due().await.unwrap(), 0);
        let ended = look(&database, &started.id).await;
        assert_eq!(
            (ended.state, ended.done, ended.total),
            (JobState::Done, 5, Some(5))
        );
        // Five laps in ten seconds.
        assert_eq!(
            (ended.ended, ended.rate),
            (Some(BEGIN.0 + 12 * SECOND), Some(0.5))
        );
        assert_eq!(
            (ended.result, ended.failure),
            (Some(json!({"laps": 5})), None)
        );
        assert_eq!(laps(&database).await, [1, 2, 3, 4, 5]);
        database.close().await;
    });
}

#[test]
fn a_step_that_fails_leaves_nothing_and_is_tried_again_until_the_job_is_given_up() {
    on_both(|place| async move {
        let database = Database::open(&place, "job_fails", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let fails = [Instead::Panic, Instead::Stay].map(Some);
        let fails = fails.into_iter().chain((0..8).map(|_| Some(Instead::Fail)));
        let handler = Runner::new(&clock, [None].into_iter().chain(fails));
        let jobs = jobs(&database, &clock, &handler);
        let id = start(&database, "laps", "2", BEGIN).await.unwrap().id;
        // One that runs, and one that panics.
        assert_eq!(jobs.perform_due().await.unwrap(), 2);
        let words = [
            "the code that does it failed",
            "it does not get on: `2` is where it was",
            "it stumbles",
        ];
        for attempt in 1..8 {
            let failed = look(&database, &id).await;
            let why = words[usize::try_from(attempt).unwrap().min(3) - 1];
            assert_eq!(
                (failed.state, failed.attempts),
                (JobState::Running, attempt)
            );
            assert_eq!((failed.failure.as_deref(), failed.done), (Some(why), 1));
            let mut health = Health::default();
            jobs.add_health(&mut health);
            assert_eq!(health.troubles, [format!("job laps: {why}")]);
            let again = clock.now().0 + PAUSES.pause(&id, attempt);
            assert!(clock.advance_to(Ts(again - 1)));
            assert_eq!(jobs.perform_due().await.unwrap(), 0, "{attempt}");
            assert!(clock.advance_to(Ts(again)));
            assert_eq!(jobs.perform_due().await.unwrap(), 1, "{attempt}");
        }
        let failed = look(&database, &id).await;
        let found = (failed.state, failed.failure.as_deref(), failed.ended);
        assert_eq!(
            found,
            (JobState::Failed, Some("it stumbles"), Some(clock.now().0))
        );
        let mut health = Health::default();
        jobs.add_health(&mut health);
        assert_eq!(health.troubles, [""; 0]);
        assert_eq!(health.facts, [("jobs_open", 0.0), ("jobs_failed", 1.0)]);
        assert_eq!(laps(&database).await, [1]);
        // What can never be done is given up at once, and what it changed is not kept.
        let handler = Runner::new(&clock, [Some(Instead::Refuse)]);
        let id = start(&database, "laps", "2", clock.now()).await.unwrap().id;
        let jobs = self::jobs(&database, &clock, &handler);
        assert_eq!(jobs.perform_due().await.unwrap(), 1);
        let refused = look(&database, &id).await;
        let found = (refused.state, refused.failure.as_deref());
        assert_eq!(found, (JobState::Failed, Some("it never runs")));
        assert_eq!(laps(&database).await, [1]);
        database.close().await;
    });
}

#[test]
fn what_is_cancelled_or_taken_by_another_goes_no_further() {
    on_both(|place| async move {
        let database = Database::open(&place, "job_lost", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let waits = start(&database, "laps", "3", BEGIN).await.unwrap().id;
        let mut write = database.write().await.unwrap();
        assert!(cancel_job(&mut write, &waits, BEGIN).await.unwrap());
        assert!(!cancel_job(&mut write, &waits, BEGIN).await.unwrap());
        assert!(!cancel_job(&mut write, "job_0", BEGIN).await.unwrap());
        write.commit().await.unwrap();
        // In the middle of its second lap.
        let handler = Runner::new(&clock, [None, Some(Instead::Cancel)]);
        let id = start(&database, "laps", "3", BEGIN).await.unwrap().id;
        let jobs = jobs(&database, &clock, &handler);
        assert_eq!(jobs.perform_due().await.unwrap(), 2);
        let cancelled = look(&database, &id).await;
        let found = (cancelled.state, cancelled.done, cancelled.ended);
        assert_eq!(found, (JobState::Cancelled, 1, Some(BEGIN.0)));
        assert_eq!(look(&database, &waits).await.begun, None);
        assert_eq!(laps(&database).await, [1]);
        // Another runs what is left while this one is away, which comes back and keeps nothing.
        let other = self::jobs(&database, &clock, &Runner::new(&clock, []));
        let handler = Runner::new(&clock, [None, Some(Instead::Lose(other))]);
        let id = start(&database, "laps", "4", BEGIN).await.unwrap().id;
        let jobs = self::jobs(&database, &clock, &handler);
        assert_eq!(jobs.perform_due().await.unwrap(), 2);
        let ended = look(&database, &id).await;
        assert_eq!((ended.state, ended.done), (JobState::Done, 4));
        assert_eq!(laps(&database).await, [1, 1, 2, 3, 4]);
        database.close().await;
    });
}

#[test]
fn so_many_jobs_wait_and_what_is_over_is_known_for_a_month() {
    on_both(|place| async move {
        let database = Database::open(&place, "job_bounds", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        for number in 0..100 {
            assert!(
                start(&database, "laps", "1", BEGIN).await.is_some(),
                "{number}"
            );
        }
        assert_eq!(start(&database, "laps", "1", BEGIN).await, None);
        // Of another kind there is room.
        assert!(start(&database, "others", "1", BEGIN).await.is_some());
        let jobs = jobs(&database, &clock, &Runner::new(&clock, []));
        assert_eq!(jobs.perform_due().await.unwrap(), 100);
        let month = 30 * 86_400 * SECOND;
        let count = async || jobs_after(&database, "", 1000).await.unwrap().len();
        start(&database, "laps", "1", Ts(BEGIN.0 + month))
            .await
            .unwrap();
        assert_eq!(count().await, 102);
        start(&database, "laps", "1", Ts(BEGIN.0 + month + 1))
            .await
            .unwrap();
        assert_eq!(count().await, 3);
        database.close().await;
    });
}

#[test]
fn an_audit_log_is_verified_up_to_the_entry_that_is_wrong() {
    on_both(|place| async move {
        let database = Database::open(&place, "job_audit", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let mut write = database.write().await.unwrap();
        for number in 1..=1500 {
            let entry = NewAuditEntry {
                at: BEGIN,
                actor: "account/usr_1".to_owned(),
                request: String::new(),
                action: "created".to_owned(),
                resource: format!("thing/{number}"),
                outcome: AuditOutcome::Done,
                detail: String::new(),
            };
            append_audit(&mut write, &entry).await.unwrap();
        }
        write.commit().await.unwrap();
        let head = audit_head(&database).await.unwrap();
        let jobs = Jobs::new(
            database.clone(),
            clock.clone(),
            vec![Arc::new(AuditVerification)],
        );
        let verify = async || {
            let id = start(&database, AUDIT_VERIFICATION, "", BEGIN)
                .await
                .unwrap()
                .id;
            // A thousand entries a step.
            let steps = jobs.perform_due().await.unwrap();
            let ended = look(&database, &id).await;
            assert_eq!(ended.state, JobState::Done, "{ended:?}");
            (steps, ended.done, ended.result.unwrap())
        };
        let whole = json!({"whole": true, "position": 1500, "hash": head.hash});
        assert_eq!(verify().await, (2, 1500, whole));
        let change = async |statement: &'static str| {
            let changed = sqlx::query(statement).execute(database.reader()).await;
            assert_eq!(changed.unwrap().rows_affected(), 1);
        };
        change("DELETE FROM audit WHERE position = 1500").await;
        let (steps, done, found) = verify().await;
        assert_eq!((steps, done, &found["whole"]), (3, 1499, &json!(false)));
        let fault = "the export ends with entry 1499, and entry 1500 was noted: its end is cut off";
        assert_eq!(found["fault"], fault);
        change("UPDATE audit SET detail = 'x' WHERE position = 1200").await;
        let (steps, done, found) = verify().await;
        assert_eq!((steps, done, &found["position"]), (2, 1199, &json!(1199)));
        let fault = "line 1200: entry 1200 was changed: its hash is of something else";
        assert_eq!(found["fault"], fault);
        change("DELETE FROM audit WHERE position = 3").await;
        let (steps, done, found) = verify().await;
        assert_eq!((steps, done), (1, 2));
        let fault =
            "line 3: entry 4 stands where 3 should: that one was removed, or is out of order";
        assert_eq!(found["fault"], fault);
        // Who asks for something else gets nothing.
        let id = start(&database, AUDIT_VERIFICATION, "x", BEGIN)
            .await
            .unwrap()
            .id;
        jobs.perform_due().await.unwrap();
        assert_eq!(look(&database, &id).await.state, JobState::Failed);
        database.close().await;
    });
}
