//! Runs every shell command and every configuration file in the README and the docs with the real binary.
//!
//! `cargo run --release --` stands for the binary under test. Commands that run for ever are stopped by Ctrl-C once they say that they
//! are up. Chores (`cargo xtask`) must be called by CI. Python snippets are run by the test of `engine/wire`.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

#[cfg(not(feature = "sql"))]
const PAGES: &[&str] = &[
    "README.md",
    "docs/backtest.md",
    "docs/drill.md",
    "docs/export.md",
    "docs/import.md",
    "docs/instruments.md",
];
#[cfg(feature = "sql")]
const PAGES: &[&str] = &[
    "README.md",
    "docs/backtest.md",
    "docs/drill.md",
    "docs/export.md",
    "docs/import.md",
    "docs/instruments.md",
    "docs/sql.md",
    #[cfg(feature = "services")]
    "docs/services.md",
    #[cfg(feature = "services")]
    "docs/auth.md",
];
const BINARY: &str = env!("CARGO_BIN_EXE_tickloom");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Contents of the blocks of this language in a page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let opening = format!("```{language}\n");
    text.split(&opening)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// Splits a command as a shell does, with single and double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "unclosed quote in {line}");
    words.extend(word);
    words
}

/// A folder like the clone as far as the docs' commands see it: `data/samples` is there, and a file of prices.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let samples = folder.path().join("data/samples");
    fs::create_dir_all(&samples).unwrap();
    for entry in fs::read_dir(root().join("data/samples")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, samples.join(path.file_name().unwrap())).unwrap();
    }
    fs::write(folder.path().join("prices.csv"), prices()).unwrap();
    let columns = root().join("data/formats/tests/people/samples/pandas-unnamed.parquet");
    fs::copy(columns, folder.path().join("prices.parquet")).unwrap();
    folder
}

/// Daily bars that go up and down, for commands over a file of the reader's own.
fn prices() -> String {
    let mut text = String::from("Date,Open,High,Low,Close,Volume\n");
    for day in 0..336_i64 {
        let (month, day_of_month) = (day / 28 + 1, day % 28 + 1);
        let price = 100 + (day % 60 - 30).abs();
        let (high, low) = (price + 1, price - 1);
        writeln!(
            text,
            "2023-{month:02}-{day_of_month:02},{price},{high},{low},{price},1000"
        )
        .unwrap();
    }
    text
}

fn run_to_its_end(words: &[String], folder: &Path) -> Output {
    let mut command = Command::new(BINARY);
    command.args(words).current_dir(folder);
    if words[0] == "demo" {
        command.args(["--seconds", "3"]);
    }
    command.output().unwrap()
}

/// Starts a command that runs for ever, presses Ctrl-C once a line of stderr begins with `sign`, and returns how it ended.
fn run_until(words: &[String], folder: &Path, sign: &str) -> Output {
    let mut child = Command::new(BINARY)
        .args(words)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut heard = String::new();
    let is_up = lines.by_ref().map_while(Result::ok).any(|line| {
        heard.push_str(&line);
        heard.push('\n');
        line.starts_with(sign)
    });
    if is_up {
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
    }
    for line in lines.map_while(Result::ok) {
        heard.push_str(&line);
        heard.push('\n');
    }
    let mut output = child.wait_with_output().unwrap();
    assert!(is_up, "{words:?} did not say {sign:?}:\n{heard}");
    output.stderr = heard.into_bytes();
    output
}

fn check(line: &str, folder: &Path) {
    if let Some(chore) = line.strip_prefix("cargo xtask ") {
        let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
        assert!(
            ci.contains(&format!("cargo xtask {chore}")),
            "CI does not call {line}"
        );
        return;
    }
    let command = line
        .strip_prefix("cargo run --release -- ")
        .or_else(|| line.strip_prefix("tickloom "))
        .unwrap_or_else(|| panic!("no rule for running {line:?}"));
    let mut words = words(command);
    let output = match words[0].as_str() {
        "run" => {
            // The docs use the default port, which somebody else may have.
            words.extend(["--publish".to_owned(), "tcp://127.0.0.1:*".to_owned()]);
            run_until(&words, folder, "publishing")
        }
        "subscribe" => run_until(&words, folder, "waiting for"),
        "serve" => {
            words.extend(["--http".to_owned(), "127.0.0.1:0".to_owned()]);
            for word in words.iter_mut().filter(|word| *word == "127.0.0.1:8081") {
                *word = "127.0.0.1:0".to_owned();
            }
            run_until(&words, folder, "serving")
        }
        _ => run_to_its_end(&words, folder),
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{line}\n{}: {stderr}",
        output.status
    );
}

#[test]
fn every_command_in_the_docs_works() {
    for page in PAGES {
        let folder = folder();
        if let Some(contracts) = blocks("docs/instruments.md", "toml").first() {
            fs::write(folder.path().join("contracts.toml"), contracts).unwrap();
        }
        if let Some(list) = blocks("docs/instruments.md", "json").first() {
            fs::write(folder.path().join("exchangeInfo.json"), list).unwrap();
        }
        for block in blocks(page, "sh") {
            let block = block.replace("\\\n", " ");
            for line in block.lines().filter(|line| !line.trim().is_empty()) {
                check(line.trim(), folder.path());
            }
        }
    }
    let readme: String = blocks("README.md", "sh").concat();
    for word in [
        "demo",
        "xtask test",
        "import",
        "backtest",
        "signals",
        "run",
        "subscribe",
    ] {
        assert!(readme.contains(word), "the README shows no {word}");
    }
}

#[test]
fn the_first_backtest_in_the_readme_leaves_a_report() {
    let folder = folder();
    for block in blocks("README.md", "sh")
        .iter()
        .filter(|block| block.contains("-- import"))
    {
        for line in block.lines() {
            check(line, folder.path());
        }
    }
    let report = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(report.contains("binance-usdm.BTCUSDT") && report.contains("<svg"));
}

#[test]
#[cfg(feature = "services")]
fn the_configuration_file_of_services_in_the_docs_serves() {
    let files = blocks("docs/services.md", "toml");
    let [first, elsewhere, behind, traces, outgoing] = &files[..] else {
        panic!("{} files", files.len());
    };
    let folder = folder();
    let serves = |config: &str, names: &str, word: &str| {
        fs::write(folder.path().join("serve.toml"), config).unwrap();
        // The docs use ports that somebody else may have, and addresses of the network.
        let words = format!("serve {names} --config serve.toml --http 127.0.0.1:0");
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let output = run_until(&words, folder.path(), word);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        stderr.into_owned()
    };
    serves(
        &[first.as_str(), traces, outgoing].concat(),
        "",
        "serving activity",
    );
    assert!(folder.path().join("services/activity.db").is_file());
    // A certificate with its key in one file does for both.
    check("tickloom admin ca init", folder.path());
    check("tickloom admin ca issue tickloom", folder.path());
    let issued = folder.path().join("ca/issued/tickloom.pem");
    for name in ["fullchain.pem", "privkey.pem"] {
        fs::copy(&issued, folder.path().join(name)).unwrap();
    }
    let said = serves(elsewhere, "auth", "serving auth");
    assert!(
        said.contains("serving auth at https://127.0.0.1:"),
        "{said}"
    );
    serves(behind, "auth", "serving auth");
}

#[test]
#[cfg(feature = "services")]
fn the_configuration_file_of_auth_in_the_docs_serves() {
    auth_serves("docs/auth.md", 2);
}

#[test]
#[cfg(feature = "services")]
fn the_configuration_file_of_sites_in_the_docs_serves() {
    auth_serves("docs/forward-auth.md", 1);
}

#[cfg(feature = "services")]
fn auth_serves(page: &str, count: usize) {
    let files = blocks(page, "toml");
    assert_eq!(files.len(), count);
    let folder = folder();
    fs::write(folder.path().join("serve.toml"), files.concat()).unwrap();
    let secret = folder.path().join("example.secret");
    fs::write(&secret, "a secret\n").unwrap();
    let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&secret, own).unwrap();
    let words = "serve auth --config serve.toml --http 127.0.0.1:0".split(' ');
    let words: Vec<String> = words.map(str::to_owned).collect();
    let output = run_until(&words, folder.path(), "serving auth");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

#[test]
fn the_configuration_file_in_the_docs_runs() {
    let files = blocks("docs/live.md", "toml");
    assert_eq!(files.len(), 1);
    let folder = folder();
    fs::write(folder.path().join("live.toml"), &files[0]).unwrap();
    let words = ["run", "--config", "live.toml"].map(str::to_owned);
    let output = run_until(&words, folder.path(), "journal");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("metrics    http://127.0.0.1:"), "{stderr}");
    assert!(folder.path().join("recorded/journal").is_dir());
    assert!(String::from_utf8_lossy(&output.stdout).contains("output hash"));
}

#[test]
fn help_of_every_command_has_examples() {
    for command in [
        "demo",
        "drill",
        "run",
        "subscribe",
        "verify-stream",
        "backtest",
        "import",
        "instruments",
        "export",
        "questdb",
        "replay",
        "signals",
        "sql",
        "serve",
        "admin",
        "access",
        "completions",
        "man",
    ] {
        let output = Command::new(BINARY)
            .args([command, "--help"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("Examples:"),
            "{command}: {text}"
        );
    }
}

#[test]
fn shells_complete_and_every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let output = Command::new(BINARY)
            .args(words)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]);
        assert!(
            script.contains("backtest") && script.contains("short-enter"),
            "{shell}"
        );
    }
    // The shell itself takes it.
    fs::write(
        folder.path().join("tickloom.bash"),
        run(&["completions", "bash"]),
    )
    .unwrap();
    let complete = "source ./tickloom.bash; COMP_WORDS=(tickloom back); COMP_CWORD=1; _tickloom tickloom back tickloom; echo ${COMPREPLY[@]}";
    let shell = Command::new("bash")
        .args(["-c", complete])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&shell.stdout).trim(), "backtest");
    assert!(run(&["man"]).contains(".TH tickloom 1"));
    run(&["man", "--out", "pages"]);
    let page = fs::read_to_string(folder.path().join("pages/tickloom-catalog-verify.1")).unwrap();
    assert!(page.contains("Reads every row"), "{page}");
}
