//! A real provider: npm's oidc-provider, whose pages are gone through as a browser does.

use super::{config, identities};
use crate::{BEGIN, Served, access_token, on_both, text};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use tickloom_chassis::Clock;
use url::Url;

const REDIRECT: &str = "http://localhost:8080/auth/v1/providers/op/callback";

/// The provider, until it is dropped.
struct Node {
    child: Child,
    issuer: String,
    /// What it writes to goes on being there.
    _output: BufReader<ChildStdout>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Node {
    /// One whose tokens are signed so; `None` where there is no Node.
    fn start(algorithm: &str) -> Option<Node> {
        let folder = packages()?;
        let millis = (BEGIN.0 / 1_000_000).to_string();
        let mut child = Command::new("node")
            .arg(folder.join("provider.mjs"))
            .args([REDIRECT, &millis, algorithm])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("http://") {
            line.clear();
            let bytes = output.read_line(&mut line).unwrap();
            assert!(bytes > 0, "the provider did not start");
        }
        Some(Node {
            child,
            issuer: line.trim().to_owned(),
            _output: output,
        })
    }
}

/// The folder with the program and its packages, as the lock file has them, installed once below the cache folder.
fn packages() -> Option<PathBuf> {
    if Command::new("npm").arg("--version").output().is_err() {
        assert!(
            std::env::var_os("CI").is_none(),
            "there is no npm: install nodejs and npm"
        );
        eprintln!("skipped: there is no npm");
        return None;
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers/npm");
    let read = |name: &str| std::fs::read(own.join(name)).unwrap();
    let lock = read("package-lock.json");
    let program = read("provider.mjs");
    let digest = ring::digest::digest(&ring::digest::SHA256, &[lock, program].concat());
    let name: String = digest.as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let cache = std::env::var_os("TICKLOOM_CACHE").map(PathBuf::from);
    let cache = cache.unwrap_or_else(std::env::temp_dir).join("npm");
    std::fs::create_dir_all(&cache).unwrap();
    let folder = cache.join(format!("providers-{name}"));
    if !folder.is_dir() {
        // Another test may do the same: who renames first has it.
        let new = tempfile::tempdir_in(&cache).unwrap();
        for name in ["package.json", "package-lock.json", "provider.mjs"] {
            std::fs::copy(own.join(name), new.path().join(name)).unwrap();
        }
        let mut install = Command::new("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        let done = install.current_dir(new.path()).output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let renamed = std::fs::rename(new.path(), &folder);
        assert!(renamed.is_ok() || folder.is_dir(), "{renamed:?}");
    }
    Some(folder)
}

/// What a browser does: it keeps cookies, and goes where it is sent.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// The answer to a request: where it leads, or what it says.
    fn ask(&mut self, url: &Url, form: Option<&str>) -> Result<Url, String> {
        let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let mut stream = TcpStream::connect(&address).unwrap();
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let (method, body) = form.map_or(("GET", ""), |form| ("POST", form));
        let path = &url[url::Position::BeforePath..];
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nCookie: {}\r\nAccept: text/html\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            cookies.join("; "),
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // It may close with a reset, once all was said.
        stream.read_to_end(&mut answer).ok();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut leads = None;
        for line in head.lines() {
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            match name.to_lowercase().as_str() {
                "set-cookie" => {
                    let pair = value.split(';').next().unwrap();
                    let (name, value) = pair.split_once('=').unwrap();
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
                "location" => leads = Some(url.join(value).unwrap()),
                _ => {}
            }
        }
        leads.ok_or_else(|| body.to_owned())
    }

    /// Signs in there as somebody, consents, and returns where the provider sends the person back to.
    fn sign_in(&mut self, url: &str, who: &str) -> Url {
        let mut at = Url::parse(url).unwrap();
        for _ in 0..20 {
            if at.as_str().starts_with(REDIRECT) {
                return at;
            }
            match self.ask(&at, None) {
                Ok(next) => at = next,
                Err(page) => {
                    let prompt = if page.contains("name=\"login\"") {
                        "login"
                    } else {
                        "consent"
                    };
                    let form = format!("prompt={prompt}&login={who}&password=any");
                    at = self
                        .ask(&at, Some(&form))
                        .unwrap_or_else(|page| panic!("{page}"));
                }
            }
        }
        panic!("it leads nowhere: {at}");
    }
}

#[test]
fn a_real_provider_signs_people_in_with_each_algorithm() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let Some(node) = Node::start(algorithm) else {
            return;
        };
        on_both(|place| {
            let served = Served::with(&place, Clock::standing(BEGIN), |auth| {
                auth.providers.insert("op".to_owned(), config(&node.issuer));
            });
            let mut browser = Browser::default();
            let mut sign_in = |what: &str, who: &str, token: Option<&str>| {
                let path = format!("/auth/v1/providers/{what}");
                let begun = served
                    .client
                    .send(("POST", &path), token, &[], None)
                    .is(201)
                    .json();
                let back = browser.sign_in(text(&begun, "url"), who);
                let back: BTreeMap<String, String> = back.query_pairs().into_owned().collect();
                let mut answer = json!(back);
                answer["request"] = begun["request"].clone();
                served
                    .client
                    .post(&format!("{path}/finish"), token, &answer)
            };
            let tokens = sign_in("op/sign-in", "carl", None).is(201).json();
            let token = access_token(&tokens);
            let account = served
                .client
                .get("/auth/v1/accounts/me", Some(token))
                .is(200)
                .json();
            assert_eq!(account["email"], "carl@example.com");
            assert_eq!(account["name"], "Name of carl");
            assert_eq!(identities(&served, token)[0]["subject"], "carl");
            // The provider knows the browser by now, and asks for nothing.
            let again = sign_in("op/sign-in", "nobody", None).is(201).json();
            assert_eq!(again["account"], tokens["account"]);
            // Once more means that it asks.
            sign_in("op/step-up", "carl", Some(token)).is(204);
        });
    }
}
