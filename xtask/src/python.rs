//! A Python environment with pinned packages, for the tests that read our files and messages with
//! other people's programs. It lives in the cache and is made once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::process::{self, answers, in_ci, say};

/// The pinned packages.
const REQUIREMENTS: &str = include_str!("../python-requirements.txt");

/// Path of the interpreter. None when it cannot be had, which is said, and in CI is an error.
pub(crate) fn interpreter() -> Result<Option<PathBuf>> {
    match prepared() {
        Ok(interpreter) => Ok(Some(interpreter)),
        Err(error) if in_ci() => Err(error),
        Err(error) => {
            say(&format!("{error:#}"));
            say("going on without the tests that need Python");
            Ok(None)
        }
    }
}

fn prepared() -> Result<PathBuf> {
    let cache = cache::folder("python")?;
    // Two runs at the same time: the second waits here until the first has made the environment.
    let lock = File::create(cache.join("lock")).context("cannot make the lock file")?;
    lock.lock().context("cannot lock the python environment")?;

    let environment = cache.join("environment");
    let interpreter = environment.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let stamp = cache.join("installed.txt");
    let installed = fs::read_to_string(&stamp).unwrap_or_default();
    if installed == REQUIREMENTS && answers(&interpreter) {
        return Ok(interpreter);
    }
    make(&environment, &interpreter)?;
    fs::write(&stamp, REQUIREMENTS).context("cannot write the list of installed packages")?;
    Ok(interpreter)
}

fn make(environment: &Path, interpreter: &Path) -> Result<()> {
    let python = Path::new("python3");
    if !answers(python) {
        bail!("python3 is not installed (Debian, Ubuntu: apt-get install python3 python3-venv)");
    }
    say(&format!(
        "making a python environment in {}: {}",
        environment.display(),
        REQUIREMENTS
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    ));
    process::run(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(environment),
    )
    .context("python3 has no venv or pip (Debian, Ubuntu: apt-get install python3-venv)")?;
    process::run(
        Command::new(interpreter)
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--no-input"])
            .args(REQUIREMENTS.split_whitespace()),
    )
    .context("the python packages cannot be installed")
}
