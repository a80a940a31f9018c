//! Formatting, lints and documentation: what CI refuses before it runs a test.

use anyhow::Result;

use crate::docs;
use crate::process::{self, cargo};

pub(crate) fn run() -> Result<()> {
    process::run(cargo().args(["fmt", "--all", "--check"]))?;
    process::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    docs::run()
}
