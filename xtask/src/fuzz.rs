//! Fuzz targets of `tests/fuzz`, by cargo-fuzz. The corpus grows in the cache from run to run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::process::{self, answers, cargo, root, say};

const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// How long each target runs unless told otherwise.
const SECONDS_DEFAULT: u32 = 60;

/// No input of a decoder is longer than this, in bytes; longer ones only repeat themselves.
const INPUT_LEN_MAX: u32 = 16 * 1024;

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let request = parse(arguments)?;
    let known = targets()?;
    let chosen = match request.target {
        None => known,
        Some(target) if known.contains(&target) => vec![target],
        Some(target) => bail!("no fuzz target {target:?}; there are: {}", known.join(", ")),
    };
    let cargo_fuzz = installed()?;
    for target in &chosen {
        fuzz(&cargo_fuzz, target, request.seconds)?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    target: Option<String>,
    seconds: u32,
}

fn parse(arguments: &[String]) -> Result<Request> {
    let mut request = Request {
        target: None,
        seconds: SECONDS_DEFAULT,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let value = rest.next().context("--seconds needs a number")?;
            request.seconds = value
                .parse()
                .with_context(|| format!("--seconds {value}: expected a whole number"))?;
        } else if request.target.is_none() && !argument.starts_with('-') {
            request.target = Some(argument.clone());
        } else {
            bail!("unexpected argument {argument:?}; expected [TARGET] [--seconds N]");
        }
    }
    Ok(request)
}

fn folder() -> PathBuf {
    root().join("tests").join("fuzz")
}

/// A target is a file of `fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let folder = folder().join("fuzz_targets");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let stem = path.file_stem().unwrap_or_default();
            targets.push(stem.to_string_lossy().into_owned());
        }
    }
    targets.sort();
    Ok(targets)
}

/// The cargo-fuzz on the path, or else the one in the cache, installed there if it is absent.
fn installed() -> Result<PathBuf> {
    let on_path = PathBuf::from("cargo-fuzz");
    if answers(&on_path) {
        return Ok(on_path);
    }
    let tools = cache::folder("tools")?;
    let cached = tools.join("bin").join("cargo-fuzz");
    if !answers(&cached) {
        say(&format!(
            "installing cargo-fuzz {CARGO_FUZZ_VERSION} into {}",
            tools.display()
        ));
        process::run(
            cargo()
                .args(["install", "--quiet", "--locked", "cargo-fuzz"])
                .args(["--version", CARGO_FUZZ_VERSION, "--root"])
                .arg(&tools),
        )?;
    }
    Ok(cached)
}

fn fuzz(cargo_fuzz: &Path, target: &str, seconds: u32) -> Result<()> {
    let corpus = cache::folder("fuzz")?.join("corpus").join(target);
    let artifacts = cache::folder("fuzz")?.join("artifacts").join(target);
    fs::create_dir_all(&corpus).context("cannot make the corpus folder")?;
    fs::create_dir_all(&artifacts).context("cannot make the artifacts folder")?;
    let mut command = Command::new(cargo_fuzz);
    command
        .current_dir(folder())
        // The sanitizer is a nightly flag; this lets the stable compiler take it.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["run", "--fuzz-dir", "."])
        .arg("--target-dir")
        .arg(target_dir()?)
        .arg(target)
        .arg(&corpus);
    let seeds = folder().join("seeds").join(target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_LEN_MAX}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([
            "-timeout=10",
            "-print_final_stats=1",
            "-verbosity=0",
            "-print_funcs=0",
        ]);
    process::run(&mut command)
}

/// Instrumented builds have a folder of their own beside the others.
fn target_dir() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => Ok(root().join(target).join("fuzz")),
        None => cache::folder("fuzz").map(|folder| folder.join("target")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(Option<&str>, u32)>) {
        let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
        let request = parse(&arguments).ok();
        let expected = expected.map(|(target, seconds)| Request {
            target: target.map(String::from),
            seconds,
        });
        assert_eq!(request, expected, "{line:?}");
    }

    #[test]
    fn arguments_name_a_target_and_a_time() {
        check("", Some((None, 60)));
        check("journal", Some((Some("journal"), 60)));
        check("journal --seconds 5", Some((Some("journal"), 5)));
        check("--seconds 5 journal", Some((Some("journal"), 5)));
        check("--seconds", None);
        check("--seconds five", None);
        check("journal envelope", None);
        check("--fast", None);
    }
}
