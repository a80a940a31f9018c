//! Effects: once asked for, done at least once, with pauses that follow from the clock.

use crate::{BEGIN, SECOND, on_both};
use sqlx::Row;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tickloom_chassis::{
    Clock, Database, Effect, EffectAnswer, EffectFuture, EffectHandler, EffectPolicy, Effects,
    Health, NewEffect, Stop, enqueue, forget_given_up, retry_given_up,
};
use tickloom_types::Ts;

/// An outside that answers as it is told to, and remembers what it was asked.
#[derive(Default)]
struct Outside {
    answers: Mutex<VecDeque<EffectAnswer>>,
    seen: Mutex<Vec<(String, String, i64)>>,
    /// Waits until it is let on, if it is to wait.
    gate: Option<tokio::sync::Semaphore>,
}

const POLICY: EffectPolicy = EffectPolicy {
    attempts_max: 4,
    first_pause: Duration::from_secs(10),
    longest_pause: Duration::from_secs(30),
    time_max: Duration::from_secs(60),
};

impl EffectHandler for Outside {
    fn kind(&self) -> &'static str {
        "outside"
    }

    fn perform<'a>(&'a self, effect: &'a Effect) -> EffectFuture<'a> {
        Box::pin(async move {
            let seen = (effect.key.clone(), effect.payload.clone(), effect.attempt);
            self.seen.lock().unwrap().push(seen);
            if let Some(gate) = &self.gate {
                drop(gate.acquire().await);
            }
            let answer = self.answers.lock().unwrap().pop_front();
            let answer = answer.unwrap_or(EffectAnswer::Done("as asked".to_owned()));
            assert_ne!(
                answer,
                EffectAnswer::Done("panic".to_owned()),
                "as it was told to"
            );
            answer
        })
    }

    fn policy(&self) -> EffectPolicy {
        POLICY
    }
}

impl Outside {
    fn answering(answers: Vec<EffectAnswer>) -> Arc<Outside> {
        Arc::new(Outside {
            answers: Mutex::new(answers.into()),
            ..Outside::default()
        })
    }

    /// Keys and attempts since it was last asked.
    fn seen(&self) -> Vec<(String, i64)> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        seen.into_iter()
            .map(|(key, _, attempt)| (key, attempt))
            .collect()
    }
}

/// An outside of which some do not answer, until they are let.
struct Several {
    /// Keys that were begun, in order.
    begun: Mutex<Vec<String>>,
    /// What is waited for by those of the lane `x/slow`.
    gate: tokio::sync::Semaphore,
}

impl EffectHandler for Several {
    fn kind(&self) -> &'static str {
        "outside"
    }

    fn at_once(&self) -> usize {
        3
    }

    fn lane<'a>(&self, key: &'a str) -> &'a str {
        key.rsplit_once('/').unwrap().0
    }

    fn perform<'a>(&'a self, effect: &'a Effect) -> EffectFuture<'a> {
        Box::pin(async move {
            self.begun.lock().unwrap().push(effect.key.clone());
            if effect.key.starts_with("x/slow/") {
                self.gate.acquire().await.unwrap().forget();
            }
            EffectAnswer::Done("as asked".to_owned())
        })
    }
}

impl Several {
    /// Waits until so many were begun.
    async fn until_begun(&self, count: usize) {
        let patience = std::time::Instant::now() + Duration::from_secs(120);
        while self.begun.lock().unwrap().len() < count {
            assert!(std::time::Instant::now() < patience);
            tokio::task::yield_now().await;
        }
    }
}

/// Waits until an effect is in this state.
async fn until(database: &Database, key: &str, state: &str) {
    let patience = std::time::Instant::now() + Duration::from_secs(120);
    while row(database, key).await.0 != state {
        assert!(std::time::Instant::now() < patience, "{key} is not {state}");
        tokio::task::yield_now().await;
    }
}

fn effects(database: &Database, clock: &Clock, outside: &Arc<Outside>) -> Effects {
    let handler: Arc<dyn EffectHandler> = outside.clone();
    Effects::new(database.clone(), clock.clone(), vec![handler])
}

async fn ask(database: &Database, key: &str, payload: &str, at: Ts) -> bool {
    let mut write = database.write().await.unwrap();
    let effect = NewEffect {
        key: key.to_owned(),
        kind: "outside",
        payload: payload.to_owned(),
        at,
    };
    let is_new = enqueue(&mut write, &effect).await.unwrap();
    write.commit().await.unwrap();
    is_new
}

/// State, payload, attempts and last answer.
async fn row(database: &Database, key: &str) -> (String, String, i64, String) {
    let row =
        sqlx::query("SELECT state, payload, attempts, last_answer FROM effect WHERE key = $1")
            .bind(key)
            .fetch_one(database.reader())
            .await
            .unwrap();
    (row.get(0), row.get(1), row.get(2), row.get(3))
}

fn health(effects: &Effects) -> (Vec<f64>, Vec<String>) {
    let mut health = Health::default();
    effects.add_health(&mut health);
    let facts = health.facts.iter().map(|(_, value)| *value).collect();
    (facts, health.troubles)
}

fn later() -> EffectAnswer {
    EffectAnswer::Later("not now".to_owned())
}

fn away() -> EffectAnswer {
    EffectAnswer::Away("nobody is there".to_owned())
}

#[test]
fn an_effect_is_asked_for_once_with_its_transaction_and_its_payload_is_erased() {
    on_both(|place| async move {
        let database = Database::open(&place, "once", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let outside = Outside::answering(Vec::new());
        let effects = effects(&database, &clock, &outside);
        let mut write = database.write().await.unwrap();
        let dropped = NewEffect {
            key: "x/dropped".to_owned(),
            kind: "outside",
            payload: String::new(),
            at: BEGIN,
        };
        assert!(enqueue(&mut write, &dropped).await.unwrap());
        drop(write);
        assert!(ask(&database, "x/1", "a secret", BEGIN).await);
        assert!(!ask(&database, "x/1", "another", BEGIN).await);
        assert!(ask(&database, "x/2", "b", Ts(BEGIN.0 + 1)).await);
        assert_eq!(effects.perform_due().await.unwrap(), 1);
        assert_eq!(
            *outside.seen.lock().unwrap(),
            [("x/1".to_owned(), "a secret".to_owned(), 1)]
        );
        let (state, payload, attempts, answer) = row(&database, "x/1").await;
        assert_eq!(
            (state.as_str(), payload.as_str(), attempts),
            ("done", "", 1)
        );
        assert_eq!(answer, "as asked");
        assert_eq!(health(&effects), (vec![1.0, 0.0, 0.0, 0.0], Vec::new()));
        assert!(!ask(&database, "x/1", "again", BEGIN).await);
        assert!(clock.advance_to(Ts(BEGIN.0 + 1)));
        assert_eq!(effects.perform_due().await.unwrap(), 1);
        assert_eq!(effects.perform_due().await.unwrap(), 0);
        assert_eq!(health(&effects), (vec![0.0, 0.0, 0.0, 0.0], Vec::new()));
        database.close().await;
    });
}

#[test]
fn pauses_are_those_of_key_and_attempt_to_the_nanosecond() {
    on_both(|place| async move {
        let database = Database::open(&place, "pauses", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let outside = Outside::answering(vec![later(), away(), later()]);
        let effects = effects(&database, &clock, &outside);
        ask(&database, "x/1", "p", BEGIN).await;
        assert_eq!(effects.perform_due().await.unwrap(), 1);
        let mut at = BEGIN.0;
        for attempt in 1..=3 {
            let pause = POLICY.pause("x/1", attempt);
            // Full pauses are 10, 20 and 30 s.
            let full = [10, 20, 30][usize::try_from(attempt - 1).unwrap()] * SECOND;
            assert!((full / 2..full).contains(&pause));
            at += pause;
            assert!(clock.advance_to(Ts(at - 1)));
            assert_eq!(effects.perform_due().await.unwrap(), 0);
            assert!(clock.advance_to(Ts(at)));
            assert_eq!(effects.perform_due().await.unwrap(), 1);
        }
        let expected: Vec<_> = (1..=4).map(|attempt| ("x/1".to_owned(), attempt)).collect();
        assert_eq!(outside.seen(), expected);
        assert_eq!(row(&database, "x/1").await.0, "done");
        database.close().await;
    });
}

#[test]
fn what_cannot_be_done_is_refused_and_what_nobody_took_is_given_up_until_it_is_let_again() {
    on_both(|place| async move {
        let database = Database::open(&place, "given_up", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let refused = EffectAnswer::Refused("no such\nuser".to_owned());
        let mut answers = vec![refused];
        answers.extend((0..4).map(|_| later()));
        answers.extend((0..4).map(|_| away()));
        let outside = Outside::answering(answers);
        let effects = effects(&database, &clock, &outside);
        for (n, key) in ["x/1", "x/2", "x/3"].iter().enumerate() {
            let at = clock.now();
            ask(&database, key, "payload", at).await;
            for _ in 0..4 {
                effects.perform_due().await.unwrap();
                assert!(clock.advance_to(Ts(clock.now().0 + 30 * SECOND)));
            }
            let expected = [
                vec![0.0, 1.0, 0.0, 0.0],
                vec![0.0, 2.0, 0.0, 0.0],
                vec![0.0, 2.0, 1.0, 0.0],
            ];
            assert_eq!(health(&effects).0, expected[n]);
        }
        let (state, payload, attempts, answer) = row(&database, "x/1").await;
        assert_eq!(
            (state.as_str(), payload.as_str(), attempts),
            ("refused", "", 1)
        );
        assert_eq!(answer, "no such user");
        let (state, payload, attempts, answer) = row(&database, "x/2").await;
        assert_eq!(
            (state.as_str(), payload.as_str(), attempts),
            ("refused", "", 4)
        );
        assert_eq!(answer, "not now");
        let (state, payload, attempts, _) = row(&database, "x/3").await;
        assert_eq!(
            (state.as_str(), payload.as_str(), attempts),
            ("given_up", "payload", 4)
        );
        let troubles = ["outside: nobody is there", "1 effects were given up"];
        assert_eq!(health(&effects).1, troubles);
        let mut write = database.write().await.unwrap();
        let retried = retry_given_up(&mut write, "outside", clock.now())
            .await
            .unwrap();
        assert_eq!(retried, 1);
        write.commit().await.unwrap();
        assert_eq!(effects.perform_due().await.unwrap(), 1);
        assert_eq!(row(&database, "x/3").await.0, "done");
        assert_eq!(health(&effects), (vec![0.0, 2.0, 0.0, 0.0], Vec::new()));
        database.close().await;
    });
}

#[test]
fn what_was_given_up_is_forgotten_with_its_payload_after_its_time() {
    on_both(|place| async move {
        let database = Database::open(&place, "forgotten", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let outside = Outside::answering((0..4).map(|_| away()).collect());
        let effects = effects(&database, &clock, &outside);
        ask(&database, "x/1", "payload", BEGIN).await;
        for _ in 0..4 {
            effects.perform_due().await.unwrap();
            assert!(clock.advance_to(Ts(clock.now().0 + 30 * SECOND)));
        }
        // One that waits is as old, and stays.
        let waits = Ts(BEGIN.0 + 1_000 * SECOND);
        ask(&database, "x/2", "payload", waits).await;
        let forget = async |kind: &str, before: i64| {
            let mut write = database.write().await.unwrap();
            let forgotten = forget_given_up(&mut write, kind, Ts(before)).await.unwrap();
            write.commit().await.unwrap();
            forgotten
        };
        assert_eq!(forget("outside", BEGIN.0).await, 0);
        assert_eq!(forget("another", BEGIN.0 + 1).await, 0);
        assert_eq!(row(&database, "x/1").await.1, "payload");
        assert_eq!(forget("outside", waits.0 + 1).await, 1);
        let left = sqlx::query("SELECT key FROM effect")
            .fetch_all(database.reader())
            .await
            .unwrap();
        let left: Vec<String> = left.iter().map(|row| row.get(0)).collect();
        assert_eq!(left, ["x/2"]);
        database.close().await;
    });
}

#[test]
fn a_worker_that_vanishes_leaves_a_lease_that_ends() {
    on_both(|place| async move {
        let database = Database::open(&place, "lease", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        ask(&database, "x/1", "p", BEGIN).await;
        let mut begun = 0;
        // Begun as often as it may be, and never ended.
        for _ in 0..4 {
            let outside = Arc::new(Outside {
                gate: Some(tokio::sync::Semaphore::new(0)),
                ..Outside::default()
            });
            let worker = effects(&database, &clock, &outside);
            let task = tokio::spawn(async move { worker.perform_due().await });
            while outside.seen.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            begun += 1;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            // As long as an attempt may take, and a minute.
            let other = Outside::answering(Vec::new());
            let worker = effects(&database, &clock, &other);
            assert!(clock.advance_to(Ts(clock.now().0 + 120 * SECOND - 1)));
            assert_eq!(worker.perform_due().await.unwrap(), 0);
            assert_eq!(row(&database, "x/1").await.2, begun);
            assert!(clock.advance_to(Ts(clock.now().0 + 1)));
        }
        let outside = Outside::answering(Vec::new());
        let worker = effects(&database, &clock, &outside);
        assert_eq!(worker.perform_due().await.unwrap(), 1);
        assert!(outside.seen().is_empty());
        assert_eq!(row(&database, "x/1").await.0, "given_up");
        database.close().await;
    });
}

#[test]
fn workers_beside_each_other_do_each_effect_once() {
    on_both(|place| async move {
        let database = Database::open(&place, "workers", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        for n in 0..60 {
            ask(&database, &format!("x/{n:02}"), "p", BEGIN).await;
        }
        let outside = Outside::answering(Vec::new());
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let worker = effects(&database, &clock, &outside);
            workers.spawn(async move { worker.perform_due().await.unwrap() });
        }
        workers.join_all().await;
        let mut seen = outside.seen();
        seen.sort();
        let expected: Vec<_> = (0..60).map(|n| (format!("x/{n:02}"), 1)).collect();
        assert_eq!(seen, expected);
        database.close().await;
    });
}

#[test]
fn a_handler_that_panics_is_tried_again_and_the_worker_lives() {
    on_both(|place| async move {
        let database = Database::open(&place, "panics", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let outside = Outside::answering(vec![EffectAnswer::Done("panic".to_owned())]);
        let effects = effects(&database, &clock, &outside);
        ask(&database, "x/1", "p", BEGIN).await;
        assert_eq!(effects.perform_due().await.unwrap(), 1);
        let (state, _, _, answer) = row(&database, "x/1").await;
        assert_eq!(
            (state.as_str(), answer.as_str()),
            ("waiting", "the code that does it failed")
        );
        // It runs by itself until the stop is told.
        assert!(clock.advance_to(Ts(BEGIN.0 + 10 * SECOND)));
        let (told, stop) = Stop::new();
        let running = tokio::spawn(effects.clone().run(stop));
        let began = std::time::Instant::now();
        while row(&database, "x/1").await.0 != "done" {
            assert!(began.elapsed() < Duration::from_secs(60));
            tokio::task::yield_now().await;
        }
        drop(told);
        running.await.unwrap();
        assert_eq!(outside.seen().len(), 2);
        database.close().await;
    });
}

#[test]
fn whoever_does_not_answer_keeps_nobody_else_waiting() {
    on_both(|place| async move {
        let database = Database::open(&place, "lanes", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        let several = Arc::new(Several {
            begun: Mutex::default(),
            gate: tokio::sync::Semaphore::new(0),
        });
        let handler: Arc<dyn EffectHandler> = several.clone();
        let effects = Effects::new(database.clone(), clock.clone(), vec![handler]);
        for key in ["x/slow/1", "x/slow/2"] {
            ask(&database, key, "p", BEGIN).await;
        }
        let (told, stop) = Stop::new();
        let running = tokio::spawn(effects.run(stop));
        // One that does not answer has begun before the others are asked for.
        several.until_begun(1).await;
        let others: Vec<String> = (0..20).map(|n| format!("x/{}/{n}", n % 5)).collect();
        for key in &others {
            ask(&database, key, "p", BEGIN).await;
        }
        for key in &others {
            until(&database, key, "done").await;
        }
        // Of the slow one there is one at a time, and it is waited for.
        let begun = several.begun.lock().unwrap().clone();
        let slow = begun.iter().filter(|key| key.starts_with("x/slow/"));
        assert_eq!(slow.collect::<Vec<_>>(), ["x/slow/1"]);
        assert_eq!(begun.len(), 21);
        several.gate.add_permits(1);
        until(&database, "x/slow/1", "done").await;
        // Who stops waits for what was begun.
        several.until_begun(22).await;
        drop(told);
        several.gate.add_permits(1);
        running.await.unwrap();
        assert_eq!(row(&database, "x/slow/2").await.0, "done");
        assert_eq!(row(&database, "x/slow/2").await.2, 1);
        database.close().await;
    });
}

#[test]
fn effects_that_nobody_here_does_are_counted_and_wait() {
    on_both(|place| async move {
        let database = Database::open(&place, "unhandled", &[]).await.unwrap();
        let clock = Clock::standing(BEGIN);
        // As when mail was asked for, and no server is set any more.
        let none = Effects::new(database.clone(), clock.clone(), Vec::new());
        assert_eq!(none.perform_due().await.unwrap(), 0);
        assert_eq!(health(&none), (Vec::new(), Vec::new()));
        assert!(ask(&database, "x/1", "payload", BEGIN).await);
        assert_eq!(none.perform_due().await.unwrap(), 0);
        assert_eq!(health(&none), (vec![1.0, 0.0, 0.0, 1.0], Vec::new()));
        let outside = Outside::answering(Vec::new());
        let effects = effects(&database, &clock, &outside);
        assert_eq!(effects.perform_due().await.unwrap(), 1);
        assert_eq!(health(&effects), (vec![0.0; 4], Vec::new()));
        database.close().await;
    });
}
