//! Benchmarks, with the settings of shipped binaries: what is published is measured so.

use anyhow::Result;

use crate::process::{self, cargo};
use crate::{python, report};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(("--report", rest)) = arguments
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest))
    {
        return report::run(rest);
    }
    let mut command = cargo();
    command.args(["bench", "--package", "tickloom", "--profile", "dist"]);
    match arguments.split_first() {
        Some((name, rest)) => command.args(["--bench", name, "--"]).args(rest),
        None => command.arg("--benches"),
    };
    // Some measure other people's programs beside ours.
    if let Some(interpreter) = python::interpreter()? {
        command.env("TICKLOOM_PYTHON", interpreter);
    }
    process::run(&mut command)
}
