//! A real QuestDB server for tests: its jar is fetched once into the cache, by Maven; it runs on free ports of the loopback with a
//! temporary root, can be killed and started again on the same, and goes away with the test, even if the test is killed.
//!
//! Where Java or Maven is absent, a test says so and passes; in CI it fails.

#![allow(dead_code, reason = "each test binary uses a part")]

mod ports;

use ports::Port;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// The version that is tested.
pub(crate) const VERSION: &str = "9.3.4";
/// After this much waiting a test has failed; nothing depends on how long things really take.
const PATIENCE: Duration = Duration::from_secs(180);
/// A server that starts is up in seconds; one that is not by then is started again, this often.
const START: Duration = Duration::from_secs(60);
const STARTS: usize = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Ends the server when the pipe to the shell is closed, which the system does whatever becomes of the test.
/// Ends itself when the server ended.
const SHELL: &str = "exec 3<&0
    java \"$@\" >>\"$LOG\" 2>&1 3<&- & server=$!
    { cat <&3 >/dev/null; kill -9 $server 2>/dev/null; } & watch=$!
    echo $server
    exec 3<&- >&-
    wait $server; status=$?
    kill $watch 2>/dev/null
    exit $status";

/// A server that runs, or was killed and can be started again.
pub(crate) struct Server {
    jar: PathBuf,
    // Goes first: it is dead before its files are removed and its ports are given back.
    running: Option<Running>,
    root: tempfile::TempDir,
    ports: [Port; 4],
}

struct Running {
    shell: Child,
    lifeline: Option<ChildStdin>,
    /// Process of the server itself.
    pid: String,
}

impl Server {
    /// A server that answers; `None`, having said why, where there can be none.
    pub(crate) fn start() -> Option<Server> {
        let mut server = Server::prepare()?;
        server.restart();
        Some(server)
    }

    /// A server that is not started yet: nothing listens on its port.
    pub(crate) fn prepare() -> Option<Server> {
        match jar() {
            Ok(jar) => Some(Server {
                jar,
                root: tempfile::tempdir().expect("a directory"),
                ports: std::array::from_fn(|_| Port::reserve()),
                running: None,
            }),
            Err(why) => {
                let why = format!("skipped, as there is no QuestDB: {why}");
                assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
                println!("{why}");
                None
            }
        }
    }

    /// Host and port of its HTTP.
    pub(crate) fn address(&self) -> String {
        self.ports[0].address()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        if running.has_ended() {
            return;
        }
        let killed = Command::new("kill")
            .args(["-9", &running.pid])
            .stderr(Stdio::null())
            .status();
        drop(killed);
        drop(running);
    }

    /// Kills it from another thread, at some instant within so many milliseconds.
    pub(crate) fn kill_within(&self, milliseconds: u64) -> std::thread::JoinHandle<()> {
        let pid = self.running.as_ref().map(|running| running.pid.clone());
        std::thread::spawn(move || {
            // The instant is the point of it: nothing waits for this.
            std::thread::sleep(Duration::from_millis(milliseconds));
            let pid = pid.expect("it runs");
            Command::new("kill").args(["-9", &pid]).status().ok();
        })
    }

    /// Starts it on the same root and ports, and waits until it answers.
    pub(crate) fn restart(&mut self) {
        for _ in 0..STARTS {
            self.launch();
            if self.answers() {
                return;
            }
            println!("QuestDB did not start:\n{}", self.last_words());
        }
        panic!("QuestDB did not start {STARTS} times");
    }

    fn launch(&mut self) {
        self.kill();
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "sh", "-Xmx1g"])
            // It unpacks its library there, and leaves that behind when it is killed.
            .arg(format!("-Djava.io.tmpdir={}", self.root.path().display()))
            .arg("-p")
            .arg(&self.jar)
            .args(["-m", "io.questdb/io.questdb.ServerMain", "-d"])
            .arg(self.root.path())
            .env("LOG", self.log())
            .env("QDB_HTTP_BIND_TO", self.ports[0].address())
            .env("QDB_HTTP_MIN_NET_BIND_TO", self.ports[1].address())
            .env("QDB_PG_NET_BIND_TO", self.ports[2].address())
            .env("QDB_LINE_TCP_NET_BIND_TO", self.ports[3].address())
            .env("QDB_TELEMETRY_ENABLED", "false")
            // Lets a test suspend a table as an error would.
            .env("QDB_DEV_MODE_ENABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It says that its child was killed.
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let lifeline = shell.stdin.take();
        let mut pid = String::new();
        BufReader::new(shell.stdout.take().expect("it is piped"))
            .read_line(&mut pid)
            .expect("the server's number");
        self.running = Some(Running {
            shell,
            lifeline,
            pid: pid.trim().to_owned(),
        });
    }

    /// Waits until it answers; `false` if it ended, or takes too long.
    fn answers(&mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < START {
            let answer = self.get("/ping", START);
            if answer.is_ok_and(|(status, _)| status == 204) {
                return true;
            }
            if self.running.as_mut().is_none_or(Running::has_ended) {
                return false;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        false
    }

    fn log(&self) -> PathBuf {
        self.root.path().join("server.log")
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// The rows of a query, or nothing for a statement.
    pub(crate) fn sql(&self, query: &str) -> Vec<Vec<Value>> {
        let mut answer = self.ask(query);
        assert!(answer.get("error").is_none(), "{query}: {answer}");
        match answer.get_mut("dataset").map(Value::take) {
            Some(rows) => serde_json::from_value(rows).expect("rows"),
            None => Vec::new(),
        }
    }

    fn ask(&self, query: &str) -> Value {
        let (_, answer) = self
            .get(&format!("/exec?query={}", escape(query)), PATIENCE)
            .expect("an answer");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// Where the server keeps a table.
    pub(crate) fn directory(&self, table: &str) -> PathBuf {
        let prefix = format!("{table}~");
        let entries = fs::read_dir(self.root.path().join("db")).expect("its data");
        let mut paths = entries.flatten().map(|entry| entry.path());
        let found = paths.find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.is_dir() && name.starts_with(&prefix)
        });
        found.expect("the table is there")
    }

    /// The one number that a query gives.
    pub(crate) fn number(&self, query: &str) -> u64 {
        self.sql(query)[0][0].as_u64().expect("a number")
    }

    /// Rows of a table; `None` while it cannot be asked, as while it is made: the server may list it before that.
    pub(crate) fn count(&self, table: &str) -> Option<u64> {
        let answer = self.ask(&format!("SELECT count() FROM {table}"));
        answer.pointer("/dataset/0/0")?.as_u64()
    }

    /// Waits until all that was confirmed is in the tables.
    pub(crate) fn settle(&self) {
        let behind = "SELECT count() FROM wal_tables() WHERE writerTxn < sequencerTxn";
        until("the tables to have all rows", || {
            (self.number(behind) == 0).then_some(())
        });
    }

    fn get(&self, path: &str, patience: Duration) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.address())?;
        stream.set_read_timeout(Some(patience))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )?;
        read_answer(&mut BufReader::new(stream))
    }
}

impl Running {
    fn has_ended(&mut self) -> bool {
        self.shell.try_wait().expect("its state").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The shell sees the end of its input and kills the server, if that still runs.
        self.lifeline.take();
        self.shell.wait().ok();
    }
}

/// Looks until there is an answer.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Status and body; the server sends bodies in chunks.
fn read_answer(stream: &mut impl BufRead) -> std::io::Result<(u16, String)> {
    let invalid = || std::io::Error::other("an answer that is no HTTP");
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split_whitespace().nth(1).and_then(|s| s.parse().ok());
    let status: u16 = status.ok_or_else(invalid)?;
    let mut is_chunked = false;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        is_chunked |= line
            .to_ascii_lowercase()
            .starts_with("transfer-encoding: chunked");
    }
    let mut body = Vec::new();
    if status == 204 {
        return Ok((status, String::new()));
    }
    if !is_chunked {
        stream.read_to_end(&mut body)?;
    }
    while is_chunked {
        line.clear();
        stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(|_| invalid())?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        body.extend_from_slice(&chunk[..length]);
        is_chunked = length > 0;
    }
    Ok((status, String::from_utf8(body).map_err(|_| invalid())?))
}

fn escape(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

/// The server's one file, from the cache or fetched into it; or why there is none.
fn jar() -> Result<PathBuf, String> {
    runs("java", "-version")?;
    let cache = cache().join("questdb");
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let jar = cache.join(format!("questdb-{VERSION}.jar"));
    // Two tests at the same time: the second waits here until the first has fetched it.
    let lock = File::create(cache.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if !jar.is_file() {
        fetch(&cache, &jar)?;
    }
    Ok(jar)
}

fn fetch(cache: &Path, jar: &Path) -> Result<(), String> {
    runs("mvn", "-version")?;
    let partial = cache.join("partial");
    let fetched = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy"])
        .arg(format!("-Dartifact=org.questdb:questdb:{VERSION}"))
        .arg(format!("-DoutputDirectory={}", partial.display()))
        .output()
        .map_err(|error| error.to_string())?;
    if !fetched.status.success() {
        let said = String::from_utf8_lossy(&fetched.stdout).into_owned();
        return Err(format!("Maven cannot fetch it: {said}"));
    }
    let name = jar.file_name().expect("a jar has a name");
    fs::rename(partial.join(name), jar).map_err(|error| error.to_string())
}

fn runs(program: &str, word: &str) -> Result<(), String> {
    let ran = Command::new(program).arg(word).output();
    match ran {
        Ok(ran) if ran.status.success() => Ok(()),
        _ => Err(format!(
            "{program} is not installed (Debian, Ubuntu: apt-get install default-jre-headless maven)"
        )),
    }
}

/// The cache of the chores; see `CONTRIBUTING.md`.
fn cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("TICKLOOM_CACHE") {
        return folder.into();
    }
    if let Some(folder) = set("XDG_CACHE_HOME") {
        return PathBuf::from(folder).join("tickloom");
    }
    match set("HOME") {
        Some(home) => PathBuf::from(home).join(".cache").join("tickloom"),
        None => std::env::temp_dir().join("tickloom-cache"),
    }
}
