//! Formatting, lints and documentation: what CI refuses before it runs a test.

use anyhow::Result;

use crate::docs;
use crate::process::{self, WORKSPACE, cargo};

pub(crate) fn run() -> Result<()> {
    process::run(cargo().args(["fmt", "--all", "--check"]))?;
    let lints = ["--all-targets", "--", "--deny", "warnings"];
    process::run(cargo().arg("clippy").args(WORKSPACE).args(lints))?;
    docs::run()
}
