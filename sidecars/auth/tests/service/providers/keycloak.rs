//! Keycloak, which many firms have: people sign in with it, with keys of each kind. It keeps the time of this machine, and so does the
//! service here. It takes a minute to start, so that it runs with `TICKLOOM_TEST_ALL` alone.

use super::visitor::Visitor;
use super::{config, identities, through};
use crate::{PATIENCE, Port, Served, access_token, on_both};
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tickloom_auth::ProviderConfig;
use tickloom_chassis::Clock;
use url::Url;

const VERSION: &str = "26.7.3";
const ALGORITHMS: [&str; 3] = ["rs256", "es256", "eddsa"];
const REALM: &str = include_str!("../../providers/keycloak/tickloom-realm.json");
const CARL: &str = "0b8e5c1e-6d1c-4a53-9d38-7a4f0d8a3c11";
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// All that it starts ends when the pipe to the shell is closed, which the system does whatever becomes of the test.
const SHELL: &str = "exec 3<&0
    { cat <&3 >/dev/null; kill -9 -- -$$; } &
    exec bash \"$@\" </dev/null >\"$LOG\" 2>&1 3<&-";

/// The server, until it is dropped.
struct Keycloak {
    shell: Child,
    port: Port,
    folder: tempfile::TempDir,
}

impl Drop for Keycloak {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().ok();
    }
}

impl Keycloak {
    fn start() -> Keycloak {
        let (port, folder) = (Port::reserve(), tempfile::tempdir().unwrap());
        let address = port.address();
        let (_, number) = address.split_once(':').unwrap();
        let shell = Command::new("bash")
            .args(["-c", SHELL, "bash"])
            .arg(home().join("bin/kc.sh"))
            .args(["start-dev", "--db=dev-mem", "--import-realm"])
            .args(["--http-host=127.0.0.1", "--cache=local"])
            .arg(format!("--http-port={number}"))
            .arg(format!("--hostname=http://{address}"))
            .env("LOG", folder.path().join("log"))
            .env("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx768m")
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut keycloak = Keycloak {
            shell,
            port,
            folder,
        };
        let until = Instant::now() + 5 * PATIENCE;
        while !keycloak.answers() {
            let ended = keycloak.shell.try_wait().unwrap().is_some();
            assert!(!ended && Instant::now() < until, "{}", keycloak.said());
            std::thread::sleep(LOOK_AGAIN);
        }
        keycloak
    }

    fn answers(&self) -> bool {
        let said = TcpStream::connect(self.port.address()).is_ok();
        said && self.said().contains("Listening on")
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn provider(&self, algorithm: &str) -> ProviderConfig {
        let issuer = format!("http://{}/realms/tickloom", self.port.address());
        ProviderConfig {
            client_id: format!("tickloom-{algorithm}"),
            ..config(&issuer)
        }
    }
}

/// Its folder, unpacked once below the cache folder from what Maven fetches.
fn home() -> PathBuf {
    let cache = std::env::var_os("TICKLOOM_CACHE").map(PathBuf::from);
    let cache = cache
        .unwrap_or_else(std::env::temp_dir)
        .join("tools/keycloak");
    fs::create_dir_all(&cache).unwrap();
    // Two tests at the same time: the second waits here until the first has fetched it.
    let lock = File::create(cache.join("lock")).unwrap();
    lock.lock().unwrap();
    let home = cache.join(format!("keycloak-{VERSION}"));
    if !home.is_dir() {
        let new = tempfile::tempdir_in(&cache).unwrap();
        let artifact = format!("org.keycloak:keycloak-quarkus-dist:{VERSION}:zip");
        run(Command::new("mvn")
            .args(["-q", "-B", "dependency:copy"])
            .arg(format!("-Dartifact={artifact}"))
            .arg(format!("-DoutputDirectory={}", new.path().display())));
        let packed = format!("keycloak-quarkus-dist-{VERSION}.zip");
        run(Command::new("python3")
            .args(["-m", "zipfile", "-e", &packed, "."])
            .current_dir(new.path()));
        fs::rename(new.path().join(format!("keycloak-{VERSION}")), &home).unwrap();
    }
    write_realm(&home);
    home
}

fn write_realm(home: &Path) {
    let realms = home.join("data/import");
    fs::create_dir_all(&realms).unwrap();
    fs::write(realms.join("tickloom-realm.json"), REALM).unwrap();
}

fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error} (Debian, Ubuntu: apt-get install default-jre-headless maven)")
    });
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{command:?}: {said}");
}

/// Fills in its page.
fn fill(who: &str, page: &str) -> (Url, String) {
    let form = page.split("id=\"kc-form-login\"").nth(1);
    let action = form.and_then(|form| form.split("action=\"").nth(1));
    let action = action.and_then(|rest| rest.split('"').next());
    let action = action.unwrap_or_else(|| panic!("no form: {page}"));
    let action = Url::parse(&action.replace("&amp;", "&")).unwrap();
    (
        action,
        format!("username={who}&password=any+password+1&credentialId="),
    )
}

#[test]
fn keycloak_signs_people_in_with_each_kind_of_key() {
    if std::env::var_os("TICKLOOM_TEST_ALL").is_none() {
        eprintln!("skipped: only with TICKLOOM_TEST_ALL");
        return;
    }
    let keycloak = Keycloak::start();
    for algorithm in ALGORITHMS {
        on_both(|place| {
            let served = Served::with(&place, Clock::System, |auth| {
                let provider = keycloak.provider(algorithm);
                auth.providers.insert(algorithm.to_owned(), provider);
            });
            let until = format!("http://localhost:8080/auth/v1/providers/{algorithm}/callback");
            let go = |browser: &mut Visitor, what: &str, who: &str, token: Option<&str>| {
                through(&served, &format!("{algorithm}/{what}"), token, |url| {
                    browser.go(url, &until, |_, page| fill(who, page))
                })
            };
            let mut browser = Visitor::default();
            let tokens = go(&mut browser, "sign-in", "carl", None).is(201).json();
            let token = access_token(&tokens);
            let path = "/auth/v1/accounts/me";
            let account = served.client.get(path, Some(token)).is(200).json();
            assert_eq!(account["email"], "carl@example.com");
            assert_eq!(account["name"], "Carl Sample");
            assert_eq!(identities(&served, token)[0]["subject"], CARL);
            // Keycloak knows the browser by now, and asks for nothing.
            let again = go(&mut browser, "sign-in", "nobody", None).is(201).json();
            assert_eq!(again["account"], tokens["account"]);
            // Once more means that it asks.
            go(&mut browser, "step-up", "carl", Some(token)).is(204);
            // An address that it did not verify is nobody's.
            let mut other = Visitor::default();
            let refused = go(&mut other, "sign-in", "dora", None);
            refused.refused(422, "refused");
        });
    }
}
