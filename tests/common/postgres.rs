//! A real PostgreSQL server for tests: on a free port of the loopback with a temporary folder, not as root; it can be killed and started
//! again on the same, and goes away with the test, even if the test is killed.
//!
//! Where it is not installed, a test says so and passes; in CI it fails.

#![allow(dead_code, reason = "each test binary uses a part")]

#[path = "ports.rs"]
pub(crate) mod ports;

use ports::Port;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// After this much waiting a test has failed; nothing depends on how long things really take.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Ends the server when the pipe to the shell is closed, which the system does whatever becomes of the test.
/// The server and each of its processes have the shell's output as 4: it ends with the last of them.
const SHELL: &str = "exec 3<&0
    \"$@\" 4>&1 >>\"$LOG\" 2>&1 3<&- & server=$!
    { cat <&3 >/dev/null; kill -9 $server 2>/dev/null; } & watch=$!
    echo $server
    exec 3<&- >&-
    wait $server
    kill $watch 2>/dev/null";

/// A server that runs, or was killed and can be started again.
pub(crate) struct Postgres {
    programs: PathBuf,
    // Goes first: it is dead before its files are removed and its port is given back.
    running: Option<Running>,
    root: tempfile::TempDir,
    port: Port,
}

struct Running {
    shell: Child,
    lifeline: Option<ChildStdin>,
    out: BufReader<ChildStdout>,
}

impl Postgres {
    /// A server that answers; `None`, having said why, where there can be none.
    pub(crate) fn start() -> Option<Postgres> {
        let Some(programs) = programs() else {
            let why = "skipped, as PostgreSQL is not installed (Debian, Ubuntu: apt-get install postgresql)";
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
            println!("{why}");
            return None;
        };
        let mut server = Postgres {
            programs,
            running: None,
            root: tempfile::tempdir().expect("a directory"),
            port: Port::reserve(),
        };
        server.make();
        server.restart();
        Some(server)
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://tickloom@{}/postgres", self.port.address())
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// A command as somebody who is not root, whom the server refuses to run as.
    fn command(&self, program: &Path) -> Command {
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| {
            use std::os::unix::fs::MetadataExt;
            process.uid() == 0
        });
        if !is_root {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(program);
        command
    }

    fn make(&self) {
        // Whoever it runs as makes its folder in ours.
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(self.root.path(), open).expect("our folder");
        let made = self
            .command(&self.programs.join("initdb"))
            .args(["--auth=trust", "--username=tickloom", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync", "-D"])
            .arg(self.data())
            .output()
            .expect("initdb runs");
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{said}");
    }

    /// `kill -9` of the server, and waits for its processes, which answer until they see that it is gone.
    pub(crate) fn kill(&mut self) {
        self.running.take();
    }

    /// Starts it on the same folder and port, and waits until it answers.
    pub(crate) fn restart(&mut self) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            self.launch();
            while self.running.as_mut().is_some_and(Running::is_alive) {
                if self.answers() {
                    return;
                }
                assert!(began.elapsed() < PATIENCE, "{}", self.last_words());
                std::thread::sleep(LOOK_AGAIN);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        panic!("PostgreSQL did not start:\n{}", self.last_words());
    }

    fn launch(&mut self) {
        self.kill();
        let address = self.port.address();
        let (host, port) = address.split_once(':').expect("host and port");
        let server = self.command(&self.programs.join("postgres"));
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "sh"])
            .arg(server.get_program())
            .args(server.get_args())
            // What the system was given outlives a killed process: nothing here pulls the power.
            .args([
                "-F",
                "-h",
                host,
                "-p",
                port,
                "-c",
                "unix_socket_directories=",
            ])
            .arg("-D")
            .arg(self.data())
            .env("LOG", self.root.path().join("server.log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let lifeline = shell.stdin.take();
        let mut out = BufReader::new(shell.stdout.take().expect("it is piped"));
        let mut process = String::new();
        out.read_line(&mut process).expect("the server's number");
        self.running = Some(Running {
            shell,
            lifeline,
            out,
        });
    }

    /// Whether it lets somebody in: while it starts it takes connections, and answers with an error.
    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<u8> {
            let mut stream = TcpStream::connect(self.port.address())?;
            stream.set_read_timeout(Some(PATIENCE))?;
            // Length, version 3.0 of the protocol, and who wants to be let in where.
            let said = b"user\0tickloom\0database\0postgres\0\0";
            let length = u32::try_from(said.len() + 8).expect("it is short");
            stream.write_all(&length.to_be_bytes())?;
            stream.write_all(&0x0003_0000_u32.to_be_bytes())?;
            stream.write_all(said)?;
            let mut kind = [0];
            stream.read_exact(&mut kind)?;
            Ok(kind[0])
        };
        ask().is_ok_and(|kind| kind == b'R')
    }

    fn last_words(&self) -> String {
        let log = fs::read(self.root.path().join("server.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Running {
    fn is_alive(&mut self) -> bool {
        self.shell.try_wait().expect("its state").is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The shell sees the end of its input and kills the server, if that still runs.
        self.lifeline.take();
        self.shell.wait().ok();
        self.out.read_to_end(&mut Vec::new()).ok();
    }
}

/// The folder of the server's programs: on the path, or where Debian has them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<PathBuf> = versions.flatten().map(|v| v.path().join("bin")).collect();
    versions.sort_unstable();
    folders.extend(versions);
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}
