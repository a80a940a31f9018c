//! A service that was just made from the template compiles and conforms, unchanged: in a copy of the project, of which only the new
//! service and what it stands on are built, into the same build folder.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "market_data";
/// What is not copied.
const NOT_OURS: [&str; 4] = ["target", ".git", ".venv", "__pycache__"];

fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap().to_owned()
}

/// Copies what has changed, so that what was built of it before is built no more, and removes from an earlier copy what is not there
/// any more: the service that was made in it, and files that went.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let names = |folder: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let names = entries.map(|entry| name(entry).to_string_lossy().into_owned());
        names.collect()
    };
    let is_ours =
        |name: &String| !NOT_OURS.contains(&name.as_str()) && !name.starts_with("tickloom-demo");
    let all: BTreeSet<String> = names(from).into_iter().filter(is_ours).collect();
    for gone in names(to).difference(&all) {
        let path = to.join(gone);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
    }
    for file in all {
        let path = from.join(&file);
        let target = to.join(&file);
        if path.is_dir() {
            copy(&path, &target);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        if fs::read(&target).ok().as_ref() != Some(&bytes) {
            fs::write(&target, bytes).unwrap();
        }
    }
}

fn xtask(copied: &Path, words: &[&str]) -> (bool, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(words)
        .env("CARGO_MANIFEST_DIR", copied.join("xtask"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    (ran.status.success(), said)
}

#[test]
fn a_new_service_conforms_unchanged() {
    let copied = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-service");
    copy(&root(), &copied);
    let (is_made, said) = xtask(&copied, &["new-service", "Market"]);
    assert!(
        !is_made && said.contains("`Market` cannot be a service"),
        "{said}"
    );
    let (is_made, said) = xtask(&copied, &["new-service", NAME]);
    assert!(is_made, "{said}");
    let (is_made, said) = xtask(&copied, &["new-service", NAME]);
    assert!(!is_made && said.contains("is there already"), "{said}");
    let serve = fs::read_to_string(copied.join("cli/commands/serve.rs")).unwrap();
    assert_eq!(serve.matches("MarketData").count(), 4, "{serve}");

    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        // What cargo says of this package is not of the other.
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            cargo.env_remove(&name);
        }
    }
    let ran = cargo
        .args(["test", "--offline", "-p", "tickloom-market-data"])
        .current_dir(&copied)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("UPDATE_GOLDEN")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&ran.stdout);
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{out}\n{err}");
    assert!(out.contains("test it_conforms ... ok"), "{out}");
}
