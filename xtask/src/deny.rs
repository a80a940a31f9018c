//! Licences, sources and advisories of dependencies, by cargo-deny and `deny.toml`.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process::{self, cargo};

pub(crate) fn run() -> Result<()> {
    if !process::answers(Path::new("cargo-deny")) {
        bail!("cargo-deny is not installed; get it with: cargo install cargo-deny --locked");
    }
    process::run(cargo().args(["deny", "check"]))
}
