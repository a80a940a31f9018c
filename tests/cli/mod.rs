//! What the tests of the command line share: running the real binary, and finding data that is not in the repository.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a run of the binary said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary with these words.
pub(crate) fn tickloom(words: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_tickloom"))
        .args(words)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A directory that goes away with the test.
pub(crate) fn workspace() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A file of the data that cannot be in the repository for its licence: below `TICKLOOM_SHARED_DATA`, or `../shared/data`.
/// Without it a test says so and passes; in CI it fails.
pub(crate) fn shared_data(file: &str) -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("TICKLOOM_SHARED_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(file);
    if path.exists() {
        return Some(path.display().to_string());
    }
    let why = format!(
        "skipped: {} is not there (set TICKLOOM_SHARED_DATA)",
        path.display()
    );
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    println!("{why}");
    None
}
