//! The binary that is shipped: with every feature, stripped, its line tables beside it for who debugs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo, root, say};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(argument) = arguments.first() {
        bail!("unexpected argument {argument:?}; `cargo xtask dist` takes none");
    }
    process::run(cargo().args([
        "build",
        "--package",
        "tickloom",
        "--profile",
        "dist",
        "--features",
        "sql,services",
    ]))?;
    let built = target().join("dist/tickloom");
    let folder = target().join("dist/shipped");
    std::fs::create_dir_all(&folder)?;
    let shipped = split(&built, &folder)?;
    say(&format!(
        "{} ({} MB), line tables in {}.debug",
        shipped.display(),
        shipped.metadata()?.len() / 1_000_000,
        shipped.display()
    ));
    Ok(())
}

pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Puts a program into a folder without what only debuggers read, that beside it, and a link from one to the other, which backtraces
/// follow.
fn split(program: &Path, folder: &Path) -> Result<PathBuf> {
    let name = program.file_name().context("a program has a name")?;
    let shipped = folder.join(name);
    let debug = folder.join(format!("{}.debug", name.to_string_lossy()));
    let objcopy = || Command::new("objcopy");
    process::run(objcopy().arg("--only-keep-debug").arg(program).arg(&debug))?;
    process::run(objcopy().arg("--strip-debug").arg(program).arg(&shipped))?;
    let link = format!("--add-gnu-debuglink={}", debug.display());
    process::run(objcopy().arg(link).arg(&shipped))?;
    Ok(shipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shipped_program_runs_without_its_line_tables() {
        let program = std::env::current_exe().unwrap();
        let folder = std::env::temp_dir().join(format!("tickloom-dist-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let shipped = split(&program, &folder).unwrap();
        let bytes = |path: &Path| path.metadata().unwrap().len();
        assert!(bytes(&shipped) < bytes(&program));
        let ran = Command::new(&shipped).arg("--list").output().unwrap();
        assert!(ran.status.success() && !ran.stdout.is_empty());
        let debug = shipped.with_file_name(format!(
            "{}.debug",
            shipped.file_name().unwrap().to_string_lossy()
        ));
        assert!(bytes(&debug) > 0);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
