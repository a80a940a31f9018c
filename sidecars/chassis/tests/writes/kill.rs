//! `kill -9` in the middle of commands, of the service and of its database: each command is wholly there or not at all, once, with
//! its event, its audit entry, its answer and its effect.
//!
//! The service is this test executable, which calls itself with the hidden test `child`.

use crate::postgres::Postgres;
use crate::random::Random;
use crate::{Answer as Heard, BEGIN, PATIENCE, SECOND, send};
use axum::Json;
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
    EffectHandler, Effects, Health, HttpOptions, Idempotent, Migrations, NewAuditEntry, NewEffect,
    NewEvent, Place, Problem, Runner, ServeOptions, Service, Stop, Write, append, append_audit,
    enqueue, events_after, export_audit, serve, verify_audit,
};
use tickloom_types::Ts;
use tokio::task::JoinHandle;
use utoipa_axum::router::OpenApiRouter;

/// Names what the child is to do.
const CHILD: &str = "TICKLOOM_PROBE_CHILD";
/// Commands that begin in each round.
const COMMANDS: usize = 12;
/// Who sends them.
const SENDERS: usize = 3;
/// How far the clock goes in a round: longer than a lease.
const ROUND: i64 = 150 * SECOND;

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

struct Probe {
    context: Context,
    effects: Effects,
}

impl Service for Probe {
    const NAME: &'static str = "killed";
    const MIGRATIONS: Migrations = &[];
    const STATEMENTS: &'static [&'static [&'static str]] = &[];
    type Config = PathBuf;

    async fn new(context: Context, outside: PathBuf) -> tickloom_chassis::Result<Arc<Probe>> {
        let (database, clock) = (context.database.clone(), context.clock.clone());
        let effects = Effects::new(database, clock, vec![Arc::new(Outside(outside))]);
        Ok(Arc::new(Probe { context, effects }))
    }

    fn rest(self: &Arc<Probe>) -> OpenApiRouter {
        OpenApiRouter::new()
            .route("/v1/things", post(create_thing))
            .route("/v1/clock", post(move_clock))
            .with_state(Arc::clone(self))
    }

    fn start(self: &Arc<Probe>, stop: &Stop) -> Vec<JoinHandle<()>> {
        vec![tokio::spawn(self.effects.clone().run(stop.clone()))]
    }

    fn health(&self) -> Health {
        let mut health = Health::default();
        self.effects.add_health(&mut health);
        health
    }
}

async fn move_clock(State(probe): State<Arc<Probe>>, Json(at): Json<i64>) -> StatusCode {
    assert!(probe.context.clock.advance_to(Ts(at)));
    StatusCode::NO_CONTENT
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
            http: HttpOptions::local("127.0.0.1:0".parse().unwrap()),
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

    fn set_clock(&self, now: i64) {
        let answer = send(self.http, "POST /killed/v1/clock", "", &now.to_string());
        assert_eq!(answer.unwrap().status, 204);
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
    fn round(&self, http: SocketAddr, random: &mut Random, kill: impl FnOnce()) {
        let before = self.sent.load(Ordering::Acquire);
        let after = before + usize::try_from(random.below(COMMANDS as u64)).unwrap();
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

fn kills() -> usize {
    let is_long = std::env::var_os("TICKLOOM_TEST_ALL").is_some();
    if is_long { 200 } else { 25 }
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
    let all: Vec<i64> = (1..=i64::try_from(heard.len()).unwrap()).collect();
    assert_eq!(positions, all);
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
    let expected: Vec<String> = all
        .iter()
        .map(|position| format!("thing/{position}"))
        .collect();
    assert_eq!(keys, expected.iter().map(String::as_str).collect());
    println!(
        "{} effects in {} attempts",
        keys.len(),
        seen.lines().count()
    );
    database.close().await;
}

/// Kills the service so often, on this place.
fn kill_the_service(mut task: Task, form: u64) {
    let mut random = seed(form);
    let book = Book::default();
    let mut commands = 0;
    for _ in 0..kills() {
        let mut running = Running::start(&task);
        book.open
            .lock()
            .unwrap()
            .extend(commands..commands + COMMANDS);
        commands += COMMANDS;
        book.round(running.http, &mut random, || running.kill());
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
    for _ in 0..kills() / 3 {
        book.open
            .lock()
            .unwrap()
            .extend(commands..commands + COMMANDS);
        commands += COMMANDS;
        book.round(running.http, &mut random, || server.kill());
        server.restart();
        task.now += ROUND;
        running.set_clock(task.now);
    }
    judge(running, &task, &book, commands);
}
