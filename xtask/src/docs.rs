//! Documentation of the workspace's crates; a broken link in it is an error.

use anyhow::Result;

use crate::process::{self, WORKSPACE, cargo};

pub(crate) fn run() -> Result<()> {
    process::run(
        cargo()
            .arg("doc")
            .args(WORKSPACE)
            .args(["--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}
