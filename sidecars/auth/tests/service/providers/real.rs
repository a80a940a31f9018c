//! A real provider: npm's oidc-provider, whose pages are gone through as a browser does.

use super::visitor::Visitor;
use super::{config, identities, through};
use crate::{BEGIN, Served, access_token, on_both};
use std::io::{BufRead, BufReader};
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

/// Signs in there as somebody, consents, and returns where the provider sends the person back to.
fn sign_in(browser: &mut Visitor, url: &str, who: &str) -> Url {
    browser.go(url, REDIRECT, |at, page| {
        let prompt = if page.contains("name=\"login\"") {
            "login"
        } else {
            "consent"
        };
        let form = format!("prompt={prompt}&login={who}&password=any");
        (at.clone(), form)
    })
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
            let mut browser = Visitor::default();
            let mut through = |what: &str, who: &str, token: Option<&str>| {
                through(&served, what, token, |url| sign_in(&mut browser, url, who))
            };
            let tokens = through("op/sign-in", "carl", None).is(201).json();
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
            let again = through("op/sign-in", "nobody", None).is(201).json();
            assert_eq!(again["account"], tokens["account"]);
            // Once more means that it asks.
            through("op/step-up", "carl", Some(token)).is(204);
        });
    }
}
