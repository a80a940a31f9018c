//! Benchmarks, with the settings of shipped binaries: what is published is measured so.

use anyhow::Result;

use crate::process::{self, cargo};
use crate::{python, report, report_services};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some((first, rest)) = arguments.split_first() {
        match first.as_str() {
            "--report" => return report::run(rest),
            "--services" => return report_services::run(rest),
            _ => {}
        }
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
