//! `kill -9` in the middle of commands, of the service and of its database: each command is wholly there or not at all, once, with
//! its event, its row, its audit entry, its answer, its effect, and its timer, at which there is one more event. Some start a job, of which
//! each step is one more event, once. The rows are those that the log gives. With `TICKLOOM_TEST_ALL` there are 10,000 commands each.
//!
//! The service is this test executable, which calls itself with the hidden test `child`.

use crate::postgres::Postgres;
use crate::random::Random;
use crate::{Answer as Heard, BEGIN, PATIENCE, SECOND, send};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tickloom_chassis::{
    Answer, Answered, AuditOutcome, Clock, Context, Database, Effect, EffectAnswer, EffectFuture,
    EffectHandler, HttpOptions, Idempotent, Job, JobFuture, JobHandler, JobState, JobStep, JobWork,
    Migration, Migrations, NewAuditEntry, NewEffect, NewEvent, NewJob, Place, Problem, Projection,
    ProjectionFuture, Runner, ServeOptions, Service, Stop, StoredEvent, Timer, TimerFuture,
    TimerHandler, Write, all_rows, append, append_audit, enqueue, events_after, export_audit,
    jobs_after, rebuild, serve, set_timer, start_job, verify_audit,
};
use tickloom_types::Ts;
use utoipa_axum::router::OpenApiRouter;

/// Names what the child is to do.
const CHILD: &str = "TICKLOOM_PROBE_CHILD";
/// Commands of the long form, at least.
const COMMANDS_ALL: usize = 10_000;
/// Who sends them.
const SENDERS: usize = 3;
/// How far the clock goes in a round: longer than a lease.
const ROUND: i64 = 150 * SECOND;
/// When a thing rings after it was made: after the kill of its round.
const RINGS_AFTER: i64 = 100 * SECOND;
/// The kind of the timers.
const RING: &str = "ring";

/// The kind of the jobs, how many laps each has, and which part of the commands starts one.
const LAPS: &str = "laps";
const LAPS_ALL: i64 = 4;
const WITH_LAPS: usize = 5;

const ADD: &str = "INSERT INTO thing (id, rings) VALUES ($1, 0)";
const COUNT_RING: &str = "UPDATE thing SET rings = rings + 1 WHERE id = $1";

/// What the child is to do.
#[derive(Serialize, Deserialize)]
struct Task {
    folder: Option<PathBuf>,
    server: Option<String>,
    /// Where effects write their keys.
    outside: PathBuf,
    now: i64,
}

impl Task {
    fn place(&self) -> Place {
        match &self.server {
            Some(url) => Place::Server(url.clone()),
            None => Place::Folder(self.folder.clone().unwrap()),
        }
    }
}

/// Writes keys into a file: what the outside saw.
struct Outside(PathBuf);

impl EffectHandler for Outside {
    fn kind(&self) -> &'static str {
        "outside"
    }

    fn perform<'a>(&'a self, effect: &'a Effect) -> EffectFuture<'a> {
        Box::pin(async move {
            let file = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.0);
            let line = format!("{}\n", effect.key);
            file.unwrap().write_all(line.as_bytes()).unwrap();
            EffectAnswer::Done(String::new())
        })
    }
}

/// Lets a thing ring: an event, in the transaction in which the timer goes.
struct Ring;

impl TimerHandler for Ring {
    fn kind(&self) -> &'static str {
        RING
    }

    fn fire<'a>(&'a self, write: &'a mut Write, timer: &'a Timer) -> TimerFuture<'a> {
        Box::pin(async move {
            // Another each time: nothing but the timer keeps a thing from ringing twice.
            let event = NewEvent {
                aggregate: format!("ring/{}", uuid::Uuid::now_v7()),
                version: 1,
                kind: "thing_rang",
                v: 1,
                at: timer.now,
                actor: "service/killed".to_owned(),
                request: String::new(),
                body: json!({"thing": timer.key}).to_string(),
            };
            append(write, &event).await?;
            project(write, event.kind, &timer.key).await?;
            Ok(None)
        })
    }
}

/// Counts laps of a thing: an event each, in the transaction in which the place of the job moves.
struct Laps;

impl JobHandler for Laps {
    fn kind(&self) -> &'static str {
        LAPS
    }

    fn step<'a>(&'a self, work: &'a mut JobWork, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            let lap = if job.place.is_empty() {
                1
            } else {
                job.place.parse::<i64>()? + 1
            };
            // Another each time: nothing but the place keeps a lap from being run twice.
            let event = NewEvent {
                aggregate: format!("lap/{}", uuid::Uuid::now_v7()),
                version: 1,
                kind: "thing_lapped",
                v: 1,
                at: Ts(job.created),
                actor: "service/killed".to_owned(),
                request: String::new(),
                body: json!({"thing": job.payload, "lap": lap}).to_string(),
            };
            let write = work.write().await?;
            append(write, &event).await?;
            project(write, event.kind, &job.payload).await?;
            Ok(match lap {
                LAPS_ALL => JobStep::Done {
                    done: lap,
                    result: json!({"laps": lap}),
                },
                _ => JobStep::More {
                    place: lap.to_string(),
                    done: lap,
                    total: Some(LAPS_ALL),
                },
            })
        })
    }
}

/// Rows of things, with how often each rang or was lapped.
struct Things;

impl Projection for Things {
    fn tables(&self) -> &'static [&'static str] {
        &["thing"]
    }

    fn replay<'a>(
        &'a mut self,
        write: &'a mut Write,
        event: &'a StoredEvent,
    ) -> ProjectionFuture<'a> {
        Box::pin(async move {
            let body: serde_json::Value = serde_json::from_str(&event.body).unwrap();
            let thing = body["thing"].as_str().unwrap_or(&event.aggregate);
            project(write, &event.kind, thing).await
        })
    }
}

async fn project(write: &mut Write, kind: &str, thing: &str) -> tickloom_chassis::Result<()> {
    let statement = match kind {
        "thing_created" => ADD,
        _ => COUNT_RING,
    };
    let done = sqlx::query(statement).bind(thing);
    let done = done.execute(write.connection()).await?;
    assert_eq!(done.rows_affected(), 1, "{thing}");
    Ok(())
}

struct Probe {
    context: Context,
    outside: PathBuf,
}

impl Service for Probe {
    const NAME: &'static str = "killed";
    const MIGRATIONS: Migrations = &[Migration {
        name: "thing",
        sql: "CREATE TABLE thing (id TEXT PRIMARY KEY, rings BIGINT NOT NULL)",
    }];
    const STATEMENTS: &'static [&'static [&'static str]] = &[&[ADD, COUNT_RING]];
    type Config = PathBuf;

    async fn new(context: Context, outside: PathBuf) -> tickloom_chassis::Result<Arc<Probe>> {
        Ok(Arc::new(Probe { context, outside }))
    }

    fn rest(self: &Arc<Probe>) -> OpenApiRouter {
        OpenApiRouter::new()
            .route("/v1/things", post(create_thing))
            .with_state(Arc::clone(self))
    }

    fn effects(self: &Arc<Probe>) -> Vec<Arc<dyn EffectHandler>> {
        vec![Arc::new(Outside(self.outside.clone()))]
    }

    fn timers(self: &Arc<Probe>) -> Vec<Arc<dyn TimerHandler>> {
        vec![Arc::new(Ring)]
    }

    fn jobs(self: &Arc<Probe>) -> Vec<Arc<dyn JobHandler>> {
        vec![Arc::new(Laps)]
    }

    fn projections() -> Vec<Box<dyn Projection>> {
        vec![Box::new(Things)]
    }
}

#[derive(Deserialize)]
struct Wanted {
    n: usize,
}

async fn create_thing(
    State(probe): State<Arc<Probe>>,
    request: Idempotent,
) -> Result<Answered, Problem> {
    let wanted: Wanted = request.json()?;
    let Context {
        database, clock, ..
    } = &probe.context;
    let now = clock.now();
    let perform = async |write: &mut Write| create(write, wanted.n, now).await;
    request
        .command("user/usr_1")
        .run(database, clock, perform)
        .await
}

async fn create(write: &mut Write, n: usize, now: Ts) -> Result<Answer, Problem> {
    // Another each time: nothing but its key keeps a command from being done twice.
    let thing = format!("thing/{}", uuid::Uuid::now_v7());
    let event = NewEvent {
        aggregate: thing.clone(),
        version: 1,
        kind: "thing_created",
        v: 1,
        at: now,
        actor: "user/usr_1".to_owned(),
        request: format!("req_{n}"),
        body: json!({"n": n}).to_string(),
    };
    let position = append(write, &event).await?;
    project(write, event.kind, &thing).await?;
    set_timer(write, RING, &thing, Ts(now.0 + RINGS_AFTER)).await?;
    if n.is_multiple_of(WITH_LAPS) {
        let job = NewJob {
            kind: LAPS,
            actor: event.actor.clone(),
            payload: thing.clone(),
            at: now,
        };
        assert!(start_job(write, &job).await?.is_some());
    }
    let entry = NewAuditEntry {
        at: now,
        actor: event.actor,
        request: event.request,
        action: "create_thing".to_owned(),
        resource: thing.clone(),
        outcome: AuditOutcome::Done,
        detail: event.body,
    };
    let head = append_audit(write, &entry).await?;
    let effect = NewEffect {
        key: format!("thing/{position}"),
        kind: "outside",
        payload: String::new(),
        at: now,
    };
    assert!(enqueue(write, &effect).await?);
    let body = json!({"n": n, "thing": thing, "event": position, "audit": head.position});
    Answer::json(StatusCode::CREATED, &body)
}

/// The service, when this executable is called by the test; nothing otherwise.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else {
        return;
    };
    let task: Task = serde_json::from_str(&task).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (told, stop) = Stop::new();
        let clock = Clock::standing(Ts(task.now));
        let place = task.place();
        let runner = Runner::start::<Probe>(&place, clock, task.outside, &stop).await;
        let options = ServeOptions {
            http: HttpOptions {
                moves_clock: true,
                ..HttpOptions::local("127.0.0.1:0".parse().unwrap())
            },
            grpc: None,
            drain: PATIENCE,
        };
        let serving = serve(vec![runner.unwrap()], options, stop).await.unwrap();
        println!("\nserving {}", serving.http);
        // Until whoever called it lets go, or is dead.
        let ended = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(ended).await.unwrap().unwrap();
        drop(told);
        serving.ended().await;
    });
}

/// The service as a process.
struct Running {
    child: Child,
    http: SocketAddr,
}

impl Running {
    fn start(task: &Task) -> Running {
        let mut child = Program::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture"])
            .env(CHILD, serde_json::to_string(task).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = out.lines().map_while(Result::ok);
        let http = lines.find_map(|line| line.strip_prefix("serving ").map(str::to_owned));
        let http = http.expect("it serves").parse().unwrap();
        // Whoever reads its output no more would end it.
        std::thread::spawn(move || lines.for_each(drop));
        Running { child, http }
    }

    /// `kill -9`.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    /// Moves the clock, and lets all that is due on the way be done.
    fn set_clock(&self, now: i64) {
        let began = Instant::now();
        let body = json!({"to": now}).to_string();
        // The database may be away, and a caller waits half a minute at most.
        while send(self.http, "POST /test/clock", "", &body).is_none_or(|it| it.status != 200) {
            assert!(began.elapsed() < PATIENCE, "the clock is not moved");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn create_over(http: SocketAddr, n: usize) -> Option<Heard> {
    let headers = format!("Idempotency-Key: create-{n}\r\n");
    let body = json!({"n": n}).to_string();
    send(http, "POST /killed/v1/things", &headers, &body)
}

/// What was sent, and what was heard.
#[derive(Default)]
struct Book {
    /// Commands without an answer.
    open: Mutex<VecDeque<usize>>,
    /// Answers, by command.
    heard: Mutex<BTreeMap<usize, Heard>>,
    sent: AtomicUsize,
    /// How often an answer was one that had been kept.
    replayed: AtomicUsize,
}

impl Book {
    /// Sends what has no answer until nothing is left, or nobody is there.
    fn send(&self, http: SocketAddr) {
        loop {
            let Some(n) = self.open.lock().unwrap().pop_front() else {
                return;
            };
            self.sent.fetch_add(1, Ordering::AcqRel);
            let answer = create_over(http, n);
            let done = answer.filter(|answer| {
                assert!([201, 503].contains(&answer.status), "{answer:?}");
                answer.status == 201
            });
            let Some(answer) = done else {
                self.open.lock().unwrap().push_back(n);
                return;
            };
            if answer.is_replayed() {
                self.replayed.fetch_add(1, Ordering::AcqRel);
            }
            self.heard.lock().unwrap().insert(n, answer);
        }
    }

    /// Sends by several, while `kill` kills at a moment that chance says.
    fn round(
        &self,
        http: SocketAddr,
        (random, commands): (&mut Random, usize),
        kill: impl FnOnce(),
    ) {
        let before = self.sent.load(Ordering::Acquire);
        let after = before + usize::try_from(random.below(commands as u64)).unwrap();
        let moment = Duration::from_micros(random.below(8_000));
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|_| scope.spawn(|| self.send(http)))
                .collect();
            let is_over = || {
                senders
                    .iter()
                    .all(std::thread::ScopedJoinHandle::is_finished)
            };
            while self.sent.load(Ordering::Acquire) <= after && !is_over() {
                std::thread::yield_now();
            }
            // Not to wait for anything: this is the moment.
            std::thread::sleep(moment);
            kill();
        });
    }

    /// Everything that is open, until it has an answer.
    fn finish(&self, http: SocketAddr) {
        let began = Instant::now();
        while !self.open.lock().unwrap().is_empty() {
            assert!(began.elapsed() < PATIENCE, "commands without an answer");
            self.send(http);
        }
    }
}

/// How often it is killed, and how many commands begin in each round, as the short and the long form have it.
fn form(short: usize, long: usize) -> (usize, usize) {
    if std::env::var_os("TICKLOOM_TEST_ALL").is_some() {
        (long, COMMANDS_ALL.div_ceil(long))
    } else {
        (short, 12)
    }
}

fn seed(form: u64) -> Random {
    let seed = std::env::var("TICKLOOM_KILL_SEED");
    let seed = seed.map_or(1, |seed| seed.parse().unwrap()) + form;
    println!("TICKLOOM_KILL_SEED={}", seed - form);
    Random(seed)
}

/// Lets effects come to their end, and asks for every answer again; then looks at what there is.
fn judge(running: Running, task: &Task, book: &Book, commands: usize) {
    book.finish(running.http);
    // Leases of the killed end.
    running.set_clock(task.now + ROUND);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = task.place();
    runtime.block_on(async {
        let database = Database::open(&place, Probe::NAME, Probe::MIGRATIONS)
            .await
            .unwrap();
        let began = Instant::now();
        while open_effects(&database).await > 0 {
            assert!(began.elapsed() < PATIENCE, "effects wait");
        }
        database.close().await;
    });
    let heard = book.heard.lock().unwrap();
    assert_eq!(heard.len(), commands);
    for (n, first) in heard.iter() {
        let again = create_over(running.http, *n).unwrap();
        assert!(again.is_replayed(), "{n}: {again:?}");
        assert_eq!(
            (again.status, &again.body),
            (first.status, &first.body),
            "{n}"
        );
    }
    running.stop();
    runtime.block_on(look(&place, &heard, &task.outside));
    let replayed = book.replayed.load(Ordering::Acquire);
    println!("{commands} commands, {replayed} of them heard of at a second try");
}

/// Effects that are not done.
async fn open_effects(database: &Database) -> i64 {
    let open = sqlx::query("SELECT CAST(count(*) AS BIGINT) FROM effect WHERE state <> 'done'");
    open.fetch_one(database.reader()).await.unwrap().get(0)
}

/// Every command has one event, one audit entry, the answer that tells of them, and its effect.
async fn look(place: &Place, heard: &BTreeMap<usize, Heard>, outside: &Path) {
    let database = Database::open(place, Probe::NAME, Probe::MIGRATIONS)
        .await
        .unwrap();
    let events = events_after(&database, 0, 100_000).await.unwrap();
    let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
    let with_laps = heard.keys().filter(|n| n.is_multiple_of(WITH_LAPS)).count();
    let laps_all = usize::try_from(LAPS_ALL).unwrap();
    let count = 2 * heard.len() + laps_all * with_laps;
    let all: Vec<i64> = (1..=i64::try_from(count).unwrap()).collect();
    assert_eq!(positions, all);
    let of_kind = |kind: &str| {
        let events = events.iter().filter(|event| event.kind == kind);
        events.cloned().collect::<Vec<_>>()
    };
    let [events, rings, laps] = ["thing_created", "thing_rang", "thing_lapped"].map(of_kind);
    assert_rang_once(&events, &rings);
    assert_lapped_once(&events, &laps);
    for job in jobs_after(&database, "", 100_000).await.unwrap() {
        assert_eq!((job.state, job.done), (JobState::Done, LAPS_ALL), "{job:?}");
    }
    assert_rebuilt(&database).await;
    let mut export = String::new();
    let head = export_audit(&database, |line| {
        export += line;
        export.push('\n');
    });
    let head = head.await.unwrap();
    assert_eq!(
        verify_audit(export.as_bytes(), Some(&head))
            .unwrap()
            .position,
        head.position
    );
    let entries = tickloom_chassis::audit_after(&database, 0, 100_000)
        .await
        .unwrap();
    assert_eq!(entries.len(), heard.len());
    let by_thing: BTreeMap<&str, i64> = entries
        .iter()
        .map(|entry| (entry.resource.as_str(), entry.position))
        .collect();
    let mut told = BTreeSet::new();
    for event in &events {
        let body: serde_json::Value = serde_json::from_str(&event.body).unwrap();
        let n = usize::try_from(body["n"].as_u64().unwrap()).unwrap();
        assert!(told.insert(n), "command {n} was done twice");
        let expected = json!({"n": n, "thing": event.aggregate, "event": event.position,
            "audit": by_thing[event.aggregate.as_str()]});
        assert_eq!(heard[&n].json(), expected);
    }
    let seen = std::fs::read_to_string(outside).unwrap();
    let keys: BTreeSet<&str> = seen.lines().collect();
    let expected: Vec<String> = events
        .iter()
        .map(|event| format!("thing/{}", event.position))
        .collect();
    assert_eq!(keys, expected.iter().map(String::as_str).collect());
    println!(
        "{} effects in {} attempts",
        keys.len(),
        seen.lines().count()
    );
    database.close().await;
}

/// Each thing rang once, and when it was due or later.
fn assert_rang_once(things: &[StoredEvent], rings: &[StoredEvent]) {
    let mut rang = BTreeMap::new();
    for ring in rings {
        let body: serde_json::Value = serde_json::from_str(&ring.body).unwrap();
        let thing = body["thing"].as_str().unwrap().to_owned();
        assert!(rang.insert(thing, ring.at).is_none(), "{body} rang twice");
    }
    for thing in things {
        let at = rang.remove(&thing.aggregate);
        let due = Ts(thing.at.0 + RINGS_AFTER);
        assert!(at.is_some_and(|at| at >= due), "{thing:?} rang at {at:?}");
    }
    assert_eq!(rang, BTreeMap::new());
}

/// Each thing of which a job was started has all its laps, each once.
fn assert_lapped_once(things: &[StoredEvent], laps: &[StoredEvent]) {
    let body =
        |event: &StoredEvent| -> serde_json::Value { serde_json::from_str(&event.body).unwrap() };
    let mut run = BTreeSet::new();
    for lap in laps {
        let body = body(lap);
        let lap = (
            body["thing"].as_str().unwrap().to_owned(),
            body["lap"].as_i64().unwrap(),
        );
        assert!(run.insert(lap), "{body} was run twice");
    }
    let is_one = |thing: &&StoredEvent| {
        body(thing)["n"]
            .as_u64()
            .unwrap()
            .is_multiple_of(WITH_LAPS as u64)
    };
    let expected = things.iter().filter(is_one);
    let expected =
        expected.flat_map(|thing| (1..=LAPS_ALL).map(|lap| (thing.aggregate.clone(), lap)));
    assert_eq!(run, expected.collect());
}

/// Rows are what the log gives, and no timer is left.
async fn assert_rebuilt(database: &Database) {
    let live = all_rows(database).await.unwrap();
    assert_eq!(live["timer"], [""; 0]);
    rebuild::<Probe>(database).await.unwrap().unwrap();
    assert!(all_rows(database).await.unwrap() == live, "rows differ");
}

/// Kills the service so often, on this place.
fn kill_the_service(mut task: Task, form: u64) {
    let mut random = seed(form);
    let book = Book::default();
    let mut commands = 0;
    let (kills, in_round) = self::form(25, 200);
    for _ in 0..kills {
        let mut running = Running::start(&task);
        book.open
            .lock()
            .unwrap()
            .extend(commands..commands + in_round);
        commands += in_round;
        book.round(running.http, (&mut random, in_round), || running.kill());
        task.now += ROUND;
    }
    judge(Running::start(&task), &task, &book, commands);
}

#[test]
fn a_service_on_sqlite_is_killed_and_every_command_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let task = Task {
        folder: Some(folder.path().to_owned()),
        server: None,
        outside: folder.path().join("outside"),
        now: BEGIN.0,
    };
    kill_the_service(task, 0);
}

#[test]
fn a_service_on_postgresql_is_killed_and_every_command_is_done_once() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let task = Task {
        folder: None,
        server: Some(server.url()),
        outside: folder.path().join("outside"),
        now: BEGIN.0,
    };
    kill_the_service(task, 1000);
}

#[test]
fn postgresql_is_killed_under_a_service_and_every_command_is_done_once() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut task = Task {
        folder: None,
        server: Some(server.url()),
        outside: folder.path().join("outside"),
        now: BEGIN.0,
    };
    let mut random = seed(2000);
    let book = Book::default();
    let running = Running::start(&task);
    let mut commands = 0;
    // The service asks a server that is away for some seconds, which takes longer than all else.
    let (kills, in_round) = form(8, 67);
    for _ in 0..kills {
        book.open
            .lock()
            .unwrap()
            .extend(commands..commands + in_round);
        commands += in_round;
        book.round(running.http, (&mut random, in_round), || server.kill());
        server.restart();
        task.now += ROUND;
        running.set_clock(task.now);
    }
    judge(running, &task, &book, commands);
}
