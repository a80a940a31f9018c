//! Formatting, lints and documentation: what CI refuses before it runs a test.

use anyhow::Result;

use crate::docs;
use crate::process::{self, WORKSPACE, cargo};

pub(crate) fn run() -> Result<()> {
    process::run(cargo().args(["fmt", "--all", "--check"]))?;
    let lints = ["--", "--deny", "warnings"];
    let everything = [&WORKSPACE[..], &["--all-targets"]].concat();
    // The binary is also built without what has to be asked for.
    for what in [&everything[..], &["--bin", "tickloom"]] {
        process::run(cargo().arg("clippy").args(what).args(lints))?;
    }
    docs::run()
}
