//! Kills of a live run under load, as many as one wants: `tests/kill.rs` with numbers of one's own.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo, say};
use crate::python;

/// How often a run is killed unless told otherwise.
const RUNS_DEFAULT: u64 = 25;

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let request = parse(arguments)?;
    let seed = match request.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let Some(interpreter) = python::interpreter()? else {
        bail!("the subscriber that listens to the run is a Python program");
    };
    say(&format!("{} kills, --seed {seed}", request.runs));
    process::run(
        cargo()
            .args(["test", "--package", "tickloom", "--test", "kill"])
            .args(["whatever_is_killed", "--", "--nocapture"])
            .env("TICKLOOM_PYTHON", interpreter)
            .env("TICKLOOM_KILLS", request.runs.to_string())
            .env("TICKLOOM_SEED", seed.to_string()),
    )
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    runs: u64,
    seed: Option<u64>,
}

fn parse(arguments: &[String]) -> Result<Request> {
    let mut request = Request {
        runs: RUNS_DEFAULT,
        seed: None,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || {
            let value = rest
                .next()
                .with_context(|| format!("{argument} needs a number"))?;
            let number = value.parse::<u64>();
            number.with_context(|| format!("{argument} {value}: expected a whole number"))
        };
        match argument.as_str() {
            "--runs" => request.runs = number()?,
            "--seed" => request.seed = Some(number()?),
            _ => bail!("unexpected argument {argument:?}; expected [--runs N] [--seed S]"),
        }
    }
    if request.runs == 0 {
        bail!("--runs 0: expected at least one kill");
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(u64, Option<u64>)>) {
        let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
        let request = parse(&arguments).ok();
        let expected = expected.map(|(runs, seed)| Request { runs, seed });
        assert_eq!(request, expected, "{line:?}");
    }

    #[test]
    fn arguments_say_how_many_and_which() {
        check("", Some((25, None)));
        check("--runs 1000", Some((1_000, None)));
        check("--seed 7 --runs 3", Some((3, Some(7))));
        check("--runs", None);
        check("--runs 0", None);
        check("--seed many", None);
        check("1000", None);
    }
}
