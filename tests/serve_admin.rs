//! What an operator does with services by hand: saves them while they run, puts them back, brings them forward, and finds out what is wrong.

#![cfg(test)]
#![cfg(feature = "services")]

mod cli;
mod common;

use cli::{tickloom, workspace};
use common::Running;
use serde_json::Value;
use std::path::Path;

fn run(words: &[&str], code: i32) -> (String, String) {
    let ran = tickloom(words);
    assert_eq!(ran.code, code, "{words:?}: {}{}", ran.stdout, ran.stderr);
    (ran.stdout, ran.stderr)
}

fn json(words: &[&str], code: i32) -> Value {
    serde_json::from_str(&run(words, code).0).unwrap()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The doctor of a service that runs: its own address is taken, which is all that there is to say.
fn examine_while_it_runs(config: &str, address: &str, data: &str) {
    std::fs::write(config, format!("http = \"{address}\"\ndata = \"{data}\"\n")).unwrap();
    let found = json(&["admin", "doctor", "--config", config, "--json"], 0);
    assert_eq!(found["bad"], 0, "{found}");
    let findings = found["findings"].as_array().unwrap();
    let taken = findings
        .iter()
        .find(|finding| finding["about"] == "http")
        .unwrap();
    assert_eq!(taken["state"], "warning", "{found}");
    let rows = |it: &&Value| it["about"] == "auth" && it["check"] == "rows";
    assert_eq!(
        findings.iter().find(rows).unwrap()["state"],
        "good",
        "{found}"
    );
    // Whoever ends TLS in front of it has to be named.
    let proxies = |named: &str| {
        let issuer = "[auth]\nissuer = \"https://id.example.com\"\n";
        let text = format!("http = \"{address}\"\ndata = \"{data}\"\n{named}{issuer}");
        std::fs::write(config, text).unwrap();
        let found = json(&["admin", "doctor", "--config", config, "--json"], 0);
        let findings = found["findings"].as_array().unwrap().clone();
        findings
            .iter()
            .find(|finding| finding["about"] == "proxies")
            .map(|finding| finding["state"].clone())
    };
    assert!(findings.iter().all(|finding| finding["about"] != "proxies"));
    assert_eq!(proxies(""), Some(Value::from("warning")));
    let named = "proxies = [\"127.0.0.1\"]\n";
    assert_eq!(proxies(named), Some(Value::from("good")));
}

/// What is missing, damaged or of something else is told.
fn tell_what_is_damaged(dir: &Path, [saved, again, config]: [&str; 3]) {
    let (told, _) = run(&["admin", "doctor", "--data", again], 1);
    assert!(
        told.contains("again/auth.keys: keys: they are not there"),
        "{told}"
    );
    // The keys of another database, then its own, which others can open, then which they cannot.
    let keys = dir.join("again/auth.keys");
    let other = format!("{}\n", "A".repeat(43));
    std::fs::write(&keys, other).unwrap();
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(&keys, mode(0o600)).unwrap();
    let (told, _) = run(&["admin", "doctor", "--data", again], 1);
    assert!(
        told.contains("secrets are not opened by them: ") && told.contains("put back the copy"),
        "{told}"
    );
    std::fs::copy(dir.join("services/auth.keys"), &keys).unwrap();
    std::fs::set_permissions(&keys, mode(0o640)).unwrap();
    let (told, _) = run(&["admin", "doctor", "--data", again], 1);
    assert!(
        told.contains("auth does not start with it: ") && told.contains("has mode 640"),
        "{told}"
    );
    std::fs::set_permissions(&keys, mode(0o600)).unwrap();
    let (told, _) = run(&["admin", "doctor", "--data", again], 0);
    // Two keys that sign, and the one of challenges.
    assert!(told.contains("they open all 3 secrets"), "{told}");

    let file = dir.join("saved/auth.db");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let third = text(&dir.join("third"));
    let (_, said) = run(&["admin", "restore", saved, "--data", &third], 1);
    assert!(
        said.contains("is damaged: its hash is of something else"),
        "{said}"
    );

    std::fs::write(config, "htp = \"127.0.0.1:8080\"\n").unwrap();
    let (_, said) = run(&["admin", "doctor", "--config", config], 2);
    assert!(
        said.contains("unknown field `htp`") && said.contains("line 1"),
        "{said}"
    );
    std::fs::write(dir.join("again/auth.db"), "x".repeat(5000)).unwrap();
    let (told, _) = run(&["admin", "doctor", "--data", again], 1);
    assert!(told.contains("bad      auth: database: "), "{told}");
}

#[test]
fn services_are_saved_while_they_run_and_put_back() {
    let dir = workspace();
    let [data, saved, again] =
        ["services", "saved", "again"].map(|name| text(&dir.path().join(name)));
    let config = text(&dir.path().join("serve.toml"));
    let mut running = Running::start(&["serve", "auth", "--data", &data, "--http", "127.0.0.1:0"]);
    let address = running.announced("serving auth at http://");

    let manifest = json(
        &[
            "admin", "backup", "--data", &data, "--out", &saved, "--json",
        ],
        0,
    );
    let [auth] = &manifest["services"].as_array().unwrap()[..] else {
        panic!("{manifest}");
    };
    assert_eq!(
        (auth["name"].as_str(), &auth["steps"][0]),
        (Some("auth"), &Value::from(4))
    );
    let (_, said) = run(&["admin", "backup", "--data", &data, "--out", &saved], 2);
    assert!(said.contains("nothing is overwritten"), "{said}");
    let (_, said) = run(&["admin", "restore", &saved, "--data", &data], 2);
    assert!(said.contains("nothing is overwritten"), "{said}");
    let server = "postgres://tickloom@localhost/x";
    let (_, said) = run(
        &["admin", "backup", "--database", server, "--out", &again],
        2,
    );
    assert!(said.contains("pg_dump"), "{said}");

    examine_while_it_runs(&config, &address, &data);
    running.signal("TERM");
    assert_eq!(running.finish().code, 0);

    let (told, said) = run(&["admin", "restore", &saved, "--data", &again], 0);
    assert!(told.starts_with("auth: put back to "), "{told}");
    assert!(
        said.contains("when the backup was made, is not in it"),
        "{said}"
    );
    let (told, _) = run(&["admin", "migrate", "--dry-run", "--data", &again], 0);
    let expected =
        "activity: there is no database yet, the first start makes it\nauth: is of this version\n";
    assert_eq!(told, expected);
    tell_what_is_damaged(dir.path(), [&saved, &again, &config]);
}
