//! Timers: what is to be done at a moment is done once, in order, in one transaction with what comes of it; and a clock that is moved over
//! HTTP stands still at each.

use crate::{BEGIN, PATIENCE, SECOND, on_both, send};
use serde_json::json;
use sqlx::Row;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tickloom_chassis::{
    ChassisError, Clock, Context, Database, Effect, EffectAnswer, EffectFuture, EffectHandler,
    EffectPolicy, Health, HttpOptions, Migrations, NewEffect, NewEvent, Place, Runner,
    ServeOptions, Service, Serving, Stop, Timer, TimerFuture, TimerHandler, Timers, append,
    enqueue, events_after, serve, set_timer,
};
use tickloom_types::Ts;
use utoipa_axum::router::OpenApiRouter;

/// Pauses after a timer failed, as docs/services.md has them: 10 s, and longer each time up to five minutes.
const PAUSES: EffectPolicy = EffectPolicy {
    attempts_max: 1,
    first_pause: Duration::from_secs(10),
    longest_pause: Duration::from_secs(300),
    time_max: Duration::from_secs(60),
};

/// What a bell does instead of ringing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Instead {
    Fail,
    Panic,
    /// Wants to be due again when it was due.
    Stay,
}

/// Rings: an event, and for keys that end with `/again` once more after ten seconds.
#[derive(Default)]
struct Bell {
    instead: Mutex<VecDeque<Instead>>,
    committed: Mutex<usize>,
}

impl TimerHandler for Bell {
    fn kind(&self) -> &'static str {
        "bell"
    }

    fn fire<'a>(
        &'a self,
        write: &'a mut tickloom_chassis::Write,
        timer: &'a Timer,
    ) -> TimerFuture<'a> {
        Box::pin(async move {
            let event = NewEvent {
                aggregate: timer.key.clone(),
                version: (timer.due.0 - BEGIN.0) / SECOND + 1,
                kind: "rang",
                v: 1,
                at: timer.now,
                actor: "service/test".to_owned(),
                request: String::new(),
                body: timer.due.0.to_string(),
            };
            append(write, &event).await?;
            let instead = self.instead.lock().unwrap().pop_front();
            assert_ne!(instead, Some(Instead::Panic), "as it was told to");
            match instead {
                Some(Instead::Fail) => Err("it does not ring".into()),
                Some(Instead::Stay) => Ok(Some(timer.due)),
                _ if timer.key.ends_with("/again") => Ok(Some(Ts(timer.due.0 + 10 * SECOND))),
                _ => Ok(None),
            }
        })
    }

    fn committed(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { *self.committed.lock().unwrap() += 1 })
    }
}

/// Sweeps once a minute.
#[derive(Default)]
struct Sweep {
    at: Mutex<Vec<i64>>,
}

impl TimerHandler for Sweep {
    fn kind(&self) -> &'static str {
        "sweep"
    }

    fn every(&self) -> Option<Duration> {
        Some(Duration::from_secs(60))
    }

    fn fire<'a>(&'a self, _: &'a mut tickloom_chassis::Write, timer: &'a Timer) -> TimerFuture<'a> {
        self.at.lock().unwrap().push(seconds(timer.now));
        Box::pin(async { Ok(None) })
    }
}

fn seconds(at: Ts) -> i64 {
    (at.0 - BEGIN.0) / SECOND
}

fn at(seconds: i64) -> Ts {
    Ts(BEGIN.0 + seconds * SECOND)
}

async fn set(database: &Database, key: &str, due: i64) {
    let mut write = database.write().await.unwrap();
    set_timer(&mut write, "bell", key, at(due)).await.unwrap();
    write.commit().await.unwrap();
}

fn bells(database: &Database, clock: &Clock, bell: &Arc<Bell>) -> Timers {
    let handler: Arc<dyn TimerHandler> = bell.clone();
    Timers::new(database.clone(), clock.clone(), vec![handler])
}

/// What rang: its key, when it was due, and when it did, in seconds.
async fn rang(database: &Database) -> Vec<(String, i64, i64)> {
    let events = events_after(database, 0, 1000).await.unwrap();
    let one = |event: tickloom_chassis::StoredEvent| {
        let due = Ts(event.body.parse().unwrap());
        (event.aggregate, seconds(due), seconds(event.at))
    };
    events.into_iter().map(one).collect()
}

/// Timers that are set: key, when one was due, and when it is tried, in nanoseconds after the begin.
async fn left(database: &Database) -> Vec<(String, i64, i64)> {
    let rows = sqlx::query("SELECT key, due, next_at FROM timer ORDER BY key");
    let rows = rows.fetch_all(database.reader()).await.unwrap();
    let one = |row: &sqlx::any::AnyRow| {
        let (due, next): (i64, i64) = (row.get(1), row.get(2));
        (row.get(0), due - BEGIN.0, next - BEGIN.0)
    };
    rows.iter().map(one).collect()
}

fn rung(key: &str, due: i64, now: i64) -> (String, i64, i64) {
    (key.to_owned(), due, now)
}

#[test]
fn timers_fire_once_in_order_and_late_ones_as_soon_as_somebody_is_there() {
    on_both(|place| async move {
        let database = Database::open(&place, "in_order", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let bell = Arc::<Bell>::default();
        let timers = bells(&database, &clock, &bell);
        // One that is set again is moved.
        for (key, due) in [("c", 30), ("b", 10), ("a", 10), ("b", 20), ("late", 31)] {
            set(&database, key, due).await;
        }
        let dropped = async {
            let mut write = database.write().await.unwrap();
            set_timer(&mut write, "bell", "never", BEGIN).await.unwrap();
        };
        dropped.await;
        assert!(clock.advance_to(Ts(at(10).0 - 1)));
        assert_eq!(timers.fire_due().await.unwrap(), 0);
        assert!(clock.advance_to(at(10)));
        assert_eq!(timers.fire_due().await.unwrap(), 1);
        // Nothing runs for a while.
        assert!(clock.advance_to(at(30)));
        let next = bells(&database, &clock, &bell);
        assert_eq!(next.fire_due().await.unwrap(), 2);
        assert_eq!(next.fire_due().await.unwrap(), 0);
        let expected = [rung("a", 10, 10), rung("b", 20, 30), rung("c", 30, 30)];
        assert_eq!(rang(&database).await, expected);
        let waits = [("late".to_owned(), 31 * SECOND, 31 * SECOND)];
        assert_eq!(left(&database).await, waits);
        assert_eq!(*bell.committed.lock().unwrap(), 3);
        database.close().await;
    });
}

#[test]
fn of_several_processes_one_fires_a_timer() {
    on_both(|place| async move {
        let database = Database::open(&place, "by_several", &[]).await.unwrap();
        let clock = Clock::standing(at(100));
        for number in 0..30 {
            set(&database, &format!("bell/{number:02}"), number).await;
        }
        let mut processes = Vec::new();
        for _ in 0..3 {
            let own = Database::open(&place, "by_several", &[]).await.unwrap();
            let timers = bells(&own, &clock, &Arc::default());
            processes.push(tokio::spawn(async move {
                timers.fire_due().await.unwrap();
                own.close().await;
            }));
        }
        for process in processes {
            process.await.unwrap();
        }
        let expected: Vec<_> = (0..30)
            .map(|number| rung(&format!("bell/{number:02}"), number, 100))
            .collect();
        assert_eq!(rang(&database).await, expected);
        assert_eq!(left(&database).await, []);
        database.close().await;
    });
}

#[test]
fn a_timer_that_fails_leaves_nothing_and_is_tried_again_while_others_fire() {
    on_both(|place| async move {
        let database = Database::open(&place, "failing", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let bell = Arc::<Bell>::default();
        let timers = bells(&database, &clock, &bell);
        let troubles = || {
            let mut health = Health::default();
            timers.add_health(&mut health);
            health.troubles
        };
        set(&database, "a", 0).await;
        let mut next = 0;
        let told = [
            (Instead::Fail, "timer bell: it does not ring".to_owned()),
            (
                Instead::Panic,
                "timer bell: the code that does it failed".to_owned(),
            ),
            (
                Instead::Stay,
                format!("timer bell: it is due again at {BEGIN}, expected later than {BEGIN}"),
            ),
        ];
        for (attempt, (instead, words)) in (1..).zip(told) {
            bell.instead.lock().unwrap().push_back(instead);
            assert_eq!(timers.fire_due().await.unwrap(), 1);
            assert_eq!(troubles(), [words]);
            assert_eq!(rang(&database).await, []);
            next += PAUSES.pause("a", attempt);
            assert_eq!(left(&database).await, [("a".to_owned(), 0, next)]);
            assert!(clock.advance_to(Ts(BEGIN.0 + next - 1)));
            assert_eq!(timers.fire_due().await.unwrap(), 0);
            assert!(clock.advance_to(Ts(BEGIN.0 + next)));
        }
        assert_eq!(*bell.committed.lock().unwrap(), 0);
        // Another that is due is not kept waiting by one that fails.
        bell.instead.lock().unwrap().push_back(Instead::Fail);
        set(&database, "b", 5).await;
        assert_eq!(timers.fire_due().await.unwrap(), 2);
        let now = seconds(clock.now());
        // The first that is tried is the one of which the time is first.
        assert_eq!(rang(&database).await, [rung("a", 0, now)]);
        assert!(clock.advance_to(at(now + 11)));
        assert_eq!(timers.fire_due().await.unwrap(), 1);
        assert_eq!(
            rang(&database).await,
            [rung("a", 0, now), rung("b", 5, now + 11)]
        );
        assert_eq!(troubles(), [""; 0]);
        database.close().await;
    });
}

#[test]
fn one_catches_up_if_it_says_so_and_one_that_comes_again_and_again_does_not() {
    on_both(|place| async move {
        let database = Database::open(&place, "again", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let sweep = Arc::<Sweep>::default();
        let handlers: Vec<Arc<dyn TimerHandler>> = vec![Arc::<Bell>::default(), sweep.clone()];
        let timers = Timers::new(database.clone(), clock.clone(), handlers);
        timers.keep().await.unwrap();
        set(&database, "x/again", 0).await;
        assert!(clock.advance_to(at(35)));
        // As at another start: it is there already, and late.
        timers.keep().await.unwrap();
        assert_eq!(timers.fire_due().await.unwrap(), 5);
        let expected = [0, 10, 20, 30].map(|due| rung("x/again", due, 35));
        assert_eq!(rang(&database).await, expected);
        assert_eq!(*sweep.at.lock().unwrap(), [35]);
        let mut write = database.write().await.unwrap();
        set_timer(&mut write, "bell", "x/again", at(5000))
            .await
            .unwrap();
        write.commit().await.unwrap();
        for (now, fired) in [(94, 0), (95, 1), (3000, 1), (3059, 0), (3060, 1)] {
            assert!(clock.advance_to(at(now)));
            assert_eq!(timers.fire_due().await.unwrap(), fired, "{now}");
        }
        // At each start it is due.
        assert!(clock.advance_to(at(3061)));
        timers.keep().await.unwrap();
        assert_eq!(timers.fire_due().await.unwrap(), 1);
        assert_eq!(*sweep.at.lock().unwrap(), [35, 95, 3000, 3060, 3061]);
        database.close().await;
    });
}

/// Takes what it is given at the third attempt.
struct Slow(Clock, Arc<Mutex<Vec<(String, i64)>>>);

impl EffectHandler for Slow {
    fn kind(&self) -> &'static str {
        "slow"
    }

    fn perform<'a>(&'a self, effect: &'a Effect) -> EffectFuture<'a> {
        Box::pin(async move {
            let after = self.0.now().0 - BEGIN.0;
            self.1.lock().unwrap().push((effect.key.clone(), after));
            match effect.attempt {
                3 => EffectAnswer::Done(String::new()),
                _ => EffectAnswer::Later("not now".to_owned()),
            }
        })
    }
}

/// Rings, and has it told outside.
struct Told;

impl TimerHandler for Told {
    fn kind(&self) -> &'static str {
        "told"
    }

    fn fire<'a>(
        &'a self,
        write: &'a mut tickloom_chassis::Write,
        timer: &'a Timer,
    ) -> TimerFuture<'a> {
        Box::pin(async move {
            let effect = NewEffect {
                key: timer.key.clone(),
                kind: "slow",
                payload: String::new(),
                at: timer.now,
            };
            enqueue(write, &effect).await?;
            Ok(None)
        })
    }
}

/// What a service of timers and effects did, by name, in nanoseconds after the begin.
type Did = Arc<Mutex<Vec<(String, i64)>>>;

struct Bells {
    context: Context,
    did: Did,
    sweep: Arc<Sweep>,
}

impl Service for Bells {
    const NAME: &'static str = "bells";
    const MIGRATIONS: Migrations = &[];
    const STATEMENTS: &'static [&'static [&'static str]] = &[];
    type Config = (Did, Arc<Sweep>);

    async fn new(
        context: Context,
        (did, sweep): Self::Config,
    ) -> tickloom_chassis::Result<Arc<Bells>> {
        Ok(Arc::new(Bells {
            context,
            did,
            sweep,
        }))
    }

    fn rest(self: &Arc<Bells>) -> OpenApiRouter {
        OpenApiRouter::new()
    }

    fn effects(self: &Arc<Bells>) -> Vec<Arc<dyn EffectHandler>> {
        vec![Arc::new(Slow(
            self.context.clock.clone(),
            Arc::clone(&self.did),
        ))]
    }

    fn timers(self: &Arc<Bells>) -> Vec<Arc<dyn TimerHandler>> {
        vec![Arc::new(Told), self.sweep.clone(), Arc::<Bell>::default()]
    }
}

async fn serve_bells(
    place: &Place,
    clock: Clock,
    http: HttpOptions,
    config: (Did, Arc<Sweep>),
) -> (
    Result<Serving, ChassisError>,
    tokio::sync::watch::Sender<bool>,
) {
    let (told, stop) = Stop::new();
    let runner = Runner::start::<Bells>(place, clock, config, &stop).await;
    let options = ServeOptions {
        http,
        grpc: None,
        drain: PATIENCE,
    };
    (serve(vec![runner.unwrap()], options, stop).await, told)
}

fn local() -> HttpOptions {
    HttpOptions::local(SocketAddr::from(([127, 0, 0, 1], 0)))
}

async fn post(http: SocketAddr, headers: &'static str, to: i64) -> crate::Answer {
    let body = json!({ "to": to }).to_string();
    let line = "POST /test/clock";
    let sent = tokio::task::spawn_blocking(move || send(http, line, headers, &body));
    sent.await.unwrap().expect("an answer")
}

#[test]
fn a_clock_that_is_moved_over_http_stands_still_at_each_timer_and_each_attempt() {
    on_both(|place| async move {
        let clock = Clock::standing(BEGIN);
        let (did, sweep) = (Did::default(), Arc::<Sweep>::default());
        let http = HttpOptions {
            moves_clock: true,
            ..local()
        };
        let config = (Arc::clone(&did), Arc::clone(&sweep));
        let (serving, told) = serve_bells(&place, clock.clone(), http, config).await;
        let serving = serving.unwrap();
        let database = Database::open(&place, Bells::NAME, &[]).await.unwrap();
        let mut write = database.write().await.unwrap();
        for (kind, key, due) in [("told", "x", 50), ("bell", "b", 70), ("told", "y", 70)] {
            set_timer(&mut write, kind, key, at(due)).await.unwrap();
        }
        write.commit().await.unwrap();
        let answer = post(serving.http, "", at(40_000_000).0).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["now"], at(40_000_000).0);
        assert_eq!(clock.now(), at(40_000_000));
        // Each at its time: first attempts when timers ask for them, and the others after their pauses.
        let policy = EffectPolicy::default();
        let attempts = |key: &str, first: i64| {
            let second = first * SECOND + policy.pause(key, 1);
            let third = second + policy.pause(key, 2);
            [first * SECOND, second, third].map(|after| (key.to_owned(), after))
        };
        let mut expected = [attempts("x", 50), attempts("y", 70)].concat();
        expected.sort_by_key(|(_, after)| *after);
        assert_eq!(*did.lock().unwrap(), expected);
        assert_eq!(rang(&database).await, [rung("b", 70, 70)]);
        // Sweeps keep nobody: at the start, at whatever stop is a minute later, and at the end.
        let sweeps = sweep.at.lock().unwrap().clone();
        assert_eq!((sweeps[0], sweeps[1]), (0, 70));
        assert_eq!(*sweeps.last().unwrap(), 40_000_000);
        assert!(sweeps.len() <= 5, "{sweeps:?}");
        let kept = [("sweep".to_owned(), 40_000_060 * SECOND, 40_000_060 * SECOND)];
        assert_eq!(left(&database).await, kept);
        for wrong in [at(39_999_999).0, 7_258_118_400_000_000_001, i64::MAX] {
            let answer = post(serving.http, "", wrong).await;
            assert_eq!(answer.status, 400, "{answer:?}");
            assert_eq!(answer.json()["code"], "bad_request");
        }
        // A page of somebody else says neither that it is JSON nor what a request is called.
        let now = at(40_000_000).0;
        for (headers, status) in [
            ("Content-Type: text/plain\r\n", 400),
            ("Idempotency-Key: a\r\n", 400),
            ("Content-Type: application/json; charset=utf-8\r\n", 200),
        ] {
            let answer = post(serving.http, headers, now).await;
            assert_eq!(answer.status, status, "{headers}: {answer:?}");
        }
        assert_eq!(clock.now(), at(40_000_000));
        drop(told);
        serving.ended().await;
        database.close().await;
    });
}

#[test]
fn time_is_moved_only_where_it_is_asked_for_and_nobody_else_can_ask() {
    on_both(|place| async move {
        let config = || (Did::default(), Arc::<Sweep>::default());
        let standing = || Clock::standing(BEGIN);
        let (serving, told) = serve_bells(&place, standing(), local(), config()).await;
        let serving = serving.unwrap();
        assert_eq!(post(serving.http, "", at(1).0).await.status, 404);
        drop(told);
        serving.ended().await;
        let moves = || HttpOptions {
            moves_clock: true,
            ..local()
        };
        let proxied = HttpOptions {
            proxies: vec!["127.0.0.2".parse().unwrap()],
            ..moves()
        };
        let shared = HttpOptions {
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            ..moves()
        };
        assert!(matches!(proxied.check(), Err(ChassisError::TestClock)));
        // It has no certificate either.
        assert!(shared.check().is_err());
        for (clock, http) in [(standing(), proxied), (Clock::System, moves())] {
            let (serving, _told) = serve_bells(&place, clock, http, config()).await;
            assert!(matches!(serving.err(), Some(ChassisError::TestClock)));
        }
    });
}
