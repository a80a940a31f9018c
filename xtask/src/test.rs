//! Every test of the workspace, with what the tests need beyond Rust.

use anyhow::Result;

use crate::process::{self, WORKSPACE, cargo};
use crate::python;

/// Asks for the long form of tests that have one: more cases, whole recordings.
const ALL: &str = "--all";

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut command = cargo();
    command.arg("test");
    let (all, arguments): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| *argument == ALL);
    if !all.is_empty() {
        command.env("TICKLOOM_TEST_ALL", "1");
    }
    let names_a_package = |argument: &&String| *argument == "-p" || *argument == "--package";
    if !arguments.iter().any(names_a_package) {
        command.args(WORKSPACE);
    }
    command.args(&arguments);
    // The environment of the tests that read our files and messages with other people's programs.
    if let Some(interpreter) = python::interpreter()? {
        command.env("TICKLOOM_PYTHON", interpreter);
    }
    process::run(&mut command)?;
    if arguments.is_empty() {
        let benches = ["--no-run", "--bench", "*"];
        process::run(cargo().arg("test").args(WORKSPACE).args(benches))?;
    }
    Ok(())
}
